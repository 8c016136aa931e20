"""The gradient of a batch of any size, by programs that go through it in pieces, and the outputs of calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modnet.core.interfaces.engine import OnOutputs, Rows, length_of, part_of, pieces_of
from modnet.data.prepared import Samples
from modnet.engines.compiled.functions import join
from modnet.engines.compiled.programs import Carry, Programs
from modnet.engines.compiled.samples import DeviceSamples
from modnet.engines.compiled.state import DeviceState
from modnet.engines.numpy.batches import BatchLoader
from modnet.network.network import Network, Vector

__all__ = ["Gradients", "Overlap", "Sizes", "counted_outputs", "padded"]


class Sizes(NamedTuple):
    """How much work calls have.

    Attributes:
        chunk: How many samples one call has at most, unless a layer needs more at once.
        piece: How many samples of a batch that is larger go through the network together.
        memory: How many bytes of samples may be on the device at once.
    """

    chunk: int
    piece: int
    memory: int


class Overlap:
    """Hands on the outputs of each call when the next has begun: host and device work side by side."""

    def __init__(self) -> None:
        self._waiting: Callable[[], bool] | None = None

    def add(self, hand_on: Callable[[], bool] | None) -> bool:
        """Hand on the outputs of the call before; return what that returns: whether their costs are finite."""
        waiting, self._waiting = self._waiting, hand_on
        return waiting is None or waiting()

    def end(self) -> bool:
        """Hand on those of the last call."""
        return self.add(None)


class Gradients:
    """Computes gradients of the mean cost of some of a training's samples.

    Attributes:
        samples: The samples on the device.
        batches: Their targets and weights on the host.
        needs_full_batch: Whether a layer must see a whole batch in one piece.
        is_exact: Whether a layer must see no other samples than those: it needs all of them, or keeps a state.
    """

    def __init__(
        self, network: Network, samples: Samples, programs: Programs, state: DeviceState, sizes: Sizes
    ) -> None:
        self._programs, self._state, self._sizes = programs, state, sizes
        self.samples, self.batches = DeviceSamples(samples, programs, sizes.memory), BatchLoader(samples, network)
        self.needs_full_batch = any(layer.needs_full_batch for layer in network.layers)
        self.is_exact = self.needs_full_batch or any(layer.state for layer in network.layers)

    def total(self, rows: Rows) -> float:
        """Return what rows weigh: their number, or the sum of their weights."""
        weights = self.batches.weights(rows)
        return float(length_of(rows) if weights is None else weights.sum())

    def accumulate(self, rows: Rows, on_outputs: OnOutputs, carry: Carry, number: int) -> Any:
        """Return gradients, and layers' states after it; None where a cost is not finite.

        Args:
            rows: The samples.
            on_outputs: Called with the outputs, piece by piece.
            carry: The state at which they are computed.
            number: How many updates have been made before: it decides the randomness.
        """
        sums: Any = (tuple(np.zeros(array.shape, array.dtype) for array in carry.theta), carry.states)
        overlap, total, position = Overlap(), np.float64(self.total(rows)), 0
        for group, size in self._groups(rows):
            together = max(1, min(self._sizes.chunk, length_of(group)) // size)
            parts = pieces_of(group, together * size)
            for part, (data, start) in zip(parts, self.samples.chunks(parts, size, together), strict=True):
                pieces = [length_of(piece) for piece in pieces_of(part, size)]
                where = data, np.int64(start), np.int64(position), self._state.key, np.int64(number)
                counts, shapes = padded(pieces, together, int), (len(data["x"]), together, size)
                own, given = self._programs.share.size(size), (*where, counts, total)
                sums, outputs = self._programs.call(
                    "accumulate", shapes, sums, carry, self._state.frozen, *given, rows=own, size=size
                )
                position += length_of(part)
                if not overlap.add(partial(self._hand_on, part, outputs, pieces, size, on_outputs)):
                    return None
        return sums if overlap.end() else None

    def _groups(self, rows: Rows) -> list[tuple[Rows, int]]:
        """Return rows in groups that are worked through in pieces of one size, and that size."""
        count = length_of(rows)
        size = count if self.needs_full_batch else min(self._sizes.piece, count)
        rest = count % size if self.is_exact else 0  # else the last piece is filled up with samples that do not count
        groups = [(part_of(rows, 0, count - rest), size), (part_of(rows, count - rest, count), rest)]
        return [(group, size) for group, size in groups if size]

    def penalized(self, carry: Carry, gradients: Any, rows: Rows) -> Vector:
        """Return what `accumulate` gave, with the gradients of the penalties, as a vector on the host."""
        return join(self._programs.call("penalized", (), carry, gradients, np.float64(self.total(rows))))

    def norm(self, carry: Carry, number: int, rows: Rows) -> float:
        """Return the norm of an update's gradient, which is computed again: few ask for it."""
        with self._programs.settings():
            gradients, _ = self.accumulate(rows, lambda *_: True, carry, number)
            return float(np.linalg.norm(self.penalized(carry, gradients, rows)))

    def _hand_on(self, rows: Rows, outputs: Any, counts: list[int], size: int, on_outputs: OnOutputs) -> bool:
        a = counted_outputs(outputs, counts, size)
        return on_outputs(a, self.batches.targets(rows), self.batches.weights(rows))


def padded(values: list[Any], count: int, dtype: Any = float) -> NDArray[Any]:
    """Return values as an array of so many, with zeros after them."""
    array = np.zeros(count, dtype)
    array[: len(values)] = values
    return array


def counted_outputs(outputs: Any, counts: list[int], size: int) -> Vector:
    """Return the outputs of the samples that count, of (pieces, rows, outputs).

    Args:
        outputs: Outputs; several processes together may have some rows more than a piece has samples.
        counts: How many samples of each piece count.
        size: How many samples a piece has.
    """
    rows, last = np.asarray(outputs)[:, :size], len(counts) - 1
    return rows.reshape(-1, rows.shape[2])[: last * size + counts[last]]
