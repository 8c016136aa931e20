"""Cells: some rows of a table while transforms are applied to them, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modnet.core.dataset import Names
from modnet.core.errors import DataError
from modnet.core.interfaces import CellError, is_missing
from modnet.core.messages import short_repr
from modnet.data.table import Kind, Table
from modnet.data.texts import number_text
from modnet.data.validation import RowNumbers

__all__ = ["Cells"]


@dataclass(eq=False)
class Cells:
    """Rows of numbers and texts.

    Attributes:
        table: The table that they are from, which knows the places of its texts and missing values.
        values: (rows, columns), float64; NaN where a value is missing, and in columns of text.
        texts: Column → its texts, (rows,), None where one is missing.
        names: The names of the columns.
        origins: Which raw column each of them is, from 0; None for those that a transform has added.
        where: What errors call the rows.
        numbers: What they call each row, or None.
    """

    table: Table
    values: NDArray[np.float64]
    texts: dict[int, NDArray[Any]]
    names: list[str]
    origins: list[int | None]
    where: str
    numbers: RowNumbers | None

    @classmethod
    def of(
        cls,
        table: Table,
        raw: NDArray[Any],
        kinds: Sequence[Kind],
        names: Names | None,
        where: str,
        numbers: RowNumbers | None,
    ) -> Self:
        """Return raw rows of a table, (rows, columns), whose columns hold these ``kinds``.

        Raises:
            DataError: a column holds text, and should hold numbers.
        """
        count = len(kinds)
        named = [str(name) for name in names] if names is not None else [f"column {index}" for index in range(count)]
        cells = cls(table, raw.astype(np.float64), {}, named, list(range(count)), where, numbers)
        for column, kind in enumerate(kinds):
            if kind == "text":
                cells.texts[column] = _texts(cells.values[:, column], table.texts.get(column))
                cells.values[:, column] = np.nan
            elif column in table.texts:
                raise DataError(f"{where}: {cells.text_place(column)}; in training it held numbers")
        return cells

    @property
    def kinds(self) -> list[Kind]:
        """What each column holds."""
        return ["text" if column in self.texts else "number" for column in range(len(self.names))]

    def select(self, columns: Sequence[int], *, as_text: bool) -> NDArray[Any]:
        """Return columns of one kind, (rows, columns): float64, or text; ``as_text`` makes text of numbers too."""
        if as_text or columns[0] in self.texts:
            selected = np.empty((len(self.values), len(columns)), dtype=object)
            for index, column in enumerate(columns):
                selected[:, index] = self.texts[column] if column in self.texts else _texts(self.values[:, column])
            return selected
        is_all = list(columns) == list(range(len(self.names)))
        return self.values if is_all else self.values[:, list(columns)]

    def replaced(self, columns: Sequence[int], results: NDArray[Any], names: Sequence[str]) -> Cells:
        """Return the cells with the results in place of these columns, or where the numbers differ, at the end."""
        if results.shape != (len(self.values), len(names)):
            shape = (len(self.values), len(names))
            raise DataError(f"{self.where}: a transform returned {results.shape} numbers, and named {shape}")
        kept = list(range(len(self.names)))
        places = list(columns)
        if len(names) != len(columns):
            kept = [column for column in kept if column not in set(columns)]
            places = list(range(len(kept), len(kept) + len(names)))
        new_names, origins = [self.names[column] for column in kept], [self.origins[column] for column in kept]
        texts = {place: self.texts[column] for place, column in enumerate(kept) if column in self.texts}
        for index, place in enumerate(places):
            if place < len(kept):
                new_names[place] = names[index]
                texts.pop(place, None)
            else:
                new_names.append(names[index])
                origins.append(None)
            if results.dtype == object:
                texts[place] = results[:, index]
        numbers = np.full(results.shape, np.nan) if results.dtype == object else results
        if len(kept) < len(self.names) or len(places) > len(columns):
            values = np.concatenate([self.values[:, kept], numbers], axis=1)
        elif len(places) == len(self.names):
            values = numbers[:, np.argsort(places)]
        else:
            values = self.values  # they are a copy of the table's
            values[:, places] = numbers
        return Cells(self.table, values, texts, new_names, origins, self.where, self.numbers)

    def refuse_missing(self, columns: Iterable[int], remedy: str) -> None:
        """Refuse a missing value in these columns.

        Raises:
            DataError: naming its row and column, and where the first one of the column is.
        """
        for column in columns:
            missing = is_missing(self.texts[column] if column in self.texts else self.values[:, column])
            if missing.any():
                raise self._problem("is missing", column, int(np.argmax(missing)), more=remedy)

    def error(self, error: CellError, columns: Sequence[int], label: str) -> DataError:
        """Return the error of a transform, with the names of the row and the column."""
        return self._problem(str(error), columns[error.column], error.row, label)

    def text_place(self, column: int) -> str:
        """Return that a column holds text, and where the first one is."""
        place = self.table.text_places.get(self._origin(column))
        return f"column {short_repr(self.names[column])} holds text{f' ({place})' if place else ''}"

    def _problem(self, problem: str, column: int, row: int | None, label: str = "", more: str = "") -> DataError:
        has_name = not self.names[column].startswith("column ")
        name = f"column {short_repr(self.names[column])}" if has_name else self.names[column]
        is_known = problem == "is missing" and self.table.lines is None
        place = self.table.missing_places.get(self._origin(column)) if is_known else None
        if place is None and row is not None:
            place = self.table.place(row if self.numbers is None else int(self.numbers[row]))
            place = place if has_name else place.removesuffix(" (counted from 0)")
        name += "" if has_name else " (counted from 0)"
        starts = [self.where, *([label] if label else []), ", ".join([*([place] if place else []), name])]
        return DataError(f"{': '.join(starts)} {problem}{more}")

    def _origin(self, column: int) -> int:
        origin = self.origins[column]
        return -1 if origin is None else origin


def _texts(values: NDArray[np.float64], known: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return texts for their positions among the ``known`` ones, or for numbers; None for NaN."""
    missing = np.isnan(values)
    if known is not None:
        found: NDArray[Any] = np.append(known, np.array([None]))[np.where(missing, len(known), values).astype(np.intp)]
        return found
    texts = np.empty(len(values), dtype=object)
    texts[:] = [None if value != value else number_text(value) for value in values.tolist()]
    return texts
