"""When checkpoints are written and which are kept; `modnet.storage.checkpoint` writes them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from modnet.components.callbacks.monitoring import key_of, score_of, sign_of
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.messages import warn_once
from modnet.core.plugins.hookspecs import hookimpl

__all__ = ["Checkpoint"]


class Checkpoint(Callback):
    """Writes checkpoints to the run folder, and keeps the latest ones and the best.

    One more is written when the training ends, so that it can be resumed for more epochs. On Ctrl-C, SIGTERM and
    SIGHUP a checkpoint is written with or without this callback.
    """

    kind: Literal["checkpoint"] = "checkpoint"
    unique: ClassVar[bool] = True
    reproducible: ClassVar[bool] = False
    also_known_as: ClassVar[tuple[str, ...]] = ("model-checkpoint",)
    every_epochs: int = Field(default=1, ge=0, description="epochs between two checkpoints; 0 for none")
    every_seconds: float | None = Field(
        default=None, gt=0, description="seconds after which one is written within a long epoch, too"
    )
    keep: int = Field(default=3, ge=1, description="how many are kept, beside the best one")
    monitor: str | None = Field(
        default=None,
        description="the metric of the history that decides which is the best; by default `validation_cost`, or `cost` "
        "without validation samples",
    )

    def listener(self) -> object:
        """Return a listener that remembers the best checkpoint."""
        return _Listener(self)


class _Listener:
    def __init__(self, options: Checkpoint) -> None:
        self._options = options
        self._sign = 1.0
        self._monitor = options.monitor or "validation_cost"
        self._scores: dict[str, float] = {}
        self._written_at = 0.0

    def state_dict(self) -> dict[str, float]:
        """Return checkpoint name → the score of its epoch; higher is better."""
        return dict(self._scores)

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Restore what `state_dict` returned."""
        self._scores = dict(state)

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        if training.folder is None:
            key = key_of(self._options, training)
            raise ConfigError(f"{key}: checkpoints need a run folder; give one, Trainer.fit(out='runs/first')")
        if self._options.monitor is None and "validation" not in training.held_out:
            self._monitor = "cost"
        self._sign = sign_of(self._monitor, training, self._options)
        self._written_at = time.monotonic()

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        if training.checkpoint_path is not None:
            self._scores[training.checkpoint_path.name] = score_of(row, self._monitor, self._sign)

    @hookimpl
    def modnet_checkpoint_due(self, training: TrainingView) -> bool:
        options = self._options
        overdue = options.every_seconds is not None and time.monotonic() - self._written_at >= options.every_seconds
        if overdue or training.within_epoch:
            return overdue
        return training.ended or (options.every_epochs > 0 and training.epochs % options.every_epochs == 0)

    @hookimpl
    def modnet_checkpoint_written(self, training: TrainingView) -> None:
        self._written_at = time.monotonic()
        written = training.checkpoints
        names = {checkpoint.name for checkpoint in written}
        self._scores = {name: score for name, score in self._scores.items() if name in names}
        best = max(self._scores, key=self._scores.__getitem__, default=None)
        for checkpoint in written[: -self._options.keep]:
            if checkpoint.name != best:
                _remove(checkpoint)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # there is one more than wanted
        warn_once(f"{path}: cannot be removed: {error.strerror}")
