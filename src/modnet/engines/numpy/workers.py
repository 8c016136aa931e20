"""The gradient of one batch, its samples divided among workers that may run side by side.

Every worker has a workspace and a random generator of its own, and the workers' gradients are added in a fixed order:
the numbers do not depend on which thread runs a worker, or when.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain, zip_longest
from typing import Any

import numpy as np

from modnet.core.interfaces.engine import OnOutputs
from modnet.core.random import Stream, generator
from modnet.engines.numpy.threads import ThreadPool, worker_count
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import CHUNK_BYTES, Network, Vector

__all__ = ["LoadBatch", "Workers"]

PIECES_TOGETHER = 8
"""How many micro-batches a worker goes through at most before the outputs of all workers are handed on."""

LoadBatch = Callable[[slice], tuple[Vector, Vector]]
"""Returns the rows and targets at the positions of a slice of a batch."""


class Workers:
    """The workspaces of one training.

    Attributes:
        workspaces: One for each worker.
        gradient: ∇θ of the last batch.

    Args:
        network: The network.
        seed: The seed of the layers' randomness.
        workers: How many; None decides by the work of an update.
        rows: How many samples feed an update.
        filled: Which share of their features is multiplied.
        sums_penalties: Whether ``penalty_sum`` is kept.
    """

    def __init__(
        self,
        network: Network,
        seed: int,
        workers: int | None,
        rows: int,
        *,
        filled: float = 1.0,
        sums_penalties: bool = False,
    ) -> None:
        self.network = network
        self.penalty_sum, self._sums_penalties = 0.0, sums_penalties
        sparse = (1.0 - filled) * sum(values.size for values in network.layers[0].parameters.values())
        count = worker_count(workers, rows, network.parameters.size - int(sparse))
        if any(layer.needs_full_batch or layer.state for layer in network.layers):
            count = 1  # these layers see all samples of an update together, or one piece after the other
        self.rngs = [generator(seed, Stream.LAYERS, *([worker] if worker else [])) for worker in range(count)]
        self.workspaces = [Workspace(network, rng, trained_only=True) for rng in self.rngs]
        self._first, self._count = self.workspaces[0], count
        self.gradient = self._first.gradient
        self._pool = ThreadPool(count)
        self._scales: dict[int, Vector] = {}

    def compute_gradient(self, x: Vector, y: Vector, weights: Vector | None, outputs: Vector) -> None:
        """Write the outputs of a batch that fits in one piece, and ∇θ of its weighted mean cost with penalties."""
        rows, count = len(x), self._count
        scale = self._scales.get(rows) if weights is None else None
        if scale is None:
            scale = self._scale(rows, weights)
        if count == 1 or rows < count:
            outputs[...] = self._first.forward(x)
            self._first.backward(y, scale)
        else:
            cuts = [rows * worker // count for worker in range(count + 1)]
            self._pool.run(
                [
                    partial(_forward_backward, workspace, x[rows], y[rows], outputs[rows], _of_rows(scale, rows))
                    for workspace, rows in zip(self.workspaces, map(slice, cuts[:-1], cuts[1:]), strict=True)
                ]
            )
            self._add_up()
        if self.network.regularizers:
            self._add_penalties(rows, weights)

    def accumulate_gradient(self, rows: int, load: LoadBatch, weights: Vector | None, on_outputs: OnOutputs) -> bool:
        """Work through a batch of any size in micro-batches, and leave ∇θ of its weighted mean cost with penalties.

        The workers take turns; outputs, targets and weights of each micro-batch go to ``on_outputs`` in order. Returns
        whether all costs were finite; where one is not, the rest is left out.
        """
        scale = self._scale(rows, weights)
        pieces = list(self._first.micro_batches(rows))
        shares = [pieces[worker :: self._count] for worker in range(self._count)]
        totals = [np.zeros_like(self.gradient) for _ in shares]
        output_bytes = self._first.micro_batch_rows * self.network.outputs * self.network.dtype.itemsize
        together = max(1, min(PIECES_TOGETHER, CHUNK_BYTES // output_bytes))
        for start in range(0, len(shares[0]), together):
            outputs: list[list[tuple[Vector, Vector, Vector | None]]] = [[] for _ in shares]

            def work(worker: int, start: int = start, outputs: list[list[Any]] = outputs) -> None:
                workspace = self.workspaces[worker]
                for piece in shares[worker][start : start + together]:
                    x, y = load(piece)
                    w = None if weights is None else weights[piece]
                    outputs[worker].append((workspace.forward(x).copy(), y, w))
                    workspace.backward(y, _of_rows(scale, piece))
                    np.add(totals[worker], workspace.gradient, out=totals[worker])

            self._pool.run([partial(work, worker) for worker in range(self._count)])
            in_order = chain.from_iterable(zip_longest(*outputs))
            if not all(on_outputs(*given) for given in in_order if given is not None):
                return False
        for workspace, total in zip(self.workspaces, totals, strict=True):
            workspace.gradient[...] = total
        self._add_up()
        self._add_penalties(rows, weights)
        return True

    def close(self) -> None:
        """Release the threads."""
        self._pool.close()

    def _scale(self, rows: int, weights: Vector | None) -> Vector:
        """Return 1/m, or w / Σ w of each row as a column, 0 where Σ w is 0."""
        if weights is not None:
            total = float(weights.sum())
            return (weights / total if total else weights).astype(self.network.dtype)[:, None]
        # an array, because a Python number costs NumPy a conversion
        scale = self._scales[rows] = np.array(1.0 / rows, dtype=self.network.dtype)
        return scale

    def _add_penalties(self, rows: int, weights: Vector | None) -> None:
        total = float(rows if weights is None else weights.sum())
        if self._sums_penalties:
            self.penalty_sum += total * self.network.penalty(total)
        self.network.add_penalty_gradient(self.gradient, total)

    def _add_up(self) -> None:
        for workspace in self.workspaces[1:]:
            self._first.gradient += workspace.gradient


def _of_rows(scale: Vector, rows: slice) -> Vector:
    return scale[rows] if scale.ndim else scale


def _forward_backward(workspace: Workspace, x: Vector, y: Vector, outputs: Vector, scale: Vector) -> None:
    outputs[...] = workspace.forward(x)
    workspace.backward(y, scale)
