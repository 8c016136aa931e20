"""The update rules: what one update subtracts from θ, given ∇ (averaged over the samples of the update) and η.

A rule stores no state: it is passed in and returned, as arrays like θ and integers.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import Field

from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import UpdateRule

__all__ = ["Adam", "Momentum", "Nesterov", "Plain", "RmsProp"]


class Plain(UpdateRule):
    """θ ← θ − η∇. Source: the document, "Update Mini Batches"."""

    kind: Literal["plain"] = "plain"
    usual_rate: ClassVar[float] = 3.0

    def update(self, gradient: Array, state: dict[str, Any], rate: float) -> tuple[Array, dict[str, Any]]:
        """Return η∇."""
        return rate * gradient, state


class _WithVelocity(UpdateRule):
    """The base class of momentum and its variants: v, a decaying sum of the gradients."""

    usual_rate: ClassVar[float] = 0.3
    momentum: float = Field(default=0.9, ge=0, lt=1, description="μ, the share of the previous velocity that is kept")

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return v = 0."""
        return {"velocity": namespace(parameters).zeros_like(parameters)}


class Momentum(_WithVelocity):
    """v ← μv + ∇ and θ ← θ − ηv: steps along a decaying sum of the gradients.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964), in the form of
    Sutskever, Martens, Dahl and Hinton (2013) with η outside v.
    """

    kind: Literal["momentum"] = "momentum"

    def update(self, gradient: Array, state: dict[str, Any], rate: float) -> tuple[Array, dict[str, Any]]:
        """Return ηv."""
        velocity = self.momentum * state["velocity"] + gradient
        return rate * velocity, {"velocity": velocity}


class Nesterov(_WithVelocity):
    """v ← μv + ∇ and θ ← θ − η(∇ + μv): momentum with a look-ahead gradient.

    Source: Nesterov (1983), as rewritten in terms of the look-ahead θ by Bengio, Boulanger-Lewandowski and Pascanu,
    "Advances in Optimizing Recurrent Networks" (2013), section 3.5.
    """

    kind: Literal["nesterov"] = "nesterov"

    def update(self, gradient: Array, state: dict[str, Any], rate: float) -> tuple[Array, dict[str, Any]]:
        """Return η(∇ + μv) with the new v."""
        velocity = self.momentum * state["velocity"] + gradient
        return rate * (gradient + self.momentum * velocity), {"velocity": velocity}


class RmsProp(UpdateRule):
    """s ← ρs + (1 − ρ)∇² and θ ← θ − η∇ / (√s + ε): every parameter has its own step size.

    Source: Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5 (2012).
    """

    kind: Literal["rmsprop"] = "rmsprop"
    usual_rate: ClassVar[float] = 0.001
    decay: float = Field(default=0.9, ge=0, lt=1, description="ρ, the decay rate of the mean of squares")
    epsilon: float = Field(default=1e-8, gt=0, description="ε, which avoids a division by zero")

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return s = 0."""
        return {"mean_square": namespace(parameters).zeros_like(parameters)}

    def update(self, gradient: Array, state: dict[str, Any], rate: float) -> tuple[Array, dict[str, Any]]:
        """Return η∇ / (√s + ε)."""
        square = self.decay * state["mean_square"] + (1.0 - self.decay) * gradient * gradient
        return rate * gradient / (namespace(gradient).sqrt(square) + self.epsilon), {"mean_square": square}


class Adam(UpdateRule):
    """m ← β₁m + (1 − β₁)∇, s ← β₂s + (1 − β₂)∇², θ ← θ − η m̂ / (√ŝ + ε), with m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ).

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.
    """

    kind: Literal["adam"] = "adam"
    usual_rate: ClassVar[float] = 0.001
    beta1: float = Field(default=0.9, ge=0, lt=1, description="β₁, the decay rate of the mean")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="β₂, the decay rate of the mean of squares")
    epsilon: float = Field(default=1e-8, gt=0, description="ε, which avoids a division by zero")

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return m = s = 0 and t = 0."""
        xp = namespace(parameters)
        return {"mean": xp.zeros_like(parameters), "mean_square": xp.zeros_like(parameters), "updates": 0}

    def update(self, gradient: Array, state: dict[str, Any], rate: float) -> tuple[Array, dict[str, Any]]:
        """Return η m̂ / (√ŝ + ε)."""
        t = state["updates"] + 1
        mean = self.beta1 * state["mean"] + (1.0 - self.beta1) * gradient
        square = self.beta2 * state["mean_square"] + (1.0 - self.beta2) * gradient * gradient
        root = namespace(gradient).sqrt(square) * (1.0 / math.sqrt(1.0 - self.beta2**t)) + self.epsilon
        step = (rate / (1.0 - self.beta1**t)) * mean / root
        return step, {"mean": mean, "mean_square": square, "updates": t}
