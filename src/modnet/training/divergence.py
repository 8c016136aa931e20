"""What left the finite numbers, and in which layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from modnet.config.run_config import RunConfig
from modnet.core.errors import DivergenceError
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network, Vector

__all__ = ["divergence_error", "first_nonfinite_layer", "first_nonfinite_state"]


def first_nonfinite_layer(workspace: Workspace) -> tuple[str, int]:
    """Return what is not finite in the last piece that went forward, and the first layer that has it, from 1."""
    for number, ctx in enumerate(workspace.passes, 1):
        if not np.isfinite(ctx.z).all():
            return "net input", number
        if not np.isfinite(ctx.a).all():
            return "output", number
    return "cost", len(workspace.network.layers)


def first_nonfinite_state(network: Network, rule_state: Mapping[str, Any]) -> tuple[str, int] | None:
    """Return what is not finite of θ and of the rule's state, and the first layer that has it; None where all is.

    A rule that divides by an infinite mean of squares makes steps of 0: θ stays finite, and never moves again.
    """
    if not np.isfinite(network.parameters).all():
        return "parameters", _bad_layer(network, network.parameters)
    for name, value in rule_state.items():
        if np.shape(value) == network.parameters.shape and not np.isfinite(value).all():
            return f"rule's {name.replace('_', ' ')}", _bad_layer(network, value)
    return None


def _bad_layer(network: Network, vector: Vector) -> int:
    """Return the first layer, from 1, that has something not finite in a vector like θ."""
    for number, views in enumerate(network.views(vector), 1):
        if not all(np.isfinite(view).all() for view in views.values()):
            return number
    return len(network.layers)


def divergence_error(
    config: RunConfig, epoch: int, update: int, what: str, layer: int, *, again: bool = True
) -> DivergenceError:
    """Return the error that says so; ``again`` is whether the update failed again when it was repeated."""
    rate = config.optimizer.learning_rate
    advice = f"; optimizer.learning_rate = {rate} may be too high, or the data too large"
    if not again:
        advice = ", but not when it was repeated: look for a listener that writes to θ, or a part that is not pure"
    return DivergenceError(
        f"epoch {epoch}, update {update}: the {what} of layer {layer} left the finite numbers{advice}",
        epoch=epoch,
        update=update,
        layer=layer,
    )
