"""modnet-sklearn's estimators beside scikit-learn's own: the same parameters and numbers, one and two BLAS threads.

PYTHONPATH=plugins/modnet-sklearn/src python benchmarks/estimators.py [--rounds 5] [--mnist FOLDER] [--only digits]
"""

from __future__ import annotations

import argparse
import statistics
import tracemalloc
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import sklearn.neural_network as original
from measuring import load_mnist, machine, ratios, take_turns
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import modnet_sklearn as ours

RNG = np.random.default_rng(0)
DIGITS, KINDS = load_digits(return_X_y=True)
DIGITS = DIGITS / 16.0


def sparse_text() -> tuple[Any, np.ndarray]:
    """Return 20,000 rows of 5,000 words, of which 1 % are filled, and a class that a few words decide."""
    rows = scipy.sparse.random_array((20_000, 5_000), density=0.01, format="csr", rng=RNG)
    return rows, (rows[:, :50].sum(axis=1) > rows[:, 50:100].sum(axis=1)).astype(int)


def cases(mnist: Path | None) -> dict[str, tuple[str, Any, Any, dict[str, Any]]]:
    """Return name → estimator, samples, targets and parameters of each training."""
    large = RNG.standard_normal((100_000, 20))
    two = (large[:, 0] * large[:, 1] > 0).astype(int)
    found: dict[str, tuple[str, Any, Any, dict[str, Any]]] = {
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


def fit(library: Any, case: tuple[str, Any, Any, dict[str, Any]]) -> None:
    name, x, y, parameters = case
    getattr(library, name)(random_state=0, **parameters).fit(x, y)


def peak(library: Any, case: tuple[str, Any, Any, dict[str, Any]]) -> float:
    """Return how many megabytes a fit takes at most beyond its data."""
    tracemalloc.start()
    fit(library, case)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def line(name: str, threads: int, row: dict[str, list[float]]) -> str:
    low, middle, high = ratios(row, "scikit-learn")
    seconds = " ".join(f"{1e3 * statistics.median(row[each]):11.3f}" for each in ("modnet", "scikit-learn"))
    return f"{name:28} {threads} {seconds}   {middle:5.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--only", help="the beginning of the names of the trainings to measure")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # few epochs are meant
    print(machine())
    print(f"{'':28}   {'modnet ms':>9} {'sklearn ms':>11}   sklearn / modnet")
    chosen = {name: case for name, case in cases(options.mnist).items() if name.startswith(options.only or "")}
    for threads in (1, 2):
        with threadpool_limits(threads):
            for name, case in chosen.items():
                contenders = {"modnet": partial(fit, ours, case), "scikit-learn": partial(fit, original, case)}
                print(line(name, threads, take_turns(contenders, options.rounds)), flush=True)
            if options.only:
                continue
            models = {"modnet": ours.MLPClassifier, "scikit-learn": original.MLPClassifier}
            fitted = {name: model(max_iter=2, random_state=0).fit(DIGITS, KINDS) for name, model in models.items()}
            for name, rows, calls in (("predict 1 row", DIGITS[:1], 500), ("predict 100,000 rows", DIGITS, 1)):
                rows = rows if calls > 1 else np.tile(DIGITS, (56, 1))[:100_000]
                row = take_turns({each: partial(model.predict, rows) for each, model in fitted.items()}, 5, calls)
                print(line(name, threads, row), flush=True)
    if "sparse text" in chosen:
        case = chosen["sparse text"]
        print(f"sparse text, MB at most: modnet {peak(ours, case):.0f}, scikit-learn {peak(original, case):.0f}")


if __name__ == "__main__":
    main()
