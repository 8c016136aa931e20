"""Sparse rows: a CSR matrix of scipy, which the first layer multiplies as it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import error_text
from modnet.data.validation import check_finite, check_samples, float_dtype

__all__ = ["MADE_DENSE", "SparseRows", "is_csr"]

MADE_DENSE = "sparse rows are made dense, block by block: transforms, an engine or a first layer take no others"
PRODUCT_BYTES, FEWEST = 4 << 20, 16
"""How many bytes, and columns at least, of a dense operand are multiplied at a time: scipy makes the product, and what
lies differently is copied."""
COPIED_ROWS = 256
"""How many rows are copied at a time between arrays that lie differently: few enough to stay in the cache."""


def is_csr(x: Any) -> bool:
    """Return whether ``x`` is a CSR matrix or array of scipy.sparse, which is not imported for it."""
    if not isinstance(getattr(x, "format", None), str) or x.format != "csr":
        return False
    return all(isinstance(getattr(x, name, None), np.ndarray) for name in ("data", "indices", "indptr"))


def _multiply(matrix: Any, dense: NDArray[Any], place: NDArray[Any]) -> None:
    """Write the product of a sparse and a dense matrix to a place."""
    rows = matrix.shape[0] if dense.flags.c_contiguous else max(matrix.shape)
    step = max(FEWEST, PRODUCT_BYTES // (rows * dense.itemsize))
    for start in range(0, dense.shape[1], step):
        operand = dense[:, start : start + step]
        if not operand.flags.c_contiguous:
            operand = np.empty(operand.shape, operand.dtype)
            _copy(dense[:, start : start + step], operand)
        _copy(matrix @ operand, place[:, start : start + step])


def _copy(source: NDArray[Any], target: NDArray[Any]) -> None:
    for start in range(0, len(source), COPIED_ROWS):
        target[start : start + COPIED_ROWS] = source[start : start + COPIED_ROWS]


class _Operand:
    """A sparse matrix as an operand of ``np.dot``, which is all that a layer of products asks for.

    Any other function of NumPy's and any arithmetic is a TypeError: nothing makes it dense unnoticed.
    """

    __array_ufunc__ = None

    def __init__(self, matrix: Any, transposed: Any = None) -> None:
        self.matrix, self._transposed = matrix, transposed

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if func is not np.dot:
            return NotImplemented
        del types
        left, right = args
        place = kwargs.get("out")
        if place is None:
            place = np.empty((left.shape[0], right.shape[1]), np.result_type(left.dtype, right.dtype))
        if isinstance(left, _Operand):
            _multiply(left.matrix, right, place)
        else:
            _multiply(right.transposed, left.T, place.T)
        return place

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns)."""
        return int(self.matrix.shape[0]), int(self.matrix.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the values."""
        dtype: np.dtype[Any] = self.matrix.data.dtype
        return dtype

    @property
    def transposed(self) -> Any:
        """The transposed matrix, made once."""
        if self._transposed is None:
            self._transposed = self.matrix.T
        return self._transposed

    @property
    def T(self) -> _Operand:  # noqa: N802 - as arrays have it
        """(columns, rows), for products."""
        return _Operand(self.transposed, self.matrix)

    def __matmul__(self, other: NDArray[Any]) -> NDArray[Any]:
        product: NDArray[Any] = np.dot(self, other)  # type: ignore[call-overload]
        return product

    def __rmatmul__(self, other: NDArray[Any]) -> NDArray[Any]:
        product: NDArray[Any] = np.dot(other, self)  # type: ignore[call-overload]
        return product


class SparseRows(_Operand):
    """Rows, (samples, features), of which only the values that are not 0 are stored.

    ``rows[selection]`` is SparseRows again, ``rows[3]`` one row as an array, and ``np.asarray(rows)`` makes them dense.

    Args:
        matrix: A CSR matrix or array of scipy.sparse of finite floats, without duplicates; it is not written to.
    """

    @classmethod
    def checked(cls, x: Any, where: str, columns: Any = np.s_[:], *, missing: bool = False) -> Self:
        """Return a CSR matrix as finite floats, with the columns that an index selects.

        float32 and float64 are not copied, unless values of one cell are to be added up. With ``missing``, NaN is
        allowed.

        Raises:
            DataError: starting with ``where``: no samples, no features, values that are no numbers, NaN, infinity,
                indices that are not within its shape.
        """
        check_samples(tuple(x.shape), where)
        dtype = float_dtype(x.data.dtype, where)
        try:
            x = type(x)((x.data, x.indices, x.indptr), shape=x.shape)  # the check may write to what it checks
            x.check_format(full_check=True)
            x = x if x.has_canonical_format else x.copy()
            x.sum_duplicates()
            x = x if columns == slice(None) else x[columns]
        except Exception as error:  # a caller's own types may raise anything
            raise DataError(f"{where} is no CSR matrix: {error_text(error)}") from None
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes infinite, and is refused below
            rows = cls(x.astype(dtype, copy=False))
        rows.check_finite(where, missing=missing)
        return rows

    @property
    def filled(self) -> float:
        """Which share of the values is stored."""
        return len(self.matrix.data) / math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes they take, as they are stored."""
        return sum(int(array.nbytes) for array in (self.matrix.data, self.matrix.indices, self.matrix.indptr))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        """Return these rows, or one row as an array, (features,)."""
        if isinstance(rows, int | np.integer):
            return self.matrix[[rows]].toarray()[0]
        return type(self)(self.matrix[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("sparse rows are made dense in a new array")
        dense: NDArray[Any] = self.matrix.toarray()
        return dense if dtype is None else dense.astype(dtype, copy=False)

    def astype(self, dtype: np.dtype[Any], where: str) -> Self:
        """Return them in a dtype.

        Raises:
            DataError: a number that is infinite in the dtype.
        """
        if dtype == self.dtype:
            return self
        with np.errstate(over="ignore"):  # an overflow is reported below
            rows = type(self)(self.matrix.astype(dtype))
        rows.check_finite(where, before=self)
        return rows

    def check_finite(self, where: str, *, missing: bool = False, before: SparseRows | None = None) -> None:
        """Refuse what `modnet.data.validation.check_finite` refuses.

        Raises:
            DataError: naming the first such value, its row and its column.
        """
        values = self.matrix.data
        invalid = np.flatnonzero(np.isinf(values) if missing else ~np.isfinite(values))
        if len(invalid):
            row = int(np.searchsorted(self.matrix.indptr, invalid[0], side="right")) - 1
            earlier = None if before is None else before[row][None]
            check_finite(self[row][None], where, np.array([row]), missing=missing, before=earlier)
