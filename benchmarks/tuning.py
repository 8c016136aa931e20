"""A search of 50 trials on the digits beside the default network: both with five fresh seeds, on test samples that the
search never saw.

    python benchmarks/tuning.py [--trials 50] [--workers 2] [--storage FILE]

Needs `pip install . ./plugins/modnet-activations ./plugins/modnet-optuna`.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from pathlib import Path

import modnet
from modnet_optuna import tune

FRESH = range(100, 105)
"""Seeds that no trial had."""
SEARCH = {
    "optimizer.learning_rate": "log:1e-3..10",
    "optimizer.batch_size": "log:8..128",
    "optimizer.rule": ["plain", "momentum", "adam"],
    "network.layers.0.units": "16..128",
    "network.layers.0.activation": ["sigmoid", "tanh", "relu", "gelu"],
    "network.cost": ["quadratic", "binary-cross-entropy"],
}


def accuracies(config: modnet.RunConfig) -> list[float]:
    """Return the test accuracies of fresh seeds, trained with all training samples."""
    data = config.data.model_copy(update={"validation_share": 0.0})
    runs = (modnet.Trainer(config.model_copy(update={"data": data, "seed": seed})).fit() for seed in FRESH)
    return [run.test["accuracy"] for run in runs]


def told(values: list[float]) -> str:
    error = statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):.2%} ± {error:.2%} (each: {', '.join(f'{value:.2%}' for value in values)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--storage")
    arguments = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        search = tune(
            {"data": {"kind": "digits", "validation_share": 0.2}},
            SEARCH,
            trials=arguments.trials,
            workers=arguments.workers,
            storage=arguments.storage or str(Path(folder, "tuning.db")),
        )
    print(f"{search}\n{time.perf_counter() - began:.0f} s")
    default, best = accuracies(modnet.load_config(None)), accuracies(search.best)
    print(f"test accuracy, mean ± standard error over {len(FRESH)} fresh seeds")
    print(f"default  {told(default)}")
    print(f"best     {told(best)}")
    print(f"gain     {told([after - before for before, after in zip(default, best, strict=True)])}")


if __name__ == "__main__":
    main()
