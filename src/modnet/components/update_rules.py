"""The update rules: what one update subtracts from θ, given ∇ (the mean over the samples of the update) and η.

A rule stores no state: it is passed in and returned, as arrays like θ and integers.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from modnet.core.arrays import Array, namespace
from modnet.core.component import Slot, default_part
from modnet.core.interfaces import UpdateContext, UpdateRule

__all__ = ["Adam", "AdamW", "ClipByNorm", "ClipByValue", "Momentum", "Nesterov", "Plain", "RmsProp"]


class Plain(UpdateRule):
    """θ ← θ − η∇. Source: the document, "Update Mini Batches"."""

    kind: Literal["plain"] = "plain"
    also_known_as: ClassVar[tuple[str, ...]] = ("sgd", "gd", "vanilla", "none")
    usual_rate: ClassVar[float] = 3.0
    elementwise: ClassVar[bool] = True

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        """Return η∇."""
        return context.learning_rate * gradient, state


class _WithVelocity(UpdateRule):
    """The base class of momentum and its variants: v, a decaying sum of the gradients."""

    usual_rate: ClassVar[float] = 0.3
    elementwise: ClassVar[bool] = True
    momentum: float = Field(default=0.9, ge=0, le=1, description="μ, the share of the previous velocity that is kept")
    velocity_of: Literal["gradients", "steps"] = Field(
        default="gradients",
        description="what v adds up: gradients, which η multiplies afterwards (PyTorch), or steps, gradients times the "
        "η of their own update (Keras, scikit-learn). They differ only where η changes",
    )

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return v = 0."""
        return {"velocity": namespace(parameters).zeros_like(parameters)}

    def _momentum(self, context: UpdateContext) -> float:
        """Return μ: the schedule's, where it drives the momentum."""
        return self.momentum if context.momentum is None else context.momentum


class Momentum(_WithVelocity):
    """v ← μv + ∇ and θ ← θ − ηv: steps along a decaying sum of the gradients; of steps, v ← μv + η∇ and θ ← θ − v.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); with η within v in the
    form of Sutskever, Martens, Dahl and Hinton (2013).
    """

    kind: Literal["momentum"] = "momentum"
    also_known_as: ClassVar[tuple[str, ...]] = ("heavy-ball", "sgd-momentum")

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        """Return ηv, or v where it adds up steps."""
        kept = self._momentum(context) * state["velocity"]
        if self.velocity_of == "steps":
            velocity = kept + context.learning_rate * gradient
            return velocity, {"velocity": velocity}
        velocity = kept + gradient
        return context.learning_rate * velocity, {"velocity": velocity}


class Nesterov(_WithVelocity):
    """v ← μv + ∇ and θ ← θ − η(∇ + μv): momentum with a look-ahead gradient; of steps, v ← μv + η∇, θ ← θ − (η∇ + μv).

    Source: Nesterov (1983), as rewritten in terms of the look-ahead θ by Bengio, Boulanger-Lewandowski and Pascanu,
    "Advances in Optimizing Recurrent Networks" (2013), section 3.5, for a constant η and μ.
    """

    kind: Literal["nesterov"] = "nesterov"
    also_known_as: ClassVar[tuple[str, ...]] = ("nag", "nesterov-momentum")

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        """Return η(∇ + μv), or η∇ + μv where v adds up steps, with the new v."""
        momentum, rate = self._momentum(context), context.learning_rate
        if self.velocity_of == "steps":
            scaled = rate * gradient
            velocity = momentum * state["velocity"] + scaled
            return momentum * velocity + scaled, {"velocity": velocity}
        velocity = momentum * state["velocity"] + gradient
        return rate * (gradient + momentum * velocity), {"velocity": velocity}


