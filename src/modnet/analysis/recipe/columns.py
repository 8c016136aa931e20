"""What the columns of a table hold, as far as the choice of a configuration depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.data.table import Table
from modnet.data.texts import hold_dates
from modnet.data.validation import blocks

__all__ = ["FEW", "SHARE", "Column", "are_many", "summarize"]

FEW, SHARE = 20, 0.05
"""Up to how many different values, or values for each row, are few: texts become one column each, integers classes."""
_IDENTIFIER = re.compile(r"(.*[\W_])?(id|index|idx|row|nr|no|number|key)", re.IGNORECASE)
_CAMEL = re.compile(r".*[a-z0-9](Id|ID|Nr|No|Key|Index)")
"""Names of columns that number the rows: id, customer_id, PassengerId, row number."""


def are_many(distinct: int, rows: int) -> bool:
    """Return whether so many different values in so many rows are too many for one class, or one column, each."""
    return distinct > FEW and distinct > SHARE * rows


@dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes:
        name: Its name, or its number from 0.
        rows: The number of rows.
        missing: In how many of them the value is missing.
        distinct: How many different texts there are; None for numbers.
        low: The least number; NaN without any.
        high: The largest number.
        is_date: Whether its texts are dates.
        is_identifier: Whether it has the name of an identifier, and another whole number in each row.
    """

    name: str | int
    rows: int
    missing: int
    distinct: int | None = None
    low: float = np.nan
    high: float = np.nan
    is_date: bool = False
    is_identifier: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return self.distinct is not None

    @property
    def useless(self) -> str:
        """Why it is no feature, which follows its name; empty if it may be one."""
        present = self.rows - self.missing
        if not present:
            return "has no values"
        if self.is_date:
            return "holds dates, which would have to be made numbers (days since a day, month)"
        if self.is_identifier:
            return "numbers the rows: a different whole number in each"
        if not self.missing and (self.distinct == 1 or self.low == self.high):
            return "is the same in all rows"
        if self.distinct is not None and self.distinct == present and present > 1:
            return f"identifies the rows: all its {present:,} texts differ"
        if self.distinct is not None and are_many(self.distinct, self.rows):
            many = f"too many for a column each (up to {FEW}, or {SHARE:.0%} of the rows)"
            return f"has {self.distinct:,} different texts in {self.rows:,} rows: {many}"
        return ""


def summarize(table: Table) -> list[Column]:
    """Return what each column of a table holds; rows of a source are read in blocks."""
    count = table.shape[1]
    low, high, missing = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count, np.intp)
    for block in _read(table):
        low, high = np.fmin(low, np.fmin.reduce(block, axis=0)), np.fmax(high, np.fmax.reduce(block, axis=0))
        missing += np.isnan(block).sum(axis=0)
    columns = []
    for index, name in enumerate(range(count) if table.names is None else table.names):
        texts = table.texts.get(index)
        facts: dict[str, Any] = {"low": float(low[index]), "high": float(high[index])}
        if texts is not None:
            used = texts[_distinct(table, index).astype(np.intp)].tolist()
            facts = {"distinct": len(used), "is_date": hold_dates(used)}
        elif _is_identifier_name(str(name)) and not missing[index]:
            facts["is_identifier"] = _are_different_integers(table, index)
        columns.append(Column(name, len(table), int(missing[index]), **facts))
    return columns


def _read(table: Table) -> Iterator[NDArray[Any]]:
    for rows in blocks(table.values):
        yield table.values[rows]


def _distinct(table: Table, index: int) -> NDArray[Any]:
    """Return the different values of a column, without missing ones."""
    distinct = np.unique(np.concatenate([np.unique(block[:, index]) for block in _read(table)]))
    present: NDArray[Any] = distinct[~np.isnan(distinct)]
    return present


def _is_identifier_name(name: str) -> bool:
    return bool(_IDENTIFIER.fullmatch(name) or _CAMEL.fullmatch(name) or name.startswith("Unnamed: "))


def _are_different_integers(table: Table, index: int) -> bool:
    distinct = _distinct(table, index)
    return len(distinct) == len(table) > 1 and not (distinct % 1).any()
