"""Columns of text: what they may hold, and what can be done where text or missing values cannot be used."""

from __future__ import annotations

import re
from collections.abc import Sequence

from modnet.core.messages import truncate

__all__ = ["IMPUTE", "LONGEST", "ONE_HOT", "date_remedies", "exclusion", "hold_dates", "number_text", "remedies"]

LONGEST = 1000
"""How many characters a text may have."""
ONE_HOT, IMPUTE = "one-hot", "impute"
_TIME = r"([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?(Z|UTC|[+-]\d{2}:?\d{2}))?)?"
_DATE = re.compile(rf"(\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}\.\d{{1,2}}\.\d{{4}}|\d{{1,2}}/\d{{1,2}}/\d{{4}}){_TIME}")
"""2024-03-01 (ISO 8601), 01.03.2024 and 03/01/2024, with or without a time."""


def hold_dates(texts: Sequence[str]) -> bool:
    """Return whether all the texts of a column look like dates."""
    return len(texts) > 0 and all(_DATE.fullmatch(text) for text in texts)


def date_remedies(leave_out: str) -> str:
    """Return what a message about a column of dates says may be done, such as to ``leave_out`` the column."""
    return f"remedies: numbers in its place (year, month, days since a day), or {leave_out}"


def number_text(value: float) -> str:
    """Return a number as text: ``7`` for 7.0."""
    return str(int(value)) if value.is_integer() else repr(value)


def remedies(transform: str, column: str) -> str:
    """Return what a message about text, or a missing value, says may be done where there are no transforms."""
    return f'; remedies: a transform (data.transforms = ["{transform}"]) or {exclusion(column)}'


def exclusion(column: str) -> str:
    """Return the option that leaves out a column, as it is written in TOML."""
    escaped = truncate(column).replace("\\", "\\\\").replace('"', '\\"')
    return f'data.exclude = ["{escaped}"]'
