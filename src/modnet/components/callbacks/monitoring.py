"""The metric of the history that a callback watches, and the key of its options in errors."""

from __future__ import annotations

import math
from collections.abc import Mapping

from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback, TrainingView
from modnet.core.messages import did_you_mean

__all__ = ["key_of", "score_of", "sign_of"]

_OTHER_NAMES = {"val": "validation", "loss": "cost", "acc": "accuracy", "mse": "mean_squared_error"}
"""What other libraries call the words in a metric's name."""


def key_of(callback: Callback, training: TrainingView) -> str:
    """Return the configuration's key of a callback, or its kind where it was given to the training as an object."""
    callbacks = training.config.callbacks
    return f"callbacks.{callbacks.index(callback)}" if callback in callbacks else callback.kind


def sign_of(monitor: str, training: TrainingView, callback: Callback) -> float:
    """Return 1 where a higher value of this metric is better, and −1 where a lower one is.

    Raises:
        ConfigError: the history has no metric of this name; ``callback`` is the one whose option it is.
    """
    known = {"cost_with_penalty": "lower"} if training.config.cost_with_penalty else {}
    for prefix in ["", *(f"{part}_" for part in training.held_out)]:
        known[f"{prefix}cost"] = "lower"
        for metric in training.metrics:
            if prefix or not metric.needs_all_outputs:
                known |= {prefix + name: metric.better for name in metric.history_names(training.network.task)}
    if monitor not in known:
        key, allowed = f"{key_of(callback, training)}.monitor", f"(allowed: {', '.join(known)})"
        name = "_".join(_OTHER_NAMES.get(word, word) for word in monitor.lower().split("_"))
        if name.startswith("validation_") and "validation" not in training.held_out:
            problem = f"'{monitor}' needs validation samples, and there are none"
            raise ConfigError(
                f"{key}: {problem}; set data.validation_share, as in data.validation_share = 0.2 {allowed}"
            )
        raise ConfigError(f"{key}: no metric is called '{monitor}'{did_you_mean(name, known)} {allowed}")
    return 1.0 if known[monitor] == "higher" else -1.0


def score_of(row: Mapping[str, float], monitor: str, sign: float) -> float:
    """Return the metric of an epoch, negative where lower values are better, and −∞ where it is not finite."""
    score = sign * row[monitor]
    return score if math.isfinite(score) else -math.inf
