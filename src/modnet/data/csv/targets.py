"""The target column of a CSV file: labels that are integers or text, or numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import short_repr
from modnet.data.csv.rows import CsvFormat

__all__ = ["TargetKind", "read_target"]

LABEL = 1000
"""How many characters a label may have: in an array of text each takes as much memory as the longest."""
INTEGER = re.compile(r"[+-]?[0-9]+")

TargetKind: TypeAlias = Literal["integer", "number", "text"]
EXPECTED: dict[TargetKind, str] = {
    "integer": "an integer of 64 bits, without + and leading zeros,",
    "number": "a finite number",
    "text": f"a label of at most {LABEL} characters",
}


def read_target(
    cells: Sequence[str], lines: Sequence[int], where: tuple[str, str], kind: TargetKind | None, csv_format: CsvFormat
) -> tuple[TargetKind, NDArray[Any]]:
    """Return what the target column holds, and its values: labels (rows,), or numbers (rows, 1).

    Integers are labels: integers if each is written as Python writes it, else text, so that 007 and 7 stay different.
    Other numbers are numbers to predict, anything else are labels that are text. ``where`` is the names of the file
    and of the column.

    Raises:
        DataError: naming the line and the column.
    """
    distinct = dict.fromkeys(cells)
    kind = kind or _kind([cell for cell in distinct if cell not in csv_format.missing], csv_format)
    values = {cell: _value(cell, kind, csv_format) for cell in distinct}
    invalid = {cell for cell, value in values.items() if value is None}
    if invalid:
        row = next(row for row, cell in enumerate(cells) if cell in invalid)
        cell = cells[row]
        is_missing = cell in csv_format.missing
        advice = csv_format.advice(cell) if kind == "number" else ""
        shown = short_repr(cell) + (", a missing value" if is_missing else "") if cell else "empty"
        problem = f"{shown}; {EXPECTED[kind]} is expected{advice}"
        if is_missing:
            is_label = ", or take it out of data.missing" if cell else ""
            problem = f"{shown}; every row needs a target: remove this row{is_label}"
        raise DataError(f"{where[0]}: line {lines[row]}, column {short_repr(where[1])}: {problem}")
    of_rows = map(values.__getitem__, cells)
    if kind == "text":
        return kind, np.array(list(of_rows))
    y = np.fromiter(of_rows, np.int64 if kind == "integer" else np.float64, len(cells))
    return kind, y[:, None] if kind == "number" else y


def _value(cell: str, kind: TargetKind, csv_format: CsvFormat) -> Any:
    """Return the value of a cell, or None if it is not of the kind."""
    if cell in csv_format.missing:
        return None
    if kind == "number":
        number = csv_format.number(cell)
        return number if number is not None and math.isfinite(number) else None
    if kind == "integer":
        return int(cell) if _is_integer(cell) else None
    return cell if 1 <= len(cell) <= LABEL else None


def _kind(cells: Sequence[str], csv_format: CsvFormat) -> TargetKind:
    if all(map(_is_integer, cells)):
        return "integer"
    if all(map(INTEGER.fullmatch, cells)):
        return "text"  # 007, or beyond 64 bits: as numbers, different ones could become equal
    return "number" if all(csv_format.number(cell) is not None for cell in cells) else "text"


def _is_integer(cell: str) -> bool:
    is_integer = len(cell) <= 20 and INTEGER.fullmatch(cell) is not None
    return is_integer and -(2**63) <= int(cell) < 2**63 and str(int(cell)) == cell
