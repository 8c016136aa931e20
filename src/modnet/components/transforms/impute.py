"""Impute: missing values are filled in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, model_validator

from modnet.components.transforms.statistics import means, quantiles
from modnet.core.arrays import namespace
from modnet.core.interfaces import (
    CellError,
    ColumnBlocks,
    ColumnChoice,
    Transform,
    TransformState,
    columns_field,
    is_missing,
)

__all__ = ["Impute"]


class Impute(Transform):
    """Missing values become the median, the mean, or the most frequent value of their column, or a constant.

    Of columns of text the most frequent one is taken, whatever the strategy, unless it is ``constant``. Of equally
    frequent values it is the least. Source: scikit-learn, "Imputation of missing values".
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"strategy": {"const": "constant"}}, "required": ["strategy"]},
            "then": {"properties": {"value": {"type": ["number", "string"]}}, "required": ["value"]},
            "else": {"properties": {"value": {"type": "null"}}},
        }
    )
    kind: Literal["impute"] = "impute"
    also_known_as: ClassVar[tuple[str, ...]] = ("simple-imputer", "imputer", "fillna")
    takes: ClassVar[Literal["number", "text", "all"]] = "all"
    takes_missing: ClassVar[bool] = True
    columns: ColumnChoice = columns_field("all")
    strategy: Literal["median", "mean", "most-frequent", "constant"] = Field(
        default="median", description="what is filled in; columns of text take their most frequent value"
    )
    value: float | str | None = Field(
        default=None, description="the number or text that `constant` fills in; it only fits columns of its type"
    )
    indicator: bool = Field(
        default=False,
        description="whether a column name=missing of 0 and 1 is added for each column of numbers that has missing "
        "values in the training rows; these columns then move to the end. A text can say it by `constant`",
    )

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        if (self.value is None) == (self.strategy == "constant"):
            raise ValueError(f'strategy = "{self.strategy}": value is needed for "constant", and only there')
        return self

    def fit(self, rows: ColumnBlocks) -> dict[str, Any]:
        """Return what is filled into each column, and which of them had missing values."""
        is_text, has_missing = False, np.zeros(rows.columns, dtype=bool)
        for block in rows:
            is_text = block.dtype == object
            has_missing |= is_missing(block).any(axis=0)
        fill = self._text_fill(rows) if is_text else self._number_fill(rows)
        return {"fill": fill, "had_missing": has_missing.astype(np.float64)}

    def _number_fill(self, rows: ColumnBlocks) -> NDArray[Any]:
        if self.strategy == "constant":
            if isinstance(self.value, str):
                raise CellError(f'holds numbers, and value = {self.value!r} is text; columns = "text" leaves it out', 0)
            return np.full(rows.columns, self.value, dtype=np.float64)
        if self.strategy == "median":
            (fill,) = quantiles(rows, (0.5,))
        elif self.strategy == "mean":
            fill = means(rows)
        else:
            fill = np.array([_most_frequent(count) for count in _counts(rows)], dtype=np.float64)
        if np.isnan(fill).any():
            raise CellError("has no values at all in the training rows", int(np.argmax(np.isnan(fill))))
        return fill

    def _text_fill(self, rows: ColumnBlocks) -> NDArray[Any]:
        if self.strategy == "constant":
            if not isinstance(self.value, str):
                given = f"value = {self.value:g} is a number"
                raise CellError(f'holds text, and {given}; columns = "number" leaves it out', 0)
            return np.array([self.value] * rows.columns, dtype=object)
        fill = [_most_frequent(count) for count in _counts(rows)]
        if None in fill:
            raise CellError("has no values at all in the training rows", fill.index(None))
        return np.array(fill, dtype=object)

    def __call__(self, rows: NDArray[Any], state: TransformState) -> NDArray[Any]:
        """Return the rows without missing values, and then the indicators, if they are wanted."""
        xp, missing = namespace(rows), is_missing(rows)
        filled: NDArray[Any] = xp.where(missing, state["fill"], rows)
        if not self.indicator or rows.dtype == object:
            return filled
        marked = xp.take(missing, np.flatnonzero(state["had_missing"]), axis=1)
        with_indicators: NDArray[Any] = xp.concat([filled, xp.astype(marked, rows.dtype)], axis=1)
        return with_indicators

    def output_names(self, names: Sequence[str], state: TransformState) -> list[str]:
        """Return the names, and name=missing for each indicator."""
        marked = [f"{name}=missing" for name, had in zip(names, state["had_missing"] > 0, strict=True) if had]
        is_text = state["fill"].dtype == object
        return [*names, *(marked if self.indicator and not is_text else ())]


def _counts(rows: ColumnBlocks) -> list[Counter[Any]]:
    counts: list[Counter[Any]] = [Counter() for _ in range(rows.columns)]
    for block in rows:
        for count, column, missing in zip(counts, block.T, is_missing(block).T, strict=True):
            count.update(column[~missing].tolist())
    return counts


def _most_frequent(count: Counter[Any]) -> Any:
    """Return the most frequent value, the least of equally frequent ones; None if there is none."""
    return min(count, key=lambda value: (-count[value], value), default=None)
