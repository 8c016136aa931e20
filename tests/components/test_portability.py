"""Every built-in part gives the same on NumPy and on array-api-strict, which has the standard and nothing else."""

from __future__ import annotations

import array_api_strict as xp
import numpy as np
import pytest
from support import parts

from modnet.components.containers import Chain, Parallel, Residual
from modnet.components.layers import Dense, Dropout
from modnet.components.normalizations import BatchNorm, LayerNorm
from modnet.core.interfaces import LayerContext, UpdateContext
from modnet.core.random import GeneratorRandom


def strict(array):
    return xp.asarray(array)


def same(ours, theirs):
    assert type(theirs).__module__.startswith("array_api_strict")
    assert str(theirs.dtype).endswith(str(ours.dtype))
    np.testing.assert_allclose(np.asarray(theirs), ours, rtol=1e-6 if ours.dtype == np.float32 else 1e-13)


def kind_id(part):
    return part.kind_name()


@pytest.fixture(params=["float64", "float32"])
def numbers(request, rng):
    return lambda *shape: rng.standard_normal(shape).astype(request.param)


@pytest.mark.parametrize("part", parts("activation"), ids=kind_id)
def test_activations(part, numbers):
    activation, z, upstream = part(), numbers(4, 3), numbers(4, 3)
    a = activation(z)
    same(a, activation(strict(z)))
    same(activation.backward(upstream, z, a), activation.backward(strict(upstream), strict(z), strict(a)))


@pytest.mark.parametrize("output", [None, *parts("activation")], ids=lambda part: part.kind_name() if part else "none")
@pytest.mark.parametrize("part", parts("cost"), ids=kind_id)
def test_costs(part, output, numbers):
    cost = part()
    z, a = numbers(4, cost.outputs(3)), np.abs(numbers(4, cost.outputs(3))) % 1
    y = np.eye(3, dtype=a.dtype)[[0, 2, 1, 1]]
    same(cost(a, y), cost(strict(a), strict(y)))
    same(cost.gradient(a, y), cost.gradient(strict(a), strict(y)))
    same(cost.predictions(a), cost.predictions(strict(a)))
    activation = output() if output else None
    same(cost.delta(activation, z, a, y), cost.delta(activation, strict(z), strict(a), strict(y)))


@pytest.mark.parametrize("part", parts("rule"), ids=kind_id)
def test_rules(part, numbers):
    rule, theta, gradient = part(), numbers(9), numbers(9)
    state, strict_state = rule.init(theta), rule.init(strict(theta))
    for _ in range(3):
        step, state = rule.update(gradient, state, UpdateContext(theta, 0.5, regularized=4))
        context = UpdateContext(strict(theta), 0.5, regularized=4)
        strict_step, strict_state = rule.update(strict(gradient), strict_state, context)
        same(step, strict_step)
    assert set(state) == set(strict_state)


@pytest.mark.parametrize("part", parts("regularizer"), ids=kind_id)
def test_regularizers(part, numbers):
    regularizer, weights = part(strength=0.3), numbers(9)
    np.testing.assert_allclose(float(regularizer(strict(weights))), float(regularizer(weights)), rtol=1e-6)
    same(regularizer.gradient(weights), regularizer.gradient(strict(weights)))


@pytest.mark.parametrize("part", parts("metric"), ids=kind_id)
@pytest.mark.parametrize("outputs", [1, 3])
def test_metrics(part, outputs, numbers):
    metric, a, y = part(), numbers(8, outputs), numbers(8, outputs)
    total = metric.merge(metric.partial(a[:5], y[:5], None), metric.partial(a[5:], y[5:], None))
    halves = [metric.partial(strict(a[rows]), strict(y[rows]), None) for rows in (slice(5), slice(5, None))]
    np.testing.assert_allclose(metric.value(metric.merge(*halves)), metric.value(total), rtol=1e-6)


LAYERS = [
    Dense(units=2),
    Dense(units=2, bias=False),
    Dropout(rate=0.5),
    Chain(layers=(2, "dropout")),
    Residual(layers=(4, 3), activation="relu"),
    Parallel(branches=(2, [4, "layer-norm"]), activation="tanh"),
    Parallel(branches=(3, []), merge="add"),
    BatchNorm(),
    LayerNorm(),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_layers(layer, numbers):
    x = numbers(4, 3)
    parameters = {name: numbers(*spec.shape) for name, spec in layer.parameters((3,)).items()}
    state = {name: value.astype(x.dtype) for name, value in layer.initial_state((3,)).items()}
    ours = LayerContext(
        parameters,
        state=dict(state),
        rng=GeneratorRandom(np.random.default_rng(1)),
        training=True,
        layer=layer,
        x=x,
    )
    theirs = LayerContext(
        {name: strict(value) for name, value in parameters.items()},
        state={name: strict(value) for name, value in state.items()},
        rng=GeneratorRandom(np.random.default_rng(1), xp),
        training=True,
        layer=layer,
        x=strict(x),
    )
    z = layer.forward(x, ours)
    same(z, layer.forward(strict(x), theirs))
    below, gradients = layer.backward(z, ours)
    strict_below, strict_gradients = layer.backward(strict(z), theirs)
    same(below, strict_below)
    assert set(gradients) == set(strict_gradients) == set(parameters)
    for name, gradient in gradients.items():
        same(gradient, strict_gradients[name])
    for name, value in ours.state.items():
        same(value, theirs.state[name])


def test_every_family_with_arrays_is_covered():
    # Initializers draw from a NumPy generator; optimizers, schedules, callbacks and datasets see no arrays of a pass.
    assert {layer.kind_name() for layer in parts("layer")} == {layer.kind for layer in LAYERS}
