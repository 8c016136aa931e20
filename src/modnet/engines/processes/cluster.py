"""Which process of how many this one is, and where the first is to be found: as options or the environment say it."""

from __future__ import annotations

import os
import re
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from modnet.core.errors import ConfigError
from modnet.core.messages import short_repr

__all__ = ["Place", "find_place", "processes_started"]

Value = TypeVar("Value")

FIRST_PORT, PORTS = 61_440, 4_096
"""Above those that Linux gives to connections: a job's port is one of them, by the job's name."""
KUBERNETES_PORT = 61_439


@dataclass(frozen=True)
class Place:
    """One process of several.

    Attributes:
        host: Where process 0 listens.
        port: On which port.
        count: How many processes there are.
        index: The number of this one.
    """

    host: str
    port: int
    count: int
    index: int


@dataclass(frozen=True)
class _Found:
    """What the environment says: all of it under Open MPI and SLURM, but for the number of processes in a pod."""

    coordinator: str | None = None
    count: int | None = None
    index: int | None = None


def find_place(coordinator: str | None, processes: int | None, process: int | None) -> Place | None:
    """Return this process's place among several, or None where it is alone; nothing is contacted.

    Args:
        coordinator: The option: ``host:port`` of process 0.
        processes: The option: how many there are; 1 keeps a process alone whatever the environment says.
        process: The option: the number of this one.

    Raises:
        ConfigError: an option is missing, or not valid.
    """
    found = _found(os.environ)
    count = found.count if processes is None else processes
    if count is None and (coordinator is not None or process is not None):
        given = "coordinator" if process is None else "process"
        raise ConfigError(f"engine.{given}: needs engine.processes, how many there are")
    if count is None or count == 1:
        return None
    index = _given("process", found.index if process is None else process, count)
    address = _given("coordinator", coordinator or found.coordinator, count)
    if index >= count:
        raise ConfigError(f"engine.process: {index} should be less than engine.processes = {count}")
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        wanted = "should be the host and a port of process 0, as in 'node1:61000'"
        raise ConfigError(f"engine.coordinator: {short_repr(address)} {wanted}")
    return Place(host.strip("[]"), int(port), count, index)


def processes_started() -> tuple[int, int]:
    """Return the number of this process, and how many Open MPI or SLURM say were started together: 0 of 1 by itself."""
    found = _found(os.environ)
    return (0, 1) if found.count is None or found.index is None else (found.index, found.count)


def _given(name: str, value: Value | None, count: int) -> Value:
    if value is None:
        where = "Open MPI, SLURM or an Indexed Job of Kubernetes"
        raise ConfigError(
            f"engine.{name}: is missing with engine.processes = {count}; this is no process of {where}, which say it"
        )
    return value


def _found(environment: Mapping[str, str]) -> _Found:
    """Return what the first of the environments that is there says."""
    for find in (_open_mpi, _slurm, _kubernetes):
        found = find(environment)
        if found is not None:
            return found
    return _Found()


def _open_mpi(environment: Mapping[str, str]) -> _Found | None:
    size, rank = environment.get("OMPI_COMM_WORLD_SIZE"), environment.get("OMPI_COMM_WORLD_RANK")
    if size is None or rank is None:
        return None
    job = environment.get("PMIX_NAMESPACE") or environment.get("OMPI_MCA_ess_base_jobid") or "0"
    host = None
    if environment.get("OMPI_COMM_WORLD_LOCAL_SIZE") == size:
        host = "127.0.0.1"
    else:  # process 0 runs where mpirun does, unless a list of hosts says otherwise
        launcher = re.search(r"tcp://([^,:]+)|tcp6://\[([^],]+)", environment.get("OMPI_MCA_orte_hnp_uri", ""))
        host = None if launcher is None else launcher[1] or f"[{launcher[2]}]"
    return _Found(None if host is None else f"{host}:{_port(job)}", int(size), int(rank))


def _slurm(environment: Mapping[str, str]) -> _Found | None:
    """Return what srun says; in the script that sbatch starts there is no list of the step's nodes."""
    names = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID")
    if any(name not in environment for name in names):
        return None
    job, nodes, count, index = (environment[name] for name in names)
    first = re.sub(r"\[([^],-]+)[^]]*\]", r"\1", re.split(r",(?![^[]*\])", nodes)[0])
    host = "127.0.0.1" if environment.get("SLURM_STEP_NUM_NODES") == "1" else first
    return _Found(f"{host}:{_port(job + environment.get('SLURM_STEP_ID', ''))}", int(count), int(index))


def _kubernetes(environment: Mapping[str, str]) -> _Found | None:
    """Return the number of a pod of an Indexed Job; how many there are is not told to it.

    A pod is called as its job with ``-0`` after it, in the domain of the job's headless service.
    """
    index, pod = environment.get("JOB_COMPLETION_INDEX"), environment.get("HOSTNAME", "")
    if index is None:
        return None
    job = pod.removesuffix(f"-{index}")
    domain = socket.getfqdn(pod).partition(".")[2] if pod else ""
    return _Found(f"{job}-0.{domain}:{KUBERNETES_PORT}" if domain else None, None, int(index))


def _port(job: str) -> int:
    return FIRST_PORT + zlib.crc32(job.encode()) % PORTS
