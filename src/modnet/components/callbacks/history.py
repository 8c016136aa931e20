"""The history: a row for every epoch."""

from __future__ import annotations

from typing import Any, Literal

from modnet.core.interfaces import Callback
from modnet.core.plugins.hookspecs import hookimpl
from modnet.training.loop import TrainingLoop

__all__ = ["History"]


class History(Callback):
    """Keeps every epoch's row in ``run.history``, and writes it to the run folder's ``history.jsonl`` as it comes."""

    kind: Literal["history"] = "history"

    def listener(self) -> object:
        """Return a listener that keeps the rows."""
        return _Listener()


class _Listener:
    @hookimpl
    def modnet_epoch_end(self, training: TrainingLoop, row: dict[str, Any]) -> None:
        training.history.append(row)
        if training.folder is not None:
            training.folder.append_history(row)
