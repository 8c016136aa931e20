"""Costs that want more outputs than a target has values, and what of them is the prediction."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import Field

import modnet
from modnet import ConfigError, Cost, Metric, ModelFileError, Network, Slot, Trainer, load, save
from modnet.components.costs import GaussianNegativeLogLikelihood, Quantile
from modnet.components.layers import Dense
from modnet.components.metrics import CostMetric
from modnet.core.interfaces import Task
from modnet.testing import check_component
from modnet.testing.case import temporarily_registered

RNG = np.random.default_rng(5)
X = RNG.uniform(-1.0, 1.0, size=(400, 1))
SPREAD = 0.02 + 0.3 * (X > 0)
Y = np.sin(2 * X) + SPREAD * RNG.standard_normal(X.shape)


def network(units: int, cost: Any, **config: Any) -> dict[str, Any]:
    layers = [
        {"kind": "dense", "units": 8, "activation": "tanh"},
        {"kind": "dense", "units": units, "activation": "identity"},
    ]
    usual = {"epochs": 40, "optimizer": {"rule": "adam", "batch_size": 20, "learning_rate": 0.01}}
    return usual | {"network": {"layers": layers, "cost": cost}} | config


def test_gaussian_nll_is_the_logarithm_of_the_density() -> None:
    cost = GaussianNegativeLogLikelihood()
    a, y = np.array([[1.0, -2.0, 0.5, -3.0], [0.0, 4.0, -1.0, 2.0]]), np.array([[1.5, -2.0], [0.3, 9.0]])
    for row, value in enumerate(cost(a, y)):
        parts = zip(a[row, :2], a[row, 2:], y[row], strict=True)
        densities = [NormalDist(mean, math.sqrt(math.exp(s) + 1e-6)).pdf(target) for mean, s, target in parts]
        assert value == pytest.approx(-sum(map(math.log, densities)), rel=1e-12)
    assert cost.predictions(a).tolist() == [[1.0, -2.0], [0.0, 4.0]]
    assert (cost.outputs(1), cost.outputs(3)) == (2, 6)


def test_pinball_loss_by_hand() -> None:
    cost = Quantile(quantiles=(0.1, 0.5, 0.9))
    a, y = np.array([[0.0, 1.0, 2.0]]), np.array([[1.5]])
    assert cost(a, y).tolist() == pytest.approx([0.1 * 1.5 + 0.5 * 0.5 + 0.1 * 0.5], rel=1e-15)
    assert cost.gradient(a, y).tolist() == [[-0.1, -0.5, pytest.approx(0.1)]]
    assert cost.gradient(np.full((1, 3), 1.5), y).tolist() == [[0.0] * 3]
    assert cost.predictions(a).tolist() == [[1.0]]
    two = np.arange(6.0)[None]  # the first quantile of both values, the second of both, the third of both
    assert cost.predictions(two).tolist() == [[2.0, 3.0]]
    assert cost(two, np.array([[2.0, 3.0]])).tolist() == pytest.approx([2 * (0.1 * 2 + 0.1 * 2)], rel=1e-15)
    assert Quantile(quantiles=(0.2, 0.4, 0.6)).predictions(a).tolist() == [[1.0]]


@pytest.mark.parametrize("q", [0.05, 0.25, 0.5, 0.83])
def test_the_best_constant_is_the_quantile(q: float) -> None:
    y = np.sort(RNG.normal(size=31))
    cost = Quantile(quantiles=(q,))
    costs = [float(np.mean(cost(np.full((31, 1), a), y[:, None]))) for a in y]
    assert y[int(np.argmin(costs))] == np.quantile(y, q, method="inverted_cdf")


@pytest.mark.parametrize("quantiles", [[], [0.0], [0.5, 1.0], [0.9, 0.1], [0.5, 0.5], ["a"]])
def test_bad_quantiles_are_refused(quantiles: Any) -> None:
    with pytest.raises(ConfigError, match=r"network\.cost\.quantiles"):
        Trainer.from_config({"network": {"cost": {"kind": "quantile", "quantiles": quantiles}}})


def test_mean_and_variance_are_learnt(tmp_path: Path) -> None:
    run = Trainer.from_config(network(2, "gaussian-nll")).fit(X, Y[:, 0])
    outputs = run.network.predict_outputs(X)
    assert outputs.shape == (400, 2)
    assert run.network.predict(X).tolist() == outputs[:, :1].tolist()
    assert run.history[-1]["r2"] > 0.8
    deviations = np.exp(outputs[:, 1] / 2)
    wide = X[:, 0] > 0.3
    assert 0.2 < np.median(deviations[wide]) < 0.5
    assert np.median(deviations[X[:, 0] < -0.3]) < 0.15
    save(run.network, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    assert (loaded.outputs, loaded.target_width) == (2, 1)
    assert loaded.predict(X).tobytes() == run.network.predict(X).tobytes()


def test_three_quantiles_of_two_values() -> None:
    y = np.hstack([Y, -Y])
    run = Trainer.from_config(network(6, "quantile")).fit(X, y)
    outputs = run.network.predict_outputs(X)
    below = [float(np.mean(y < outputs[:, 2 * index : 2 * index + 2])) for index in range(3)]
    assert below == pytest.approx([0.1, 0.5, 0.9], abs=0.08)
    assert run.network.predict(X).tolist() == outputs[:, 2:4].tolist()
    assert run.history[-1]["r2"] > 0.7


@pytest.mark.parametrize(
    ("units", "cost", "y", "allowed"),
    [
        (
            1,
            "gaussian-nll",
            Y[:, 0],
            "1 unit, the targets have 1 output; allowed: 2, which the cost gaussian-nll needs",
        ),
        (2, "quantile", Y, "2 units, the targets have 1 output; allowed: 3, which the cost quantile needs"),
        (3, "gaussian-nll", X[:, 0] > 0, "3 units, the data has 2 classes; allowed: 2 or 4, which the cost"),
        (2, "quadratic", Y, "2 units, the targets have 1 output; allowed: 1"),
    ],
)
def test_another_number_of_units_is_refused(units: int, cost: str, y: Any, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Trainer.from_config(network(units, cost)).fit(X, y)
    assert allowed in str(caught.value)
    assert str(caught.value).startswith("network.layers.1: ")


def test_classes_follow_from_predictions() -> None:
    labels = np.where(X[:, 0] < -0.2, "low", np.where(X[:, 0] < 0.3, "middle", "high"))
    run = Trainer.from_config(network(6, "gaussian-nll")).fit(X, labels)
    predictions = run.network.predict_outputs(X)[:, :3]
    expected = run.network.classes[np.argmax(predictions, axis=1)]
    assert run.network.classify(X).tolist() == expected.tolist()
    assert run.evaluate("train")["accuracy"] == np.mean(expected == labels)
    assert run.evaluate("train")["accuracy"] > 0.9


class TwoHeads(Cost):
    """The sum of two costs: one of the first values of a target, one of the rest."""

    kind: Literal["two-heads"] = "two-heads"
    first: Annotated[Cost, Slot()] = Field(default="gaussian-nll", validate_default=True, description="of the first")
    second: Annotated[Cost, Slot()] = Field(default="quadratic", validate_default=True, description="of the rest")
    width: int = Field(default=1, ge=1, description="how many values the first cost takes")

    def outputs(self, width: int) -> int:
        if width <= self.width:
            raise ValueError(f"needs targets of more than {self.width} values")
        return self.first.outputs(self.width) + self.second.outputs(width - self.width)

    def heads(self, function: Callable[..., Any], a: Any, *y: Any) -> list[Any]:
        cut = self.first.outputs(self.width)
        targets = [[each[:, : self.width], each[:, self.width :]] for each in y]
        slices = [a[:, :cut], a[:, cut:]]
        costs = (self.first, self.second)
        return [function(cost, slices[i], *(each[i] for each in targets)) for i, cost in enumerate(costs)]

    def predictions(self, a: Any) -> Any:
        return modnet.namespace(a).concat(self.heads(lambda cost, a: cost.predictions(a), a), axis=-1)

    def __call__(self, a: Any, y: Any) -> Any:
        first, second = self.heads(lambda cost, a, y: cost(a, y), a, y)
        return first + second

    def gradient(self, a: Any, y: Any) -> Any:
        return modnet.namespace(a).concat(self.heads(lambda cost, a, y: cost.gradient(a, y), a, y), axis=-1)


def test_two_heads_with_two_costs() -> None:
    report = check_component(TwoHeads, examples=[{}, {"first": "quantile", "second": "binary-cross-entropy"}])
    assert not report.failures, report.failures
    y = np.hstack([Y, X**2])
    with temporarily_registered(TwoHeads):
        run = Trainer.from_config(network(3, TwoHeads())).fit(X, y)
        with pytest.raises(ConfigError, match=r"^network\.cost: two-heads: needs targets of more than 1 values"):
            Trainer.from_config(network(3, TwoHeads())).fit(X, Y)
    outputs = run.network.predict_outputs(X)
    costs = GaussianNegativeLogLikelihood()(outputs[:, :2], y[:, :1]) + 0.5 * (outputs[:, 2] - y[:, 1]) ** 2
    assert run.evaluate("train")["cost"] == pytest.approx(float(np.mean(costs)), rel=1e-13)
    assert run.network.predict(X).tolist() == outputs[:, [0, 2]].tolist()
    assert run.history[-1]["r2"] > 0.7


class Coverage(Metric):
    """The share of targets within two standard deviations of the mean."""

    kind: Literal["coverage"] = "coverage"
    uses_outputs: ClassVar[bool] = True

    def partial(self, a: Any, y: Any, weights: Any) -> Any:
        mean, log_variance = np.split(a, 2, axis=1)
        within = np.abs(y - mean) <= 2.0 * np.exp(log_variance / 2)
        counts = np.ones_like(y) if weights is None else np.broadcast_to(weights[:, None], y.shape)
        return np.array([np.sum(counts * within), np.sum(counts)])

    def value(self, total: Any) -> float:
        return float(total[0] / total[1])


def test_a_metric_may_use_all_outputs_and_others_see_predictions() -> None:
    config = network(2, "gaussian-nll", metrics=[Coverage(), "mean-squared-error"])
    run = Trainer.from_config(config).fit(X, Y, validation=(X, Y))
    mean, log_variance = run.network.predict_outputs(X).T
    within = np.abs(Y[:, 0] - mean) <= 2.0 * np.exp(log_variance / 2)
    assert run.history[-1]["validation_coverage"] == np.mean(within)
    assert 0.85 < np.mean(within) < 1.0
    assert run.history[-1]["validation_mean_squared_error"] == pytest.approx(np.mean((Y[:, 0] - mean) ** 2), rel=1e-12)


def test_a_cost_of_more_outputs_is_no_metric() -> None:
    config = network(1, "quadratic", metrics=[{"kind": "cost", "cost": "gaussian-nll"}])
    with pytest.raises(
        ConfigError, match=r"^metrics\.0: the cost gaussian-nll needs 2 outputs, metrics see predictions"
    ):
        Trainer.from_config(config).fit(X, Y)
    with pytest.raises(ValueError, match="needs 4 outputs"):
        CostMetric(cost=GaussianNegativeLogLikelihood()).check(Task(2, classes=False))


def test_a_file_whose_outputs_do_not_fit_its_cost_is_refused(tmp_path: Path) -> None:
    save(Network([Dense(units=3)], (2,), GaussianNegativeLogLikelihood()), tmp_path / "model.safetensors")
    with pytest.raises(ModelFileError, match="3 outputs are not what the cost gaussian-nll needs"):
        load(tmp_path / "model.safetensors")
