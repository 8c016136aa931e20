"""Timing side by side: every contender in turn, round after round, so that a busy moment hits them all."""

from __future__ import annotations

import gzip
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

if os.environ.pop("OPENBLAS_CORETYPE", None) is not None:  # it may force older kernels, and is read when NumPy loads
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- this very command again

import numpy as np
from threadpoolctl import threadpool_info

__all__ = ["Row", "load_mnist", "machine", "ratios", "take_turns"]

Row = dict[str, list[float]]
"""Contender → seconds of each round."""


def take_turns(contenders: Mapping[str, Callable[[], object]], rounds: int, calls: int = 1) -> Row:
    """Return the seconds of one call of each contender in each of so many rounds, after a round to warm up.

    A contender that returns a float has taken its own time.
    """
    times: Row = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, call in contenders.items():
            began = time.perf_counter()
            for _ in range(calls):
                told = call()
            took = told if isinstance(told, float) else (time.perf_counter() - began) / calls
            if turn:
                times[name].append(took)
    return times


def ratios(row: Row, name: str, base: str = "modnet") -> tuple[float, float, float]:
    """Return minimum, median and maximum over the rounds of name / base; the median is that of the medians."""
    each = [theirs / ours for theirs, ours in zip(row[name], row[base], strict=True)]
    return min(each), statistics.median(row[name]) / statistics.median(row[base]), max(each)


def load_mnist(folder: Path, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    """Return the book's 50,000 training images as rows in [0, 1], and their labels."""

    def payload(name: str, header: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((folder / name).read_bytes()), np.uint8)[header:]

    images = payload("train-images-idx3-ubyte.gz", 16).reshape(-1, 784)[:50_000]
    return (images / 255).astype(dtype), payload("train-labels-idx1-ubyte.gz", 8)[:50_000].astype(np.int64)


def machine() -> str:
    """Return the machine and the versions in one paragraph."""
    names = ["numpy", "scikit-learn", "torch", "jax", "modnet-jax", "keras", "pydantic", "pluggy"]
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} absent")
    cpu = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine())
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"{cpu}, {os.cpu_count()} cores; load before the run {load}; Python {python}, {', '.join(found)}; {kernels()}"
    )


def kernels() -> str:
    """Return which kernel each BLAS library that is loaded has chosen."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    chosen = {f"{library['internal_api']} {library.get('architecture', 'of unknown kernel')}" for library in libraries}
    return f"BLAS: {', '.join(sorted(chosen)) or 'none'}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
