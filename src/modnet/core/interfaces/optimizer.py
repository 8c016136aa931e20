"""Optimizer, update rule and schedule: which samples feed one update, what an update does, and at what rate."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
from pydantic import AliasChoices, Field

from modnet.core.arrays import Array
from modnet.core.component import Component, Slot, default_part

__all__ = ["Optimizer", "Problem", "Schedule", "UpdateRule"]


class UpdateRule(Component):
    """What one update does with a gradient: θ ← θ − step."""

    family: ClassVar[str] = "rule"
    usual_rate: ClassVar[float] = 0.01
    """The learning rate η that an optimizer takes where none is configured."""

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return the state before the first update: arrays like θ and integers, by name."""
        del parameters
        return {}

    def update(self, gradient: Array, state: dict[str, Any], rate: float) -> tuple[Array, dict[str, Any]]:
        """Return what to subtract from θ, and the next state; ``gradient`` and ``state`` stay as they are."""
        raise NotImplementedError


class Schedule(Component):
    """The learning rate over time, as a factor on η."""

    family: ClassVar[str] = "schedule"
    constant: ClassVar[bool] = False
    """True where the factor is always 1, so that it need not be asked for."""

    def __call__(self, position: float, epochs: int) -> float:
        """Return the factor at ``position``, in passes over the data since the start, of ``epochs`` in all."""
        raise NotImplementedError


class Problem(Protocol):
    """What an optimizer may use during one epoch: the problem it descends, and the means to."""

    samples: int
    """How many training samples there are."""
    optimizer_state: dict[str, Any]
    """Arrays and numbers that the optimizer keeps from epoch to epoch."""
    rng: np.random.Generator
    """The source of randomness for the order of the samples."""

    @property
    def parameters(self) -> Any:
        """θ, one vector; a solver of its own may write to it (``parameters[...] = ...``)."""

    @property
    def learning_rate(self) -> float:
        """The learning rate in force: η times the schedule's factor."""

    def run_sweep(self, order: Any, length: int) -> None:
        """Update once per ``length`` samples in this ``order`` (an array of row numbers, or None for as they lie)."""

    def value_and_grad(self) -> tuple[float, Array]:
        """Return the mean cost (penalties included) over all training samples at ``parameters``, and its gradient."""

    def apply_gradient(self, gradient: Array) -> None:
        """Make one update with this gradient by the configured rule."""


class Optimizer(Component):
    """Which samples feed one update, and at what rate; what an update does is the rule's business."""

    family: ClassVar[str] = "optimizer"

    rule: Annotated[UpdateRule, Slot()] = default_part("plain", "what one update does with a gradient")
    schedule: Annotated[Schedule, Slot()] = default_part("constant", "the learning rate over time, as a factor")
    learning_rate: float = Field(
        default_factory=lambda options: options["rule"].usual_rate if "rule" in options else 1.0,
        gt=0,
        validation_alias=AliasChoices("learning_rate", "eta"),
        description="η; where none is given, the rule's usual rate (3.0 for `plain`). `eta` means the same",
    )

    def updates(self, samples: int) -> int:
        """Return how many updates one epoch over ``samples`` samples makes."""
        del samples
        return 1

    def check(self, samples: int) -> None:
        """Refuse a number of training samples that this optimizer cannot work with.

        Raises:
            ValueError: with a message that starts with the option's name and says what is allowed.
        """
        del samples

    def epoch(self, problem: Problem) -> None:
        """Make the updates of one pass over the data."""
        raise NotImplementedError
