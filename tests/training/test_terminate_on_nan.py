"""With terminate_on_nan = false a training goes on as long as θ is finite, whatever its costs are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import modnet
from modnet import DivergenceError, Trainer

RNG = np.random.default_rng(2)
X = RNG.normal(size=(60, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]])


def config(rate: float, terminate: bool = False, **more: Any) -> dict[str, Any]:
    layers = [{"kind": "dense", "units": 1, "activation": "identity", "initializer": "zeros"}]
    optimizer = {"batch_size": 20, "shuffle": False, "learning_rate": rate} | more.pop("optimizer", {})
    table = {"epochs": 3, "terminate_on_nan": terminate, "network": {"layers": layers}, "optimizer": optimizer}
    return table | more


def plain_loop(x: np.ndarray, y: np.ndarray, rate: float, updates: int) -> tuple[np.ndarray, int | None]:
    """Return θ, (weights, bias), and the first update after which it is not finite."""
    w, b = np.zeros((1, 3)), np.zeros(1)
    with np.errstate(all="ignore"):
        for update in range(updates):
            rows = slice(20 * (update % 3), 20 * (update % 3) + 20)
            error = (x[rows] @ w.T + b - y[rows]) / 20
            w, b = w - rate * (error.T @ x[rows]), b - rate * error.sum(axis=0)
            if not (np.isfinite(w).all() and np.isfinite(b).all()):
                return np.concatenate([w[0], b]), update
    return np.concatenate([w[0], b]), None


@pytest.mark.parametrize("copies", [1, 60])  # 60 copies of a batch are more rows than go through in one piece
def test_costs_that_overflow_are_recorded_and_training_goes_on(copies: int) -> None:
    x, y = (np.concatenate([np.repeat(a[i : i + 20], copies, axis=0) for i in (0, 20, 40)]) for a in (X, 1e200 * Y))
    size = {"optimizer": {"batch_size": 20 * copies}}
    with pytest.raises(DivergenceError, match=r"^epoch 1, update 1: the cost of layer 1 became non-finite"):
        Trainer.from_config(config(0.1, terminate=True, **size)).fit(x, y)
    run = Trainer.from_config(config(0.1, **size)).fit(x, y)
    expected, bad = plain_loop(X, 1e200 * Y, 0.1, 9)
    assert bad is None
    np.testing.assert_allclose(run.network.parameters, expected, rtol=1e-12)
    assert run.updates == 9
    assert [row["cost"] for row in run.history] == [math.inf] * 3


@pytest.mark.parametrize("rate", [1e30, 1e100])
def test_parameters_that_are_not_finite_end_it(rate: float) -> None:
    theta, bad = plain_loop(X, Y, rate, 1000)
    assert bad is not None
    table = config(rate, epochs=400)
    with pytest.raises(DivergenceError) as caught:
        Trainer.from_config(table).fit(X, Y)
    assert (caught.value.update, caught.value.epoch) == (bad, bad // 3)
    with pytest.raises(DivergenceError) as earlier:
        Trainer.from_config(table | {"terminate_on_nan": True}).fit(X, Y)
    assert earlier.value.update < bad
    assert not np.isfinite(theta).all()


def test_a_state_of_the_rule_that_overflows_ends_nothing() -> None:
    optimizer = {"optimizer": {"rule": "rmsprop"}}
    with pytest.raises(DivergenceError):
        Trainer.from_config(config(0.1, terminate=True, **optimizer)).fit(X, 1e200 * Y)
    run = Trainer.from_config(config(0.1, **optimizer)).fit(X, 1e200 * Y)
    assert run.updates == 9
    assert not run.network.parameters.any()  # the mean of squares is infinite, so that every step is 0


def test_rows_of_the_history_are_kept_in_a_run_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = Trainer.from_config(config(0.1, callbacks=["checkpoint"], data={"validation_share": 0.2})).fit(
        X, 1e200 * Y, out=out
    )
    rows = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert rows == run.history
    assert {row["validation_cost"] for row in rows} == {math.inf}
    more = Trainer.resume(out, X, 1e200 * Y, epochs=5)
    assert len(more.history) == 5
    assert np.isfinite(modnet.load(out).parameters).all()


def test_early_stopping_never_takes_nan_for_the_best() -> None:
    class Rising:
        """Costs of NaN, then lower and lower ones."""

        @modnet.hookimpl
        def modnet_epoch_end(self, training: Any, row: dict[str, Any]) -> None:
            row["cost"] = math.nan if training.epochs < 3 else 1.0 / training.epochs

    stopping = [{"kind": "early-stopping", "monitor": "cost", "patience": 4}]
    given = modnet.Callback.resolve(stopping[0])
    run = Trainer.from_config(config(0.01, epochs=8)).fit(X, Y, callbacks=[Rising(), given])
    assert (len(run.history), run.stopped) == (8, None)
