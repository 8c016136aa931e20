"""The features of a CSV file as a table, and which columns of text are refused."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modnet.core.dataset import Names
from modnet.core.errors import DataError
from modnet.core.messages import short_repr
from modnet.data.csv.columns import Column, Content
from modnet.data.csv.rows import CsvFormat, Source
from modnet.data.table import Table
from modnet.data.texts import LONGEST, date_remedies, exclusion, hold_dates
from modnet.data.validation import BLOCK

__all__ = ["as_features", "first_grouped", "has_other_decimal"]


def as_features(
    source: Source, content: Content, columns: Sequence[Column], names: Names | None, *, with_lines: bool = False
) -> NDArray[np.float64] | Table:
    """Return the first of the columns that were read: an array where all are numbers and none is missing, else a table.

    ``with_lines`` makes it a table in any case, which knows the lines of its rows.

    Columns that are found to be text are refused where they are dates, or numbers with another decimal mark.

    Raises:
        DataError: naming the line and the column.
    """
    values = content.values[:, : len(columns)]

    def place(index: int, code: int) -> str:
        line = content.lines[_first_row(values[:, index], code)]
        return f"line {line}: {short_repr(content.texts[index][code])}"

    text_places = {}
    for index, texts in content.texts.items():
        problem = _problem(texts, str(columns[index].name), source.format, is_new=columns[index].kind is None)
        if problem is not None:
            code, what = problem
            where, cell = place(index, code).split(": ", 1)
            raise DataError(f"{source.name}: {where}, column {short_repr(columns[index].name)}: {cell}; {what}")
        if texts:
            first = _first_text(texts, source.format)
            text_places[index] = place(index, first) + source.format.mark_advice(texts[first])
    missing_places = {}
    for index in sorted(column for column in content.missing if column < len(columns)):
        missing_places[index] = f"line {content.lines[_first_row(values[:, index], None)]}"
    if not content.texts and not missing_places and not with_lines:
        return values
    arrays = {index: np.array(texts, dtype=object) for index, texts in sorted(content.texts.items())}
    return Table(values, names, arrays, text_places, missing_places, content.lines)


def _first_row(column: NDArray[np.float64], code: float | None) -> int:
    """Return the first row with a code, or with NaN for None."""
    starts = range(0, len(column), BLOCK)
    matches = (np.isnan(column[at : at + BLOCK]) if code is None else column[at : at + BLOCK] == code for at in starts)
    return next(at + int(np.argmax(match)) for at, match in zip(starts, matches, strict=True) if match.any())


def _first_text(texts: Sequence[str], csv_format: CsvFormat) -> int:
    """Return the first text that is no number, or else the first."""
    return next((code for code, text in enumerate(texts) if csv_format.number(text) is None), 0)


def _problem(texts: Sequence[str], column: str, csv_format: CsvFormat, *, is_new: bool) -> tuple[int, str] | None:
    """Return the text that says why a column of text cannot be used, and why; None if it can."""
    for code, text in enumerate(texts):
        if len(text) > LONGEST:
            return code, f"a text of at most {LONGEST} characters is expected"
    if not is_new or not texts:
        return None
    if hold_dates(texts):
        return 0, f"the column holds dates; {date_remedies(exclusion(column))}"
    if has_other_decimal(texts, csv_format):
        other = _other_mark(csv_format)
        used = f'data.decimal = "{other}"' if csv_format.separator != other else f"{csv_format.decimal!r} in its place"
        return _first_text(texts, csv_format), (
            f"the column holds numbers with the decimal mark {other!r}; remedies: {used}, or {exclusion(column)}"
        )
    return None


def has_other_decimal(texts: Sequence[str], csv_format: CsvFormat) -> bool:
    """Return whether the texts of a column are all numbers, some of them with the other decimal mark."""
    other = _other_mark(csv_format)
    return all(csv_format.number(text) is not None or csv_format.number(text, other) is not None for text in texts)


def first_grouped(texts: Sequence[str], csv_format: CsvFormat) -> str | None:
    """Return the first text in groups of thousands, as 1,234.50; None unless all texts are numbers, so or plain."""
    first = None
    for text in texts:
        if csv_format.number(text) is not None:
            continue
        digits, mark, rest = text.partition(csv_format.decimal)
        groups = re.fullmatch(rf"[+-]?[0-9]{{1,3}}(?:{re.escape(_other_mark(csv_format))}[0-9]{{3}})+", digits)
        if groups is None or (mark and not re.fullmatch("[0-9]*", rest)):
            return None
        first = text if first is None else first
    return first


def _other_mark(csv_format: CsvFormat) -> str:
    return "." if csv_format.decimal == "," else ","
