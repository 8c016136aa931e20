"""The columns of a CSV file: cells as numbers, or as positions among the texts of their column."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import short_repr
from modnet.data.csv.rows import Block, CsvFormat, Source, blocks
from modnet.data.table import Kind
from modnet.data.texts import IMPUTE, ONE_HOT, date_remedies, exclusion, hold_dates, remedies

__all__ = ["Column", "Content", "Reader", "read_columns"]


class Column(NamedTuple):
    """A column that is read as numbers or texts.

    Attributes:
        position: Its position in a row.
        name: What errors call it.
        kind: What it holds; None: text if a cell is no number.
        may_be_missing: Whether cells may be missing.
        advice: What errors add: which remedies there are, that it was so in training, or nothing.
    """

    position: int
    name: object
    kind: Kind | None = "number"
    may_be_missing: bool = False
    advice: Literal["remedies", "as in training"] | None = None


@dataclass
class Content:
    """What was read.

    Attributes:
        values: (rows, columns), float64: numbers, or positions among ``texts``; NaN where a value is missing.
        texts: Column → its distinct texts in the order of their first rows, for those that hold text.
        missing: The columns in which a value is missing.
        lines: The line of each row.
        cells: Position in a row → the cells there without the spaces around them, where they were asked for.
    """

    values: NDArray[np.float64]
    texts: dict[int, list[str]]
    missing: set[int]
    lines: Sequence[int]
    cells: dict[int, list[str]]


def read_columns(
    source: Source, columns: Sequence[Column], cells: Sequence[int], width: int, *, has_header: bool
) -> Content:
    """Return columns as numbers and texts, and those at the positions ``cells`` as they are.

    ``width`` is how many cells a row has.

    Raises:
        DataError: naming the line and the column of the first cell that cannot be used; there are no rows.
    """
    reader = Reader(source, columns, cells)
    for block in blocks(islice(source.rows(), int(has_header), None), width, source.name):
        reader.add(block)
    content = reader.content()
    if reader.late:  # cells of the first rows, which looked like numbers, are now needed as text
        late = sorted(reader.late)
        as_text = [columns[index]._replace(kind="text") for index in late]
        again = read_columns(source, as_text, [], width, has_header=has_header)
        content.values[:, late] = again.values
        content.texts |= {late[index]: texts for index, texts in again.texts.items()}
        content.missing = content.missing - reader.late | {late[index] for index in again.missing}
    return content


class _Texts(dict[str, float]):
    """Cell → its position among the distinct texts, or NaN; a new cell gets one."""

    def __init__(self, csv_format: CsvFormat) -> None:
        super().__init__()
        self.missing = csv_format.missing
        self.positions: dict[str, float] = {}

    def __missing__(self, cell: str) -> float:
        text = cell.strip()
        is_missing = text in self.missing
        position = math.nan if is_missing else self.positions.setdefault(text, float(len(self.positions)))
        self[cell] = position
        return position


class Reader:
    """Reads block by block; which columns hold text is found on the way."""

    def __init__(self, source: Source, columns: Sequence[Column], cells: Sequence[int]) -> None:
        self.source, self.format, self.columns = source, source.format, columns
        self.texts = {index: _Texts(self.format) for index, column in enumerate(columns) if column.kind == "text"}
        self.late: set[int] = set()
        self.missing: set[int] = set()
        self.infinite: dict[int, tuple[int, str]] = {}
        self.numbers, self.lines = array("d"), array("q")
        self.cells: dict[int, list[str]] = {position: [] for position in cells}

    def add(self, block: Block) -> None:
        """Convert the cells of a block.

        Raises:
            DataError: naming the first cell that cannot be used.
        """
        values = np.full((len(block.lines), len(self.columns)), math.nan)
        faults = []
        for index, column in enumerate(self.columns):
            cells = block.columns[column.position]
            if index not in self.texts and index not in self.late:
                numbers, problems = _as_numbers(cells, self.format)
                values[:, index] = numbers
                if problems and problems.missing is not None:
                    self.missing.add(index)
                if problems and (fault := self._fault(index, block, problems)) is not None:
                    faults.append((fault, index))
            if index in self.texts:
                codes = np.fromiter(map(self.texts[index].__getitem__, cells), np.float64, len(cells))
                values[:, index] = codes
                if np.isnan(codes).any():
                    self.missing.add(index)
        if faults:
            row, index = min(faults)
            self._refuse(block.lines[row], index, block.columns[self.columns[index].position][row])
        self.numbers.frombytes(values.data.cast("B"))
        self.lines.extend(block.lines)
        for position, kept in self.cells.items():
            kept.extend(map(str.strip, block.columns[position]))

    def _fault(self, index: int, block: Block, problems: _Problems) -> int | None:
        """Return the first row with a cell that a column may not hold, unless the column may be text."""
        column = self.columns[index]
        if column.kind is None:
            if problems.text is not None:
                if self.lines:
                    self.late.add(index)
                else:
                    self.texts[index] = _Texts(self.format)
            elif problems.infinite is not None:
                row = problems.infinite
                self.infinite.setdefault(index, (block.lines[row], block.columns[column.position][row]))
            rows = [problems.missing]
        else:
            rows = [problems.text, problems.infinite, problems.missing]
        if column.may_be_missing:
            rows.pop()
        return min((row for row in rows if row is not None), default=None)

    def content(self) -> Content:
        """Return what was read.

        Raises:
            DataError: there were no rows; a number is not finite in a column of numbers.
        """
        if not self.lines:
            raise DataError(f"{self.source.name}: no rows after the header")
        for index in sorted(self.infinite.keys() - self.late - self.texts.keys()):
            line, cell = self.infinite[index]
            self._refuse(line, index, cell)
        values = np.frombuffer(self.numbers).reshape(len(self.lines), len(self.columns))
        texts = {index: list(texts.positions) for index, texts in self.texts.items()}
        return Content(values, texts, self.missing, self.lines, self.cells)

    def _refuse(self, line: int, index: int, cell: str) -> None:
        cell = cell.strip()
        column = self.columns[index]
        number = self.format.number(cell)
        is_missing = cell in self.format.missing
        advice = self.format.advice(cell) + self.format.mark_advice(cell) if number is None and not is_missing else ""
        if column.advice == "as in training":
            advice = f", as in training{advice}"
        elif column.advice == "remedies" and hold_dates([cell]):
            advice = f"; {date_remedies(exclusion(str(column.name)))}"
        elif column.advice == "remedies" and (is_missing or number is None):
            advice += remedies(IMPUTE if is_missing else ONE_HOT, str(column.name))
        problem = f"{short_repr(cell) if cell else 'empty'}; a finite number is expected{advice}"
        raise DataError(f"{self.source.name}: line {line}, column {short_repr(column.name)}: {problem}")


class _Problems(NamedTuple):
    """The first rows with a missing cell, with text, and with a number that is not finite, in a column of a block."""

    missing: int | None
    text: int | None
    infinite: int | None


def _as_numbers(cells: Sequence[str], csv_format: CsvFormat) -> tuple[NDArray[np.float64], _Problems | None]:
    """Return the cells of a column as numbers, NaN where they are none, and which are none."""
    numbers = None if csv_format.missing_numbers else _all_numbers(cells, csv_format)
    if numbers is not None:
        return numbers, None
    missing = [cell.strip() in csv_format.missing for cell in cells]
    present = _all_numbers([cell for cell, hidden in zip(cells, missing, strict=True) if not hidden], csv_format)
    if present is None:
        return _one_by_one(cells, csv_format)
    numbers = np.full(len(cells), math.nan)
    numbers[~np.array(missing)] = present
    return numbers, _Problems(missing.index(True), None, None) if any(missing) else None


def _all_numbers(cells: Sequence[str], csv_format: CsvFormat) -> NDArray[np.float64] | None:
    """Return cells as numbers if all are finite ones, else None."""
    joined = "".join(cells)
    if not joined.isascii() or "_" in joined:  # Python reads 1_000 and ٣ as numbers, others do not
        return None
    if csv_format.decimal != ".":
        if "." in joined:
            return None
        cells = [cell.replace(csv_format.decimal, ".") for cell in cells]
    try:
        numbers = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _one_by_one(cells: Sequence[str], csv_format: CsvFormat) -> tuple[NDArray[np.float64], _Problems]:
    """Return cells of which some are neither numbers nor missing."""
    numbers = np.full(len(cells), math.nan)
    first: list[int | None] = [None, None, None]
    for row, cell in enumerate(cells):
        text = cell.strip()
        number = None if text in csv_format.missing else csv_format.number(text)
        if number is not None and math.isfinite(number):
            numbers[row] = number
        else:
            problem = 0 if text in csv_format.missing else 1 if number is None else 2
            if first[problem] is None:
                first[problem] = row
    return numbers, _Problems(*first)
