"""Interruption of trainings by a signal: one stops at the end of its block; nothing is cut off in its middle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modnet.core.errors import Interrupted
from modnet.core.interfaces import TrainingView
from modnet.core.plugins.hookspecs import hookimpl
from modnet.training.signals import handle_signals

__all__ = ["Interruption"]


class Interruption:
    """What a signal asks for. It is a listener too, so that it can stop the training that is in progress.

    An exception out of a signal's handler could leave a transaction open, or a thread that is never told to end.

    Attributes:
        has_stopped: Whether it has stopped a training.
    """

    def __init__(self) -> None:
        self.has_stopped = False
        self._pending: Interrupted | None = None
        self._training: TrainingView | None = None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Within the block, a signal asks for the interruption; a second one has its previous effect."""
        with handle_signals(self.ask):
            yield

    def ask(self, reason: str, number: int) -> None:
        """Ask for the interruption, from a signal's handler."""
        self._pending = Interrupted(reason, signal=number)
        self._stop()

    def check(self) -> None:
        """Raise where an interruption was asked for.

        Raises:
            Interrupted: it was.
        """
        if self._pending is not None:
            raise self._pending

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        """Remember the training; one that begins after the signal ends at once."""
        self._training = training
        self._stop()

    @hookimpl
    def modnet_fit_end(self, training: TrainingView) -> None:
        """Forget the training."""
        del training
        self._training = None

    def _stop(self) -> None:
        if self._pending is not None and self._training is not None:
            self.has_stopped = True
            self._training.stop(f"interrupted ({self._pending.reason})")
