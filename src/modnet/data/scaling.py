"""Scaling of features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.data.row_source import ArrayOrSource, RowSource
from modnet.data.validation import BLOCK, PIECE_BYTES, RowNumbers, blocks, check_finite

__all__ = ["Scaling", "prepare"]

Vector: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scaling:
    """x ↦ (x − shift) · factor, feature by feature.

    Attributes:
        shift: float64, of the shape of one sample: (features,).
        factor: The same.
    """

    shift: Vector
    factor: Vector

    @classmethod
    def fit(cls, kind: Literal["standard", "min-max"], x: ArrayOrSource) -> Self:
        """Return the scaling of ``x`` (samples, ...) to mean 0 and standard deviation 1, or to the range [0, 1].

        The deviation is that of the population (divided by n). A feature that is constant up to rounding is only
        shifted. The mean and the deviation are computed about the first sample, in units of a power of two near
        the largest value, so that nothing overflows and a small spread around a large value is not lost; the
        variance is corrected by the square of the remaining mean (T. Chan, G. Golub and R. LeVeque, "Algorithms
        for Computing the Sample Variance", 1983).

        Rows are read in blocks, in one pass for the range and two more for the deviation.

        Raises:
            DataError: a feature whose spread is too large or too small for a float.
        """
        low, high = _range(x)
        with np.errstate(all="ignore"):  # what overflows is refused below
            shift, spread = (low, high - low) if kind == "min-max" else _mean_and_deviation(x, low, high)
            factor = 1.0 / np.where((low == high) | (spread < _rounding(x, low, high)), 1.0, spread)
        invalid = ~(np.isfinite(shift) & np.isfinite(factor) & (factor > 0))
        if invalid.any():
            column = int(np.argmax(invalid))
            raise DataError(
                f"scaling '{kind}': column {column} (counted from 0) ranges from {low[column]:g} "
                f"to {high[column]:g}, a spread that a float cannot hold"
            )
        return cls(shift.reshape(x.shape[1:]), factor.reshape(x.shape[1:]))

    def apply(self, x: NDArray[Any], numbers: RowNumbers | None = None) -> NDArray[Any]:
        """Return the scaled samples, of x's shape and dtype (computed in float64).

        Raises:
            DataError: another number of features, or a value that becomes non-finite; ``numbers`` are what it calls the
                rows.
        """
        if x.shape[1:] != self.shift.shape:
            raise DataError(f"the scaling expects samples of shape {self.shift.shape}, got {x.shape[1:]}")
        scaled = np.empty(x.shape, x.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            for rows in blocks(x, PIECE_BYTES):
                distances = x[rows] - self.shift
                distances *= self.factor
                scaled[rows] = distances
        check_finite(scaled, "scaled x", numbers)
        return scaled


def prepare(rows: ArrayOrSource, scaling: Scaling | None, dtype: np.dtype[Any], where: str) -> ArrayOrSource:
    """Return raw rows as they enter a network: scaled, and of its dtype.

    Raises:
        DataError: a number becomes infinite by the scaling or in the dtype; of a source, when it is read.
    """
    if not isinstance(rows, RowSource):
        return _prepare(scaling, dtype, rows, where)
    return rows.map(partial(_prepare, scaling, dtype), dtype) if scaling or rows.dtype != dtype else rows


def _prepare(
    scaling: Scaling | None, dtype: np.dtype[Any], rows: NDArray[Any], where: str, numbers: RowNumbers | None = None
) -> NDArray[Any]:
    if scaling is not None:
        rows = scaling.apply(rows.astype(np.float64, copy=False), numbers)
    if rows.dtype.itemsize <= dtype.itemsize:
        return np.ascontiguousarray(rows, dtype=dtype)
    with np.errstate(over="ignore"):  # an overflow is reported below
        narrowed = np.ascontiguousarray(rows, dtype=dtype)
    check_finite(narrowed, f"{where} as {dtype}", numbers)
    return narrowed


def _range(x: ArrayOrSource) -> tuple[Vector, Vector]:
    """Return the least and the largest value of each feature."""
    low = high = None
    for rows in blocks(x):
        table = _table(x, rows)
        least, most = table.min(axis=0), table.max(axis=0)
        low = least if low is None else np.minimum(low, least)
        high = most if high is None else np.maximum(high, most)
    return np.asarray(low, np.float64), np.asarray(high, np.float64)


def _rounding(x: ArrayOrSource, low: Vector, high: Vector) -> Vector:
    """Return up to which spread the values of each feature may differ by rounding alone.

    In float64 it is n·ε of the largest value, as in scikit-learn's ``StandardScaler``, whose bound on the variance is
    (n·mean·ε)². In both dtypes it is at least 10·ε, what several roundings leave. The n would be too much in float32:
    for a million samples, a tenth of the value.
    """
    relative = max(len(x) * float(np.finfo(np.float64).eps), 10 * float(np.finfo(x.dtype).eps))
    bound: Vector = relative * np.maximum(np.abs(low), np.abs(high))
    return bound


def _mean_and_deviation(x: ArrayOrSource, low: Vector, high: Vector) -> tuple[Vector, Vector]:
    unit = np.ldexp(1.0, np.frexp(np.maximum(np.abs(low), np.abs(high)))[1] - 1)  # dividing by it rounds nothing
    origin = _table(x, slice(0, 1))[0].astype(np.float64) / unit
    (mean,) = _moments(x, unit, origin, 1)
    origin = origin + mean
    rest, square = _moments(x, unit, origin, 2)
    return origin * unit, np.sqrt(square - rest * rest) * unit


def _moments(x: ArrayOrSource, unit: Vector, origin: Vector, count: int) -> list[Vector]:
    """Return the means of the first powers of (x / unit − origin), added up in groups of `BLOCK` rows."""
    totals, groups = np.zeros((2, count, unit.size))
    for rows in blocks(x):
        if rows.start % BLOCK == 0:
            totals += groups
            groups[...] = 0.0
        distances = _table(x, rows) / unit - origin
        for index in reversed(range(count)):
            powers = distances ** (index + 1) if index else distances
            powers[0] += groups[index]  # so that the sums do not depend on how many rows are read together
            groups[index] = np.sum(powers, axis=0)
    return list((totals + groups) / len(x))


def _table(x: ArrayOrSource, rows: slice) -> NDArray[Any]:
    block = x[rows]
    return block.reshape(len(block), -1)
