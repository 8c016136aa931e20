"""Which column is the target, and whether it holds classes or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from modnet.analysis.recipe.columns import FEW, SHARE, are_many
from modnet.core.errors import DataError
from modnet.core.messages import list_values, short_repr
from modnet.data.columns import find_columns
from modnet.data.csv.rows import CsvFormat
from modnet.data.csv.targets import TargetKind
from modnet.data.target_type import TargetType
from modnet.data.texts import hold_dates

__all__ = ["HINT", "find_target", "type_of_array", "type_of_cells"]

NAMES = ("target", "label", "class", "y")
"""Names by which a target is known."""

HINT = "; --target COLUMN names another column"


def find_target(
    names: Sequence[str], given: str | None, where: str, csv_format: CsvFormat | None = None
) -> tuple[str, str]:
    """Return the target's name, and why it is the target; names in a CSV file have its format.

    Raises:
        DataError: starting with ``where``: there is no such column, several could be the target, or names in a CSV file
            are all numbers, as in a file without a header.
    """
    if given is not None:
        find_columns(names, [given], f"{where}:")
    if len(names) < 2:
        raise DataError(f"{where}: one column, {list_values(names)}; a target and at least one feature are needed")
    if given is not None:
        return given, ""
    if csv_format is not None and all(csv_format.number(name) is not None for name in names):
        problem = f"line 1 holds only numbers, {list_values(names)}; is it data, and the header missing?"
        raise DataError(f"{where}: {problem} If these are names: --target COLUMN says which one to predict")
    known = [name for name in names if name.lower() in NAMES]
    if len(known) > 1:
        raise DataError(f"{where}: which column is the target? {list_values(known)} could be; --target COLUMN says it")
    if known:
        return known[0], "known by its name; --target COLUMN names another"
    return names[-1], f"the last column, since none is called {', '.join(NAMES)}; --target COLUMN names another"


def type_of_cells(cells: Sequence[str], csv_format: CsvFormat, where: str, *, is_given: bool) -> tuple[TargetKind, str]:
    """Return what the cells of a target are to be read as, and why.

    Text is classes. Numbers that are all whole are classes if there are few different ones: up to 20, or up to 5 % of
    the rows. Other numbers are numbers to predict.

    Raises:
        DataError: starting with ``where``: the cells are all the same, or as different as no classes are.
    """
    distinct = sorted(set(cells) - csv_format.missing)
    rows, count = len(cells), len(distinct)
    _check_distinct(distinct, where, is_given=is_given)
    numbers = [number for cell in distinct if (number := csv_format.number(cell)) is not None]
    if len(numbers) == count:
        is_number, reason = _type_of_numbers(numbers, rows)
        is_plain = all(cell.lstrip("-").isdecimal() and str(int(cell)) == cell for cell in distinct)
        return "number" if is_number else "integer" if is_plain else "text", reason
    return "text", _reason_of_texts(distinct, rows, where, is_given=is_given)


def type_of_array(y: Any, where: str, *, is_given: bool) -> tuple[TargetType, str]:
    """Return what targets that have types, (rows,), are to be read as, and why; see `type_of_cells`.

    Raises:
        DataError: as `type_of_cells`.
    """
    distinct = np.unique(np.asarray(y))
    _check_distinct(distinct.tolist(), where, is_given=is_given)
    if distinct.dtype.kind == "b":
        return "auto", "true and false: classes"
    if distinct.dtype.kind not in "iuf":
        return "auto", _reason_of_texts(list(map(str, distinct.tolist())), len(y), where, is_given=is_given)
    is_number, reason = _type_of_numbers(distinct, len(y))
    return "number" if is_number else "integer", reason


def _check_distinct(distinct: Sequence[Any], where: str, *, is_given: bool) -> None:
    if len(distinct) < 2:
        held = f"holds {short_repr(distinct[0])} in all rows" if distinct else "has no values"
        raise DataError(f"{where}: {held}, so there is nothing to predict{'' if is_given else HINT}")


def _type_of_numbers(distinct: ArrayLike, rows: int) -> tuple[bool, str]:
    """Return whether numbers are to be predicted as such, and why."""
    numbers = np.asarray(distinct, dtype=np.float64)
    count = len(numbers)
    with np.errstate(invalid="ignore"):  # infinity is refused when the targets are read
        is_whole = bool(np.all(numbers % 1 == 0))
    if not is_whole:
        return True, f"{count:,} different numbers, not all whole: numbers to predict"
    if are_many(count, rows):
        few = f"up to {FEW}, or {SHARE:.0%} of the rows, would be classes"
        return True, f"{count:,} different whole numbers in {rows:,} rows: numbers to predict ({few})"
    return False, f"{count:,} different whole numbers in {rows:,} rows: classes"


def _reason_of_texts(distinct: Sequence[str], rows: int, where: str, *, is_given: bool) -> str:
    hint = "" if is_given else HINT
    if hold_dates(distinct):
        raise DataError(f"{where}: holds dates, which cannot be predicted{hint}")
    if are_many(len(distinct), rows):
        raise DataError(f"{where}: {len(distinct):,} different texts in {rows:,} rows are no classes{hint}")
    return f"{len(distinct):,} different texts: classes"
