"""The training loop: epochs, their events, evaluation after each, checkpoints and interruption between blocks."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from modnet.core.errors import Interrupted, ModelFileError
from modnet.core.interfaces import Metric, ProcessGroup, Solver
from modnet.core.interfaces.engine import EngineSession
from modnet.core.random import Stream, generator
from modnet.data.row_source import row_bytes
from modnet.network.evaluate import evaluate
from modnet.network.network import CHUNK
from modnet.storage.checkpoint import Checkpoint
from modnet.storage.run_folder import RunFolder
from modnet.training.callbacks import CallbackRunner
from modnet.training.divergence import divergence_error, first_nonfinite_layer
from modnet.training.epoch import EpochRunner
from modnet.training.fingerprint import Fingerprint
from modnet.training.first_updates import FirstUpdates
from modnet.training.identity import Identity
from modnet.training.processes import Agreement, agreeing
from modnet.training.state import EpochProgress, ListenerState, TrainingState, check_fits
from modnet.training.view import Training

__all__ = ["CheckpointWriter", "TrainingLoop"]

CHECKED_BYTES = 8 << 20
"""How many bytes of samples go through the finished network at most, to see whether its outputs are finite."""


class CheckpointWriter(Protocol):
    """What the loop asks of `modnet.training.checkpointing.CheckpointManager`."""

    def record(self, row: dict[str, Any]) -> None:
        """Add a row to the history's file."""

    def save_last(self) -> Path:
        """Write the checkpoint of an interruption and return its path."""

    def save_if_due(self) -> None:
        """Write a checkpoint if a listener asks for one."""


