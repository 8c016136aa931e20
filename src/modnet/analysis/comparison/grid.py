"""The grid of a comparison: which keys have which values, and the configurations of all combinations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from modnet.config.load import ConfigSource, load_configs
from modnet.config.overrides import parse, split_values, to_toml
from modnet.config.run_config import RunConfig
from modnet.core.component import Model
from modnet.core.errors import ConfigError
from modnet.core.messages import as_python, short_repr

__all__ = ["MOST_RUNS", "Axis", "Combination", "combine", "grid_axes", "has_option", "setting_axes", "short_names"]

MOST_RUNS = 10_000
"""How many runs a comparison may have: more are a mistake, and would end before anybody sees them."""


class Axis(NamedTuple):
    """A key, and what sets it to each of its values (``optimizer.rule=adam``); perhaps ``shown`` though it has one."""

    changes: tuple[str, ...]
    shown: bool = False

    @property
    def key(self) -> str:
        """The dotted key."""
        return ".".join(part.strip() for part in self.changes[0].partition("=")[0].split("."))


class Combination(NamedTuple):
    """One value for each key that is varied, and the configuration with them.

    A value that the configuration has no option for is not among the ``settings``.
    """

    settings: dict[str, Any]
    config: RunConfig


def setting_axes(settings: Iterable[str]) -> list[Axis]:
    """Return the axes of ``KEY=VALUE`` settings, each with one value or with several between commas.

    Raises:
        ConfigError: there is nothing between two commas.
    """
    return [Axis(tuple(split_values(setting))) for setting in settings]


def grid_axes(grid: Mapping[str, Sequence[Any]]) -> list[Axis]:
    """Return the axes of a grid in Python: dotted key → its values.

    Raises:
        ConfigError: a key has no values, or one that TOML does not have.
    """
    axes = []
    for key, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Iterable) or not list(values):
            raise ConfigError(f"grid: {key}: {short_repr(values)} should be a list of values")
        try:
            axes.append(Axis(tuple(f"{key}={to_toml(as_python(value))}" for value in values), shown=True))
        except TypeError:
            raise ConfigError(f"grid: {key}: {short_repr(values)} holds a value that TOML does not have") from None
    return axes


def combine(source: ConfigSource, axes: Sequence[Axis]) -> list[Combination]:
    """Return all combinations, the values of the last axis changing fastest; one that repeats another is left out.

    Two are the same where a value is given twice, or where an option is varied that only some kinds have.

    Raises:
        ConfigError: a key is varied twice, there are too many combinations, or one is not valid.
    """
    varied = [axis for axis in axes if axis.shown or len(axis.changes) > 1]
    keys = [axis.key for axis in varied]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(f"{key}: is varied twice; allowed: all its values in one place")
    count = math.prod(len(axis.changes) for axis in axes)
    if count > MOST_RUNS:
        raise ConfigError(f"the grid has {count:,} combinations; allowed: up to {MOST_RUNS:,}")
    choices = list(product(*(axis.changes for axis in axes)))
    found: dict[RunConfig, Combination] = {}
    for config, changes in zip(load_configs(source, choices), choices, strict=True):
        values = {axis.key: change for axis, change in zip(axes, changes, strict=True) if axis in varied}
        settings = {
            key: parse(change.partition("=")[2].strip()) for key, change in values.items() if has_option(config, key)
        }
        found.setdefault(config, Combination(settings, config))
    return list(found.values())


def short_names(keys: Sequence[str]) -> list[str]:
    """Return names of keys for people: their last words, as far as these differ.

    >>> short_names(["optimizer.kind", "optimizer.rule", "network.layers.0.units"])
    ['optimizer', 'rule', 'units']
    """
    names = [key.removesuffix(".kind").rpartition(".")[2].replace("_", " ") for key in keys]
    return [key if names.count(name) > 1 else name for key, name in zip(keys, names, strict=True)]


def has_option(node: Any, key: str) -> bool:
    """Return whether a configuration has an option, by its dotted key."""
    for part in key.split("."):
        if isinstance(node, Model):
            name = node.option_aliases().get(part, part)
            if name not in type(node).model_fields:
                return False
            node = getattr(node, name)
        elif isinstance(node, tuple):
            if not (part.isdecimal() and int(part) < len(node)):
                return False
            node = node[int(part)]
        else:
            return True  # within a table, such as that of class weights
    return True
