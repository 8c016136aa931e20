"""Which classes a network confuses: the confusion matrix, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modnet.analysis.jsonable import jsonable
from modnet.data.prepared import Samples
from modnet.network.decoding import predict_codes
from modnet.network.network import Network

__all__ = ["ConfusionMatrix", "confusion_matrix", "confusion_of"]

_NAMED = 5
"""The number of confusions that the sentence names."""


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """How often each class was predicted for each.

    Source: Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), chapter 8.

    Attributes:
        labels: The classes, in the order of the rows and columns.
        counts: ``counts[i, j]``: the number of samples of class i that were predicted as class j, (classes, classes).
    """

    labels: tuple[Any, ...]
    counts: NDArray[np.int64]

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Each row divided by its sum, (classes, classes); NaN for a class without samples."""
        return _ratio(self.counts, self.counts.sum(axis=1, keepdims=True))

    @property
    def recall(self) -> NDArray[np.float64]:
        """The share of each class's samples that was predicted correctly, (classes,); NaN for a class without any."""
        return np.diagonal(self.shares)

    @property
    def precision(self) -> NDArray[np.float64]:
        """The share of each class's predictions that was correct, (classes,); NaN for a class never predicted."""
        return _ratio(np.diagonal(self.counts), self.counts.sum(axis=0))

    @property
    def correct(self) -> int:
        """The number of samples whose class was predicted."""
        return int(np.trace(self.counts))

    @property
    def samples(self) -> int:
        """The number of samples."""
        return int(self.counts.sum())

    def confusions(self) -> list[tuple[int, int, int]]:
        """Return (true class, predicted class, count) of all errors, the most frequent first; classes are indices."""
        off_diagonal = (self.counts > 0) & ~np.eye(len(self.labels), dtype=bool)
        cells = [(i, j, int(self.counts[i, j])) for i, j in np.argwhere(off_diagonal).tolist()]
        return sorted(cells, key=lambda cell: -cell[2])

    @property
    def sentence(self) -> str:
        """The most frequent confusions."""
        confusions = self.confusions()
        if not confusions:
            return "No class was confused with another."
        named = [f"{self.labels[i]} as {self.labels[j]} ({count:,})" for i, j, count in confusions[:_NAMED]]
        return f"Most frequent confusions: {', '.join(named)}{', …' if len(confusions) > _NAMED else ''}."

    def to_dict(self) -> dict[str, Any]:
        """Return labels, counts, shares, recall and precision as JSON has them; NaN is null."""
        arrays = {"counts": self.counts, "row_shares": self.shares, "recall": self.recall, "precision": self.precision}
        return {"labels": list(self.labels)} | {name: jsonable(values) for name, values in arrays.items()}


def confusion_matrix(true: ArrayLike, predicted: ArrayLike, labels: ArrayLike) -> ConfusionMatrix:
    """Return how often each class was predicted for each.

    >>> from modnet import confusion_matrix
    >>> confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], ["cat", "dog"]).counts.tolist()
    [[1, 1], [0, 2]]

    Args:
        true: The class of each sample, as an index into ``labels``, (samples,).
        predicted: The predicted class, likewise.
        labels: The classes.
    """
    names = tuple(np.asarray(labels).tolist())
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (np.asarray(true, dtype=np.intp), np.asarray(predicted, dtype=np.intp)), 1)
    return ConfusionMatrix(names, counts)


def confusion_of(network: Network, samples: Samples) -> ConfusionMatrix | None:
    """Return the confusion matrix of a network on samples as they enter it; None where there are no two classes."""
    true = samples.targets.codes
    if network.classes is None or len(network.classes) < 2 or true is None:
        return None
    predicted = np.empty(len(true), dtype=np.intp)
    with np.errstate(all="ignore"):  # outputs may be NaN
        for start in range(0, len(true), network.chunk):
            rows = slice(start, start + network.chunk)
            predicted[rows] = predict_codes(network.to_predictions(network.forward(samples.x[rows])))
    return confusion_matrix(true, predicted, network.classes)


def _ratio(numerators: NDArray[np.int64], denominators: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
        return numerators / denominators
