"""The built-in components, provided through the same hook and entry point as those of any plug-in."""

from __future__ import annotations

from modnet.analysis.gradients import callback as vanishing_gradients
from modnet.components import (
    activations,
    containers,
    costs,
    initializers,
    layers,
    metrics,
    metrics_of_classes,
    metrics_of_numbers,
    metrics_of_ranks,
    normalizations,
    optimizers,
    regularizers,
    schedules,
    update_rules,
)
from modnet.components.callbacks import average, checkpoint, early_stopping, progress, reduce_on_plateau
from modnet.components.transforms import categories, impute
from modnet.components.transforms import numbers as transforms_of_numbers
from modnet.core.component import Component
from modnet.core.plugins.hookspecs import hookimpl
from modnet.data.datasets import arrays as datasets_of_arrays
from modnet.data.datasets import tables as datasets_of_tables
from modnet.engines.numpy import engine as numpy_engine

__all__ = ["modnet_components"]

_MODULES = (
    activations,
    costs,
    layers,
    containers,
    normalizations,
    initializers,
    optimizers,
    update_rules,
    schedules,
    regularizers,
    metrics,
    metrics_of_classes,
    metrics_of_ranks,
    metrics_of_numbers,
    progress,
    early_stopping,
    reduce_on_plateau,
    average,
    checkpoint,
    vanishing_gradients,
    transforms_of_numbers,
    categories,
    impute,
    datasets_of_arrays,
    datasets_of_tables,
    numpy_engine,
)


@hookimpl
def modnet_components() -> list[type[Component]]:
    """Return every public component of the built-in modules."""
    public = (getattr(module, name) for module in _MODULES for name in module.__all__)
    return [item for item in public if isinstance(item, type) and issubclass(item, Component)]
