"""Early stopping: end the training when it no longer helps, and go back to the best."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from modnet.components.callbacks.monitoring import sign_of
from modnet.core.interfaces import Callback
from modnet.core.plugins.hookspecs import hookimpl
from modnet.training.loop import TrainingLoop, TrainState

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Stops after ``patience`` epochs without a gain of more than ``minimum_gain``, and restores the best epoch's θ.

    Source: Prechelt, "Early Stopping - But When?" (1998), with the number of epochs as the criterion.
    """

    kind: Literal["early-stopping"] = "early-stopping"
    monitor: str = Field(
        default="validation_cost",
        description="which figure of the history; whether it should rise or fall, its metric knows",
    )
    patience: int = Field(default=5, ge=1, description="how many epochs without a gain are waited for")
    minimum_gain: float = Field(default=0.0, ge=0, description="what counts as a gain: more than this")
    restore_best: bool = Field(default=True, description="whether θ goes back to the best epoch's at the end")

    def listener(self) -> object:
        """Return a listener that remembers the best epoch."""
        return _Listener(self)


class _Listener:
    def __init__(self, options: EarlyStopping) -> None:
        self._options = options
        self._sign = 1.0
        self._best: tuple[float, TrainState] | None = None
        self._waited = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the best figure so far, what it is of, and for how long it has been waited."""
        best = None if self._best is None else (self._best[0], self._best[1].plain())
        return {"best": best, "waited": self._waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""
        best = state["best"]
        self._best = None if best is None else (best[0], TrainState.model_validate(best[1]))
        self._waited = state["waited"]

    @hookimpl
    def modnet_fit_start(self, training: TrainingLoop) -> None:
        self._sign = sign_of(self._options.monitor, training, self._options)

    @hookimpl
    def modnet_epoch_end(self, training: TrainingLoop, row: dict[str, Any]) -> None:
        value = self._sign * row[self._options.monitor]
        if self._best is None or value > self._best[0] + self._options.minimum_gain:
            self._best = (value, training.snapshot())
            self._waited = 0
        else:
            self._waited += 1

    @hookimpl
    def modnet_should_stop(self, training: TrainingLoop) -> str | None:
        del training
        if self._waited < self._options.patience:
            return None
        return f"{self._options.monitor} has not improved for {self._waited} epochs"

    @hookimpl
    def modnet_fit_end(self, training: TrainingLoop) -> None:
        if self._options.restore_best and self._best is not None:
            updates = training.updates
            training.restore(self._best[1])
            training.updates = updates
