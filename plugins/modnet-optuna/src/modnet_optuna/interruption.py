"""Interruption by a signal: at once while a network is trained, and never while the storage is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modnet.core.errors import Interrupted
from modnet.training.signals import handle_signals

__all__ = ["Interruption"]


class Interruption:
    """What a signal asks for, and when it happens: an exception in the middle of a transaction could lose a trial."""

    def __init__(self) -> None:
        self._pending: Interrupted | None = None
        self._is_open = False

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Within the block, a signal asks for the interruption; a second one has its previous effect."""
        with handle_signals(self.ask):
            yield

    def ask(self, reason: str, number: int) -> None:
        """Ask for the interruption.

        Raises:
            Interrupted: this is a moment for it.
        """
        self._pending = Interrupted(reason, signal=number)
        if self._is_open:
            self._is_open = False
            raise self._pending

    def check(self) -> None:
        """Raise where an interruption was asked for.

        Raises:
            Interrupted: it was.
        """
        if self._pending is not None:
            raise self._pending

    @contextmanager
    def allowed(self, *, now: bool = True) -> Iterator[None]:
        """Within the block, an interruption happens at once; or, ``now`` being false, not before its end.

        Raises:
            Interrupted: it was asked for before.
        """
        before, self._is_open = self._is_open, now
        try:
            self.check()
            yield
        finally:
            self._is_open = before
        self.check()
