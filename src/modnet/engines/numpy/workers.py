"""The gradient of one update, its samples split among lanes that may run side by side.

Every lane has a workspace and a source of randomness of its own, and the lanes' gradients are added in a fixed order:
it makes no difference to the numbers which thread runs a lane, or when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from modnet.core.random import Stream, generator
from modnet.engines.numpy.threads import Pool, worker_count
from modnet.engines.numpy.workspace import Workspace
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import Network, Vector

__all__ = ["LoadBatch", "Workers"]

LoadBatch = Callable[[slice], tuple[Vector, Vector]]
"""Gives the rows and targets of a slice of a batch."""


class Workers:
    """The workspaces of one training.

    Attributes:
        workspaces: One for each lane.
        gradient: ∇θ of the last batch.
    """

    def __init__(self, network: Network, seed: int, threads: int | None, rows: int) -> None:
        self.network = network
        count = worker_count(threads, rows, network.parameters.size)
        if any(layer.component.needs_full_batch or layer.state for layer in network.layers):
            count = 1  # these see all samples of an update together, or one piece after the other
        sources = [generator(seed, Stream.LAYERS, *([lane] if lane else [])) for lane in range(count)]
        self.workspaces = [Workspace(network, source) for source in sources]
        self._first, self._count = self.workspaces[0], count
        self.gradient = self._first.gradient
        self._pool = Pool(count)
        self._scales: dict[int, Vector] = {}

    @property
    def sources(self) -> Iterator[np.random.Generator]:
        """The lanes' sources of randomness."""
        return (workspace.rng for workspace in self.workspaces if workspace.rng is not None)

    def small(self, x: Vector, y: Vector, outputs: Vector) -> None:
        """Write the outputs of a batch that goes through in one piece, and ∇θ of its mean cost with penalties."""
        rows, count = len(x), self._count
        scale = self._scales.get(rows)
        if scale is None:  # an array, because a Python number costs NumPy a conversion
            scale = self._scales[rows] = np.array(1.0 / rows, dtype=self.network.dtype)
        if count == 1 or rows < count:
            outputs[...] = self._first.forward(x)
            self._first.backward(y, scale)
        else:
            cuts = [rows * lane // count for lane in range(count + 1)]
            self._pool.run(
                [
                    partial(_one_piece, workspace, x[start:stop], y[start:stop], outputs[start:stop], scale)
                    for workspace, start, stop in zip(self.workspaces, cuts[:-1], cuts[1:], strict=True)
                ]
            )
            self._add_up()
        if self.network.regularizers:
            self._first.add_penalties()

    def large(self, rows: int, fetch: LoadBatch, tally: MetricAccumulator) -> Workspace | None:
        """Work a batch through in pieces, lane by lane in turn, and leave ∇θ of its mean cost with penalties.

        The pieces' figures go into ``tally``. Returns the workspace of a lane whose cost left the finite numbers, as
        it was then, or None.
        """
        pieces, count = list(self._first.pieces(rows)), self._count
        tallies, failed = [tally.empty() for _ in range(count)], [False] * count

        def work_through(lane: int) -> None:
            workspace = self.workspaces[lane]
            total = np.zeros_like(workspace.gradient)
            for piece in pieces[lane::count]:
                x, y = fetch(piece)
                if not tallies[lane].update(workspace.forward(x), y):
                    failed[lane] = True
                    return
                workspace.backward(y, 1.0 / rows)
                total += workspace.gradient
            workspace.gradient[...] = total

        self._pool.run([partial(work_through, lane) for lane in range(count)])
        for each in tallies:
            tally.merge(each)
        if any(failed):
            return self.workspaces[failed.index(True)]
        self._add_up()
        self._first.add_penalties()
        return None

    def close(self) -> None:
        """Let the threads go."""
        self._pool.close()

    def _add_up(self) -> None:
        for workspace in self.workspaces[1:]:
            self._first.gradient += workspace.gradient


def _one_piece(workspace: Workspace, x: Vector, y: Vector, outputs: Vector, scale: Vector) -> None:
    outputs[...] = workspace.forward(x)
    workspace.backward(y, scale)
