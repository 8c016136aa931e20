"""The checks of transforms: what is learnt, what becomes of rows, and how the transform refuses what it cannot take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.interfaces import CellError, is_missing
from modnet.testing.case import Case
from modnet.testing.numeric import first_difference, tree_diff
from modnet.testing.report import FailedError, NoteError, require
from modnet.testing.transform_probes import WORDS, Blocks, apply, columns_of, fit_and_apply, kinds_of

BLOCK_SIZES = (1, 2, 8)  # a power of two, as in a training
ROUNDING = 1e-9  # how far two orders of the same sums may be apart, relative to the largest number
LARGE = 1e300


def columns_match_takes(case: Case) -> None:
    """Check that by default it is applied to columns of the type that it takes."""
    takes, default = case.component.takes, case.cls.model_fields["columns"].default
    require(takes in ("number", "text", "all"), f"takes should be 'number', 'text' or 'all', got {takes!r}")
    allowed = {"number": ["number"], "text": ["text", "all"], "all": ["number", "text", "all"]}[takes]
    hint = f'write: columns: modnet.ColumnChoice = modnet.columns_field("{takes}")'
    require(default in allowed, f"takes = {takes!r}, but columns = {default!r} by default; {hint}")


def state_can_be_stored(case: Case) -> None:
    """Check that `fit` returns a dict of arrays of float64, or one-dimensional ones of text."""
    for name, rows in columns_of(case).items():
        state = case.component.fit(Blocks(rows))
        require(type(state) is dict, f"fit should return a dict, got {type(state).__name__}")
        for key, values in state.items():
            is_array = isinstance(key, str) and isinstance(values, np.ndarray)
            require(is_array, f"fit of {name}: state should hold arrays by name, got {key!r}: {type(values).__name__}")
            is_text = values.dtype == object and values.ndim == 1 and all(type(text) is str for text in values)
            allowed = "allowed: arrays of float64, and one-dimensional ones of text (objects)"
            found = f"{values.dtype}, {values.ndim}-dimensional"
            require(is_text or values.dtype == np.float64, f"fit of {name}: state {key!r} is {found}; {allowed}")


def fit_in_blocks(case: Case) -> None:
    """Check that the state does not depend on how many rows are read at a time; a note if it does in its last bits."""
    differs = ""
    for name, rows in columns_of(case).items():
        whole = case.component.fit(Blocks(rows))
        for size in BLOCK_SIZES:
            state = case.component.fit(Blocks(rows, size))
            what = f"fit of {name}, {size} rows at a time"
            require(state.keys() == whole.keys(), f"{what}, gives {sorted(state)}, of all at once {sorted(whole)}")
            for key in tree_diff(whole, state):
                difference = _difference(state[key], whole[key])
                require(not difference, f"{what}: state {key!r} is not that of all at once: {difference}")
                differs = f"{what}: state {key!r} is that of all at once but for rounding"
    if differs:
        raise NoteError(differs)


def _difference(values: NDArray[Any], expected: NDArray[Any]) -> str:
    if values.dtype == object or expected.dtype == object:
        return f"expected {expected.tolist()}, got {values.tolist()}"
    return first_difference(values, expected, ROUNDING * float(np.max(np.abs(expected), initial=0.0)))


def results_match_names(case: Case) -> None:
    """Check that there is a column of results for each name: a new array of float64, or of text and None."""
    for name, rows in columns_of(case).items():
        state, results = fit_and_apply(case, rows)
        given = [f"column {index}" for index in range(rows.shape[1])]
        names = case.component.output_names(given, state)
        is_names = isinstance(names, list | tuple) and all(type(each) is str for each in names)
        require(is_names, f"output_names should return a list of names, got {names!r}")
        require(len(set(names)) == len(names), f"output_names gives the same name to two columns: {list(names)}")
        require(isinstance(results, np.ndarray), f"{name}: should return an array, got {type(results).__name__}")
        shape = (len(rows), len(names))
        require(results.shape == shape, f"{name}: results should have the shape {shape}, got {results.shape}")
        is_text = results.dtype == object and all(cell is None or type(cell) is str for cell in results.flat)
        allowed = "allowed: float64, or objects that are text or None"
        require(is_text or results.dtype == np.float64, f"{name}: results are {results.dtype}; {allowed}")
        for source, array in {"the rows": rows, **state}.items():
            shared = np.shares_memory(results, array)
            require(not shared, f"{name}: results share memory with {source}; return a new array")


def rows_apart(case: Case) -> None:
    """Check that each row is transformed by itself: alone, in another order, repeated; a note if its last bits differ.

    Where there are no rows, there are no results.
    """
    differs = ""
    for name, rows in columns_of(case).items():
        state, results = fit_and_apply(case, rows)
        reversed_, repeated = np.arange(len(rows))[::-1], np.repeat(np.arange(len(rows)), 2)
        selections = {"in another order": reversed_, "twice": repeated, "without rows": reversed_[:0]}
        selections |= {f"of row {row} alone": np.array([row]) for row in range(len(rows))}
        for how, selected in selections.items():
            expected, given = results[selected], apply(case, rows[selected], state)
            if tree_diff(given, expected):
                difference = _difference(given, expected)
                what = f"{name}: the results {how}"
                require(not difference, f"{what} are not those of all: {difference}; each row is transformed by itself")
                differs = f"{what} are those of all but for rounding: with rows in a file, bits are not the same"
    if differs:
        raise NoteError(differs)


def missing_values(case: Case) -> None:
    """Check that missing values, NaN and None, are taken wherever `takes_missing` says so."""
    if not case.component.takes_missing:
        return
    for name, rows in columns_of(case).items():
        given = rows.copy()
        given[np.arange(len(rows)) % 3 == 1, 0] = None if rows.dtype == object else np.nan
        for what, trained in {"in training": given, "in other rows alone": rows}.items():
            try:
                results = apply(case, given, case.component.fit(Blocks(trained, 8)))
            except CellError as error:
                raise FailedError(f"{name}: takes_missing = True, but a missing value {what} {error}") from None
            is_other = is_missing(results[~is_missing(given).any(axis=1)]).any()
            require(not is_other, f"{name}: a value is missing {what}, and another row has a missing result")


def unknown_text(case: Case) -> None:
    """Check that text that the training rows do not have is a CellError of its row and column, or is transformed."""
    if "text" not in kinds_of(case):
        return
    for name, rows in columns_of(case).items():
        if rows.dtype == object:
            state, results = fit_and_apply(case, rows)
            given = rows.copy()
            given[5, 0] = "not in the training rows"
            with _refusal_of(f"{name} with an unknown text", column=0, row=5):
                other = apply(case, given, state)
                require(other.shape == results.shape, f"{name}: an unknown text gives results of {other.shape}")


def inverse_undoes(case: Case) -> None:
    """Check that `inverse` gives the rows that were transformed, wherever `invertible` says that there is one."""
    if not case.component.invertible:
        return
    require("number" in kinds_of(case), "invertible = True, but targets are numbers, which it does not take")
    for name, rows in columns_of(case).items():
        if rows.dtype != object:
            state, results = fit_and_apply(case, rows)
            require(results.shape == rows.shape, f"{name}: invertible = True, but {rows.shape} become {results.shape}")
            undone = case.component.inverse(results, state)
            require(isinstance(undone, np.ndarray), f"inverse should return an array, got {type(undone).__name__}")
            require(undone.dtype == np.float64, f"inverse of {name} should be float64, got {undone.dtype}")
            difference = first_difference(undone, rows, ROUNDING * np.max(np.abs(rows), axis=0))
            require(not difference, f"inverse of {name} should give what was transformed: {difference}")
            shared = np.shares_memory(undone, results)
            require(not shared, f"inverse of {name} shares memory with its argument; return a new array")


def unusual_columns(case: Case) -> None:
    """Check that a column it cannot take (constant, very large, 0, a single row) is a CellError that names it."""
    for name, rows in columns_of(case).items():
        column = rows.shape[1] // 2
        for what, cells in _unusual(case, rows[:, column]).items():
            given = rows.copy()
            given[:, column] = cells
            with _refusal_of(f"{name}, one {what},", column):
                _fit_finite(case, given, f"{name}, one {what}")
            state = case.component.fit(Blocks(rows))
            with _refusal_of(f"{name}, one {what} in other rows,", column):
                apply(case, given, state)
        with _refusal_of(f"{name}, a single row,"):
            _fit_finite(case, rows[:1].copy(), f"{name}, a single row")


def _unusual(case: Case, column: NDArray[Any]) -> dict[str, Any]:
    missing = {"without values": None if column.dtype == object else np.nan} if case.component.takes_missing else {}
    if column.dtype == object:
        other = np.array([f"{WORDS[0]} {row}" for row in range(len(column))], dtype=object)
        return {"constant": column[0], "empty": "", "of different texts": other, "with é\n": "é\n", **missing}
    signs = np.where(np.arange(len(column)) % 2, 1.0, -1.0)
    large = {"very large": LARGE * column, "at the largest floats": np.finfo(np.float64).max * signs}
    return {"constant": column[0], "of 0": 0.0, "below 0": -np.abs(column) - 1.0, **large, **missing}


def _fit_finite(case: Case, rows: NDArray[Any], what: str) -> None:
    """Fit to rows and transform them: neither state nor results may overflow."""
    with np.errstate(all="raise", under="ignore"):
        try:
            state = case.component.fit(Blocks(rows, 8))
        except FloatingPointError as error:
            raise FailedError(f"fit of {what}: {error}; a column that cannot be taken is a CellError") from None
    for key, values in state.items():
        is_finite = values.dtype == object or np.isfinite(values).all()
        require(is_finite, f"fit of {what}: state {key!r} is not finite; a column that cannot be taken is a CellError")
    results = apply(case, rows, state)
    if results.dtype != object and not is_missing(rows).any():
        require(np.isfinite(results).all(), f"{what}: results are not finite, though it was fitted to these rows")


@contextmanager
def _refusal_of(what: str, column: int | None = None, row: int | None = None) -> Iterator[None]:
    """Let a CellError pass that names the column, and the row where one is meant; any other error is a failure."""
    try:
        yield
    except CellError as error:
        place = f"{what} raises CellError({str(error)!r}, column={error.column}, row={error.row})"
        require(str(error) and "\n" not in str(error), f"{place}; its text should be one line")
        require(type(error.column) is int and error.column >= 0, f"{place}; the column should be a number from 0")
        require(column in (None, error.column), f"{place}; the column is {column}")
        require(row in (None, error.row), f"{place}; the row is {row}")
    except (FailedError, NoteError):
        raise
    except Exception as error:
        raise FailedError(
            f"{what} should be taken, or raise a CellError; got {type(error).__name__}: {error}"
        ) from None
