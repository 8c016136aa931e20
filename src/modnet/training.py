"""One training in progress: the update, the sweeps over the samples, and the watch for numbers that leave the finite.

Samples are gathered some thousand at a time and their figures are added up for all of them together, so that an
update costs little more than its passes. Whether everything is still finite is asked as rarely; where it is not, the
block is run again from its start, one update after the other, until the first that fails is found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from modnet.components.families import Metric
from modnet.config import RunConfig
from modnet.errors import DivergenceError
from modnet.lanes import Fetch, Lanes
from modnet.network import CHUNK, Network, Vector
from modnet.passes import Workspace
from modnet.randomness import Purpose, generator
from modnet.tally import Samples, Tally, judge

if TYPE_CHECKING:
    from modnet.storage.run_folder import RunFolder

__all__ = ["Snapshot", "Training"]

_BLOCK_BYTES = 8 << 20
_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Snapshot:
    """Everything that an update changes."""

    parameters: Vector
    rule_state: dict[str, Any]
    layer_states: list[dict[str, Vector]]
    layer_randomness: list[dict[str, Any]]
    updates: int


class Training:
    """The run in progress, as optimizers (`modnet.components.families.Descent`) and listeners see it.

    Attributes:
        config: The configuration.
        network: What is trained.
        samples: How many training samples there are.
        epoch: The epoch in progress, from 0.
        updates: How many updates were made.
        history: The rows of the epochs that ended.
        memory: What the optimizer keeps from epoch to epoch.
        rng: The source of the samples' order.
        watched: What else is evaluated after every epoch: ``validation`` and ``test``, where there are any.
        events: The hooks by which listeners hear of it.
        folder: The run folder, or None.
    """

    def __init__(
        self,
        config: RunConfig,
        network: Network,
        train: Samples,
        watched: dict[str, Samples],
        metrics: Sequence[Metric],
        events: Any,
        folder: RunFolder | None = None,
    ) -> None:
        self.config = config
        self.network = network
        self.samples = len(train)
        self.epoch = 0
        self.updates = 0
        self.history: list[dict[str, Any]] = []
        self.memory: dict[str, Any] = {}
        self.rng = generator(config.seed, Purpose.ORDER)
        self.watched = watched
        self.events = events
        self.folder = folder
        self.metrics = metrics
        self.tally = Tally(network.cost, metrics)
        self.rule_state = config.optimizer.rule.start(network.parameters)
        self._train = train
        self._step, self._theta = config.optimizer.rule.step, network.parameters
        self._constant_rate = config.optimizer.learning_rate if config.optimizer.schedule.constant else 0.0
        self._updates_per_epoch = config.optimizer.updates(len(train))
        self._lanes = Lanes(network, config.seed, config.threads, -(-len(train) // self._updates_per_epoch))
        self._first_update = 0
        self._batch_end = events.modnet_batch_end if events.modnet_batch_end.get_hookimpls() else None
        self._gathered: Vector | None = None

    @property
    def parameters(self) -> Vector:
        """θ."""
        return self.network.parameters

    @property
    def rate(self) -> float:
        """The learning rate in force: η times the schedule's factor at this update."""
        optimizer = self.config.optimizer
        position = self.epoch + (self.updates - self._first_update) / self._updates_per_epoch
        return optimizer.learning_rate * optimizer.schedule(position, self.config.epochs)

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Let the optimizer make one pass over the samples; return its figures.

        Raises:
            DivergenceError: a cost or a parameter left the finite numbers; θ is as it was before that update.
        """
        self.epoch = epoch
        self._first_update = self.updates
        self.tally = Tally(self.network.cost, self.metrics)
        before = self.snapshot()
        self.config.optimizer.epoch(self)
        if not np.isfinite(self.parameters).all():  # a solver of its own may have written to θ
            layer = self._bad_layer(self.parameters)
            self.restore(before)
            self._diverged(self._first_update, "parameters", layer)
        if not self.tally.samples:
            self.tally = judge(self.network, self._train, self.metrics)
        return self.tally.figures()

    def evaluate(self) -> tuple[float, Vector]:
        """Return the mean cost (penalties included) over all training samples at θ, and its gradient."""
        tally = Tally(self.network.cost, ())
        if self._lanes.large(self.samples, self._fetch_from(slice(0, self.samples)), tally):
            return math.inf, self._lanes.gradient
        return tally.figures()["cost"] + self.network.penalty(), self._lanes.gradient

    def update(self, gradient: Vector) -> None:
        """Make one update with this gradient by the configured rule."""
        rate = self._constant_rate or self.rate
        step, self.rule_state = self._step(gradient, self.rule_state, rate)
        theta = self._theta
        theta -= step
        self.updates += 1
        if self._batch_end is not None:
            self._batch_end(training=self)

    def sweep(self, order: NDArray[np.intp] | None, length: int) -> None:
        """Update once per ``length`` samples, in this order or, with None, as they lie."""
        row_bytes = self._train.x[:1].nbytes
        block = length if length > CHUNK else max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // row_bytes) // length) * length
        total = self.samples if order is None else len(order)
        for start in range(0, total, block):
            rows = slice(start, min(start + block, total)) if order is None else order[start : start + block]
            if length > CHUNK:
                self._large_batch(rows)
            else:
                self._block(rows, length)

    def check_figures(self, row: dict[str, Any]) -> None:
        """Refuse an epoch's figures that are not finite.

        Raises:
            DivergenceError: naming the figure.
        """
        for name, value in row.items():
            if not math.isfinite(value):
                self._diverged(max(self.updates - 1, 0), f"figure '{name}', which comes", len(self.network.layers))

    def check_result(self) -> None:
        """Refuse a network whose last update, which no cost has followed, took its outputs out of the finite numbers.

        Raises:
            DivergenceError: naming the last update.
        """
        if self.updates:
            some = Samples(self._train.x[:CHUNK], self._train.targets.take(np.arange(min(CHUNK, self.samples))))
            self.check_figures(judge(self.network, some, ()).figures())

    def snapshot(self) -> Snapshot:
        """Return all that an update changes, for `restore`. A rule's state is never written to, so it is only kept."""
        return Snapshot(
            self.parameters.copy(),
            self.rule_state,
            [{name: value.copy() for name, value in layer.state.items()} for layer in self.network.layers],
            [dict(source.bit_generator.state) for source in self._lanes.sources],
            self.updates,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to what `snapshot` returned."""
        self.parameters[...] = snapshot.parameters
        self.rule_state = snapshot.rule_state
        self.updates = snapshot.updates
        for layer, state in zip(self.network.layers, snapshot.layer_states, strict=True):
            for name, value in state.items():
                layer.state[name][...] = value
        for source, state in zip(self._lanes.sources, snapshot.layer_randomness, strict=True):
            source.bit_generator.state = state

    def close(self) -> None:
        """Let the lanes' threads go."""
        self._lanes.close()

    def _targets(self, rows: Any) -> Vector:
        return self._train.targets.rows(rows, self.network.dtype, self.network.outputs)

    def _gather(self, rows: Any) -> Vector:
        """Return these training rows: a view where they lie together, else a copy in a buffer that is used again."""
        x = self._train.x
        if isinstance(rows, slice):
            return x[rows]
        if self._gathered is None or len(self._gathered) < len(rows):
            self._gathered = np.empty((len(rows), *x.shape[1:]), dtype=x.dtype)
        return np.take(x, rows, axis=0, out=self._gathered[: len(rows)], mode="clip")

    def _block(self, rows: Any, length: int) -> None:
        """Make the updates of some thousand samples."""
        x, y = self._gather(rows), self._targets(rows)
        before = self.snapshot()
        outputs = np.empty_like(y)
        self._descend(x, y, outputs, length)
        if not (self.tally.add(outputs, y) and np.isfinite(self.parameters).all()):
            self._find_divergence(before, x, y, length)

    def _descend(self, x: Vector, y: Vector, outputs: Vector, length: int) -> None:
        """Make an update for every batch of these rows, each going through in one piece."""
        lanes, update = self._lanes, self.update
        for start in range(0, len(x), length):
            stop = start + length  # past the end for a short last batch, which slices allow
            lanes.small(x[start:stop], y[start:stop], outputs[start:stop])
            update(lanes.gradient)

    def _large_batch(self, rows: Any) -> None:
        """Make one update from a batch that is worked through in pieces whose gradient sums are added."""
        before = self.snapshot()
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        failed = self._lanes.large(count, self._fetch_from(rows), self.tally)
        if failed is not None:
            self._diverged(self.updates, *self._culprit(failed))
        self.update(self._lanes.gradient)
        if not np.isfinite(self.parameters).all():
            layer = self._bad_layer(self.parameters)
            self.restore(before)
            self._diverged(before.updates, "parameters", layer)

    def _fetch_from(self, rows: Any) -> Fetch:
        """Return what gives the samples of a slice of these rows: a view where they lie together, else a copy."""

        def fetch(piece: slice) -> tuple[Vector, Vector]:
            part = slice(rows.start + piece.start, rows.start + piece.stop) if isinstance(rows, slice) else rows[piece]
            return self._train.x[part], self._targets(part)

        return fetch

    def _find_divergence(self, before: Snapshot, x: Vector, y: Vector, length: int) -> NoReturn:
        """Run a block again, looking after every update, and raise for the first that fails."""
        self._batch_end = None
        self.restore(before)
        outputs = np.empty_like(y)
        for start in range(0, len(x), length):
            batch = slice(start, min(start + length, len(x)))
            good = self.snapshot()
            self._descend(x[batch], y[batch], outputs[batch], length)
            if not np.isfinite(np.sum(self.network.cost(outputs[batch], y[batch]), dtype=np.float64)):
                what, layer = min(map(self._culprit, self._lanes.workspaces), key=lambda found: found[1])
            elif not np.isfinite(self.parameters).all():
                what, layer = "parameters", self._bad_layer(self.parameters)
            else:
                continue
            self.restore(good)
            self._diverged(good.updates, what, layer)
        self._diverged(self.updates, "cost", len(self.network.layers))

    def _culprit(self, workspace: Workspace) -> tuple[str, int]:
        """Return what is not finite in the last piece that went forward, and the first layer that has it, from 1."""
        for number, work in enumerate(workspace.passes, 1):
            if not np.isfinite(work.z).all():
                return "net input", number
            if not np.isfinite(work.a).all():
                return "output", number
        return "cost", len(self.network.layers)

    def _bad_layer(self, vector: Vector) -> int:
        for number, views in enumerate(self.network.views(vector), 1):
            if not all(np.isfinite(view).all() for view in views.values()):
                return number
        return len(self.network.layers)

    def _diverged(self, update: int, what: str, layer: int) -> NoReturn:
        rate = self.config.optimizer.learning_rate
        raise DivergenceError(
            f"epoch {self.epoch}, update {update}: the {what} of layer {layer} left the finite numbers; "
            f"optimizer.learning_rate = {rate} may be too high, or the data too large",
            epoch=self.epoch,
            update=update,
            layer=layer,
        )
