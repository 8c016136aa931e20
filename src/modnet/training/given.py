"""The samples of a training: those that are given in Python, or those of the configured dataset."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data, Pair
from modnet.core.errors import DataError
from modnet.core.interfaces import Dataset

__all__ = ["given_in_memory", "given_or_loaded"]


def given_or_loaded(
    dataset: Dataset,
    x: ArrayLike | None,
    y: Any,
    weights: ArrayLike | None,
    groups: Any,
    validation: Pair | None,
    test: Pair | None,
) -> Data:
    """Return the samples that are given, or those of the configured dataset."""
    if x is None:
        if any(given is not None for given in (y, weights, groups, validation, test)):
            problem = "y, sample_weight, groups, validation and test need x"
            raise DataError(f"{problem}; without x the configured dataset provides them")
        return dataset.load()
    if y is None:
        raise DataError("y is required where x is given: class labels (samples,) or targets (samples, outputs)")
    return Data((x, y, weights), validation, test, groups=groups)


def given_in_memory(config: RunConfig) -> RunConfig:
    """Return a configuration that says that the samples were given, and prepares them in the same way."""
    prepared = {name: getattr(config.data, name) for name in Dataset.model_fields if name != "kind"}
    return config.model_copy(update={"data": Dataset.resolve({"kind": "memory", **prepared})})
