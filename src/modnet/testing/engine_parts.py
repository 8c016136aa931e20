"""Components that engines are tried with: what they do depends on nothing but what every engine must hand to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np

from modnet.components.initializers import Ones
from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import (
    Activation,
    Layer,
    LayerContext,
    Optimizer,
    ParameterSpec,
    Problem,
    Solver,
    Sweep,
    TrainingData,
    UpdateContext,
    UpdateRule,
)

__all__ = ["PARTS", "Lookahead", "MaskByCount", "NormalizedByArray", "NumpyScale", "NumpyTanh", "ThreeSweeps"]

BATCH = 8
"""How many samples feed one update of the optimizers below."""


class MaskByCount(Layer):
    """x times a mask that follows from the number of the training pass, so that it is the same on every engine."""

    kind: Literal["conformance-mask"] = "conformance-mask"
    needs_full_batch: ClassVar[bool] = True  # one pass an update, whatever the engine

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Array]:
        """Return the number of passes."""
        del input_shape
        return {"passes": np.zeros(1)}

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return x with about a third of the units at 0 during training, and x otherwise."""
        if not ctx.training:
            return x
        xp, passes = namespace(x), ctx.state["passes"]
        ctx.state["passes"] = passes + 1.0
        units = xp.arange(x.shape[1], dtype=passes.dtype)
        kept = ((units + 2) * (passes + 5) * (units + passes + 3)) % 7 > 1
        ctx.saved = xp.astype(kept, x.dtype) * 1.5
        return x * ctx.saved

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return δ times the same mask."""
        return delta if ctx.saved is None else delta * ctx.saved, {}


class NumpyTanh(Activation):
    """a = tanh z, by NumPy itself: it cannot be traced."""

    kind: Literal["conformance-numpy"] = "conformance-numpy"

    def __call__(self, z: Array) -> Array:
        """Return tanh z."""
        return np.tanh(np.asarray(z))

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return ∂C/∂z."""
        del z
        return np.asarray(upstream) * (1.0 - np.square(np.asarray(a)))


class NumpyScale(Layer):
    """z = x times a weight for each unit, by NumPy itself: it cannot be traced, and writes into its own arrays."""

    kind: Literal["conformance-numpy"] = "conformance-numpy"

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, ParameterSpec]:
        """Return the weights, which are 1 at the start."""
        return {"weights": ParameterSpec(input_shape, Ones(), 1, 1)}

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return x · w."""
        z = np.array(x)
        z *= np.asarray(ctx.parameters["weights"])
        return z

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return δ · w, and Σ δ · x."""
        delta, x = np.asarray(delta), np.asarray(ctx.x)
        below = None if ctx.is_first else delta * np.asarray(ctx.parameters["weights"])
        return below, {"weights": np.sum(delta * x, axis=0)}


class NormalizedByArray(UpdateRule):
    """A step along the gradient's direction, of each array of parameters by itself, with 0.1 η of decay of weights.

    The direction is of the sum of all gradients, and steps shrink with the number of updates, so that all that a rule
    sees is used.
    """

    kind: Literal["conformance-by-array"] = "conformance-by-array"

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return a sum of 0."""
        return {"sum": namespace(parameters).zeros_like(parameters), "seen": 0}

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        """Return η g/(‖g‖ + 0.1) of each array, its decay, and the sum."""
        xp, total = namespace(gradient), state["sum"] + gradient
        rate = context.learning_rate / (1.0 + 0.01 * context.updates + 0.01 * state["seen"])
        steps = []
        for part in context.layout:
            piece = total[part.start : part.stop]
            step = piece / (xp.sqrt(xp.sum(piece * piece)) + 0.1)
            steps.append(step + 0.1 * context.parameters[part.start : part.stop] if part.regularized else step)
        return rate * xp.concat(steps), {"sum": total, "seen": state["seen"] + 1}


class ThreeSweeps(Optimizer):
    """Three sweeps an epoch, over parts of a random order, so that a training of a few samples has several blocks."""

    kind: Literal["conformance-sweeps"] = "conformance-sweeps"

    def updates(self, samples: int) -> int:
        """Return the number of batches in all sweeps."""
        return sum(-(-len(part) // BATCH) for part in _parts(np.arange(samples)))

    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        """Return the sweeps, the first of which differs from epoch to epoch."""
        state["epochs"] = state.get("epochs", 0) + 1
        parts = _parts(rng.permutation(len(data)))
        return [Sweep(part, BATCH) for part in [*parts[state["epochs"] % 3 :], *parts[: state["epochs"] % 3]]]


def _parts(order: Any) -> list[Any]:
    return [part for part in np.split(order, [2 * BATCH, 4 * BATCH]) if len(part)]


class Lookahead(Solver):
    """Updates with the gradient at θ + 0.05 ∇C/‖∇C‖, over mini-batches; it may be interrupted between them.

    It writes to θ and asks for two gradients an update, as sharpness-aware minimisation (Foret and others, 2021).
    """

    kind: Literal["conformance-lookahead"] = "conformance-lookahead"

    def updates(self, samples: int) -> int:
        """Return the number of mini-batches."""
        return -(-samples // BATCH)

    def solve(self, problem: Problem) -> Iterator[None]:
        """Make an update for each mini-batch."""
        state = problem.state
        if "order" not in state:  # else the epoch goes on where it was interrupted
            state.update(order=problem.rng.permutation(problem.samples), next=0)
        while state["next"] < problem.samples:
            rows = state["order"][state["next"] : state["next"] + BATCH]
            theta, (_, gradient) = problem.parameters.copy(), problem.value_and_grad(rows)
            problem.parameters[...] = theta + 0.05 * gradient / (np.sqrt(np.sum(gradient * gradient)) + 1e-12)
            _, gradient = problem.value_and_grad(rows)
            problem.parameters[...] = theta
            problem.apply_gradient(gradient)
            state["next"] += BATCH
            yield
        del state["order"], state["next"]


PARTS = (MaskByCount, NumpyTanh, NumpyScale, NormalizedByArray, ThreeSweeps, Lookahead)
"""All of them, to be registered while the checks run."""
