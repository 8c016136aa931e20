"""Engine: what computes gradients and makes updates, and what the training loop asks of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.component import Component
from modnet.core.interfaces.processes import ProcessGroup

__all__ = [
    "Block",
    "BlockLimits",
    "Engine",
    "EngineSession",
    "OnOutputs",
    "OnUpdate",
    "Rows",
    "TrainState",
    "TrainingPlan",
    "part_of",
]

Rows: TypeAlias = slice | NDArray[np.intp]
"""Training samples: a slice where they lie together, else their row numbers."""
OnOutputs: TypeAlias = Callable[[NDArray[Any], NDArray[Any], NDArray[Any] | None], bool]
"""Called with outputs and targets, (samples, outputs), and weights, (samples,) or None, of a piece of a block; returns
whether their cost is finite."""
OnUpdate: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class TrainingPlan:
    """What an engine is given to begin a training.

    Attributes:
        config: The configuration, a `modnet.RunConfig`: rule, optimizer and seed.
        network: The `modnet.Network`; the session updates its θ and its layers' state in place.
        samples: The training samples as they enter the network, a `modnet.data.prepared.Samples`; only read.
        fingerprint: That of the session whose training is resumed; empty for a new one.
    """

    config: Any
    network: Any
    samples: Any
    fingerprint: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainState:
    """Everything that an update changes.

    Attributes:
        parameters: θ, one vector.
        rule_state: The update rule's state, by name.
        layer_states: For every layer, its arrays that are not trained (running means, say), by name.
        randomness: The state of every random generator that layers draw from, as plain values and arrays.
        updates: How many updates have been made since the start of the training.
    """

    parameters: NDArray[Any]
    rule_state: Mapping[str, Any]
    layer_states: Sequence[Mapping[str, NDArray[Any]]]
    randomness: Sequence[Mapping[str, Any]]
    updates: int

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as dicts and lists of arrays and plain values."""
        return {
            "parameters": self.parameters,
            "rule_state": dict(self.rule_state),
            "layer_states": [dict(state) for state in self.layer_states],
            "randomness": [dict(state) for state in self.randomness],
            "updates": self.updates,
        }


