"""The samples of a search: those for training and validation. The test samples are divided off, and never looked at."""

from __future__ import annotations

from dataclasses import replace

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.training.setup import split_data

__all__ = ["SHARE", "TEST", "with_one_test"]

SHARE = 0.2
"""The share of the training samples that judges the trials, where nothing else is configured."""
TEST = ("test",)
"""What a trial is without."""


def with_one_test(config: RunConfig, data: Data, seed: int) -> Data:
    """Return samples whose test part is that of the search's own seed, where ``data.test_share`` divides one off.

    Other seeds would divide off others, on which the trials with this seed were trained.
    """
    if data.test is not None or not config.data.test_share or "test" in data.held_out:
        return data
    rows = split_data(config.model_copy(update={"seed": seed}), data)["test"].held_out
    return replace(data, held_out={**data.held_out, "test": rows})
