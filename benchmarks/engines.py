"""The engines beside each other, beside compiled peers, and from the start of a process to its first epoch."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import peers
from measuring import Row, load_mnist, ratios, take_turns
from training import ETA, ROWS, configuration, ours

__all__ = ["engines_part", "first_epoch_part"]

NEEDED = {
    "modnet, jax": ("modnet_jax", "pip install plugins/modnet-jax"),
    "JAX by hand": ("jax", "pip install jax"),
    "scikit-learn": ("sklearn", "pip install scikit-learn"),
    "PyTorch": ("torch", "pip install torch"),
    "Keras": ("keras", "pip install keras"),
    "Keras, 64 steps": ("keras", "pip install keras"),
}
"""The contenders that may be missing: the module that each needs, and what installs it."""
BOUNDS: dict[str, dict[int, float]] = {
    "JAX by hand": dict.fromkeys(ROWS, 1.15),
    "modnet, numpy": {**dict.fromkeys(ROWS, 1.0), 3: 1.4},
    **{name: dict.fromkeys(ROWS, 1.0) for name in ("scikit-learn", "PyTorch", "Keras", "Keras, 64 steps")},
}
"""Contender → row → how many times as long as it the engine jax may take."""
FIRST = {"modnet, numpy": None, "modnet, jax, first time": 2.5, "modnet, jax, again": 1.5}
"""From the start of `modnet train` to its first epoch on the digits: seconds that are wanted at most."""


def missing() -> dict[str, str]:
    """Return the contenders that cannot run here, each with a line that says why."""
    return {
        name: f"*{name}* is left out: `{module}` is not installed (`{command}`)."
        for name, (module, command) in NEEDED.items()
        if find_spec(module) is None
    }


def contenders_of(number: int, x: np.ndarray, y: np.ndarray, device: str) -> dict[str, Callable[[], object]]:
    """Return what takes turns on a row of the table, as far as it is installed."""
    sizes, length, samples = ROWS[number]
    x, y = x[:samples], y[:samples]
    engine = {"kind": "jax", "device": device}
    makers: dict[str, Callable[[], Callable[[], object]]] = {
        "modnet, numpy": lambda: ours(configuration(sizes, length, samples), x, y),
        "modnet, jax": lambda: ours(configuration(sizes, length, samples, engine=engine), x, y),
        "JAX by hand": lambda: peers.jax(sizes, x, y, length, ETA),
        "scikit-learn": lambda: peers.scikit_learn(sizes, x, y, length, ETA),
        "PyTorch": lambda: peers.pytorch(sizes, x, y, length, ETA, device),
        "Keras": lambda: peers.keras(sizes, x, y, length, ETA),
        "Keras, 64 steps": lambda: peers.keras(sizes, x, y, length, ETA, steps=64),
    }
    absent = missing()
    return {name: make() for name, make in makers.items() if name not in absent}


def engines_part(arguments: argparse.Namespace) -> list[str]:
    """Return the section on epochs within a fit."""
    x, y = load_mnist(arguments.mnist)
    results = {}
    for number in arguments.rows:
        results[number] = take_turns(contenders_of(number, x, y, arguments.device), arguments.rounds)
        print(
            f"row {number}:", {name: f"{np.median(times):.4f}" for name, times in results[number].items()}, flush=True
        )
    return engines_section(results, arguments.device)


def engines_section(results: dict[int, Row], device: str) -> list[str]:
    """Return the seconds of every contender, and its ratios with what is wanted of them."""
    names = ["modnet, numpy", *NEEDED]
    compared = [name for name in names if name != "modnet, jax"]
    lines = [
        f"## One epoch of training on the engine jax, float32{', on a GPU' if device == 'gpu' else ''}",
        "",
        "*modnet* is an epoch within a fit, with its metrics and its history, on the engines `numpy` and `jax`; *JAX by hand* is the",
        "whole epoch in one `jit(scan)`, without either; *Keras* runs on JAX, also with 64 steps per execution. Seconds are medians.",
        "",
        f"| # | net | batch | {' | '.join(f'{name} s' for name in names)} |",
        f"| --- | --- | --- |{' --- |' * len(names)}",
    ]
    for number, row in results.items():
        sizes, length, samples = ROWS[number]
        times = " | ".join(f"{np.median(row[name]):.3f}" if name in row else "–" for name in names)
        lines.append(f"| {number} | {'-'.join(map(str, sizes))} | {'all' if length == samples else length} | {times} |")
    lines += [
        "",
        "The time of the engine jax over each contender's: median (least–most over the rounds), and what is wanted; below 1 the engine",
        "jax is faster.",
        "",
        f"| # | {' | '.join(compared)} |",
        f"| --- |{' --- |' * len(compared)}",
    ]
    for number, row in results.items():
        lines.append(f"| {number} | {' | '.join(ratio_cell(number, row, name) for name in compared)} |")
    return [*lines, *(part for line in missing().values() for part in ("", line))]


def ratio_cell(number: int, row: Row, name: str) -> str:
    """Return the time of the engine jax over a contender's, with what is wanted."""
    if not {name, "modnet, jax"} <= row.keys():
        return "–"
    low, median, high = ratios(row, "modnet, jax", name)
    bound = BOUNDS[name][number]
    reached = "" if median <= bound else ", **not reached**"
    return f"{median:.2f} ({low:.2f}–{high:.2f}); ≤ {bound:g}{reached}"


def first_epoch(engine: str, cache: str) -> float:
    """Return the seconds from the start of `modnet train` on the digits to the line of its first epoch."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "modnet",
            "train",
            "--epochs",
            "2",
            "--set",
            f"engine={engine}",
            "--out",
            "run",
        ]
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        began = time.perf_counter()
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            if process.stdout is None:
                raise RuntimeError("no output")
            for line in process.stdout:
                if line.startswith("Epoch 1/2"):
                    took = time.perf_counter() - began
                    process.stdout.read()
                    return took
        raise RuntimeError(f"{' '.join(command)} ended without an epoch")


def first_epoch_part(arguments: argparse.Namespace) -> list[str]:
    """Return the section on whole processes."""
    with tempfile.TemporaryDirectory() as kept:

        def anew() -> float:
            with tempfile.TemporaryDirectory() as empty:
                return first_epoch("jax", empty)

        contenders: dict[str, Callable[[], object]] = {"modnet, numpy": lambda: first_epoch("numpy", kept)}
        absent = "modnet, jax" in missing()
        if not absent:
            contenders |= {"modnet, jax, first time": anew, "modnet, jax, again": lambda: first_epoch("jax", kept)}
        row = take_turns(contenders, arguments.rounds)
    lines = [
        "## From the start to the first epoch",
        "",
        "`modnet train` on the digits, the whole process until the line of its first epoch. *First time*: with an empty folder for",
        "compiled programs; *again*: with what an earlier process left there. All files are in the system's cache.",
        "",
        "| what | seconds: median (least–most) | wanted |",
        "| --- | --- | --- |",
    ]
    for name, times in row.items():
        bound = FIRST[name]
        wanted = "" if bound is None else f"≤ {bound}" + ("" if np.median(times) <= bound else ", **not reached**")
        lines.append(f"| {name} | {np.median(times):.2f} ({min(times):.2f}–{max(times):.2f}) | {wanted} |")
    return [*lines, "", missing()["modnet, jax"]] if absent else lines
