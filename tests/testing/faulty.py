"""Parts with one fault each, beside the check that is meant to find it and words of what it should say."""

# ruff: noqa: ARG002, N818 -- faulty parts ignore what they are given, and a mean squared error is no exception

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from modnet import (
    Activation,
    Callback,
    Data,
    Dataset,
    Initializer,
    Layer,
    Optimizer,
    ParameterSpec,
    Schedule,
    Solver,
    Sweep,
    hookimpl,
    namespace,
)
from modnet.components.activations import Identity, Sigmoid, Softmax, Tanh
from modnet.components.costs import BinaryCrossEntropy, Quadratic
from modnet.components.initializers import ScaledNormal, StandardNormal, Zeros
from modnet.components.layers import Dense, Dropout
from modnet.components.metrics import Accuracy, MeanSquaredError
from modnet.components.optimizers import Batch, MiniBatch
from modnet.components.regularizers import L2
from modnet.components.schedules import Constant, Exponential
from modnet.components.update_rules import Adam, Momentum, Plain

FAULTS: list[tuple[type, str, str]] = []


def caught_by(check: str, words: str = ""):
    """Note which check is meant to find the fault of a class."""

    def note(cls):
        FAULTS.append((cls, check, words))
        return cls

    return note


# Every family: names, options, text form.


@caught_by("kind-form", "lower-case words")
class BadKind(Tanh):
    """tanh z under a name of the wrong form."""

    kind: Literal["Bad_Kind"] = "Bad_Kind"


@caught_by("kind-form", "takes any kind")
class OpenKind(Activation):
    """z under whatever name."""

    kind: str = "open-kind"

    def __call__(self, z):
        return z

    def backward(self, upstream, z, a):
        return upstream


@caught_by("documented", "no docstring")
class Undocumented(Tanh):
    kind: Literal["undocumented"] = "undocumented"


@caught_by("options-described", "'steepness' has no description")
class Undescribed(Identity):
    """z, with an option that nobody explains."""

    kind: Literal["undescribed"] = "undescribed"
    steepness: float = 1.0


@caught_by("unknown-options-refused", "should be refused")
class TakesAnything(Identity):
    """z, whatever else is said."""

    model_config = ConfigDict(extra="ignore")
    kind: Literal["takes-anything"] = "takes-anything"

    @model_validator(mode="before")
    @classmethod
    def _only_known_options(cls, data: Any) -> Any:
        return data


@caught_by("dump-and-load", "TOML form")
class TupleOnly(Identity):
    """z, with an option that TOML's lists cannot give."""

    kind: Literal["tuple-only"] = "tuple-only"
    points: tuple[float, ...] = Field(default=(1.0, 2.0), description="which TOML can only write as a list")


@caught_by("frozen", "no hash")
class ListOption(Identity):
    """z, with an option that can be changed in place."""

    kind: Literal["list-option"] = "list-option"
    points: list[float] = Field(default=[1.0], description="a list")


@caught_by("frozen", "could be set")
class Thawed(Identity):
    """z, of a part that can be changed."""

    model_config = ConfigDict(frozen=False)
    kind: Literal["thawed"] = "thawed"
    slope: float = Field(default=1.0, description="changed at will")


@caught_by("picklable", "cannot be pickled")
class Unpicklable(Identity):
    """z, by a function that no file can hold."""

    kind: Literal["unpicklable"] = "unpicklable"
    _function: Any = PrivateAttr(default_factory=lambda: lambda z: z)


class OnlyHere(Identity):
    """z, of a part that only the process that made it can read."""

    kind: Literal["only-here"] = "only-here"

    def __setstate__(self, state):
        if not IN_THIS_PROCESS:
            raise RuntimeError("nobody made me here")
        super().__setstate__(state)


IN_THIS_PROCESS: list[bool] = []
"""Filled by the test that needs it."""


# Functions of arrays.


@caught_by("derivative", "backward against central differences")
class WrongDerivative(Sigmoid):
    """The sigmoid, with σ′ = a."""

    kind: Literal["wrong-derivative"] = "wrong-derivative"

    def backward(self, upstream, z, a):
        return upstream * a


