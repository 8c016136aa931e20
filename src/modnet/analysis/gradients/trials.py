"""Short trainings of changed configurations from the same seed, evaluated on samples that none of them learns from."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.gradients.diagnosis import FEW_UPDATES, Diagnosis, diagnose
from modnet.analysis.gradients.gradient_flow import GradientFlow, flow_through, subsample
from modnet.analysis.jsonable import jsonable
from modnet.analysis.open_run import all_rows
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data, Pair
from modnet.core.errors import ConfigError, DataError, DivergenceError
from modnet.core.interfaces import Metric, Position
from modnet.core.interfaces.dataset import ClassWeight
from modnet.core.random import Stream, generator
from modnet.data.labels import Targets
from modnet.data.prepared import Samples
from modnet.data.splitting import split
from modnet.data.table import rows_at
from modnet.data.weights import with_class_weights
from modnet.network.evaluate import evaluate
from modnet.network.network import Network
from modnet.training.scores import ClassScores, score
from modnet.training.setup import build, check_optimizer, split_data
from modnet.training.trainer import Trainer

__all__ = ["SHORT", "Trial", "TrialRunner", "diagnose_trained", "flow_at"]

SHORT = FEW_UPDATES
"""The updates of a short trial."""
LONG = 5000
"""The most updates of a long trial, which a verdict is based on; otherwise it has as many as are configured."""

_Rows: TypeAlias = NDArray[np.intp]
_HELD_OUT, _MOST_HELD_OUT = 0.2, 2000
_FEWEST = 100
"""With fewer samples none are held out: they would say little, and be missed in the training."""
_BYTES = 64 << 20
_WORK = 3e11
"""The floating-point operations of a long trial: about ten seconds."""


@dataclass(frozen=True)
class Trial:
    """The result of one short training.

    It is evaluated on samples that were held out; a baseline, on the samples that it learns from.

    Attributes:
        patch: What was changed: dotted keys and values, as ``--set`` takes them.
        updates: The number of updates.
        metric, value: What trials are compared by, ``accuracy`` for classes, ``balanced_accuracy`` where these are
            uneven, ``r2`` otherwise, and its value; None where the training diverged.
        start, end: The gradient flow before the first update, and after the last; None as above.
        diagnoses: What is wrong.
    """

    patch: Mapping[str, Any]
    updates: int
    metric: str
    value: float | None
    start: GradientFlow
    end: GradientFlow | None
    diagnoses: tuple[Diagnosis, ...] = ()

    @property
    def score(self) -> float:
        """The value, for comparisons; −∞ where there is none."""
        return -math.inf if self.value is None else self.value

    def to_dict(self) -> dict[str, Any]:
        """Return what was changed and its effect, as a JSON-serializable dict."""
        return {
            "patch": dict(self.patch),
            "updates": self.updates,
            self.metric: self.value,
            "cost": None if self.end is None else jsonable(self.end.cost),
            "findings": [diagnosis.kind for diagnosis in self.diagnoses],
        }


def flow_at(network: Network, samples: Samples, config: RunConfig, epoch: int) -> GradientFlow:
    """Return the gradient flow of a network, with the learning rate at the start of an epoch."""
    updates = config.optimizer.updates(len(samples))
    at = Position(epoch, config.epochs, epoch * updates, config.epochs * updates)
    rate = config.optimizer.learning_rate * config.optimizer.schedule(at)
    return flow_through(network, samples, config.optimizer.rule, rate, seed=config.seed)


def diagnose_trained(
    network: Network, samples: Samples, start: GradientFlow, end: GradientFlow
) -> tuple[Diagnosis, ...]:
    """Return what is wrong with a trained network; of one answer only, all training samples are asked."""
    classes = end.scores.classes
    scores = score(network, samples) if classes is not None and classes.answer is not None else end.scores
    return diagnose(start, end, network.classes, scores)


class TrialRunner:
    """Runs trials on the training samples: most are learnt from, the others are held out for the evaluation.

    Attributes:
        held_out: The number of samples that are held out. Where there are too few it is 0, and all serve both.
        uneven: Whether accuracy alone would mislead, so that trials are compared by the balanced one.
    """

    def __init__(self, config: RunConfig, data: Data, samples: int) -> None:
        self._seed, self._samples = config.seed, samples
        self._x, self._targets, self._weights, _, groups = split_data(config, data)["train"]
        self._class_weight, self.uneven = config.data.class_weight, _are_uneven(self._targets)
        self._all = np.arange(len(self._x))
        self._updates_per_epoch = config.optimizer.updates(len(self._x))
        self._pool, self._evaluated, self.held_out = self._all, self._all, 0
        if len(self._all) >= _FEWEST:
            share = min(_HELD_OUT, _MOST_HELD_OUT / len(self._all))
            rng = generator(config.seed, Stream.SAMPLE, 2)
            try:
                pool, held_out = split(self._targets, share, rng, groups)
            except DataError:  # there are too few groups
                return
            if _is_enough(config, len(pool)):
                self._pool, self._evaluated, self.held_out = pool, held_out, len(held_out)

    @property
    def evaluated(self) -> int:
        """The number of samples that trials are evaluated on."""
        return len(self._evaluated)

    @property
    def updates_per_epoch(self) -> int:
        """The number of updates of an epoch of all training samples, with the configured optimizer."""
        return self._updates_per_epoch

    def long_updates(self, config: RunConfig, parameters: int) -> int:
        """Return the updates of a long trial of a network of so many parameters: as many as configured, in bounds."""
        per_epoch = config.optimizer.updates(len(self._all))
        work = 6 * parameters * len(self._all) / per_epoch
        return max(SHORT, min(LONG, config.epochs * per_epoch, int(_WORK / work)))

    def trial(self, config: RunConfig, updates: int, patch: Mapping[str, Any], *, hold_out: bool = True) -> Trial:
        """Train for so many updates or a few more, without the configured callbacks, and evaluate.

        ``patch`` is what was changed in the configuration. Without ``hold_out``, all training samples are learnt from:
        the trial is, within bounds, the training that the configuration asks for.

        Raises:
            ConfigError: the configuration does not fit the data.
        """
        pool, evaluated = (self._pool, self._evaluated) if hold_out else (self._all, self._all)
        rows = self._rows(config, updates, pool)
        epochs = -(-updates // config.optimizer.updates(len(rows)))
        class_weight = None if config.data.class_weight == self._class_weight else config.data.class_weight
        shorter = {"epochs": epochs, "callbacks": (), "metrics": None}
        config = all_rows(config).model_copy(update=shorter)  # nothing is held out from them, and they have weights
        data = Data(self._pair(rows, class_weight))
        try:
            network, parts, _ = build(config, data, None)
        except ConfigError:  # perhaps a last batch that is too short for a layer, which one sample fewer does not leave
            data = Data(self._pair(rows[:-1], class_weight))
            network, parts, _ = build(config, data, None)
        kind = "accuracy" if network.task.classes or network.multi_label else "r2"
        metric = Metric.resolve("balanced-accuracy" if self.uneven else kind).for_task(network.task)
        sample = subsample(parts["train"], self._samples, config.seed)
        start = flow_at(network, sample, config, 0)
        try:
            run = Trainer(config.alone(), checks=False).fit(*data.train)
        except DivergenceError as error:
            diverged = Diagnosis("diverged", (error.layer,), (), str(error))
            return Trial(patch, error.update, metric.label, None, start, None, (diverged,))
        end = flow_at(run.network, sample, config, epochs - 1)
        x, targets, weights = rows_at(self._x, evaluated), self._targets.take(evaluated), self._weights_of(evaluated)
        held_out = Samples(run.network.preprocess(x), run.network.preprocess_targets(targets), weights)
        value = evaluate(run.network, held_out, [metric]).compute()[metric.label]
        diagnoses = diagnose_trained(run.network, parts["train"], start, end)
        return Trial(patch, run.updates, metric.label, value, start, end, diagnoses)

    def _rows(self, config: RunConfig, updates: int, rows: _Rows) -> _Rows:
        """Return as many of these rows as so many updates see in one pass, with each class among them."""
        most = max(_FEWEST, _BYTES // max(1, self._x[:1].nbytes))
        counts = range(1, min(len(rows), most) + 1)
        count = max(1, bisect_right(counts, updates, key=config.optimizer.updates))
        if count == len(rows) or not _is_enough(config, count):
            return rows
        chosen, _ = split(self._targets.take(rows), 1.0 - count / len(rows), generator(self._seed, Stream.SAMPLE, 3))
        return rows[chosen]

    def _pair(self, rows: _Rows, class_weight: ClassWeight | None) -> Pair:
        targets, weights = self._targets.take(rows), self._weights_of(rows)
        if class_weight is not None:
            weights = with_class_weights(class_weight, targets, weights)
        return self._x[rows], targets.as_given(), weights

    def _weights_of(self, rows: _Rows) -> NDArray[np.float64] | None:
        return None if self._weights is None else self._weights[rows]


def _are_uneven(targets: Targets) -> bool:
    if targets.classes is None or targets.codes is None:
        return False
    counts = np.bincount(targets.codes, minlength=len(targets.classes)).astype(np.float64)
    return ClassScores.of(counts, counts, counts, len(targets)).uneven


def _is_enough(config: RunConfig, samples: int) -> bool:
    """Return whether the optimizer can work with so many samples."""
    try:
        check_optimizer(config, samples)
    except ConfigError:
        return False
    return True
