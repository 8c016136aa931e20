"""Searches that take a moment, and the command as a process of its own, with the processes that it starts."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna

CONFIG = {"epochs": 2, "network": {"layers": [8, 10]}, "data": {"kind": "digits", "validation_share": 0.25}}
"""A network that is trained in some hundredths of a second."""
RATE = {"optimizer.learning_rate": "log:0.1..10"}
DEADLINE = 120.0
"""Seconds after which something is not going to happen any more."""
COMMAND = (sys.executable, "-W", "error", "-m", "modnet", "tune")
SETTINGS = ("network.layers=[8, 10]", "data.validation_share=0.25")
SEARCH = "optimizer.learning_rate=log:0.1..10"


def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start ``modnet tune`` with the small search and some more arguments."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    words = [*COMMAND, *settings, "--search", SEARCH, "--heartbeat", "1", "--quiet", *map(str, arguments)]
    env = os.environ | environment
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for a condition; not for ever, nor after the end of a process."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if process is not None and process.poll() is not None and not condition():
            raise AssertionError(f"the process has ended: {process.communicate()}")
        assert time.monotonic() < end
        time.sleep(0.02)


def trials(storage: str = "search.db", study: str = "modnet") -> list[optuna.trial.FrozenTrial]:
    """Return the trials of a storage."""
    opened = optuna.storages.RDBStorage(storage if "://" in storage else f"sqlite:///{storage}")
    try:
        return optuna.load_study(study_name=study, storage=opened).trials
    finally:
        opened.remove_session()
        opened.engine.dispose()


def states(storage: str = "search.db") -> list[str]:
    """Return the states of the trials in a file, which another process may just be making."""
    try:
        connection = sqlite3.connect(f"file:{storage}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return []
    try:
        return [state for (state,) in connection.execute("SELECT state FROM trials ORDER BY number")]
    except sqlite3.OperationalError:
        return []
    finally:
        connection.close()


def running(storage: str = "search.db") -> int:
    """Return how many trials of a file are running."""
    return states(storage).count("RUNNING")


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the processes that train for a command."""
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    except OSError:
        return []


def kill_some(process: subprocess.Popen[str], kills: int, workers: int) -> None:
    """Kill random processes of a search, one after another, each when all of them train."""
    rng = random.Random(0)  # noqa: S311 -- which of them
    for _ in range(kills):
        wait_until(lambda: len(workers_of(process)) == running() == workers, process)
        os.kill(rng.choice(workers_of(process)), signal.SIGKILL)
        wait_until(lambda: len(workers_of(process)) < workers or running() < workers, process)
