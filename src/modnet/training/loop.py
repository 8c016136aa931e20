"""The training loop: epochs, their events, evaluation after each, checkpoints and interruption between blocks."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from modnet.config.run_config import RunConfig
from modnet.core.errors import Interrupted, ModelFileError
from modnet.core.interfaces import Metric, Solver
from modnet.core.random import Stream, generator
from modnet.engines.base import EngineSession, TrainState
from modnet.network.evaluate import Samples, evaluate
from modnet.network.network import CHUNK, Network, Vector
from modnet.storage.run_folder import RunFolder
from modnet.training.callbacks import CallbackRunner
from modnet.training.divergence import divergence_error, first_nonfinite_layer
from modnet.training.epoch import EpochRunner
from modnet.training.state import EpochProgress, ListenerState, TrainingState, check_fits

__all__ = ["CheckpointWriter", "TrainingLoop"]


class CheckpointWriter(Protocol):
    """What the loop asks of `modnet.training.checkpointing.CheckpointManager`."""

    def save(self) -> Path:
        """Write a checkpoint and return its path."""

    def save_if_due(self) -> None:
        """Write a checkpoint if a listener asks for one."""


class TrainingLoop:
    """One training in progress, as listeners see it (`modnet.TrainingView`).

    Args:
        config: The configuration.
        network: The network, whose θ the engine updates.
        samples: ``train``, and ``validation`` and ``test`` where there are any.
        metrics: The metrics beside the cost.
        callbacks: The listeners.
        engine: What makes the updates.
        store: The run folder, or None.
    """

    def __init__(
        self,
        config: RunConfig,
        network: Network,
        samples: Mapping[str, Samples],
        metrics: tuple[Metric, ...],
        callbacks: CallbackRunner,
        engine: EngineSession,
        store: RunFolder | None = None,
    ) -> None:
        self.config, self.network, self.metrics = config, network, metrics
        self.train = samples["train"]
        self.held_out = {part: samples[part] for part in samples if part != "train"}
        self.epoch = self.epochs = 0
        self.history: list[dict[str, Any]] = []
        self.stopped: str | None = None
        self.started = self._epoch_started = time.perf_counter()
        self._callbacks, self._engine, self._store = callbacks, engine, store
        self._runner = EpochRunner(config, network, self.train, metrics, engine)
        self._rng = generator(config.seed, Stream.ORDER)
        self._optimizer_state: dict[str, Any] = {}
        self._epoch_start: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._interruption: Interrupted | None = None

    @property
    def updates(self) -> int:
        """How many updates have been made."""
        return self._engine.updates

    @property
    def parameters(self) -> Vector:
        """All parameters θ, a view."""
        return self.network.parameters

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return self._runner.learning_rate(self.updates)

    @property
    def rule_state(self) -> dict[str, Any]:
        """The state of the update rule."""
        return self._engine.rule_state

    @property
    def within_epoch(self) -> bool:
        """Whether an epoch is in progress."""
        return self._epoch_start is not None

    @property
    def ended(self) -> bool:
        """Whether no further epoch follows."""
        return self.stopped is not None or self.epochs >= self.config.epochs

    @property
    def folder(self) -> Path | None:
        """The run folder, or None."""
        return None if self._store is None else self._store.path

    @property
    def checkpoint_path(self) -> Path | None:
        """The file that a checkpoint of the present position is written to."""
        return None if self._store is None else self._store.checkpoint(self.epochs, self.updates)

    @property
    def checkpoints(self) -> list[Path]:
        """The checkpoints in the run folder, the latest last."""
        return [] if self._store is None else self._store.checkpoints()

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of all that an update changes."""
        return self._engine.state().to_dict()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a snapshot; the number of updates stays."""
        self._engine.restore(TrainState(**{**snapshot, "updates": self.updates}))

    def run(self, checkpoints: CheckpointWriter | None) -> None:
        """Run the remaining epochs.

        Raises:
            DivergenceError: a number became non-finite; θ is as it was before that update.
            Interrupted: `request_stop` was called.
        """
        while not self.ended:
            if not self.within_epoch:
                self._begin_epoch()
            row = self._run_epoch(checkpoints)
            self.history.append(row)
            if self._store is not None:
                self._store.append_history(row)
            self._callbacks.call("epoch_end", training=self, row=row)
            self.stopped = self._callbacks.call_first("should_stop", training=self)
            if checkpoints is not None:
                checkpoints.save_if_due()
            if not self.ended:
                self._raise_if_interrupted(checkpoints)

    def request_stop(self, reason: str, signal: int | None = None) -> None:
        """Ask for an interruption at the end of the block in progress, with a checkpoint if there is a run folder."""
        self._interruption = Interrupted(reason, signal=signal)

    def check_result(self) -> None:
        """Refuse a network whose last update, whose result no cost has seen, made its outputs non-finite.

        Raises:
            DivergenceError: naming the last update.
        """
        if self.updates:
            few = Samples(self.train.x[:CHUNK], self.train.targets.take(np.arange(min(CHUNK, len(self.train)))))
            self._check_metrics(evaluate(self.network, few, ()).compute())

    def state(self, data: dict[str, str]) -> TrainingState:
        """Return everything that `load_state` needs; called between epochs, or at the end of a block.

        Args:
            data: A SHA-256 of the samples of each part.
        """
        progress, start = None, (dict(self._rng.bit_generator.state), self._optimizer_state)
        if self._epoch_start is not None:
            if not isinstance(self.config.optimizer, Solver):
                start = self._epoch_start
            seconds = time.perf_counter() - self._epoch_started
            progress = EpochProgress.model_validate({**self._runner.state_dict(), "seconds": seconds})
        train = self._engine.state()
        return TrainingState.model_construct(  # reading it back validates it
            rule_state=dict(train.rule_state),
            randomness=[dict(state) for state in train.randomness],
            updates=train.updates,
            epochs=self.epochs,
            workers=self._engine.workers,
            order=start[0],
            optimizer_state=start[1],
            history=self.history,
            listeners=[ListenerState(**state) for state in self._callbacks.state_dicts()],
            data=data,
            seconds=time.perf_counter() - self.started,
            stopped=self.stopped,
            progress=progress,
        )

    def load_state(self, state: TrainingState, network: Network) -> None:
        """Go to the position of a checkpoint, whose network is ``network``.

        Raises:
            ModelFileError: it does not fit.
        """
        train = state.train_state(network)
        check_fits(train, self.network, self.config.optimizer.rule, len(self._engine.state().randomness))
        try:
            self._rng.bit_generator.state = state.order
            self._engine.restore(train)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ModelFileError(f"the state of a random generator is not valid: {error}") from None
        self._optimizer_state = copy.deepcopy(state.optimizer_state)
        self.history = [dict(row) for row in state.history]
        self.epoch = self.epochs = state.epochs
        self.stopped = state.stopped
        now = time.perf_counter()
        self.started = now - state.seconds
        if state.progress is not None:
            self._remember_epoch_start()
            self._epoch_started = now - state.progress.seconds
            self._runner.load_state_dict(self.epoch, state.progress.model_dump())

    def _begin_epoch(self) -> None:
        self.epoch, self._epoch_started = self.epochs, time.perf_counter()
        self._runner.begin(self.epoch)
        self._callbacks.call("epoch_start", training=self)
        self._remember_epoch_start()

    def _remember_epoch_start(self) -> None:
        optimizer_state = self._optimizer_state
        if self._store is not None:  # a checkpoint may need it
            try:
                optimizer_state = copy.deepcopy(optimizer_state)
            except Exception:  # whatever an optimizer keeps there: the checkpoint names what cannot be written
                optimizer_state = self._optimizer_state
        self._epoch_start = dict(self._rng.bit_generator.state), optimizer_state

    def _run_epoch(self, checkpoints: CheckpointWriter | None) -> dict[str, Any]:
        def after_block() -> None:
            if checkpoints is not None:
                checkpoints.save_if_due()
            self._raise_if_interrupted(checkpoints)

        def on_update() -> None:
            self._callbacks.call("batch_end", training=self)

        listens = self._callbacks.listens_to("batch_end")
        values = self._runner.run(self._rng, self._optimizer_state, on_update if listens else None, after_block)
        self._epoch_start = None
        self.epochs = self.epoch + 1
        row: dict[str, Any] = {"epoch": self.epoch, **values}
        for part, samples in self.held_out.items():
            row |= evaluate(self.network, samples, self.metrics).compute(f"{part}_")
        self._check_metrics(row)
        row["seconds"] = time.perf_counter() - self._epoch_started
        return row

    def _check_metrics(self, row: dict[str, Any]) -> None:
        for name, value in row.items():
            if not math.isfinite(value):
                what, layer = first_nonfinite_layer(self.network, self.held_out.get(name.split("_")[0], self.train))
                update = max(self.updates - 1, 0)
                raise divergence_error(
                    self.config, self.epoch, update, f"metric '{name}' is {value}: the {what}", layer
                )

    def _raise_if_interrupted(self, checkpoints: CheckpointWriter | None) -> None:
        if self._interruption is not None:
            self._interruption.updates = self.updates
            if checkpoints is not None:
                self._interruption.checkpoint = checkpoints.save()
            raise self._interruption
