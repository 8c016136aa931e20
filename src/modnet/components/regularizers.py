"""The regularizers: a penalty on the vector w of all weights (never the biases), added to an update's mean cost."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Regularizer

__all__ = ["L1", "L2"]


class L2(Regularizer):
    """R = ½λ Σ w², with ∂R/∂w = λw: penalizes large weights.

    Source: Nielsen, "Neural Networks and Deep Learning" (2015), chapter 3, equation (85), with his λ/n as λ; with
    `divide_by_batch` n is that of the batch, as of scikit-learn's alpha.
    """

    kind: Literal["l2"] = "l2"
    also_known_as: ClassVar[tuple[str, ...]] = ("ridge", "weight-decay", "elastic-net")
    elementwise: ClassVar[bool] = True
    strength: float = Field(default=1e-4, ge=0, description="λ, the strength of the penalty")

    def __call__(self, weights: Array) -> Array:
        """Return ½λ Σ w²."""
        if not self.strength:
            return namespace(weights).zeros_like(weights[0])  # 0 · Σ w² would be NaN where the sum is infinite
        return 0.5 * self.strength * (weights @ weights)

    def gradient(self, weights: Array) -> Array:
        """Return λw."""
        return self.strength * weights


class L1(Regularizer):
    """R = λ Σ |w|, with ∂R/∂w = λ sign w (0 at 0): makes small weights 0 or nearly 0.

    Source: Nielsen (2015), chapter 3, equation (95), with his λ/n as λ.
    """

    kind: Literal["l1"] = "l1"
    also_known_as: ClassVar[tuple[str, ...]] = ("lasso", "elastic-net")
    elementwise: ClassVar[bool] = True
    strength: float = Field(default=1e-4, ge=0, description="λ, the strength of the penalty")

    def __call__(self, weights: Array) -> Array:
        """Return λ Σ |w|."""
        xp = namespace(weights)
        return xp.sum(self.strength * xp.abs(weights))

    def gradient(self, weights: Array) -> Array:
        """Return λ sign w."""
        return self.strength * namespace(weights).sign(weights)
