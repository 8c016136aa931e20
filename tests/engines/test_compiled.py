"""What engines share that compile, without a compiler: its programs are loops here, and the kit checks the engine."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from components.callbacks.strangers import installed
from engines.loops import LoopPrograms, Loops

from modnet import Layer, Trainer, hookimpl
from modnet.testing import parametrize_checks


@parametrize_checks(Loops, examples=[{"memory": 1 << 30}, {"memory": 1}])
def test_it_is_an_engine(check: Any) -> None:
    check()


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    LoopPrograms.called.clear()


def table(batch: int, **more: Any) -> dict[str, Any]:
    optimizer = {"kind": "mini-batch", "batch_size": batch, **more.pop("optimizer", {})}
    return {"epochs": 2, "engine": Loops(), "network": {"layers": [3, 2], **more}, "optimizer": optimizer}


def samples(count: int) -> tuple[Any, Any]:
    return np.random.default_rng(0).normal(size=(count, 4)), np.arange(count) % 2


def fit(count: int, batch: int, **more: Any) -> list[Any]:
    """Return the distinct calls of two epochs."""
    Trainer.from_config(table(batch, **more)).fit(*samples(count))
    return list(dict.fromkeys(LoopPrograms.called))


def test_one_shape_serves_a_short_last_batch_too() -> None:
    assert fit(50, 4) == [("gather", (24,)), ("updates", (24, 6, 4, True))]


def test_a_layer_with_a_state_sees_the_last_batch_as_it_is() -> None:
    calls = fit(50, 4, layers=[3, "batch-norm", 2])
    assert calls[2:] == [("gather", (2,)), ("updates", (2, 1, 2, True))]


class Counts(Layer):
    """Keeps one number, without an axis: how many samples it has seen in training."""

    kind: Literal["counts"] = "counts"

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Any]:
        del input_shape
        return {"samples": np.zeros(())}

    def forward(self, x: Any, ctx: Any) -> Any:
        if ctx.training:
            ctx.state["samples"] = ctx.state["samples"] + float(x.shape[0])
        return x

    def backward(self, delta: Any, ctx: Any) -> Any:
        del ctx
        return delta, {}


@pytest.mark.parametrize("batch", [4, 50])
def test_a_state_may_be_one_number(batch: int) -> None:
    with installed(Counts):
        run = Trainer.from_config(table(batch, layers=[3, "counts", 2])).fit(*samples(50))
    assert run.network.layers[1].state["samples"] == 100.0


def test_rows_that_lie_together_are_used_where_they_are() -> None:
    assert fit(48, 4, optimizer={"shuffle": False}) == [("updates", (48, 6, 4, True))]
    more = [("gather", (24,)), ("updates", (24, 6, 4, True))]  # for the last batch, of two
    LoopPrograms.called.clear()
    assert fit(50, 4, optimizer={"shuffle": False}) == [("updates", (50, 6, 4, True)), *more]


def test_listeners_to_every_update_cost_no_chunk_of_rows_each() -> None:
    heard = []
    trainer = Trainer.from_config(table(4))
    trainer.fit(*samples(50), callbacks=[Hears(heard)])
    assert len(heard) == 26
    assert set(LoopPrograms.called) == {("gather", (4,)), ("place", (4, 24)), ("updates", (24, 6, 4, True))}


class Hears:
    def __init__(self, heard: list[int]) -> None:
        self.heard = heard

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        self.heard.append(training.updates)


def test_a_large_batch_is_worked_through_in_pieces() -> None:
    calls = fit(50, 50, optimizer={"shuffle": False})
    assert calls == [("accumulate", (50, 2, 10)), ("finish", (True,))]
