"""The training samples as updates need them: some rows and their targets at a time."""

from __future__ import annotations

import numpy as np

from modnet.core.interfaces.engine import Rows, part_of
from modnet.data.prepared import Samples
from modnet.network.network import Network, Vector

__all__ = ["BatchLoader"]


class BatchLoader:
    """Reads rows and targets of one training's samples."""

    def __init__(self, samples: Samples, network: Network) -> None:
        self._samples, self._network = samples, network
        self._buffer: Vector | None = None

    def __len__(self) -> int:
        return len(self._samples)

    def targets(self, rows: Rows) -> Vector:
        """Return the targets of these rows, (samples, values)."""
        return self._samples.targets.batch(rows, self._network.dtype, self._network.target_width)

    def weights(self, rows: Rows) -> Vector | None:
        """Return the weights of these rows, (samples,), or None where all count the same."""
        return None if self._samples.weights is None else self._samples.weights[rows]

    def gather(self, rows: Rows) -> Vector:
        """Return these rows of x: a view where they lie together, else a copy; it is overwritten by the next one."""
        x = self._samples.x
        if isinstance(rows, slice) or not isinstance(x, np.ndarray):
            return x[rows]
        if self._buffer is None or len(self._buffer) < len(rows):
            self._buffer = np.empty((len(rows), *x.shape[1:]), dtype=x.dtype)
        return np.take(x, rows, axis=0, out=self._buffer[: len(rows)], mode="clip")

    def load(self, rows: Rows, piece: slice) -> tuple[Vector, Vector]:
        """Return x and targets of the rows at the positions of ``piece``, safe to call from several threads."""
        selected = part_of(rows, piece.start, piece.stop)
        return self._samples.x[selected], self.targets(selected)
