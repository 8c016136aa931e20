"""Signals (Ctrl-C, SIGTERM, SIGHUP) that interrupt a training at the end of a block, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["handle_signals", "without_signals"]

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


@contextmanager
def handle_signals(request_stop: Callable[[str, int], None]) -> Iterator[None]:
    """Within the block, the first SIGINT, SIGTERM or SIGHUP calls ``request_stop``; a second has its previous effect.

    Python handles signals in its main thread only: in other threads nothing changes. An ignored signal stays ignored,
    such as SIGHUP under ``nohup``.
    """
    previous = {number: signal.getsignal(number) for number in signal.Signals if number.name in _NAMES}
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


@contextmanager
def without_signals(request_stop: Callable[[str, int], None]) -> Iterator[None]:
    """Within the block, signals have their usual effect."""
    del request_stop
    yield
