"""What listeners see of a training in progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import IO, Any

from modnet.config.run_config import RunConfig
from modnet.core.interfaces import Metric
from modnet.core.interfaces.engine import EngineSession, TrainState
from modnet.data.prepared import Samples
from modnet.network.network import Network, Vector
from modnet.storage.atomic import file_errors
from modnet.storage.inside import inside
from modnet.storage.run_folder import RunFolder
from modnet.training.epoch import EpochRunner
from modnet.training.statistics import update_layer_states

__all__ = ["Training"]


class Training:
    """A training in progress; `modnet.TrainingView` says what the attributes and methods promise.

    Args:
        config: The configuration.
        network: The network, whose θ the engine updates.
        samples: ``train``, and ``validation`` and ``test`` where there are any.
        metrics: The metrics beside the cost.
        engine: What makes the updates.
        runner: What runs the epochs.
        store: The run folder, or None.
    """

    def __init__(
        self,
        config: RunConfig,
        network: Network,
        samples: Mapping[str, Samples],
        metrics: tuple[Metric, ...],
        engine: EngineSession,
        runner: EpochRunner,
        store: RunFolder | None,
    ) -> None:
        self.config, self.network, self.metrics = config, network, metrics
        self.train = samples["train"]
        self.held_out = {part: samples[part] for part in samples if part != "train"}
        self.epoch = self.epochs = 0
        self.history: list[dict[str, Any]] = []
        self.stopped: str | None = None
        self.within_epoch = self.is_after_update = self.was_restored = False
        self._engine, self._runner, self._store = engine, runner, store

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
    def learning_rate_factor(self) -> float:
        """What the learning rate is multiplied by."""
        return self._runner.factor

    @learning_rate_factor.setter
    def learning_rate_factor(self, factor: float) -> None:
        if not isinstance(factor, Real) or not math.isfinite(factor) or factor <= 0:
            raise ValueError(f"learning_rate_factor: {factor!r} should be a finite number above 0")
        self._runner.set_factor(float(factor))

    @property
    def last_cost(self) -> float:
        """The mean cost of the samples of the last update."""
        self._check_after_update("last_cost")
        return self._engine.last_cost()

    @property
    def gradient_norm(self) -> float:
        """The length of the gradient of the last update."""
        self._check_after_update("gradient_norm")
        return self._engine.gradient_norm()

    @property
    def rule_state(self) -> dict[str, Any]:
        """The state of the update rule."""
        return self._engine.rule_state

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

    def open_file(self, name: str, mode: str = "a", **options: Any) -> IO[Any]:
        """Open a file in the run folder for writing."""
        if self.folder is None:
            raise RuntimeError("training.open_file needs a run folder")
        path = inside(self.folder, name)
        with file_errors(path, "cannot be written"):
            return path.open(mode, **options)

    def stop(self, reason: str) -> None:
        """End the training after the block in progress."""
        if not isinstance(reason, str) or not reason:
            raise ValueError(f"reason: {reason!r} should be a text that says why the training stops")
        self.stopped = self.stopped or reason
        self._runner.is_stopping = True

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of all that an update changes."""
        return self._engine.state().to_dict()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a snapshot; the number of updates stays."""
        self._engine.restore(TrainState(**{**snapshot, "updates": self.updates}))
        self.was_restored = True

    def update_bn(self) -> None:
        """Estimate the layers' states anew at the present θ."""
        state = self._engine.state()
        if any(state.layer_states):
            self.network.load_layer_states(state.layer_states)
            rows = len(self.train) // max(self.config.optimizer.updates(len(self.train)), 1)
            update_layer_states(self.network, self.train, max(rows, 1), self.config.seed)
            self._engine.restore(replace(state, layer_states=self.network.layer_states()))
            self.was_restored = True

    def changes(self) -> dict[str, Any]:
        """Return what listeners may have changed, beside the state of the updates, for another process."""
        return {"stopped": self.stopped, "is_stopping": self._runner.is_stopping, "factor": self._runner.factor}

    def take_over(self, changes: Mapping[str, Any]) -> None:
        """Change what listeners have changed in another process: what `changes` returned there."""
        self.stopped, self._runner.is_stopping = changes["stopped"], changes["is_stopping"]
        if changes["factor"] != self._runner.factor:
            self._runner.set_factor(changes["factor"])

    def _check_after_update(self, name: str) -> None:
        if not self.is_after_update:
            raise RuntimeError(f"training.{name} is there in modnet_batch_end only")
