"""What listeners see of a training in progress."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modnet.config.run_config import RunConfig
from modnet.core.interfaces import Metric
from modnet.core.interfaces.engine import EngineSession, TrainState
from modnet.data.prepared import Samples
from modnet.network.network import Network, Vector
from modnet.storage.run_folder import RunFolder
from modnet.training.epoch import EpochRunner

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
        self.within_epoch = False
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

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of all that an update changes."""
        return self._engine.state().to_dict()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a snapshot; the number of updates stays."""
        self._engine.restore(TrainState(**{**snapshot, "updates": self.updates}))
