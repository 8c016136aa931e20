"""From whatever a caller calls an array to an array of finite floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.data.files import error_text, short_repr

__all__ = [
    "BLOCK",
    "DIMENSIONS",
    "as_array",
    "as_samples",
    "check_finite",
    "column_names",
    "column_selector",
    "place",
    "refuse_masked",
]

BLOCK = 4096
"""How many rows are looked at in one piece, so that no temporary is as large as the data."""
PLAIN = {bool, int, float, str}
"""What cannot hold a mask."""
DIMENSIONS = 64
"""How many dimensions an array of NumPy can have."""
NUMBERS = "allowed are integers, bools and floats"


def as_samples(x: Any, where: str, columns: str = "features") -> NDArray[Any]:
    """Return ``x`` as finite floats, (samples, features) or with more dimensions: native, C-contiguous.

    float32 and float64 stay what they are, without a copy where their layout allows it; float16 becomes
    float32; integers, bools, and objects that are numbers become float64. ``where`` begins every message;
    ``columns`` is the word for what stands beside the samples.

    Raises:
        DataError: no samples, no features, too few dimensions, text, complex numbers, missing values,
            NaN, infinity.
    """
    array = as_array(x, where)
    if array.ndim == 0:
        raise DataError(f"{where} expects samples × {columns}, got one value of type {type(x).__name__}")
    if array.shape[0] == 0:
        raise DataError(f"{where} is empty")
    if array.ndim == 1:
        raise DataError(f"{where} expects samples × {columns}, got shape {array.shape}")
    if 0 in array.shape:
        raise DataError(f"{where} has 0 {columns}, shape {array.shape}; at least 1 is needed")
    floats = _as_floats(array, where)
    check_finite(floats, where)
    return floats


def column_names(x: Any) -> tuple[str, ...] | None:
    """Return the names of a frame's columns; None where ``x`` is no frame, or they are not all text."""
    names = getattr(x, "columns", None)
    if names is None or callable(names) or not hasattr(names, "__iter__"):
        return None
    names = tuple(names)
    return names if names and all(isinstance(name, str) for name in names) else None


def column_selector(names: tuple[str, ...] | None, wanted: tuple[str, ...] | None, where: str) -> Any:
    """Return the index that picks the ``wanted`` columns from those with these names; all where either has no names.

    Raises:
        DataError: a wanted column is missing, or stands there twice.
    """
    if names is None or wanted is None or names == wanted:
        return slice(None)
    for name in wanted:
        if names.count(name) != 1:
            found = "is no" if name not in names else "is more than one"
            raise DataError(f"{where}: there {found} column {short_repr(name)}, which the network was trained with")
    return np.s_[:, [names.index(name) for name in wanted]]


def as_array(x: Any, where: str) -> NDArray[Any]:
    """Return ``x`` as a plain array of whatever dtype it has; text in nested lists makes an array of objects.

    Raises:
        DataError: masked entries, ragged rows, a sparse array, columns of dates, or something that does not turn
            into an array.
    """
    if callable(getattr(x, "toarray", None)):  # a frame may have a column of that name
        raise DataError(f"{where} is sparse, a {type(x).__name__}; allowed are dense arrays, as its toarray() gives")
    _refuse_dates(x, where)
    refuse_masked(x, where)
    source = x
    try:
        if hasattr(x, "to_numpy") and not hasattr(x, "__array__"):
            source = x.to_numpy()
        array = np.asanyarray(source)  # keeps a mask
        # NumPy makes text of every number beside a text: the error would blame the wrong cell.
        if array.dtype.kind in "US" and isinstance(source, list | tuple):
            array = np.asarray(source, dtype=object)
    except Exception as error:  # whatever a stranger's methods may raise
        raise DataError(f"{where} {_ragged(source) or f'is not an array: {error_text(error)}'}") from None
    refuse_masked(array, where)
    return np.asarray(array)


def refuse_masked(x: Any, where: str, at: tuple[int, ...] = (), seen: set[int] | None = None) -> None:
    """Refuse masked entries, also inside lists, of which NumPy would take what lies under the mask.

    Raises:
        DataError: naming the place of the first one; ``at`` is the place of ``x`` itself.
    """
    if isinstance(x, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(x)
        if mask.dtype == bool and mask.any():  # that of a structured array is no bool, and no such array is allowed
            index = tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))
            raise DataError(f"{where}: {place((*at, *index))} is masked; every value is needed")
        return
    seen = set() if seen is None else seen  # a list may hold itself
    if isinstance(x, list | tuple) and len(at) < DIMENSIONS and id(x) not in seen and not set(map(type, x)) <= PLAIN:
        seen.add(id(x))
        for row, item in enumerate(x):
            refuse_masked(item, where, (*at, row), seen)


def check_finite(array: NDArray[Any], where: str) -> None:
    """Refuse NaN and infinity.

    Raises:
        DataError: naming the first such value, its row and its column.
    """
    for start in range(0, array.shape[0], BLOCK):
        finite = np.isfinite(array[start : start + BLOCK])
        if not finite.all():
            row, *rest = (int(i) for i in np.unravel_index(int(np.argmin(finite)), finite.shape))
            index = (start + row, *rest)
            raise DataError(f"{where}: {place(index)} is {float(array[index])}; values must be finite")


def place(index: tuple[int, ...]) -> str:
    """Return words for a place in an array."""
    row, *rest = index
    if not rest:
        return f"row {row} (counted from 0)"
    column = f"column {rest[0]}" if len(rest) == 1 else f"place {tuple(rest)}"
    return f"row {row}, {column} (counted from 0)"


def _as_floats(array: NDArray[Any], where: str) -> NDArray[Any]:
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind in "OUST":
        return _from_objects(array, where)
    if kind == "f":
        dtype = np.float32 if size <= 4 else np.float64
    elif kind in "biu":
        dtype = np.float64
    else:
        raise DataError(f"{where} holds {array.dtype} values; {NUMBERS}")
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit turns infinite, and is found as such
        return array.astype(dtype, order="C", copy=False)


def _from_objects(array: NDArray[Any], where: str) -> NDArray[np.float64]:
    floats = np.empty(array.shape)
    for index, value in np.ndenumerate(array):
        try:
            if isinstance(value, str | bytes | complex | np.ndarray):
                raise TypeError
            floats[index] = float(value)
        except Exception:  # whatever a stranger's __float__ may raise
            raise DataError(f"{where}: {place(index)} is {short_repr(value)}; values must be numbers") from None
    return floats


def _refuse_dates(x: Any, where: str) -> None:
    """Refuse a frame with columns of dates or times, which polars turns into numbers where others are numbers."""
    if hasattr(x, "to_numpy") and hasattr(x, "columns") and hasattr(x, "dtypes"):
        for name, dtype in zip(x.columns, x.dtypes, strict=False):
            if hasattr(dtype, "is_temporal") and dtype.is_temporal():
                raise DataError(f"{where}: column {short_repr(name)} holds {dtype} values; {NUMBERS}")


def _ragged(x: Any) -> str | None:
    if not isinstance(x, list | tuple):
        return None
    shapes = [np.shape(row)[:1] if isinstance(row, np.ndarray) else _length(row) for row in x]
    for row, shape in enumerate(shapes):
        if shape != shapes[0]:
            return f"is ragged: row 0 has {_values(shapes[0])}, row {row} (counted from 0) has {_values(shape)}"
    return None


def _length(row: Any) -> tuple[int, ...]:
    return (len(row),) if hasattr(row, "__len__") and not isinstance(row, str | bytes) else ()


def _values(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} values" if shape else "no list of values"
