"""Sparse rows train as the same rows in a dense array do, in the memory that they take."""

from __future__ import annotations

import logging
import tracemalloc
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import scipy.sparse as sp
from components.callbacks.strangers import installed
from training.resuming import interrupted, same, small_blocks

from modnet import Engine, ModelFileError, Run, Solver, Trainer, hookimpl
from modnet.components.layers import Dense
from modnet.data.row_source import RowSource
from modnet.data.sparse_rows import SparseRows
from modnet.engines.numpy.session import NumpySession

ROWS, FEATURES = 1500, 120


def random_rows(rows: int, features: int, filled: float) -> Any:
    rng, count = np.random.default_rng(0), int(rows * features * filled)
    places = rng.integers(0, rows, count), rng.integers(0, features, count)
    return sp.csr_array((rng.random(count), places), shape=(rows, features))


X = random_rows(ROWS, FEATURES, 0.05)
Y = (X[:, :40].sum(axis=1) > 1.0).astype(int)
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2.0, ROWS)

BASE: dict[str, Any] = {
    "epochs": 3,
    "network": {"layers": [{"kind": "dense", "units": 20, "activation": "relu"}, 2]},
    "optimizer": {"kind": "mini-batch", "batch_size": 32, "rule": "adam", "learning_rate": 0.01},
    "data": {"validation_share": 0.2, "test_share": 0.1},
    "engine": {"threads": 1},
}
LAYERS = {
    "frozen": {"kind": "dense", "units": 20, "trainable": False},
    "without biases": {"kind": "dense", "units": 70, "bias": False, "activation": "tanh"},
}
CASES: dict[str, dict[str, Any]] = {
    "mini-batch": {},
    "a short last batch": {"optimizer": {**BASE["optimizer"], "batch_size": 37}},
    "two threads": {"engine": {"threads": 2}},
    "all rows": {"optimizer": {"kind": "batch", "learning_rate": 0.1}},
    "all rows, two threads": {"optimizer": {"kind": "batch", "learning_rate": 0.1}, "engine": {"threads": 2}},
    "one row": {"optimizer": {"kind": "stochastic", "learning_rate": 0.01}},
    "class weights": {"data": {"class_weight": "balanced", "validation_share": 0.2}},
    **{name: {"network": {"layers": [layer, {"kind": "dropout"}, 2]}} for name, layer in LAYERS.items()},
}


def fit(x: Any, config: dict[str, Any], **options: Any) -> Run:
    return Trainer.from_config({**BASE, **config}).fit(x, Y, **options)


