"""Excerpts of arrays: all entries of small ones, else the first three and the last along each axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.jsonable import jsonable

__all__ = ["LIMIT", "Excerpt", "abbreviate", "shown_indices"]

LIMIT = 10
"""The most entries along an axis that are all shown; of more, the first three and the last."""


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Some entries of an array.

    Attributes:
        values: These entries.
        shape: The shape of the whole array.
    """

    values: NDArray[Any]
    shape: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the shape, the indices of the entries along each axis (from 0), and the entries, as JSON has them."""
        entries = [shown_indices(length) for length in self.shape]
        return {"shape": list(self.shape), "entries": entries, "values": jsonable(self.values)}


def shown_indices(length: int) -> list[int]:
    """Return the indices that are shown along an axis."""
    return list(range(length)) if length <= LIMIT else [0, 1, 2, length - 1]


def abbreviate(values: NDArray[Any]) -> Excerpt:
    """Return the excerpt of an array."""
    return Excerpt(values[np.ix_(*map(shown_indices, values.shape))], values.shape)
