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
from modnet.network.network import Network, Vector

__all__ = ["LoadBatch", "Workers"]

PIECES_TOGETHER = 8
"""How many micro-batches a worker goes through before the outputs of all workers are handed on."""

LoadBatch = Callable[[slice], tuple[Vector, Vector]]
"""Returns the rows and targets at the positions of a slice of a batch."""


class Workers:
    """The workspaces of one training.

    Attributes:
        workspaces: One for each worker.
        gradient: ∇θ of the last batch.
    """

    def __init__(self, network: Network, seed: int, workers: int | None, rows: int) -> None:
        self.network = network
        count = worker_count(workers, rows, network.parameters.size)
        if any(layer.component.needs_full_batch or layer.state for layer in network.layers):
            count = 1  # these layers see all samples of an update together, or one piece after the other
        self.rngs = [generator(seed, Stream.LAYERS, *([worker] if worker else [])) for worker in range(count)]
        self.workspaces = [Workspace(network, rng) for rng in self.rngs]
        self._first, self._count = self.workspaces[0], count
        self.gradient = self._first.gradient
        self._pool = ThreadPool(count)
        self._scales: dict[int, Vector] = {}

    def compute_gradient(self, x: Vector, y: Vector, outputs: Vector) -> None:
        """Write the outputs of a batch that fits in one piece, and ∇θ of its mean cost with penalties."""
        rows, count = len(x), self._count
        scale = self._scales.get(rows)
        if scale is None:  # an array, because a Python number costs NumPy a conversion
            scale = self._scales[rows] = np.array(1.0 / rows, dtype=self.network.dtype)
        if count == 1 or rows < count:
            outputs[...] = self._first.forward(x)
            self._first.backward(y, scale)
        else:
            cuts = [rows * worker // count for worker in range(count + 1)]
            self._pool.run(
                [
                    partial(_forward_backward, workspace, x[start:stop], y[start:stop], outputs[start:stop], scale)
                    for workspace, start, stop in zip(self.workspaces, cuts[:-1], cuts[1:], strict=True)
                ]
            )
            self._add_up()
        if self.network.regularizers:
            self._first.add_penalties()

    def accumulate_gradient(self, rows: int, load: LoadBatch, on_outputs: OnOutputs) -> bool:
        """Work through a batch of any size in micro-batches, and leave ∇θ of its mean cost with penalties.

        The workers take turns; outputs and targets of each micro-batch go to ``on_outputs`` in order. Returns whether
        all costs were finite; where one is not, the rest is left out.
        """
        pieces = list(self._first.micro_batches(rows))
        shares = [pieces[worker :: self._count] for worker in range(self._count)]
        totals = [np.zeros_like(self.gradient) for _ in shares]
        for start in range(0, len(shares[0]), PIECES_TOGETHER):
            outputs: list[list[tuple[Vector, Vector]]] = [[] for _ in shares]

            def work(worker: int, start: int = start, outputs: list[list[Any]] = outputs) -> None:
                workspace = self.workspaces[worker]
                for piece in shares[worker][start : start + PIECES_TOGETHER]:
                    x, y = load(piece)
                    outputs[worker].append((workspace.forward(x).copy(), y))
                    workspace.backward(y, 1.0 / rows)
                    np.add(totals[worker], workspace.gradient, out=totals[worker])

            self._pool.run([partial(work, worker) for worker in range(self._count)])
            in_order = chain.from_iterable(zip_longest(*outputs))
            if not all(on_outputs(*pair) for pair in in_order if pair is not None):
                return False
        for workspace, total in zip(self.workspaces, totals, strict=True):
            workspace.gradient[...] = total
        self._add_up()
        self._first.add_penalties()
        return True

    def close(self) -> None:
        """Release the threads."""
        self._pool.close()

    def _add_up(self) -> None:
        for workspace in self.workspaces[1:]:
            self._first.gradient += workspace.gradient


def _forward_backward(workspace: Workspace, x: Vector, y: Vector, outputs: Vector, scale: Vector) -> None:
    outputs[...] = workspace.forward(x)
    workspace.backward(y, scale)
