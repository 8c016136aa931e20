"""Metric: a number that says how good outputs are, accumulated over any number of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from modnet.core.arrays import Array
from modnet.core.component import Component

__all__ = ["Metric", "Task"]


@dataclass(frozen=True)
class Task:
    """What a network is trained to do.

    Attributes:
        outputs: The number of its outputs.
        classes: Whether the targets are classes.
    """

    outputs: int
    classes: bool


class Metric(Component):
    """A figure of merit of outputs against targets, accumulated batch by batch, so that data of any size fits."""

    family: ClassVar[str] = "metric"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    """Which values are better."""

    @property
    def label(self) -> str:
        """The name of the metric in the history."""
        return self.kind.replace("-", "_")

    def check(self, task: Task) -> None:
        """Refuse a task for which this metric is not defined.

        Raises:
            ValueError: it is not defined; the message says why, and which metric or task is possible.
        """
        del task

    def partial(self, a: Array, y: Array) -> Array:
        """Return the contribution of samples, a vector, from outputs ``a`` and targets ``y``, (samples, outputs)."""
        raise NotImplementedError

    def merge(self, first: Array, second: Array) -> Array:
        """Return the contribution of two sets of samples together, from that of each."""
        return first + second

    def value(self, total: Array) -> float:
        """Return the metric from the contribution of all samples."""
        raise NotImplementedError
