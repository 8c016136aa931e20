"""The runs of a comparison, one after another in this process or side by side in several."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from modnet.analysis.comparison.outcome import Outcome
from modnet.analysis.comparison.plan import DataCache, Task
from modnet.analysis.comparison.worker import BLOCKED, Worker, train
from modnet.core.dataset import Data
from modnet.core.errors import ModnetError
from modnet.core.plugins import disabled
from modnet.training.interruption import Interruption

__all__ = ["blocked_signals", "run_all"]

Done: TypeAlias = Callable[[Outcome], None]

_OFTEN = 0.05
"""After how many seconds it is seen that a signal came."""


def run_all(
    tasks: Sequence[Task], part: str, folder: Path | None, jobs: int, cache: DataCache, data: Data | None, done: Done
) -> None:
    """Make all runs, and call ``done`` with what each has reached, in the order in which they end.

    Raises:
        Interrupted: by a signal. What is running is interrupted, with a checkpoint where it has a folder.
        ModnetError: a run failed for another reason than that it diverged; the others are interrupted.
    """
    if not tasks:
        return
    interruption = Interruption()
    with interruption.on_signals():
        if jobs == 1:
            for task in tasks:
                outcome = train(task, cache, part, folder and folder / task.name, interruption)
                if not interruption.has_stopped:
                    done(outcome)
                interruption.check()
        else:
            _run_in_processes(tasks, part, folder, min(jobs, len(tasks)), data, done, interruption)


def _run_in_processes(
    tasks: Sequence[Task],
    part: str,
    folder: Path | None,
    jobs: int,
    data: Data | None,
    done: Done,
    interruption: Interruption,
) -> None:
    """Make all runs in processes; signals are looked for again and again.

    An exception out of a signal's handler could leave locked what the executor waits for.
    """
    context = multiprocessing.get_context("spawn")  # a forked process would have locks of this one's threads
    reader, writer = context.Pipe(duplex=False)
    options = reader, data, disabled.on_command_line()
    with blocked_signals():  # Python's own process that looks after semaphores gets none, either
        executor = ProcessPoolExecutor(jobs, context, initializer=Worker.start, initargs=options)
    waiting, running = iter(tasks), set[Future[Outcome]]()

    def submit(count: int) -> None:
        with blocked_signals():  # which the processes inherit
            for task in islice(waiting, count):
                running.add(executor.submit(Worker.run, task, part, folder and folder / task.name))

    def take(finished: Iterable[Future[Outcome]]) -> None:
        for future in sorted(finished, key=lambda each: each.exception() is not None):
            running.discard(future)
            done(future.result())

    try:
        submit(jobs)
        while running:
            finished = wait(running, _OFTEN, FIRST_COMPLETED).done
            take(finished)
            interruption.check()
            submit(len(finished))
        executor.shutdown()
    except BrokenProcessPool:
        problem = "a process of the comparison has ended: it was killed, or there is not enough memory for all"
        python = 'in Python jobs=…, and a script guards its main part by if __name__ == "__main__"'
        raise ModnetError(f"{problem}; fewer --jobs need less ({python})") from None
    finally:
        writer.close()  # which tells the processes to end
        executor.shutdown(cancel_futures=True)
        reader.close()
        take([future for future in running if not future.cancelled() and future.exception() is None])


@contextmanager
def blocked_signals() -> Iterator[None]:
    """Let signals wait until the end of the block; processes that are started in it never get them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
