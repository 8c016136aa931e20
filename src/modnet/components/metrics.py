"""The metrics: scores of outputs a compared with targets y, both (samples, outputs), accumulated piece by piece.

What is said of numbers of samples holds for sums of their weights where there are any.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from modnet.components.metrics_of_classes import require_classes
from modnet.components.weighted import Mean, column_sums, explained, merge_moments, moments, sums
from modnet.core.arrays import Array, namespace
from modnet.core.component import Slot, default_part
from modnet.core.interfaces import Cost, Metric, Task

__all__ = ["R2", "Accuracy", "BinaryAccuracy", "CostMetric", "MeanSquaredError"]


class Accuracy(Mean):
    """The share of samples that are classified correctly: by their largest output, or by one output above ½.

    Where a sample has several labels, all of them must be right, each predicted above ½ (exact match).
    """

    kind: Literal["accuracy"] = "accuracy"
    also_known_as: ClassVar[tuple[str, ...]] = ("acc", "categorical-accuracy", "sparse-categorical-accuracy")

    def check(self, task: Task) -> None:
        """Refuse targets that are numbers."""
        require_classes(self.kind, task, or_labels=True)

    def for_task(self, task: Task) -> Metric:
        """Return the exact match for several labels: outputs and targets alone do not tell them from classes."""
        return _ExactMatch() if task.multi_label else self

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the number of correctly classified samples, and of all samples."""
        xp = namespace(a)
        if a.shape[-1] == 1:
            right = (a[:, 0] > 0.5) == (y[:, 0] > 0.5)
        else:
            right = xp.argmax(a, axis=-1) == xp.argmax(y, axis=-1)
        return sums(xp.astype(right, xp.float64), weights)


class _ExactMatch(Accuracy):
    """The share of samples whose labels are all right."""

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the number of samples whose labels are all right, and of all samples."""
        xp = namespace(a)
        return sums(xp.astype(xp.all((a > 0.5) == (y > 0.5), axis=-1), xp.float64), weights)


class BinaryAccuracy(Mean):
    """The share of labels that are right, each predicted above ½; a sample may have several."""

    kind: Literal["binary-accuracy"] = "binary-accuracy"

    def check(self, task: Task) -> None:
        """Refuse targets that are numbers, and one of several classes."""
        if not (task.multi_label or (task.classes and task.outputs == 1)):
            targets = "one of several classes" if task.classes else "numbers"
            raise ValueError(
                f"binary-accuracy needs labels that are 0 or 1, and the targets are {targets}; "
                f"allowed: {'accuracy, cost' if task.classes else 'mean-squared-error, r2, cost'}"
            )

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the number of right labels, and of all labels."""
        xp = namespace(a)
        return sums(xp.astype((a > 0.5) == (y > 0.5), xp.float64), weights)


class CostMetric(Mean):
    """The mean over the samples of a cost, which may differ from the one that is minimized."""

    kind: Literal["cost"] = "cost"
    also_known_as: ClassVar[tuple[str, ...]] = ("loss",)
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    cost: Annotated[Cost, Slot()] = default_part(
        "quadratic", "the cost; its kind is the name of the metric in the history"
    )

    @property
    def label(self) -> str:
        """The kind of the cost; plain ``cost`` is always the cost that is minimized."""
        return self.cost.kind.replace("-", "_")

    def check(self, task: Task) -> None:
        """Refuse a cost that needs more outputs than a target has values: metrics see predictions."""
        needed = self.cost.outputs(task.outputs)
        if needed != task.outputs:
            values = f"predictions, {task.outputs} for each sample"
            raise ValueError(f"the cost {self.cost.kind} needs {needed} outputs, metrics see {values}")

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the sum of the samples' costs, and their number."""
        return sums(namespace(a).astype(self.cost(a, y), namespace(a).float64), weights)


class MeanSquaredError(Mean):
    """Σ (a − y)² / (samples · outputs)."""

    kind: Literal["mean-squared-error"] = "mean-squared-error"
    also_known_as: ClassVar[tuple[str, ...]] = ("mse",)
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the sum of squares, and the number of values."""
        xp = namespace(a)
        difference = xp.astype(a, xp.float64) - xp.astype(y, xp.float64)
        return sums(difference * difference, weights)


class R2(Metric):
    """1 − Σ (a − y)² / Σ (y − ȳ)², the explained share of the variance of the targets, averaged over the outputs.

    An output whose targets are all equal up to rounding counts as 1 if it is equal to them up to rounding, and as 0
    otherwise. Source: Draper and Smith, "Applied Regression Analysis" (1998), section 1.3; pieces are merged as in
    Chan, Golub and LeVeque (1983).
    """

    kind: Literal["r2"] = "r2"
    also_known_as: ClassVar[tuple[str, ...]] = ("r2-score", "r-squared")

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return for every output: samples, mean of y, Σ (y − ȳ)², Σ (a − y)²; shape (4, outputs)."""
        xp = namespace(a)
        a, y = xp.astype(a, xp.float64), xp.astype(y, xp.float64)
        return xp.concat([moments(y, weights), column_sums((a - y) ** 2, weights)[None, :]])

    def merge(self, first: Array, second: Array) -> Array:
        """Return the four numbers of two sets of samples together."""
        return namespace(first).concat([merge_moments(first, second), (first[3, :] + second[3, :])[None, :]])

    def value(self, total: Array) -> float:
        """Return the mean over the outputs of 1 − Σ (a − y)² / Σ (y − ȳ)²."""
        return explained(total[:3, :], total[3, :])
