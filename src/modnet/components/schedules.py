"""The schedules: the factor on η at a position, in epochs since the start of the training.

The factor is computed for every update, so positions between two epochs occur; it depends on nothing else.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from modnet.core.interfaces import Schedule

__all__ = ["Constant", "Cosine", "Exponential", "InverseScaling", "Step"]


class Constant(Schedule):
    """1: η is constant. Source: the document."""

    kind: Literal["constant"] = "constant"
    constant: ClassVar[bool] = True

    def __call__(self, position: float, epochs: int) -> float:
        """Return 1."""
        del position, epochs
        return 1.0


class Step(Schedule):
    """γ^⌊p/n⌋: η is multiplied by γ every n epochs. Source: He et al., "Deep Residual Learning" (2016), 3.4."""

    kind: Literal["step"] = "step"
    every: int = Field(default=10, gt=0, description="n, the number of epochs between two changes")
    factor: float = Field(default=0.5, gt=0, le=1, description="γ, the factor for each change")

    def __call__(self, position: float, epochs: int) -> float:
        """Return γ^⌊p/n⌋."""
        del epochs
        return float(self.factor ** (position // self.every))


class Exponential(Schedule):
    """γ^p: η is multiplied by γ in each epoch, continuously. Source: Bottou, "SGD Tricks" (2012), section 5."""

    kind: Literal["exponential"] = "exponential"
    factor: float = Field(default=0.95, gt=0, le=1, description="γ, the factor for one epoch")

    def __call__(self, position: float, epochs: int) -> float:
        """Return γ^p."""
        del epochs
        return float(self.factor**position)


class Cosine(Schedule):
    """m + (1 − m) · ½(1 + cos(π p/E)): from 1 down to m over all E epochs, along half a cosine.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), equation (5),
    without restarts.
    """

    kind: Literal["cosine"] = "cosine"
    minimum: float = Field(default=0.0, ge=0, le=1, description="m, the factor at the end")

    def __call__(self, position: float, epochs: int) -> float:
        """Return the factor; after the last epoch it is m."""
        share = min(position / epochs, 1.0) if epochs > 0 else 0.0
        return self.minimum + (1.0 - self.minimum) * 0.5 * (1.0 + math.cos(math.pi * share))


class InverseScaling(Schedule):
    """(1 + p/s)^−q: η decreases more and more slowly.

    Source: Robbins and Monro, "A Stochastic Approximation Method" (1951); their conditions hold for ½ < q ≤ 1.
    """

    kind: Literal["inverse-scaling"] = "inverse-scaling"
    power: float = Field(default=0.5, ge=0, description="q, how fast η decreases")
    scale: float = Field(default=1.0, gt=0, description="s, the number of epochs after which the factor is 2^−q")

    def __call__(self, position: float, epochs: int) -> float:
        """Return (1 + p/s)^−q."""
        del epochs
        return float((1.0 + position / self.scale) ** -self.power)
