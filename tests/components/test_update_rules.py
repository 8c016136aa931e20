"""Rules: hand-worked numbers, and a quadratic bowl, in one table of cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support import parts

from modnet.components.update_rules import Adam, AdamW, ClipByNorm, ClipByValue, Momentum, Nesterov, Plain, RmsProp
from modnet.core.interfaces import UpdateContext

# rule, the steps that it takes for the gradients 1, 1 and −2 at η = 0.1, worked by hand:
# momentum ½: v = 1, 1.5, −1.25; nesterov: 1 + .5·1, 1 + .5·1.5, −2 + .5·(−1.25)
# rmsprop ρ = ½: s = .5, .75, 2.375
# adam β₁ = ½, β₂ = ¾: m = .5, .75, −.625 over 1 − β₁ᵗ = ½, ¾, ⅞; s = ¼, 7/16, 85/64 over ¼, 7/16, 37/64
CASES = [
    (Plain(), [0.1, 0.1, -0.2]),
    (Momentum(momentum=0.5), [0.1, 0.15, -0.125]),
    (Nesterov(momentum=0.5), [0.15, 0.175, -0.2625]),
    (RmsProp(decay=0.5, epsilon=1e-12), [0.1 / math.sqrt(0.5), 0.1 / math.sqrt(0.75), -0.2 / math.sqrt(2.375)]),
    (
        Adam(beta1=0.5, beta2=0.75, epsilon=1e-12),
        [0.1, 0.1, -0.1 * (0.625 / 0.875) / math.sqrt((85 / 64) / (37 / 64))],
    ),
    (
        AdamW(beta1=0.5, beta2=0.75, epsilon=1e-12, weight_decay=0.0),
        [0.1, 0.1, -0.1 * (0.625 / 0.875) / math.sqrt((85 / 64) / (37 / 64))],
    ),
    (ClipByNorm(maximum=1.5), [0.1, 0.1, -0.15]),
    (ClipByValue(maximum=0.5), [0.05, 0.05, -0.05]),
]


@pytest.mark.parametrize(("rule", "steps"), CASES, ids=lambda case: getattr(case, "kind", ""))
def test_hand_worked_steps(rule, steps):
    state = rule.init(np.zeros(1))
    for gradient, expected in zip((1.0, 1.0, -2.0), steps, strict=True):
        given = np.array([gradient])
        given.flags.writeable = False
        step, state = rule.update(given, state, UpdateContext(np.zeros(1), 0.1))
        np.testing.assert_allclose(step, [expected], rtol=1e-9)


@pytest.mark.parametrize(("rule", "steps"), CASES, ids=lambda case: getattr(case, "kind", ""))
def test_descends_a_bowl(rule, steps):
    # f(θ) = ½(θ₀² + 10 θ₁²), whose lowest point is 0
    del steps
    curvature, theta = np.array([1.0, 10.0]), np.array([3.0, -2.0])
    state = rule.init(theta)
    for update in range(600):
        step, state = rule.update(curvature * theta, state, UpdateContext(theta, 0.05 * 0.995**update))
        theta = theta - step
    assert np.abs(theta).max() < 0.02


@pytest.mark.parametrize(("rule", "steps"), CASES, ids=lambda case: getattr(case, "kind", ""))
def test_float32_stays_float32_and_the_state_is_not_written_to(rule, steps):
    del steps
    theta = np.ones(3, dtype=np.float32)
    state = rule.init(theta)
    for value in state.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    step, after = rule.update(theta, state, UpdateContext(theta, 0.1))
    assert step.dtype == np.float32
    assert all(value.dtype == np.float32 for value in after.values() if isinstance(value, np.ndarray))


def test_weight_decay_acts_on_weights_only():
    # the gradient is 0, so that adam's step is 0: ηλw = 0.1 · 0.5 · (4, −2) for the two weights, 0 for the bias
    rule = AdamW(weight_decay=0.5)
    theta = np.array([4.0, -2.0, 8.0])
    step, _ = rule.update(np.zeros(3), rule.init(theta), UpdateContext(theta, 0.1, regularized=2))
    np.testing.assert_allclose(step, [0.2, -0.1, 0.0], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_gradient_is_clipped_to_its_norm_over_all_parameters(dtype):
    rule, theta = ClipByNorm(maximum=2.0), np.zeros(3, dtype)

    def step(*gradient):
        return rule.update(np.array(gradient, dtype), {}, UpdateContext(theta, 1.0))[0]

    np.testing.assert_allclose(step(3.0, 0.0, -4.0), [1.2, 0.0, -1.6], rtol=1e-6)  # the norm is 5
    np.testing.assert_array_equal(step(1.0, 0.0, -1.0), np.array([1.0, 0.0, -1.0], dtype))
    np.testing.assert_array_equal(step(0.0, 0.0, 0.0), np.zeros(3))
    np.testing.assert_allclose(step(3e30, 0.0, -4e30), [1.2, 0.0, -1.6], rtol=1e-6)  # its square is no float32
    assert np.isnan(step(1.0, math.nan, 0.0)).any()


def test_a_clipping_rule_has_the_rate_and_the_state_of_its_rule():
    rule = ClipByValue(maximum=0.5, rule="adam")
    assert (rule.usual_rate, rule.elementwise) == (Adam.usual_rate, True)
    assert not ClipByValue(rule="clip-by-norm").elementwise
    theta, gradient = np.ones(2), np.array([3.0, -0.25])
    found = rule.update(gradient, rule.init(theta), UpdateContext(theta, 0.1))
    expected = Adam().update(np.array([0.5, -0.25]), Adam().init(theta), UpdateContext(theta, 0.1))
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[1].keys() == expected[1].keys()


@pytest.mark.parametrize("rule", [Momentum(momentum=0.1), Nesterov(momentum=0.1), Adam(beta1=0.1), AdamW(beta1=0.1)])
def test_a_schedule_may_drive_the_momentum(rule):
    option = "beta1" if isinstance(rule, Adam) else "momentum"
    theta, gradient = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    driven, own = rule, rule.model_copy(update={option: 0.7})
    states = [driven.init(theta), own.init(theta)]
    for _ in range(3):
        context = UpdateContext(theta, 0.1, momentum=0.7)
        first, states[0] = driven.update(gradient, states[0], context)
        second, states[1] = own.update(gradient, states[1], UpdateContext(theta, 0.1))
        np.testing.assert_array_equal(first, second)


def test_every_rule_has_a_row():
    assert {rule.kind for rule, _ in CASES} == {part.kind_name() for part in parts("rule")}
