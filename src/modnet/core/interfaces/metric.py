"""Metric: one number or several that say how good outputs are, accumulated over any number of samples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from modnet.core.arrays import Array
from modnet.core.component import Component

__all__ = ["Metric", "Task"]


@dataclass(frozen=True)
class Task:
    """What a network is trained to do.

    Attributes:
        outputs: How many values a target has, and so a prediction; one for each class, or one for two classes.
        classes: Whether the targets are classes, one for each sample.
        multi_label: Whether each value of a target says whether a label applies, 0 or 1.
    """

    outputs: int
    classes: bool
    multi_label: bool = False


class Metric(Component):
    """A figure of merit of outputs against targets, accumulated batch by batch, so that data of any size fits."""

    family: ClassVar[str] = "metric"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    """Which values are better."""
    needs_all_outputs: ClassVar[bool] = False
    """True where ``partial`` must see all samples of a part at once (a rank statistic). Such a metric is computed for
    validation and test samples only, whose outputs are kept for it, and nothing is merged."""

    uses_outputs: ClassVar[bool] = False
    """True where ``partial`` takes all outputs of the network, not the cost's predictions (`Cost.predictions`)."""

    @property
    def label(self) -> str:
        """The name of the metric in the history."""
        return self.kind.replace("-", "_")

    def names(self, task: Task) -> tuple[str, ...]:
        """Return the names of the numbers that ``value`` gives for a task; empty where it gives one without a name."""
        del task
        return ()

    def history_names(self, task: Task) -> tuple[str, ...]:
        """Return the names of the numbers in the history: the label, or label and name (``recall_cat``)."""
        return tuple(f"{self.label}_{name}" for name in self.names(task)) or (self.label,)

    def check(self, task: Task) -> None:
        """Refuse a task for which this metric is not defined.

        Raises:
            ValueError: it is not defined; the message says why, and which metric or task is possible.
        """
        del task

    def for_task(self, task: Task) -> Metric:
        """Return what computes this metric for a task: itself, or another part of the same kind."""
        del task
        return self

    @abstractmethod
    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the contribution of samples, an array.

        Args:
            a: The predictions, of the targets' shape; the network's outputs where the metric ``uses_outputs``.
            y: The targets, (samples, values); one-hot for classes.
            weights: The weight of each sample, at least 0, (samples,); None where all count the same. A weight of 2
                must give what the sample twice would give, a weight of 0 what its absence would.
        """

    def merge(self, first: Array, second: Array) -> Array:
        """Return the contribution of two sets of samples together, from that of each."""
        return first + second

    @abstractmethod
    def value(self, total: Array) -> float | Mapping[str, float]:
        """Return the metric from the contribution of all samples: one number, or several by their ``names``."""
