"""An engine for modnet: the same training, compiled by JAX, on CPUs and GPUs."""

from __future__ import annotations

from modnet import Engine, hookimpl
from modnet_jax.engine import JaxEngine

__all__ = ["JaxEngine", "modnet_components"]


@hookimpl
def modnet_components() -> list[type[Engine]]:
    """Return the classes of the parts, for modnet to find."""
    return [JaxEngine]
