"""The metric of the history that a callback watches, and the key of its options in errors."""

from __future__ import annotations

from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.messages import did_you_mean

__all__ = ["key_of", "sign_of"]


def key_of(callback: Callback, training: TrainingView) -> str:
    """Return the configuration's key of a callback, or its kind where it was given to the training as an object."""
    callbacks = training.config.callbacks
    return f"callbacks.{callbacks.index(callback)}" if callback in callbacks else callback.kind


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
        key = f"{key_of(callback, training)}.monitor"
        raise ConfigError(f"{key}: no metric is called '{monitor}'{hint} (allowed: {', '.join(known)})")
    return 1.0 if known[monitor] == "higher" else -1.0