@caught_by("derivative", "backward against central differences")
class DiagonalSoftmax(Softmax):
    """Softmax, with the diagonal of its derivative only."""

    kind: Literal["diagonal-softmax"] = "diagonal-softmax"

    def backward(self, upstream, z, a):
        return upstream * a * (1.0 - a)


@caught_by("derivative", "expected")
class SlightlyWrong(Tanh):
    """tanh z, with a derivative that is wrong by a hundred thousandth."""

    kind: Literal["slightly-wrong"] = "slightly-wrong"

    def backward(self, upstream, z, a):
        return upstream * (1.0 - a * a) * (1.0 + 1e-5)


@caught_by("shape-kept", "should have the shape (6, 5), got (6, 1)")
class WrongShape(Identity):
    """The sum over the units."""

    kind: Literal["wrong-shape"] = "wrong-shape"

    def __call__(self, z):
        return namespace(z).sum(z, axis=-1, keepdims=True)


@caught_by("dtype-kept", "should be float32, got float64")
class WrongDtype(Tanh):
    """tanh z, always float64."""

    kind: Literal["wrong-dtype"] = "wrong-dtype"

    def __call__(self, z):
        return np.tanh(z) * np.float64(1.0)


@caught_by("float32-agrees-with-float64", "in float32 is not that of float64")
class HalfPrecise(Activation):
    """z + 10,000 − 10,000, which float32 cannot do."""

    kind: Literal["half-precise"] = "half-precise"

    def __call__(self, z):
        return (z + 10_000.0) - 10_000.0

    def backward(self, upstream, z, a):
        return upstream


@caught_by("inputs-not-written", "writes to what it was given")
class WritesToInput(Activation):
    """max(0, z), made in z's own place."""

    kind: Literal["writes-to-input"] = "writes-to-input"

    def __call__(self, z):
        z[z < 0.0] = 0.0
        return z

    def backward(self, upstream, z, a):
        return upstream * (z > 0.0)


@caught_by("extreme-inputs", "a should be finite, got nan at z = ")
class NanAtLargeZ(Sigmoid):
    """The sigmoid as eᶻ / (1 + eᶻ), which is ∞/∞ for a large z."""

    kind: Literal["nan-at-large-z"] = "nan-at-large-z"

    def __call__(self, z):
        e = namespace(z).exp(z)
        return e / (1.0 + e)


@caught_by("extreme-inputs", "overflow encountered in exp, though its results are finite")
class OverflowsOnTheWay(Sigmoid):
    """The sigmoid as 1 / (1 + e⁻ᶻ), whose exponential is ∞ for z far below 0."""

    kind: Literal["overflows-on-the-way"] = "overflows-on-the-way"

    def __call__(self, z):
        return 1.0 / (1.0 + namespace(z).exp(-z))


@caught_by("no-global-randomness", "the global state of numpy.random was changed")
class GlobalNoise(Identity):
    """z with noise of NumPy's global generator."""

    kind: Literal["global-noise"] = "global-noise"

    def __call__(self, z):
        return z + 1e-9 * np.random.standard_normal()  # noqa: NPY002 -- the fault


@caught_by("deterministic", "is not the same")
class FreshNoise(Identity):
    """z with noise that nobody can repeat."""

    kind: Literal["fresh-noise"] = "fresh-noise"

    def __call__(self, z):
        return z + 1e-9 * np.random.default_rng().standard_normal()


@caught_by("deterministic", "is not the same asked again")
class RemembersCalls(Identity):
    """z divided by the largest z that was ever seen."""

    kind: Literal["remembers-calls"] = "remembers-calls"
    seen: ClassVar[list[float]] = [1.0]

    def __call__(self, z):
        self.seen.append(float(namespace(z).max(namespace(z).abs(z))))
        return z / max(self.seen)


@caught_by("batch-equals-row-by-row", "of row 0 in a batch is not that alone")
class MixesSamples(Activation):
    """z less its mean over the samples."""

    kind: Literal["mixes-samples"] = "mixes-samples"

    def __call__(self, z):
        return z - namespace(z).mean(z, axis=0)

    def backward(self, upstream, z, a):
        return upstream - namespace(upstream).mean(upstream, axis=0)


