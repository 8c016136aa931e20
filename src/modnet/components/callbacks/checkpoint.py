"""Checkpoints: files from which an interrupted training is gone on with as if nothing had happened."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from modnet.components.callbacks.monitoring import sign_of
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback
from modnet.core.plugins.hookspecs import hookimpl
from modnet.training.loop import TrainingLoop

__all__ = ["Checkpoint"]


class Checkpoint(Callback):
    """Writes checkpoints to the run folder, and keeps the last ones and the best.

    One more is written when the training ends, so that it can be gone on with for more epochs. On Ctrl-C and SIGTERM a
    checkpoint is written whether or not there is this callback.
    """

    kind: Literal["checkpoint"] = "checkpoint"
    every_epochs: int = Field(default=1, ge=0, description="after every so many epochs one is written; 0 for none")
    every_seconds: float | None = Field(
        default=None, gt=0, description="and within long epochs, when so many seconds have passed since the last one"
    )
    keep: int = Field(default=3, ge=1, description="how many are kept; the best one stays beside them")
    monitor: str | None = Field(
        default=None,
        description="the figure of the history that tells which is the best; without it `validation_cost`, or `cost` "
        "where nothing validates",
    )

    def listener(self) -> object:
        """Return a listener that remembers the best."""
        return _Listener(self)


class _Listener:
    def __init__(self, options: Checkpoint) -> None:
        self._options = options
        self._sign = 1.0
        self._monitor = options.monitor or "validation_cost"
        self._figures: dict[str, float] = {}
        self._written = 0.0

    def state_dict(self) -> dict[str, float]:
        """Return, by the names of the checkpoints, the figures of their epochs; the higher the better."""
        return dict(self._figures)

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take back what `state` returned."""
        self._figures = dict(state)

    @hookimpl
    def modnet_fit_start(self, training: TrainingLoop) -> None:
        if training.folder is None:
            place = training.config.callbacks.index(self._options)
            raise ConfigError(
                f"callbacks.{place}: checkpoints need a run folder; give one, Trainer.fit(out='runs/first')"
            )
        if self._options.monitor is None and "validation" not in training.watched:
            self._monitor = "cost"
        self._sign = sign_of(self._monitor, training, self._options)
        self._written = time.monotonic()

    @hookimpl
    def modnet_epoch_end(self, training: TrainingLoop, row: dict[str, Any]) -> None:
        if training.folder is not None:
            name = training.folder.checkpoint(training.epochs, training.updates).name
            self._figures[name] = self._sign * row[self._monitor]

    @hookimpl
    def modnet_checkpoint_due(self, training: TrainingLoop) -> bool:
        options = self._options
        late = options.every_seconds is not None and time.monotonic() - self._written >= options.every_seconds
        if late or training.within_epoch:
            return late
        return training.ended or (options.every_epochs > 0 and training.epochs % options.every_epochs == 0)

    @hookimpl
    def modnet_checkpoint_written(self, training: TrainingLoop, path: Path) -> None:
        self._written = time.monotonic()
        if training.folder is None:
            return
        found = training.folder.checkpoints()
        so_far = found[: found.index(path) + 1]  # a training that was gone on with from an earlier one has later ones
        self._figures = {each.name: self._figures[each.name] for each in so_far if each.name in self._figures}
        best = max(self._figures, key=self._figures.__getitem__, default=None)
        for each in so_far[: -self._options.keep]:
            if each.name != best:
                training.folder.remove(each)
