"""Components without a fault: unusual enough for a note, or only unlike the built-in ones."""

# ruff: noqa: ARG002 -- faulty components ignore their arguments

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np

from modnet import Activation, Layer, Sweep, Transform, namespace
from modnet.components.activations import Tanh
from modnet.components.costs import Quadratic
from modnet.components.optimizers import MiniBatch
from modnet.components.schedules import Constant
from modnet.components.update_rules import Plain


class NumpyOnly(Tanh):
    """tanh z, for NumPy arrays only."""

    kind: Literal["numpy-only"] = "numpy-only"

    def __call__(self, z):
        return np.tanh(z, dtype=z.dtype) if isinstance(z, np.ndarray) else _refuse()


class WarmUp(Constant):
    """½ for the first epoch, and 1 from then on."""

    kind: Literal["warm-up"] = "warm-up"
    constant: ClassVar[bool] = False

    def __call__(self, at):
        return 0.5 if at.epoch < 1 else 1.0


class Drifts(Plain):
    """θ ← θ − η(∇ + 10⁻⁹)."""

    kind: Literal["drifts"] = "drifts"

    def update(self, gradient, state, context):
        return context.learning_rate * (gradient + 1e-9), state


class WithReplacement(MiniBatch):
    """Mini-batches that are drawn with replacement."""

    kind: Literal["with-replacement"] = "with-replacement"

    def sweeps(self, data, rng, state):
        return [Sweep(rng.integers(0, len(data), len(data)), self.batch_size)]


class InParts(Transform):
    """x less a mean that is added up block by block."""

    kind: Literal["in-parts"] = "in-parts"

    def fit(self, rows):
        return {"mean": sum(block.sum(axis=0) for block in rows) / len(rows)}

    def __call__(self, rows, state):
        return rows - state["mean"]


class ByTheirSum(Transform):
    """x, with roundings that depend on the first of the rows that it is given."""

    kind: Literal["by-their-sum"] = "by-their-sum"

    def fit(self, rows):
        return {}

    def __call__(self, rows, state):
        total = np.tanh(rows[:1].sum(axis=0))
        return (rows + total) - total


def _refuse():
    raise TypeError("only NumPy arrays")


NOTES = [
    (NumpyOnly, ["array-api", "traces"]),
    (WarmUp, ["starts-at-one"]),
    (Drifts, ["zero-gradient-zero-step"]),
    (WithReplacement, ["covers-every-sample"]),
    (InParts, ["fit-in-blocks"]),
    (ByTheirSum, ["rows-apart"]),
]

# Components that are unlike the built-in ones, and conform.


class Exponential(Activation):
    """eᶻ, which is ∞ from the logarithm of the largest number on."""

    kind: Literal["exponential"] = "exponential"

    def __call__(self, z):
        return namespace(z).exp(z)

    def backward(self, upstream, z, a):
        return upstream * a


class Cube(Activation):
    """z³, which is ∞ from the cube root of the largest number on."""

    kind: Literal["cube"] = "cube"

    def __call__(self, z):
        return z * z * z

    def backward(self, upstream, z, a):
        return 3.0 * upstream * z * z


class Sine(Activation):
    """sin 30z."""

    kind: Literal["sine"] = "sine"

    def __call__(self, z):
        return namespace(z).sin(30.0 * (z - 2.0 * math.pi * namespace(z).round(z / (2.0 * math.pi))))

    def backward(self, upstream, z, a):
        return 30.0 * upstream * namespace(z).cos(30.0 * (z - 2.0 * math.pi * namespace(z).round(z / (2.0 * math.pi))))


class OneNumber(Quadratic):
    """½ (a − y)², for targets of one number only."""

    kind: Literal["one-number"] = "one-number"

    def outputs(self, width):
        if width != 1:
            raise ValueError("takes targets of one number")
        return 1


class MaxPool(Layer):
    """The maximum of each two neighbours; of two that are equal, the first gets δ."""

    kind: Literal["max-pool"] = "max-pool"

    def output_shape(self, input_shape):
        if len(input_shape) != 1 or input_shape[0] % 2:
            raise ValueError("takes vectors of an even length")
        return (input_shape[0] // 2,)

    def forward(self, x, ctx):
        return namespace(x).maximum(x[:, ::2], x[:, 1::2])

    def backward(self, delta, ctx):
        xp, first = namespace(delta), ctx.x[:, ::2] >= ctx.x[:, 1::2]
        halves = [xp.where(first, delta, xp.zeros_like(delta)), xp.where(first, xp.zeros_like(delta), delta)]
        return xp.reshape(xp.stack(halves, axis=-1), ctx.x.shape), {}


class LayerWiseRate(Plain):
    """θ ← θ − η ‖w‖/‖∇w‖ ∇w for the weights of each layer (LARS), and plain for the rest."""

    kind: Literal["layer-wise-rate"] = "layer-wise-rate"
    elementwise: ClassVar[bool] = False

    def update(self, gradient, state, context):
        xp, pieces = namespace(gradient), []
        for part in context.layout:
            own, weights = gradient[part.start : part.stop], context.parameters[part.start : part.stop]
            ratio = xp.sqrt(xp.sum(weights * weights) / (xp.sum(own * own) + 1e-12))
            pieces.append(own * ratio if part.regularized else own)
        return context.learning_rate * xp.concat(pieces), state


CONFORMING = [Exponential, Cube, Sine, OneNumber, MaxPool, LayerWiseRate]
