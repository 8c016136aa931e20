"""Rows that are read where they are: files that are memory-mapped, and arrays of h5py, zarr and the like."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import error_text
from modnet.data.sparse_rows import SparseRows, is_csr
from modnet.data.validation import (
    PIECE_BYTES,
    RowNumbers,
    as_array,
    as_floats,
    as_samples,
    blocks,
    check_samples,
    float_dtype,
    is_lazy,
)

__all__ = ["ArrayOrSource", "RowSource", "as_rows", "made_dense", "row_bytes", "subset"]

SPREAD = 4
"""Up to how many times the rows that are wanted a source is asked for in one slice: scattered rows cost it far more."""

Transform: TypeAlias = Callable[[NDArray[Any], str, RowNumbers], NDArray[Any]]
"""Called with rows, (samples, features), as finite floats, what errors call them, and their numbers in the source."""


@dataclass(frozen=True, eq=False)
class RowSource:
    """Some rows of an array that stays where it is: they are read, checked and converted when they are asked for.

    To those who read it, it is an array of floats with ``shape``, ``dtype`` and ``x[rows]``, where ``rows`` is a slice,
    row numbers in any order, repeated or not, or one number. The array below is asked for a slice, or for increasing
    numbers of different rows, which h5py demands, and by one thread at a time. What is read is a new array.

    Attributes:
        source: The array: ``shape``, ``dtype`` and ``source[rows]``.
        where: What errors call it.
        dtype: The dtype of the rows that are read.
        columns: The index that selects their columns.
        numbers: Which of the array's rows these are, increasing; None for all.
        transform: What is done with the rows, if anything.
        sample_shape: The shape of a row after it; None: it does not change.
        missing: Whether NaN stands for a missing value; else it is refused.
    """

    source: Any
    where: str
    dtype: np.dtype[Any]
    columns: Any
    numbers: NDArray[np.intp] | None = None
    transform: Transform | None = None
    sample_shape: tuple[int, ...] | None = None
    missing: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made: with a lock of its own."""
        fields = (self.source, self.where, self.dtype, self.columns, self.numbers)
        return RowSource, (*fields, self.transform, self.sample_shape, self.missing)

    @property
    def shape(self) -> tuple[int, ...]:
        """(samples, features), or with more dimensions."""
        if self.sample_shape is not None:
            return len(self), *self.sample_shape
        sample = np.broadcast_to(np.empty(()), (1, *self.source.shape[1:]))[self.columns]
        return len(self), *sample.shape[1:]

    def __len__(self) -> int:
        return int(self.source.shape[0]) if self.numbers is None else len(self.numbers)

    def __getitem__(self, rows: slice | NDArray[np.intp] | int) -> NDArray[Any]:
        """Return these rows, converted.

        Raises:
            DataError: NaN, infinity, or a number that becomes infinite, with its row and column; the source raises an
                error, or gives other rows than it was asked for.
        """
        if isinstance(rows, int | np.integer):
            row: NDArray[Any] = self[np.array([rows])][0]
            return row
        numbers: RowNumbers
        if self.numbers is not None:
            numbers = self.numbers[rows]
        else:
            numbers = range(*rows.indices(len(self))) if isinstance(rows, slice) else rows
        if self.transform is None:
            return as_floats(self._read(numbers)[self.columns], self.where, numbers, missing=self.missing)
        block = None if isinstance(self.source, np.ndarray) else self._read(numbers)
        transformed = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        for piece in blocks(transformed, PIECE_BYTES):
            raw = self._read(numbers[piece]) if block is None else block[piece]
            floats = as_floats(raw[self.columns], self.where, numbers[piece], missing=self.missing)
            transformed[piece] = self.transform(floats, self.where, numbers[piece])
        return transformed

    def subset(self, rows: NDArray[np.intp]) -> RowSource:
        """Return the rows with these numbers, which increase, as a source of their own."""
        return replace(self, numbers=rows if self.numbers is None else self.numbers[rows])

    def map(self, transform: Transform, dtype: np.dtype[Any], sample_shape: tuple[int, ...] | None = None) -> RowSource:
        """Return the rows with something to be done with them, which gives rows of a ``dtype`` and a shape."""
        return replace(self, transform=transform, dtype=dtype, sample_shape=sample_shape)

    def validated(self) -> ArrayOrSource:
        """Read all rows once, so that an invalid one is found before the training, not hours later.

        Returns:
            The array in the file itself where its rows are used as they lie there, else this source.

        Raises:
            DataError: as ``self[rows]``.
        """
        for rows in blocks(self):
            self[rows]
        array = self.source
        as_it_lies = self.transform is None and self.numbers is None and self.columns == slice(None)
        if as_it_lies and isinstance(array, np.ndarray) and array.dtype == self.dtype and array.flags.c_contiguous:
            return array
        return self

    def _read(self, numbers: RowNumbers) -> NDArray[Any]:
        """Return rows of the array as they are there."""
        if isinstance(numbers, range) and numbers.step == 1:
            return self._ask(slice(numbers.start, numbers.stop), numbers)
        if isinstance(self.source, np.ndarray):
            return np.take(self.source, numbers, axis=0)
        wanted, places = np.unique(numbers, return_inverse=True)
        first, last = int(wanted[0]), int(wanted[-1])
        if last - first < SPREAD * len(wanted):
            together = self._ask(slice(first, last + 1), range(first, last + 1))
            return np.take(together, np.asarray(numbers) - first, axis=0)
        return self._ask(wanted, wanted)[places]

    def _ask(self, selection: slice | NDArray[np.intp], numbers: RowNumbers) -> NDArray[Any]:
        if isinstance(self.source, np.ndarray):
            block: NDArray[Any] = self.source[selection]
            return block
        expected = (len(numbers), *self.source.shape[1:])
        try:
            with self._lock:
                rows = as_array(self.source[selection], self.where, numbers)
        except DataError:
            raise
        except Exception as error:  # a caller's own types may raise anything
            asked = f"rows {numbers[0]} to {numbers[-1]}"
            raise DataError(f"{self.where}: {asked} cannot be read: {error_text(error)}") from error
        if rows.shape != expected or rows.dtype.newbyteorder("=") != self.source.dtype.newbyteorder("="):
            promised = f"{self.source.dtype} of shape {expected}"
            raise DataError(f"{self.where}: its source should give {promised}, and gave {rows.dtype} of {rows.shape}")
        return rows


