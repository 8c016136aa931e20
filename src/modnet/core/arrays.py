"""What the parts know of arrays: the Python array API standard, and nothing of NumPy.

A part takes its functions from the namespace of the array that it was given, so the same part runs on every array
library that follows the standard (https://data-apis.org/array-api/).
"""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["Array", "namespace"]

Array: TypeAlias = Any
"""An array of a library that follows the array API standard (the standard itself names no type for it)."""


_NAMESPACES: dict[type, Any] = {}


def namespace(array: Array) -> Any:
    """Return the functions that belong to ``array``: ``numpy`` for a NumPy array."""
    kind = type(array)
    found = _NAMESPACES.get(kind)
    if found is None:
        found = _NAMESPACES[kind] = array.__array_namespace__()
    return found
