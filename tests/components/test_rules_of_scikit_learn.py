"""Momentum, nesterov and adam in the forms of scikit-learn's optimizers, whose rate may change at every update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import _stochastic_optimizers as theirs

from modnet import Trainer
from modnet.components.update_rules import Adam, AdamW, Momentum, Nesterov
from modnet.core.interfaces import UpdateContext, UpdateRule

STEPS, SIZE = 100, 40


def gradients() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(3)
    for _ in range(STEPS):
        yield rng.standard_normal(SIZE) * 10.0 ** rng.integers(-9, 3, SIZE)  # ε matters among the small ones


def largest_difference(rule: UpdateRule, optimizer: Any, rates: np.ndarray, rate_of: str) -> float:
    """Return the largest difference of θ after any update, relative to the largest number of θ so far."""
    ours, params, worst = np.zeros(SIZE), [np.zeros(SIZE)], 0.0
    state = rule.init(ours)
    optimizer = optimizer(params)
    for number, (gradient, rate) in enumerate(zip(gradients(), rates, strict=True)):
        step, state = rule.update(gradient, state, UpdateContext(ours, float(rate), updates=number))
        ours = ours - step
        setattr(optimizer, rate_of, float(rate))
        optimizer.update_params(params, [gradient])
        worst = max(worst, float(np.max(np.abs(ours - params[0]) / np.maximum(np.abs(params[0]), 1e-300))))
    return worst


CONSTANT, CHANGING = np.full(STEPS, 0.05), 0.05 / np.arange(1, STEPS + 1) ** 0.5


@pytest.mark.parametrize("rates", [CONSTANT, CHANGING], ids=["constant", "changing"])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(("rule", "nesterov"), [(Momentum, False), (Nesterov, True)])
def test_velocities_of_steps_are_bit_for_bit_theirs(
    rule: type[Momentum | Nesterov], nesterov: bool, momentum: float, rates: np.ndarray
) -> None:
    def optimizer(params: list[np.ndarray]) -> Any:
        return theirs.SGDOptimizer(params, momentum=momentum, nesterov=nesterov)

    of_steps = rule(momentum=momentum, velocity_of="steps")
    assert largest_difference(of_steps, optimizer, rates, "learning_rate") == 0.0
    of_gradients = largest_difference(rule(momentum=momentum), optimizer, rates, "learning_rate")
    same = rates is CONSTANT or not momentum
    assert (of_gradients < 1e-9) is same


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
@pytest.mark.parametrize("rates", [CONSTANT, CHANGING], ids=["constant", "changing"])
@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.0, 0.5)])
def test_adam_with_epsilon_hat_is_theirs(beta1: float, beta2: float, rates: np.ndarray, epsilon: float) -> None:
    def optimizer(params: list[np.ndarray]) -> Any:
        return theirs.AdamOptimizer(params, beta_1=beta1, beta_2=beta2, epsilon=epsilon)

    hat = Adam(beta1=beta1, beta2=beta2, epsilon=epsilon, epsilon_hat=True)
    assert largest_difference(hat, optimizer, rates, "learning_rate_init") == 0.0
    own = hat.model_copy(update={"epsilon_hat": False})
    assert largest_difference(own, optimizer, rates, "learning_rate_init") > 1e-6


def test_where_epsilon_stands_by_hand() -> None:
    # ∇ = 4: m = .4, s = .016 with β₁ = .9, β₂ = .999; m̂ = 4, √ŝ = 4, and √s = .4/√10 with ηₜ = η √.001/.1
    gradient, context = np.array([4.0]), UpdateContext(np.zeros(1), 0.5)
    step, _ = Adam(epsilon=1.0).update(gradient, Adam().init(gradient), context)
    np.testing.assert_allclose(step, [0.5 * 4 / (4 + 1)], rtol=1e-14)
    root = 0.4 / np.sqrt(10)
    for rule in (Adam(epsilon=1.0, epsilon_hat=True), AdamW(epsilon=1.0, epsilon_hat=True)):
        step, _ = rule.update(gradient, rule.init(gradient), context)
        np.testing.assert_allclose(step, [0.5 * np.sqrt(0.001) / 0.1 * 0.4 / (root + 1)], rtol=1e-13)


def test_a_velocity_that_keeps_everything() -> None:
    rule = {"kind": "momentum", "momentum": 1.0}
    config = {
        "epochs": 3,
        "network": {"layers": [2]},
        "optimizer": {"kind": "batch", "rule": rule, "learning_rate": 0.1},
    }
    x, y = np.eye(4), np.array([0, 1, 0, 1])
    history = Trainer.from_config(config).fit(x, y).history
    assert history[2]["cost"] < history[0]["cost"]
