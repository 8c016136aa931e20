"""The path of θ through parameter space while a network is trained, as a bounded number of points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

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

__all__ = ["SurfacePath", "Trajectory", "cost_of", "record"]

_EARLY = 12
"""How dense the first points are: each is at most 1/8 further than the one before, with 100 points on a path."""


@dataclass(frozen=True)
class SurfacePath:
    """One optimizer's path.

    Attributes:
        optimizer: Its kind.
        updates, passes: The numbers of updates and of passes over the training samples before each point, (points,).
        costs: The mean cost of some samples at each point, penalties included, (points,).
        detour: The length of the path, every update counted, divided by the distance from its start to its end: 1 is a
            straight line. None where the end is the start.
        rises: The number of points at which the cost is higher than at the point before.
    """

    optimizer: str
    updates: NDArray[np.int64]
    passes: NDArray[np.float64]
    costs: NDArray[np.float64]
    detour: float | None
    rises: int


class Trajectory(NamedTuple):
    """A path, θ at each of its points, and the trained network, which is at the last."""

    path: SurfacePath
    parameters: list[Vector]
    network: Network


def cost_of(network: Network, samples: Samples) -> float:
    """Return the mean cost of these samples at the network's θ, penalties included, as a trained network has it."""
    accumulator = evaluate(network, samples, ())
    return accumulator.compute()["cost"] + network.penalty(accumulator.weight)


def record(config: RunConfig, data: Data, samples: Samples, points: int, progress: Progress) -> Trajectory:
    """Train by a configuration, without its callbacks, and return the path.

    ``points`` are spread evenly over the updates, and more (about 50) lie close together at the start. Where an
    optimizer makes more updates than it announces, they get rarer. A solver makes one update an epoch.

    Raises:
        ConfigError: the configured network does not fit the data.
        DataError: samples or labels cannot be used.
        DivergenceError: the training diverged; the error names the optimizer.
    """
    recorder, optimizer = _Recorder(samples, points, progress), config.optimizer.kind
    trainer = Trainer(config.alone().model_copy(update={"callbacks": (_Recording(recorder),)}), checks=False)
    try:
        network = trainer.fit(*data.train, validation=data.validation, test=data.test).network
    except DivergenceError as error:
        place = {"epoch": error.epoch, "update": error.update, "layer": error.layer}
        raise DivergenceError(f"optimizer '{optimizer}': {error}", **place) from None
    start, end = (recorder.parameters[index].astype(np.float64) for index in (0, -1))
    distance = math.sqrt(np.dot(end - start, end - start))
    detour, costs = recorder.length / distance if distance else None, np.array(recorder.costs)
    counts = np.array(recorder.updates), np.array(recorder.passes)
    path = SurfacePath(optimizer, *counts, costs, detour, int(np.count_nonzero(np.diff(costs) > 0)))
    return Trajectory(path, recorder.parameters, network)


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
        self._theta = training.parameters.copy()
        self._keep(training)
        self.passes.append(0.0)

    @hookimpl
    def modnet_batch_end(self, training: TrainingView) -> None:
        update = training.parameters - self._theta
        self.length += math.sqrt(np.dot(update, update))
        self._theta[...] = training.parameters
        self._made += 1
        if self._made >= self._next:
            self._keep(training)

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        epoch, epochs = row["epoch"], training.config.epochs
        if not np.array_equal(training.parameters, self._theta):  # a solver wrote to θ
            self.modnet_batch_end(training)
        if epoch + 1 == epochs and self.updates[-1] != self._made:
            self._keep(training)
        # How many updates make a pass is only known now: an optimizer may announce another number.
        in_epoch = max(1, self._made - self._before_epoch)
        self.passes += [epoch + (made - self._before_epoch) / in_epoch for made in self.updates[len(self.passes) :]]
        self._before_epoch = self._made
        self._progress(training.config.optimizer.kind, epoch + 1, epochs)

    def _keep(self, training: TrainingView) -> None:
        self.parameters.append(self._theta.copy())
        self.updates.append(self._made)
        self.costs.append(cost_of(training.network, self._samples))
        stride = self._stride * max(1, self._made // self._announced)
        self._next = self._made + max(1, min(stride, self._made * _EARLY // self._points))
