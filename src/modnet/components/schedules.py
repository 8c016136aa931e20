"""The schedules: the factor on η of every update, from its position p in epochs, or in updates, since the start."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modnet.core.component import Slot, default_part
from modnet.core.interfaces import Position, Schedule

__all__ = ["Constant", "Cosine", "Exponential", "InverseScaling", "OneCycle", "Step", "WarmUp"]


class Constant(Schedule):
    """1: η is constant. Source: the document."""

    kind: Literal["constant"] = "constant"
    also_known_as: ClassVar[tuple[str, ...]] = ("none", "fixed")
    constant: ClassVar[bool] = True

    def __call__(self, at: Position) -> float:
        """Return 1."""
        del at
        return 1.0


class Step(Schedule):
    """γ^⌊p/n⌋: η is multiplied by γ every n epochs. Source: He et al., "Deep Residual Learning" (2016), 3.4."""

    kind: Literal["step"] = "step"
    also_known_as: ClassVar[tuple[str, ...]] = ("step-lr", "step-decay")
    every: int = Field(default=10, gt=0, description="n, the number of epochs between two changes")
    factor: float = Field(default=0.5, gt=0, le=1, description="γ, the factor for each change")

    def __call__(self, at: Position) -> float:
        """Return γ^⌊p/n⌋."""
        return float(self.factor ** (at.epoch // self.every))


class Exponential(Schedule):
    """γ^p: η is multiplied by γ in each epoch, continuously. Source: Bottou, "SGD Tricks" (2012), section 5."""

    kind: Literal["exponential"] = "exponential"
    also_known_as: ClassVar[tuple[str, ...]] = ("exponential-decay", "exponential-lr")
    factor: float = Field(default=0.95, gt=0, le=1, description="γ, the factor for one epoch")

    def __call__(self, at: Position) -> float:
        """Return γ^p."""
        return float(self.factor**at.epoch)


class Cosine(Schedule):
    """m + (1 − m) · ½(1 + cos(π p/E)): from 1 down to m over all E epochs, along half a cosine.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), equation (5),
    without restarts.
    """

    kind: Literal["cosine"] = "cosine"
    also_known_as: ClassVar[tuple[str, ...]] = ("cosine-annealing", "cosine-decay", "cosine-annealing-lr")
    minimum: float = Field(default=0.0, ge=0, le=1, description="m, the factor at the end")

    def __call__(self, at: Position) -> float:
        """Return the factor; after the last epoch it is m."""
        share = min(at.epoch / at.epochs, 1.0) if at.epochs > 0 else 0.0
        return self.minimum + (1.0 - self.minimum) * 0.5 * (1.0 + math.cos(math.pi * share))


class InverseScaling(Schedule):
    """(1 + p/s)^−q: η decreases more and more slowly.

    Source: Robbins and Monro, "A Stochastic Approximation Method" (1951); their conditions hold for ½ < q ≤ 1.
    """

    kind: Literal["inverse-scaling"] = "inverse-scaling"
    also_known_as: ClassVar[tuple[str, ...]] = ("invscaling", "inverse-time-decay")
    power: float = Field(default=0.5, ge=0, description="q, how fast η decreases")
    scale: float = Field(default=1.0, gt=0, description="s, the number of epochs after which the factor is 2^−q")

    def __call__(self, at: Position) -> float:
        """Return (1 + p/s)^−q."""
        return float((1.0 + at.epoch / self.scale) ** -self.power)


class WarmUp(Schedule):
    """min(1, (u + 1)/n) times another schedule's factor: η rises linearly over the first n updates u.

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour" (2017), section 2.2.
    """

    kind: Literal["warm-up"] = "warm-up"
    updates: int = Field(default=500, gt=0, description="n, the number of updates after which η is reached")
    then: Annotated[Schedule, Slot()] = default_part("constant", "the schedule whose factor is multiplied")

    def __call__(self, at: Position) -> float:
        """Return min(1, (u + 1)/n) times the other schedule's factor."""
        return min(1.0, (at.update + 1) / self.updates) * self.then(at)

    def momentum(self, at: Position) -> float | None:
        """Return the other schedule's momentum."""
        return self.then.momentum(at)


class OneCycle(Schedule):
    """η rises from η/d to η and falls to η/(d f), while the momentum falls and rises again, each along half a cosine.

    The rise ends at the share s of all U updates, at update sU − 1. Source: Smith and Topin, "Super-Convergence"
    (2019), with the cosines and the default values of PyTorch's ``OneCycleLR``.
    """

    kind: Literal["one-cycle"] = "one-cycle"
    also_known_as: ClassVar[tuple[str, ...]] = ("one-cycle-lr",)
    rise: float = Field(default=0.3, gt=0, lt=1, description="s, the share of the updates in which η rises")
    start_divisor: float = Field(default=25.0, ge=1, description="d: η starts at η/d")
    end_divisor: float = Field(default=1e4, ge=1, description="f: η ends at η/(d f)")
    momentum_high: float = Field(default=0.95, ge=0, lt=1, description="the momentum at the start and at the end")
    momentum_low: float = Field(default=0.85, ge=0, lt=1, description="the momentum where η is highest")

    def __call__(self, at: Position) -> float:
        """Return the factor; after the last update it stays at its end."""
        start = 1.0 / self.start_divisor
        return self._between(at, start, 1.0, start / self.end_divisor)

    def momentum(self, at: Position) -> float:
        """Return the momentum."""
        return self._between(at, self.momentum_high, self.momentum_low, self.momentum_high)

    def _between(self, at: Position, first: float, middle: float, last: float) -> float:
        peak, end = self.rise * at.updates - 1.0, at.updates - 1.0
        if at.update <= peak:
            return _cosine(first, middle, at.update / peak if peak > 0 else 1.0)
        return _cosine(middle, last, min((at.update - peak) / (end - peak), 1.0) if end > peak else 1.0)


def _cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * share))
