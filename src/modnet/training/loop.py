"""One training in progress: the update, the sweeps over the samples, and the watch for numbers that leave the finite.

Samples are gathered some thousand at a time and their figures are added up for all of them together, so that an
update costs little more than its passes. Whether everything is still finite is asked as rarely; where it is not, the
block is run again from its start, one update after the other, until the first that fails is found.

A training can be told at any update (`TrainingLoop.state`) and gone on with (`TrainingLoop.resume`). Within an epoch the
optimizer then begins the epoch anew from what it began with, and what it does up to the interrupted sweep is repeated
in silence; there the training goes on in the middle of the block that it was in.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from modnet.config.run_config import RunConfig
from modnet.core.errors import Interrupted, ModelFileError
from modnet.core.interfaces import Metric
from modnet.core.random import Stream, generator
from modnet.engines.numpy.batches import BatchLoader
from modnet.engines.numpy.workers import Workers
from modnet.engines.numpy.workspace import Workspace
from modnet.network.evaluate import MetricAccumulator, Samples, evaluate
from modnet.network.network import CHUNK, Network, Vector
from modnet.storage.run_folder import RunFolder
from modnet.training.divergence import divergence_error, first_nonfinite_layer, first_nonfinite_state
from modnet.training.snapshot import Block, EpochStart, capture, restore, validate
from modnet.training.state import AccumulatorState, CallbackState, EpochProgress, State, TrainState

__all__ = ["TrainState", "TrainingLoop"]

_BLOCK_BYTES = 8 << 20
_BLOCK_ROWS = 4096


class TrainingLoop:
    """The run in progress, as optimizers (`modnet.core.interfaces.Problem`) and listeners see it.

    Attributes:
        config: The configuration.
        network: What is trained.
        train: The training samples, which are only read.
        samples: How many there are.
        epoch: The epoch in progress, from 0.
        epochs: How many epochs have ended.
        updates: How many updates were made.
        history: The rows of the epochs that ended.
        optimizer_state: What the optimizer keeps from epoch to epoch.
        rng: The source of the samples' order.
        held_out: What else is evaluated after every epoch: ``validation`` and ``test``, where there are any.
        events: The hooks by which listeners hear of it.
        folder: The run folder, or None.
        stopped: Why the training ends before its last epoch, or None.
        began: When the training began, and ``epoch_began`` when the epoch did, by `time.perf_counter`.
        keep: Writes a checkpoint and returns its path; None where there is no folder.
        after_block: Asked after every block of samples whether there is something to do; None where nobody listens.
    """

    def __init__(
        self,
        config: RunConfig,
        network: Network,
        train: Samples,
        held_out: dict[str, Samples],
        metrics: Sequence[Metric],
        events: Any,
        store: RunFolder | None = None,
        *,
        lanes: int | None = None,
        interrupt_after: int | None = None,
    ) -> None:
        self.config = config
        self.network = network
        self.samples = len(train)
        self.epoch = self.epochs = 0
        self.updates = 0
        self.history: list[dict[str, Any]] = []
        self.optimizer_state: dict[str, Any] = {}
        self.rng = generator(config.seed, Stream.ORDER)
        self.held_out = held_out
        self.events = events
        self.store = store
        self.stopped: str | None = None
        self.began = self.epoch_began = time.perf_counter()
        self.keep: Callable[[], Path] | None = None
        self.after_block: Callable[[], None] | None = None
        self.metrics = metrics
        self.tally = MetricAccumulator(network.cost, metrics)
        self.rule_state = config.optimizer.rule.init(network.parameters)
        self.train, self._feed = train, BatchLoader(train, network)
        self._step, self._theta = config.optimizer.rule.update, network.parameters
        self._constant_rate = config.optimizer.learning_rate if config.optimizer.schedule.constant else 0.0
        self._updates_per_epoch = config.optimizer.updates(len(train))
        rows = -(-len(train) // self._updates_per_epoch)
        self._lanes = Workers(network, config.seed, config.threads if lanes is None else lanes, rows)
        self._sources = list(self._lanes.sources)
        self._first_update = 0
        self._batch_end = events.modnet_batch_end if events.modnet_batch_end.get_hookimpls() else None
        self._interrupt_after = interrupt_after
        self._interruption: Interrupted | None = None
        self._diverging = False
        # What an update costs is this one attribute; whoever wants to do something after it puts it there.
        self._after_update = None if self._batch_end is None and interrupt_after is None else self._tell
        self._start: EpochStart | None = None
        self._sweeps = self._sweep = self._rows = self._heard = 0
        self._open: Block | None = None
        self._arriving: tuple[TrainState, EpochProgress] | None = None

    @property
    def parameters(self) -> Vector:
        """θ."""
        return self.network.parameters

    @property
    def learning_rate(self) -> float:
        """The learning rate in force: η times the schedule's factor at this update."""
        optimizer = self.config.optimizer
        position = self.epoch + (self.updates - self._first_update) / self._updates_per_epoch
        return optimizer.learning_rate * optimizer.schedule(position, self.config.epochs)

    @property
    def folder(self) -> Path | None:
        """The run folder, or None."""
        return None if self.store is None else self.store.path

    @property
    def checkpoint_path(self) -> Path | None:
        """Where a checkpoint of the present position is written."""
        return None if self.store is None else self.store.checkpoint(self.epochs, self.updates)

    @property
    def checkpoints(self) -> list[Path]:
        """The checkpoints in the run folder."""
        return [] if self.store is None else self.store.checkpoints()

    @property
    def within_epoch(self) -> bool:
        """Whether an epoch is in progress."""
        return self._start is not None

    @property
    def ended(self) -> bool:
        """Whether no epoch comes any more."""
        return self.stopped is not None or self.epochs >= self.config.epochs

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Let the optimizer make one pass over the samples; return the first rate, and the figures.

        Raises:
            DivergenceError: a cost or a parameter left the finite numbers; θ is as it was before that update.
            Interrupted: somebody asked for it.
        """
        self.epoch = epoch
        self._first_update = self.updates
        self.tally = MetricAccumulator(self.network.cost, self.metrics)
        before = self._capture()
        self._start = EpochStart(before, dict(self.rng.bit_generator.state), self._memory_now())
        self._sweeps = 0
        rate = self.learning_rate
        self.config.optimizer.epoch(self)
        if self._arriving is not None:
            raise ModelFileError("the optimizer does not come again to where it was interrupted")
        if found := first_nonfinite_state(self.network, self.rule_state):  # a solver of its own may have written to θ
            self._restore(before)
            self._diverged(self._first_update, *found)
        if not self.tally.samples:
            self.tally = evaluate(self.network, self.train, self.metrics)
        self._start = None
        self.epochs = epoch + 1
        return {"learning_rate": rate, **self.tally.compute()}

    def interrupt(self, reason: str, signal: int | None = None) -> None:
        """Ask for an end of the training at the next update, with a checkpoint where there is a run folder."""
        if not self._diverging:  # what failed is told, whatever else is asked for
            self._interruption = Interrupted(reason, signal=signal)
            self._after_update = self._tell

    def raise_if_interrupted(self) -> None:
        """Raise where an interruption was asked for.

        Raises:
            Interrupted: when a checkpoint was written.
        """
        after = self._interrupt_after
        if after is not None and self.updates >= after and self._interruption is None:
            self.interrupt("as asked for")
        if self._interruption is not None:
            self._interruption.updates = self.updates
            if self.keep is not None:
                self._interruption.checkpoint = self.keep()
            raise self._interruption

    def value_and_grad(self) -> tuple[float, Vector]:
        """Return the mean cost (penalties included) over all training samples at θ, and its gradient."""
        if self._interruption is not None and self._open is None:
            self.raise_if_interrupted()
        tally = MetricAccumulator(self.network.cost, ())
        if self._lanes.large(self.samples, self._feed.fetch_from(slice(0, self.samples)), tally):
            return math.inf, self._lanes.gradient
        return tally.compute()["cost"] + self.network.penalty(), self._lanes.gradient

    def apply_gradient(self, gradient: Vector) -> None:
        """Make one update with this gradient by the configured rule."""
        rate = self._constant_rate or self.learning_rate
        step, self.rule_state = self._step(gradient, self.rule_state, rate)
        theta = self._theta
        theta -= step
        self.updates += 1
        if self._after_update is not None:
            self._after_update()

    def run_sweep(self, order: NDArray[np.intp] | None, length: int) -> None:
        """Update once per ``length`` samples, in this order or, with None, as they lie."""
        most = min(_BLOCK_ROWS, _BLOCK_BYTES // self._feed.row_bytes)
        block = length if length > CHUNK else max(1, most // length) * length
        total = self.samples if order is None else len(order)
        self._sweeps += 1
        self._sweep, self._rows = self._sweeps, 0
        outputs = self._arrive(total)
        while self._rows < total:
            start, stop = self._rows, min(self._rows + block, total)
            rows = slice(start, stop) if order is None else order[start:stop]
            if length > CHUNK:
                self._large_batch(rows, stop)
            else:
                self._block(rows, length, outputs)
                outputs = None
            self._rows = stop
            if self.after_block is not None and self.updates > self._heard:
                self.after_block()
        self._sweep = 0

    def check_figures(self, row: dict[str, Any]) -> None:
        """Refuse an epoch's figures that are not finite.

        Raises:
            DivergenceError: naming the figure.
        """
        for name, value in row.items():
            if not math.isfinite(value):
                what, layer = self._where(self.held_out.get(name.split("_")[0], self.train))
                self._diverged(max(self.updates - 1, 0), f"figure '{name}' is {value}: the {what}", layer)

    def check_result(self) -> None:
        """Refuse a network whose last update, which no cost has followed, took its outputs out of the finite numbers.

        Raises:
            DivergenceError: naming the last update.
        """
        if self.updates:
            some = Samples(self.train.x[:CHUNK], self.train.targets.take(np.arange(min(CHUNK, self.samples))))
            self.check_figures(evaluate(self.network, some, ()).compute())

    def snapshot(self) -> dict[str, Any]:
        """Return all that an update changes, for `restore`."""
        return self._capture().plain()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a snapshot; the number of updates stays."""
        updates = self.updates
        self._restore(TrainState.model_validate(dict(snapshot)))
        self.updates = updates

    def _capture(self) -> TrainState:
        return capture(self.network, self.rule_state, self._sources, self.updates)

    def _restore(self, snapshot: TrainState) -> None:
        restore(snapshot, self.network, self._sources)
        self.rule_state, self.updates = snapshot.rule_state, snapshot.updates

    def state(self, listeners: list[CallbackState], data: dict[str, str]) -> State:
        """Return all that `resume` needs, right after an update or between two epochs."""
        start, place, block = self._start, None, self._open
        if start is not None:
            outputs = None if block is None else block.outputs[: block.rows(self.updates).stop].copy()
            place = EpochProgress.model_construct(
                start=start.snapshot,
                sweep=self._sweep,
                rows=self._rows,
                outputs=outputs,
                sums=AccumulatorState.model_construct(**self.tally.state_dict()),
                seconds=time.perf_counter() - self.epoch_began,
            )
        return State.model_construct(  # taking it apart checks what is in it
            now=self._capture(),
            epochs=self.epochs,
            heard=max(self.updates, self._heard),
            lanes=len(self._lanes.workspaces),
            order=dict(self.rng.bit_generator.state) if start is None else start.order,
            memory=self.optimizer_state if start is None else start.memory,
            history=self.history,
            listeners=listeners,
            data=data,
            seconds=time.perf_counter() - self.began,
            stopped=self.stopped,
            place=place,
        )

    def resume(self, state: State) -> None:
        """Go back to what `state` returned; within an epoch, to its start, so that `run_epoch` comes back to it.

        Raises:
            ModelFileError: it does not fit.
        """
        place = state.place
        try:
            self.rng.bit_generator.state = state.order
            for point in (state.now, *(() if place is None else (place.start,))):
                validate(point, self.network, self.config.optimizer.rule, self._sources)
                self._restore(point)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelFileError(f"the state of a generator is none: {error}") from None
        self.optimizer_state = copy.deepcopy(state.memory)
        self.history = [dict(row) for row in state.history]
        self.epoch, self.epochs, self._heard = state.epochs, state.epochs, state.heard
        self.stopped = state.stopped
        self._arriving = (state.now, place) if place is not None and place.sweep else None
        now = time.perf_counter()
        self.began, self.epoch_began = now - state.seconds, now - (place.seconds if place is not None else 0.0)

    def _memory_now(self) -> dict[str, Any]:
        """Return a copy of the optimizer's memory, whose arrays it may write to, where a checkpoint may want it."""
        try:
            return self.optimizer_state if self.keep is None else copy.deepcopy(self.optimizer_state)
        except Exception:  # whatever a stranger keeps: a checkpoint will say that no file can hold it
            return self.optimizer_state

    def close(self) -> None:
        """Let the lanes' threads go."""
        self._lanes.close()

    def _arrive(self, total: int) -> Vector | None:
        """Go on, in the sweep in which a training was interrupted, from where it was; return its block's outputs."""
        if self._arriving is None or self._arriving[1].sweep != self._sweep:
            return None
        (now, place), self._arriving = self._arriving, None
        done = 0 if place.outputs is None else len(place.outputs)
        form = None if place.outputs is None else (place.outputs.dtype, place.outputs.shape[1:])
        if place.rows + done > total or form not in (None, (self.network.dtype, (self.network.outputs,))):
            raise ModelFileError("its place in the epoch is not one that the optimizer comes to")
        self._restore(now)
        self.tally.load_state_dict(dict(place.sums))
        self._rows = place.rows
        return place.outputs

    def _tell(self) -> None:
        """Let those who listen to updates hear of one, and leave where that was asked for."""
        if self.updates > self._heard and self._batch_end is not None:
            self._batch_end(training=self)
        asked = self._interrupt_after is not None and self.updates >= self._interrupt_after
        if asked or self._interruption is not None:
            block = self._open
            if block is not None and not self._is_finite(block, block.rows(self.updates)):
                self._find_divergence(block)
            if block is not None or not first_nonfinite_state(
                self.network, self.rule_state
            ):  # or who made the update sees it
                self.raise_if_interrupted()

    def _block(self, rows: Any, length: int, so_far: Vector | None) -> None:
        """Make the updates of some thousand samples; of the first, the outputs may be there ``so_far``."""
        x, y = self._feed.gather(rows), self._feed.targets(rows)
        outputs, done = np.empty_like(y), 0
        if so_far is not None:
            done = len(so_far)
            outputs[:done] = so_far
        self._open = block = Block(x, y, outputs, length, self._capture(), done)
        self._descend(x[done:], y[done:], outputs[done:], length)
        self._open = None
        if not self.tally.update(outputs, y) or first_nonfinite_state(self.network, self.rule_state):
            self._find_divergence(block)

    def _descend(self, x: Vector, y: Vector, outputs: Vector, length: int) -> None:
        """Make an update for every batch of these rows, each going through in one piece."""
        lanes, apply_gradient = self._lanes, self.apply_gradient
        for start in range(0, len(x), length):
            stop = start + length  # past the end for a short last batch, which slices allow
            lanes.small(x[start:stop], y[start:stop], outputs[start:stop])
            apply_gradient(lanes.gradient)

    def _large_batch(self, rows: Any, stop: int) -> None:
        """Make one update from a batch that is worked through in pieces whose gradient sums are added.

        With it, ``stop`` samples of the sweep have been gone through.
        """
        before = self._capture()
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        failed = self._lanes.large(count, self._feed.fetch_from(rows), self.tally)
        if failed is not None:
            self._diverged(self.updates, *first_nonfinite_layer(failed))
        self._rows = stop
        self.apply_gradient(self._lanes.gradient)
        if found := first_nonfinite_state(self.network, self.rule_state):
            self._restore(before)
            self._diverged(before.updates, *found)

    def _is_finite(self, block: Block, rows: slice) -> bool:
        cost = np.sum(self.network.cost(block.outputs[rows], block.y[rows]), dtype=np.float64)
        return bool(np.isfinite(cost)) and not first_nonfinite_state(self.network, self.rule_state)

    def _where(self, samples: Samples) -> tuple[str, int]:
        """Return what is not finite of these samples' way through the network, and the first layer that has it."""
        workspace = Workspace(self.network)
        for start in range(0, len(samples), CHUNK):
            rows = slice(start, start + CHUNK)
            y = samples.targets.batch(rows, self.network.dtype, self.network.outputs)
            if not np.isfinite(np.sum(self.network.cost(workspace.forward(samples.x[rows]), y), dtype=np.float64)):
                return first_nonfinite_layer(workspace)
        return "output", len(self.network.layers)  # a metric's figure

    def _find_divergence(self, block: Block) -> NoReturn:
        """Run a block again, looking after every update, and raise for the first that fails.

        What does not fail again was done by a listener, or by a part that is no pure function. Then the first update
        whose cost was not finite is named, or the last one where all costs were.
        """
        rows = block.rows(self.updates)
        bad = np.flatnonzero(~np.isfinite(self.network.cost(block.outputs[rows], block.y[rows])))
        met, once = rows.stop - 1, first_nonfinite_state(self.network, self.rule_state)
        if len(bad) or once is None:  # of what lay below the output nothing is known any more
            met, once = rows.start + int(bad[0] if len(bad) else 0), ("cost", len(self.network.layers))
        self._diverging = True
        self._open = self._after_update = None
        self._restore(block.before)
        before = good = block.before
        for start in range(block.done, len(block.x), block.length):
            batch = slice(start, min(start + block.length, len(block.x)))
            good = self._capture()
            before = good if start <= met else before
            self._descend(block.x[batch], block.y[batch], block.outputs[batch], block.length)
            cost = np.sum(self.network.cost(block.outputs[batch], block.y[batch]), dtype=np.float64)
            if not np.isfinite(cost):
                found = min(map(first_nonfinite_layer, self._lanes.workspaces), key=lambda each: each[1])
            elif (after := first_nonfinite_state(self.network, self.rule_state)) is not None:
                found = after
            else:
                continue
            self._restore(good)
            self._diverged(good.updates, *found)
        self._restore(before)
        raise divergence_error(self.config, self.epoch, before.updates, *once, again=False)

    def _diverged(self, update: int, what: str, layer: int) -> NoReturn:
        raise divergence_error(self.config, self.epoch, update, what, layer)