@caught_by("shape-kept", "C should have the shape (6,), got ()")
class SumOfSamples(Quadratic):
    """½ Σ (a − y)² over samples and outputs."""

    kind: Literal["sum-of-samples"] = "sum-of-samples"

    def __call__(self, a, y):
        return 0.5 * namespace(a).sum((a - y) ** 2)


@caught_by("derivative", "gradient against central differences")
class MeanGradient(Quadratic):
    """½ Σ (a − y)², with a gradient that is divided by the samples."""

    kind: Literal["mean-gradient"] = "mean-gradient"

    def gradient(self, a, y):
        return (a - y) / a.shape[0]


@caught_by("delta-derivative", "delta (tanh)")
class ShortDeltaForAll(BinaryCrossEntropy):
    """Binary cross-entropy, with δ = a − y through tanh too."""

    kind: Literal["short-delta-for-all"] = "short-delta-for-all"

    def delta(self, activation, z, a, y):
        return a - y if isinstance(activation, Tanh) else super().delta(activation, z, a, y)


@caught_by("derivative", "gradient against central differences")
class TwiceThePenalty(L2):
    """½λ Σ w², with the gradient 2λw."""

    kind: Literal["twice-the-penalty"] = "twice-the-penalty"

    def gradient(self, weights):
        return 2.0 * self.strength * weights


# Layers.


class _Units(Dense):
    units: int = Field(default=3, gt=0, description="n_next")


@caught_by("parameter-derivative", "gradient of 'biases' against")
class MeanOfBiases(_Units):
    """Dense, with the mean over the samples for the gradient of b."""

    kind: Literal["mean-of-biases"] = "mean-of-biases"

    def backward(self, delta, ctx):
        below, gradients = super().backward(delta, ctx)
        return below, {**gradients, "biases": gradients["biases"] / delta.shape[0]}


@caught_by("derivative", "backward: ∂C/∂x")
class MissingTerm(Layer):
    """z = x · x̄ with the mean x̄ of the sample's entries, and half of its derivative."""

    kind: Literal["missing-term"] = "missing-term"

    def forward(self, x, ctx):
        return x * namespace(x).mean(x, axis=-1, keepdims=True)

    def backward(self, delta, ctx):
        return delta * namespace(delta).mean(ctx.x, axis=-1, keepdims=True), {}


@caught_by("network-gradient", "the network's gradient")
class SharesABuffer(Layer):
    """z = x W + x V, whose two gradients go into one place."""

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
        one = ctx.weight_gradient(delta, ctx.x)
        other = ctx.weight_gradient(delta, ctx.x * ctx.x)
        below = delta @ ctx.parameters["weights"] + 2.0 * ctx.x * (delta @ ctx.parameters["more"])
        return below, {"weights": one, "more": other}


@caught_by("save-and-load", "predicts something else")
class HiddenState(Dropout):
    """x less a mean that is kept where no file finds it."""

    kind: Literal["hidden-state"] = "hidden-state"
    _memory: dict[str, Any] = PrivateAttr(default_factory=dict)

    def forward(self, x, ctx):
        if ctx.training:
            self._memory["mean"] = namespace(x).mean(x)
        return x - self._memory.get("mean", 0.0)


# Rules, schedules, initializers, optimizers.


@caught_by("inputs-not-written", "writes to what it was given")
class MutatesState(Momentum):
    """Momentum that adds to the v that it was given."""

    kind: Literal["mutates-state"] = "mutates-state"

    def update(self, gradient, state, rate):
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity += gradient
        return rate * velocity, {"velocity": velocity}


@caught_by("inputs-not-written", "writes to what it was given")
class MutatesTheDict(Adam):
    """Adam that counts in the state that it was given."""

    kind: Literal["mutates-the-dict"] = "mutates-the-dict"

    def update(self, gradient, state, rate):
        state["updates"] += 1
        step, after = super().update(gradient, {**state, "updates": state["updates"] - 1}, rate)
        return step, after


@caught_by("resumes-exactly", "should be an array or an integer, got list")
class ListState(Plain):
    """θ ← θ − η∇, with a list of all rates as its state."""

    kind: Literal["list-state"] = "list-state"

    def init(self, parameters):
        return {"rates": []}

    def update(self, gradient, state, rate):
        return rate * gradient, {"rates": [*state["rates"], rate]}


