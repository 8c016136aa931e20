"""Train by the three types of gradient descent, five seeds each: python docs/hooks/descents.py prints the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from statistics import mean, median

import numpy as np

from modnet import Data, load_config
from modnet.analysis.landscape.landscape import TYPES, SurfacePath
from modnet.analysis.landscape.trajectory import record
from modnet.analysis.progress import silent
from modnet.training.setup import build, configs_per_optimizer

SEEDS = range(5)
REACHED = 0.05
"""The cost that a type has to reach."""
_POINTS = 100


@dataclass(frozen=True)
class Descent:
    """One training of the default configuration by one type.

    Attributes:
        path: Its path, with the mean cost of all training samples at each point.
        accuracy: The share of the test samples that are predicted correctly after it.
    """

    path: SurfacePath
    accuracy: float

    @property
    def last_cost(self) -> float:
        return float(self.path.costs[-1])

    @property
    def rises(self) -> list[float]:
        """By which factor the cost rises, for each point at which it is higher than at the one before."""
        factors = self.path.costs[1:] / self.path.costs[:-1]
        return [float(factor) for factor in factors if factor > 1]

    @property
    def rising_share(self) -> float:
        return len(self.rises) / (len(self.path.costs) - 1)

    @property
    def mean_rise(self) -> float:
        return mean(self.rises or [1.0])

    @property
    def largest_rise(self) -> float:
        return max(self.rises or [1.0])

    @property
    def first_below(self) -> int | None:
        """The index of the first point at which the cost is below `REACHED`."""
        below = np.flatnonzero(self.path.costs < REACHED)
        return int(below[0]) if len(below) else None


@cache
def _data() -> Data:
    return load_config().data.load()


@cache
def descent(kind: str, seed: int) -> Descent:
    """Return the training of one type with one seed, 30 epochs."""
    base = load_config({"seed": seed})
    _, parts, _ = build(base, _data(), None)
    config = configs_per_optimizer(base, (kind,), _data())[0]
    trained = record(config, _data(), parts["train"], _POINTS, silent)
    x, labels = _data().test
    return Descent(trained.path, float(np.mean(trained.network.classify(x) == labels)))


def _middle(kind: str, value: Callable[[Descent], float]) -> float:
    return median(value(descent(kind, seed)) for seed in SEEDS)


def reached() -> str:
    """Return what each type reaches, and how soon: medians of the seeds."""
    below = f"cost below {REACHED}"
    head = ("type", "updates", "last cost", f"updates to {below}", f"passes to {below}", "test accuracy")
    rows = []
    for kind in TYPES:
        row = [f"{descent(kind, 0).path.updates[-1]:,}", f"{_middle(kind, lambda one: one.last_cost):.3f}"]
        if all(descent(kind, seed).first_below is None for seed in SEEDS):
            row += ["not reached", "not reached"]
        else:
            row.append(f"{_middle(kind, lambda one: one.path.updates[one.first_below]):,}")
            row.append(f"{_middle(kind, lambda one: one.path.passes[one.first_below]):.1f}")
        rows.append((kind, *row, f"{100 * _middle(kind, lambda one: one.accuracy):.1f} %"))
    return _lines(head, rows)


def rises() -> str:
    """Return how each type gets there: medians of the seeds."""
    head = ("type", "points where the cost rises", "mean rise", "largest rise", "path length / distance")
    rows = []
    for kind in TYPES:
        sizes = [f"× {_middle(kind, value):.2f}" for value in (lambda one: one.mean_rise, lambda one: one.largest_rise)]
        if not _middle(kind, lambda one: len(one.rises)):
            sizes = ["none", "none"]
        share, detour = _middle(kind, lambda one: one.rising_share), _middle(kind, lambda one: one.path.detour)
        rows.append((kind, f"{share:.0%}".replace("%", " %"), *sizes, f"{detour:.1f}"))
    return _lines(head, rows)


def per_seed() -> str:
    """Return the last cost of every seed."""
    head = ("last cost", *(f"seed {seed}" for seed in SEEDS))
    return _lines(head, [(kind, *(f"{descent(kind, seed).last_cost:.4f}" for seed in SEEDS)) for kind in TYPES])


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) + ("---:",) * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(reached(), rises(), per_seed(), sep="\n\n")
