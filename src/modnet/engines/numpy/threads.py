"""How many threads a training uses, and how many its BLAS library may use.

A BLAS library divides every single product among its threads, which wait for each other by spinning. On small
products, and on a busy machine, that costs many times what it gains; and the division changes the last bits of a
result. So a training gives BLAS one thread, and where an update is large enough it divides the update's *samples*
among workers, whose gradients are added in a fixed order: the numbers depend on how many workers there are, and never
on how busy the machine is.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["ThreadPool", "blas_name", "cores", "one_blas_thread", "worker_count"]

WORTHWHILE = 60e6
"""Floating-point operations of an update (some half a millisecond) from which a second worker pays."""

_lock = threading.Lock()
_active = 0
_limiter: Any = None
_libraries: tuple[int, Any, Any] | None = None
"""How many modules there were when the BLAS libraries were looked for last, and threadpoolctl's handles: of those whose
number of threads is the process's, and of those where each thread has its own."""


def _reset_after_fork() -> None:
    """Forget, in a forked process, the trainings of its parent."""
    global _lock, _active, _limiter
    _lock, _active, _limiter = threading.Lock(), 0, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(wanted: int | None, rows: int, parameters: int) -> int:
    """Return among how many workers an update of so many samples is divided, on a network of so many parameters.

    ``wanted`` is the configured number of threads; None chooses by the size of the products, which are about six
    operations for each sample and parameter.
    """
    if wanted is None:
        wanted = cores() if 6.0 * rows * parameters >= WORTHWHILE else 1
    return max(1, min(wanted, rows))


@cache
def blas_name() -> str:
    """Return library, version and kernel of NumPy's BLAS, on which the last bits of products depend.

    SciPy's, which scikit-learn loads, is another one where both bring their own.
    """
    from threadpoolctl import threadpool_info

    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    own = [library for library in libraries if {"numpy", "numpy.libs"} & {*Path(library["filepath"]).parts}]
    libraries = own or libraries
    names = {f"{lib['internal_api']} {lib['version']} {lib.get('architecture', '')}".strip() for lib in libraries}
    return ", ".join(sorted(names)) or "unknown"


def _blas() -> tuple[Any, Any]:
    """Return the BLAS libraries of this process, looked for again only where modules have been imported since.

    Looking at every loaded library takes longer than a small training. NumPy's own is there from the start; others come
    with the modules that need them, as threadpoolctl counts on, too.
    """
    global _libraries
    from threadpoolctl import ThreadpoolController

    modules = len(sys.modules)
    if _libraries is None or _libraries[0] != modules:
        found = ThreadpoolController().select(user_api="blas")
        of_threads = found.select(threading_layer="openmp")
        own = [library.filepath for library in of_threads.lib_controllers]
        shared = [library.filepath for library in found.lib_controllers if library.filepath not in own]
        _libraries = modules, found.select(filepath=shared), of_threads
    return _libraries[1:]


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread while at least one training is within the block; the last one to leave lifts the limit.

    With OpenBLAS's own threads the limit applies to the whole process, and threadpoolctl obeys only the thread that
    first set it, so whoever lifts it takes over that right. No thread of ours does both for all trainings: waking one
    takes milliseconds on a busy machine. Libraries with OpenMP's threads limit them one by one.
    """
    global _active, _limiter
    shared, of_threads = _blas()
    own = of_threads.limit(limits=1, user_api="blas")
    with _lock:
        if _active == 0:
            _release_control(force=True)
            _limiter = shared.limit(limits=1, user_api="blas")
        _active += 1
    try:
        yield
    finally:
        own.restore_original_limits()
        with _lock:
            _active = max(0, _active - 1)  # a forked process may leave a block that its parent entered
            if _active == 0 and _limiter is not None:
                _release_control(force=True)
                _limiter.restore_original_limits()
                _release_control(force=False)
                _limiter = None


def _release_control(*, force: bool) -> None:
    """Let another thread be the one that threadpoolctl obeys; older versions obey every thread."""
    from threadpoolctl import OpenBLASController

    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=force)


class ThreadPool:
    """Runs an update's workers, the first in the calling thread. Every worker has data of its own."""

    def __init__(self, workers: int) -> None:
        self._executor: ThreadPoolExecutor | None = None
        if workers > 1:
            from concurrent.futures import ThreadPoolExecutor

            self._executor = ThreadPoolExecutor(workers - 1, "modnet-worker", initializer=_start_worker)
            # All begin now: a process that is forked while one of them lists the libraries could never do so itself.
            everyone = threading.Barrier(workers)
            for _ in range(workers - 1):
                self._executor.submit(everyone.wait)
            everyone.wait()

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run all tasks and return when all are done; a task that no thread has started is run here, not waited for."""
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
        """Release the threads."""
        if self._executor is not None:
            self._executor.shutdown()


def _start_worker() -> None:
    np.seterr(all="ignore")  # a non-finite number is an error of ours, as in the thread that trains
    _, of_threads = _blas()
    of_threads.limit(limits=1, user_api="blas")
