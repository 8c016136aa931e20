"""The transforms of numbers: each column is shifted, scaled or bent by itself."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modnet.components.transforms.statistics import mean_and_deviation, quantiles, value_range
from modnet.core.arrays import namespace
from modnet.core.interfaces import CellError, ColumnBlocks, ColumnChoice, Transform, TransformState, columns_field

__all__ = ["Log", "MinMax", "Passthrough", "Robust", "Standard"]

Floats = NDArray[np.float64]


class _Linear(Transform):
    """The base class of x ↦ (x − shift) · factor, column by column."""

    invertible: ClassVar[bool] = True

    def __call__(self, rows: Floats, state: TransformState) -> Floats:
        """Return (x − shift) · factor."""
        distances: Floats = rows - state["shift"]
        distances *= state["factor"]
        return distances

    def inverse(self, rows: Floats, state: TransformState) -> Floats:
        """Return x / factor + shift."""
        numbers: Floats = rows / state["factor"] + state["shift"]
        return numbers

    def _state(self, rows: ColumnBlocks, low: Floats, high: Floats, shift: Floats, spread: Floats) -> dict[str, Any]:
        """Return shift and factor; a column that is constant up to rounding is only shifted.

        In float64 that bound is n·ε of the largest value, as in scikit-learn's ``StandardScaler``, whose bound on the
        variance is (n·mean·ε)². In both dtypes it is at least 10·ε, what several roundings leave. The n would be too
        much in float32: for a million samples, a tenth of the value.
        """
        relative = max(len(rows) * float(np.finfo(np.float64).eps), 10 * rows.eps)
        rounding = relative * np.maximum(np.abs(low), np.abs(high))
        with np.errstate(all="ignore"):  # what overflows is refused below
            factor = 1.0 / np.where((low == high) | (spread < rounding), 1.0, spread)
        invalid = ~(np.isfinite(shift) & np.isfinite(factor) & (factor > 0))
        if invalid.any():
            column = int(np.argmax(invalid))
            values = f"ranges from {low[column]:g} to {high[column]:g}"
            raise CellError(f"{values}, a spread that a float cannot hold", column)
        return {"shift": shift, "factor": factor}


class Standard(_Linear):
    """z = (x − mean) / standard deviation: to mean 0 and standard deviation 1.

    The deviation is that of the population (divided by n). A column that is constant up to rounding is only shifted.
    Source: T. Chan, G. Golub and R. LeVeque, "Algorithms for Computing the Sample Variance" (1983).
    """

    kind: Literal["standard"] = "standard"
    also_known_as: ClassVar[tuple[str, ...]] = ("standard-scaler", "standardize", "z-score", "normalization")

    def fit(self, rows: ColumnBlocks) -> dict[str, Any]:
        """Return mean, and 1 / standard deviation; three passes over the rows."""
        low, high = value_range(rows)
        with np.errstate(all="ignore"):  # what overflows is refused
            mean, deviation = mean_and_deviation(rows, low, high)
        return self._state(rows, low, high, mean, deviation)


class MinMax(_Linear):
    """z = (x − min) / (max − min): to the range [0, 1] of the training rows.

    A column that is constant up to rounding is only shifted. Source: scikit-learn, "Preprocessing data".
    """

    kind: Literal["min-max"] = "min-max"
    also_known_as: ClassVar[tuple[str, ...]] = ("min-max-scaler", "minmax")

    def fit(self, rows: ColumnBlocks) -> dict[str, Any]:
        """Return the least value, and 1 / (largest − least); one pass over the rows."""
        low, high = value_range(rows)
        with np.errstate(all="ignore"):  # what overflows is refused
            return self._state(rows, low, high, low, high - low)


class Robust(_Linear):
    """z = (x − median) / (third quartile − first quartile): outliers change neither.

    Where the quartiles are equal, a column is only shifted. Quantiles are interpolated linearly, and exact: the columns
    are gathered in memory, as many at a time as fit into 256 MiB. Source: scikit-learn, "Preprocessing data".
    """

    kind: Literal["robust"] = "robust"
    also_known_as: ClassVar[tuple[str, ...]] = ("robust-scaler",)

    def fit(self, rows: ColumnBlocks) -> dict[str, Any]:
        """Return the median, and 1 / interquartile range."""
        low, high = value_range(rows)
        first, median, third = quantiles(rows, (0.25, 0.5, 0.75))
        with np.errstate(all="ignore"):  # what overflows is refused
            spread = third - first
            return self._state(rows, low, high, median, np.where(spread == 0, 1.0, spread))


class Log(Transform):
    """z = ln(x + offset): for numbers that span several powers of ten. x + offset must be positive.

    With an offset of 1 it is ``log1p``, for counts and amounts that may be 0.
    """

    kind: Literal["log"] = "log"
    also_known_as: ClassVar[tuple[str, ...]] = ("log1p", "logarithm")
    invertible: ClassVar[bool] = True
    offset: float = Field(default=0.0, description="what is added to each number before its logarithm is taken")

    def fit(self, rows: ColumnBlocks) -> dict[str, Any]:
        """Return nothing: there is nothing to learn. Numbers that it cannot take are refused."""
        for block in rows:
            self.check(block, {})
        return {}

    def check(self, rows: Floats, state: TransformState) -> None:
        """Refuse numbers that have no logarithm."""
        del state
        if (refused := rows <= -self.offset).any():
            row, column = np.argwhere(refused)[0].tolist()
            bound = f"the logarithm is taken of numbers above {0.0 - self.offset:g}"
            raise CellError(f"is {rows[row, column]:g}; {bound}; `offset` moves that", column, row)

    def __call__(self, rows: Floats, state: TransformState) -> Floats:
        """Return ln(x + offset)."""
        del state
        xp = namespace(rows)
        logarithms: Floats = xp.log1p(rows) if self.offset == 1.0 else xp.log(rows + self.offset)
        return logarithms

    def inverse(self, rows: Floats, state: TransformState) -> Floats:
        """Return exp(z) − offset."""
        del state
        xp = namespace(rows)
        numbers: Floats = xp.expm1(rows) if self.offset == 1.0 else xp.exp(rows) - self.offset
        return numbers


class Passthrough(Transform):
    """z = x: columns stay as they are, text and missing values included; to switch another transform off by name."""

    kind: Literal["passthrough"] = "passthrough"
    also_known_as: ClassVar[tuple[str, ...]] = ("identity", "none")
    takes: ClassVar[Literal["number", "text", "all"]] = "all"
    takes_missing: ClassVar[bool] = True
    invertible: ClassVar[bool] = True
    columns: ColumnChoice = columns_field("all")

    def fit(self, rows: ColumnBlocks) -> dict[str, Any]:
        """Return nothing."""
        del rows
        return {}

    def __call__(self, rows: NDArray[Any], state: TransformState) -> NDArray[Any]:
        """Return a copy."""
        del state
        copy: NDArray[Any] = namespace(rows).asarray(rows, copy=True)
        return copy

    def inverse(self, rows: Floats, state: TransformState) -> Floats:
        """Return a copy."""
        return self(rows, state)
