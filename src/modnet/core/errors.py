"""The errors that modnet raises; each message is one line that names the place, the value and what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modnet.core.messages import counted, printable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ConfigError",
    "DataError",
    "DivergenceError",
    "Interrupted",
    "ModelFileError",
    "ModnetError",
    "PluginError",
    "ProcessError",
]


class ModnetError(Exception):
    """The base class of all errors that modnet raises; what a terminal would not show in its message is escaped."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class ConfigError(ModnetError, ValueError):
    """The configuration is not valid: an unknown kind or option, or a value that is not allowed."""


class PluginError(ModnetError):
    """A plug-in cannot be used, and the configuration asks for one of its components."""


class DataError(ModnetError, ValueError):
    """The data cannot be used: unreadable, of the wrong shape, or with NaN or infinity."""


class ModelFileError(ModnetError):
    """A model file, checkpoint or run folder cannot be written, or its contents are not valid."""


class ProcessError(ModnetError):
    """Another process of a training in several processes has failed, or cannot be reached.

    Attributes:
        is_shown_elsewhere: Whether another process shows it, so that one line is enough for all.
    """

    def __init__(self, message: str = "", *, is_shown_elsewhere: bool = False) -> None:
        super().__init__(message)
        self.is_shown_elsewhere = is_shown_elsewhere


class DivergenceError(ModnetError):
    """The training became non-finite (NaN or infinity).

    The message counts epochs and updates from 1, as people do.

    Attributes:
        epoch: The epoch of the update, counted from 0.
        update: The update, counted from 0 at the start of the training.
        layer: The first layer with a non-finite value, counted from 1.
    """

    def __init__(self, message: str, *, epoch: int, update: int, layer: int) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.update = update
        self.layer = layer


class Interrupted(KeyboardInterrupt):
    """The training was interrupted by a signal or on request; it can be resumed.

    Like Python's KeyboardInterrupt, it is not caught by ``except Exception``.

    Attributes:
        reason: What interrupted it.
        signal: The signal's number, or None.
        updates: How many updates were made.
        processes: How many processes trained together.
        checkpoint: The file that `modnet.Trainer.resume` continues from; None without a run folder.
    """

    def __init__(self, reason: str, *, signal: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.signal = signal
        self.updates = 0
        self.processes = 1
        self.checkpoint: Path | None = None

    def __str__(self) -> str:
        saved = "" if self.checkpoint is None else f"; saved in {self.checkpoint}"
        return f"interrupted ({self.reason}) after {counted(self.updates, 'update')}{saved}"
