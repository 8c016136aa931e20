"""Reduce the learning rate when the monitored metric no longer improves."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from modnet.components.callbacks.monitoring import score_of, sign_of
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.plugins.hookspecs import hookimpl

__all__ = ["ReduceOnPlateau"]


class ReduceOnPlateau(Callback):
    """Multiplies the learning rate by ``factor`` after ``patience`` epochs without an improvement.

    It changes ``training.learning_rate_factor``, and so works with every schedule; the history shows the rate of each
    epoch. As ``ReduceLROnPlateau`` of Keras and PyTorch, with Keras's way of counting ``patience`` (PyTorch waits for
    one epoch more) and PyTorch's of counting ``cooldown``.
    """

    kind: Literal["reduce-on-plateau"] = "reduce-on-plateau"
    also_known_as: ClassVar[tuple[str, ...]] = ("reduce-lr-on-plateau", "adaptive")
    monitor: str = Field(
        default="validation_cost",
        description="which metric of the history; whether higher or lower is better follows from the metric",
    )
    factor: float = Field(default=0.1, gt=0, lt=1, description="what the learning rate is multiplied by")
    patience: int = Field(default=10, ge=1, description="epochs without an improvement after which it is reduced")
    minimum_gain: float = Field(default=0.0, ge=0, description="an improvement is a change by more than this")
    cooldown: int = Field(
        default=0, ge=0, description="epochs after a reduction that do not count as epochs without one"
    )
    minimum_rate: float = Field(default=0.0, ge=0, description="the learning rate is not reduced below this")

    def listener(self) -> object:
        """Return a listener that remembers the best score and counts epochs."""
        return _Listener(self)


class _Listener:
    def __init__(self, options: ReduceOnPlateau) -> None:
        self._options = options
        self._sign = 1.0
        self._best: float | None = None
        self._waited = self._cooling = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the best score, and the counts of epochs without an improvement and of those left to cool down."""
        return {"best": self._best, "waited": self._waited, "cooling": self._cooling}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._best, self._waited, self._cooling = state["best"], state["waited"], state["cooling"]

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        self._sign = sign_of(self._options.monitor, training, self._options)

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        options = self._options
        score = score_of(row, options.monitor, self._sign)
        self._waited += 1
        if self._best is None or score > self._best + options.minimum_gain:
            self._best, self._waited = score, 0
        if self._cooling:
            self._cooling, self._waited = self._cooling - 1, 0
        if self._waited >= options.patience:
            self._reduce(training)

    def _reduce(self, training: TrainingView) -> None:
        options, rate = self._options, training.learning_rate
        if rate > options.minimum_rate:
            training.learning_rate_factor *= max(options.factor, options.minimum_rate / rate)
            self._waited, self._cooling = 0, options.cooldown
