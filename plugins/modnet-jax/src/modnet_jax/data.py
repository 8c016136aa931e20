"""The training samples as programs need them: on the device where they fit there, else chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from modnet.core.interfaces.engine import Block, Rows, part_of
from modnet.data.prepared import Samples
from modnet.data.row_source import row_bytes
from modnet.network.network import Network, Vector
from modnet_jax.compiled import Programs
from modnet_jax.device import Device

__all__ = ["DeviceData", "length_of", "pieces_of"]

CHUNK_ROWS = 4096
"""How many samples the updates of one call have at most."""
CHUNK_BYTES = 16 << 20
"""How many bytes these samples have at most, and their outputs."""
GPU_FACTOR = 16
"""By how many times a GPU's chunks are larger, as calls cost more there, and samples less."""


class DeviceData:
    """Reads the samples of one training.

    Attributes:
        chunk_rows: How many samples are wanted in one call.
        is_resident: Whether all samples are on the device.

    Args:
        samples: The samples.
        network: The network.
        device: Where the samples are wanted.
        memory: How many bytes of them may be there at once.
        programs: What gathers rows on the device.
    """

    def __init__(self, samples: Samples, network: Network, device: Device, memory: int, programs: Programs) -> None:
        self._samples, self._network, self._device, self._programs = samples, network, device, programs
        bytes_of_row, factor = row_bytes(samples.x), 1 if device.is_cpu else GPU_FACTOR
        outputs = network.outputs * network.dtype.itemsize
        self.chunk_rows = max(1, factor * min(CHUNK_ROWS, CHUNK_BYTES // max(bytes_of_row, outputs)))
        self.is_resident = bytes_of_row * len(samples) <= memory
        everything = slice(0, len(samples))
        self._whole = device.put(self._load(everything, len(samples))) if self.is_resident else None
        self._reader = ThreadPoolExecutor(1, "modnet-jax-rows")

    def __len__(self) -> int:
        return len(self._samples)

    def targets(self, rows: Rows) -> Vector:
        """Return the targets of these rows as the cost takes them, on the host."""
        return self._samples.targets.batch(rows, self._network.dtype, self._network.target_width)

    def weights(self, rows: Rows) -> Vector | None:
        """Return the weights of these rows, (samples,), on the host, or None."""
        return None if self._samples.weights is None else self._samples.weights[rows]

    def total(self, rows: Rows) -> float:
        """Return what rows weigh."""
        weights = self.weights(rows)
        return float(length_of(rows) if weights is None else weights.sum())

    def chunks(self, parts: Sequence[Rows], capacity: int) -> Iterator[tuple[dict[str, Any], int]]:
        """Yield, for each of the parts, data on the device in which its rows lie in order, and where they begin.

        The data has at least ``capacity`` rows. While one is used, the next is on its way.
        """
        if self._whole is not None:
            for rows in parts:
                yield self._resident(rows, capacity)
            return
        coming = self._reader.submit(self._load, parts[0], capacity)
        for following in [*parts[1:], None]:
            data = coming.result()
            if following is not None:
                coming = self._reader.submit(self._load, following, capacity)
            yield self._device.put(data), 0

    def close(self) -> None:
        """End the thread that reads."""
        self._reader.shutdown(cancel_futures=True)

    def _resident(self, rows: Rows, capacity: int) -> tuple[dict[str, Any], int]:
        if isinstance(rows, slice) and len(self) >= capacity:
            return self._whole, rows.start
        padded = np.zeros(capacity, np.int32)
        padded[: length_of(rows)] = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        return self._programs.call("gather", (capacity,), self._whole, padded), 0

    def _load(self, rows: Rows, capacity: int) -> dict[str, Any]:
        """Return x, targets and weights of rows, and of the first of them again where they are fewer than that."""
        targets, weights = self._samples.targets, self._samples.weights
        arrays = {"x": self._samples.x, "y": targets.values if targets.codes is None else targets.codes, "w": weights}
        loaded = {name: np.asarray(values[rows]) for name, values in arrays.items() if values is not None}
        missing = capacity - length_of(rows)
        if missing:
            loaded = {name: np.concatenate([part, np.repeat(part[:1], missing, 0)]) for name, part in loaded.items()}
        return loaded


def length_of(rows: Rows) -> int:
    """Return how many rows these are."""
    return len(Block(rows, 1, ()))


def pieces_of(rows: Rows, size: int) -> list[Rows]:
    """Return rows in pieces of so many, the last perhaps of fewer."""
    count = length_of(rows)
    return [part_of(rows, start, min(start + size, count)) for start in range(0, count, size)]
