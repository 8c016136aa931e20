"""What is done with samples between their source and the network: checked, scaled, understood, divided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.data.labels import Targets
from modnet.data.validation import BLOCK, check_finite

__all__ = ["Scaling", "split"]


@dataclass(frozen=True, eq=False)
class Scaling:
    """x ↦ (x − shift) · factor, feature by feature.

    Attributes:
        shift: float64, of the shape of one sample: (features,).
        factor: The same.
    """

    shift: NDArray[np.float64]
    factor: NDArray[np.float64]

    @classmethod
    def fit(cls, kind: Literal["standard", "min-max"], x: NDArray[Any]) -> Self:
        """Return the scaling that gives ``x`` (samples, ...) mean 0 and deviation 1, or the range [0, 1].

        The deviation is that of the population (divided by n). A constant feature is shifted only. The mean
        and the deviation are computed about the first sample, in units of a power of two near the largest
        value, so that nothing overflows and a small spread around a large value is not lost; the variance is
        corrected by the square of what is left of the mean (Chan, Golub and LeVeque, "Algorithms for
        Computing the Sample Variance", 1983).

        Raises:
            DataError: a feature whose spread is too large or too small for a float.
        """
        table = x.reshape(len(x), -1)
        low, high = table.min(axis=0).astype(np.float64), table.max(axis=0).astype(np.float64)
        with np.errstate(all="ignore"):  # what overflows is found below
            if kind == "min-max":
                shift, spread = low, high - low
            else:
                shift, spread = _moments(table, low, high)
            factor = 1.0 / np.where(low == high, 1.0, spread)
        wrong = ~(np.isfinite(shift) & np.isfinite(factor) & (factor > 0))
        if wrong.any():
            column = int(np.argmax(wrong))
            raise DataError(
                f"scaling '{kind}': column {column} (counted from 0) runs from {low[column]:g} "
                f"to {high[column]:g}, a spread that a float cannot hold"
            )
        return cls(shift.reshape(x.shape[1:]), factor.reshape(x.shape[1:]))

    def apply(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the scaled samples, of x's shape and dtype (computed in float64).

        Raises:
            DataError: another number of features, or a value that does not stay finite.
        """
        if x.shape[1:] != self.shift.shape:
            raise DataError(f"the scaling expects samples of shape {self.shift.shape}, got {x.shape[1:]}")
        scaled = np.empty(x.shape, x.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found below
            for start in range(0, len(x), BLOCK):
                rows = slice(start, start + BLOCK)
                scaled[rows] = (x[rows] - self.shift) * self.factor
        check_finite(scaled, "scaled x")
        return scaled


def _moments(table: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and deviation of each column."""
    largest = np.maximum(np.abs(low), np.abs(high))
    unit = np.ldexp(1.0, np.frexp(largest)[1] - 1)  # a power of two: dividing by it rounds nothing
    origin = table[0].astype(np.float64) / unit
    rest = _mean(table, unit, origin, 1)
    origin = origin + rest
    rest = _mean(table, unit, origin, 1)
    variance = _mean(table, unit, origin, 2) - rest * rest
    return origin * unit, np.sqrt(variance) * unit


def _mean(table: NDArray[Any], unit: NDArray[Any], origin: NDArray[Any], power: int) -> NDArray[Any]:
    total = np.zeros(table.shape[1])
    for start in range(0, len(table), BLOCK):
        total += np.sum((table[start : start + BLOCK] / unit - origin) ** power, axis=0)
    return total / len(table)


def split(y: Targets, share: float, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the row numbers, sorted, that train and that validate: round(share · n) validate, at least 1.

    Classes are drawn from in proportion (the largest remainders get what rounding leaves over), and every
    class keeps a sample to train with.

    Raises:
        DataError: there is no sample to spare.
    """
    codes = np.zeros(len(y), dtype=np.intp) if y.codes is None else y.codes
    counts = np.bincount(codes)
    spare = np.maximum(counts - 1, 0)
    total = min(max(round(share * len(codes)), 1), int(spare.sum()))
    if total == 0:
        raise DataError(f"validation_share = {share:g} needs a sample to spare, and no class has more than one")
    take = np.minimum(np.floor(share * counts).astype(np.intp), spare)
    by_remainder = np.argsort(take - share * counts, kind="stable")
    while int(take.sum()) < total:
        for code in by_remainder[take[by_remainder] < spare[by_remainder]][: total - int(take.sum())]:
            take[code] += 1
    drawn = [rng.permutation(np.flatnonzero(codes == code))[:some] for code, some in enumerate(take.tolist())]
    validate = np.zeros(len(codes), dtype=bool)
    validate[np.concatenate(drawn)] = True
    return np.flatnonzero(~validate), np.flatnonzero(validate)
