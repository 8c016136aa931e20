"""The built-in parts, through the same hook as everybody's."""

from __future__ import annotations

from types import ModuleType

from modnet.analysis.gradients import callback as dampening
from modnet.components import activations, costs, initializers, layers, metrics, optimizers, regularizers, schedules
from modnet.components import update_rules as rules
from modnet.components.callbacks import checkpoint, early_stopping, history, progress
from modnet.core.component import Component
from modnet.core.plugins.hookspecs import hookimpl
from modnet.data import datasets

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
