"""The path of θ through parameter space while a network is trained, as a bounded number of points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from modnet.analysis.progress import Progress
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import DivergenceError
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.plugins.hookspecs import hookimpl
from modnet.data.prepared import Samples
from modnet.network.evaluate import evaluate
from modnet.network.network import Network, Vector
from modnet.training.trainer import Trainer

__all__ = ["Trajectory", "cost_of", "record"]

_EARLY = 12
"""How dense the first points are: each is at most 1/8 further than the one before, with 100 points on a path."""


@dataclass(frozen=True)
class Trajectory:
    """The path of one training.

    Attributes:
        network: The trained network, at the last point.
        parameters: θ at every point, from the start to the end.
        updates: The number of updates before each point, (points,).
        passes: The number of passes over the training samples before each point, (points,).
        costs: The mean cost of some samples at each point, penalties included, (points,).
        length: The sum of the lengths of all updates, recorded or not.
    """

    network: Network
    parameters: list[Vector]
    updates: NDArray[np.int64]
    passes: NDArray[np.float64]
    costs: NDArray[np.float64]
    length: float


def cost_of(network: Network, samples: Samples) -> float:
    """Return the mean cost of these samples at the network's θ, penalties included, as a trained network has it."""
    return evaluate(network, samples, ()).compute()["cost"] + network.penalty()


def record(config: RunConfig, data: Data, samples: Samples, points: int, progress: Progress) -> Trajectory:
    """Train by a configuration, without its callbacks, and return the path.

    ``points`` are spread evenly over the updates, and more (about 50) lie close together at the start. Where an
    optimizer makes more updates than it announces, they get rarer. A solver makes one update an epoch.

    Raises:
        ConfigError: the configured network does not fit the data.
        DataError: samples or labels cannot be used.
        DivergenceError: the training diverged; the error names the optimizer.
    """
    recorder = _Recorder(samples, points, progress)
    trainer = Trainer(config.model_copy(update={"callbacks": (_Recording(recorder),)}))
    try:
        network = trainer.fit(*data.train, validation=data.validation, test=data.test).network
    except DivergenceError as error:
        place = {"epoch": error.epoch, "update": error.update, "layer": error.layer}
        raise DivergenceError(f"optimizer '{config.optimizer.kind}': {error}", **place) from None
    counts = np.array(recorder.updates), np.array(recorder.passes)
    return Trajectory(network, recorder.parameters, *counts, np.array(recorder.costs), recorder.length)


class _Recording(Callback):
    """A callback of no distribution, for one listener that exists already."""

    kind: Literal["recording"] = "recording"
    _listener: object = PrivateAttr()

    def __init__(self, listener: object) -> None:
        super().__init__(kind="recording")
        self._listener = listener

    def listener(self) -> object:
        return self._listener


class _Recorder:
    """Keeps θ at some of the updates of one training."""

    def __init__(self, samples: Samples, points: int, progress: Progress) -> None:
        self.parameters: list[Vector] = []
        self.updates: list[int] = []
        self.passes: list[float] = []
        self.costs: list[float] = []
        self.length = 0.0
        self._samples, self._points, self._progress = samples, points, progress
        self._made = self._before_epoch = self._next = 0

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        config = training.config
        self._announced = max(1, config.epochs * config.optimizer.updates(len(training.train)))
        self._stride = math.ceil(self._announced / self._points)
        self._theta, self._update = training.parameters.copy(), np.empty_like(training.parameters)
        self._keep(training)
        self.passes.append(0.0)

    @hookimpl
    def modnet_epoch_start(self, training: TrainingView) -> None:
        del training
        self._before_epoch = self._made

    @hookimpl
    def modnet_batch_end(self, training: TrainingView) -> None:
        self._follow(training)

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        del row
        epoch, epochs = training.epoch, training.config.epochs
        if not np.array_equal(training.parameters, self._theta):  # a solver wrote to θ
            self._follow(training)
        if epoch + 1 == epochs and self.updates[-1] != self._made:
            self._keep(training)
        # How many updates make a pass is only known now: an optimizer may announce another number.
        in_epoch = max(1, self._made - self._before_epoch)
        self.passes += [epoch + (made - self._before_epoch) / in_epoch for made in self.updates[len(self.passes) :]]
        self._progress(training.config.optimizer.kind, epoch + 1, epochs)

    def _follow(self, training: TrainingView) -> None:
        np.subtract(training.parameters, self._theta, out=self._update)
        self.length += math.sqrt(np.dot(self._update, self._update))
        self._theta[...] = training.parameters
        self._made += 1
        if self._made >= self._next:
            self._keep(training)

    def _keep(self, training: TrainingView) -> None:
        self.parameters.append(self._theta.copy())
        self.updates.append(self._made)
        self.costs.append(cost_of(training.network, self._samples))
        stride = self._stride * max(1, self._made // self._announced)
        self._next = self._made + max(1, min(stride, self._made * _EARLY // self._points))
