"""One epoch of training, beside the peers and beside the hand-written loop."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Literal

import numpy as np
import peers
from loops import HandLoop
from measuring import Row, take_turns

import modnet
from modnet import Activation, Callback, hookimpl, namespace
from modnet.config.run_config import RunConfig

ROWS: dict[int, tuple[list[int], int, int]] = {
    1: ([784, 30, 10], 10, 50_000),
    2: ([784, 30, 10], 1, 10_000),
    3: ([784, 30, 10], 50_000, 50_000),
    4: ([784, 100, 10], 32, 50_000),
    5: ([784, 512, 512, 10], 128, 50_000),
    6: ([784, 2048, 2048, 10], 1_024, 50_000),
}
"""Layers' sizes, batch size and samples; the last is for a GPU, and is left out unless it is asked for."""
ETA = 0.5


def configuration(sizes: list[int], length: int, samples: int, dtype: str = "float32", **more: object) -> RunConfig:
    optimizer: dict[str, object] = {"kind": "mini-batch", "batch_size": length, "learning_rate": ETA}
    if length in (1, samples):
        optimizer = {"kind": "stochastic" if length == 1 else "batch", "learning_rate": ETA}
    table = {"epochs": 1, "dtype": dtype, "network": {"layers": sizes[1:]}, "optimizer": optimizer}
    return RunConfig.model_validate({**table, **more})


def ours(config: RunConfig, x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    """Return one epoch within ``Trainer.fit``: the second of two, so that what is done once for a fit is not in it."""
    trainer = modnet.Trainer(config.model_copy(update={"epochs": 2}))
    return lambda: float(trainer.fit(x, y).history[1]["seconds"])


def ours_whole(config: RunConfig, x: np.ndarray, y: np.ndarray) -> Callable[[], object]:
    """Return a whole ``fit`` of one epoch: with the check of the data, the start and the end."""
    trainer = modnet.Trainer(config)
    return lambda: trainer.fit(x, y)


def by_hand(sizes: list[int], length: int, x: np.ndarray, y: np.ndarray) -> Callable[[], object]:
    loop, rng = HandLoop(sizes, length, str(x.dtype)), np.random.default_rng(0)
    return lambda: (loop.epoch(x, y, length, ETA, rng), None)[1]


def table(x: np.ndarray, y: np.ndarray, rows: list[int], rounds: int, with_jax: bool) -> dict[int, Row]:
    """Return the seconds of every contender for the rows of the table."""
    results = {}
    for number in rows:
        sizes, length, samples = ROWS[number]
        xs, ys = x[:samples], y[:samples]
        contenders = {
            "modnet": ours(configuration(sizes, length, samples), xs, ys),
            "whole fit": ours_whole(configuration(sizes, length, samples), xs, ys),
            "by hand": by_hand(sizes, length, xs, ys),
            "scikit-learn": peers.scikit_learn(sizes, xs, ys, length, ETA),
            "PyTorch": peers.pytorch(sizes, xs, ys, length, ETA),
        }
        if with_jax:
            contenders["JAX"] = peers.jax(sizes, xs, ys, length, ETA)
        results[number] = take_turns(contenders, rounds)
        print(
            f"row {number}:", {name: f"{np.median(times):.4f}" for name, times in results[number].items()}, flush=True
        )
    return results


class Stranger(Activation):
    """The sigmoid's arithmetic, in a class that modnet does not know."""

    kind: Literal["stranger"] = "stranger"

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return 0.5 * (1.0 + namespace(z).tanh(0.5 * z))

    def backward(self, upstream: np.ndarray, z: np.ndarray, a: np.ndarray) -> np.ndarray:
        del z
        return upstream * a * (1.0 - a)


class Counting(Callback):
    """Listens to every update."""

    kind: Literal["counting"] = "counting"

    def listener(self) -> object:
        class Listener:
            count = 0

            @hookimpl
            def modnet_batch_end(self) -> None:
                self.count += 1

        return Listener()


def openness(x: np.ndarray, y: np.ndarray, rounds: int) -> Row:
    """Return row 1 with the built-in sigmoid, with a stranger's, and with a listener to every update."""
    sizes, length, samples = ROWS[1]
    plain = configuration(sizes, length, samples)
    layers = [{"kind": "dense", "units": units, "activation": Stranger()} for units in sizes[1:]]
    return take_turns(
        {
            "modnet": ours(plain, x, y),
            "a stranger's activation": ours(configuration(sizes, length, samples, network={"layers": layers}), x, y),
            "an event per update": ours(configuration(sizes, length, samples, callbacks=["history", Counting()]), x, y),
        },
        rounds,
    )


def precision(x: np.ndarray, y: np.ndarray, rows: list[int], rounds: int) -> dict[int, Row]:
    """Return float32 and float64 side by side."""
    wide = x.astype(np.float64)
    results = {}
    for number in rows:
        sizes, length, samples = ROWS[number]
        results[number] = take_turns(
            {
                "modnet": ours(configuration(sizes, length, samples), x[:samples], y[:samples]),
                "float64": ours(configuration(sizes, length, samples, "float64"), wide[:samples], y[:samples]),
            },
            rounds,
        )
    return results


HOG = "while True: pass"


def busy(x: np.ndarray, y: np.ndarray, rows: list[int], rounds: int) -> dict[int, Row]:
    """Return every row on the machine as it is, and with one core kept busy by another process; by hand as well."""
    results: dict[int, Row] = {}
    for number in rows:
        sizes, length, samples = ROWS[number]
        epoch = ours(configuration(sizes, length, samples), x[:samples], y[:samples])
        contenders = {"modnet": epoch, "by hand": by_hand(sizes, length, x[:samples], y[:samples])}
        idle = take_turns(contenders, rounds)
        hog = subprocess.Popen([sys.executable, "-c", HOG])
        try:
            time.sleep(0.5)
            hogged = take_turns(contenders, rounds)
        finally:
            hog.kill()
            hog.wait()
        results[number] = idle | {f"{name}, busy": times for name, times in hogged.items()}
        print(
            f"row {number}:", {name: f"{np.median(times):.4f}" for name, times in results[number].items()}, flush=True
        )
    return results


def growth(rounds: int) -> dict[str, tuple[list[int], list[float], list[float]]]:
    """Return, for each type of gradient descent: samples, median seconds, and MB allocated beyond the data."""
    counts = [10_000, 50_000, 100_000, 500_000]
    rng = np.random.default_rng(0)
    x = rng.random((counts[-1], 32), dtype=np.float32)
    y = rng.integers(0, 10, counts[-1])
    y[:10] = range(10)
    results = {}
    for kind, length in (("batch", 0), ("mini-batch", 10), ("stochastic", 1)):
        seconds, memory = [], []
        for count in counts:
            epoch = ours(configuration([32, 30, 10], length or count, count), x[:count], y[:count])
            seconds.append(
                float(np.median(take_turns({"modnet": epoch}, rounds if kind != "stochastic" else 1)["modnet"]))
            )
            if kind != "stochastic" or count <= 100_000:  # tracing every allocation is slow
                tracemalloc.start()
                epoch()
                memory.append(tracemalloc.get_traced_memory()[1] / 1e6)
                tracemalloc.stop()
        results[kind] = (counts, seconds, memory)
        print(kind, counts, [f"{s:.3f}" for s in seconds], [f"{m:.1f}" for m in memory], flush=True)
    return results
