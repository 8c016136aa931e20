"""One training in progress: the update, the sweeps over the samples, and the watch for numbers that leave the finite.

Samples are gathered some thousand at a time and their figures are added up for all of them together, so that an
update costs little more than its passes. Whether everything is still finite is asked as rarely; where it is not, the
block is run again from its start, one update after the other, until the first that fails is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from modnet.components.families import Metric
from modnet.config import RunConfig
from modnet.errors import DivergenceError
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
    layer_randomness: dict[str, Any]
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
        self.workspace = Workspace(network, generator(config.seed, Purpose.LAYERS))
        self.rule_state = config.optimizer.rule.start(network.parameters)
        self._train = train
        self._rate_is_constant = config.optimizer.schedule.constant
        self._updates_per_epoch = config.optimizer.updates(len(train))
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
        if self._rate_is_constant:
            return optimizer.learning_rate
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
            self.restore(before)
            self._diverged(self._first_update, "parameters", self._bad_layer(self.parameters))
        if not self.tally.samples:
            self.tally = judge(self.network, self._train, self.metrics)
        return self.tally.figures()

    def evaluate(self) -> tuple[float, Vector]:
        """Return the mean cost (penalties included) over all training samples at θ, and its gradient."""
        return self.workspace.cost_and_gradient(self._train.x, self._targets(slice(None)))

    def update(self, gradient: Vector) -> None:
        """Make one update with this gradient by the configured rule."""
        optimizer = self.config.optimizer
        step, self.rule_state = optimizer.rule.step(gradient, self.rule_state, self.rate)
        self.network.parameters -= step
        self.updates += 1
        if self._batch_end is not None:
            self._batch_end(training=self)

    def sweep(self, order: NDArray[np.intp] | None, length: int) -> None:
        """Update once per ``length`` samples, in this order or, with None, as they lie."""
        row_bytes = self._train.x[:1].nbytes
        block = max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // row_bytes) // length) * length
        total = self.samples if order is None else len(order)
        for start in range(0, total, block):
            rows = slice(start, min(start + block, total)) if order is None else order[start : start + block]
            if length > CHUNK:
                self._large_batch(rows)
            else:
                self._block(rows, length)

    def snapshot(self) -> Snapshot:
        """Return all that an update changes, for `restore`. A rule's state is never written to, so it is only kept."""
        rng = self.workspace.rng
        return Snapshot(
            self.parameters.copy(),
            self.rule_state,
            [{name: value.copy() for name, value in layer.state.items()} for layer in self.network.layers],
            dict(rng.bit_generator.state) if rng is not None else {},
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
        if self.workspace.rng is not None:
            self.workspace.rng.bit_generator.state = snapshot.layer_randomness

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
        for start in range(0, len(x), length):
            self._descend(x, y, outputs, slice(start, min(start + length, len(x))))
        if not (self.tally.add(outputs, y) and np.isfinite(self.parameters).all()):
            self._find_divergence(before, x, y, length)

    def _descend(self, x: Vector, y: Vector, outputs: Vector, batch: slice) -> None:
        """Make one update from a batch that goes through in one piece."""
        workspace = self.workspace
        outputs[batch] = workspace.forward(x[batch])
        workspace.backward(y[batch], 1.0 / (batch.stop - batch.start))
        if self.network.regularizers:
            workspace.add_penalties()
        self.update(workspace.gradient)

    def _large_batch(self, rows: Any) -> None:
        """Make one update from a batch that is worked through in pieces whose gradient sums are added."""
        workspace, before = self.workspace, self.snapshot()
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        gradient, finite = np.zeros_like(workspace.gradient), True
        for piece in workspace.pieces(count):
            part = slice(rows.start + piece.start, rows.start + piece.stop) if isinstance(rows, slice) else rows[piece]
            x, y = self._gather(part), self._targets(part)
            finite &= self.tally.add(workspace.forward(x), y)
            workspace.backward(y, 1.0 / count)
            gradient += workspace.gradient
            if not finite:
                self._diverged(self.updates, *self._culprit())
        workspace.gradient[...] = gradient
        workspace.add_penalties()
        self.update(workspace.gradient)
        if not np.isfinite(self.parameters).all():
            layer = self._bad_layer(self.parameters)
            self.restore(before)
            self._diverged(before.updates, "parameters", layer)

    def _find_divergence(self, before: Snapshot, x: Vector, y: Vector, length: int) -> NoReturn:
        """Run a block again, looking after every update, and raise for the first that fails."""
        self._batch_end = None
        self.restore(before)
        outputs = np.empty_like(y)
        for start in range(0, len(x), length):
            batch = slice(start, min(start + length, len(x)))
            good = self.snapshot()
            self._descend(x, y, outputs, batch)
            if not np.isfinite(np.sum(self.network.cost(outputs[batch], y[batch]), dtype=np.float64)):
                what, layer = self._culprit()
            elif not np.isfinite(self.parameters).all():
                what, layer = "parameters", self._bad_layer(self.parameters)
            else:
                continue
            self.restore(good)
            self._diverged(good.updates, what, layer)
        self._diverged(self.updates, "cost", len(self.network.layers))

    def _culprit(self) -> tuple[str, int]:
        """Return what is not finite in the last piece that went forward, and the first layer that has it, from 1."""
        for number, work in enumerate(self.workspace.passes, 1):
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