@caught_by("descends-a-bowl", "0.01 of where it started")
class Climbs(Plain):
    """θ ← θ + η∇."""

    kind: Literal["climbs"] = "climbs"

    def update(self, gradient, state, rate):
        return -rate * gradient, state


@caught_by("pure-in-the-step", "again in another order")
class CountsCalls(Schedule):
    """1 / n at the n-th call."""

    kind: Literal["counts-calls"] = "counts-calls"
    calls: ClassVar[list[float]] = []

    def __call__(self, position, epochs):
        self.calls.append(position)
        return 1.0 / len(self.calls)


@caught_by("positive-finite-factor", "factor(31.5, 30) should be positive and finite, got -")
class FallsBelowZero(Schedule):
    """1 − p/E."""

    kind: Literal["falls-below-zero"] = "falls-below-zero"

    def __call__(self, position, epochs):
        return 1.0 - position / max(epochs, 1)


@caught_by("constant-means-one", "constant = True, but")
class NotSoConstant(Exponential):
    """γ^p, which is never asked for."""

    kind: Literal["not-so-constant"] = "not-so-constant"
    constant: ClassVar[bool] = True


@caught_by("initial-shape", "should return the shape")
class Transposed(StandardNormal):
    """N(0, 1), of the shape the other way round."""

    kind: Literal["transposed"] = "transposed"

    def __call__(self, rng, shape, fan_in, fan_out):
        return rng.standard_normal(shape[::-1])


@caught_by("draws-from-the-generator", "two generators give the same 35 different numbers")
class OwnSeed(Initializer):
    """N(0, 1), the same ones for every layer and every run."""

    kind: Literal["own-seed"] = "own-seed"

    def __call__(self, rng, shape, fan_in, fan_out):
        return np.random.default_rng(0).standard_normal(shape)


@caught_by("float64-and-finite", "should return float64, got float32")
class SinglePrecision(Zeros):
    """0, as float32."""

    kind: Literal["single-precision"] = "single-precision"

    def __call__(self, rng, shape, fan_in, fan_out):
        return np.zeros(shape, dtype=np.float32)


@caught_by("updates-agree", "says 1, an epoch makes")
class Miscounts(Optimizer):
    """Batches of two, counted as one update."""

    kind: Literal["miscounts"] = "miscounts"

    def sweeps(self, data, rng, state):
        return [Sweep(None, 2)]


@caught_by("covers-every-sample", "should come once, came")
class WithReplacement(MiniBatch):
    """Mini-batches that are sampled with replacement."""

    kind: Literal["with-replacement"] = "with-replacement"

    def sweeps(self, data, rng, state):
        return [Sweep(rng.integers(0, len(data), len(data)), self.batch_size)]


@caught_by("refuses-with-value-error", "should raise ValueError, got RuntimeError")
class RefusesWrongly(Batch):
    """All samples, if they are even."""

    kind: Literal["refuses-wrongly"] = "refuses-wrongly"

    def check(self, samples):
        if samples % 2:
            raise RuntimeError("samples should be even")


@caught_by("lowers-the-cost", "the cost should fall")
class ClimbsToo(Solver):
    """θ ← θ + ∇, by a solver's own hand."""

    kind: Literal["climbs-too"] = "climbs-too"

    def solve(self, problem):
        gradient = problem.value_and_grad()[1]
        problem.parameters[...] = problem.parameters + 0.1 * gradient


# Metrics, callbacks, datasets.


@caught_by("merge-equals-whole", "in 2 pieces it is")
class MeanOfMeans(Accuracy):
    """The mean of the pieces' accuracies, whatever their lengths."""

    kind: Literal["mean-of-means"] = "mean-of-means"

    def merge(self, one, other):
        shares = [part[0] / part[1] for part in (one, other)]
        return np.array([sum(shares) / 2.0, 1.0])


@caught_by("order-of-pieces", "in another order it is")
class LastPieceOnly(MeanSquaredError):
    """The figure of the last piece."""

    kind: Literal["last-piece-only"] = "last-piece-only"

    def merge(self, one, other):
        return other


