"""Run: the result of one training, and how it prints itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from modnet.config.run_config import RunConfig
from modnet.core import presentation
from modnet.core.interfaces import Metric
from modnet.core.messages import counted
from modnet.core.numbers import format_number
from modnet.data.prepared import Samples
from modnet.network.evaluate import evaluate
from modnet.network.network import Network
from modnet.training.problem import Problem, find_problem
from modnet.training.scores import Scores, score

__all__ = ["Run", "main_metric", "metric_text", "part_name"]


@dataclass(frozen=True)
class Run:
    """One training that ended.

    Attributes:
        config: Its configuration, with every default.
        network: What was trained.
        history: A row for each epoch: epoch (from 0), learning_rate (at the epoch's first update), cost and metrics of
            the training samples (as they were met, before their update), the same with ``validation_`` and ``test_``
            before them (after the epoch), and seconds.
        updates: How many updates were made.
        seconds: How long it took.
        test: Cost and metrics of the finished network on the test samples; empty where there are none.
        metrics: The metrics beside the cost.
        samples: The samples for ``train``, ``validation`` and ``test``, as they entered the network.
        stopped: Why the training ended before its last epoch, or None.
        folder: The run folder, or None.
        warnings: What was warned of before the first epoch, and after the first updates.
        rule_state: The state of the update rule at the end, with which a training from this run goes on.
        engine: The kind of the engine, and what its results depend on: versions, threads, perhaps its device.
    """

    config: RunConfig
    network: Network
    history: list[dict[str, Any]]
    updates: int
    seconds: float
    test: dict[str, float] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = field(default=(), repr=False)
    samples: dict[str, Samples] = field(default_factory=dict, repr=False)
    stopped: str | None = None
    folder: Path | None = None
    warnings: tuple[str, ...] = ()
    rule_state: Mapping[str, Any] = field(default_factory=dict, repr=False)
    engine: Mapping[str, str | int | float] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        metrics = [
            f"{name.replace('_', ' ')} {self.metric_value(name, value)}" for name, value in self._final().items()
        ]
        return f"<modnet run: {'; '.join(filter(None, [self.length, ', '.join(metrics)]))}>\n{self.network!r}"

    def _repr_html_(self) -> str:
        """Return tables of what the run reached, for notebooks."""
        return presentation.views().run_html(self)

    def plot(self) -> Any:
        """Return a matplotlib figure with the learning curves, which a notebook shows.

        Raises:
            ConfigError: matplotlib is not installed, or no epoch was trained.
        """
        return presentation.views().run_figure(self)

    @property
    def length(self) -> str:
        """How long the training was, why it ended early, and the run folder, as ``30 epochs, 4,320 updates, 1.2 s``."""
        epochs = counted(len(self.history), "epoch")
        updates = counted(self.updates, "update")
        stopped = f" (stopped: {self.stopped})" if self.stopped else ""
        folder = "" if self.folder is None else f", in {self.folder}"
        return f"{epochs}, {updates}, {self.seconds:.1f} s{stopped}{folder}"

    def _final(self) -> dict[str, float]:
        """Return the metrics of the test samples, or without any those of the last epoch."""
        if self.test:
            return {f"test_{name}": value for name, value in self.test.items()}
        last = self.history[-1] if self.history else {}
        return {name: value for name, value in last.items() if name not in ("epoch", "learning_rate", "seconds")}

    def metric_value(self, name: str, value: float) -> str:
        """Return a value of the history as people read it, by its name: an accuracy of uneven classes never alone."""
        text, part = metric_text(name, value), name.removesuffix("accuracy")
        if part == name or part not in ("", "test_", "validation_"):
            return text
        classes = self.scores(part.removesuffix("_") or "train").classes
        if classes is None or not classes.uneven:
            return text
        # In the last epoch, the network may have been another one than in the end.
        remark = classes.remark(self.network.classes, balanced=math.isclose(value, classes.accuracy))
        return f"{text} ({remark})"

    @cached_property
    def _scores(self) -> dict[str, Scores]:
        return {}

    def scores(self, part: str) -> Scores:
        """Return how good the predictions for ``train``, ``validation`` or ``test`` are, beside a constant answer.

        Raises:
            KeyError: the run has no such part.
        """
        if part not in self._scores:
            self._scores[part] = score(self.network, self.samples[part])
        return self._scores[part]

    def problem(self, part: str = "train") -> Problem | None:
        """Return why the network has not learnt, as the samples of a part show it, or None where it has.

        Raises:
            KeyError: the run has no such part.
        """
        return find_problem(self.scores(part), self.network.classes, part_name(part))

    def evaluate(self, part: str) -> dict[str, float]:
        """Return cost and metrics of the finished network on ``train``, ``validation`` or ``test``.

        Raises:
            KeyError: the run has no such part.
        """
        return evaluate(self.network, self.samples[part], self.metrics).compute()


def part_name(part: str) -> str:
    """Return what sentences call ``train``, ``validation``, ``test`` or ``given`` samples."""
    return "training" if part == "train" else part


def main_metric(metrics: Mapping[str, float]) -> str:
    """Return the name of the metric that a headline is about."""
    return next((name for name in ("accuracy", "r2") if name in metrics), "cost")


def metric_text(name: str, value: float) -> str:
    """Return a metric's value as people read it: a share in per cent, anything else with six digits."""
    return f"{value:.2%}" if name.endswith("accuracy") else format_number(value, 6)
