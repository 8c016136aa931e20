"""The costs: C(a, y) of one sample, summed over its outputs. Shapes: a and y are (samples, outputs)."""

from __future__ import annotations

from typing import Literal

from modnet.components.activations import Sigmoid, Softmax
from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Activation, Cost

__all__ = ["BinaryCrossEntropy", "CategoricalCrossEntropy", "Quadratic"]


class Quadratic(Cost):
    """C = ½ Σ (a − y)², with ∂C/∂a = a − y.

    Source: the document's 𝓛, with its factor ½ and with the output activations (a class is not differentiable).
    """

    kind: Literal["quadratic"] = "quadratic"

    def __call__(self, a: Array, y: Array) -> Array:
        """Return ½ Σ (a − y)² for each sample."""
        difference = a - y
        return namespace(a).sum(0.5 * difference * difference, axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return a − y, the document's ``cost_derivative``."""
        return a - y


class BinaryCrossEntropy(Cost):
    """C = −Σ (y ln a + (1 − y) ln(1 − a)): every output is an independent probability.

    With sigmoid, δ^L = a − y. Outputs are clipped to [0, 1], and a and 1 − a are at least the smallest normal number of
    the dtype, so that cost and gradient stay finite. Source: Nielsen, "Neural Networks and Deep
    Learning" (2015), chapter 3, equations (57) and (63).
    """

    kind: Literal["binary-cross-entropy"] = "binary-cross-entropy"

    def __call__(self, a: Array, y: Array) -> Array:
        """Return −Σ (y ln a + (1 − y) ln(1 − a)) for each sample."""
        xp = namespace(a)
        a = xp.clip(a, 0.0, 1.0)
        # 1 − a loses the digits of a small a; log1p does not.
        log_of_rest = xp.where(a < 0.5, xp.log1p(-xp.minimum(a, 0.5)), xp.log(_floored(1.0 - a)))
        return -xp.sum(y * xp.log(_floored(a)) + (1.0 - y) * log_of_rest, axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return (1 − y)/(1 − a) − y/a as one fraction, (a − y) / a(1 − a), because the two may cancel."""
        a = namespace(a).clip(a, 0.0, 1.0)
        one, rest = _floored(a), _floored(1.0 - a)
        return (one - y - (rest - (1.0 - a))) / (one * rest)

    def delta(self, activation: Activation | None, z: Array, a: Array, y: Array) -> Array:
        """Return a − y for a sigmoid output, whose σ′ cancels the gradient's a(1 − a)."""
        return a - y if isinstance(activation, Sigmoid) else super().delta(activation, z, a, y)


class CategoricalCrossEntropy(Cost):
    """C = −Σ y ln a: the outputs are the probabilities of mutually exclusive classes.

    With softmax and targets that sum to 1, δ^L = a − y. Outputs are at least the smallest normal number of the dtype.
    Source: Bishop, "Pattern Recognition and Machine Learning" (2006), equations (4.108) and (4.109).
    """

    kind: Literal["categorical-cross-entropy"] = "categorical-cross-entropy"

    def __call__(self, a: Array, y: Array) -> Array:
        """Return −Σ y ln a for each sample."""
        xp = namespace(a)
        return -xp.sum(y * xp.log(_floored(a)), axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return −y/a."""
        return -y / _floored(a)

    def delta(self, activation: Activation | None, z: Array, a: Array, y: Array) -> Array:
        """Return a Σy − y for a softmax output; Σy is 1 for classes."""
        if isinstance(activation, Softmax):
            return a * namespace(y).sum(y, axis=-1, keepdims=True) - y
        return super().delta(activation, z, a, y)


def _floored(p: Array) -> Array:
    """Return ``p``, at least the dtype's smallest normal number."""
    xp = namespace(p)
    return xp.maximum(p, xp.asarray(xp.finfo(p.dtype).smallest_normal, dtype=p.dtype))
