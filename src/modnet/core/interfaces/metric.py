"""Metric: a number that says how good outputs are, added up over any number of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from modnet.core.arrays import Array
from modnet.core.component import Component

__all__ = ["Metric", "Task"]


@dataclass(frozen=True)
class Task:
    """What a network is trained for.

    Attributes:
        outputs: How many outputs it has.
        classes: Whether its targets are classes.
    """

    outputs: int
    classes: bool


class Metric(Component):
    """A figure of merit of outputs against targets, added up piece by piece, so that no data is too large."""

    family: ClassVar[str] = "metric"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    """Which way the figure goes when a network gets better."""

    @property
    def label(self) -> str:
        """The name of the figure in the history."""
        return self.kind.replace("-", "_")

    def check(self, task: Task) -> None:
        """Refuse a task that this metric has no meaning for.

        Raises:
            ValueError: with a message that says why, and what would do.
        """
        del task

    def partial(self, a: Array, y: Array) -> Array:
        """Return what a piece of the data adds, as a vector, of outputs ``a`` and targets ``y``, (samples, outputs)."""
        raise NotImplementedError

    def merge(self, one: Array, other: Array) -> Array:
        """Return what two pieces add together."""
        return one + other

    def value(self, total: Array) -> float:
        """Return the figure for all pieces together."""
        raise NotImplementedError
