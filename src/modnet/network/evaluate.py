"""Cost and metrics over any number of samples, added up piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from modnet.core.errors import ModelFileError
from modnet.core.interfaces import Metric
from modnet.data.prepared import Samples
from modnet.network.network import Network, Vector

__all__ = ["MetricAccumulator", "evaluate"]


class MetricAccumulator:
    """The mean cost and the metrics of the outputs that were added so far.

    Attributes:
        samples: How many samples were added.
        weight: The sum of their weights: without weights, their number.
    """

    def __init__(self, network: Network, metrics: Sequence[Metric]) -> None:
        self._cost, self._network = network.cost, network
        self._metrics = metrics
        self._partials: list[Vector | None] = [None] * len(metrics)
        self._total = self.weight = 0.0
        self.samples = 0
        self._uses_predictions = not all(metric.uses_outputs for metric in metrics)
        self._keeps_outputs = any(metric.needs_all_outputs for metric in metrics)
        self._outputs: list[tuple[Vector, Vector, Vector | None]] = []

    def update(self, a: Vector, y: Vector, weights: Vector | None = None) -> bool:
        """Add outputs, targets, and perhaps weights, (samples,), of samples; return whether their cost is finite."""
        costs = self._cost(a, y)
        total = float(np.sum(costs if weights is None else costs * weights, dtype=np.float64))
        self._total += total
        self.weight += len(a) if weights is None else float(np.sum(weights))
        self.samples += len(a)
        predictions, given = a, y
        if self._uses_predictions:
            predictions, given = self._network.to_predictions(a), self._network.to_target_units(y)
        for index, metric in enumerate(self._metrics):
            if not metric.needs_all_outputs:
                uses = metric.uses_outputs
                piece = metric.partial(a if uses else predictions, y if uses else given, weights)
                before = self._partials[index]
                self._partials[index] = piece if before is None else metric.merge(before, piece)
        if self._keeps_outputs:
            self._outputs.append((a, y, weights))
        return math.isfinite(total)

    def state_dict(self) -> dict[str, Any]:
        """Return what was added up, for `load_state_dict`; metrics that need all outputs have no part in it."""
        return {
            "total": self._total,
            "weight": self.weight,
            "samples": self.samples,
            "partials": list(self._partials),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned.

        Raises:
            ModelFileError: it is of other metrics.
        """
        if len(state["partials"]) != len(self._metrics):
            raise ModelFileError("the sums are not those of the configured metrics")
        self._total, self.weight, self.samples = state["total"], state["weight"], state["samples"]
        self._partials = list(state["partials"])

    def compute(self, prefix: str = "") -> dict[str, float]:
        """Return ``cost`` and every metric by its names in the history, each with ``prefix`` before it."""
        values = {f"{prefix}cost": self.mean_cost()}
        for metric, total in zip(self._metrics, self._partials, strict=True):
            value = metric.value(self._partial_of_all(metric) if metric.needs_all_outputs else total)
            if isinstance(value, Mapping):
                values |= {f"{prefix}{metric.label}_{name}": number for name, number in value.items()}
            else:
                values[f"{prefix}{metric.label}"] = value
        return values

    def mean_cost(self) -> float:
        """Return the mean cost; 0 where nothing was added, or weighs anything."""
        return self._total / self.weight if self.weight else 0.0

    def _partial_of_all(self, metric: Metric) -> Any:
        pieces, y, weights = zip(*self._outputs, strict=True)
        a, targets = np.concatenate(pieces), np.concatenate(y)
        if not metric.uses_outputs:
            a, targets = self._network.to_predictions(a), self._network.to_target_units(targets)
        return metric.partial(a, targets, None if weights[0] is None else np.concatenate(weights))


def evaluate(
    network: Network, samples: Samples, metrics: Sequence[Metric], outputs: Iterable[Vector] | None = None
) -> MetricAccumulator:
    """Return cost and metrics of samples at the network's present θ; nothing is disturbed by it.

    Args:
        network: The network.
        samples: The samples.
        metrics: The metrics.
        outputs: The network's outputs for them, in pieces of any size; by default NumPy computes them.
    """
    accumulator, start = MetricAccumulator(network, metrics), 0
    for a in network.forward_in_pieces(samples.x) if outputs is None else outputs:
        rows = slice(start, start + len(a))
        y = samples.targets.batch(rows, network.dtype, network.target_width)
        accumulator.update(a, y, None if samples.weights is None else samples.weights[rows])
        start = rows.stop
    return accumulator
