"""Runs of a comparison in this process: one run, and the process that makes several."""

from __future__ import annotations

import _thread
import math
import multiprocessing
import os
import shutil
import signal
import statistics
import threading
import time
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

from modnet.analysis.comparison.outcome import Outcome
from modnet.analysis.comparison.plan import DataCache, Task
from modnet.core.dataset import Data
from modnet.core.errors import DivergenceError, Interrupted
from modnet.core.plugins import disabled
from modnet.storage.atomic import file_errors
from modnet.storage.model_file import MODEL_NAME
from modnet.storage.run_folder import RunFolder
from modnet.training.interruption import Interruption
from modnet.training.result import Run
from modnet.training.trainer import Trainer

__all__ = ["BLOCKED", "Worker", "train"]

GRACE = 5.0
"""How many seconds a run has to write its checkpoint when the comparison is interrupted."""

BLOCKED = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__]
"""The signals that the processes leave to the one that started them: in a terminal, all of them get Ctrl-C."""


def train(
    task: Task, cache: DataCache, part: str, folder: Path | None, interruption: Interruption | None = None
) -> Outcome:
    """Return what a run reaches; in its folder, where it has one, an earlier attempt is resumed from its checkpoint.

    Args:
        task: The run.
        cache: The data of earlier runs.
        part: The samples whose metrics are compared.
        folder: Its folder, or None.
        interruption: What may stop a run that has no folder; one that has is interrupted by signals itself.

    Raises:
        Interrupted: the run was interrupted.
        ModnetError: something that only shows when a training begins, or a file cannot be written.
    """
    started = time.perf_counter()
    names: dict[str, Any] = {"combination": task.combination, "seed": task.seed, "fold": task.fold}
    try:
        run = _run(task, cache, folder, interruption)
    except DivergenceError as error:
        names |= {"epochs": error.epoch, "updates": error.update, "seconds": time.perf_counter() - started}
        return Outcome(**names, metrics={}, test={}, diverged=str(error))
    metrics = run.test if part == "test" else run.evaluate(part)
    test = {} if part == "test" else run.test
    names |= {"epochs": len(run.history), "updates": run.updates, "seconds": run.seconds, "stopped": run.stopped}
    each = [row["seconds"] for row in run.history]
    names["epoch_seconds"] = statistics.median(each[1:] or each) if each else None
    bad = [name for values in (metrics, test) for name, value in values.items() if not math.isfinite(value)]
    if bad:
        return Outcome(**names, metrics={}, test={}, diverged=f"the metric '{bad[0]}' is not finite")
    classes = run.scores(part).classes
    baseline = classes.baseline if classes is not None and classes.uneven else None
    return Outcome(**names, metrics=metrics, test=test, baseline=baseline)


def _run(task: Task, cache: DataCache, folder: Path | None, interruption: Interruption | None) -> Run:
    data = task.data(cache)
    if folder is not None and folder.exists():
        if RunFolder(folder).checkpoints() and not (folder / MODEL_NAME).exists():
            if task.config.data.kind != "memory":
                return Trainer.resume(folder)
            parts = {"groups": data.groups, "validation": data.validation, "test": data.test}
            return Trainer.resume(folder, *data.train, **parts)
        with file_errors(folder, "cannot be removed"):
            shutil.rmtree(folder)
    listeners = [] if interruption is None or folder is not None else [interruption]
    return Trainer(task.config.alone(), checks=False).fit_data(data, out=folder, callbacks=listeners)


class Worker:
    """A process of a comparison. It ends when the one that started it says so, or ends itself, however that happens.

    It is told by a pipe: signals are blocked, because a training must not be interrupted twice. A training with a
    folder then writes its checkpoint.
    """

    _cache: ClassVar[DataCache] = DataCache()
    _resources: ClassVar[ExitStack] = ExitStack()
    is_busy: ClassVar[bool] = False
    is_stopping: ClassVar[bool] = False

    @classmethod
    def start(cls, pipe: Connection, data: Data | None, plugins: list[str]) -> None:
        """Prepare this process, before its first run; ``plugins`` are those that the command line disables."""
        if not hasattr(signal, "pthread_sigmask"):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, cls._interrupt)
        cls._cache = DataCache(data)
        cls._resources.enter_context(disabled.command_line())
        disabled.add_to_command_line(plugins)
        threading.Thread(target=cls._wait_for_end, args=(pipe,), daemon=True).start()

    @classmethod
    def run(cls, task: Task, part: str, folder: Path | None) -> Outcome:
        """Return what a run reaches; see `train`."""
        cls.is_busy = True
        try:
            if cls.is_stopping:
                raise Interrupted("the comparison has ended")
            return train(task, cls._cache, part, folder)
        finally:
            cls.is_busy = False

    @classmethod
    def _interrupt(cls, number: int, frame: FrameType | None) -> None:
        del frame
        if cls.is_busy:
            raise Interrupted("the comparison has ended", signal=number)

    @classmethod
    def _wait_for_end(cls, pipe: Connection) -> None:
        with suppress(EOFError, OSError):
            pipe.recv_bytes()  # nothing is ever sent: the other end is closed
        cls.is_stopping = True
        if cls.is_busy:
            _thread.interrupt_main(signal.SIGTERM)
        parent, end = multiprocessing.parent_process(), time.monotonic() + GRACE
        while time.monotonic() < end and (cls.is_busy or (parent is not None and parent.is_alive())):
            time.sleep(0.02)
        os._exit(1)
