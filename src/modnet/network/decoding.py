"""What the outputs of a network stand for: how many values of a target, and which classes."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.arrays import namespace
from modnet.core.interfaces import Cost

__all__ = ["outputs_for", "predict_codes", "predict_labels", "target_width"]

WIDEST = 1 << 16
"""The most values of a target, where a cost wants another number of outputs: a file could promise any number."""


def outputs_for(cost: Cost, width: int) -> int | None:
    """Return how many outputs a cost wants for targets of ``width`` values; None where these are not possible."""
    try:
        return cost.outputs(width)
    except ValueError:
        return None


def target_width(cost: Cost, outputs: int) -> int | None:
    """Return of how many values the targets are for which a cost wants so many outputs; None where of no number."""
    widths = chain([outputs], range(1, min(outputs, WIDEST)))  # most costs want as many as there are values
    return next((width for width in widths if outputs_for(cost, width) == outputs), None)


def predict_codes(a: NDArray[Any]) -> NDArray[np.intp]:
    """Return the class that predictions, (samples, values), are for, as an index: the largest, or 1 above ½."""
    xp = namespace(a)
    codes: NDArray[np.intp] = xp.astype(a[:, 0] > 0.5, xp.int64) if a.shape[1] == 1 else xp.argmax(a, axis=1)
    return codes


def predict_labels(a: NDArray[Any], classes: NDArray[Any] | None, *, multi_label: bool) -> NDArray[Any]:
    """Return the labels that predictions, (samples, values), are for; rows of 0 and 1 where there may be several."""
    xp = namespace(a)
    labels: NDArray[Any]
    if multi_label:
        labels = xp.astype(a > 0.5, xp.int64)
    elif classes is None:
        labels = predict_codes(a)
    else:
        codes = xp.zeros(a.shape[:1], dtype=xp.int64) if len(classes) == 1 else predict_codes(a)
        labels = xp.take(xp.asarray(classes), codes, axis=0)
    return labels
