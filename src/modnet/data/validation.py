"""Conversion of what a caller passes as x to an array of finite floats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import error_text, short_repr

__all__ = [
    "PIECE_BYTES",
    "RowNumbers",
    "all_finite",
    "as_array",
    "as_floats",
    "as_samples",
    "blocks",
    "check_finite",
    "check_samples",
    "float_dtype",
    "index_text",
    "is_lazy",
]

BLOCK = 4096
"""How many rows are processed at a time at most, so that no temporary array is as large as the data."""
BLOCK_BYTES = 1 << 19
"""How many bytes they have at most; a row that has more is processed by itself."""
NUMBERS = "allowed are integers, bools and floats"
PIECE_BYTES = 1 << 17
"""How many bytes are converted at a time: temporary arrays of this size cost no page faults, and stay in the cache."""

RowNumbers: TypeAlias = Sequence[int] | NDArray[np.intp]


def as_samples(x: Any, where: str, columns: str = "features", *, missing: bool = False) -> NDArray[Any]:
    """Return ``x`` as finite floats, (samples, features) or with more dimensions: native byte order, C-contiguous.

    float32 and float64 keep their dtype, without a copy if their layout allows it; float16 becomes float32;
    integers, bools, and objects that are numbers become float64. ``where`` is the start of every message;
    ``columns`` is the word for the second dimension; with ``missing``, NaN is allowed, for a missing value.

    Raises:
        DataError: no samples, no features, too few dimensions, text, complex numbers, missing values,
            NaN, infinity.
    """
    array = as_array(x, where)
    if array.ndim == 0:
        raise DataError(f"{where} expects samples × {columns}, got one value of type {type(x).__name__}")
    check_samples(array.shape, where, columns)
    array = _from_objects(array, where) if array.dtype.kind in "OUST" else array
    return as_floats(array, where, missing=missing)


def check_samples(shape: tuple[int, ...], where: str, columns: str = "features") -> None:
    """Refuse a shape without samples or features.

    Raises:
        DataError: starting with ``where``.
    """
    if 0 in shape:
        raise DataError(f"{where} is empty, shape {shape}; at least one row and one column are needed")
    if len(shape) < 2:
        raise DataError(f"{where} expects samples × {columns}, got shape {shape}")


def float_dtype(dtype: np.dtype[Any], where: str) -> np.dtype[Any]:
    """Return the dtype, float32 or float64, that numbers of a dtype are converted to.

    Raises:
        DataError: the dtype is not one of integers, bools or floats.
    """
    if dtype.kind not in "biuf":
        raise DataError(f"{where} holds {dtype} values; {NUMBERS}")
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def as_floats(
    array: NDArray[Any], where: str, numbers: RowNumbers | None = None, *, missing: bool = False
) -> NDArray[Any]:
    """Return an array of numbers as finite floats; see `as_samples`.

    Raises:
        DataError: other values, NaN, infinity; ``numbers`` are what errors call the rows.
    """
    dtype = float_dtype(array.dtype, where)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes infinite, and is refused below
        floats = array.astype(dtype, order="C", copy=False)
    check_finite(floats, where, numbers, missing=missing)
    return floats


def is_lazy(x: Any) -> bool:
    """Return whether ``x`` is an array whose rows are read when they are asked for, by ``x[rows]``.

    These are memory-mapped numbers, and objects with a shape and a dtype of NumPy's that are neither arrays in memory
    (which have ``__dlpack__``) nor data frames, series or sparse arrays: those of h5py, zarr and dask, say.
    """
    if isinstance(x, np.ndarray):
        return isinstance(x, np.memmap) and x.dtype.kind in "biuf"
    if isinstance(x, np.generic) or not hasattr(type(x), "__getitem__"):
        return False
    if any(hasattr(x, name) for name in ("__dlpack__", "to_numpy", "toarray")):
        return False
    try:
        return isinstance(x.dtype, np.dtype) and all(isinstance(size, int | np.integer) for size in x.shape)
    except Exception:  # a caller's own types may raise anything, those of h5py once their file is closed
        return False


def as_array(x: Any, where: str, numbers: RowNumbers | None = None) -> NDArray[Any]:
    """Return ``x`` as a plain array of whatever dtype it has; text in nested lists gives an array of objects.

    Raises:
        DataError: masked entries, ragged rows, a sparse array, columns of dates, or something that cannot be
            converted to an array; ``numbers`` are what errors call the rows.
    """
    if callable(getattr(x, "toarray", None)):  # a data frame may have a column of that name
        raise DataError(f"{where} is sparse, a {type(x).__name__}; allowed are dense arrays, as its toarray() gives")
    _refuse_dates(x, where)
    try:
        if isinstance(x, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in x):
            x = np.ma.stack(x)  # np.asanyarray would take the values under the masks
        elif hasattr(x, "to_numpy") and not hasattr(x, "__array__"):
            x = x.to_numpy()
        elif is_lazy(x):
            x = x[:]
        array = np.asanyarray(x)
        if array.dtype.kind in "US" and isinstance(x, list | tuple):
            array = np.asarray(x, dtype=object)  # NumPy makes text of numbers beside text: errors would name those
        is_masked = np.ma.is_masked(array)
    except Exception as error:  # a caller's own types may raise anything
        problem = _ragged(x) or f"is not an array: {error_text(error)}"
        raise DataError(f"{where} {problem}") from None
    if is_masked:
        index = np.argwhere(np.ma.getmaskarray(array))[0]
        raise DataError(f"{where}: {index_text(index, numbers)} is masked; every value is needed")
    return np.asarray(array)


def check_finite(
    array: NDArray[Any],
    where: str,
    numbers: RowNumbers | None = None,
    *,
    missing: bool = False,
    before: NDArray[Any] | None = None,
) -> None:
    """Refuse NaN, unless it may stand for a ``missing`` value, and infinity.

    With the finite numbers that they were ``before`` they got their dtype, it is that which is too small.

    Raises:
        DataError: naming the first such value, its row (by its place in ``numbers``, if given) and its column.
    """
    for rows in blocks(array):
        is_finite = ~np.isinf(array[rows]) if missing else np.isfinite(array[rows])
        if not is_finite.all():
            row, *rest = np.argwhere(~is_finite)[0].tolist()
            index = (rows.start + row, *rest)
            if before is not None:
                problem = f"is {float(before[index]):g}, which {array.dtype} cannot hold"
                raise DataError(f"{where}: {index_text(index, numbers)} {problem}")
            raise DataError(f"{where}: {index_text(index, numbers)} is {float(array[index])}; values must be finite")


def blocks(x: Any, most: int | None = None) -> Iterator[slice]:
    """Yield slices that cover the rows of ``x``: `BLOCK` rows, or a power of two less that has at most ``most`` bytes.

    By default, that is `BLOCK_BYTES`.
    """
    row_bytes = math.prod(x.shape[1:]) * x.dtype.itemsize
    size = BLOCK
    while size > 1 and size * row_bytes > (BLOCK_BYTES if most is None else most):
        size //= 2
    for start in range(0, x.shape[0], size):
        yield slice(start, start + size)


def all_finite(rows: NDArray[Any]) -> bool:
    """Return whether no number is NaN or infinite."""
    return int(np.count_nonzero(np.isfinite(rows))) == rows.size


def index_text(index: RowNumbers, numbers: RowNumbers | None = None) -> str:
    """Return an array index for an error message; row i is called ``numbers[i]``, if given."""
    row, *rest = map(int, index)
    row = row if numbers is None else int(numbers[row])
    if len(rest) > 1:
        return f"row {row}, index {tuple(rest)} (counted from 0)"
    return f"row {row}{''.join(f', column {column}' for column in rest)} (counted from 0)"


def _from_objects(array: NDArray[Any], where: str) -> NDArray[np.float64]:
    floats = np.empty(array.shape)
    for index, value in np.ndenumerate(array):
        try:
            if isinstance(value, str | bytes | complex | np.ndarray):
                raise TypeError
            floats[index] = float(value)
        except Exception:  # a caller's own __float__ may raise anything
            raise DataError(f"{where}: {index_text(index)} is {short_repr(value)}; values must be numbers") from None
    return floats


def _refuse_dates(x: Any, where: str) -> None:
    """Refuse a data frame with columns of dates or times, which polars converts to numbers if others are numbers."""
    if hasattr(x, "to_numpy") and hasattr(x, "columns") and hasattr(x, "dtypes"):
        for name, dtype in zip(x.columns, x.dtypes, strict=False):
            if hasattr(dtype, "is_temporal") and dtype.is_temporal():
                raise DataError(f"{where}: column {short_repr(name)} holds {dtype} values; {NUMBERS}")


def _ragged(x: Any) -> str | None:
    """Return which row of a list has another length than the first one, if any."""
    rows = x if isinstance(x, list | tuple) else ()
    lengths = [len(row) if isinstance(row, list | tuple) else [*getattr(row, "shape", ()), "no"][0] for row in rows]
    for row, length in enumerate(lengths):
        if length != lengths[0]:
            return f"is ragged: row 0 has {lengths[0]} values, row {row} (counted from 0) has {length} values"
    return None
