"""Which classes a network takes for which: the confusion matrix, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Confusion", "ConfusionMatrix", "confusion_matrix"]


@dataclass(frozen=True)
class Confusion:
    """One class taken for another.

    Attributes:
        true: The class that it was, by its place in the labels.
        predicted: The class that it was taken for.
        count: How often.
    """

    true: int
    predicted: int
    count: int


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """How often each class was taken for each.

    Source of the words: Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), chapter 8.

    Attributes:
        labels: The classes, in the order of the rows and columns.
        counts: ``counts[i, j]``: how many samples of class i were taken for class j, (classes, classes).
    """

    labels: tuple[Any, ...]
    counts: NDArray[np.int64]

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Each row over its sum, the samples of the class; NaN for a class that has none."""
        return _over(self.counts, self.counts.sum(axis=1, keepdims=True))

    @cached_property
    def recall(self) -> NDArray[np.float64]:
        """The share of each class's samples that was recognised; NaN for a class that has none."""
        return np.diagonal(self.shares)

    @cached_property
    def precision(self) -> NDArray[np.float64]:
        """The share of each class's predictions that was right; NaN for a class that was never predicted."""
        return _over(np.diagonal(self.counts), self.counts.sum(axis=0))

    @property
    def right(self) -> int:
        """How many samples were taken for what they are."""
        return int(np.trace(self.counts))

    @property
    def samples(self) -> int:
        """How many samples there were."""
        return int(self.counts.sum())

    def confusions(self) -> list[Confusion]:
        """Return every class taken for another, the most frequent first."""
        places = np.argwhere((self.counts > 0) & ~np.eye(len(self.labels), dtype=bool)).tolist()
        found = [Confusion(i, j, int(self.counts[i, j])) for i, j in places]
        return sorted(found, key=lambda each: -each.count)

    def abridged(self, most: int) -> tuple[list[int], ConfusionMatrix]:
        """Return ``most`` − 1 classes, those with the most mistakes, and the matrix with all others taken together.

        Where there are no more classes than ``most``, they are all returned, and the matrix as it is. What is taken
        together stands last; where two of these classes were confused with each other, that is on the diagonal.
        """
        count = len(self.labels)
        if count <= most:
            return list(range(count)), self
        mistakes = self.counts.sum(axis=0) + self.counts.sum(axis=1) - 2 * np.diagonal(self.counts)
        kept = sorted(np.argsort(-mistakes, kind="stable")[: most - 1].tolist())
        place = np.full(count, len(kept))
        place[kept] = np.arange(len(kept))
        together = np.zeros((most, most), dtype=np.int64)
        np.add.at(together, (place[:, None], place[None, :]), self.counts)
        labels = (*(self.labels[i] for i in kept), f"{count - len(kept)} others")
        return kept, ConfusionMatrix(labels, together)

    def to_dict(self) -> dict[str, Any]:
        """Return labels, counts, shares, recall and precision as JSON has them; what is NaN is null."""
        return {
            "labels": list(self.labels),
            "counts": self.counts.tolist(),
            "row_shares": [_nullable(row) for row in self.shares],
            "recall": _nullable(self.recall),
            "precision": _nullable(self.precision),
        }


def confusion_matrix(true: ArrayLike, predicted: ArrayLike, labels: ArrayLike) -> ConfusionMatrix:
    """Return how often each class was taken for each.

    >>> from modnet import confusion_matrix
    >>> confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], ["cat", "dog"]).counts.tolist()
    [[1, 1], [0, 2]]

    Args:
        true: The class of each sample, by its place in ``labels``, (samples,).
        predicted: What it was taken for, likewise.
        labels: The classes.
    """
    names = tuple(np.asarray(labels).tolist())
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (np.asarray(true, dtype=np.intp), np.asarray(predicted, dtype=np.intp)), 1)
    return ConfusionMatrix(names, counts)


def _over(numerators: NDArray[np.int64], denominators: NDArray[np.int64]) -> NDArray[np.float64]:
    quotients = np.full(numerators.shape, np.nan)
    np.divide(numerators, denominators, out=quotients, where=denominators > 0)
    return quotients


def _nullable(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
