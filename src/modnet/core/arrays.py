"""Arrays as components see them: the Python array API standard, and nothing of NumPy.

A component takes its functions from the namespace of its input array, so the same component runs on every array
library that follows the standard (https://data-apis.org/array-api/).
"""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["Array", "namespace"]

Array: TypeAlias = Any
"""An array of a library that follows the array API standard (the standard itself names no type for it)."""

_namespaces: dict[type, Any] = {}


def namespace(array: Array) -> Any:
    """Return the functions that belong to ``array``: ``numpy`` for a NumPy array."""
    library = _namespaces.get(type(array))
    if library is None:
        library = _namespaces[type(array)] = array.__array_namespace__()
    return library
