"""A network's answers to one part of its data: outputs, and what each sample costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import DataError
from modnet.core.interfaces import Dataset
from modnet.data.labels import Targets
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import CHUNK, Network, Vector
from modnet.training.setup import resolve_metrics, split_data

__all__ = ["PARTS", "Predictions", "answers", "match_training"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Predictions:
    """A network's answers to one part of the data.

    Attributes:
        part: ``train``, ``validation`` or ``test``.
        x: The raw rows, (samples, features), their columns in the network's order.
        targets: What was to be answered.
        outputs: What was answered, (samples, outputs).
        costs: The cost of each sample, (samples,).
        figures: The mean cost and the metrics.
    """

    part: str
    x: NDArray[Any]
    targets: Targets
    outputs: Vector
    costs: Vector
    figures: dict[str, float]

    def __len__(self) -> int:
        return len(self.x)


def answers(network: Network, config: RunConfig, data: Data, part: str | None = None) -> Predictions:
    """Return a network's answers to the samples of one part, in pieces that fit the cache.

    Args:
        network: The network; columns go by its names, labels by its classes.
        config: Says which metrics there are, and how validation samples are drawn.
        data: The samples.
        part: ``train``, ``validation`` or ``test``; without it the test samples, or where there are none the
            validation samples, or those of the training.

    Raises:
        DataError: there is no such part, the samples do not fit the network, or a figure is not finite.
        ConfigError: a metric has no meaning for the network's task.
    """
    parts = split_data(config, data, network)
    chosen = part or next(name for name in reversed(PARTS) if name in parts)
    if chosen not in parts:
        raise DataError(f"--part {chosen}: the data has none; allowed: {', '.join(parts)}")
    rows, targets = parts[chosen]
    place = data.place(chosen)
    x, wanted = network.preprocess(rows, f"{place} x"), targets.astype(network.dtype, f"{place} y")
    tally = MetricAccumulator(network.cost, resolve_metrics(config, network))
    outputs, costs = np.empty((len(x), network.outputs), dtype=network.dtype), np.empty(len(x), dtype=network.dtype)
    with np.errstate(all="ignore"):  # what leaves the finite numbers is found below
        for start in range(0, len(x), CHUNK):
            piece = slice(start, start + CHUNK)
            outputs[piece] = network.forward(x[piece])
            y = wanted.batch(piece, network.dtype, network.outputs)
            tally.update(outputs[piece], y)
            costs[piece] = network.cost(outputs[piece], y)
        figures = tally.compute()
    for name, value in figures.items():
        if not math.isfinite(value):
            raise DataError(f"{place}: the figure '{name}' of the network is {value}; the numbers may be too large")
    return Predictions(chosen, rows, wanted, outputs, costs, figures)


def match_training(network: Network, dataset: Dataset) -> Dataset:
    """Return a dataset whose target column, where it has the choice, is read as in the network's training."""
    if getattr(dataset, "target_type", None) != "auto":
        return dataset
    if network.classes is None:
        kind = "number"
    else:
        kind = "text" if all(isinstance(label, str) for label in network.classes.tolist()) else "integer"
    return dataset.model_copy(update={"target_type": kind})
