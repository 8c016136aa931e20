"""Metrics of numbers: errors of outputs a against targets y, both (samples, outputs), averaged over the outputs.

What is said of numbers of samples holds for sums of their weights where there are any. Values are those of
scikit-learn.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from modnet.components.weighted import Mean, column_sums, explained, merge_moments, moments, or_one, sums
from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Metric

__all__ = ["ExplainedVariance", "MeanAbsoluteError", "MedianAbsoluteError", "RootMeanSquaredError"]


class MeanAbsoluteError(Mean):
    """Σ |a − y| / (samples · outputs)."""

    kind: Literal["mean-absolute-error"] = "mean-absolute-error"
    also_known_as: ClassVar[tuple[str, ...]] = ("mae", "l1")
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the sum of the errors, and the number of values."""
        return sums(namespace(a).abs(_error(a, y)), weights)


class RootMeanSquaredError(Metric):
    """√(Σ (a − y)² / samples) of each output, averaged over the outputs."""

    kind: Literal["root-mean-squared-error"] = "root-mean-squared-error"
    also_known_as: ClassVar[tuple[str, ...]] = ("rmse",)
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return of each output the sum of squares, and the number of samples; shape (2, outputs)."""
        error = _error(a, y)
        squares, ones = error * error, namespace(a).ones_like(error)
        return namespace(a).stack([column_sums(squares, weights), column_sums(ones, weights)])

    def value(self, total: Array) -> float:
        """Return the mean of the roots."""
        xp = namespace(total)
        return float(xp.mean(xp.sqrt(total[0, :] / or_one(total[1, :]))))


class MedianAbsoluteError(Metric):
    """The median of |a − y| over the samples, averaged over the outputs; a few large errors do not change it.

    Of an even number of samples it is the mean of the two in the middle. Samples with weights have half the sum of
    weights on either side.
    """

    kind: Literal["median-absolute-error"] = "median-absolute-error"
    also_known_as: ClassVar[tuple[str, ...]] = ("medae", "median-ae")
    better: ClassVar[Literal["higher", "lower"]] = "lower"
    needs_all_outputs: ClassVar[bool] = True

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return the median of each output."""
        xp = namespace(a)
        errors = xp.abs(_error(a, y))
        w = xp.ones_like(errors[:, 0]) if weights is None else xp.astype(weights, xp.float64)
        return xp.stack([_median(errors[:, column], w) for column in range(errors.shape[1])])

    def value(self, total: Array) -> float:
        """Return the mean of the medians."""
        return float(namespace(total).mean(total))


class ExplainedVariance(Metric):
    """1 − Var(y − a) / Var(y), averaged over the outputs: r2 without what a constant shift of the outputs costs.

    An output whose targets are all equal up to rounding counts as 1 if its errors are too, and as 0 otherwise.
    """

    kind: Literal["explained-variance"] = "explained-variance"
    also_known_as: ClassVar[tuple[str, ...]] = ("explained-variance-score",)

    def partial(self, a: Array, y: Array, weights: Array | None) -> Array:
        """Return number, mean and Σ (value − mean)² of each output's targets, then of its errors."""
        xp = namespace(a)
        return moments(xp.concat([xp.astype(y, xp.float64), _error(a, y)], axis=1), weights)

    def merge(self, first: Array, second: Array) -> Array:
        """Return the moments of two sets of samples together."""
        return merge_moments(first, second)

    def value(self, total: Array) -> float:
        """Return the mean over the outputs of 1 − Var(y − a) / Var(y)."""
        outputs = total.shape[1] // 2
        return explained(total[:, :outputs], total[2, outputs:])


def _error(a: Array, y: Array) -> Array:
    xp = namespace(a)
    return xp.astype(a, xp.float64) - xp.astype(y, xp.float64)


def _median(values: Array, weights: Array) -> Array:
    """Return the value with half the sum of weights on either side: the mean of two where both have; of none, 0."""
    xp = namespace(values)
    order = xp.argsort(values)
    values, below = xp.take(values, order), xp.cumulative_sum(xp.take(weights, order))
    half = below[-1:] / 2.0
    places = xp.concat([xp.searchsorted(below, half, side=side) for side in ("left", "right")])
    middle = xp.mean(xp.take(values, xp.clip(places, 0, values.shape[0] - 1)))
    return xp.where(half[0] > 0.0, middle, xp.zeros_like(middle))
