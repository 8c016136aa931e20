"""Early stopping: stop when the monitored metric no longer improves, and restore the best parameters."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from modnet.components.callbacks.monitoring import score_of, sign_of
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.messages import counted
from modnet.core.plugins.hookspecs import hookimpl

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Stops after ``patience`` epochs without an improvement, and restores the best epoch's θ.

    Source: Prechelt, "Early Stopping - But When?" (1998), with the number of epochs as the criterion.
    """

    kind: Literal["early-stopping"] = "early-stopping"
    monitor: str = Field(
        default="validation_cost",
        description="which metric of the history; whether higher or lower is better follows from the metric",
    )
    patience: int = Field(default=5, ge=1, description="epochs without an improvement after which training stops")
    minimum_gain: float = Field(default=0.0, ge=0, description="an improvement is a change by more than this")
    restore_best: bool = Field(default=True, description="whether θ of the best epoch is restored at the end")

    def listener(self) -> object:
        """Return a listener that remembers the best epoch."""
        return _Listener(self)


class _Listener:
    def __init__(self, options: EarlyStopping) -> None:
        self._options = options
        self._sign = 1.0
        self._best: tuple[float, dict[str, Any]] | None = None
        self._waited = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the best score with its snapshot, and the number of epochs without an improvement."""
        return {"best": None if self._best is None else list(self._best), "waited": self._waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._best = None if state["best"] is None else tuple(state["best"])
        self._waited = state["waited"]

    @hookimpl
    def modnet_fit_start(self, training: TrainingView) -> None:
        self._sign = sign_of(self._options.monitor, training, self._options)

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        score = score_of(row, self._options.monitor, self._sign)
        if self._best is None or score > self._best[0] + self._options.minimum_gain:
            self._best = (score, training.snapshot())
            self._waited = 0
        else:
            self._waited += 1

    @hookimpl
    def modnet_should_stop(self, training: TrainingView) -> str | None:
        if self._waited < self._options.patience:
            return None
        best = len(training.history) - self._waited  # counted from 1
        restored = f"; epoch {best} is restored" if self._options.restore_best else ""
        return f"{self._options.monitor} has not improved for {counted(self._waited, 'epoch')}{restored}"

    @hookimpl
    def modnet_fit_end(self, training: TrainingView) -> None:
        if self._options.restore_best and self._best is not None:
            training.restore(self._best[1])
