"""What a fit costs before and after its updates: one epoch of one update, 100 rows of 20 numbers, 100 hidden units."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
from measuring import Row, take_turns
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from modnet import Trainer

__all__ = ["fixed_costs"]


def fixed_costs(rounds: int, calls: int = 100) -> Row:
    """Return the seconds of a whole fit and of its epoch, as modnet's history tells it, and of scikit-learn's fit."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 20)), rng.integers(0, 2, 100)
    config = {"epochs": 1, "network": {"layers": [100, 2]}, "optimizer": {"batch_size": 100}}
    trainer = Trainer.from_config(config)
    peer = MLPClassifier((100,), activation="logistic", solver="sgd", batch_size=100, max_iter=1)

    def median(call: Callable[[], float]) -> float:
        return float(np.median([call() for _ in range(calls)]))

    def whole() -> float:
        began = time.perf_counter()
        trainer.fit(x, y)
        return time.perf_counter() - began

    def theirs() -> float:
        began = time.perf_counter()
        peer.fit(x, y)
        return time.perf_counter() - began

    contenders = {
        "modnet": lambda: median(whole),
        "of which the epoch": lambda: median(lambda: trainer.fit(x, y).history[-1]["seconds"]),
        "scikit-learn": lambda: median(theirs),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch is meant
        return take_turns(contenders, rounds)


if __name__ == "__main__":
    for name, seconds in fixed_costs(7).items():
        print(f"{name:20} median {1e3 * np.median(seconds):.2f} ms, least {1e3 * min(seconds):.2f} ms")
