"""How the cells of a CSV file are written, as they show it: separator, decimal mark, and marks of missing values."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from modnet.analysis.recipe.choices import Choice
from modnet.core.messages import list_values, short_repr
from modnet.data.csv.rows import MARKS, MISSING, SEPARATORS, CsvFormat
from modnet.data.files import open_binary

__all__ = ["detect_marks", "missing_marks"]

SAMPLE = 1 << 18
"""How many bytes of the file show its marks."""
_COMMA, _POINT = re.compile(r"[+-]?\d+,\d+"), re.compile(r"[+-]?\d*\.\d+")
WORDS = (*MARKS, ".", "n/a", "na", "Na", "NAN", "Nan", "none", "None", "NONE", "Null", "missing", "unknown", "Unknown")
"""What does so in a column whose other cells are numbers."""


def detect_marks(path: Path) -> tuple[CsvFormat, list[Choice]]:
    """Return the separator and the decimal mark of a file, and the choices of those that are not the usual ones.

    The separator is the one that divides all rows of the file's beginning into equally many cells, at least two, and of
    several the one that gives most cells.

    Raises:
        DataError: there is no such file, or it may not be read.
    """
    with open_binary(path) as file:
        content = file.read(SAMPLE)
    text = content.decode("utf-8-sig", errors="replace")
    if len(content) == SAMPLE:
        text = text[: text.rfind("\n") + 1]
    divided = {separator: rows for separator in (",", *SEPARATORS) if (rows := _divided(text, separator))}
    separator = max(divided, key=lambda found: len(divided[found][0]), default=",")
    choices, rows = [], divided.get(separator, [])
    if separator != ",":
        reason = f"divides each of the first {len(rows):,} rows into {len(rows[0]):,} cells"
        choices.append(Choice("data.separator", separator, reason))
    cells = [cell.strip() for row in rows[1:] for cell in row]
    commas = [] if separator == "," else list(filter(_COMMA.fullmatch, cells))
    is_comma = bool(commas) and not any(map(_POINT.fullmatch, cells))
    if is_comma:
        choices.append(Choice("data.decimal", ",", f"as in {short_repr(commas[0])}"))
    return CsvFormat(separator, "," if is_comma else "."), choices


def _divided(text: str, separator: str) -> list[list[str]]:
    """Return the rows of a text, if all have as many cells, at least two; else nothing."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if row]
    except csv.Error:
        return []
    return rows if rows and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows) else []


def missing_marks(texts: Mapping[str, Sequence[str]], csv_format: CsvFormat) -> tuple[CsvFormat, list[Choice]]:
    """Return the format with all that stands for a missing value in columns of text, and the choice that says so.

    Args:
        texts: The name of each column that holds text → its different texts.
        csv_format: As it was read.
    """
    found: dict[str, list[str]] = {}
    for name, cells in texts.items():
        others = [cell for cell in cells if csv_format.number(cell) is None]
        is_number = len(others) < len(cells) and all(cell in WORDS for cell in others)
        for mark in others if is_number else _common(cells, MARKS):
            found.setdefault(mark, []).append(name)
    if not found:
        return csv_format, []
    marks = [mark for mark in WORDS if mark in found]
    places = "; ".join(f"{short_repr(mark)} in {list_values(found[mark])}" for mark in marks)
    missing = [*MISSING, *marks]
    choice = Choice("data.missing", missing, f"found beside the usual ones: {places}")
    return CsvFormat(csv_format.separator, csv_format.decimal, frozenset(missing)), [choice]


def _common(cells: Iterable[str], marks: Iterable[str]) -> list[str]:
    present = set(cells)
    return [mark for mark in marks if mark in present]
