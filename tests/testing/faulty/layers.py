"""Faulty layers."""

# ruff: noqa: ARG002 -- faulty components ignore their arguments

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr
from testing.faulty.record import found_by

from modnet import Layer, ParameterSpec, namespace
from modnet.components.initializers import ScaledNormal
from modnet.components.layers import Dense, Dropout


class _Units(Dense):
    units: int = Field(default=3, gt=0, description="n_next")


@found_by("parameter-derivative", "gradient of parameter 'biases' against")
class MeanOfBiases(_Units):
    """Dense, with the mean over the samples as the gradient of b."""

    kind: Literal["mean-of-biases"] = "mean-of-biases"

    def backward(self, delta, ctx):
        below, gradients = super().backward(delta, ctx)
        return below, {**gradients, "biases": gradients["biases"] / delta.shape[0]}


@found_by("derivative", "backward: gradient of x against")
class MissingTerm(Layer):
    """z = x · x̄ with the mean x̄ of the sample's entries, and half of its derivative."""

    kind: Literal["missing-term"] = "missing-term"

    def forward(self, x, ctx):
        return x * namespace(x).mean(x, axis=-1, keepdims=True)

    def backward(self, delta, ctx):
        return delta * namespace(delta).mean(ctx.x, axis=-1, keepdims=True), {}


@found_by("derivative", "backward (first layer): gradient of x against")
class WrongInFirstLayer(_Units):
    """Dense, with an error at its input that is halved in the first layer, instead of left out."""

    kind: Literal["wrong-in-first-layer"] = "wrong-in-first-layer"

    def backward(self, delta, ctx):
        gradients = super().backward(delta, ctx)[1]
        return delta @ ctx.parameters["weights"] * (0.5 if ctx.is_first else 1.0), gradients


@found_by("shape-preserved", "backward returned gradients for ['weights']; the layer's parameters are ['biases', ")
class ForgetsBiases(_Units):
    """Dense, without the gradient of b."""

    kind: Literal["forgets-biases"] = "forgets-biases"

    def backward(self, delta, ctx):
        error, gradients = super().backward(delta, ctx)
        return error, {"weights": gradients["weights"]}


@found_by("inputs-not-modified", "forward modifies its input")
class LearnsWhilePredicting(Layer):
    """x less a running mean, which predictions change too."""

    kind: Literal["learns-while-predicting"] = "learns-while-predicting"

    def initial_state(self, input_shape):
        return {"mean": np.zeros(input_shape)}

    def forward(self, x, ctx):
        ctx.state["mean"][...] += 0.1 * namespace(x).mean(x, axis=0)
        return x - ctx.state["mean"]

    def backward(self, delta, ctx):
        return delta, {}


@found_by("inputs-not-modified", "ctx.training is False")
class AssignsWhilePredicting(LearnsWhilePredicting):
    """The same, with a new array every time."""

    kind: Literal["assigns-while-predicting"] = "assigns-while-predicting"

    def forward(self, x, ctx):
        ctx.state["mean"] = ctx.state["mean"] + 0.1 * namespace(x).mean(x, axis=0)
        return x - ctx.state["mean"]


@found_by("network-gradient", "the network's gradient")
class SharesABuffer(Layer):
    """z = x W + x² V, whose two gradients share a buffer."""

    kind: Literal["shares-a-buffer"] = "shares-a-buffer"

    def parameters(self, input_shape):
        spec = ParameterSpec((3, input_shape[0]), ScaledNormal(), input_shape[0], 3, regularized=True)
        return {"weights": spec, "more": spec}

    def output_shape(self, input_shape):
        if len(input_shape) != 1:
            raise ValueError("takes vectors")
        return (3,)

    def forward(self, x, ctx):
        return ctx.affine(x, ctx.parameters["weights"], None) + (x * x) @ ctx.parameters["more"].T

    def backward(self, delta, ctx):
        weights = ctx.weight_gradient(delta, ctx.x)
        more = ctx.weight_gradient(delta, ctx.x * ctx.x)
        below = delta @ ctx.parameters["weights"] + 2.0 * ctx.x * (delta @ ctx.parameters["more"])
        return below, {"weights": weights, "more": more}


@found_by("traces", "uses an array of an earlier call")
@found_by("save-and-load", "predicts something else")
class HiddenState(Dropout):
    """x less a mean that is not saved."""

    kind: Literal["hidden-state"] = "hidden-state"
    _memory: dict[str, Any] = PrivateAttr(default_factory=dict)

    def forward(self, x, ctx):
        if ctx.training:
            self._memory["mean"] = namespace(x).mean(x)
        return x - self._memory.get("mean", 0.0)


@found_by("interleaved-passes", "backward: gradient of x is not the same when two passes are interleaved")
class KeepsItsInput(Layer):
    """z = x², with x kept on the class until the backward pass."""

    kind: Literal["keeps-its-input"] = "keeps-its-input"
    kept: ClassVar[dict[str, Any]] = {}

    def forward(self, x, ctx):
        if ctx.training:
            self.kept["x"] = x
        return x * x

    def backward(self, delta, ctx):
        return 2.0 * self.kept["x"] * delta, {}


