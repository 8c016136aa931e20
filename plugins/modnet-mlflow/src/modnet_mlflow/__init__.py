"""MLflow for modnet: a callback that logs curves, pictures, the configuration and the model of a training."""

from __future__ import annotations

from modnet import Callback, hookimpl
from modnet_mlflow.callback import MLflow

__all__ = ["MLflow", "modnet_components"]


@hookimpl
def modnet_components() -> list[type[Callback]]:
    """Return the classes of the parts, for modnet to find."""
    return [MLflow]
