"""Short trainings of changed configurations from the same seed, judged by samples that none of them learns from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.gradients.diagnosis import FEW_UPDATES, Diagnosis, findings
from modnet.analysis.gradients.gradient_flow import GradientFlow, drawn, flow_through
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data, Pair
from modnet.core.errors import ConfigError, DivergenceError
from modnet.core.interfaces import Metric
from modnet.core.random import Stream, generator
from modnet.data.prepared import Samples
from modnet.data.scaling import split
from modnet.network.evaluate import evaluate
from modnet.training.setup import build, check_optimizer, split_data
from modnet.training.trainer import Trainer

__all__ = ["LONG", "SHORT", "Trial", "TrialRunner", "rate_at"]

SHORT = FEW_UPDATES
"""The updates of a trial of a candidate."""
LONG = 5000
"""The most updates of a trial that a verdict rests on; it has as many as are configured."""

_Rows: TypeAlias = NDArray[np.intp]
_HELD_OUT, _MOST_HELD_OUT = 0.2, 2000
_FEWEST = 100
"""With fewer samples none are held out: they would judge nothing, and be missed."""
_BYTES = 64 << 20
_WORK = 3e11
"""Floating-point operations of a long trial: some ten seconds."""


@dataclass(frozen=True)
class Trial:
    """What came of one short training.

    What judges is held out, but for the rehearsal of a configuration as it is: there, what it learns from.

    Attributes:
        patch: What was changed: dotted keys and values, as ``--set`` takes them.
        updates: How many updates were made.
        figure: The name of the figure that trials are compared by: ``accuracy`` for classes, ``r2`` otherwise.
        value: That figure of the samples that judge; None where the numbers left the finite ones.
        start: The flow before the first update.
        end: The flow after the last; None as above.
        findings: What is wrong; known for trials of at least some hundred updates.
    """

    patch: Mapping[str, Any]
    updates: int
    figure: str
    value: float | None
    start: GradientFlow
    end: GradientFlow | None
    findings: tuple[Diagnosis, ...] = field(default=())

    @property
    def score(self) -> float:
        """The figure, for comparing; −∞ where there is none."""
        return -math.inf if self.value is None else self.value

    def to_dict(self) -> dict[str, Any]:
        """Return what was changed and what came of it, as JSON has it."""
        return {
            "patch": dict(self.patch),
            "updates": self.updates,
            self.figure: self.value,
            "cost": None if self.end is None else self.end.to_dict()["cost"],
            "findings": [finding.kind for finding in self.findings],
        }


def rate_at(config: RunConfig, epoch: int) -> float:
    """Return the learning rate at the start of an epoch."""
    return config.optimizer.learning_rate * config.optimizer.schedule(epoch, config.epochs)


class TrialRunner:
    """The samples that trials learn from, and those that they are judged by: both from the training samples.

    Attributes:
        held_out: How many samples are held out; 0 where there are too few, and all judge what all teach.
    """

    def __init__(self, config: RunConfig, data: Data, samples: int) -> None:
        self._seed, self._samples = config.seed, samples
        self._x, self._targets = split_data(config, data)["train"]
        every = np.arange(len(self._x))
        self._every, self._pool, self._judges, self.held_out = every, every, every, 0
        if len(every) >= _FEWEST:
            share = min(_HELD_OUT, _MOST_HELD_OUT / len(every))
            pool, judges = split(self._targets, share, generator(config.seed, Stream.SAMPLE, 2))
            if self._takes(config, len(pool)):
                self._pool, self._judges, self.held_out = pool, judges, len(judges)

    def long(self, config: RunConfig, parameters: int) -> int:
        """Return the updates of a long trial of a network of so many parameters: as many as configured, in bounds."""
        each = config.optimizer.updates(len(self._every))
        ctx = 6 * parameters * len(self._every) / each
        return max(SHORT, min(LONG, config.epochs * each, int(_WORK / ctx)))

    def baseline(self, config: RunConfig, updates: int) -> Trial:
        """Train by a configuration on every training sample: within bounds, the very training that it asks for.

        Raises:
            ConfigError: the configuration does not fit the data.
        """
        return self._trial(config, updates, {}, self._every, self._every)

    def trial(self, config: RunConfig, updates: int, patch: Mapping[str, Any]) -> Trial:
        """Train by a configuration that ``patch`` has changed on what is not held out.

        Raises:
            ConfigError: the configuration does not fit the data.
        """
        return self._trial(config, updates, patch, self._pool, self._judges)

    def _trial(self, config: RunConfig, updates: int, patch: Mapping[str, Any], pool: _Rows, judges: _Rows) -> Trial:
        """Train for so many updates or a few more, without the configured callbacks."""
        rows = self._rows(config, updates, pool)
        each = config.optimizer.updates(len(rows))
        epochs = -(-updates // each)
        dataset = config.data.model_copy(update={"validation_share": 0.0})
        config = config.model_copy(update={"epochs": epochs, "callbacks": (), "data": dataset})
        data, rule = Data(self._pair(rows)), config.optimizer.rule
        network, parts, _ = build(config, data, None)
        figure = "r2" if network.classes is None else "accuracy"
        sample = drawn(parts["train"], self._samples, config.seed)
        start = flow_through(network, sample, rule, rate_at(config, 0), seed=config.seed)
        try:
            run = Trainer(config).fit(*data.train)
        except DivergenceError as error:
            wrong = Diagnosis("diverged", (error.layer,), (), str(error))
            return Trial(patch, error.update, figure, None, start, None, (wrong,))
        end = flow_through(run.network, sample, rule, rate_at(config, epochs - 1), seed=config.seed)
        x, targets = self._x[judges], self._targets.take(judges)
        judging = Samples(run.network.preprocess(x), targets.astype(network.dtype, "training y"))
        value = evaluate(run.network, judging, [Metric.resolve(figure)]).compute()[figure]
        found = findings(start, end, None if network.classes is None else network.classes.tolist())
        return Trial(patch, run.updates, figure, value, start, end, found)

    def _rows(self, config: RunConfig, updates: int, rows: _Rows) -> _Rows:
        """Return as many of these rows as so many updates see in one pass, with each class among them."""
        most = max(_FEWEST, _BYTES // max(1, self._x[:1].nbytes))
        low, high = 1, min(len(rows), most)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if config.optimizer.updates(middle) <= updates else (low, middle - 1)
        if low == len(rows) or not self._takes(config, low):
            return rows
        kept, _ = split(self._targets.take(rows), 1.0 - low / len(rows), generator(self._seed, Stream.SAMPLE, 3))
        return rows[kept]

    def _takes(self, config: RunConfig, samples: int) -> bool:
        try:
            check_optimizer(config, samples)
        except ConfigError:
            return False
        return True

    def _pair(self, rows: _Rows) -> Pair:
        targets = self._targets.take(rows)
        return self._x[rows], targets.values if targets.classes is None else targets.classes[targets.codes]