@found_by("interleaved-passes", "backward: gradient of x is not the same when two passes are interleaved")
class StacksItsInputs(KeepsItsInput):
    """z = x², with the inputs of passes that have not gone back in a stack."""

    kind: Literal["stacks-its-inputs"] = "stacks-its-inputs"
    stack: ClassVar[list[Any]] = []

    def forward(self, x, ctx):
        if ctx.training:
            self.stack.append(x)
        return x * x

    def backward(self, delta, ctx):
        return 2.0 * self.stack.pop() * delta, {}


@found_by("micro-batches", "z of a batch in three pieces is not that of the whole")
class ForgetsFullBatch(Layer):
    """x less its mean over the batch in training, without needs_full_batch."""

    kind: Literal["forgets-full-batch"] = "forgets-full-batch"

    def forward(self, x, ctx):
        return x - namespace(x).mean(x, axis=0) if ctx.training else x

    def backward(self, delta, ctx):
        return delta - namespace(delta).mean(delta, axis=0), {}


@found_by("state-advances", "state 'mean' is as at the start after every training pass")
class NeverUpdates(Layer):
    """x less a mean that nothing ever updates."""

    kind: Literal["never-updates"] = "never-updates"

    def initial_state(self, input_shape):
        return {"mean": np.zeros(input_shape)}

    def forward(self, x, ctx):
        return x - ctx.state["mean"]

    def backward(self, delta, ctx):
        return delta, {}


@found_by("traces", "writes into an array")
class UpdatesInPlace(NeverUpdates):
    """x less a running mean, which is updated in place."""

    kind: Literal["updates-in-place"] = "updates-in-place"

    def forward(self, x, ctx):
        if ctx.training:
            ctx.state["mean"][...] = 0.9 * ctx.state["mean"] + 0.1 * namespace(x).mean(x, axis=0)
        return x - ctx.state["mean"]


@found_by("traces", "makes a random generator of its own")
@found_by("fresh-randomness", "has the same numbers in every pass")
class SameMask(Dropout):
    """Dropout, with the mask of a generator that starts anew in every pass."""

    kind: Literal["same-mask"] = "same-mask"

    def forward(self, x, ctx):
        if not ctx.training or ctx.rng is None:
            return x
        ctx.saved = self.mask(x, ctx) / (1.0 - self.rate)
        return x * ctx.saved

    def mask(self, x, ctx):
        return (np.random.default_rng(0).random(x.shape) >= self.rate).astype(x.dtype)


@found_by("fresh-randomness", "has the same numbers in every pass")
class FirstMask(SameMask):
    """Dropout, with the mask of the first pass of so many samples in all passes."""

    kind: Literal["first-mask"] = "first-mask"
    masks: ClassVar[dict[Any, Any]] = {}

    def mask(self, x, ctx):
        if x.shape not in self.masks:
            self.masks[x.shape] = np.asarray(ctx.rng.random(x.shape, x.dtype)) >= self.rate
        return self.masks[x.shape].astype(x.dtype)


@found_by("works-without-rng", "nothing may be random: AttributeError: 'NoneType' object has no attribute 'random'")
class NeedsRng(SameMask):
    """Dropout that is random whenever it trains."""

    kind: Literal["needs-rng"] = "needs-rng"

    def forward(self, x, ctx):
        if not ctx.training:
            return x
        ctx.saved = namespace(x).astype(ctx.rng.random(x.shape, x.dtype) >= self.rate, x.dtype)
        return x * ctx.saved


@found_by("works-without-rng", "two training passes of the same samples differ")
class RandomWithoutRng(SameMask):
    """Dropout, with a new generator of its own in every pass."""

    kind: Literal["random-without-rng"] = "random-without-rng"

    def forward(self, x, ctx):
        if not ctx.training:
            return x
        ctx.saved = (np.random.default_rng().random(x.shape) >= self.rate).astype(x.dtype)
        return x * ctx.saved


@found_by("derivative", "where entries of x are equal and move together, their gradients add up to")
class TiesGetAll(Layer):
    """The maximum of each two neighbours, which passes all of δ to both where they are equal."""

    kind: Literal["ties-get-all"] = "ties-get-all"

    def output_shape(self, input_shape):
        if len(input_shape) != 1 or input_shape[0] % 2:
            raise ValueError("takes vectors of an even length")
        return (input_shape[0] // 2,)

    def forward(self, x, ctx):
        return namespace(x).maximum(x[:, ::2], x[:, 1::2])

    def backward(self, delta, ctx):
        xp, winners = namespace(delta), namespace(delta).repeat(ctx.z, 2, axis=1) == ctx.x
        return xp.where(winners, xp.repeat(delta, 2, axis=1), 0.0), {}
