"""LogWriter: what brings records into one log."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from modnet.analysis.logs.records import LogRecord
from modnet.core.interfaces import TrainingView

__all__ = ["Ending", "LogWriter", "without_credentials"]

Ending: TypeAlias = Literal["finished", "interrupted", "failed"]
"""How a training ended."""


class LogWriter(ABC):
    """Writes the records of one training to one log.

    Whatever `open`, `write` or `close` raises means that the log cannot be written now. The training goes on, and they
    are called again later, `write` with the same numbers and those that have come since. Histograms and pictures of
    that time are given up.
    """

    @property
    @abstractmethod
    def target(self) -> str:
        """What messages call the log: a folder or a URL, without passwords."""

    def check(self, training: TrainingView) -> None:
        """Make sure that the options can be used with this training; it is called before anything is written.

        Raises:
            ConfigError: naming the option, and what is allowed.
        """
        del training

    @abstractmethod
    def open(self, training: TrainingView) -> bool:
        """Begin the log, or go on where the state says; what came after that is removed, or not written twice.

        Returns:
            Whether everything is there that was written before the state. If not, the training's history is written
            once more.
        """

    @abstractmethod
    def write(self, records: Sequence[LogRecord]) -> None:
        """Write records, those with numbers in the order of their steps: all of them, or raise an error.

        What was written before the error must not be written twice when it is called again.
        """

    @abstractmethod
    def close(self, training: TrainingView, ending: Ending) -> None:
        """End the log of a training. One that was interrupted may go on later."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return where the log is and what has been written, for a checkpoint: plain values and arrays."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned, before `open`."""


def without_credentials(text: str) -> str:
    """Return a text without the names and passwords in its URLs.

    >>> without_credentials("https://me:secret@host/path cannot be reached")
    'https://host/path cannot be reached'
    """
    return re.sub(r"(?<=//)[^/\s]*@", "", text)
