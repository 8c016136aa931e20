"""Parts against hand-worked numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support import parts

from modnet.components import activations, costs, initializers, metrics, regularizers, schedules
from modnet.core.interfaces import Position, Task

LN2 = 0.6931471805599453

ACTIVATION_CASES = [
    # σ(ln 3) = 3/4 and σ′ = 3/16; tanh(ln 2) = (2 − ½)/(2 + ½) = 3/5 and 1 − a² = 16/25
    (activations.Sigmoid(), math.log(3), 3 / 4, 3 / 16),
    (activations.Sigmoid(), -math.log(3), 1 / 4, 3 / 16),
    (activations.Sigmoid(), 0.0, 1 / 2, 1 / 4),
    (activations.Tanh(), LN2, 3 / 5, 16 / 25),
    (activations.Relu(), 2.5, 2.5, 1.0),
    (activations.Relu(), -2.5, 0.0, 0.0),
    (activations.Relu(), 0.0, 0.0, 0.0),
    (activations.LeakyRelu(slope=0.25), -2.0, -0.5, 0.25),
    (activations.LeakyRelu(), 3.0, 3.0, 1.0),
    (activations.Identity(), -7.0, -7.0, 1.0),
    (activations.Exp(), math.log(3), 3.0, 3.0),
    (activations.Exp(), -LN2, 1 / 2, 1 / 2),
]


@pytest.mark.parametrize(("activation", "z", "a", "slope"), ACTIVATION_CASES)
def test_activation(activation, z, a, slope):
    z = np.array([[z]])
    np.testing.assert_allclose(activation(z), [[a]], rtol=1e-15, atol=0)
    np.testing.assert_allclose(activation.backward(np.array([[2.0]]), z, activation(z)), [[2 * slope]], rtol=1e-14)


def test_softmax_and_its_derivative():
    # e^z is 1, 2, 5 of 8; ∂a₀/∂z = a₀(1 − a₀), −a₀a₁, −a₀a₂
    softmax, z = activations.Softmax(), np.log([[1.0, 2.0, 5.0]])
    a = softmax(z)
    np.testing.assert_allclose(a, [[1 / 8, 2 / 8, 5 / 8]], rtol=1e-15)
    back = softmax.backward(np.array([[1.0, 0.0, 0.0]]), z, a)
    np.testing.assert_allclose(back, [[7 / 64, -2 / 64, -5 / 64]], rtol=1e-14)


@pytest.mark.parametrize("part", parts("activation"), ids=lambda part: part.kind_name())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_stay_finite_at_the_ends(part, dtype):
    largest, tiny = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    z = np.array([[largest, -largest, 0.0], [tiny, -tiny, 1.0]], dtype=dtype)
    activation = part()
    with np.errstate(all="raise", under="ignore"):
        if part.kind_name() == "softmax":  # −max − max is what its shift would compute
            z[0] /= 2
        a = activation(z)
        back = activation.backward(np.ones_like(z), z, a)
    assert a.dtype == back.dtype == dtype
    assert np.isfinite(a).all()
    assert np.isfinite(back).all()


A = np.array([[0.5, 0.25], [1.0, 0.0]])
Y = np.array([[1.0, 0.0], [1.0, 0.0]])
COST_CASES = [
    # ½(¼ + 1/16) = 5/32; the second sample is met exactly
    (costs.Quadratic(), [5 / 32, 0.0], [[-0.5, 0.25], [0.0, 0.0]]),
    # −ln ½ − ln ¾; gradient −1/½ and 1/(1 − ¼), −1/1 and 1/(1 − 0)
    (costs.BinaryCrossEntropy(), [LN2 - math.log(0.75), 0.0], [[-2.0, 4 / 3], [-1.0, 1.0]]),
    (costs.CategoricalCrossEntropy(), [LN2, 0.0], [[-2.0, 0.0], [-1.0, 0.0]]),
    (costs.Absolute(), [3 / 4, 0.0], [[-1.0, 1.0], [0.0, 0.0]]),
    # |e| = ½ is beyond 3/8, ¼ is not: 3/8 (½ − 3/16) + ½/16
    (costs.Huber(threshold=0.375), [15 / 128 + 1 / 32, 0.0], [[-0.375, 0.25], [0.0, 0.0]]),
    (costs.Huber(), [5 / 32, 0.0], [[-0.5, 0.25], [0.0, 0.0]]),
    # ln 2 − 1 + ½, and 0 − 0 + ¼; gradient 1 − 1/½, 1 − 0/¼, 1 − 1/1, 1 − 0/0 with 0 as the smallest normal number
    (costs.Poisson(), [LN2 - 1 / 4, 0.0], [[-1.0, 1.0], [0.0, 1.0]]),
]


@pytest.mark.parametrize(("cost", "values", "gradient"), COST_CASES, ids=lambda case: getattr(case, "kind", ""))
def test_cost(cost, values, gradient):
    np.testing.assert_allclose(cost(A, Y), values, rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(cost.gradient(A, Y), gradient, rtol=1e-15)


@pytest.mark.parametrize("part", parts("cost"), ids=lambda part: part.kind_name())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_costs_stay_finite_where_the_output_is_certain_and_wrong(part, dtype):
    a, y = np.resize([0.0, 1.0], (1, part().outputs(2))).astype(dtype), np.array([[1.0, 0.0]], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(part()(a, y)).all()
        assert np.isfinite(part().gradient(a, y)).all()


@pytest.mark.parametrize(
    ("cost", "activation"),
    [
        (costs.BinaryCrossEntropy(), activations.Sigmoid()),
        (costs.CategoricalCrossEntropy(), activations.Softmax()),
        (costs.Poisson(), activations.Exp()),
    ],
)
def test_the_short_delta_is_the_long_one(cost, activation, rng):
    z = rng.standard_normal((5, 3))
    a, y = activation(z), rng.dirichlet([1.0, 1.0, 1.0], 5) * 1.5
    if cost.kind == "binary-cross-entropy":
        y = rng.random((5, 3))
    long = activation.backward(cost.gradient(a, y), z, a)
    np.testing.assert_allclose(cost.delta(activation, z, a, y), long, rtol=1e-12, atol=1e-14)


# kind, standard deviation for fan_in 300 and fan_out 200
DEVIATIONS = [
    (initializers.StandardNormal(), 1.0),
    (initializers.ScaledNormal(), 1 / math.sqrt(300)),
    (initializers.GlorotNormal(), math.sqrt(2 / 500)),
    (initializers.GlorotUniform(), math.sqrt(6 / 500) / math.sqrt(3)),
    (initializers.HeNormal(), math.sqrt(2 / 300)),
    (initializers.Orthogonal(), 1 / math.sqrt(300)),
    (initializers.Zeros(), 0.0),
]


@pytest.mark.parametrize(("initializer", "deviation"), DEVIATIONS, ids=lambda case: getattr(case, "kind", ""))
def test_initializer(initializer, deviation):
    draw = initializer(np.random.default_rng(1), (200, 300), 300, 200)
    assert draw.shape == (200, 300)
    assert abs(draw.mean()) <= 5 * deviation / math.sqrt(60_000)
    # The sample deviation of 60,000 numbers is within 5/√120,000 of the true one.
    assert abs(draw.std() - deviation) <= deviation * 5 / math.sqrt(120_000)
    if initializer.kind == "glorot-uniform":
        assert np.abs(draw).max() <= math.sqrt(6 / 500)
    np.testing.assert_array_equal(draw, initializer(np.random.default_rng(1), (200, 300), 300, 200))


def test_every_initializer_has_a_row():
    constants = {"ones", "constant"}  # in test_initializers.py
    assert {case.kind for case, _ in DEVIATIONS} | constants == {part.kind_name() for part in parts("initializer")}


SCHEDULE_CASES = [
    (schedules.Constant(), [(0.0, 1.0), (29.5, 1.0)]),
    (schedules.Step(every=10, factor=0.5), [(0.0, 1.0), (9.9, 1.0), (10.0, 0.5), (25.0, 0.25)]),
    (schedules.Exponential(factor=0.81), [(0.0, 1.0), (0.5, 0.9), (1.0, 0.81)]),
    (schedules.Cosine(), [(0.0, 1.0), (10.0, 0.75), (15.0, 0.5), (20.0, 0.25), (30.0, 0.0), (31.0, 0.0)]),
    (schedules.Cosine(minimum=0.2), [(0.0, 1.0), (15.0, 0.6), (30.0, 0.2)]),
    (schedules.InverseScaling(power=0.5), [(0.0, 1.0), (3.0, 0.5), (8.0, 1 / 3)]),
    (schedules.InverseScaling(power=1.0, scale=2.0), [(2.0, 0.5), (6.0, 0.25)]),
    (schedules.WarmUp(updates=400), [(0.0, 1 / 400), (1.0, 101 / 400), (3.99, 1.0), (20.0, 1.0)]),
    (schedules.WarmUp(updates=1000, then="cosine"), [(4.99, 0.5 * (1 + math.cos(math.pi * 4.99 / 30)) / 2)]),
    # 3,000 updates: up to update 599 and down to update 2,999
    (schedules.OneCycle(rise=0.2, start_divisor=10.0, end_divisor=100.0), [(0.0, 0.1), (5.99, 1.0), (29.99, 0.001)]),
    (schedules.OneCycle(rise=0.2, start_divisor=10.0), [(17.99, 0.500005)]),
]


@pytest.mark.parametrize(("schedule", "points"), SCHEDULE_CASES, ids=lambda case: getattr(case, "kind", ""))
def test_schedule_over_thirty_epochs(schedule, points):
    for position, factor in points:
        assert schedule(Position(position, 30, round(100 * position), 3000)) == pytest.approx(
            factor, rel=1e-12, abs=1e-15
        )


def test_one_cycle_drives_the_momentum_the_other_way():
    schedule = schedules.OneCycle(rise=0.2, momentum_high=0.95, momentum_low=0.85)
    found = [schedule.momentum(Position(update / 100, 30, update, 3000)) for update in (0, 599, 1799, 2999, 3100)]
    assert found == pytest.approx([0.95, 0.85, 0.90, 0.95, 0.95], rel=1e-12)
    assert schedules.WarmUp(then=schedule).momentum(Position(0.0, 30, 0, 3000)) == 0.95
    assert schedules.Cosine().momentum(Position(0.0, 30, 0, 3000)) is None


def test_regularizers():
    weights = np.array([3.0, -4.0, 0.0])
    assert regularizers.L2(strength=0.1)(weights) == pytest.approx(0.05 * 25)
    np.testing.assert_allclose(regularizers.L2(strength=0.1).gradient(weights), [0.3, -0.4, 0.0])
    assert regularizers.L1(strength=0.1)(weights) == pytest.approx(0.7)
    np.testing.assert_allclose(regularizers.L1(strength=0.1).gradient(weights), [0.1, -0.1, 0.0])


OUTPUTS = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
TRUTH = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
# Errors are ±0.1, ±0.8, ±0.4, ±0.3 in either column: Σ of squares 0.9 a column; Σ(y − ȳ)² is 3/4 in either.
METRIC_CASES = [
    (metrics.Accuracy(), 3 / 4, "accuracy"),
    (metrics.MeanSquaredError(), 0.9 / 4, "mean_squared_error"),
    (metrics.R2(), 1 - 0.9 / 0.75, "r2"),
    (metrics.CostMetric(), 0.9 / 4, "quadratic"),
    (
        metrics.CostMetric(cost=costs.CategoricalCrossEntropy()),
        -(math.log(0.9) + math.log(0.2) + math.log(0.6) + math.log(0.7)) / 4,
        "categorical_cross_entropy",
    ),
]


@pytest.mark.parametrize(("metric", "value", "label"), METRIC_CASES, ids=lambda case: getattr(case, "kind", ""))
@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_metric_in_one_piece_and_in_two(metric, value, label, cut):
    total = metric.partial(OUTPUTS[:cut], TRUTH[:cut], None)
    if cut < 4:
        total = metric.merge(total, metric.partial(OUTPUTS[cut:], TRUTH[cut:], None))
    assert metric.value(total) == pytest.approx(value, rel=1e-12)
    assert metric.label == label


def test_accuracy_of_one_output_asks_for_the_side_of_one_half():
    accuracy = metrics.Accuracy()
    outputs, truth = np.array([[0.51], [0.5], [0.9], [0.1]]), np.array([[1.0], [0.0], [0.0], [0.0]])
    assert accuracy.value(accuracy.partial(outputs, truth, None)) == 3 / 4


def test_accuracy_refuses_numbers():
    with pytest.raises(ValueError, match="needs classes"):
        metrics.Accuracy().check(Task(outputs=1, classes=False))


@pytest.mark.parametrize("weights", [None, np.array([0.5, 2.0, 0.0])])
@pytest.mark.parametrize("value", [1.0, 0.1, -3e7 / 7])  # the mean of three 0.1 is not 0.1
def test_r2_of_a_constant_target(value, weights):
    r2 = metrics.R2()
    targets = np.full((3, 1), value)
    whole, noisy = (r2.partial(a, targets, weights) for a in (targets, np.nextafter(targets, 1e9)))
    assert r2.value(whole) == r2.value(noisy) == r2.value(r2.merge(whole, noisy)) == 1.0
    assert r2.value(r2.partial(targets * 1.001, targets, weights)) == 0.0
    targets[1] *= 1 + 1e-9
    assert r2.value(r2.partial(targets, targets, weights)) == 1.0
    assert r2.value(r2.partial(targets * 1.001, targets, weights)) < -1e5
