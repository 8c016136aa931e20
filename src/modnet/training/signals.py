"""Signals (Ctrl-C, SIGTERM) that interrupt a training at the end of a block, when a checkpoint has been written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["handle_signals"]


@contextmanager
def handle_signals(request_stop: Callable[[str, int], None]) -> Iterator[None]:
    """Within the block, the first SIGINT or SIGTERM calls ``request_stop``; a second one has its previous effect.

    Python handles signals in its main thread only: in other threads nothing changes. An ignored signal stays ignored.
    """
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled = [number for number, handler in previous.items() if handler not in (None, signal.SIG_IGN)]
    if threading.current_thread() is not threading.main_thread():
        handled = []

    def restore() -> None:
        for number in handled:
            signal.signal(number, previous[number])

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        restore()
        request_stop(signal.Signals(number).name, number)

    try:
        for number in handled:
            signal.signal(number, handle)
        yield
    finally:
        restore()
