"""The few errors that a user can meet; each is one line that names the place, the value and what is allowed."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ConfigError", "DataError", "DivergenceError", "Interrupted", "ModelFileError", "ModnetError", "PluginError"]


class ModnetError(Exception):
    """The base of every error that modnet raises on purpose."""


class ConfigError(ModnetError):
    """A configuration that does not hold: an unknown kind or option, or a value that is not allowed."""


class PluginError(ModnetError):
    """A plug-in that cannot be used, where the configuration asks for what it would have given."""


class DataError(ModnetError):
    """Data that cannot be used: unreadable, of the wrong shape, or holding NaN or infinity."""


class ModelFileError(ModnetError):
    """A model file or run folder that cannot be written, or cannot be trusted."""


class DivergenceError(ModnetError):
    """The training left the finite numbers.

    Attributes:
        epoch: The epoch of the update, counted from 0.
        update: The update, counted from 0 at the start of the training.
        layer: The first layer with a value that is not finite, counted from 1.
    """

    def __init__(self, message: str, *, epoch: int, update: int, layer: int) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.update = update
        self.layer = layer


class Interrupted(KeyboardInterrupt):
    """The training was interrupted, by a signal or by somebody who asked for it, and can be gone on with.

    As Python's own KeyboardInterrupt, it passes by those who catch every Exception.

    Attributes:
        reason: By what.
        signal: The signal's number, or None.
        updates: How many updates had been made.
        checkpoint: The file that `modnet.Trainer.resume` goes on from; None where there is no run folder.
    """

    def __init__(self, reason: str, *, signal: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.signal = signal
        self.updates = 0
        self.checkpoint: Path | None = None

    def __str__(self) -> str:
        kept = "" if self.checkpoint is None else f"; {self.checkpoint} keeps them"
        return f"interrupted ({self.reason}) after {self.updates:,} update{'' if self.updates == 1 else 's'}{kept}"
