"""Arrays by excerpt: whole where they are small, else the first entries and the last along each axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LIMIT", "excerpt", "plain_excerpt", "shown"]

LIMIT = 10
"""Up to how many entries along an axis are all shown; of more, the first three and the last."""


def shown(length: int) -> list[int]:
    """Return which entries along an axis are shown, from 0: all of a few, else the first three and the last."""
    return list(range(length)) if length <= LIMIT else [0, 1, 2, length - 1]


def excerpt(values: NDArray[Any]) -> dict[str, Any]:
    """Return an array as JSON has it: its shape, which entries along each axis are given (from 0), and these."""
    return plain_excerpt(values[np.ix_(*map(shown, values.shape))], *values.shape)


def plain_excerpt(entries: NDArray[Any], *shape: int) -> dict[str, Any]:
    """Return the same of entries that were taken already, out of an array of this shape."""
    values: list[Any] = [float(value) if np.isfinite(value) else None for value in entries.ravel()]
    for length in reversed(entries.shape[1:]):
        values = [values[start : start + length] for start in range(0, len(values), length)]
    return {"shape": list(shape), "entries": [shown(length) for length in shape], "values": values}