def assert_equal(sparse: Run, dense: Run, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(sparse.network.parameters, dense.network.parameters, rtol=tolerance, atol=tolerance)
    assert sparse.rule_state.keys() == dense.rule_state.keys()
    for name, value in sparse.rule_state.items():  # in the order of θ, too
        np.testing.assert_allclose(value, dense.rule_state[name], rtol=tolerance, atol=tolerance)
    for row, expected in zip(sparse.history, dense.history, strict=True):
        for name in row.keys() - {"seconds"}:
            assert row[name] == pytest.approx(expected[name], rel=tolerance, abs=tolerance), name
    assert {name: part.digest() for name, part in sparse.samples.items()} == {
        name: part.digest() for name, part in dense.samples.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_sparse_rows_train_as_dense_ones(name: str) -> None:
    sparse, dense = fit(X, CASES[name], sample_weight=WEIGHTS), fit(X.toarray(), CASES[name], sample_weight=WEIGHTS)
    assert all(isinstance(part.x, SparseRows) for part in sparse.samples.values())
    assert_equal(sparse, dense)
    assert sparse.network.classify(X).tolist() == dense.network.classify(X.toarray()).tolist()
    np.testing.assert_allclose(sparse.network.predict(X), dense.network.predict(X.toarray()), rtol=1e-12)
    assert sparse.evaluate("train") == pytest.approx(dense.evaluate("train"), rel=1e-12)


def test_float32_and_a_given_validation_part() -> None:
    config = {"dtype": "float32", "data": {}}
    sparse = fit(X, config, validation=(X[:300], Y[:300]))
    dense = fit(X.toarray(), config, validation=(X[:300].toarray(), Y[:300]))
    assert sparse.samples["validation"].x.dtype == np.float32
    assert_equal(sparse, dense, 1e-4)


class Interfering:
    """A listener that writes to θ after updates and epochs, and goes back to snapshots."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []
        self.kept: Any = None

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        self.seen.append(training.parameters.copy())
        training.parameters[::3] *= 0.99
        if training.updates % 20 == 7:
            self.kept = training.snapshot()
        elif training.updates % 20 == 11:
            training.restore(self.kept)

    @hookimpl
    def modnet_epoch_end(self, training: Any) -> None:
        training.network.layers[0].weights[3:5, 2:90] += 0.01


def test_listeners_see_and_change_theta_as_with_dense_rows() -> None:
    listeners = Interfering(), Interfering()
    sparse, dense = (
        fit(x, {"engine": {"threads": 1}}, callbacks=[each])
        for x, each in zip((X, X.toarray()), listeners, strict=True)
    )
    assert_equal(sparse, dense, 1e-11)
    np.testing.assert_allclose(listeners[0].seen, listeners[1].seen, rtol=1e-11, atol=1e-11)


class Descent(Solver):
    """Three steps along the gradient, of which the rule makes two."""

    kind: Literal["descent"] = "descent"

    def solve(self, problem: Any) -> None:
        for _ in range(2):
            _, gradient = problem.value_and_grad()
            problem.apply_gradient(gradient)
        problem.parameters[...] -= 0.01 * problem.value_and_grad(np.arange(0, 900, 2))[1]


def test_a_solver_sees_theta_and_its_gradient_as_with_dense_rows() -> None:
    config = {"optimizer": {"kind": "descent", "rule": "adam", "learning_rate": 0.01}}
    with installed(Descent):
        assert_equal(fit(X, config), fit(X.toarray(), config))


class Doubling(Dense):
    """A dense layer of a stranger, which does more with x than a product."""

    kind: Literal["doubling"] = "doubling"  # type: ignore[assignment]

    def forward(self, x: Any, ctx: Any) -> Any:
        return super().forward(x * 2.0, ctx)


class Plain(Engine):
    """An engine that knows nothing of sparse rows."""

    kind: Literal["plain"] = "plain"

    def start(self, plan: Any) -> NumpySession:
        assert isinstance(plan.samples.x[:2], np.ndarray)
        return NumpySession(plan, 1)


DENSE_CASES: dict[str, dict[str, Any]] = {
    "another first layer": {"network": {"layers": [{"kind": "dropout"}, 20, 2]}},
    "a subclass": {"network": {"layers": [{"kind": "doubling", "units": 20}, 2]}},
    "a chain": {"network": {"layers": [[20, 20], 2]}},
    "transforms": {"data": {"transforms": ["standard"], "validation_share": 0.2}},
    "another engine": {"engine": "plain"},
}


@pytest.mark.parametrize("name", DENSE_CASES)
def test_where_sparse_rows_are_not_taken_they_are_made_dense(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with installed(Doubling, Plain), caplog.at_level(logging.WARNING, "modnet"):
        dense = fit(X.toarray(), DENSE_CASES[name])
        assert "sparse" not in caplog.text
        sparse = fit(X, DENSE_CASES[name])
        assert caplog.text.count("training x: sparse rows are made dense, block by block") == 1
        assert all(isinstance(part.x, RowSource) for part in sparse.samples.values())
        assert_equal(sparse, dense)
        np.testing.assert_allclose(sparse.network.predict(X), dense.network.predict(X.toarray()), rtol=1e-12)


def test_a_resumed_training_has_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    config = {**BASE, "callbacks": ["checkpoint"]}
    fit(X, config, out=tmp_path / "whole")
    interrupted(config, (X, Y), tmp_path / "parts", 40)
    with pytest.raises(ModelFileError, match="was written with rows sparse, here it is none, so the last bits would"):
        Trainer.resume(tmp_path / "parts", X.toarray(), Y)
    Trainer.resume(tmp_path / "parts", X, Y)
    same(tmp_path / "whole", tmp_path / "parts")


def test_a_training_takes_the_memory_of_sparse_rows() -> None:
    x = random_rows(13_000, 3000, 0.005)
    y = np.arange(13_000) % 2
    config = {**BASE, "epochs": 1, "network": {"layers": [5, 2]}, "data": {"validation_share": 0.2}}
    trainer = Trainer.from_config(config)
    trainer.fit(X, Y)  # what is imported and cached at first
    tracemalloc.start()
    try:
        run = trainer.fit(x, y)
        run.network.predict(x)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 20e6 < x.shape[0] * x.shape[1] * 8 / 15
