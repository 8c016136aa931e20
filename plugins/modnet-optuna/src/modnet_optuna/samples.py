"""The samples of a search: those for training and validation. The test samples are divided off, and never looked at."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.data.prepared import Samples
from modnet.data.table import Table
from modnet.training.setup import split_data

__all__ = ["SHARE", "TEST", "record_of", "with_one_test"]

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


def record_of(samples: Samples) -> dict[str, Any]:
    """Return what is kept of samples to know them again: as they are before the transforms.

    After them, numbers may have other last bits on another machine, which is to share the search.
    """
    rows, targets = samples.raw or (samples.x, samples.targets)
    texts = {column: list(values) for column, values in sorted(rows.texts.items())} if isinstance(rows, Table) else {}
    values = rows.values if isinstance(rows, Table) else rows
    numbers = Samples(values, targets, samples.weights).digest()
    return {"rows": len(samples), "sha256": hashlib.sha256(f"{numbers} {texts!r}".encode()).hexdigest()}
