"""Statistics of columns that are read block by block; the sums do not depend on the size of the blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from modnet.core.interfaces import ColumnBlocks

__all__ = ["mean_and_deviation", "means", "quantiles", "value_range"]

Vector = NDArray[np.float64]
Rows = NDArray[np.float64]

GROUP = 4096
"""How many rows are added up before their sum is added to the total; blocks have at most so many, a power of two."""
GATHERED_BYTES = 256 << 20
"""How many bytes of columns are gathered in memory at a time, for their quantiles."""
LEAST = 2.0**-60
"""Sums of fewer rows than 2⁶⁰ do not overflow if their numbers are multiplied by it."""


def value_range(rows: ColumnBlocks) -> tuple[Vector, Vector]:
    """Return the least and the largest value of each column, (columns,)."""
    low, high = np.full(rows.columns, np.inf), np.full(rows.columns, -np.inf)
    for block in rows:
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    return low, high


def mean_and_deviation(rows: ColumnBlocks, low: Vector, high: Vector) -> tuple[Vector, Vector]:
    """Return mean and standard deviation (divided by n) of columns within a range; two passes.

    They are computed about the first row, in units of a power of two near the largest value, so that nothing overflows
    and a small spread around a large value is not lost; the variance is corrected by the square of the remaining mean.
    """
    unit = np.ldexp(1.0, np.frexp(np.maximum(np.abs(low), np.abs(high)))[1] - 1)  # dividing by it rounds nothing
    origin = next(iter(rows))[0] / unit
    (mean,) = _moments(rows, unit, origin, 1)
    origin = origin + mean
    rest, square = _moments(rows, unit, origin, 2)
    return origin * unit, np.sqrt(square - rest * rest) * unit


def means(rows: ColumnBlocks) -> Vector:
    """Return the mean of each column's values, without those that are missing; NaN without values. Two passes."""
    count = np.sum([np.count_nonzero(~np.isnan(block), axis=0) for block in rows], axis=0)
    with np.errstate(invalid="ignore", over="ignore"):  # 0 / 0 of a column without values is NaN
        mean: Vector = _sums(np.where(np.isnan(block), 0.0, block) for block in rows) / count
        if np.isinf(mean).any():  # their sum overflows, not their mean
            small = _sums(np.where(np.isnan(block), 0.0, block * LEAST) for block in rows) / count / LEAST
            mean = np.where(np.isinf(mean), small, mean)
    return mean


def _moments(rows: ColumnBlocks, unit: Vector, origin: Vector, count: int) -> list[Vector]:
    """Return the means of the first powers of (x / unit − origin): the first, or the first two."""

    def powers() -> Iterator[Rows]:
        for block in rows:
            distances = block / unit - origin
            yield distances if count == 1 else np.concatenate([distances, distances * distances], axis=1)

    return np.split(_sums(powers()) / len(rows), count)


def _sums(blocks: Iterable[Rows]) -> Vector:
    """Return the sums of columns, row after row in groups of `GROUP`, however many rows are read together.

    NumPy adds up a column that lies in one piece in another order, so there are several in rows, or running sums. The
    blocks are written to.
    """
    total = group = np.zeros(())
    start = 0
    for block in blocks:
        if start % GROUP == 0:
            total, group = total + group, np.zeros(())
        start += len(block)
        added = np.ascontiguousarray(block)
        added[0] += group
        group = np.sum(added, axis=0) if added.shape[1] > 1 else np.cumsum(added, axis=0)[-1]
    return np.asarray(total + group)


def quantiles(rows: ColumnBlocks, shares: Sequence[float]) -> list[Vector]:
    """Return quantiles of each column's values, interpolated linearly, without those that are missing.

    The result has (columns,) for each share; a column without values gives NaN. The rows are read once for as many
    columns as fit into `GATHERED_BYTES`.
    """
    together = max(1, GATHERED_BYTES // (8 * len(rows)))
    found = np.empty((len(shares), rows.columns))
    for first in range(0, rows.columns, together):
        selected = slice(first, first + together)
        gathered = np.concatenate([block[:, selected].T for block in rows], axis=1)
        for offset, column in enumerate(gathered):
            values = column[~np.isnan(column)]
            found[:, first + offset] = _quantiles(values, shares) if values.size else np.nan
    return list(found)


def _quantiles(values: Vector, shares: Sequence[float]) -> Vector:
    """Return quantiles of values; a distance between two of them may be more than a float can hold."""
    if np.max(np.abs(values)) < 0.5 * np.finfo(np.float64).max:
        return np.asarray(np.quantile(values, shares))
    return np.asarray(np.quantile(0.5 * values, shares) / 0.5)
