"""The figure of the history by which a callback tells better from worse."""

from __future__ import annotations

from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback
from modnet.core.registry import did_you_mean
from modnet.training.loop import TrainingLoop

__all__ = ["sign_of"]


def sign_of(monitor: str, training: TrainingLoop, part: Callback) -> float:
    """Return 1 where this figure should rise, and −1 where it should fall.

    Raises:
        ConfigError: no figure of the history has this name; ``part`` is whose option ``monitor`` it is.
    """
    better = {"cost": "lower"} | {metric.label: metric.better for metric in training.metrics}
    prefixes = ["", *(f"{name}_" for name in training.watched)]
    known = {prefix + name: way for prefix in prefixes for name, way in better.items()}
    if monitor not in known:
        hint = did_you_mean(monitor, known)
        place = training.config.callbacks.index(part)
        raise ConfigError(
            f"callbacks.{place}.monitor: no figure is called '{monitor}'{hint} (allowed: {', '.join(known)})"
        )
    return 1.0 if known[monitor] == "higher" else -1.0
