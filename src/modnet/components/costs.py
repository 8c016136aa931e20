"""The costs: C(a, y) of one sample, summed over its outputs. Shapes: a and y are (samples, outputs)."""

from __future__ import annotations

from typing import Literal

from modnet.components.activations import Sigmoid, Softmax
from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Activation, Cost

__all__ = ["BinaryCrossEntropy", "CategoricalCrossEntropy", "Quadratic"]


class Quadratic(Cost):
    """C = ½ Σ (a − y)², with ∂C/∂a = a − y.

    Source: the document's 𝓛, with its ½ and of the output activations (a class cannot be differentiated).
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
    """C = −Σ (y ln a + (1 − y) ln(1 − a)): every output is a yes or no of its own.

    With sigmoid, δ^L = a − y. An output outside [0, 1] counts as the nearer end, and an a or 1 − a below the dtype's
    smallest normal number as that number: so cost and gradient stay finite. Source: Nielsen, "Neural Networks and Deep
    Learning" (2015), chapter 3, equations (57) and (63).
    """

    kind: Literal["binary-cross-entropy"] = "binary-cross-entropy"

    def __call__(self, a: Array, y: Array) -> Array:
        """Return −Σ (y ln a + (1 − y) ln(1 − a)) for each sample."""
        xp = namespace(a)
        a = xp.clip(a, 0.0, 1.0)
        # 1 − a has lost the digits of a small a, and only log1p has them.
        log_of_rest = xp.where(a < 0.5, xp.log1p(-xp.minimum(a, 0.5)), xp.log(_floored(1.0 - a)))
        return -xp.sum(y * xp.log(_floored(a)) + (1.0 - y) * log_of_rest, axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return (1 − y)/(1 − a) − y/a as one fraction, (a − y) / a(1 − a): the two may nearly cancel."""
        a = namespace(a).clip(a, 0.0, 1.0)
        one, rest = _floored(a), _floored(1.0 - a)
        return (one - y - (rest - (1.0 - a))) / (one * rest)

    def delta(self, activation: Activation | None, z: Array, a: Array, y: Array) -> Array:
        """Return a − y where the output is sigmoid, whose σ′ cancels against the gradient's a(1 − a)."""
        return a - y if isinstance(activation, Sigmoid) else super().delta(activation, z, a, y)


class CategoricalCrossEntropy(Cost):
    """C = −Σ y ln a: the outputs are the probabilities of classes that exclude each other.

    With softmax and targets that add up to 1, δ^L = a − y. An output below the dtype's smallest normal number counts as
    that number. Source: Bishop, "Pattern Recognition and Machine Learning" (2006), equations (4.108) and (4.109).
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
        """Return a Σy − y where the output is softmax; Σy is 1 for classes."""
        if isinstance(activation, Softmax):
            return a * namespace(y).sum(y, axis=-1, keepdims=True) - y
        return super().delta(activation, z, a, y)


def _floored(p: Array) -> Array:
    """Return ``p``, at least the dtype's smallest normal number."""
    xp = namespace(p)
    return xp.maximum(p, xp.asarray(xp.finfo(p.dtype).smallest_normal, dtype=p.dtype))
