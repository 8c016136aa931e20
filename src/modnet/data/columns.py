"""Names of columns: where samples or targets have them, columns are matched by them, and else by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from modnet.core.dataset import Data, Names
from modnet.core.errors import DataError
from modnet.core.messages import as_python, counted, list_values, nearest, question, short_repr
from modnet.data.table import Table
from modnet.data.validation import as_array

__all__ = [
    "as_names",
    "column_names",
    "column_selector",
    "feature_names",
    "find_columns",
    "input_columns",
    "targets_like",
]


def column_names(x: Any) -> Names | None:
    """Return the names of the columns of a table, or of a data frame; None if ``x`` is neither."""
    if isinstance(x, Table):
        return x.names
    if hasattr(type(x), "column_names"):  # of pyarrow, whose columns are arrays
        names = x.column_names
    elif hasattr(x, "to_numpy") or hasattr(x, "__array__"):  # a lazy frame has neither, and its columns cost a query
        names = getattr(x, "columns", None)
    else:
        return None
    if names is None or callable(names) or not hasattr(names, "__iter__"):
        return None
    return as_names(names) or None


def as_names(names: Iterable[Any]) -> Names:
    """Return text and integers as they are; any other name (a number, a tuple of several levels) becomes text."""
    return tuple(name if type(name) in (str, int) else str(name) for name in map(as_python, names))


def find_columns(
    names: Sequence[str | int],
    wanted: Iterable[str | int],
    prefix: str,
    reason: str = "",
    hint: str = "",
    *,
    exactly: bool = False,
) -> list[int]:
    """Return the positions of the ``wanted`` columns among ``names``, which are compared as text.

    A message is ``prefix``, the problem, ``reason``, the known columns and ``hint``. With ``exactly``, there may be no
    other columns.

    Raises:
        DataError: a wanted column is missing or not unique.
    """
    wanted = tuple(wanted)
    positions = {str(name): index for index, name in enumerate(names)}
    counts, needed = Counter(map(str, names)), set(map(str, wanted))
    problems = {
        "no column": [name for name in wanted if str(name) not in counts],
        "more than one column": [name for name in wanted if counts[str(name)] > 1],
        "a further column": [name for name in names if exactly and str(name) not in needed],
    }
    for problem, columns in problems.items():
        if columns:
            is_one = problem == "no column" and len(columns) == 1
            near = question(nearest(str(columns[0]), positions, 0.7)) if is_one else ""
            known = f"the columns are {list_values(names)}{hint}{near}"
            raise DataError(f"{prefix} {problem} {list_values(columns)}{reason}; {known}")
    return [positions[str(name)] for name in wanted]


def input_columns(
    names: Sequence[str | int], features: Names | None, count: int, keep: Sequence[str], where: str, hint: str = ""
) -> tuple[list[int], list[int]]:
    """Return the positions of a network's ``count`` inputs among the columns of a file, and of those to be kept.

    The inputs are found by their names; where they have none (``features``), they are all other columns, without one
    that is named ``target``.

    Raises:
        DataError: starting with ``where``: a column is missing or not unique, or there are more or fewer.
    """
    selected = find_columns(
        names, list(map(str, features or ())), f"{where}:", ", which the network was trained with", hint
    )
    several = "; each column to keep is named by itself" if any("," in name for name in keep) else ""
    kept = find_columns(names, keep, f"{where}:", ", which is to be kept", several)
    if features is None:
        selected = [position for position in range(len(names)) if position not in kept]
        if len(selected) != count:
            selected = [position for position in selected if names[position] != "target"]
    if len(selected) != count:
        raise DataError(f"{where}: {counted(len(selected), 'column')}, the network has {counted(count, 'input')}")
    return selected, kept


def column_selector(names: Names | None, wanted: Names | None, where: str, *, exactly: bool = False) -> Any:
    """Return the index that selects the ``wanted`` columns of an array with ``names``; all if either has no names.

    Names are compared as text. With ``exactly``, there may be no other columns.

    Raises:
        DataError: a wanted column is missing or not unique.
    """
    if names is None or wanted is None:
        return slice(None)
    hint = f", and were {list_values(wanted)} in training"
    selected = find_columns(names, wanted, f"{where}: there is", hint=hint, exactly=exactly)
    return slice(None) if selected == list(range(len(names))) else np.s_[:, selected]


def feature_names(data: Data) -> Names | None:
    """Return the names of the training columns, or None where there are none.

    Raises:
        DataError: a name occurs twice.
    """
    names = column_names(data.train[0]) or (None if data.features is None else as_names(data.features))
    for name, count in Counter(map(str, names or ())).items():
        if count > 1:
            raise DataError(f"{data.place('train')} x: {count} columns have the name {short_repr(name)}")
    return names


def targets_like(train: Any, y: Any, where: str) -> Any:
    """Return the targets of another part with their columns as in training, where both have names."""
    names, wanted = column_names(y), column_names(train)
    if names is None or wanted is None or names == wanted or len(wanted) == 1:
        return y
    return as_array(y, where)[column_selector(names, wanted, where, exactly=True)]
