"""Optimizer, update rule and schedule: which samples feed one update, what an update does, and at what rate."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol

import numpy as np
from pydantic import AliasChoices, Field

from modnet.core.arrays import Array
from modnet.core.component import Component, Slot, default_part

__all__ = [
    "Optimizer",
    "ParameterSlice",
    "Position",
    "Problem",
    "Schedule",
    "Solver",
    "Sweep",
    "TrainingData",
    "UpdateContext",
    "UpdateRule",
]


class ParameterSlice(NamedTuple):
    """Which part of θ is one array of a layer's parameters.

    Attributes:
        layer: The layer, from 0 for the first above the input.
        name: The name of the parameter: ``weights``, ``biases``.
        start: The position of its first number in θ.
        stop: The position after its last number.
        shape: Its shape.
        regularized: Whether penalties and weight decay act on it: weights yes, biases no.
    """

    layer: int
    name: str
    start: int
    stop: int
    shape: tuple[int, ...]
    regularized: bool


@dataclass(slots=True)
class UpdateContext:
    """What a rule sees beside the gradient and its state; it is only read.

    Attributes:
        parameters: θ before the update, a vector like the gradient.
        learning_rate: η of this update.
        momentum: The momentum that the schedule asks for, or None for the rule's own.
        updates: How many updates have been made before this one.
        layout: The layers' parameters in θ, in order; empty where an elementwise rule is given a piece of θ.
        regularized: How many numbers at the start of ``parameters`` are weights, on which weight decay acts.
    """

    parameters: Array
    learning_rate: float = 1.0
    momentum: float | None = None
    updates: int = 0
    layout: tuple[ParameterSlice, ...] = ()
    regularized: int = 0


class UpdateRule(Component):
    """What one update does with a gradient: θ ← θ − step."""

    family: ClassVar[str] = "rule"
    usual_rate: ClassVar[float] = 0.01
    """The learning rate η that an optimizer takes where none is configured."""
    elementwise: ClassVar[bool] = False
    """True where every number of the step depends on the numbers at its own position alone, so that an engine may
    update θ piece by piece, or in another order."""

    def init(self, parameters: Array) -> dict[str, Any]:
        """Return the state before the first update: arrays like θ, and integers, by name."""
        del parameters
        return {}

    @abstractmethod
    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        """Return what to subtract from θ, and the next state, of the same names; the arguments stay as they are."""


class Position(NamedTuple):
    """How far a training is, before an update.

    Attributes:
        epoch: Passes over the training samples since the start, with a fraction within an epoch.
        epochs: How many passes there are in all.
        update: Updates since the start.
        updates: How many updates there are in all.
    """

    epoch: float
    epochs: int
    update: int
    updates: int


class Schedule(Component):
    """The learning rate over time, as a factor on η; it may drive the momentum, too."""

    family: ClassVar[str] = "schedule"
    constant: ClassVar[bool] = False
    """True where the factor is always 1 and no momentum is driven, so that neither need be asked for."""

    @abstractmethod
    def __call__(self, at: Position) -> float:
        """Return the factor of the update at this position."""

    def momentum(self, at: Position) -> float | None:
        """Return the momentum (β₁ of adam) of the update at this position, or None for the rule's own."""
        del at
        return None


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

    @property
    def weights(self) -> Array | None:
        """How much each sample counts in the mean cost of an update, at least 0; None where all count the same.

        The engine applies them whatever the order is: a sampler that draws by weight must not count on them too.
        """


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

    def warning(self, samples: int) -> str | None:
        """Return what an option means with so many samples if not what it says, from its name on; else None."""
        del samples
        return None

    @abstractmethod
    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        """Return the sweeps of one epoch; called once an epoch, and again where a training is resumed within one.

        Args:
            data: The training samples.
            rng: The source of all randomness of the order.
            state: What the optimizer keeps from epoch to epoch, as plain values and arrays by name; it may be
                written to, and is kept in checkpoints.
        """


class Problem(Protocol):
    """What a solver minimises, and the means to."""

    samples: int
    """How many training samples there are."""
    state: dict[str, Any]
    """What the solver keeps from epoch to epoch, as plain values and arrays by name; checkpoints keep it."""
    rng: np.random.Generator
    """The source of randomness for the order of the samples."""

    @property
    def layout(self) -> tuple[ParameterSlice, ...]:
        """The layers' parameters in θ."""

    @property
    def parameters(self) -> Any:
        """θ, one vector without what is frozen, which may be written to (``parameters[...] = ...``)."""

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

    @abstractmethod
    def solve(self, problem: Problem) -> Iterator[None] | None:
        """Run one epoch.

        It may be a generator. At each ``yield`` the training may be interrupted or checkpointed; a resumed training
        calls ``solve`` anew, so ``problem.state``, ``problem.parameters`` and ``problem.rng`` must be all that it needs
        to continue from there. A solver that is no generator is resumed from the start of its epoch.
        """

    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        """Return nothing: a solver has no sweeps."""
        del data, rng, state
        return []
