"""Starts several processes as Open MPI does, without it, and waits until all have ended."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PATIENCE = 120
"""After how many seconds a test gives up."""
MODNET = [sys.executable, "-c", "from modnet.cli import main; main()"]

_jobs = itertools.count()


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def job() -> str:
    """Return a name that no other job of this machine has: the port follows from it."""
    return f"{os.getpid()}-{next(_jobs)}-{time.time_ns()}"


@contextmanager
def launched(
    count: int, command: Sequence[str], folder: Path, commands: Sequence[Sequence[str]] = (), **environment: str
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes in a folder, each with the command, or with one of its own; at the end none is left over."""
    name = job()
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "SLURM_"))}
    sizes = {"OMPI_COMM_WORLD_SIZE": str(count), "OMPI_COMM_WORLD_LOCAL_SIZE": str(count), "PMIX_NAMESPACE": name}
    processes = [
        subprocess.Popen(
            [*(commands[index] if commands else command)],
            cwd=folder,
            env={**own, **sizes, "OMPI_COMM_WORLD_RANK": str(index), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]
    try:
        yield processes
        assert running(name) == []
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def run(
    count: int, command: Sequence[str], folder: Path, commands: Sequence[Sequence[str]] = (), **environment: str
) -> list[Ended]:
    """Run processes, and return how they ended."""
    with launched(count, command, folder, commands, **environment) as processes:
        return ended(processes)


def ended(processes: Sequence[subprocess.Popen[str]], seconds: float = PATIENCE) -> list[Ended]:
    """Wait for processes, so many seconds for all of them."""
    until = time.monotonic() + seconds
    outcomes = []
    for process in processes:
        out, err = process.communicate(timeout=max(until - time.monotonic(), 0.01))
        outcomes.append(Ended(process.returncode, out, err))
    return outcomes


def running(name: str) -> list[str]:
    """Return the processes of the system that belong to a job; none are found where there is no /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if name.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:  # it has ended, or is another user's
            continue
    return found
