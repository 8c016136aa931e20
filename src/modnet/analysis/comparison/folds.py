"""Folds of samples for cross-validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modnet.data.labels import Targets

__all__ = ["folds"]


def folds(y: Targets, count: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return the row numbers, sorted, that each of ``count`` folds holds out; every sample is in one of them.

    The samples are sorted by class, in random order within each, and dealt out in turn.
    """
    order = rng.permutation(len(y))
    if y.codes is not None:
        order = order[np.argsort(y.codes[order], kind="stable")]
    return [np.sort(order[fold::count]) for fold in range(count)]
