"""What engines share that compile, without a compiler: its programs are loops here, and the kit checks the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engines.loops import LoopPrograms, Loops

from modnet import Trainer
from modnet.testing import parametrize_checks


@parametrize_checks(Loops, examples=[{"memory": 1 << 30}, {"memory": 1}])
def test_it_is_an_engine(check: Any) -> None:
    check()


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    LoopPrograms.called.clear()


def fit(samples: int, batch: int, **more: Any) -> list[Any]:
    """Return the distinct calls of two epochs."""
    rng = np.random.default_rng(0)
    optimizer = {"kind": "mini-batch", "batch_size": batch, **more.pop("optimizer", {})}
    config = {"epochs": 2, "engine": Loops(), "network": {"layers": [3, 2], **more}, "optimizer": optimizer}
    Trainer.from_config(config).fit(rng.normal(size=(samples, 4)), np.arange(samples) % 2)
    return list(dict.fromkeys(LoopPrograms.called))


def test_one_shape_serves_a_short_last_batch_too() -> None:
    assert fit(50, 4) == [("gather", (24,)), ("updates", (24, 6, 4, True))]


def test_a_layer_with_a_state_sees_the_last_batch_as_it_is() -> None:
    calls = fit(50, 4, layers=[3, "batch-norm", 2])
    assert calls == [("gather", (24,)), ("updates", (24, 6, 4, True)), ("updates", (24, 12, 2, True))]


def test_rows_that_lie_together_are_used_where_they_are() -> None:
    assert fit(48, 4, optimizer={"shuffle": False}) == [("updates", (48, 6, 4, True))]
    more = [("gather", (24,)), ("updates", (24, 6, 4, True))]  # for the last batch, of two
    LoopPrograms.called.clear()
    assert fit(50, 4, optimizer={"shuffle": False}) == [("updates", (50, 6, 4, True)), *more]


def test_a_large_batch_is_worked_through_in_pieces() -> None:
    calls = fit(50, 50, optimizer={"shuffle": False})
    assert calls == [("accumulate", (50, 2, 10)), ("finish", (True,))]
