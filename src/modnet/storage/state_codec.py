"""Trees of plain values and arrays, taken apart into JSON and named arrays, and put together again to the bit.

JSON's objects stand for what JSON does not have, each with one key: ``{"dict": …}``, ``{"tuple": …}``, ``{"float": …}``
for what is not finite, ``{"array": …}``, ``{"transposed": …}`` and ``{"scalar": …}`` with an array's name. Nothing else
is ever made of a file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tree", "TreeError", "flatten", "unflatten"]

Tree: TypeAlias = Any
"""None, a bool, an integer, a float, text, an array or scalar of NumPy's; a list, tuple or dict of trees."""

_DEEPEST = 50
_ALLOWED = "None, booleans, integers, floats of 32 and 64 bits, text, arrays, and lists, tuples and dicts of these"


class TreeError(ValueError):
    """What no file can keep, or what a file should not say; the message begins with the place in the tree."""


def flatten(tree: Tree, prefix: str) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Return JSON for ``tree``, and its arrays by name; an array that occurs twice is kept once, and shared again.

    Raises:
        TreeError: something that no file can keep.
    """
    arrays: dict[str, NDArray[Any]] = {}
    names: dict[int, str] = {}

    def keep(array: NDArray[Any]) -> str:
        name = names.get(id(array))
        if name is None:
            name = names[id(array)] = f"{prefix}{len(arrays)}"
            arrays[name] = array
        return name

    return _apart(tree, "", _DEEPEST, keep), arrays


def _apart(value: Any, place: str, depth: int, keep: Callable[[NDArray[Any]], str]) -> Any:
    if depth == 0:
        raise TreeError(f"{place} is nested more than {_DEEPEST} deep")
    kind = type(value)
    if value is None or kind in (bool, int):
        return value
    if kind is str and not any("\ud800" <= letter <= "\udfff" for letter in value):  # no half characters
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is list or kind is tuple:
        items = [_apart(item, f"{place}.{index}", depth - 1, keep) for index, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if kind is dict and all(type(key) in (str, int) for key in value):
        pairs = ((_apart(key, place, 1, keep), item) for key, item in value.items())
        return {"dict": [[key, _apart(item, f"{place}.{key}", depth - 1, keep)] for key, item in pairs]}
    if kind is np.ndarray and _keepable(value.dtype):
        lies = value.flags.f_contiguous and not value.flags.c_contiguous  # products of it have other last bits
        return {"transposed": keep(value.T)} if lies else {"array": keep(value)}
    if isinstance(value, np.generic) and _keepable(value.dtype):
        return {"scalar": keep(np.asarray(value))}
    what = f"array of {value.dtype}" if kind is np.ndarray else kind.__name__
    raise TreeError(f"{place.removeprefix('.') or 'it'} is of type {what}; allowed: {_ALLOWED}")


def _keepable(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize in (4, 8))


def unflatten(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Tree:
    """Return the tree that `flatten` took apart.

    Raises:
        TreeError: it is nothing that `flatten` would return.
    """
    return _joined(value, "", _DEEPEST, arrays)


def _joined(value: Any, place: str, depth: int, arrays: Mapping[str, NDArray[Any]]) -> Tree:
    if depth == 0:
        raise TreeError(f"{place} is nested more than {_DEEPEST} deep")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_joined(item, f"{place}.{index}", depth - 1, arrays) for index, item in enumerate(value)]
    if isinstance(value, dict) and len(value) == 1:
        ((form, content),) = value.items()
        if form == "tuple" and isinstance(content, list):
            return tuple(_joined(content, place, depth, arrays))
        if form == "dict" and isinstance(content, list):
            return _dict(content, place, depth, arrays)
        if form == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if form in ("array", "transposed") and isinstance(content, str) and content in arrays:
            return arrays[content] if form == "array" else arrays[content].T
        if form == "scalar" and isinstance(content, str) and content in arrays and arrays[content].shape == ():
            return arrays[content][()]
    raise TreeError(f"{place.removeprefix('.') or 'it'} stands for nothing that is known")


def _dict(pairs: list[Any], place: str, depth: int, arrays: Mapping[str, NDArray[Any]]) -> dict[Any, Tree]:
    tree: dict[Any, Tree] = {}
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2 and type(pair[0]) in (str, int) and pair[0] not in tree):
            raise TreeError(f"{place.removeprefix('.') or 'it'} is no table")
        tree[pair[0]] = _joined(pair[1], f"{place}.{pair[0]}", depth - 1, arrays)
    return tree
