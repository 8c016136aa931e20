"""Arrays as components see them: the Python array API standard, and nothing that is NumPy's alone.

A component takes its functions from the namespace of its input array, so the same component runs on every array
library that follows the standard (https://data-apis.org/array-api/).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["Array", "kept_where", "namespace"]

Array: TypeAlias = Any
"""An array of a library that follows the array API standard (the standard itself names no type for it)."""

_namespaces: dict[type, Any] = {}


def namespace(array: Array) -> Any:
    """Return the functions that belong to ``array``: ``numpy`` for a NumPy array."""
    library = _namespaces.get(type(array))
    if library is None:
        library = _namespaces[type(array)] = array.__array_namespace__()
    return library


def kept_where(condition: Array, values: Array) -> Array:
    """Return the values where a condition holds, and 0 elsewhere.

    NumPy's ``where`` guesses at each value whether the condition holds, and an irregular one takes it ten times as long
    as a product, which is NaN for infinite values that are not kept.
    """
    if type(values) is np.ndarray:
        product = values * condition
        if np.count_nonzero(np.isfinite(product)) == product.size:
            return product
    xp = namespace(values)
    return xp.where(condition, values, xp.zeros_like(values))
