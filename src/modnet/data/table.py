"""Tables: rows of columns that hold numbers or text, before the transforms make numbers of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.dataset import Names
from modnet.core.numbers import format_number
from modnet.data.row_source import ArrayOrSource, RowSource, subset

__all__ = ["Kind", "Rows", "Table", "as_table", "cell_text", "raw_row", "rows_at"]

Kind: TypeAlias = Literal["number", "text"]
"""What a column holds."""


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of columns that hold numbers or text, with or without missing values.

    All cells are one matrix of floats, so that a table is divided, and read block by block, as an array is: a text is
    its position among the distinct ones of its column.

    Attributes:
        values: (rows, columns), float32 or float64, an array or a source of rows; NaN where a value is missing.
        names: The names of the columns, or None.
        texts: Column → its distinct texts, an array of objects that are text, for each column that holds text.
        text_places: Column that holds text → where the first one is, as an error says it: "line 7: 'Berlin'".
        missing_places: Column with missing values → where the first one is: "line 9".
        lines: The line of each row in its file, counted from 1; None where it has none.
    """

    values: ArrayOrSource
    names: Names | None = None
    texts: Mapping[int, NDArray[np.object_]] = field(default_factory=dict)
    text_places: Mapping[int, str] = field(default_factory=dict)
    missing_places: Mapping[int, str] = field(default_factory=dict)
    lines: Sequence[int] | NDArray[np.intp] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns)."""
        return self.values.shape

    @property
    def nbytes(self) -> int:
        """How many bytes the values take."""
        return int(np.prod(self.shape)) * self.values.dtype.itemsize

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What each column holds."""
        return tuple("text" if column in self.texts else "number" for column in range(int(np.prod(self.shape[1:]))))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Table:
        """Return these rows as a table, with all its texts."""
        lines = self.lines if self.lines is None or isinstance(rows, slice) else np.asarray(self.lines)
        return replace(self, values=self.values[rows], lines=None if lines is None else lines[rows])

    def place(self, row: int) -> str:
        """Return what errors call a row: "line 9", or "row 7 (counted from 0)" where lines are not known."""
        return f"row {row} (counted from 0)" if self.lines is None else f"line {int(self.lines[row])}"

    def row(self, index: int) -> NDArray[Any]:
        """Return one row, (columns,): numbers, or objects where columns hold text, None for a missing one."""
        cells = self.values[index]
        if not self.texts:
            return cells
        row = cells.astype(object)
        for column, texts in self.texts.items():
            row[column] = None if np.isnan(cells[column]) else texts[int(cells[column])]
        return row

    def select(self, columns: Sequence[int]) -> Table:
        """Return the table with these columns, in this order."""
        if isinstance(self.values, RowSource):
            positions = np.arange(self.values.source.shape[1])[None][self.values.columns][0]
            values: ArrayOrSource = replace(self.values, columns=np.s_[:, positions[list(columns)].tolist()])
        else:
            values = self.values[:, list(columns)]

        def moved(items: Mapping[int, Any]) -> dict[int, Any]:
            return {place: items[column] for place, column in enumerate(columns) if column in items}

        names = None if self.names is None else tuple(self.names[column] for column in columns)
        return Table(values, names, moved(self.texts), moved(self.text_places), moved(self.missing_places), self.lines)


Rows: TypeAlias = ArrayOrSource | Table
"""Raw rows: numbers, or a table where there are texts or missing values."""


def as_table(rows: Rows, names: Names | None) -> Table:
    """Return rows as a table; numbers get the names."""
    return rows if isinstance(rows, Table) else Table(rows, names)


def raw_row(x: Rows, index: int) -> NDArray[Any]:
    """Return one row: numbers, or objects where columns hold text."""
    return x.row(index) if isinstance(x, Table) else x[index]


def rows_at(x: Rows, rows: NDArray[np.intp]) -> Rows:
    """Return the rows with these numbers, which increase: a copy, or a source of them."""
    if not isinstance(x, Table):
        return subset(x, rows)
    lines = None if x.lines is None else np.asarray(x.lines)[rows]
    return replace(x, values=subset(x.values, rows), lines=lines)


def cell_text(cell: Any) -> str:
    """Return a cell of a raw row as people read it: text as it is, a number with three digits, or that it is missing.

    >>> [cell_text(cell) for cell in ("Rome", 1234.5678, None)]
    ['Rome', '1,235', 'missing']
    """
    if isinstance(cell, str):
        return cell
    return "missing" if cell is None or cell != cell else format_number(float(cell))
