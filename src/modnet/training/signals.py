"""Signals that end a training in good order: at the next update, when a checkpoint was written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["handle_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def handle_signals(interrupt: Callable[[str, int], None]) -> Iterator[None]:
    """While this lasts, let the first SIGINT or SIGTERM call ``interrupt``; a second one does what it did before.

    Python hears signals in its main thread alone: elsewhere nothing is changed. A signal that is ignored stays so.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    mine = [number for number, handler in before.items() if handler not in (None, signal.SIG_IGN)]
    if threading.current_thread() is not threading.main_thread():
        mine = []

    def give_back() -> None:
        for number in mine:
            signal.signal(number, before[number])

    def heed(number: int, frame: FrameType | None) -> None:
        del frame
        give_back()
        interrupt(signal.Signals(number).name, number)

    try:
        for number in mine:
            signal.signal(number, heed)
        yield
    finally:
        give_back()
