"""Optimizer, update rule and schedule: which samples feed one update, what an update does, and at what rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol

import numpy as np
from pydantic import AliasChoices, Field

from modnet.core.arrays import Array
from modnet.core.component import Component, Slot, default_part

__all__ = ["Optimizer", "Problem", "Schedule", "Solver", "Sweep", "TrainingData", "UpdateRule"]


class UpdateRule(Component):
    """What one update does with a gradient: θ ← θ − step."""

    family: ClassVar[str] = "rule"
    usual_rate: ClassVar[float] = 0.01
    """The learning rate η that an optimizer takes where none is configured."""

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return the state before the first update: arrays like θ, and integers, by name."""
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


class Sweep(NamedTuple):
    """A pass over training samples, cut into batches, each of which feeds one update.

    Attributes:
        order: The samples' row numbers in order, an integer array; None for all, as they lie.
        batch_size: How many samples feed one update; the last batch may be shorter.
    """

    order: Array | None
    batch_size: int


class TrainingData(Protocol):
    """What an optimizer may know of the training samples."""

    def __len__(self) -> int:
        """Return how many there are."""

    @property
    def labels(self) -> Array | None:
        """The class of each sample as an integer from 0, or None where targets are numbers."""


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

    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        """Return the sweeps of one epoch; called once an epoch, and again where a training is resumed within one.

        Args:
            data: The training samples.
            rng: The source of all randomness of the order.
            state: What the optimizer keeps from epoch to epoch, as plain values and arrays by name; it may be
                written to, and is kept in checkpoints.
        """
        raise NotImplementedError


class Problem(Protocol):
    """What a solver minimises, and the means to."""

    samples: int
    """How many training samples there are."""
    state: dict[str, Any]
    """What the solver keeps from epoch to epoch, as plain values and arrays by name; checkpoints keep it."""
    rng: np.random.Generator
    """The source of randomness for the order of the samples."""

    @property
    def parameters(self) -> Any:
        """θ, one vector, which may be written to (``parameters[...] = ...``)."""

    @property
    def learning_rate(self) -> float:
        """The learning rate in force: η times the schedule's factor."""

    def value_and_grad(self, rows: Any = None) -> tuple[float, Array]:
        """Return the mean cost at θ, penalties included, and its gradient, a new array.

        Called again it repeats its randomness (dropout has the same mask), and the layers' state stays.

        Args:
            rows: Row numbers of the training samples to use, or None for all.
        """

    def apply_gradient(self, gradient: Array) -> None:
        """Make one update by the configured rule; randomness and the layers' state advance."""


class Solver(Optimizer):
    """An optimizer with an algorithm of its own (line search, L-BFGS), which asks for costs and gradients."""

    def solve(self, problem: Problem) -> Iterator[None] | None:
        """Run one epoch.

        It may be a generator. At each ``yield`` the training may be interrupted or checkpointed; a resumed training
        calls ``solve`` anew, so ``problem.state``, ``problem.parameters`` and ``problem.rng`` must be all that it needs
        to continue from there. A solver that is no generator is resumed from the start of its epoch.
        """
        raise NotImplementedError

    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        """Return nothing: a solver has no sweeps."""
        del data, rng, state
        return []
