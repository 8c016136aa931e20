"""Sparse rows, made dense a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DenseRows", "dense_pieces"]

PIECE_BYTES = 8 << 20
"""How many bytes are made dense at a time."""


class DenseRows:
    """Rows of a sparse array or matrix, which ``rows[selection]`` makes dense when they are asked for.

    Args:
        sparse: (samples, features), in any format; CSR is kept as it is.
    """

    def __init__(self, sparse: Any) -> None:
        self._rows = sparse.tocsr()
        self.shape: tuple[int, int] = self._rows.shape
        self.dtype = np.dtype(self._rows.dtype)

    def __getitem__(self, selection: Any) -> NDArray[Any]:
        """Return these rows, dense."""
        dense: NDArray[Any] = self._rows[selection].toarray()
        return dense


def dense_pieces(sparse: Any, size: int) -> Iterator[NDArray[Any]]:
    """Yield the rows of a sparse array, dense, so many at a time, or fewer where they are wide."""
    rows = DenseRows(sparse)
    size = max(1, min(size, PIECE_BYTES // (rows.shape[1] * rows.dtype.itemsize)))
    for start in range(0, rows.shape[0], size):
        yield rows[start : start + size]
