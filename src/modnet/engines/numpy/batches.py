"""The training samples as an update takes them: some rows and their targets at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.engines.numpy.workers import LoadBatch
from modnet.network.evaluate import Samples
from modnet.network.network import Network, Vector

__all__ = ["BatchLoader"]


class BatchLoader:
    """The samples of one training."""

    def __init__(self, samples: Samples, network: Network) -> None:
        self._samples, self._network = samples, network
        self._gathered: Vector | None = None

    @property
    def row_bytes(self) -> int:
        """How many bytes a row of x has."""
        return self._samples.x[:1].nbytes

    def targets(self, rows: Any) -> Vector:
        """Return the targets of these rows, a slice or numbers."""
        return self._samples.targets.batch(rows, self._network.dtype, self._network.outputs)

    def gather(self, rows: Any) -> Vector:
        """Return these rows: a view where they lie together, else a copy in a buffer that is used again."""
        x = self._samples.x
        if isinstance(rows, slice):
            return x[rows]
        if self._gathered is None or len(self._gathered) < len(rows):
            self._gathered = np.empty((len(rows), *x.shape[1:]), dtype=x.dtype)
        return np.take(x, rows, axis=0, out=self._gathered[: len(rows)], mode="clip")

    def fetch_from(self, rows: Any) -> LoadBatch:
        """Return what gives the samples of a slice of these rows: a view where they lie together, else a copy."""

        def fetch(piece: slice) -> tuple[Vector, Vector]:
            part = slice(rows.start + piece.start, rows.start + piece.stop) if isinstance(rows, slice) else rows[piece]
            return self._samples.x[part], self.targets(part)

        return fetch
