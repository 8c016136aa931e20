"""Penalties that are divided by the batch, and the cost with them: by hand, and as scikit-learn trains with them."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from modnet import ConfigError, Network, Problem, Solver, Trainer, hookimpl
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.components.regularizers import L1, L2
from modnet.testing.case import temporarily_registered

RNG = np.random.default_rng(9)
X = RNG.normal(size=(50, 4))
Y = np.sin(X @ np.array([1.0, -0.5, 0.25, 0.0])) + 0.1 * RNG.normal(size=50)
WEIGHTS = RNG.integers(0, 4, 50).astype(float)
UNITS, RATE, ALPHA = 5, 0.1, 0.7


def layers() -> list[dict[str, Any]]:
    return [
        {"kind": "dense", "units": UNITS, "activation": "tanh"},
        {"kind": "dense", "units": 1, "activation": "identity"},
    ]


def config(batch_size: int, epochs: int = 4, **more: Any) -> dict[str, Any]:
    rule = {"kind": "nesterov", "velocity_of": "steps"}
    optimizer = {"batch_size": batch_size, "shuffle": False, "learning_rate": RATE, "rule": rule}
    penalty = {"kind": "l2", "strength": ALPHA, "divide_by_batch": True}
    network = {"layers": layers(), "regularizers": [penalty]}
    return {"epochs": epochs, "cost_with_penalty": True, "network": network, "optimizer": optimizer} | more


def theirs(batch_size: int, weights: np.ndarray | None) -> tuple[Network, MLPRegressor]:
    """Return the network that scikit-learn starts from, and what it trains of it in four epochs."""
    peer = MLPRegressor(
        hidden_layer_sizes=(UNITS,),
        activation="tanh",
        solver="sgd",
        alpha=ALPHA,
        batch_size=batch_size,
        learning_rate_init=RATE,
        shuffle=False,
        max_iter=1,
        warm_start=True,
        random_state=1,
        tol=0.0,
    )
    options = {} if weights is None else {"sample_weight": weights}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer.fit(X, Y, **options)
        start = Trainer.from_config(config(batch_size, 0)).fit(X, Y).network
        for layer, coefs, intercepts in zip(start.layers, peer.coefs_, peer.intercepts_, strict=True):
            layer.weights, layer.biases = coefs.T, intercepts
        peer.set_params(max_iter=4).fit(X, Y, **options)
    return start, peer


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [7, 20, 50])  # 7 and 20 leave a shorter last batch
def test_a_training_of_scikit_learn(batch_size: int, weighted: bool) -> None:
    weights = WEIGHTS if weighted else None
    if weighted and "sample_weight" not in inspect.signature(MLPRegressor.fit).parameters:
        pytest.skip("this scikit-learn takes no weights here")
    start, peer = theirs(batch_size, weights)
    run = Trainer.from_config(config(batch_size)).fit(X, Y, weights, initial=start)
    for layer, coefs, intercepts in zip(run.network.layers, peer.coefs_, peer.intercepts_, strict=True):
        np.testing.assert_allclose(layer.weights, coefs.T, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(layer.biases, intercepts, rtol=1e-11, atol=1e-13)
    if not weighted:  # theirs is a mean over batches by their numbers of samples, also with weights
        found = [row["cost_with_penalty"] for row in run.history]
        np.testing.assert_allclose(found, peer.loss_curve_[-4:], rtol=1e-12)
    constant = config(batch_size)
    constant["network"]["regularizers"] = [{"kind": "l2", "strength": ALPHA}]
    other = Trainer.from_config(constant).fit(X, Y, weights, initial=start).network
    assert np.abs(other.parameters - run.network.parameters).max() > 0.01


def network(*regularizers: Any) -> Network:
    made = Network([Dense(units=1, activation="identity")], (2,), Quadratic(), regularizers)
    made.layers[0].weights[...] = [[3.0, -4.0]]
    return made


def test_penalties_by_hand() -> None:
    # ½ · 0.1 · 25 = 1.25 over 5 is 0.25; 0.2 · 7 = 1.4 as it is
    net = network(L2(strength=0.1, divide_by_batch=True), L1(strength=0.2))
    assert net.penalty(5.0) == pytest.approx(0.25 + 1.4, rel=1e-15)
    assert net.penalty(0.0) == pytest.approx(1.4, rel=1e-15)
    for total, expected in ((5.0, [0.06 + 0.2, -0.08 - 0.2, 7.0]), (0.0, [0.2, -0.2, 7.0])):
        gradient = np.array([0.0, 0.0, 7.0])
        net.add_penalty_gradient(gradient, total)
        np.testing.assert_allclose(gradient, expected, rtol=1e-15)


@pytest.mark.parametrize("batch_size", [20, 3000])  # in one piece, and in several
@pytest.mark.parametrize("weights", [None, np.repeat([1.0, 3.0, 0.0], 1000)])
def test_the_cost_with_penalties_is_that_of_the_updates(batch_size: int, weights: np.ndarray | None) -> None:
    x = np.tile(X, (60, 1))
    y = np.tile(Y, 60)
    table = config(batch_size, 2)
    table["network"]["regularizers"].append("l1")
    costs, penalties, counts = [], [], []
    size, theta = batch_size, []

    class Note:
        def __init__(self) -> None:
            self.at = 0

        @hookimpl
        def modnet_fit_start(self, training: Any) -> None:
            theta.append(training.network.parameters.copy())

        @hookimpl
        def modnet_batch_end(self, training: Any) -> None:
            rows = slice(self.at, min(self.at + size, 3000))
            self.at = rows.stop % 3000
            w = np.ones(3000)[rows] if weights is None else weights[rows]
            before, net = theta.pop(), training.network
            theta.append(net.parameters.copy())
            total, flat = w.sum(), before[: net.regularized]
            counts.append(total)
            costs.append(training.last_cost)
            penalties.append((0.5 * ALPHA * flat @ flat / total if total else 0.0) + 1e-4 * np.abs(flat).sum())

    run = Trainer.from_config(table).fit(x, y, weights, callbacks=[Note()])
    each = len(counts) // 2
    for epoch, row in enumerate(run.history):
        of = slice(epoch * each, (epoch + 1) * each)
        share = np.array(counts[of]) / np.sum(counts[of])
        assert row["cost"] == pytest.approx(float(share @ costs[of]), rel=1e-12)
        assert row["cost_with_penalty"] == pytest.approx(
            float(share @ (np.array(costs[of]) + penalties[of])), rel=1e-12
        )


class Stop:
    """Writes a checkpoint within the second epoch, and fails at its end."""

    @hookimpl
    def modnet_checkpoint_due(self, training: Any) -> bool:
        return training.within_epoch and training.epochs == 1

    @hookimpl
    def modnet_epoch_end(self, training: Any) -> None:
        if training.epochs == 2:
            raise ZeroDivisionError


def test_it_is_resumed_within_an_epoch_to_the_bit(tmp_path: Path) -> None:
    table, x, y = config(10, 3), np.tile(X, (200, 1)), np.tile(Y, 200)
    whole = Trainer.from_config(table).fit(x, y)
    with pytest.raises(ZeroDivisionError):
        Trainer.from_config(table).fit(x, y, out=tmp_path / "run", callbacks=[Stop()])
    checkpoint = min((tmp_path / "run" / "checkpoints").glob("*.safetensors"))
    resumed = Trainer.resume(checkpoint, x, y)
    assert resumed.network.parameters.tobytes() == whole.network.parameters.tobytes()
    costs = [[row["cost_with_penalty"] for row in run.history] for run in (whole, resumed)]
    assert costs[0] == costs[1]


def test_it_can_be_monitored() -> None:
    monitor = [{"kind": "early-stopping", "monitor": "cost_with_penalty", "minimum_gain": 10.0, "patience": 2}]
    table = config(20, 6, callbacks=monitor)
    run = Trainer.from_config(table).fit(X, Y)
    assert run.stopped == f"cost_with_penalty has not improved for 2 epochs; epoch {len(run.history) - 2} is restored"
    with pytest.raises(ConfigError, match="no metric is called 'cost_with_penalty'"):
        Trainer.from_config(table | {"cost_with_penalty": False}).fit(X, Y)


class Descent(Solver):
    """One step down the gradient of all samples."""

    kind: Literal["descent"] = "descent"

    def solve(self, problem: Problem) -> None:
        cost, gradient = problem.value_and_grad()
        problem.state["cost"] = cost
        problem.parameters[...] -= 0.05 * gradient


def test_a_solver_minimizes_it_and_the_history_has_it_at_the_end_of_the_epoch() -> None:
    with temporarily_registered(Descent):
        table = config(1, 3) | {"optimizer": {"kind": "descent"}}
        history = Trainer.from_config(table).fit(X, Y, WEIGHTS).history
        found = [row["cost_with_penalty"] for row in history]
        assert found == sorted(found, reverse=True)
        run = Trainer.from_config(table | {"epochs": 1}).fit(X, Y, WEIGHTS)
    weights = run.network.parameters[: run.network.regularized]
    penalty = 0.5 * ALPHA * float(weights @ weights) / WEIGHTS.sum()
    assert run.history[0]["cost_with_penalty"] == pytest.approx(run.history[0]["cost"] + penalty, rel=1e-13)
