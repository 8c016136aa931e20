"""The schedules: the factor on η at a position, counted in passes over the data (epochs) since the start.

At every update the factor is asked for anew, with a position between two epochs too; it depends on nothing else.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from modnet.core.interfaces import Schedule

__all__ = ["Constant", "Cosine", "Exponential", "InverseScaling", "Step"]


class Constant(Schedule):
    """1: η stays as it is. Source: the document."""

    kind: Literal["constant"] = "constant"
    constant: ClassVar[bool] = True

    def __call__(self, position: float, epochs: int) -> float:
        """Return 1."""
        del position, epochs
        return 1.0


class Step(Schedule):
    """γ^⌊p/n⌋: η falls by the factor γ every n epochs. Source: He et al., "Deep Residual Learning" (2016), 3.4."""

    kind: Literal["step"] = "step"
    every: int = Field(default=10, gt=0, description="n, the epochs between two falls")
    factor: float = Field(default=0.5, gt=0, le=1, description="γ, what η is multiplied by")

    def __call__(self, position: float, epochs: int) -> float:
        """Return γ^⌊p/n⌋."""
        del epochs
        return float(self.factor ** (position // self.every))


class Exponential(Schedule):
    """γ^p: η falls by the factor γ with every epoch, smoothly. Source: Bottou, "SGD Tricks" (2012), section 5."""

    kind: Literal["exponential"] = "exponential"
    factor: float = Field(default=0.95, gt=0, le=1, description="γ, what η is multiplied by in one epoch")

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
        """Return the factor on the cosine; after the last epoch it stays at m."""
        share = min(position / epochs, 1.0) if epochs > 0 else 0.0
        return self.minimum + (1.0 - self.minimum) * 0.5 * (1.0 + math.cos(math.pi * share))


class InverseScaling(Schedule):
    """(1 + p/s)^−q: slower and slower.

    Source: Robbins and Monro, "A Stochastic Approximation Method" (1951); their conditions hold for ½ < q ≤ 1.
    """

    kind: Literal["inverse-scaling"] = "inverse-scaling"
    power: float = Field(default=0.5, ge=0, description="q, how steeply η falls")
    scale: float = Field(default=1.0, gt=0, description="s, the epochs after which η has fallen to 2^−q")

    def __call__(self, position: float, epochs: int) -> float:
        """Return (1 + p/s)^−q."""
        del epochs
        return float((1.0 + position / self.scale) ** -self.power)
