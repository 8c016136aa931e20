"""Derivatives by central differences, which exact gradients are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["STEP", "numerical_gradient"]

STEP = float(np.cbrt(np.finfo(np.float64).eps))
"""h for a number of size 1, where the sum of the truncation error, about h², and the rounding error, ε/h, is least."""


def numerical_gradient(
    function: Callable[[NDArray[Any]], Any], x: NDArray[Any], indices: Iterable[Any], step: float = STEP
) -> NDArray[Any]:
    """Return the derivative of ``function`` at ``x`` by central differences, (indices, *shape of its result).

    Args:
        function: Called with ``x`` itself, in which entries were moved; returns an array or a number.
        x: Where to differentiate, in float64. It is written to, and as before afterwards.
        indices: What is moved at a time: the index of one entry, or of several that are moved together.
        step: h, multiplied by the size of the largest of these entries where that is above 1.
    """
    derivatives = []
    for index in indices:
        start = np.copy(x[index])
        length = step * max(1.0, float(np.max(np.abs(start))))
        above, below = start + length, start - length
        x[index] = above
        result_above = np.array(function(x))
        x[index] = below
        result_below = np.array(function(x))
        x[index] = start
        derivatives.append((result_above - result_below) / np.max(above - below))
    return np.array(derivatives)
