"""A network's predictions for one part of its data, and what each sample costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.open_run import OpenRun
from modnet.core.errors import DataError
from modnet.data.labels import Targets
from modnet.data.table import Rows
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import Vector
from modnet.training.result import metric_text, part_name
from modnet.training.scores import Scorer, Scores
from modnet.training.setup import resolve_metrics

__all__ = ["PARTS", "Predictions", "predict_part"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Predictions:
    """A network's predictions for one part of the data.

    Attributes:
        part: ``train``, ``validation`` or ``test``; ``given`` for other rows than those of the training.
        x: The raw rows, (samples, features), their columns in the network's order; None where only outputs for them
            were kept.
        targets: Their targets.
        weights: How much each sample counts in the metrics, (samples,); None where all count the same.
        outputs, costs: What the network predicts, (samples, values of a target), as `Network.predict` returns it, and
            the cost of each sample, (samples,).
        metrics: The mean cost and the metrics, by name.
        scores: How good the predictions are, beside a constant answer.
        labels: The labels of the classes; None where the targets are numbers.
    """

    part: str
    x: Rows | None
    targets: Targets
    weights: NDArray[np.float64] | None
    outputs: Vector
    costs: Vector
    metrics: dict[str, float]
    scores: Scores
    labels: NDArray[Any] | None

    def __len__(self) -> int:
        return len(self.targets)

    def text(self, name: str) -> str:
        """Return a metric's value as people read it: an accuracy of uneven classes never alone."""
        text = metric_text(name, self.metrics[name])
        remark = self.scores.remark(self.labels) if name == "accuracy" else ""
        return f"{text} ({remark})" if remark else text


def predict_part(run: OpenRun, part: str | None = None) -> Predictions:
    """Return a network's predictions for one part of its data.

    Args:
        run: The network, its configuration and its samples. Columns are matched by its feature names, labels by its
            classes. Of samples that were given in memory, there is what the run kept.
        part: ``train``, ``validation`` or ``test``; by default the last of these that the data has.

    Raises:
        DataError: there is no such part, the samples are not those of the run or do not fit the network, or a metric is
            not finite.
        ConfigError: a metric does not apply to the network's task.
    """
    network = run.network
    available = run.parts if run.has_samples else run.outputs
    chosen = part or next((name for name in reversed(PARTS) if name in available), "train")
    if chosen not in available:
        parts = run.parts if run.has_samples else run.part_records
        if parts is not None and chosen not in parts:
            raise DataError(f"--part {chosen}: the data has none; allowed: {', '.join(parts)}")
        missing = f"the {part_name(chosen)} samples were given in memory, and no outputs for them were kept"
        kept = "those for held-out samples are, up to 64 MiB"
        allowed = "give the samples again: --data FILE (in Python data=…)"
        raise DataError(f"{run.source}: {missing} ({kept}); {allowed}")
    if run.has_samples:
        place, samples = run.place(chosen), run.samples(chosen)
        raw, x, targets, weights = run.parts[chosen].x, samples.x, samples.targets, samples.weights
        given = run.parts[chosen].targets
    else:
        place, raw = run.source, None
        targets, weights, kept_outputs = run.outputs[chosen]
        given = targets
        if targets.values is not None:
            given = targets.with_values(network.to_target_units(targets.values))
    accumulator, scorer = MetricAccumulator(network, resolve_metrics(run.config, network)), Scorer(network)
    outputs = np.empty((len(targets), network.target_width), dtype=network.dtype)
    costs = np.empty(len(targets), dtype=network.dtype)
    with np.errstate(all="ignore"):  # what is not finite raises below
        for start in range(0, len(targets), network.chunk):
            piece = slice(start, start + network.chunk)
            a = kept_outputs[piece] if raw is None else network.forward(x[piece])
            y = targets.batch(piece, network.dtype, network.target_width)
            for adder in (accumulator, scorer):
                adder.update(a, y, None if weights is None else weights[piece])
            outputs[piece], costs[piece] = network.to_predictions(a), network.cost(a, y)
        metrics, scores = accumulator.compute(), scorer.compute(targets, weights)
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise DataError(f"{place}: the metric '{name}' of the network is {value}; the numbers may be too large")
    name = run.part_name(chosen)
    return Predictions(name, raw, given, weights, outputs, costs, metrics, scores, network.classes)
