"""A weight of 2 is the sample twice, a weight of 0 its absence: in updates of every size, for solvers, in figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest

from modnet import DataError, DivergenceError, Optimizer, Problem, Solver, Sweep, Trainer
from modnet.testing.case import temporarily_registered

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 4))
LABELS = np.arange(60) % 3
NUMBERS = np.stack([X[:, 0] * X[:, 1], X[:, 2]], axis=1)
COUNTS = np.resize([2, 0, 1, 1, 3, 1, 0, 2], 60)
FIGURES = ["accuracy", "mean-squared-error", {"kind": "cost", "cost": "categorical-cross-entropy"}]


class Descent(Solver):
    """θ ← θ − t∇C, with t halved until the cost falls; the cost is asked for on all rows and on some."""

    kind: Literal["descent"] = "descent"

    def solve(self, problem: Problem) -> Iterator[None]:
        for _ in range(3):
            cost, gradient = problem.value_and_grad()
            step = 1.0
            theta = problem.parameters.copy()
            problem.parameters[...] = theta - step * gradient
            while problem.value_and_grad()[0] > cost:
                step /= 2
                problem.parameters[...] = theta - step * gradient
            yield


class Seventh(Optimizer):
    """One update on the sample in row 7."""

    kind: Literal["seventh"] = "seventh"

    def sweeps(self, data: Any, rng: Any, state: Any) -> list[Sweep]:
        del data, rng, state
        return [Sweep(np.array([7]), 1)]


def fit(y: Any, counts: Any = None, weights: Any = None, rows: int = 60, **config: Any) -> Any:
    x = np.resize(X, (rows, 4))
    y = np.resize(y, (rows, *y.shape[1:]))
    if counts is not None:
        x, y = np.repeat(x, counts, axis=0), np.repeat(y, counts, axis=0)
    usual = {"epochs": 4, "network": {"layers": [5, 3]}, "optimizer": {"kind": "batch", "learning_rate": 0.5}}
    return Trainer.from_config(usual | config).fit(x, y, weights)


CASES = {
    "plain": {},
    "l1 and l2": {"network": {"layers": [5, 3], "regularizers": [{"kind": "l2", "strength": 0.1}, "l1"]}},
    "cross-entropy": {
        "network": {
            "layers": [{"kind": "dense", "units": 3, "activation": "softmax"}],
            "cost": "categorical-cross-entropy",
        }
    },
    "adam": {"optimizer": {"kind": "batch", "rule": "adam"}},
    "two threads": {"engine": {"threads": 2}},
    "solver": {"optimizer": "descent"},
    "large": {"rows": 2400},
    "large, two threads": {"rows": 5000, "engine": {"threads": 2}},
    "large, solver": {"rows": 2400, "optimizer": "descent"},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_weights_are_repetitions_and_absences(case: dict[str, Any]) -> None:
    options = {"metrics": FIGURES} | case
    rows = options.pop("rows", 60)
    counts = np.resize(COUNTS, rows)
    with temporarily_registered(Descent):
        weighted = fit(LABELS, weights=counts, rows=rows, **options)
        repeated = fit(LABELS, counts, rows=rows, **options)
        unweighted = fit(LABELS, rows=rows, **options)
    theta = repeated.network.parameters
    np.testing.assert_allclose(weighted.network.parameters, theta, rtol=1e-12, atol=1e-12)
    assert np.max(np.abs(unweighted.network.parameters - theta)) > 1e-4
    for row, expected in zip(weighted.history, repeated.history, strict=True):
        for name in ("cost", "accuracy", "mean_squared_error", "categorical_cross_entropy"):
            assert row[name] == pytest.approx(expected[name], rel=1e-12)
    figures = weighted.evaluate("train")
    assert figures == pytest.approx(repeated.evaluate("train"), rel=1e-12)


def test_numbers_and_r2() -> None:
    config = {"network": {"layers": [5, {"kind": "dense", "units": 2, "activation": "identity"}]}}
    weighted, repeated = fit(NUMBERS, weights=COUNTS / 7, **config), fit(NUMBERS, COUNTS, **config)
    np.testing.assert_allclose(weighted.network.parameters, repeated.network.parameters, rtol=1e-12, atol=1e-12)
    assert weighted.history[-1]["r2"] == pytest.approx(repeated.history[-1]["r2"], rel=1e-11)


def test_equal_weights_change_nothing() -> None:
    """Not to the last bit: 1/3 of a batch is rounded otherwise than 1/m."""
    config = {"optimizer": {"kind": "mini-batch", "batch_size": 7, "learning_rate": 0.3}}
    weighted, plain = fit(LABELS, weights=np.full(60, 0.3), **config), fit(LABELS, **config)
    np.testing.assert_allclose(weighted.network.parameters, plain.network.parameters, rtol=1e-12, atol=1e-12)


def test_one_update_by_hand() -> None:
    unit = {"kind": "dense", "units": 1, "activation": "identity", "initializer": "zeros", "bias_initializer": "zeros"}
    config = {"epochs": 1, "network": {"layers": [unit]}, "optimizer": {"kind": "batch", "learning_rate": 1.0}}
    run = Trainer.from_config(config).fit([[1.0], [2.0], [5.0]], [0.0, 1.0, 9.0], sample_weight=[3, 1, 0])
    # a = 0: C = (3 · 0 + 1 · ½) / 4, ∂C/∂W = 1 · (0 − 1) · 2 / 4, ∂C/∂b = 1 · (0 − 1) / 4.
    assert run.history[0]["cost"] == pytest.approx(0.125, rel=1e-15)
    assert run.network.parameters.tolist() == pytest.approx([0.5, 0.25], rel=1e-15)
    # r² of the outputs 0: Σ w y² = 1 over Σ w (y − ¼)² = 3/16 + 9/16.
    assert run.history[0]["r2"] == pytest.approx(1 - 1 / 0.75, rel=1e-15)
    after = run.evaluate("train")  # the outputs are 0.75 and 1.25
    assert after["cost"] == pytest.approx((3 * 0.75**2 + 0.25**2) / 2 / 4, rel=1e-15)


def test_an_update_of_weight_0_leaves_the_parameters() -> None:
    stochastic = {"kind": "mini-batch", "batch_size": 1, "shuffle": False}
    weights = np.zeros(60)
    weights[7] = 5.0
    with temporarily_registered(Seventh):
        run = fit(LABELS, weights=weights, epochs=1, optimizer=stochastic)
        alone = fit(LABELS, epochs=1, optimizer={"kind": "seventh", "learning_rate": 3.0})
    assert (run.updates, alone.updates) == (60, 1)
    assert run.network.parameters.tobytes() == alone.network.parameters.tobytes()
    assert run.history[0]["cost"] == alone.history[0]["cost"]


def test_held_out_samples_may_have_weights() -> None:
    """As triples, as Keras takes them; a validation share keeps the weights of its rows."""
    config = {"epochs": 1, "metrics": FIGURES[:1], "network": {"layers": [5, 3]}}
    trainer = Trainer.from_config(config)
    triple, repeated = (X[:20], LABELS[:20], COUNTS[:20]), (np.repeat(X[:20], COUNTS[:20], axis=0),)
    pair = (*repeated, np.repeat(LABELS[:20], COUNTS[:20]))
    one = trainer.fit(X, LABELS, validation=triple, test=(X, LABELS, None)).history[0]
    other = trainer.fit(X, LABELS, validation=pair, test=(X, LABELS)).history[0]
    for name in ("validation_cost", "validation_accuracy", "test_cost", "test_accuracy"):
        assert one[name] == pytest.approx(other[name], rel=1e-12)
    assert one["validation_cost"] != pytest.approx(one["test_cost"], rel=1e-3)
    shared = Trainer.from_config(config | {"data": {"validation_share": 0.3}}).fit(X, LABELS, 1.0 + np.arange(60))
    parts = [shared.samples[part] for part in ("train", "validation")]
    assert [len(part) for part in parts] == [42, 18]
    for part in parts:
        rows = [int(np.flatnonzero((x == X).all(axis=1))[0]) for x in part.x]
        assert part.weights.tolist() == [1.0 + row for row in rows]


def test_a_resumed_training_must_have_the_same_weights(tmp_path: Any) -> None:
    config = {"epochs": 2, "network": {"layers": [5, 3]}, "callbacks": ["checkpoint"]}
    trainer = Trainer.from_config(config)
    trainer.fit(X, LABELS, COUNTS, out=tmp_path / "run")
    whole = Trainer.from_config(config | {"epochs": 4, "callbacks": []}).fit(X, LABELS, COUNTS)
    for weights in (None, COUNTS + 1):
        with pytest.raises(DataError, match="training samples: must be those of the interrupted run"):
            Trainer.resume(tmp_path / "run", X, LABELS, weights, epochs=4)
    resumed = Trainer.resume(tmp_path / "run", X, LABELS, sample_weight=COUNTS, epochs=4)
    assert resumed.network.parameters.tobytes() == whole.network.parameters.tobytes()
    costs = [[row["cost"] for row in run.history] for run in (resumed, whole)]
    assert costs[0] == costs[1]


def test_divergence_names_the_same_update() -> None:
    config = {
        "network": {"layers": [{"kind": "dense", "units": 2, "activation": "identity"}]},
        "optimizer": {"kind": "mini-batch", "batch_size": 4, "learning_rate": 1e80},
    }
    errors = []
    for given in ({"weights": np.full(60, 2.0)}, {}):
        with pytest.raises(DivergenceError) as caught:
            fit(NUMBERS, **given, **config)
        errors.append((caught.value.update, caught.value.layer))
    assert errors[0] == errors[1]


def test_float32() -> None:
    config = {"dtype": "float32", "network": {"layers": [5, 3]}}
    weighted, repeated = fit(LABELS, weights=COUNTS, **config), fit(LABELS, COUNTS, **config)
    assert weighted.network.parameters.dtype == np.float32
    np.testing.assert_allclose(weighted.network.parameters, repeated.network.parameters, rtol=1e-4, atol=1e-5)