class RmsProp(UpdateRule):
    """s ← ρs + (1 − ρ)∇² and θ ← θ − η∇ / (√s + ε): every parameter has its own step size.

    Source: Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5 (2012).
    """

    kind: Literal["rmsprop"] = "rmsprop"
    usual_rate: ClassVar[float] = 0.001
    elementwise: ClassVar[bool] = True
    decay: float = Field(default=0.9, ge=0, lt=1, description="ρ, the decay rate of the mean of squares")
    epsilon: float = Field(default=1e-8, gt=0, description="ε, which avoids a division by zero")

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return s = 0."""
        return {"mean_square": namespace(parameters).zeros_like(parameters)}

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        """Return η∇ / (√s + ε)."""
        square = self.decay * state["mean_square"] + (1.0 - self.decay) * gradient * gradient
        step = context.learning_rate * gradient / (namespace(gradient).sqrt(square) + self.epsilon)
        return step, {"mean_square": square}


class Adam(UpdateRule):
    """m ← β₁m + (1 − β₁)∇, s ← β₂s + (1 − β₂)∇², θ ← θ − η m̂ / (√ŝ + ε), with m̂ = m/(1 − β₁ᵗ), ŝ = s/(1 − β₂ᵗ).

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1; with `epsilon_hat` in the
    form at the end of their section 2, θ ← θ − ηₜ m / (√s + ε) with ηₜ = η √(1 − β₂ᵗ)/(1 − β₁ᵗ).
    """

    kind: Literal["adam"] = "adam"
    usual_rate: ClassVar[float] = 0.001
    elementwise: ClassVar[bool] = True
    beta1: float = Field(default=0.9, ge=0, lt=1, description="β₁, the decay rate of the mean")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="β₂, the decay rate of the mean of squares")
    epsilon: float = Field(default=1e-8, gt=0, description="ε, which avoids a division by zero")
    epsilon_hat: bool = Field(
        default=False,
        description="whether ε is added to √s, as the paper's ε̂ (Keras, scikit-learn), and not to √ŝ (PyTorch)",
    )

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return m = s = 0 and t = 0."""
        xp = namespace(parameters)
        return {"mean": xp.zeros_like(parameters), "mean_square": xp.zeros_like(parameters), "updates": 0}

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        """Return η m̂ / (√ŝ + ε)."""
        beta1 = self.beta1 if context.momentum is None else context.momentum
        t = state["updates"] + 1
        # Arrays of its own are changed in place where a library can: fewer of them stay in the cache.
        mean = beta1 * state["mean"]
        mean += (1.0 - beta1) * gradient
        xp, square = namespace(gradient), self.beta2 * state["mean_square"]
        if self.epsilon_hat:
            # The order of the operations, and a root that is no power, are those of scikit-learn: its bits.
            square += (1.0 - self.beta2) * (gradient * gradient)
            root = xp.sqrt(xp.asarray(1.0 - self.beta2**t, dtype=gradient.dtype))
            rate, divisor = context.learning_rate * root / (1.0 - beta1**t), xp.sqrt(square)
        else:
            square += (1.0 - self.beta2) * gradient * gradient
            rate, divisor = context.learning_rate / (1.0 - beta1**t), xp.sqrt(square)
            divisor *= (1.0 - self.beta2**t) ** -0.5
        divisor += self.epsilon
        step = rate * mean
        step /= divisor
        return step, {"mean": mean, "mean_square": square, "updates": t}


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← θ − η m̂ / (√ŝ + ε) − ηλw, on the weights w only, never the biases.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2, with η in place of
    the schedule's factor, as in PyTorch.
    """

    kind: Literal["adamw"] = "adamw"  # type: ignore[assignment] # another kind than the base class
    weight_decay: float = Field(default=0.01, ge=0, description="λ, what a step with η = 1 takes of the weights")

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        """Return η m̂ / (√ŝ + ε) + ηλw."""
        step, state = super().update(gradient, state, context)
        xp, parameters = namespace(gradient), context.parameters
        is_weight = xp.arange(parameters.shape[0]) < context.regularized
        decay = (context.learning_rate * self.weight_decay) * parameters
        return step + xp.where(is_weight, decay, xp.zeros_like(decay)), state


class _Clipping(UpdateRule):
    """The base class of rules that clip the gradient before another rule's update."""

    rule: Annotated[UpdateRule, Slot()] = default_part("plain", "the rule that is given the clipped gradient")

    @property
    def usual_rate(self) -> float:  # type: ignore[override] # that of the other rule
        """The other rule's."""
        return self.rule.usual_rate

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return the other rule's state."""
        return self.rule.init(parameters)

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        """Return the other rule's step for the clipped gradient."""
        return self.rule.update(self._clip(gradient), state, context)

    @abstractmethod
    def _clip(self, gradient: Array) -> Array:
        """Return what the other rule is given."""


class ClipByNorm(_Clipping):
    """∇ ← ∇ · min(1, c/‖∇‖), the norm over all of θ, and then another rule.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013), algorithm 1.
    """

    kind: Literal["clip-by-norm"] = "clip-by-norm"
    also_known_as: ClassVar[tuple[str, ...]] = ("clip-norm", "clip-grad-norm", "global-clipnorm")
    maximum: float = Field(default=1.0, gt=0, description="c, the largest norm of the gradient")

    def _clip(self, gradient: Array) -> Array:
        xp = namespace(gradient)
        largest = xp.max(xp.abs(gradient))
        unit = xp.where(largest > 0.0, largest, xp.ones_like(largest))  # squares of large numbers would overflow
        scaled = gradient / unit
        norm = unit * xp.sqrt(xp.sum(scaled * scaled))
        return gradient * (self.maximum / xp.maximum(norm, xp.asarray(self.maximum, dtype=norm.dtype)))


class ClipByValue(_Clipping):
    """Every number of ∇ is limited to [−c, c], and then another rule follows.

    Source: Mikolov, "Statistical Language Models Based on Neural Networks" (2012), section 3.2.2.
    """

    kind: Literal["clip-by-value"] = "clip-by-value"
    also_known_as: ClassVar[tuple[str, ...]] = ("clip-value", "clip-grad-value")
    maximum: float = Field(default=1.0, gt=0, description="c, the largest absolute value in the gradient")

    @property
    def elementwise(self) -> bool:  # type: ignore[override] # that of the other rule
        """Whether the other rule is."""
        return self.rule.elementwise

    def _clip(self, gradient: Array) -> Array:
        return namespace(gradient).clip(gradient, -self.maximum, self.maximum)