class Block(NamedTuple):
    """Consecutive updates of a sweep that an engine makes in one go.

    Attributes:
        rows: The samples, in order.
        batch_size: How many of them feed one update; the last batch may be shorter.
        rates: The learning rate of each update. They are read one by one, each when its update is made: after an update
            those that follow may be replaced in the list.
        momenta: The momentum that the schedule asks for at each update, or None where it asks for none.
    """

    rows: Rows
    batch_size: int
    rates: Sequence[float]
    momenta: Sequence[float] | None = None

    def __len__(self) -> int:
        return length_of(self.rows)

    def part(self, start: int, stop: int) -> Block:
        """Return the updates from sample ``start`` to sample ``stop`` of the block."""
        updates = slice(start // self.batch_size, -(-stop // self.batch_size))
        momenta = None if self.momenta is None else self.momenta[updates]
        return Block(part_of(self.rows, start, stop), self.batch_size, self.rates[updates], momenta)

    def single_updates(self) -> list[Block]:
        """Return the updates as blocks of their own."""
        starts = range(0, len(self), self.batch_size)
        return [self.part(start, min(start + self.batch_size, len(self))) for start in starts]


def length_of(rows: Rows) -> int:
    """Return how many rows these are."""
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def pieces_of(rows: Rows, size: int) -> list[Rows]:
    """Return the rows in pieces of so many, the last perhaps of fewer."""
    count = length_of(rows)
    return [part_of(rows, start, min(start + size, count)) for start in range(0, count, size)]


def part_of(rows: Rows, start: int, stop: int) -> Rows:
    """Return the rows at the positions from ``start`` to ``stop``."""
    return slice(rows.start + start, rows.start + stop) if isinstance(rows, slice) else rows[start:stop]


class BlockLimits(NamedTuple):
    """How large a block is at most. These are counts and never a clock, because sums must not depend on time.

    An engine whose calls take time by themselves has larger blocks; one block should be some tenths of a second. It
    holds one update at least.

    Attributes:
        rows: How many samples.
        updates: How many updates.
        input_bytes: How many bytes of samples.
        work: How many samples times parameters.
    """

    rows: int = 4096
    updates: int = 4096
    input_bytes: int = 8 << 20
    work: int = 5_000_000_000


class EngineSession(Protocol):
    """An engine at work on one training: it holds the samples, θ, the states of rule and layers, and randomness."""

    @property
    def fingerprint(self) -> Mapping[str, str | int | float]:
        """What the last bits of the results depend on: versions of libraries, number of threads, kind of device.

        Where it is equal, results have equal bits. Of an engine that may use several devices, ``device`` is the one
        that it uses, as the summary of a run names it.
        """

    @property
    def updates(self) -> int:
        """How many updates have been made since the start of the training."""

    @property
    def rule_state(self) -> dict[str, Any]:
        """The update rule's state."""

    def state(self) -> TrainState:
        """Return a copy of everything that an update changes."""

    def restore(self, state: TrainState) -> None:
        """Go to a state."""

    def run(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None = None) -> bool:
        """Make a block's updates, and return whether costs, θ and the rule's state are finite.

        The outputs are handed to ``on_outputs`` as the updates saw them, in pieces of bounded size. Where a cost is not
        finite, the remaining updates of the block may be left out.
        """

    def value_and_grad(self, rows: Rows | None = None) -> tuple[float, NDArray[Any]]:
        """Return the mean cost at θ, penalties included, and its gradient, a new array; the cost may be infinite.

        Called again it repeats its randomness; the layers' state stays.

        Args:
            rows: The training samples to use; None for all.
        """

    def apply_gradient(self, gradient: NDArray[Any], rate: float, momentum: float | None = None) -> None:
        """Make one update by the configured rule; randomness and the layers' state advance."""

    def outputs(self, x: Any) -> Iterator[NDArray[Any]]:
        """Yield the network's outputs at θ, in pieces of any size; nothing is disturbed by it.

        In several processes all ask for them together.

        Args:
            x: Rows as ``samples.x`` has them, which need not be training samples.
        """

    def last_cost(self) -> float:
        """Return the mean cost of the last update's samples, as it saw them, without penalties.

        Asked for while ``on_update`` runs, or after `apply_gradient`, where it is that of the last `value_and_grad`.
        """

    def take_penalties(self) -> float:
        """Return the sum of the updates' penalties since it was asked for last, each times what its samples weigh.

        What the samples of an update weigh is their number, or the sum of their weights. Asked for after every block
        where the configuration has ``cost_with_penalty``.
        """

    def gradient_norm(self) -> float:
        """Return the Euclidean norm of the last update's gradient; asked for as `last_cost` is."""

    def close(self) -> None:
        """Release threads and devices."""


class Engine(Component):
    """Computes gradients and makes updates, on one kind of hardware; a training is a session of it."""

    family: ClassVar[str] = "engine"
    takes_sparse: ClassVar[bool] = False
    """True for an engine that hands sparse rows on to a first layer that takes them; for others they are made dense."""

    @abstractmethod
    def start(self, plan: TrainingPlan) -> EngineSession:
        """Begin a training; where it cannot run here, no run folder has been made yet.

        Raises:
            ConfigError: the hardware or a library is missing, or a component cannot run on this engine.
        """

    def block_limits(self) -> BlockLimits:
        """Return how large the blocks are that its sessions are given; asked for once a training has begun."""
        return BlockLimits()

    def alone(self) -> Self:
        """Return this engine, with options by which a process trains by itself whatever its environment says."""
        return self

    def process_group(self) -> ProcessGroup:
        """Return the processes that train together: by default this one by itself.

        Asked for before anything is written, and again for every training; then the same group is returned.

        Raises:
            ConfigError: the options name no group, or another one than that of an earlier training.
            ProcessError: the others are not to be reached.
        """
        return ProcessGroup()
