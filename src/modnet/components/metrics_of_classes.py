"""Metrics of classes and of labels, whose partial sums are added up.

Classes are predicted by the largest output, or by one output above ½, and labels above ½ each. What is
said of numbers of samples holds for sums of their weights where there are any. Values are those of scikit-learn.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from pydantic import Field, PrivateAttr

from modnet.components.weighted import Mean, column_sums, or_one, sums
from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Metric, Task

__all__ = ["F1", "BalancedAccuracy", "LogLoss", "MatthewsCorrelation", "Precision", "Recall", "TopKAccuracy"]


def require_classes(kind: str, task: Task, *, or_labels: bool = False) -> None:
    """Refuse targets that are numbers and, unless the metric is defined for them, several labels.

    Raises:
        ValueError: the metric ``kind`` is not defined for the task.
    """
    if task.multi_label and not or_labels:
        allowed = "accuracy, binary-accuracy, precision, recall, f1, roc-auc, average-precision, cost"
        raise ValueError(f"{kind} needs one class for each sample, and the targets are labels; allowed: {allowed}")
    if not (task.classes or task.multi_label):
        allowed = "mean-squared-error, mean-absolute-error, r2, cost"
        raise ValueError(f"{kind} needs classes, and the targets are numbers; allowed: {allowed}")


def columns_of_classes(values: Array) -> Array:
    """Return predictions or targets, float64, with a column for each class: one column becomes 1 − a and a."""
    xp = namespace(values)
    values = xp.astype(values, xp.float64)
    return xp.concat([1.0 - values, values], axis=1) if values.shape[1] == 1 else values


def counts(a: Array, y: Array, weights: Array | None, *, labels: bool) -> Array:
    """Return of each class or label the samples rightly predicted as it, those predicted as it, and those of it.

    From these three rows, (3, classes), every metric of a confusion matrix's diagonal and margins is computed.
    """
    xp = namespace(a)
    if labels:
        predicted, true = xp.astype(a > 0.5, xp.float64), xp.astype(y, xp.float64)
    elif a.shape[1] == 1:
        predicted, true = columns_of_classes(a > 0.5), columns_of_classes(y)
    else:
        best = xp.argmax(a, axis=1)[:, None] == xp.arange(a.shape[1])[None, :]
        predicted, true = xp.astype(best, xp.float64), xp.astype(y, xp.float64)
    return xp.stack([column_sums(values, weights) for values in (predicted * true, predicted, true)])


class OfClassesOrLabels(Metric):
    """A metric that is defined for classes, and averaged over the labels where a sample may have several."""

    _labels: bool = PrivateAttr(default=False)

    def check(self, task: Task) -> None:
        """Refuse targets that are numbers."""
        require_classes(self.kind, task, or_labels=True)

    def for_task(self, task: Task) -> Metric:
        """Return the metric of labels for several labels: outputs and targets alone do not tell them from classes."""
        if not task.multi_label:
            return self
        metric = self.model_copy()
        metric._labels = True  # noqa: SLF001 -- of its own class
        return metric


class _OfEachClass(OfClassesOrLabels):
    """A score of each class, or of each label, and how the scores are averaged."""

    average: Literal["macro", "weighted", "none"] = Field(
        default="macro",
        description='`"macro"` is the mean over the classes or labels, `"weighted"` weighs each by its samples, and '
        '`"none"` gives one number for each class or label',
    )

    @property
    def label(self) -> str:
        """The name of the metric in the history, with ``_weighted`` where classes are weighed by their samples."""
        return super().label + ("_weighted" if self.average == "weighted" else "")

    def names(self, task: Task) -> tuple[str, ...]:
        """Return ``class_0``, ``class_1``, … in the order of the network's classes, or ``label_0``, …."""
        if self.average != "none":
            return ()
        count = task.outputs if task.multi_label else max(task.outputs, 2)
        return tuple(f"{'label' if task.multi_label else 'class'}_{index}" for index in range(count))

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return of each class the samples rightly predicted as it, those predicted as it, and those of it."""
        return counts(a, y, weights, labels=self._labels)

    def value(self, total: Array) -> float | dict[str, float]:
        """Return the average, or the score of each class by name."""
        xp = namespace(total)
        scores = self._scores(total[0, :], total[1, :], total[2, :])
        if self.average == "none":
            name = "label" if self._labels else "class"
            return {f"{name}_{index}": float(scores[index]) for index in range(scores.shape[0])}
        if self.average == "macro":
            return float(xp.mean(scores))
        return float(xp.sum(scores * total[2, :]) / or_one(xp.sum(total[2, :])))

    @abstractmethod
    def _scores(self, right: Array, predicted: Array, true: Array) -> Array:
        """Return the score of each class."""


class Precision(_OfEachClass):
    """Of the samples predicted as a class, the share that are of it: TP / (TP + FP), averaged over the classes.

    A class that is never predicted counts as 0. With several labels it is averaged over the labels. Source:
    van Rijsbergen, "Information Retrieval" (1979), chapter 7.
    """

    kind: Literal["precision"] = "precision"
    also_known_as: ClassVar[tuple[str, ...]] = ("precision-score", "positive-predictive-value", "ppv")

    def _scores(self, right: Array, predicted: Array, true: Array) -> Array:
        del true
        return right / or_one(predicted)


class Recall(_OfEachClass):
    """Of the samples of a class, the share that are predicted as it: TP / (TP + FN), averaged over the classes.

    A class without samples counts as 0. With several labels it is averaged over the labels. Source: van Rijsbergen,
    "Information Retrieval" (1979), chapter 7.
    """

    kind: Literal["recall"] = "recall"
    also_known_as: ClassVar[tuple[str, ...]] = ("recall-score", "sensitivity", "true-positive-rate", "tpr")

    def _scores(self, right: Array, predicted: Array, true: Array) -> Array:
        del predicted
        return right / or_one(true)


class F1(_OfEachClass):
    """2 TP / (2 TP + FP + FN), the harmonic mean of a class's precision and recall, averaged over the classes.

    A class that has no samples and is never predicted counts as 0. With several labels it is averaged over the labels.
    Source: van Rijsbergen, "Information Retrieval" (1979), chapter 7.
    """

    kind: Literal["f1"] = "f1"
    also_known_as: ClassVar[tuple[str, ...]] = ("f1-score", "f-score", "f-measure", "f1-macro")

    def _scores(self, right: Array, predicted: Array, true: Array) -> Array:
        return 2.0 * right / or_one(predicted + true)


class _OfClasses(Metric):
    """A metric that is defined where each sample has one class."""

    def check(self, task: Task) -> None:
        """Refuse targets that are numbers or several labels."""
        require_classes(self.kind, task)


class _OfAllClasses(_OfClasses):
    """One number of all classes together."""

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return of each class the samples rightly predicted as it, those predicted as it, and those of it."""
        return counts(a, y, weights, labels=False)


