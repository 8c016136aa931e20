"""The columns of a table in a graph, while transforms replace some of them by others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from modnet_onnx.arrays import NAMESPACE, TracedArray

__all__ = ["Column", "Columns"]


class Column(NamedTuple):
    """One column of a block of them, (samples, columns)."""

    block: TracedArray
    place: int

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return bool(self.block.dtype == object)


class Columns:
    """Columns of numbers and of text, in their order."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = list(columns)

    @classmethod
    def of(cls, block: TracedArray) -> Columns:
        """Return all columns of a block, (samples, columns)."""
        return cls([Column(block, place) for place in range(block.shape[1] or 0)])

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Column]:
        return iter(self._columns)

    def select(self, places: Sequence[int]) -> Columns:
        """Return the columns at these places."""
        return Columns([self._columns[place] for place in places])

    def matrix(self) -> TracedArray:
        """Return the columns side by side, (samples, columns); they are all of numbers, or all of text."""
        pieces: list[list[Column]] = []
        for column in self._columns:
            if pieces and pieces[-1][-1].block is column.block:
                pieces[-1].append(column)
            else:
                pieces.append([column])
        blocks = [_taken(piece[0].block, [column.place for column in piece]) for piece in pieces]
        joined: TracedArray = blocks[0] if len(blocks) == 1 else NAMESPACE.concat(blocks, axis=1)
        return joined

    def replaced(self, places: Sequence[int], results: TracedArray) -> Columns:
        """Return the columns with results in these places, or where their numbers differ, at the end.

        As in `modnet.data.cells.Cells`.
        """
        new = list(Columns.of(results))
        if len(new) == len(places):
            columns = list(self._columns)
            for place, column in zip(places, new, strict=True):
                columns[place] = column
            return Columns(columns)
        gone = set(places)
        return Columns([*(column for place, column in enumerate(self._columns) if place not in gone), *new])


def _taken(block: TracedArray, indices: list[int]) -> TracedArray:
    if indices == list(range(block.shape[1] or 0)):
        return block
    taken: TracedArray = NAMESPACE.take(block, np.array(indices, np.int64), axis=1)
    return taken
