"""The training samples as programs need them: on the device, in chunks of consecutive rows."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from modnet.core.interfaces.engine import Rows, part_of
from modnet.data.prepared import Samples
from modnet.network.network import Network, Vector
from modnet_jax.device import Device

__all__ = ["DeviceData"]


class DeviceData:
    """Reads the rows of one training's samples, with targets and weights.

    Args:
        samples: The samples.
        network: The network.
        device: Where the rows are wanted.
    """

    def __init__(self, samples: Samples, network: Network, device: Device) -> None:
        self._samples, self._network, self._device = samples, network, device
        self._whole = device.put(self._host(slice(0, len(samples))))
        self._gather = jax.jit(lambda data, rows: {name: value[rows] for name, value in data.items()})

    def __len__(self) -> int:
        return len(self._samples)

    def targets(self, rows: Rows) -> Vector:
        """Return the targets of these rows as the cost takes them, on the host."""
        return self._samples.targets.batch(rows, self._network.dtype, self._network.target_width)

    def weights(self, rows: Rows) -> Vector | None:
        """Return the weights of these rows, (samples,), on the host, or None."""
        return None if self._samples.weights is None else self._samples.weights[rows]

    def total(self, rows: Rows, count: int) -> float:
        """Return the sum of the weights of rows, which are so many."""
        weights = self.weights(rows)
        return float(count if weights is None else weights.sum())

    def chunk(self, rows: Rows, capacity: int) -> tuple[dict[str, Any], int]:
        """Return data on the device that has these rows one after the other, and where they begin.

        It has at least ``capacity`` rows, whatever is in the others.
        """
        if isinstance(rows, slice) and len(self) >= capacity:
            return self._whole, rows.start
        numbers = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        padded = np.zeros(capacity, np.int32)
        padded[: len(numbers)] = numbers
        return self._gather(self._whole, padded), 0

    def _host(self, rows: Rows) -> dict[str, Any]:
        samples = self._samples
        y = samples.targets.codes if samples.targets.classes is not None else samples.targets.values
        data = {"x": samples.x[rows], "y": y[rows]}  # type: ignore[index] # one of the two is there
        return data if samples.weights is None else {**data, "w": samples.weights[rows]}


def pieces_of(rows: Rows, count: int, size: int) -> list[tuple[int, Rows]]:
    """Return where pieces of at most so many rows begin, and their rows."""
    return [(start, part_of(rows, start, min(start + size, count))) for start in range(0, count, size)]
