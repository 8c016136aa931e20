"""Stochastic weight averaging: the trained network gets the mean of the θ of the last epochs."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from modnet.components.callbacks.monitoring import key_of
from modnet.core.arrays import Array
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.plugins.hookspecs import hookimpl

__all__ = ["Average"]


class Average(Callback):
    """Averages θ over the ends of the last epochs, and gives the mean to the network when the training ends.

    Then the layers' states (the running means of normalisations) are estimated anew at the mean. The training itself,
    its history and its checkpoints are those without averaging. Where another callback restores parameters at the end,
    too (``early-stopping``), the one that is named last decides. Source: Izmailov, Podoprikhin, Garipov, Vetrov and
    Wilson, "Averaging Weights Leads to Wider Optima and Better Generalization" (2018).
    """

    kind: Literal["average"] = "average"
    unique: ClassVar[bool] = True
    also_known_as: ClassVar[tuple[str, ...]] = ("swa", "stochastic-weight-averaging")
    start: int | None = Field(
        default=None,
        ge=0,
        description="after how many epochs the averaging starts; the next one's θ is the first. By default after three "
        "quarters of them",
    )
    every_epochs: int = Field(default=1, ge=1, description="epochs between two θ that are averaged")

    def listener(self) -> object:
        """Return a listener that keeps the mean."""
        return _Listener(self)


class _Listener:
    def __init__(self, options: Average) -> None:
        self._options = options
        self._start = self._count = 0
        self._mean: Array | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the first epoch, and the mean with the number of θ in it."""
        return {"start": self._start, "count": self._count, "mean": self._mean}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._start, self._count, self._mean = state["start"], state["count"], state["mean"]

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        start, epochs = self._options.start, training.config.epochs
        self._start = epochs * 3 // 4 if start is None else start
        if self._start >= epochs > 0:
            raise ConfigError(f"{key_of(self._options, training)}.start: {start} should be less than epochs ({epochs})")

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView) -> None:
        since = training.epoch - self._start
        if since >= 0 and since % self._options.every_epochs == 0:
            theta = training.parameters
            self._count += 1
            self._mean = theta.copy() if self._mean is None else self._mean + (theta - self._mean) / self._count

    @hookimpl
    def modnet_fit_end(self, training: TrainingView) -> None:
        if self._mean is not None and training.ended:  # not where the training was interrupted or has failed
            training.restore({**training.snapshot(), "parameters": self._mean})
            training.update_bn()
