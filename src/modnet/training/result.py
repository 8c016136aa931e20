"""Run: the result of one training, and how it prints itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modnet.config.run_config import RunConfig
from modnet.core.interfaces import Metric
from modnet.core.messages import counted
from modnet.core.numbers import format_number
from modnet.data.prepared import Samples
from modnet.network.evaluate import evaluate
from modnet.network.network import Network

__all__ = ["Run", "metric_text"]


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

    def __repr__(self) -> str:
        metrics = [f"{name.replace('_', ' ')} {metric_text(name, value)}" for name, value in self._final().items()]
        epochs = counted(len(self.history), "epoch")
        updates = counted(self.updates, "update")
        stopped = f" (stopped: {self.stopped})" if self.stopped else ""
        folder = "" if self.folder is None else f", in {self.folder}"
        length = f"{epochs}, {updates}, {self.seconds:.1f} s{stopped}{folder}"
        return f"<modnet run: {'; '.join(filter(None, [length, ', '.join(metrics)]))}>\n{self.network!r}"

    def _final(self) -> dict[str, float]:
        """Return the metrics of the test samples, or without any those of the last epoch."""
        if self.test:
            return {f"test_{name}": value for name, value in self.test.items()}
        last = self.history[-1] if self.history else {}
        return {name: value for name, value in last.items() if name not in ("epoch", "learning_rate", "seconds")}

    def evaluate(self, part: str) -> dict[str, float]:
        """Return cost and metrics of the finished network on ``train``, ``validation`` or ``test``.

        Raises:
            KeyError: the run has no such part.
        """
        return evaluate(self.network, self.samples[part], self.metrics).compute()


def metric_text(name: str, value: float) -> str:
    """Return a metric's value as people read it: a share in per cent, anything else with six digits."""
    return f"{value:.2%}" if name.endswith("accuracy") else format_number(value, 6)
