"""What a training says to a log, and when; what cannot be written now is written later, and ends no training."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from modnet.analysis.logs.contents import confusion_picture, histograms
from modnet.analysis.logs.records import LogRecord
from modnet.analysis.logs.writer import Ending, LogWriter, without_credentials
from modnet.analysis.plots.figure import check_matplotlib
from modnet.core.interfaces import TrainingView
from modnet.core.messages import truncate, warn
from modnet.core.plugins.hookspecs import hookimpl
from modnet.storage.atomic import one_line

__all__ = ["LogListener", "UpdateListener"]

PAUSE = 1.0
"""How many seconds there are between two writes at least."""
SHARE = 10
"""A write, or the attempt of one, takes at most one of so many parts of a training's time."""
KEPT = 10_000
"""The most records of updates that are kept while the log cannot be written; those of epochs are all kept."""


class LogListener:
    """Collects records, and has them written.

    Args:
        kind: What messages call the callback.
        writer: What writes the records.
        histograms_every, confusion_every: The options of `modnet.LogCallback`.
    """

    def __init__(self, kind: str, writer: LogWriter, histograms_every: int, confusion_every: int | None) -> None:
        self._kind, self._writer = kind, writer
        self._histograms_every, self._confusion_every = histograms_every, confusion_every
        self._pending: list[LogRecord] = []
        self._has_begun = self._is_open = self._has_warned = False
        self._next = 0.0
        self._outer_error: BaseException | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return what is still to be written, and where the log is."""
        return {"pending": [record.to_state() for record in self._pending], "writer": self._writer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._pending = [LogRecord.of_state(record) for record in state["pending"]]
        self._writer.load_state_dict(state["writer"])
        self._has_begun = True

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        """Check the options."""
        if self._confusion_every:
            check_matplotlib()
        self._writer.check(training)
        self._outer_error = sys.exception()

    @hookimpl
    def modnet_epoch_start(self, training: TrainingView) -> None:
        """Begin the log, or go on with it, so that it is there before the first epoch ends."""
        if not self._has_begun and training.epochs == 0 and self._histograms_every:
            self._collect(lambda: LogRecord("epoch", 0, histograms=histograms(training)))
        self._has_begun = True
        self.write(training)

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        """Collect the epoch's row, and what is due."""
        self._has_begun = True
        record = LogRecord.of_row(row)
        self._pending.append(record)
        if _is_due(record.step, self._histograms_every):
            self._collect(lambda: LogRecord("epoch", record.step, record.time, histograms=histograms(training)))
        if _is_due(record.step, self._confusion_every):
            self._collect(lambda: LogRecord("epoch", record.step, record.time, pictures=confusion_picture(training)))
        self.write(training)

    @hookimpl(trylast=True)  # others set the final parameters
    def modnet_fit_end(self, training: TrainingView) -> None:
        """Write what is left, with the finished network's confusion matrix, and end the log."""
        if not self._has_begun:  # another callback has refused the training
            return
        ending = self._ending(training)
        if ending == "finished" and self._confusion_every != 0 and find_spec("matplotlib") is not None:
            self._collect(
                lambda: LogRecord(
                    "epoch",
                    training.epochs,
                    pictures={f"finished/{name}": png for name, png in confusion_picture(training).items()},
                )
            )
        self._next = 0.0
        self.write(training)
        if self._is_open:
            self._try(lambda: self._writer.close(training, ending))

    def write(self, training: TrainingView) -> None:
        """Write what is to be written, unless that was done or tried just before."""
        started = time.monotonic()
        if started < self._next:
            return
        self._try(lambda: self._write(training))
        ended = time.monotonic()
        self._next = ended + max(PAUSE, SHARE * (ended - started))

    def _write(self, training: TrainingView) -> None:
        if not self._is_open:
            if not self._writer.open(training):
                history = [LogRecord.of_row(row) for row in training.history]
                later = [record for record in self._pending if record.axis == "update" or not record.numbers]
                self._pending = [*history, *later]
            self._is_open = True
        if self._pending:
            self._writer.write(self._pending)
            self._pending = []

    def _ending(self, training: TrainingView) -> Ending:
        error = sys.exception()
        if error is not self._outer_error and isinstance(error, Exception):
            return "failed"
        return "finished" if training.ended else "interrupted"

    def _collect(self, make: Callable[[], LogRecord]) -> None:
        """Make a histogram or a picture; where that fails, the training goes on without it."""
        self._try(lambda: self._pending.append(make()))

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:  # whatever a disk, a server or a library raises
            if not self._has_warned:
                reason = truncate(without_credentials(one_line(error)), 200)
                later = "the training goes on, and what is missing is written when that is possible"
                warn(f"{self._kind}: {self._writer.target}: cannot be written: {reason}; {later}")
            self._has_warned = True
            self._pending = _lasting(self._pending)


class UpdateListener(LogListener):
    """Collects records of single updates, too."""

    def __init__(self, *options: Any, every_updates: int) -> None:
        super().__init__(*options)
        self._every_updates = every_updates

    @hookimpl
    def modnet_batch_end(self, training: TrainingView) -> None:
        """Collect the figures of the update, if they are due."""
        if _is_due(training.updates, self._every_updates):
            numbers = {
                "cost": training.last_cost,
                "gradient_norm": training.gradient_norm,
                "learning_rate": training.learning_rate,
            }
            self._pending.append(LogRecord("update", training.updates, numbers=numbers))
            self._has_begun = True
            self.write(training)


def _lasting(records: list[LogRecord]) -> list[LogRecord]:
    """Return what is kept while a log cannot be written: the numbers, of updates the latest."""
    updates = sum(record.axis == "update" for record in records)
    surplus = max(updates - KEPT, 0)
    kept = []
    for record in records:
        if record.axis == "update" and surplus:
            surplus -= 1
        elif record.numbers:
            kept.append(replace(record, histograms={}, pictures={}))
    return kept


def _is_due(step: int, every: int | None) -> bool:
    return bool(every) and step % (every or 1) == 0
