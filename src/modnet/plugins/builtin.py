"""The built-in parts, through the same hook as everybody's."""

from __future__ import annotations

from types import ModuleType

from modnet.callbacks import checkpoint, dampening, early_stopping, history, progress
from modnet.components import (
    activations,
    costs,
    initializers,
    layers,
    metrics,
    optimizers,
    regularizers,
    rules,
    schedules,
)
from modnet.components.base import Component
from modnet.data import datasets
from modnet.plugins.hookspecs import hookimpl

__all__ = ["modnet_components"]

_MODULES: tuple[ModuleType, ...] = (
    activations,
    costs,
    layers,
    initializers,
    optimizers,
    rules,
    schedules,
    regularizers,
    metrics,
    history,
    progress,
    early_stopping,
    checkpoint,
    dampening,
    datasets,
)


@hookimpl
def modnet_components() -> list[type[Component]]:
    """Return every public part of the built-in modules."""
    public = (getattr(module, name) for module in _MODULES for name in module.__all__)
    return [part for part in public if isinstance(part, type) and issubclass(part, Component)]
