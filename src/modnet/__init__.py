"""modnet: a feedforward neural network in which every part has a name and every name can be swapped."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from modnet import registry
from modnet.errors import ConfigError, DataError, DivergenceError, ModelFileError, ModnetError, PluginError

if TYPE_CHECKING:
    from modnet.arrays import Array, namespace
    from modnet.components.base import Slot, named
    from modnet.components.families import (
        Activation,
        Callback,
        Cost,
        Dataset,
        Descent,
        Initializer,
        Layer,
        LayerPass,
        Metric,
        Optimizer,
        Parameter,
        Regularizer,
        Rule,
        Schedule,
    )
    from modnet.config import RunConfig, load_config
    from modnet.document import NeuralNetwork
    from modnet.network import Network
    from modnet.plugins.hookspecs import hookimpl
    from modnet.storage.model import load
    from modnet.trainer import Run, Trainer

__version__ = "0.1.0"

_HOME = {
    "modnet.arrays": ("Array", "namespace"),
    "modnet.components.base": ("Slot", "named"),
    "modnet.components.families": (
        "Activation",
        "Callback",
        "Cost",
        "Dataset",
        "Descent",
        "Initializer",
        "Layer",
        "LayerPass",
        "Metric",
        "Optimizer",
        "Parameter",
        "Regularizer",
        "Rule",
        "Schedule",
    ),
    "modnet.config": ("RunConfig", "load_config"),
    "modnet.document": ("NeuralNetwork",),
    "modnet.network": ("Network",),
    "modnet.plugins.hookspecs": ("hookimpl",),
    "modnet.storage.model": ("load",),
    "modnet.trainer": ("Run", "Trainer"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 -- the lazy names are listed once, above
    "ConfigError",
    "DataError",
    "DivergenceError",
    "ModelFileError",
    "ModnetError",
    "PluginError",
    *_MODULE_OF,
]


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first used, so that ``import modnet`` stays quick."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'modnet' has no attribute '{name}'")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _discover() -> registry.Registry:
    from modnet.plugins.discovery import discover  # plug-ins are looked for when a part is first named, not before

    return discover()


registry.set_source(_discover)
