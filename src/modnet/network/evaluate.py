"""Cost and metrics over any number of samples, added up piece by piece."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modnet.core.errors import ModelFileError
from modnet.core.interfaces import Cost, Metric
from modnet.data.prepared import Samples
from modnet.network.network import CHUNK, Network, Vector

__all__ = ["MetricAccumulator", "evaluate"]


class MetricAccumulator:
    """The mean cost and the metrics of the outputs that were added so far."""

    def __init__(self, cost: Cost, metrics: Sequence[Metric]) -> None:
        self._cost = cost
        self._metrics = metrics
        self._partials: list[Vector | None] = [None] * len(metrics)
        self._total = 0.0
        self.samples = 0

    def update(self, a: Vector, y: Vector) -> bool:
        """Add outputs and targets, (samples, outputs); return whether their cost is finite."""
        total = float(np.sum(self._cost(a, y), dtype=np.float64))
        self._total += total
        self.samples += len(a)
        for index, metric in enumerate(self._metrics):
            piece, before = metric.partial(a, y), self._partials[index]
            self._partials[index] = piece if before is None else metric.merge(before, piece)
        return math.isfinite(total)

    def state_dict(self) -> dict[str, Any]:
        """Return what was added up, for `load_state_dict`."""
        return {"total": self._total, "samples": self.samples, "partials": list(self._partials)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned.

        Raises:
            ModelFileError: it is of other metrics.
        """
        if len(state["partials"]) != len(self._metrics):
            raise ModelFileError("the sums are not those of the configured metrics")
        self._total, self.samples, self._partials = state["total"], state["samples"], list(state["partials"])

    def compute(self, prefix: str = "") -> dict[str, float]:
        """Return ``cost`` and every metric by its label, each with ``prefix`` before it."""
        values = {f"{prefix}cost": self._total / self.samples}
        for metric, total in zip(self._metrics, self._partials, strict=True):
            values[f"{prefix}{metric.label}"] = metric.value(total)
        return values


def evaluate(network: Network, samples: Samples, metrics: Sequence[Metric]) -> MetricAccumulator:
    """Return cost and metrics of these samples at the network's present θ; nothing is disturbed by it."""
    accumulator = MetricAccumulator(network.cost, metrics)
    for start in range(0, len(samples), CHUNK):
        rows = slice(start, start + CHUNK)
        accumulator.update(
            network.forward(samples.x[rows]), samples.targets.batch(rows, network.dtype, network.outputs)
        )
    return accumulator
