"""Metrics of the order in which outputs put the samples; they need all outputs at once.

Of two classes the outputs for the second are ranked. Of several classes each is ranked against all others, and of
several labels each against its absence. Values are those of scikit-learn where it gives a finite one.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from modnet.components.metrics_of_classes import OfClassesOrLabels
from modnet.components.weighted import or_one
from modnet.core.arrays import Array, namespace

__all__ = ["AveragePrecision", "RocAuc"]


class _OfRanks(OfClassesOrLabels):
    """A score of the ranking by each output."""

    needs_all_outputs: ClassVar[bool] = True

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the score of each ranking."""
        xp = namespace(a)
        a, y = xp.astype(a, xp.float64), xp.astype(y, xp.float64)
        w = xp.ones_like(a[:, 0]) if weights is None else xp.astype(weights, xp.float64)
        ranked = [1] if a.shape[1] == 2 and not self._labels else range(a.shape[1])
        return xp.stack([self._score(a[:, column], w * y[:, column], w * (1.0 - y[:, column])) for column in ranked])

    @abstractmethod
    def _score(self, outputs: Array, positive: Array, negative: Array) -> Array:
        """Return the score of one ranking, from the weight of each sample as a positive and as a negative one."""


class RocAuc(_OfRanks):
    """How often a sample of the class has a larger output than one of another class; a tie counts as half.

    This is the area under the ROC curve, averaged over the classes or labels. A class that has no samples, or all of
    them, is left out: nothing is ranked. Where there is no other it is ½, as for guessing, because a training goes on
    only with finite numbers. Source: Hanley and McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve" (1982).
    """

    kind: Literal["roc-auc"] = "roc-auc"
    also_known_as: ClassVar[tuple[str, ...]] = ("auc", "auroc", "roc-auc-score", "roc-auc-ovr")

    def _score(self, outputs: Array, positive: Array, negative: Array) -> Array:
        xp = namespace(outputs)
        order = xp.argsort(outputs)
        outputs, positive = xp.take(outputs, order), xp.take(positive, order)
        below = xp.cumulative_sum(xp.take(negative, order), include_initial=True)
        less, at_most = (xp.take(below, xp.searchsorted(outputs, outputs, side=side)) for side in ("left", "right"))
        wins, pairs = xp.sum(positive * (less + at_most) / 2.0), xp.sum(positive) * below[-1]
        return xp.where(pairs > 0.0, wins / or_one(pairs), xp.zeros_like(pairs) - 1.0)  # −1: nothing is ranked

    def value(self, total: Array) -> float:
        """Return the mean of the areas that there are."""
        xp = namespace(total)
        ranked = total >= 0.0
        number = float(xp.sum(xp.astype(ranked, xp.float64)))
        return float(xp.sum(xp.where(ranked, total, xp.zeros_like(total)))) / number if number else 0.5


class AveragePrecision(_OfRanks):
    """The precision at each threshold, weighed by the rise of the recall there, averaged over the classes or labels.

    The thresholds are the outputs. A class without samples counts as 0. Source: Zhu, "Recall, precision and average
    precision" (2004).
    """

    kind: Literal["average-precision"] = "average-precision"
    also_known_as: ClassVar[tuple[str, ...]] = ("average-precision-score", "ap", "pr-auc", "auprc")

    def _score(self, outputs: Array, positive: Array, negative: Array) -> Array:
        xp = namespace(outputs)
        order = xp.argsort(-outputs)
        falling, positive, negative = -xp.take(outputs, order), xp.take(positive, order), xp.take(negative, order)
        above = xp.searchsorted(falling, falling, side="right")
        right, wrong = (
            xp.take(xp.cumulative_sum(weights, include_initial=True), above) for weights in (positive, negative)
        )
        return xp.sum(positive * (right / or_one(right + wrong))) / or_one(xp.sum(positive))

    def value(self, total: Array) -> float:
        """Return the mean of the averages."""
        return float(namespace(total).mean(total))
