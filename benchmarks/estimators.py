"""modnet-sklearn's estimators beside scikit-learn's own: the same parameters and numbers, one and two BLAS threads.

PYTHONPATH=plugins/modnet-sklearn/src python benchmarks/estimators.py [--rounds 5] [--mnist FOLDER] [--only digits]
"""

from __future__ import annotations

import argparse
import statistics
import tracemalloc
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import sklearn.neural_network as original
from measuring import Row, load_mnist, machine, ratios, take_turns
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import modnet_sklearn as ours

__all__ = ["WANTED", "measure", "measure_peaks"]

Case = tuple[str, Any, Any, dict[str, Any]]
"""Estimator, samples, targets and parameters of a training."""
WANTED = {"digits, batch 10": 2.0, "float32, float64 targets": 1.8, "predict 1 row": 5.0, "predict 100,000 rows": 1.3}
"""At least how many times as fast as scikit-learn; all others: not slower."""
RNG = np.random.default_rng(0)
DIGITS, KINDS = load_digits(return_X_y=True)
DIGITS = DIGITS / 16.0


def sparse_text() -> tuple[Any, np.ndarray]:
    """Return 20,000 rows of 5,000 words, of which 1 % are filled, and a class that a few words decide."""
    rows = scipy.sparse.random_array((20_000, 5_000), density=0.01, format="csr", rng=RNG)
    return rows, (rows[:, :50].sum(axis=1) > rows[:, 50:100].sum(axis=1)).astype(int)


def cases(mnist: Path | None) -> dict[str, Case]:
    """Return the trainings by name."""
    large = RNG.standard_normal((100_000, 20))
    two = (large[:, 0] * large[:, 1] > 0).astype(int)
    found: dict[str, Case] = {
        "digits": ("MLPClassifier", DIGITS, KINDS, {"max_iter": 30}),
        "digits, sgd": ("MLPClassifier", DIGITS, KINDS, {"max_iter": 30, "solver": "sgd"}),
        "digits, lbfgs": ("MLPClassifier", DIGITS, KINDS, {"max_iter": 50, "solver": "lbfgs"}),
        "digits, batch 10": ("MLPClassifier", DIGITS, KINDS, {"max_iter": 10, "batch_size": 10}),
        "50 rows": ("MLPClassifier", DIGITS[:50], KINDS[:50], {"max_iter": 30}),
        "100,000 × 20": ("MLPClassifier", large, two, {"max_iter": 3}),
        "float32, float64 targets": ("MLPRegressor", large.astype(np.float32), np.sin(large[:, 0]), {"max_iter": 3}),
        "sparse text": ("MLPClassifier", *sparse_text(), {"max_iter": 2}),
    }
    if mnist is not None:
        found["MNIST"] = ("MLPClassifier", *load_mnist(mnist, "float64"), {"max_iter": 2})
    return found


def fit(library: Any, case: Case) -> None:
    name, x, y, parameters = case
    getattr(library, name)(random_state=0, **parameters).fit(x, y)


def measure(rounds: int, mnist: Path | None, only: str = "") -> Iterator[tuple[str, int, Row]]:
    """Yield name, number of BLAS threads, and seconds of both libraries, of trainings and of predictions."""
    chosen = {name: case for name, case in cases(mnist).items() if name.startswith(only)}
    models = {"modnet": ours.MLPClassifier, "scikit-learn": original.MLPClassifier}
    many = np.tile(DIGITS, (56, 1))[:100_000]
    for threads in (1, 2):
        with threadpool_limits(threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few epochs are meant
            for name, case in chosen.items():
                contenders = {"modnet": partial(fit, ours, case), "scikit-learn": partial(fit, original, case)}
                yield name, threads, take_turns(contenders, rounds)
            fitted = {name: model(max_iter=2, random_state=0).fit(DIGITS, KINDS) for name, model in models.items()}
            for name, rows, calls in (("predict 1 row", DIGITS[:1], 500), ("predict 100,000 rows", many, 1)):
                if name.startswith(only):
                    contenders = {each: partial(model.predict, rows) for each, model in fitted.items()}
                    yield name, threads, take_turns(contenders, 3 * rounds, calls)


def measure_peaks() -> dict[str, float]:
    """Return how many megabytes a fit of sparse text takes at most beyond its data, by library."""
    case, peaks = cases(None)["sparse text"], {}
    for name, library in (("modnet", ours), ("scikit-learn", original)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tracemalloc.start()
            fit(library, case)
            peaks[name] = tracemalloc.get_traced_memory()[1] / 1e6
            tracemalloc.stop()
    return peaks


def line(name: str, threads: int, row: Row) -> str:
    low, middle, high = ratios(row, "scikit-learn")
    seconds = " ".join(f"{1e3 * statistics.median(row[each]):11.3f}" for each in ("modnet", "scikit-learn"))
    return f"{name:28} {threads} {seconds}   {middle:5.2f} ({low:.2f} to {high:.2f}), wanted {WANTED.get(name, 1.0)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--only", default="", help="the beginning of the names of what is measured")
    options = parser.parse_args()
    print(machine())
    print(f"{'':28}   {'modnet ms':>9} {'sklearn ms':>11}   sklearn / modnet")
    for name, threads, row in measure(options.rounds, options.mnist, options.only):
        print(line(name, threads, row), flush=True)
    if "sparse text".startswith(options.only):
        print("sparse text, MB at most:", ", ".join(f"{name} {mb:.0f}" for name, mb in measure_peaks().items()))


if __name__ == "__main__":
    main()
