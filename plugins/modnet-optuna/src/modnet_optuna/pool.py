"""The processes of a search on this machine: they are started, and started again where one is killed."""

from __future__ import annotations

import _thread
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from modnet.analysis.comparison.pool import blocked_signals
from modnet.core.errors import Interrupted, ModnetError
from modnet.core.plugins import disabled
from modnet.training.interruption import Interruption
from modnet_optuna.ledger import Ledger
from modnet_optuna.storage import quiet
from modnet_optuna.work import OFTEN, Work, open_ledger, work

__all__ = ["work_in_processes"]

GRACE = 10.0
"""How many seconds the processes have to give their trials back when the search is interrupted."""
MOST_DEATHS = 5
"""How many deaths for each process are enough, where no trial ends in between."""


@dataclass
class _Worker:
    """A process, and the end of the pipe that tells it to stop, and by which it tells why it could not go on."""

    process: BaseProcess
    pipe: Connection

    def error(self) -> Exception | None:
        """Return why it could not go on, if it told that."""
        with suppress(EOFError, OSError):
            if self.pipe.poll():
                is_ours, text = self.pipe.recv()
                return ModnetError(text) if is_ours else RuntimeError(f"a process of the search failed:\n{text}")
        return None


def work_in_processes(todo: Work, workers: int, interruption: Interruption, look: Callable[[Ledger], None]) -> None:
    """Make the trials of a search in so many processes; ``look`` is called again and again in this one.

    Raises:
        Interrupted: a signal came.
        ModnetError: a process cannot go on; or they are killed again and again.
        RuntimeError: a process failed by an error of a plug-in, which it names.
    """
    running: list[_Worker] = []
    with quiet(), todo.place.errors():
        ledger = open_ledger(todo)
        try:
            running += [_started(todo) for _ in range(workers)]
            deaths, done = 0, ledger.counts().done
            while running:
                wait([worker.process.sentinel for worker in running], OFTEN)
                look(ledger)
                interruption.check()
                before, done = done, ledger.counts().done
                deaths = 0 if done > before else deaths
                for worker in [each for each in running if not each.process.is_alive()]:
                    running.remove(worker)
                    error = worker.error()
                    worker.pipe.close()
                    if error is not None:
                        raise error
                    if worker.process.exitcode:
                        deaths += 1
                        running.append(_started(todo))
                if deaths >= MOST_DEATHS * workers:
                    problem = (
                        f"its processes ended {deaths} times, and no trial in between; fewer --workers need less memory"
                    )
                    python = 'in Python workers=…, and a script guards its main part by if __name__ == "__main__"'
                    raise ModnetError(f"the search cannot go on: {problem} ({python})")
            look(ledger)
        finally:
            _end(running)
            ledger.close()


def _started(todo: Work) -> _Worker:
    context = multiprocessing.get_context("spawn")  # a forked process would have locks of this one's threads
    ours, theirs = context.Pipe()
    with blocked_signals():  # which the process inherits: in a terminal, all would get Ctrl-C
        process = context.Process(target=_main, args=(todo, theirs, disabled.on_command_line()), daemon=True)
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _end(workers: list[_Worker]) -> None:
    """Tell the processes to end, and end those that do not."""
    for worker in workers:
        worker.pipe.close()
    deadline = time.monotonic() + GRACE
    for worker in workers:
        worker.process.join(max(deadline - time.monotonic(), 0.0))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _main(todo: Work, pipe: Connection, plugins: list[str]) -> None:
    """Be a process of a search; it ends when the one that started it says so, or ends itself, however that happens."""
    interruption = Interruption()
    if not hasattr(signal, "pthread_sigmask"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _asking(interruption))
    threading.Thread(target=_wait_for_end, args=(pipe,), daemon=True).start()
    with disabled.command_line():
        disabled.add_to_command_line(plugins)
        try:
            work(todo, interruption, _say_nothing)
        except Interrupted:
            os._exit(0)
        except Exception as error:  # whatever a plug-in raises, too
            is_ours = isinstance(error, ModnetError)
            with suppress(OSError):
                pipe.send((is_ours, str(error) if is_ours else traceback.format_exc()))


def _say_nothing(ledger: Ledger) -> None:
    """Leave it to the process that started this one to tell what trials reached."""
    del ledger


def _asking(interruption: Interruption) -> Callable[[int, FrameType | None], None]:
    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        interruption.ask("the search has ended", number)

    return ask


def _wait_for_end(pipe: Connection) -> None:
    with suppress(EOFError, OSError):
        pipe.recv()  # nothing is ever sent: the other end is closed
    _thread.interrupt_main(signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