ArrayOrSource: TypeAlias = NDArray[Any] | RowSource | SparseRows
"""Samples: an array in memory, a source that they are read from, or sparse rows."""


def as_rows(x: Any, where: str, columns: Any = np.s_[:], *, missing: bool = False) -> ArrayOrSource:
    """Return ``x`` as samples, with the columns that an index selects: a source if it is lazy, else finite floats.

    CSR rows of scipy are `SparseRows`. With ``missing``, which is for transforms, NaN is allowed, for a missing value,
    and sparse rows, which have none, are a source that makes them dense.

    Raises:
        DataError: as `as_samples`; what a source holds is only checked when it is read.
    """
    if is_csr(x) or isinstance(x, SparseRows):
        rows = x if isinstance(x, SparseRows) else SparseRows.checked(x, where, columns, missing=missing)
        return RowSource(rows, where, rows.dtype, np.s_[:], missing=True) if missing else rows
    if callable(getattr(x, "toarray", None)):
        raise DataError(
            f"{where} is sparse, a {type(x).__name__}; allowed are CSR, as its tocsr() gives, and dense arrays"
        )
    if not is_lazy(x):
        return np.ascontiguousarray(as_samples(x, where, missing=missing)[columns])
    check_samples(tuple(x.shape), where)
    source = np.asarray(x) if isinstance(x, np.ndarray) else x  # NumPy takes its time over subclasses
    return RowSource(source, where, float_dtype(x.dtype, where), columns, missing=missing)


def made_dense(rows: SparseRows, where: str) -> RowSource:
    """Return sparse rows as a source that makes those dense that it is asked for."""
    return RowSource(rows, where, rows.dtype, np.s_[:])


def row_bytes(x: ArrayOrSource) -> int:
    """Return how many bytes a row has in memory; of sparse rows, on average."""
    return -(-x.nbytes // len(x)) if isinstance(x, SparseRows) else int(x[:1].nbytes)


def subset(x: ArrayOrSource, rows: NDArray[np.intp]) -> ArrayOrSource:
    """Return the rows with these numbers, which increase: a copy of those in memory, or a source of them."""
    if isinstance(x, RowSource):
        return x.subset(rows)
    chosen: NDArray[Any] | SparseRows = x[rows]
    return chosen
