"""Costs of targets that are numbers: scikit-learn's values, what a constant learns, and targets that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from modnet import ConfigError, DataError, Trainer
from modnet.components.costs import Absolute, Huber, Poisson

RNG = np.random.default_rng(7)
X = RNG.uniform(-1.0, 1.0, size=(300, 2))
COUNTS = RNG.poisson(np.exp(0.5 + X[:, 0] - 0.7 * X[:, 1])).astype(float)


def config(cost: Any, activation: str, **more: Any) -> dict[str, Any]:
    layers = [{"kind": "dense", "units": 1, "activation": activation}]
    optimizer = {"rule": "adam", "learning_rate": 0.02, "batch_size": 30}
    return {"epochs": 60, "network": {"layers": layers, "cost": cost}, "optimizer": optimizer} | more


def test_scikit_learns_values() -> None:
    a, y = RNG.gamma(2.0, size=(50, 1)), RNG.poisson(2.0, size=(50, 1)).astype(float)
    assert (y == 0).any()
    assert np.mean(Poisson()(a, y)) == pytest.approx(metrics.mean_poisson_deviance(y, a) / 2, rel=1e-14)
    assert np.mean(Absolute()(a, y)) == pytest.approx(metrics.mean_absolute_error(y, a), rel=1e-14)
    far = Huber(threshold=1e9)(a, y)
    assert np.mean(far) == pytest.approx(metrics.mean_squared_error(y, a) / 2, rel=1e-14)
    near = Huber(threshold=1e-9)(a, y) / 1e-9
    assert np.mean(near) == pytest.approx(metrics.mean_absolute_error(y, a), rel=1e-8)


def test_the_exponents_of_counts_are_learnt() -> None:
    run = Trainer.from_config(config("poisson", "exp", metrics=["mean-absolute-error"])).fit(X, COUNTS)
    layer = run.network.layers[0]
    np.testing.assert_allclose([*layer.weights[0], *layer.biases], [1.0, -0.7, 0.5], atol=0.15)
    assert (run.network.predict(X) > 0.0).all()
    deviance = metrics.mean_poisson_deviance(COUNTS, run.network.predict(X)[:, 0])
    assert run.evaluate("train")["cost"] == pytest.approx(deviance / 2, rel=1e-12)


def test_the_best_constant() -> None:
    y = np.sort(RNG.normal(size=31)) ** 3
    costs = [float(np.mean(Absolute()(np.full((31, 1), a), y[:, None]))) for a in y]
    assert y[int(np.argmin(costs))] == np.median(y)


def test_huber_by_hand() -> None:
    outputs, targets = np.full((5, 1), 3.0), np.array([[1.0], [2.0], [2.5], [3.5], [10.0]])
    assert Huber().gradient(outputs, targets)[:, 0].tolist() == [1.0, 1.0, 0.5, -0.5, -1.0]
    assert Huber()(outputs, targets).tolist() == [1.5, 0.5, 0.125, 0.125, 6.5]
    assert Huber(threshold=2.0)(outputs, targets).tolist() == [2.0, 0.5, 0.125, 0.125, 12.0]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_poisson_refuses_targets_below_0(part: str) -> None:
    bad = COUNTS.copy()
    bad[17] = -0.5
    trainer = Trainer.from_config(config("poisson", "exp", epochs=1))
    with pytest.raises(DataError) as caught:
        trainer.fit(X, bad if part == "train" else COUNTS, validation=(X, bad))
    place = "training" if part == "train" else part
    assert str(caught.value) == f"{place} y: the cost poisson needs targets of at least 0; the lowest is -0.5"


def test_poisson_refuses_targets_that_a_transform_makes_negative() -> None:
    table = config("poisson", "exp", epochs=1, data={"target_transform": "standard"})
    with pytest.raises(DataError, match="the cost poisson needs targets of at least 0; the lowest is -"):
        Trainer.from_config(table).fit(X, COUNTS)


@pytest.mark.parametrize("threshold", [0.0, -1.0])
def test_a_threshold_is_above_0(threshold: float) -> None:
    with pytest.raises(ConfigError, match=r"network\.cost\.threshold"):
        Trainer.from_config(config({"kind": "huber", "threshold": threshold}, "identity"))