@caught_by("perfect-is-best", "better = 'higher', but exact outputs")
class WrongWay(MeanSquaredError):
    """Σ (a − y)², said to be better when it is higher."""

    kind: Literal["wrong-way"] = "wrong-way"
    better: ClassVar[Literal["higher", "lower"]] = "higher"


@caught_by("label-form", "the label should be")
class BadLabel(MeanSquaredError):
    """Σ (a − y)² under a name with blanks."""

    kind: Literal["bad-label"] = "bad-label"

    @property
    def label(self):
        return "Mean Squared Error"


@caught_by("refuses-with-value-error", "refuses classes and numbers alike")
class TakesNoTask(MeanSquaredError):
    """Σ (a − y)², for nobody."""

    kind: Literal["takes-no-task"] = "takes-no-task"

    def check(self, task):
        raise ValueError("not this task")


class Listener:
    @hookimpl
    def modnet_epoch_end(self, training, row):
        pass


_ONLY_LISTENER = Listener()


@caught_by("new-listener", "gave the same one twice")
class SameListener(Callback):
    """Hears of all trainings with one pair of ears."""

    kind: Literal["same-listener"] = "same-listener"

    def listener(self):
        return _ONLY_LISTENER


class Misspelt:
    @hookimpl
    def modnet_epoch_ends(self, training):
        pass


@caught_by("known-hooks", "unknown hook 'modnet_epoch_ends'")
class HearsNothing(Callback):
    """Waits for an event that never comes."""

    kind: Literal["hears-nothing"] = "hears-nothing"

    def listener(self):
        return Misspelt()


class Unmarked:
    def modnet_epoch_end(self, training, row):
        pass


@caught_by("known-hooks", "modnet_epoch_end is not marked")
class IsNotCalled(Callback):
    """Has the right method without the mark."""

    kind: Literal["is-not-called"] = "is-not-called"

    def listener(self):
        return Unmarked()


class Meddler:
    @hookimpl
    def modnet_epoch_end(self, training, row):
        training.parameters[...] *= 0.5


@caught_by("leaves-the-training-alone", "should end at the same θ")
class Meddles(Callback):
    """Halves θ after every epoch."""

    kind: Literal["meddles"] = "meddles"

    def listener(self):
        return Meddler()


@caught_by("gives-data", "should return a modnet.Data, got tuple")
class Tuples(Dataset):
    """x and y, and not in a Data."""

    kind: Literal["tuples"] = "tuples"

    def load(self):
        return np.eye(2), np.array([0, 1])


@caught_by("gives-data", "is nan")
class HoldsNan(Dataset):
    """x with a NaN."""

    kind: Literal["holds-nan"] = "holds-nan"

    def load(self):
        return Data((np.array([[1.0], [np.nan]]), np.array([0, 1])))


@caught_by("deterministic", "x of train is not the same")
class OtherEveryTime(Dataset):
    """x that is drawn anew whenever it is loaded."""

    kind: Literal["other-every-time"] = "other-every-time"

    def load(self):
        return Data((np.random.default_rng().standard_normal((4, 2)), np.array([0, 1, 0, 1])))


# Parts without a fault, of which something is worth a note.


class NumpyOnly(Tanh):
    """tanh z, by NumPy alone."""

    kind: Literal["numpy-only"] = "numpy-only"

    def __call__(self, z):
        return np.tanh(z, dtype=z.dtype) if isinstance(z, np.ndarray) else _refuse()


class WarmUp(Constant):
    """½ for the first epoch, and 1 from then on."""

    kind: Literal["warm-up"] = "warm-up"
    constant: ClassVar[bool] = False

    def __call__(self, position, epochs):
        return 0.5 if position < 1 else 1.0


class Drifts(Plain):
    """θ ← θ − η(∇ + 10⁻⁹)."""

    kind: Literal["drifts"] = "drifts"

    def update(self, gradient, state, rate):
        return rate * (gradient + 1e-9), state


def _refuse():
    raise TypeError("only NumPy's arrays")


NOTES = [(NumpyOnly, "array-api"), (WarmUp, "starts-at-one"), (Drifts, "zero-gradient-zero-step")]
