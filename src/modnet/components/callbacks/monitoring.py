"""The metric of the history that a callback watches."""

from __future__ import annotations

from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.messages import did_you_mean

__all__ = ["sign_of"]


def sign_of(monitor: str, training: TrainingView, callback: Callback) -> float:
    """Return 1 where a higher value of this metric is better, and −1 where a lower one is.

    Raises:
        ConfigError: the history has no metric of this name; ``callback`` is the one whose option it is.
    """
    known = {}
    for prefix in ["", *(f"{part}_" for part in training.held_out)]:
        known[f"{prefix}cost"] = "lower"
        for metric in training.metrics:
            if prefix or not metric.needs_all_outputs:
                known |= {prefix + name: metric.better for name in metric.history_names(training.network.task)}
    if monitor not in known:
        hint = did_you_mean(monitor, known)
        index = training.config.callbacks.index(callback)
        raise ConfigError(
            f"callbacks.{index}.monitor: no metric is called '{monitor}'{hint} (allowed: {', '.join(known)})"
        )
    return 1.0 if known[monitor] == "higher" else -1.0
