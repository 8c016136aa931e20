"""A network's predictions for one part of its data, and what each sample costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import DataError
from modnet.data.labels import Targets
from modnet.data.row_source import ArrayOrSource
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import Network, Vector
from modnet.training.setup import resolve_metrics, split_data

__all__ = ["PARTS", "Predictions", "part_name", "predict_part"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Predictions:
    """A network's predictions for one part of the data.

    Attributes:
        part: ``train``, ``validation`` or ``test``.
        x, targets: The raw rows, (samples, features), their columns in the network's order, and their targets.
        weights: How much each sample counts in the metrics, (samples,); None where all count the same.
        outputs, costs: What the network predicts, (samples, values of a target), as `Network.predict` returns it, and
            the cost of each sample, (samples,).
        metrics: The mean cost and the metrics, by name.
    """

    part: str
    x: ArrayOrSource
    targets: Targets
    weights: NDArray[np.float64] | None
    outputs: Vector
    costs: Vector
    metrics: dict[str, float]

    def __len__(self) -> int:
        return len(self.x)


def part_name(part: str) -> str:
    """Return what sentences call ``train``, ``validation`` or ``test``."""
    return "training" if part == "train" else part


def predict_part(network: Network, config: RunConfig, data: Data, part: str | None = None) -> Predictions:
    """Return a network's predictions for one part of the data.

    Args:
        network: The network. Columns are matched by its feature names, labels by its classes.
        config: Says which metrics there are, and how validation samples are split off.
        data: The samples.
        part: ``train``, ``validation`` or ``test``; by default the last of these that the data has.

    Raises:
        DataError: there is no such part, the samples do not fit the network, or a metric is not finite.
        ConfigError: a metric does not apply to the network's task.
    """
    parts = split_data(config, data, network)
    chosen = part or next(name for name in reversed(PARTS) if name in parts)
    if chosen not in parts:
        raise DataError(f"--part {chosen}: the data has none; allowed: {', '.join(parts)}")
    rows, targets, weights = parts[chosen]
    place = data.place(chosen)
    x, targets = network.preprocess(rows, f"{place} x"), targets.astype(network.dtype, f"{place} y")
    accumulator = MetricAccumulator(network.cost, resolve_metrics(config, network))
    outputs = np.empty((len(x), network.target_width), dtype=network.dtype)
    costs = np.empty(len(x), dtype=network.dtype)
    with np.errstate(all="ignore"):  # what is not finite raises below
        for start in range(0, len(x), network.chunk):
            piece = slice(start, start + network.chunk)
            a = network.forward(x[piece])
            y = targets.batch(piece, network.dtype, network.target_width)
            accumulator.update(a, y, None if weights is None else weights[piece])
            outputs[piece], costs[piece] = network.cost.predictions(a), network.cost(a, y)
        metrics = accumulator.compute()
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise DataError(f"{place}: the metric '{name}' of the network is {value}; the numbers may be too large")
    return Predictions(chosen, rows, targets, weights, outputs, costs, metrics)
