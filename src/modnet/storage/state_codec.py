"""A training's state as named arrays, and back to the bit: dicts and lists of plain values and arrays.

One array holds the bytes of a JSON text, in which ``{"dict": {…}}`` stands for a dict, ``{"array": name}`` for an array
and ``{"scalar": name}`` for a NumPy scalar. Nothing else is ever made of a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["flatten", "unflatten"]

_DTYPES = ("b1", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
_ALLOWED = "None, booleans, integers, floats, strings, arrays of these numbers, lists, and dicts with strings as keys"


def flatten(state: Mapping[str, Any], prefix: str) -> dict[str, NDArray[Any]]:
    """Return arrays whose names begin with ``prefix``; a value of another type is a ValueError that names its place."""
    arrays: dict[str, NDArray[Any]] = {}

    def encode(value: Any, place: str) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind is list:
            return [encode(item, f"{place}.{index}") for index, item in enumerate(value)]
        if kind is dict and all(type(key) is str for key in value):
            return {"dict": {key: encode(item, f"{place}.{key}") for key, item in value.items()}}
        if (kind is np.ndarray or isinstance(value, np.generic)) and value.dtype.str[1:] in _DTYPES:
            name = f"{prefix}{len(arrays)}{place}".encode("ascii", "backslashreplace").decode()
            arrays[name] = np.asarray(value)
            return {"array" if kind is np.ndarray else "scalar": name}
        what = f"array of {value.dtype}" if kind is np.ndarray else kind.__name__
        raise ValueError(f"{place.removeprefix('.') or 'it'} is of type {what}; allowed: {_ALLOWED}")

    text = json.dumps(encode(dict(state), ""), separators=(",", ":"))
    return {**arrays, f"{prefix}json": np.frombuffer(text.encode(), np.uint8)}


def unflatten(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, Any]:
    """Return what `flatten` was given, with new arrays; a ValueError if `flatten` did not produce these arrays."""

    def decode(value: Any) -> Any:
        if isinstance(value, list):
            return [decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        if kind == "dict":
            return {key: decode(item) for key, item in content.items()}
        array = arrays[content].astype(arrays[content].dtype.newbyteorder("="))
        return {"array": array, "scalar": array[()]}[kind]

    try:
        return dict(decode(json.loads(arrays[f"{prefix}json"].tobytes())))
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise ValueError("the state is not one that modnet writes") from None
