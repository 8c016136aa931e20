"""Results as JSON has them, by one conversion for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["jsonable"]


def jsonable(value: Any, array: Callable[[NDArray[Any]], Any] = np.ndarray.tolist) -> Any:
    """Return a value as JSON has it: dicts, lists, text, numbers, booleans and null.

    A dataclass becomes its attributes by name, or what its own ``to_dict`` returns. NaN and infinity become null.
    Anything that JSON has no form for becomes its text.

    Args:
        value: A result, or anything that results consist of.
        array: What an array becomes: by default a list of all its entries.
    """
    if isinstance(value, np.ndarray):
        return jsonable(array(value), array)
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if is_dataclass(value):
        return {field.name: jsonable(getattr(value, field.name), array) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: jsonable(item, array) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item, array) for item in value]
    if isinstance(value, np.generic):
        return jsonable(value.item(), array)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
