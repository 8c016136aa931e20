"""Learning curves: the history of a run by metric, with the best epoch of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from modnet.analysis.open_run import is_number
from modnet.analysis.results.predictions import PARTS
from modnet.core.interfaces import Metric, Task
from modnet.core.messages import epoch_number
from modnet.core.numbers import format_number
from modnet.training.result import metric_text, part_name

__all__ = ["Curve", "learning_curves"]


@dataclass(frozen=True)
class Curve:
    """One metric over the epochs.

    Attributes:
        name, better: ``cost`` or a metric's label, and whether higher or lower values are better.
        epochs: The epochs, counted from 0 as in ``history.jsonl``; sentences and pictures count them from 1.
        values: A value for each epoch, by part: of ``train`` as the samples were seen, before their updates; of
            ``validation`` and ``test`` after the epoch. None where a value is not finite.
        monitored, best: The part that decides which epoch is best (``validation``, else ``test``, else ``train``), and
            the best epoch, from 0, of several the first; None where no value is finite.
    """

    name: str
    better: Literal["higher", "lower"]
    epochs: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]
    monitored: str
    best: int | None

    @property
    def best_value(self) -> float | None:
        """The value in the best epoch."""
        return None if self.best is None else self.values[self.monitored][self.epochs.index(self.best)]

    @property
    def title(self) -> str:
        """The name as a sentence has it."""
        return self.name.replace("_", " ")

    @property
    def is_share(self) -> bool:
        """Whether the values are shares of the samples, from 0 to 1."""
        return self.name.endswith("accuracy")

    @property
    def best_sentence(self) -> str:
        """The best epoch, counted from 1, and its value: ``best test accuracy 95.28% in epoch 23``."""
        if self.best is None:
            return f"no {self.name} is finite"
        value = self._text(self.best_value)
        return f"best {part_name(self.monitored)} {self.title} {value} in epoch {epoch_number(self.best)}"

    @property
    def sentence(self) -> str:
        """The first and the last value of each part, and the best epoch."""
        parts = [
            f"{part_name(part)} from {self._text(values[0])} to {self._text(values[-1])}"
            for part, values in self.values.items()
        ]
        return f"{self.title.capitalize()}: {', '.join(parts)}; {self.best_sentence}."

    def to_dict(self) -> dict[str, Any]:
        """Return the curve and its best value as JSON has them, with epochs from 0."""
        return {
            "name": self.name, "better": self.better, "epochs": list(self.epochs),
            "values": {part: list(values) for part, values in self.values.items()},
            "judge": self.monitored, "best": self.best, "best_value": self.best_value,
        }  # fmt: skip

    def _text(self, value: float | None) -> str:
        if value is None:
            return "no number"
        return metric_text(self.name, value) if self.is_share else format_number(value, 4)


def learning_curves(history: Sequence[Mapping[str, Any]], metrics: Sequence[Metric], task: Task) -> tuple[Curve, ...]:
    """Return the curves of a history: the costs, then every metric; none where no epoch was trained."""
    directions: dict[str, Literal["higher", "lower"]] = {"cost": "lower", "cost_with_penalty": "lower"}
    directions |= {name: metric.better for metric in metrics for name in metric.history_names(task)}
    epochs = tuple(int(row["epoch"]) for row in history)
    curves = []
    for name, better in directions.items():
        keys = {part: name if part == "train" else f"{part}_{name}" for part in PARTS}
        values = {
            part: tuple(float(row[key]) if math.isfinite(row[key]) else None for row in history)
            for part, key in keys.items()
            if history and all(is_number(row.get(key)) for row in history)
        }
        if values:
            monitored = next(part for part in ("validation", "test", "train") if part in values)
            curves.append(Curve(name, better, epochs, values, monitored, _best(epochs, values[monitored], better)))
    return tuple(curves)


def _best(epochs: Sequence[int], values: Sequence[float | None], better: str) -> int | None:
    sign = -1.0 if better == "higher" else 1.0
    known = [(sign * value, epoch) for epoch, value in zip(epochs, values, strict=True) if value is not None]
    return min(known)[1] if known else None
