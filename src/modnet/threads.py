"""How many threads a training uses, and what it tells the BLAS library.

A BLAS library splits every single product among its threads and lets them wait for each other by spinning. On small
products, and on a machine that has something else to do, that costs many times what it gains; and the split changes
the last bits of a result. So a training gives BLAS one thread, and where an update is large enough it splits the
update's *samples* into lanes of its own, whose gradients are added in a fixed order: the numbers depend on how many
lanes there are, and never on how busy the machine is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

__all__ = ["Pool", "cores", "lanes_for", "one_blas_thread"]

WORTHWHILE = 60e6
"""Floating-point operations of an update (some half a millisecond) from which a second lane gains."""

_lock = threading.Lock()
_limited: list[Any] = []


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lanes_for(wanted: int | None, rows: int, parameters: int) -> int:
    """Return into how many lanes an update of so many samples is split, on a network of so many parameters.

    ``wanted`` is the configured number of threads; None chooses by the size of the products, which are about six
    operations for each sample and parameter.
    """
    if wanted is None:
        wanted = cores() if 6.0 * rows * parameters >= WORTHWHILE else 1
    return max(1, min(wanted, rows))


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController  # looks at every loaded library, so only where a training begins

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, for the whole process, while at least one training is inside; then restore it."""
    with _lock:
        _limited.append(_controller().limit(limits=1, user_api="blas") if not _limited else None)
    try:
        yield
    finally:
        with _lock:
            first = _limited.pop(0)
            if _limited:
                _limited[0] = first  # whoever leaves last restores what was there before anybody came
            elif first is not None:
                first.restore_original_limits()


class Pool:
    """Runs an update's lanes, the first in the calling thread. Every lane has data of its own."""

    def __init__(self, lanes: int) -> None:
        self._executor: ThreadPoolExecutor | None = None
        if lanes > 1:
            # A floating-point warning is an error of ours, as in the thread that trains.
            self._executor = ThreadPoolExecutor(lanes - 1, "modnet-lane", initializer=lambda: np.seterr(all="ignore"))

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run all tasks and return when all are done; one that no thread has begun is done here, not waited for."""
        if self._executor is None:
            for task in tasks:
                task()
            return
        futures = [self._executor.submit(task) for task in tasks[1:]]
        try:
            tasks[0]()
        finally:
            for future, task in zip(futures, tasks[1:], strict=True):
                if future.cancel():
                    task()
                else:
                    future.result()

    def close(self) -> None:
        """Let the threads go."""
        if self._executor is not None:
            self._executor.shutdown()
