"""Weights of samples: how much each counts in the cost of an update and in the metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces.dataset import ClassWeight
from modnet.core.messages import list_values, short_repr
from modnet.data.labels import Targets
from modnet.data.validation import as_array, as_samples, index_text

__all__ = ["as_weights", "require_weight", "with_class_weights"]

Weights = NDArray[np.float64]


def as_weights(weights: Any, count: int, where: str) -> Weights:
    """Return the weights of ``count`` samples, (samples,), float64.

    Raises:
        DataError: starting with ``where`` ("training sample_weight"): another shape, a weight that is negative or not
            finite, weights that are all 0.
    """
    array = as_array(weights, where)
    if array.shape != (count,):
        raise DataError(f"{where} has the shape {array.shape}; one weight for each of the {count} samples is needed")
    column: Weights = as_samples(array[:, None], where, "weights")[:, 0].astype(np.float64)
    if (column < 0).any():
        row = int(np.argmax(column < 0))
        raise DataError(f"{where}: {index_text([row])} is {short_repr(column[row].item())}; weights are at least 0")
    require_weight(column, where)
    return column


def require_weight(weights: Weights | None, where: str) -> None:
    """Refuse weights that are all 0, or whose sum is infinite.

    Raises:
        DataError: starting with ``where``.
    """
    if weights is not None:
        with np.errstate(over="ignore"):  # an infinite sum is refused
            total = float(weights.sum())
        if not 0 < total < np.inf:
            raise DataError(f"{where}: the sum of the weights is {total:g}; a positive, finite sum is needed")


def with_class_weights(option: ClassWeight, targets: Targets, weights: Weights | None) -> Weights:
    """Return the weights of samples times those of their classes.

    ``balanced`` is W / (k · W_c), with k classes, W the sum of all weights and W_c that of the class: n / (k · n_c)
    without weights. Source: King and Zeng, "Logistic Regression in Rare Events Data" (2001), as in scikit-learn.

    Raises:
        ConfigError: the targets are no classes, or the table names a label that there is not.
    """
    if targets.classes is None or targets.codes is None:
        raise ConfigError("data.class_weight: the targets are not classes; allowed: no class_weight")
    labels = list(map(str, targets.classes.tolist()))
    if option == "balanced":
        sums = np.bincount(targets.codes, weights, minlength=len(labels)).astype(np.float64)
        factors = np.divide(sums.sum(), len(labels) * sums, out=np.zeros_like(sums), where=sums > 0)
    else:
        for label, _ in option:
            if label not in labels:
                raise ConfigError(
                    f"data.class_weight: {short_repr(label)} is not a label; the labels are {list_values(labels)}"
                )
            if labels.count(label) > 1:
                raise ConfigError(f"data.class_weight: {short_repr(label)} is the text of two labels")
        table = dict(option)
        factors = np.array([table.get(label, 1.0) for label in labels])
    of_samples: Weights = factors[targets.codes]
    return of_samples if weights is None else weights * of_samples
