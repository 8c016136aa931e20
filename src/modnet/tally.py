"""Figures of merit over any number of samples, added up piece by piece."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modnet.components.families import Cost, Metric
from modnet.data.preparation import Targets
from modnet.network import CHUNK, Network, Vector

__all__ = ["Samples", "Tally", "judge"]


@dataclass(frozen=True)
class Samples:
    """Rows as they enter the network, and their targets."""

    x: Vector
    targets: Targets

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return f"<{len(self)} samples of shape {self.x.shape[1:]}, {self.x.dtype}>"


class Tally:
    """The mean cost and the metrics of the outputs that were added so far."""

    def __init__(self, cost: Cost, metrics: Sequence[Metric]) -> None:
        self._cost = cost
        self._metrics = metrics
        self._partials: list[Vector | None] = [None] * len(metrics)
        self._total = 0.0
        self.samples = 0

    def add(self, a: Vector, y: Vector) -> bool:
        """Take in outputs and targets, (samples, outputs); return whether their cost is finite."""
        total = float(np.sum(self._cost(a, y), dtype=np.float64))
        self._total += total
        self.samples += len(a)
        for index, metric in enumerate(self._metrics):
            piece, before = metric.partial(a, y), self._partials[index]
            self._partials[index] = piece if before is None else metric.merge(before, piece)
        return math.isfinite(total)

    def empty(self) -> Tally:
        """Return a new tally of the same cost and metrics."""
        return Tally(self._cost, self._metrics)

    def merge(self, other: Tally) -> None:
        """Take in what another tally of the same cost and metrics has added up."""
        self._total += other._total
        self.samples += other.samples
        for index, metric in enumerate(self._metrics):
            mine, theirs = self._partials[index], other._partials[index]
            if theirs is not None:
                self._partials[index] = theirs if mine is None else metric.merge(mine, theirs)

    def figures(self, prefix: str = "") -> dict[str, float]:
        """Return ``cost`` and every metric by its label, each with ``prefix`` before it."""
        figures = {f"{prefix}cost": self._total / self.samples}
        for metric, total in zip(self._metrics, self._partials, strict=True):
            figures[f"{prefix}{metric.label}"] = metric.value(total)
        return figures


def judge(network: Network, samples: Samples, metrics: Sequence[Metric]) -> Tally:
    """Return the tally of these samples at the network's present θ; nothing is disturbed by it."""
    tally = Tally(network.cost, metrics)
    for start in range(0, len(samples), CHUNK):
        rows = slice(start, start + CHUNK)
        tally.add(network.forward(samples.x[rows]), samples.targets.rows(rows, network.dtype, network.outputs))
    return tally
