"""TensorBoard for modnet: a callback that writes curves, histograms, pictures and the configuration of a training."""

from __future__ import annotations

from modnet import Callback, hookimpl
from modnet_tensorboard.callback import TensorBoard

__all__ = ["TensorBoard", "modnet_components"]


@hookimpl
def modnet_components() -> list[type[Callback]]:
    """Return the classes of the parts, for modnet to find."""
    return [TensorBoard]
