"""The training samples as programs need them: on the device where they fit there, else chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.interfaces.engine import Rows, length_of
from modnet.data.prepared import Samples
from modnet.data.row_source import row_bytes
from modnet.engines.compiled.programs import Programs

__all__ = ["DeviceSamples", "filled_up"]


class DeviceSamples:
    """Reads the samples of one training.

    Args:
        samples: The samples.
        programs: What puts them on the device, and gathers them there.
        memory: How many bytes of them may be there at once.
    """

    def __init__(self, samples: Samples, programs: Programs, memory: int) -> None:
        self._samples, self._programs, self._share = samples, programs, programs.share
        fits = row_bytes(samples.x) * len(samples) <= memory
        self._whole = programs.put_rows(self._load(slice(0, len(samples)), len(samples))) if fits else None
        self._chunks: dict[int, dict[str, Any]] = {}
        self._reader = ThreadPoolExecutor(1, "modnet-rows")

    def chunks(self, parts: Sequence[Rows], batch: int, most: int) -> Iterator[tuple[dict[str, Any], int]]:
        """Yield, for each of the parts, data on the device in which its rows lie in order, and where they begin.

        Of several processes each has its own rows of every batch. While one is used, the next is on its way.

        Args:
            parts: Rows of batches that follow each other.
            batch: How many rows a batch has; the last of a part may have fewer.
            most: How many batches a part has at most; the data has room for as many.
        """
        parts, places = [self._share.rows(part, batch) for part in parts], self._share.size(batch)
        capacity = most * places
        # single batches, as listeners to every update want, are put into a chunk that is there already
        size = places if all(length_of(rows) <= places for rows in parts) else capacity
        if self._whole is not None:
            for rows in parts:
                data, start = self._resident(self._whole, rows, places, size)
                yield (data if data is self._whole else self._placed(data, size, capacity)), start
            return
        coming = self._reader.submit(self._load, parts[0], size)
        for following in [*parts[1:], None]:
            data = coming.result()
            if following is not None:
                coming = self._reader.submit(self._load, following, size)
            yield self._placed(self._programs.put_rows(data), size, capacity), 0

    def close(self) -> None:
        """End the thread that reads."""
        self._reader.shutdown(cancel_futures=True)

    def _placed(self, data: dict[str, Any], size: int, capacity: int) -> dict[str, Any]:
        """Return data of so many rows in a chunk."""
        if size == capacity:
            return data
        if capacity not in self._chunks:
            zeros = {name: np.zeros((capacity, *rows.shape[1:]), rows.dtype) for name, rows in data.items()}
            self._chunks[capacity] = self._programs.put_rows(zeros)
        self._chunks[capacity] = self._programs.call("place", (size, capacity), self._chunks[capacity], data)
        return self._chunks[capacity]

    def _resident(self, whole: dict[str, Any], rows: Rows, places: int, capacity: int) -> tuple[dict[str, Any], int]:
        missing = -length_of(rows) % places  # of the last batch
        if isinstance(rows, slice) and rows.stop + missing <= len(self._samples):
            return whole, rows.start
        padded = np.zeros(capacity, np.int32)
        padded[: length_of(rows)] = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        return self._programs.call("gather", (capacity,), whole, padded), 0

    def _load(self, rows: Rows, capacity: int) -> dict[str, Any]:
        """Return x, targets and weights of rows, and of the first of them again where they are fewer than that."""
        targets, weights = self._samples.targets, self._samples.weights
        arrays = {"x": self._samples.x, "y": targets.values if targets.codes is None else targets.codes, "w": weights}
        loaded = {name: np.asarray(values[rows]) for name, values in arrays.items() if values is not None}
        return {name: filled_up(values, capacity) for name, values in loaded.items()}


def filled_up(rows: NDArray[Any], count: int) -> NDArray[Any]:
    """Return rows, and the first of them again until there are so many."""
    missing = count - len(rows)
    return np.concatenate([rows, np.repeat(rows[:1], missing, 0)]) if missing else rows
