"""The share of each batch that one of several processes goes through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modnet.core.interfaces.engine import Rows, length_of

__all__ = ["Share"]


@dataclass(frozen=True)
class Share:
    """Which rows of a batch are those of one process: as many for each, one after the other, the last perhaps fewer.

    Attributes:
        index: The number of the process.
        count: How many processes there are.
    """

    index: int = 0
    count: int = 1

    def size(self, batch: int) -> int:
        """Return how many places a process has for its rows of a batch of so many."""
        return -(-batch // self.count)

    def rows(self, rows: Rows, batch: int) -> Rows:
        """Return this process's rows of batches of so many that follow each other, `size` places for each batch.

        Where it has fewer, or none, the first of all rows stands in, and does not count.
        """
        if self.count == 1:
            return rows
        size, length = self.size(batch), length_of(rows)
        place = self.index * size + np.arange(size)
        positions = np.arange(0, length, batch)[:, None] + place
        counts = (place < batch) & (positions < length)
        numbers = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        return numbers[np.where(counts, positions, 0).reshape(-1)]
