"""Scores: how good predictions are, beside those of the best constant answer (a baseline, scikit-learn's dummy)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.interfaces import Metric
from modnet.core.messages import short_repr
from modnet.data.labels import Targets
from modnet.data.prepared import Samples
from modnet.network.decoding import predict_codes
from modnet.network.network import Network, Vector

__all__ = ["ClassScores", "Scorer", "Scores", "score"]

_MORE, _TIMES, _FEWER = 0.1, 1.5, 0.5
"""Classes are uneven where the largest has a share of its even share, 1/K, and this much more, or so many times it, or
where the smallest has less than this part of it."""


@dataclass(frozen=True)
class ClassScores:
    """How well the classes are told apart; all shares are of the samples, weighted where these have weights.

    Attributes:
        classes: The number of classes, K.
        accuracy: The share of the samples that are classified correctly.
        balanced_accuracy: The mean over the classes that have samples of the share of each that is classified correctly
            (Brodersen et al., 2010).
        largest: The class of the most samples, an index; always answering it is the best constant answer.
        baseline: The accuracy of always answering it: its share of the samples.
        smallest: The share of the class of the fewest samples.
        present: The number of classes that have samples.
        chance_error: The standard error of the balanced accuracy of as many answers of each class, given at random.
        answer: The class that every sample is classified as, an index; None where there is more than one.
        answer_count: The number of samples of that class, whatever they weigh; None where there is more than one.
    """

    classes: int
    accuracy: float
    balanced_accuracy: float
    largest: int
    baseline: float
    smallest: float
    present: int
    chance_error: float
    answer: int | None
    answer_count: int | None

    @classmethod
    def of(
        cls, right: Vector, predicted: Vector, true: Vector, samples: int, counts: Vector | None = None
    ) -> ClassScores:
        """Return the scores of so many samples.

        Args:
            right: Of each class, (classes,), the sum of the weights of the samples that are rightly predicted as it.
            predicted: The same of the samples that are predicted as it.
            true: The same of the samples that are of it.
            samples: The number of samples.
            counts: Of each class, (classes,), the number of samples that are of it; None: as ``true``, without weights.
        """
        total, present = float(true.sum()) or 1.0, true > 0
        recalls, shares = right[present] / true[present], predicted[present] / total
        variances = shares * (1.0 - shares) / (samples * true[present] / total)  # of each recall, by chance
        answered, largest = np.flatnonzero(predicted), int(np.argmax(true))
        answer = int(answered[0]) if len(answered) == 1 else None
        return cls(
            classes=len(true),
            accuracy=float(right.sum()) / total,
            balanced_accuracy=float(recalls.mean()) if len(recalls) else 0.0,
            largest=largest,
            baseline=float(true[largest]) / total,
            smallest=float(true.min()) / total,
            present=len(recalls),
            chance_error=float(np.sqrt(variances.sum())) / max(len(recalls), 1),
            answer=answer,
            answer_count=None if answer is None else round(float((true if counts is None else counts)[answer])),
        )

    @property
    def uneven(self) -> bool:
        """Whether accuracy alone would mislead.

        That is where the largest class has at least 10 percentage points, or half, more than its even share, 1/K, or
        the smallest less than half of it. For two classes: where the larger has 60 % of the samples.
        """
        even = 1.0 / self.classes
        too_large = self.baseline >= min(even + _MORE, even * _TIMES) - 1e-12
        return too_large or self.smallest < even * _FEWER

    @property
    def skill(self) -> float:
        """The balanced accuracy, adjusted for chance as in scikit-learn: 0 for one answer, 1 where all is right."""
        chance = 1.0 / max(self.present, 1)
        return (self.balanced_accuracy - chance) / (1.0 - chance) if chance < 1.0 else 0.0

    @property
    def skill_error(self) -> float:
        """The standard error of ``skill`` where the answers have nothing to do with the classes."""
        return self.chance_error / (1.0 - 1.0 / self.present) if self.present > 1 else 0.0

    def remark(self, labels: NDArray[Any] | None, *, balanced: bool = True) -> str:
        """Return what belongs beside the accuracy where classes are uneven; empty where they are even.

        ``balanced`` is whether the balanced accuracy is that of the same predictions as the accuracy.
        """
        if not self.uneven:
            return ""
        label = self.largest if labels is None else labels[self.largest]
        always = f"always answering {short_repr(label)} would give {self.baseline:.2%}"
        return f"balanced {self.balanced_accuracy:.2%}; {always}" if balanced else always


@dataclass(frozen=True)
class Scores:
    """How good predictions are, beside the best that are the same for every sample.

    Attributes:
        samples: The number of samples.
        cost: Their mean cost, without penalties.
        constant_cost: That of the best constant prediction, the mean of the targets.
        classes: How well classes are told apart; None where the targets are numbers or several labels.
        r2: The explained share of the variance of numbers; else None.
    """

    samples: int
    cost: float
    constant_cost: float
    classes: ClassScores | None = None
    r2: float | None = None

    def remark(self, labels: NDArray[Any] | None = None) -> str:
        """Return what belongs beside the accuracy where classes are uneven; else it is empty."""
        return "" if self.classes is None else self.classes.remark(labels)

    @property
    def explained(self) -> float:
        """How far the cost is below that of the best constant prediction: 0 is nothing learnt, 1 is everything."""
        if self.constant_cost > 0:
            return 1.0 - self.cost / self.constant_cost
        return 1.0 if self.cost < self.constant_cost else 0.0  # a cost that may be negative has no share


class Scorer:
    """Adds up the scores of a network's outputs, piece by piece."""

    def __init__(self, network: Network) -> None:
        self._network, task = network, network.task
        self._counts = np.zeros((4, max(task.outputs, 2))) if task.classes else None
        self._r2 = None if task.classes or task.multi_label else Metric.resolve("r2")
        self._r2_total: Any = None
        self._samples, self._cost, self._weight = 0, 0.0, 0.0
        self._sum: Vector | None = None

    def update(self, a: Vector, y: Vector, weights: Vector | None = None) -> None:
        """Add outputs, targets, and perhaps weights, (samples,), of some samples."""
        w = np.ones(len(a)) if weights is None else np.asarray(weights, np.float64)
        self._samples += len(a)
        self._cost += float(np.dot(self._network.cost(a, y).astype(np.float64), w))
        self._weight += float(w.sum())
        means = np.einsum("i,ij->j", w, y if a.shape == y.shape else a, dtype=np.float64)
        self._sum = means if self._sum is None else self._sum + means
        predictions = self._network.to_predictions(a)
        if self._counts is not None:
            predicted, true = predict_codes(predictions), predict_codes(y)
            for row, codes, of in zip(
                self._counts, (true, predicted, true, true), (w * (predicted == true), w, w, None), strict=True
            ):
                row += np.bincount(codes, of, len(row))
        if self._r2 is not None:
            piece = self._r2.partial(predictions, self._network.to_target_units(y), weights)
            self._r2_total = piece if self._r2_total is None else self._r2.merge(self._r2_total, piece)

    def compute(self, targets: Targets, weights: Vector | None = None) -> Scores:
        """Return the scores of the samples that were added; these are their targets, and perhaps weights."""
        counts = self._counts
        r2 = None if self._r2 is None or self._r2_total is None else self._r2.value(self._r2_total)
        return Scores(
            samples=self._samples,
            cost=self._cost / (self._weight or 1.0),
            constant_cost=self._constant_cost(targets, weights),
            classes=None
            if counts is None
            else ClassScores.of(counts[0], counts[1], counts[2], self._samples, counts[3]),
            r2=r2 if isinstance(r2, float) else None,
        )

    def _constant_cost(self, targets: Targets, weights: Vector | None) -> float:
        """Return the mean cost of predicting the mean target for every sample.

        Of classes one row for each stands for all. Where a cost wants other outputs than a target's values, it is the
        mean of the outputs, for want of a better.
        """
        network, total = self._network, 0.0
        if self._sum is None:
            return 0.0
        if self._counts is not None:
            count = self._counts.shape[1]
            labels = network.classes if targets.classes is None else targets.classes
            targets, weights = Targets(classes=labels, codes=np.arange(count, dtype=np.uint32)), self._counts[2]
        mean = (self._sum / (self._weight or 1.0)).astype(network.dtype)
        for start in range(0, len(targets), network.chunk):
            y = targets.batch(slice(start, start + network.chunk), network.dtype, network.target_width)
            costs = network.cost(np.broadcast_to(mean, (len(y), len(mean))), y).astype(np.float64)
            total += float(costs.sum() if weights is None else np.dot(costs, weights[start : start + network.chunk]))
        return total / (self._weight or 1.0)


def score(network: Network, samples: Samples) -> Scores:
    """Return the scores of a network on samples as they enter it; a number may be NaN or infinite, as its outputs."""
    scorer = Scorer(network)
    with np.errstate(all="ignore"):
        for start in range(0, len(samples), network.chunk):
            rows = slice(start, start + network.chunk)
            y = samples.targets.batch(rows, network.dtype, network.target_width)
            weights = None if samples.weights is None else samples.weights[rows]
            scorer.update(network.forward(samples.x[rows]), y, weights)
        return scorer.compute(samples.targets, samples.weights)
