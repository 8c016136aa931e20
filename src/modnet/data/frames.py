"""Data frames, and lists and arrays of objects, with text or missing values in them."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import short_repr
from modnet.data.columns import column_names
from modnet.data.table import Table
from modnet.data.texts import LONGEST, date_remedies, hold_dates, number_text
from modnet.data.validation import as_array, check_samples, float_dtype, index_text

__all__ = ["frame_table"]

TIMES = (dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64)
NOTHING = ("NoneType", "NAType", "NaTType")
"""The types of None, and of what pandas has in its place."""
ALLOWED = "allowed are integers, bools, floats and text"


class _Column(NamedTuple):
    """A column: its numbers, or its texts, their positions, NaN where a value is missing, and the row of the first."""

    values: NDArray[Any]
    texts: list[str] | None = None
    first: int | None = None


def frame_table(x: Any, where: str, *, is_new: bool) -> Table | None:
    """Return a data frame, or objects in two dimensions, as a table; None where all are numbers, or it is neither.

    Frames are those of pandas and polars, and tables of pyarrow. A column is one of numbers if all values that are not
    missing are. Plain numbers are not looked at: in them, NaN stands for a missing value. Rows that ``is_new``, which a
    training begins with, may have no texts that are dates.

    Raises:
        DataError: starting with ``where``: a value is neither a number nor text, or is a date.
    """
    if callable(getattr(x, "toarray", None)):
        return None  # a sparse array, which others refuse
    names = column_names(x)
    arrays = None if names is None else _columns_of_frame(x)
    if arrays is None:
        arrays = _columns_of_objects(x, where)
    if arrays is None:
        return None
    named = names or range(len(arrays))
    read = [_read(array, index, named[index], where) for index, array in enumerate(arrays)]
    shape = (len(read[0].values) if read else 0, len(read))
    check_samples(shape, where)
    values = np.empty(shape, np.result_type(*(float_dtype(column.values.dtype, where) for column in read)))
    texts, text_places, missing_places = {}, {}, {}
    for index, column in enumerate(read):
        values[:, index] = column.values
        missing = np.isnan(values[:, index])
        if missing.any():
            missing_places[index] = f"row {int(np.argmax(missing))} (counted from 0)"
        if column.texts is not None:
            texts[index] = np.array(column.texts, dtype=object)
            if column.first is not None:
                text = column.texts[int(values[column.first, index])]
                text_places[index] = f"row {column.first} (counted from 0): {short_repr(text)}"
                if is_new and hold_dates(column.texts):
                    problem = f"holds dates ({text_places[index]})"
                    raise _date_error(where, named[index], problem)
    return Table(values, names, texts, text_places, missing_places)


def _columns_of_frame(x: Any) -> list[NDArray[Any]] | None:
    """Return the columns of a frame as arrays; None if all hold numbers, and none is missing where there is no NaN."""
    if hasattr(type(x), "column_names"):  # of pyarrow
        return None if all(map(_is_plain_arrow, x.columns)) else [_from_arrow(column) for column in x.columns]
    if hasattr(x, "get_columns"):  # of polars
        series = x.get_columns()
        if all(_is_plain_polars(column) for column in series):
            return None
        return [np.asarray(column.to_numpy()) for column in series]
    if hasattr(x, "iloc") and hasattr(x, "dtypes"):  # of pandas
        if all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in x.dtypes):
            return None
        return [np.asarray(x.iloc[:, index].to_numpy()) for index in range(x.shape[1])]
    return None


def _is_plain_arrow(column: Any) -> bool:
    stored = str(column.type)
    return stored in ("float", "double") or (stored.startswith(("int", "uint", "bool")) and not column.null_count)


def _from_arrow(column: Any) -> NDArray[Any]:
    array = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    if str(array.type).startswith("dictionary"):
        array = array.dictionary_decode()
    if str(array.type) == "null":
        return np.full(len(array), math.nan)
    if str(array.type).startswith(("date", "time", "duration")):
        return np.zeros(len(array), "M8[s]")  # which are refused, whatever they are
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _is_plain_polars(column: Any) -> bool:
    is_number = bool(column.dtype.is_numeric()) and not hasattr(column.dtype, "scale")  # decimals have one
    return is_number or (str(column.dtype) == "Boolean" and not column.null_count())


def _columns_of_objects(x: Any, where: str) -> list[NDArray[Any]] | None:
    """Return the columns of lists, or of an array of objects or text; None for anything else."""
    if not isinstance(x, list | tuple) and getattr(getattr(x, "dtype", None), "kind", "") not in ("O", "U", "T"):
        return None
    array = as_array(x, where)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "OUT":
        return None
    return list(array.T)


def _read(array: NDArray[Any], index: int, name: object, where: str) -> _Column:
    """Return a column as numbers or texts."""
    if array.dtype.kind in "biuf":
        infinite = np.isinf(array) if array.dtype.kind == "f" else np.zeros(1, np.bool_)
        if infinite.any():
            row = int(np.argmax(infinite))
            raise DataError(f"{where}: {index_text((row, index))} is {float(array[row])}; values must be finite")
        return _Column(array)
    if array.dtype.kind in "mM":
        raise _date_error(where, name, f"holds {array.dtype} values")
    if array.dtype.kind not in "OUT":
        raise DataError(f"{where}: column {short_repr(name)} holds {array.dtype} values; {ALLOWED}")
    values = array.astype(object)
    types = set(map(type, values))
    if any(issubclass(kind, TIMES) and kind.__name__ not in NOTHING for kind in types):
        row = next(row for row, value in enumerate(values) if isinstance(value, TIMES) and not _is_nothing(value))
        raise _date_error(where, name, f"holds dates or times (row {row} (counted from 0): {short_repr(values[row])})")
    if any(issubclass(kind, str) for kind in types):
        return _as_texts(values, index, where)
    return _Column(np.array([_number(value, row, index, where) for row, value in enumerate(values)]))


def _is_nothing(value: object) -> bool:
    return type(value).__name__ in NOTHING or (isinstance(value, float | np.floating) and value != value)


def _number(value: object, row: int, index: int, where: str) -> float:
    """Return an object as a number."""
    if _is_nothing(value):
        return math.nan
    try:
        if isinstance(value, bytes | complex | np.ndarray):
            raise TypeError
        number = float(value)  # type: ignore[arg-type]
    except Exception:  # a caller's own __float__ may raise anything
        problem = f"is {short_repr(value)}; values must be numbers or text"
        raise DataError(f"{where}: {index_text((row, index))} {problem}") from None
    if math.isinf(number):
        raise DataError(f"{where}: {index_text((row, index))} is {number}; values must be finite")
    return number


def _as_texts(values: NDArray[np.object_], index: int, where: str) -> _Column:
    """Return objects of which some are text; numbers among them become text."""
    texts: dict[str, float] = {}
    positions, first = np.full(len(values), math.nan), None
    for row, value in enumerate(values):
        if _is_nothing(value):
            continue
        if isinstance(value, str):
            text, first = str(value), row if first is None else first
        else:
            is_whole = isinstance(value, bool | np.bool_ | int | np.integer)
            text = str(value) if is_whole else number_text(_number(value, row, index, where))
        if len(text) > LONGEST:
            problem = f"{short_repr(text)} is too long; allowed are {LONGEST} characters"
            raise DataError(f"{where}: {index_text((row, index))}: {problem}")
        positions[row] = texts.setdefault(text, float(len(texts)))
    return _Column(positions.astype(np.float32) if len(texts) < 1 << 24 else positions, list(texts), first)


def _date_error(where: str, name: object, problem: str) -> DataError:
    return DataError(f"{where}: column {short_repr(name)} {problem}; {date_remedies('leave the column out')}")
