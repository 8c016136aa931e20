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
from typing import Any

import numpy as np

__all__ = ["ThreadPool", "cores", "one_blas_thread", "worker_count"]

WORTHWHILE = 60e6
"""Floating-point operations of an update (some half a millisecond) from which a second lane gains."""

_lock = threading.Lock()
_inside = 0
_keeper: ThreadPoolExecutor | None = None
_limiter: Any = None


def _reset_after_fork() -> None:
    """Forget, in a forked process, the trainings that go on in its parent: their threads are not here."""
    global _lock, _inside, _keeper, _limiter
    _lock, _inside, _keeper, _limiter = threading.Lock(), 0, None, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(wanted: int | None, rows: int, parameters: int) -> int:
    """Return into how many lanes an update of so many samples is split, on a network of so many parameters.

    ``wanted`` is the configured number of threads; None chooses by the size of the products, which are about six
    operations for each sample and parameter.
    """
    if wanted is None:
        wanted = cores() if 6.0 * rows * parameters >= WORTHWHILE else 1
    return max(1, min(wanted, rows))


def _limit() -> Any:
    from threadpoolctl import threadpool_limits  # looks at every loaded library, so only where a training begins

    return threadpool_limits(limits=1, user_api="blas")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread while at least one training is inside; whoever leaves last restores what was before.

    With OpenBLAS's own threads the limit is the whole process's, and threadpoolctl heeds only the thread that first
    set it; so one thread of ours sets and restores it for all trainings. Other libraries limit each thread by itself.
    """
    global _inside, _keeper, _limiter
    with _lock:
        if _inside == 0:
            _keeper = ThreadPoolExecutor(1, "modnet-blas")
            _limiter = _keeper.submit(_take_over).result()
        _inside += 1
    own = _limit()
    try:
        yield
    finally:
        own.restore_original_limits()
        with _lock:
            _inside = max(0, _inside - 1)  # a forked process may leave what its parent began
            if _inside == 0 and _keeper is not None:
                _keeper.submit(_give_back, _limiter).result()
                _keeper.shutdown()
                _keeper = _limiter = None


def _take_over() -> Any:
    _let_go(force=True)
    return _limit()


def _give_back(limiter: Any) -> None:
    limiter.restore_original_limits()
    _let_go(force=False)


def _let_go(*, force: bool) -> None:
    """Let another thread be the one that threadpoolctl heeds; older versions heed every thread."""
    from threadpoolctl import OpenBLASController

    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=force)


class ThreadPool:
    """Runs an update's lanes, the first in the calling thread. Every lane has data of its own."""

    def __init__(self, lanes: int) -> None:
        self._executor: ThreadPoolExecutor | None = None
        if lanes > 1:
            self._executor = ThreadPoolExecutor(lanes - 1, "modnet-lane", initializer=_start_worker)

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


def _start_worker() -> None:
    np.seterr(all="ignore")  # what leaves the finite numbers is an error of ours, as in the thread that trains
    _limit()
