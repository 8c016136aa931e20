"""Weighted sums of samples, from which metrics are accumulated: all are float64, and without weights each counts 1."""

from __future__ import annotations

import math
import sys

from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Metric

__all__ = ["Mean", "column_sums", "explained", "merge_moments", "moments", "or_one", "sums"]


class Mean(Metric):
    """A metric that is a mean; its ``partial`` gives what `sums` returns."""

    def value(self, total: Array) -> float:
        """Return the mean; 0 where nothing counts."""
        return float(total[0] / or_one(total[1]))


def sums(values: Array, weights: Array | None) -> Array:
    """Return Σ w · value and Σ w of values with a row for each sample."""
    xp = namespace(values)
    if weights is None:
        total = xp.sum(values)
        return xp.stack([total, xp.zeros_like(total) + float(math.prod(values.shape))])
    w = xp.reshape(xp.astype(weights, xp.float64), (-1,) + (1,) * (values.ndim - 1)) + xp.zeros_like(values)
    return xp.stack([xp.sum(w * values), xp.sum(w)])


def column_sums(values: Array, weights: Array | None) -> Array:
    """Return Σ w · value of each column."""
    xp = namespace(values)
    return xp.sum(values if weights is None else xp.astype(weights, xp.float64)[:, None] * values, axis=0)


def moments(values: Array, weights: Array | None) -> Array:
    """Return of each column: Σ w, the mean, and Σ w · (value − mean)²; shape (3, columns)."""
    xp = namespace(values)
    count = column_sums(xp.ones_like(values), weights)
    mean = column_sums(values, weights) / or_one(count)
    return xp.stack([count, mean, column_sums((values - mean) ** 2, weights)])


def merge_moments(first: Array, second: Array) -> Array:
    """Return the moments of two sets of samples together (Chan, Golub and LeVeque, 1983)."""
    xp = namespace(first)
    count = first[0, :] + second[0, :]
    shift, divisor = second[1, :] - first[1, :], or_one(count)
    mean = first[1, :] + shift * (second[0, :] / divisor)
    spread = first[2, :] + second[2, :] + shift * shift * (first[0, :] * second[0, :] / divisor)
    return xp.stack([count, mean, spread])


def explained(targets: Array, unexplained: Array) -> float:
    """Return the mean over the outputs of 1 − unexplained / Σ (y − ȳ)², from the moments of the targets.

    Targets that are all equal up to rounding count as 1 where what is unexplained is 0 up to rounding, and else as 0.
    """
    xp = namespace(targets)
    spread, rounding = targets[2, :], targets[0, :] * (10.0 * sys.float_info.epsilon * targets[1, :]) ** 2
    flat = spread <= rounding
    ratio = unexplained / xp.where(flat, xp.ones_like(spread), spread)
    return float(xp.mean(xp.where(flat, xp.astype(unexplained <= rounding, xp.float64), 1.0 - ratio)))


def or_one(count: Array) -> Array:
    """Return a sum of weights to divide by: 1 where it is 0, as what is divided is."""
    xp = namespace(count)
    return xp.where(count > 0.0, count, xp.ones_like(count))