class TrainingLoop:
    """Runs the epochs of one training.

    Attributes:
        view: What listeners see: the position, the history, the network.
        identity: What is trained.
        engine: What makes the updates.
        group: The processes that train together.
        agreement: What keeps them alike.
        started: When the training began, by `time.perf_counter`; for a resumed one, as if it had not been interrupted.

    The arguments are those of `modnet.training.view.Training`, and the listeners.
    """

    def __init__(
        self,
        identity: Identity,
        metrics: tuple[Metric, ...],
        callbacks: CallbackRunner,
        engine: EngineSession,
        store: RunFolder | None = None,
        group: ProcessGroup | None = None,
    ) -> None:
        config, network, samples = identity.config, identity.network, identity.samples
        self.identity, self.group = identity, group or ProcessGroup()
        self.engine = engine = agreeing(engine, self.group)
        self._config, self._network, self._metrics = config, network, metrics
        self._callbacks, self._engine, self._store = callbacks, engine, store
        summed = tuple(metric for metric in metrics if not metric.needs_all_outputs)
        self._runner = EpochRunner(config, network, samples["train"], summed, engine)
        self.view = Training(config, network, samples, metrics, engine, self._runner, store)
        self.agreement = Agreement(self.group, self.view, engine)
        self.started = self._epoch_started = time.perf_counter()
        self._rng = generator(config.seed, Stream.ORDER)
        self._optimizer_state: dict[str, Any] = {}
        self._epoch_start: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        self.is_complete = False

    def run(self, checkpoints: CheckpointWriter | None) -> None:
        """Run the remaining epochs.

        Raises:
            DivergenceError: a number became non-finite; θ is as it was before that update.
            Interrupted: `request_stop` was called.
        """
        view = self.view
        while view.within_epoch or not view.ended:
            if not view.within_epoch:
                self._begin_epoch()
            row = self._run_epoch(checkpoints)
            view.history.append(row)
            if checkpoints is not None:
                checkpoints.record(row)
            with self.agreement.changes_told(compared=True):
                self._callbacks.call("epoch_end", training=view, row=row)
                if view.stopped is None:
                    reason = self._callbacks.call_first("should_stop", training=view)
                    view.stopped = view.stopped or reason  # a listener may have called `stop`
                if checkpoints is not None:
                    checkpoints.save_if_due()
            if not view.ended:
                self._raise_if_interrupted(checkpoints)
        self.is_complete = True

    def watch_first_updates(self, warn: Callable[[str], None]) -> None:
        """Call ``warn`` if the first updates raise the cost far; to be called before them."""
        rate = self._config.optimizer.learning_rate
        self._runner.first_updates = FirstUpdates(self._network, self.view.train, rate, warn)

    def request_stop(self, reason: str, signal: int | None = None) -> None:
        """Ask for an interruption at the end of the block in progress, with a checkpoint if there is a run folder."""
        self.agreement.request(Interrupted(reason, signal=signal))

    def check_result(self) -> None:
        """Raise if the last update, whose result no cost has seen, made the outputs non-finite.

        Raises:
            DivergenceError: naming the last update.
        """
        if self.view.updates:
            train = self.view.train
            rows = max(1, min(CHUNK, CHECKED_BYTES // row_bytes(train.x)))
            few = train.take(np.arange(min(rows, len(train))))
            self._check_metrics(evaluate(self._network, few, ()).compute())

    def state(self, fingerprint: Fingerprint) -> TrainingState:
        """Return everything that `load_state` needs; called between epochs, or at the end of a block."""
        view, train = self.view, self._engine.state()
        start, progress = (dict(self._rng.bit_generator.state), self._optimizer_state), None
        if view.within_epoch:
            if not isinstance(self._config.optimizer, Solver):
                start = self._epoch_start
            seconds = time.perf_counter() - self._epoch_started
            progress = EpochProgress.model_validate({**self._runner.state_dict(), "seconds": seconds})
        return TrainingState.model_construct(  # reading it back validates it
            rule_state=dict(train.rule_state),
            randomness=[dict(state) for state in train.randomness],
            updates=train.updates,
            epochs=view.epochs,
            fingerprint=fingerprint,
            order=start[0],
            optimizer_state=start[1],
            learning_rate_factor=self._runner.factor,
            listeners=[ListenerState(**state) for state in self._callbacks.state_dicts()],
            seconds=time.perf_counter() - self.started,
            stopped=view.stopped,
            progress=progress,
        )

    def load_state(self, state: TrainingState, checkpoint: Checkpoint, *, reseed: bool = False) -> None:
        """Go to the position of a checkpoint.

        Args:
            state: The checkpoint's state.
            checkpoint: The checkpoint, for its network and history.
            reseed: Whether the layers' random generators are not those of the checkpoint, and stay as they are.

        Raises:
            ModelFileError: it does not fit.
        """
        view, train, current = self.view, state.train_state(checkpoint.network), self._engine.state()
        if reseed:
            train = replace(train, randomness=current.randomness)
        check_fits(train, current, self._config.optimizer.rule, self._network.trainable)
        try:
            self._rng.bit_generator.state = state.order
            self._engine.restore(train)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelFileError(f"the state of a random generator is not valid: {error}") from None
        self._optimizer_state = copy.deepcopy(state.optimizer_state)
        self._runner.factor = state.learning_rate_factor
        view.history = [dict(row) for row in checkpoint.history]
        view.epoch = view.epochs = state.epochs
        view.stopped = state.stopped
        now = time.perf_counter()
        self.started = now - state.seconds
        if state.progress is not None:
            self._enter_epoch()
            self._epoch_started = now - state.progress.seconds
            self._runner.load_state_dict(view.epoch, state.progress.model_dump())
            self._runner.is_stopping = view.stopped is not None

    def _begin_epoch(self) -> None:
        self.view.epoch, self._epoch_started = self.view.epochs, time.perf_counter()
        self._runner.begin(self.view.epoch)
        with self.agreement.changes_told():
            self._callbacks.call("epoch_start", training=self.view)
        self._enter_epoch()

    def _enter_epoch(self) -> None:
        """Keep what the epoch starts with, which a checkpoint within it needs."""
        self.view.within_epoch = True
        optimizer_state = self._optimizer_state
        if self._store is not None:
            with suppress(Exception):  # whatever an optimizer keeps there: the checkpoint names what cannot be written
                optimizer_state = copy.deepcopy(optimizer_state)
        self._epoch_start = dict(self._rng.bit_generator.state), optimizer_state

    def _run_epoch(self, checkpoints: CheckpointWriter | None) -> dict[str, Any]:
        def after_block() -> None:
            with self.agreement.changes_told():
                if checkpoints is not None:
                    checkpoints.save_if_due()
            self._raise_if_interrupted(checkpoints)

        def on_update() -> None:
            self.view.is_after_update = True
            with self.agreement.changes_told():
                self._callbacks.call("batch_end", training=self.view)
            self.view.is_after_update = False

        view, listens = self.view, self._callbacks.listens_to("batch_end")
        values = self._runner.run(self._rng, self._optimizer_state, on_update if listens else None, after_block)
        view.within_epoch, view.epochs = False, view.epoch + 1
        row: dict[str, Any] = {"epoch": view.epoch, **values}
        for part, samples in view.held_out.items():
            totals = evaluate(self._network, samples, self._metrics, self._engine.outputs(samples.x))
            row |= totals.compute(f"{part}_")
        row = self.group.broadcast(row)
        self._check_metrics(row)
        row["seconds"] = time.perf_counter() - self._epoch_started
        return row

    def _check_metrics(self, row: dict[str, Any]) -> None:
        view = self.view
        for name, value in row.items() if self._config.terminate_on_nan else ():
            if not math.isfinite(value):
                what, layer = first_nonfinite_layer(self._network, view.held_out.get(name.split("_")[0], view.train))
                update = max(view.updates - 1, 0)
                raise divergence_error(
                    self._config, view.epoch, update, f"metric '{name}' is {value}: the {what}", layer
                )

    def _raise_if_interrupted(self, checkpoints: CheckpointWriter | None) -> None:
        interruption = self.agreement.interruption
        if interruption is not None:
            interruption.updates = self.view.updates
            if checkpoints is not None:
                interruption.checkpoint = checkpoints.save_last()
            raise interruption
