"""Statistics of columns that are read block by block; the sums do not depend on the size of the blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modnet.core.interfaces import ColumnBlocks

__all__ = ["mean_and_deviation", "quantiles", "value_range"]

Vector = NDArray[np.float64]

GROUP = 4096
"""How many rows are added up before their sum is added to the total; blocks have at most so many, a power of two."""
GATHERED_BYTES = 256 << 20
"""How many bytes of columns are gathered in memory at a time, for their quantiles."""


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


def _moments(rows: ColumnBlocks, unit: Vector, origin: Vector, count: int) -> list[Vector]:
    """Return the means of the first powers of (x / unit − origin), added up in groups of `GROUP` rows."""
    totals, groups = np.zeros((2, count, unit.size))
    start = 0
    for block in rows:
        if start % GROUP == 0:
            totals += groups
            groups[...] = 0.0
        start += len(block)
        distances = block / unit - origin
        for index in reversed(range(count)):
            powers = distances ** (index + 1) if index else distances
            powers[0] += groups[index]  # so that the sums do not depend on how many rows are read together
            groups[index] = np.sum(powers, axis=0)
    return list((totals + groups) / len(rows))


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
            found[:, first + offset] = np.quantile(values, shares) if values.size else np.nan
    return list(found)
