"""Parameters and attributes of estimators as values that a model file can hold, and back: of few types, and no code."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

import numpy as np

from modnet import (
    Activation,
    Callback,
    ConfigError,
    Cost,
    Engine,
    Initializer,
    Layer,
    Metric,
    ModelFileError,
    ModnetError,
    Regularizer,
    RunConfig,
    Schedule,
    UpdateRule,
    load_config,
)
from modnet.core.component import Component
from modnet_sklearn.layers import component

__all__ = ["decode", "encode"]

_PARTS: tuple[type[Component], ...] = (
    Activation,
    Callback,
    Cost,
    Engine,
    Initializer,
    Layer,
    Metric,
    Regularizer,
    Schedule,
    UpdateRule,
)
_FAMILIES = {part.family: part for part in _PARTS}
_ALLOWED = "None, numbers, text, arrays of these, lists, tuples, dicts, parts of modnet, numpy.random.RandomState"

MOST_BYTES = 2**28
"""Of an array of labels, whose width a file could promise at any size."""


def encode(value: Any, place: str) -> Any:
    """Return a value as `modnet.storage.state_codec` takes it; what is no plain value or list is ``{type: content}``.

    Raises:
        ValueError: it is of a type that a file does not hold; ``place`` says what it is.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind in (list, tuple):
        items = [encode(item, f"{place}.{index}") for index, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if isinstance(value, Mapping):
        return {"dict": [[encode(key, place), encode(item, f"{place}.{key}")] for key, item in value.items()]}
    if isinstance(value, Component):
        return {"part": [value.family, encode(value.to_config(), place)]}
    if isinstance(value, RunConfig):
        return {"config": encode(value.to_config(), place)}
    if isinstance(value, np.random.RandomState):
        return {"random": encode(value.get_state(legacy=False), place)}
    if isinstance(value, np.generic) and type(value.item()) in (bool, int, float, str):
        return value.item()  # the same number
    if kind is np.ndarray and value.dtype.kind in "OU":
        return {"labels": [value.dtype.str, encode(value.tolist(), place)]}
    if kind is np.ndarray and value.dtype.kind in "biuf":
        return value
    if isinstance(value, PathLike):
        return fspath(value)
    what = f"an array of {value.dtype}" if kind is np.ndarray else f"of type {kind.__name__}"
    raise ValueError(f"{place} is {what}, which a model file does not hold; allowed: {_ALLOWED}")


def decode(value: Any, place: str) -> Any:
    """Return what `encode` was given.

    Raises:
        ModelFileError: it is nothing that `encode` returns.
        ConfigError: a part is not installed, or has other options here.
    """
    try:
        return _decoded(value, place)
    except ModnetError:
        raise
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise ModelFileError(f"{place}: its contents are not those that were written") from None


def _decoded(value: Any, place: str) -> Any:
    if isinstance(value, list):
        return [_decoded(item, place) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tuple":
        return tuple(_decoded(content, place))
    if kind == "dict":
        return {_decoded(key, place): _decoded(item, place) for key, item in content}
    if kind == "labels":
        dtype, items = np.dtype(content[0]), _decoded(content[1], place)
        if dtype.kind not in "OU" or not 0 <= dtype.itemsize * len(items) <= MOST_BYTES:
            raise ValueError
        return np.array(items, dtype=dtype)
    if kind == "part":
        family, table = content
        return _part(_FAMILIES[family], _decoded(table, place), place)
    if kind == "config":
        return load_config(_decoded(content, place))
    if kind != "random":
        raise ValueError
    random = np.random.RandomState()
    random.set_state(_decoded(content, place))
    return random


def _part(family: type[Component], table: Any, place: str) -> Component:
    try:
        found: Component = component(family, table, place)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return found
