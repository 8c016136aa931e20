"""Scaling of features, and the stratified split of training samples into training and validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.data.labels import Targets
from modnet.data.validation import blocks, check_finite

__all__ = ["Scaling", "split"]

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
    def fit(cls, kind: Literal["standard", "min-max"], x: NDArray[Any]) -> Self:
        """Return the scaling of ``x`` (samples, ...) to mean 0 and standard deviation 1, or to the range [0, 1].

        The deviation is that of the population (divided by n). A constant feature is only shifted. The mean
        and the deviation are computed about the first sample, in units of a power of two near the largest
        value, so that nothing overflows and a small spread around a large value is not lost; the variance is
        corrected by the square of the remaining mean (T. Chan, G. Golub and R. LeVeque, "Algorithms for
        Computing the Sample Variance", 1983).

        Raises:
            DataError: a feature whose spread is too large or too small for a float.
        """
        table = x.reshape(len(x), -1)
        low, high = table.min(axis=0).astype(np.float64), table.max(axis=0).astype(np.float64)
        with np.errstate(all="ignore"):  # what overflows is refused below
            shift, spread = (low, high - low) if kind == "min-max" else _mean_and_deviation(table, low, high)
            factor = 1.0 / np.where(low == high, 1.0, spread)
        invalid = ~(np.isfinite(shift) & np.isfinite(factor) & (factor > 0))
        if invalid.any():
            column = int(np.argmax(invalid))
            raise DataError(
                f"scaling '{kind}': column {column} (counted from 0) ranges from {low[column]:g} "
                f"to {high[column]:g}, a spread that a float cannot hold"
            )
        return cls(shift.reshape(x.shape[1:]), factor.reshape(x.shape[1:]))

    def apply(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the scaled samples, of x's shape and dtype (computed in float64).

        Raises:
            DataError: another number of features, or a value that becomes non-finite.
        """
        if x.shape[1:] != self.shift.shape:
            raise DataError(f"the scaling expects samples of shape {self.shift.shape}, got {x.shape[1:]}")
        scaled = np.empty(x.shape, x.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            for rows in blocks(len(x)):
                scaled[rows] = (x[rows] - self.shift) * self.factor
        check_finite(scaled, "scaled x")
        return scaled


def _mean_and_deviation(table: NDArray[Any], low: Vector, high: Vector) -> tuple[Vector, Vector]:
    unit = np.ldexp(1.0, np.frexp(np.maximum(np.abs(low), np.abs(high)))[1] - 1)  # dividing by it rounds nothing
    origin = table[0].astype(np.float64) / unit
    origin = origin + _moment(table, unit, origin, 1)
    rest = _moment(table, unit, origin, 1)
    variance = _moment(table, unit, origin, 2) - rest * rest
    return origin * unit, np.sqrt(variance) * unit


def _moment(table: NDArray[Any], unit: Vector, origin: Vector, power: int) -> Vector:
    total = np.zeros(table.shape[1])
    for rows in blocks(len(table)):
        total += np.sum((table[rows] / unit - origin) ** power, axis=0)
    return total / len(table)


def split(y: Targets, share: float, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the row numbers, sorted, for training and for validation: round(share · n), at least 1, for validation.

    The split is stratified: each class is sampled in proportion (the largest remainders get what rounding leaves
    over), and every class keeps a sample for training.

    Raises:
        DataError: no class has a sample to spare.
    """
    codes = np.zeros(len(y), dtype=np.intp) if y.codes is None else y.codes
    counts = np.bincount(codes)
    spare = np.maximum(counts - 1, 0)
    total = min(max(round(share * len(codes)), 1), int(spare.sum()))
    if total == 0:
        raise DataError(f"validation_share = {share:g} needs a sample to spare, and no class has more than one")
    sizes = np.minimum(np.floor(share * counts).astype(np.intp), spare)
    by_remainder = np.argsort(sizes - share * counts, kind="stable")
    while (missing := total - int(sizes.sum())) > 0:
        sizes[by_remainder[(sizes < spare)[by_remainder]][:missing]] += 1
    is_validation = np.zeros(len(codes), dtype=bool)
    for code, size in enumerate(sizes.tolist()):
        is_validation[rng.permutation(np.flatnonzero(codes == code))[:size]] = True
    return np.flatnonzero(~is_validation), np.flatnonzero(is_validation)