class BalancedAccuracy(_OfAllClasses):
    """The mean over the classes of the share of a class's samples that are predicted as it.

    Always answering one of K classes gives 1/K. Classes without samples are left out of the mean. Source: Brodersen
    et al., "The balanced accuracy and its posterior distribution" (2010).
    """

    kind: Literal["balanced-accuracy"] = "balanced-accuracy"
    also_known_as: ClassVar[tuple[str, ...]] = ("balanced-accuracy-score", "bac")

    def value(self, total: Array) -> float:
        """Return the mean share of the classes that have samples."""
        xp = namespace(total)
        present = xp.sum(xp.astype(total[2, :] > 0.0, xp.float64))
        return float(xp.sum(total[0, :] / or_one(total[2, :])) / or_one(present))


class MatthewsCorrelation(_OfAllClasses):
    """The correlation of true and predicted classes, from −1 to 1; guessing gives about 0.

    It is 0 where all samples are of one class, or all are predicted as one. Source: Gorodkin, "Comparing two K-category
    assignments by a K-category correlation coefficient" (2004); for two classes Matthews (1975).
    """

    kind: Literal["matthews-correlation"] = "matthews-correlation"
    also_known_as: ClassVar[tuple[str, ...]] = ("mcc", "matthews-corrcoef", "phi-coefficient")

    def value(self, total: Array) -> float:
        """Return the correlation."""
        xp = namespace(total)
        right, predicted, true = (total[row, :] / or_one(xp.sum(total[2, :])) for row in range(3))
        # Σ p (Σ p − p) instead of (Σ p)² − Σ p²: exactly 0 where there is one class only, and the result exactly 1
        # where all is right.
        spreads = [xp.sum(share * (xp.sum(share) - share)) for share in (predicted, true)]
        covariance = xp.sum(predicted * (xp.sum(true) - true) - (predicted - right) * xp.sum(true))
        product = spreads[0] * spreads[1]
        return float(covariance / xp.sqrt(product)) if product > 0.0 else 0.0


class LogLoss(Mean, _OfClasses):
    """−ln a of the output of a sample's class, averaged over the samples; of one output, −ln a or −ln (1 − a).

    Outputs are taken as probabilities, and those below ε or above 1 − ε as ε and 1 − ε, with ε of their dtype; they are
    not divided by their sum. Source: Good, "Rational Decisions" (1952).
    """

    kind: Literal["log-loss"] = "log-loss"
    also_known_as: ClassVar[tuple[str, ...]] = ("neg-log-loss", "cross-entropy", "logistic-loss")
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the sum of −ln a, and the number of samples."""
        xp = namespace(a)
        rounding = float(xp.finfo(a.dtype).eps)
        inside = xp.clip(columns_of_classes(a), rounding, 1.0 - rounding)
        return sums(-xp.sum(columns_of_classes(y) * xp.log(inside), axis=1), weights)


class TopKAccuracy(Mean, _OfClasses):
    """The share of samples whose class is among the k largest outputs; of equal outputs, the later ones count first.

    Its name in the history is ``top_3_accuracy`` for k = 3. As many outputs as classes would always give 1, so k is
    less than the number of classes.
    """

    kind: Literal["top-k-accuracy"] = "top-k-accuracy"
    also_known_as: ClassVar[tuple[str, ...]] = ("top-k", "top-k-accuracy-score", "top-k-categorical-accuracy")
    k: int = Field(default=2, ge=1, description="how many of the largest outputs count")

    @property
    def label(self) -> str:
        """The name of the metric in the history, with the number of outputs that count."""
        return f"top_{self.k}_accuracy"

    def check(self, task: Task) -> None:
        """Refuse targets that are numbers or several labels, and as many outputs as there are classes."""
        super().check(task)
        classes = max(task.outputs, 2)
        if self.k >= classes:
            raise ValueError(f"k = {self.k} of {classes} classes would always give 1; allowed: from 1 to {classes - 1}")

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the number of samples whose class is among the k largest outputs, and of all samples."""
        xp = namespace(a)
        a, index = columns_of_classes(a), xp.argmax(columns_of_classes(y), axis=1)[:, None]
        place = xp.arange(a.shape[1])[None, :]
        output = xp.sum(xp.where(place == index, a, xp.zeros_like(a)), axis=1)[:, None]
        ahead = (a > output) | ((a == output) & (place > index))
        return sums(xp.astype(xp.sum(xp.astype(ahead, xp.int64), axis=1) < self.k, xp.float64), weights)
