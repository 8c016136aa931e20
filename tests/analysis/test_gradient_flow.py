"""The figures of a flow, against differences of the cost and NumPy's own functions."""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
import pytest
from analysis.configurations import configured, layers
from engines.test_strangers_layers import Normalisation

from modnet import Activation, Network, Trainer, load_config
from modnet.analysis.gradients.gradient_flow import MIXED, GradientFlow, _slopes, flow_through, subsample
from modnet.analysis.jsonable import jsonable
from modnet.components.activations import Softmax
from modnet.core.interfaces import Cost, Layer, LayerContext, UpdateRule
from modnet.data.labels import Targets
from modnet.data.prepared import Samples
from modnet.training.setup import build

PLAIN = UpdateRule.resolve("plain")


def net(parts: list[Any], cost: str = "quadratic", inputs: int = 5, seed: int = 3) -> Network:
    resolved = [Layer.resolve(part) for part in parts]
    return Network(resolved, (inputs,), Cost.resolve(cost), rng=np.random.default_rng(seed))


def some(rng: np.random.Generator, rows: int, inputs: int, classes: int) -> Samples:
    codes = np.arange(rows) % classes
    return Samples(rng.normal(size=(rows, inputs)), Targets(classes=np.arange(classes), codes=codes))


def from_layer(network: Network, first: int, z: np.ndarray) -> np.ndarray:
    """Return the outputs that follow from the net input of one layer."""
    a = network.layers[first].activation(z)
    for layer in network.layers[first + 1 :]:
        a = layer.activation(layer.component.forward(a, LayerContext(layer.parameters)))
    return a


@pytest.mark.parametrize(
    ("activation", "last", "cost"),
    [
        ("sigmoid", "sigmoid", "quadratic"),
        ("tanh", "softmax", "categorical-cross-entropy"),
        ("relu", "sigmoid", "binary-cross-entropy"),
        ("softmax", "identity", "quadratic"),
    ],
)
def test_delta_is_what_the_cost_changes_by(activation: str, last: str, cost: str, rng: np.random.Generator) -> None:
    network, samples = net(layers([4, 6, 3], activation, last), cost), some(rng, 7, 5, 3)
    flow = flow_through(network, samples, PLAIN, 1.0)
    y = samples.targets.batch(slice(0, 7), network.dtype, 3)
    x = samples.x
    for index, layer in enumerate(network.layers):
        z = layer.component.forward(x, LayerContext(layer.parameters))
        deltas = np.empty_like(z)
        for unit in range(z.shape[1]):
            step = np.zeros(z.shape[1])
            step[unit] = 1e-6
            up, down = (network.cost(from_layer(network, index, z + sign * step), y) for sign in (1, -1))
            deltas[:, unit] = (up - down) / 2e-6
        expected = np.sqrt(np.sum(deltas**2, axis=1)).mean()
        assert flow.layers[index].delta == pytest.approx(expected, rel=1e-6)
        x = layer.activation(z)
    for layer, above in zip(flow.layers[:-1], flow.layers[1:], strict=True):
        assert layer.ratio == layer.delta / above.delta


def test_the_two_factors_bound_the_ratio(rng: np.random.Generator) -> None:
    network = net(layers([4, 9, 6, 3], "sigmoid"))
    flow = flow_through(network, some(rng, 20, 5, 3), PLAIN, 1.0)
    for layer, above in zip(flow.layers[:-1], network.layers[1:], strict=True):
        assert layer.steepest == 0.25
        assert layer.weights == pytest.approx(np.linalg.norm(above.weights, 2), rel=1e-12)
        assert 0 < layer.ratio <= layer.steepest * layer.weights
    assert (flow.layers[-1].ratio, flow.layers[-1].weights) == (None, None)


def probabilities(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


class Bent(Activation):
    """σ(z) = z³/3: flat at 0, and steeper and steeper."""

    kind: Literal["bent"] = "bent"

    def __call__(self, z: Any) -> Any:
        return z**3 / 3

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        del a
        return upstream * z**2


@pytest.mark.parametrize(
    ("activation", "slope", "known"),
    [
        ("sigmoid", lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2, 0.25),
        ("tanh", lambda z: 1 - np.tanh(z) ** 2, 1.0),
        ("relu", lambda z: np.where(z > 0, 1.0, 0.0), 1.0),
        ("softmax", lambda z: probabilities(z) * (1 - probabilities(z)), 0.0),
        (Bent(), lambda z: z * z, 64.0),
    ],
)
def test_slopes_are_asked_of_any_activation(
    activation: Any, slope: Any, known: float, rng: np.random.Generator
) -> None:
    network, samples = net([{"kind": "dense", "units": 3, "activation": activation}]), some(rng, 200, 5, 3)
    layer = network.layers[0]
    z = samples.x @ layer.weights.T + layer.biases
    slopes = slope(z)
    found = flow_through(network, samples, PLAIN, 1.0).layers[0]
    assert found.slope == pytest.approx(slopes.mean(), rel=1e-12)
    assert found.steepest == pytest.approx(max(slopes.max(), known), rel=1e-12)
    assert found.saturated == np.mean(slopes.mean(axis=0) < 0.05 * found.steepest)


def test_dead_and_saturated_neurons_are_named(rng: np.random.Generator) -> None:
    network, samples = net(layers([6, 3], "relu")), some(rng, 50, 5, 3)
    network.layers[0].biases[[1, 4]] = -100.0
    network.layers[1].biases[0] = 6.0
    network.layers[1].weights[0] = 0.0
    flow = flow_through(network, samples, PLAIN, 1.0)
    assert flow.layers[0].dead == (1, 4)
    assert flow.layers[0].saturated >= 2 / 6
    assert flow.layers[1].dead == ()
    assert (flow.constant, flow.stuck) == ((0,), (0,))
    network.layers[1].biases[0] = 0.3
    flow = flow_through(network, samples, PLAIN, 1.0)
    assert (flow.constant, flow.stuck) == ((0,), ())


@pytest.mark.parametrize("rule", ["plain", "momentum", "adam"])
def test_the_update_is_that_of_a_training(rule: str) -> None:
    table = configured(layers([12, 10]), kind="batch", rule=rule) | {"epochs": 1}
    table["network"]["regularizers"] = [{"kind": "l2", "strength": 0.1}]
    config = load_config(table)
    network, parts, _ = build(config, config.data.load(), None)
    flow = flow_through(network, parts["train"], config.optimizer.rule, config.optimizer.learning_rate)
    after = Trainer(config).fit().network
    for layer, old, new in zip(flow.layers, network.layers, after.layers, strict=True):
        before, now = (np.concatenate([part.ravel() for part in one.parameters.values()]) for one in (old, new))
        expected = np.linalg.norm(now - before) / np.linalg.norm(before)
        assert layer.update == pytest.approx(expected, rel=1e-9)


def test_the_cost_is_compared_with_the_best_constant_answer(rng: np.random.Generator) -> None:
    network, samples = net(layers([3]), "binary-cross-entropy"), some(rng, 30, 5, 3)
    network.layers[0].weights[...] = 0.0
    network.layers[0].biases[...] = np.log(0.5)  # σ(ln ½) = 1/3, the share of each class
    flow = flow_through(network, samples, PLAIN, 1.0)
    assert flow.cost == pytest.approx(flow.constant_cost)
    assert flow.explained == pytest.approx(0.0, abs=1e-12)
    assert flow.constant == (0, 1, 2)


def test_a_layer_without_parameters_has_a_flow_too(rng: np.random.Generator) -> None:
    network = net([*layers([6], "tanh", "tanh"), {"kind": "dropout", "rate": 0.5}, *layers([3])])
    flow = flow_through(network, some(rng, 40, 5, 3), PLAIN, 1.0)
    middle = flow.layers[1]
    assert (middle.kind, middle.activation, middle.parameters) == ("dropout", None, 0)
    assert (middle.gradient, middle.update, middle.slope, middle.dead) == (None, None, 1.0, ())
    assert [layer.number for layer in flow.trained] == [1, 3]
    assert 0 < flow.layers[0].delta < middle.delta


def test_nothing_is_changed(rng: np.random.Generator) -> None:
    network = net([*layers([6]), Normalisation(), *layers([3])])
    before = network.parameters.copy(), copy.deepcopy([layer.state for layer in network.layers])
    assert any(state for state in before[1])
    samples = some(rng, 40, 5, 3)
    flows = [flow_through(network, samples, PLAIN, 1.0) for _ in range(2)]
    assert flows[0] == flows[1]
    np.testing.assert_array_equal(network.parameters, before[0])
    for layer, state in zip(network.layers, before[1], strict=True):
        for name, value in state.items():
            np.testing.assert_array_equal(layer.state[name], value)


def test_what_is_not_finite_is_null_and_no_warning(rng: np.random.Generator) -> None:
    network = net(layers([6, 3], "identity", "identity"))
    network.parameters[...] *= 1e200
    plain = jsonable(flow_through(network, some(rng, 10, 5, 3), PLAIN, 1.0))
    assert plain["scores"]["cost"] is None
    assert plain["layers"][0]["delta"] is None


def test_samples_are_sampled_with_the_seed(rng: np.random.Generator) -> None:
    samples = some(rng, 50, 5, 3)
    assert subsample(samples, 50, 0) is samples
    one, again, other = subsample(samples, 20, 1), subsample(samples, 20, 1), subsample(samples, 20, 2)
    np.testing.assert_array_equal(one.x, again.x)
    assert (len(one), len(one.targets)) == (20, 20)
    assert not np.array_equal(one.x, other.x)
    assert isinstance(flow_through(net(layers([3])), one, PLAIN, 1.0), GradientFlow)


def test_the_flow_of_weighted_samples_is_that_of_repeated_ones(rng: np.random.Generator) -> None:
    network, samples = net(layers([4, 6, 3], "tanh", "sigmoid")), some(rng, 9, 5, 3)
    counts = np.resize([2, 0, 1, 3, 1], 9)
    weighted = flow_through(network, Samples(samples.x, samples.targets, 1.0 * counts), PLAIN, 0.5)
    repeated = flow_through(network, samples.take(np.repeat(np.arange(9), counts)), PLAIN, 0.5)
    assert weighted.cost == pytest.approx(repeated.cost, rel=1e-12)
    assert weighted.constant_cost == pytest.approx(repeated.constant_cost, rel=1e-12)
    for layer, expected in zip(weighted.layers, repeated.layers, strict=True):
        assert layer.delta == pytest.approx(expected.delta, rel=1e-12)
        assert (layer.gradient, layer.update) == pytest.approx((expected.gradient, expected.update), rel=1e-12)


def test_many_classes_are_looked_at_with_few_samples(rng: np.random.Generator) -> None:
    """σ′ of softmax is a (1 − a), which is asked for one output after the other: that would be too much for all."""
    asked = []

    class Counted(Softmax):
        def backward(self, upstream: Any, z: Any, a: Any) -> Any:
            asked.append(z.size)
            return super().backward(upstream, z, a)

    z = rng.standard_normal((256, 600))
    a = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    slopes, steepest = _slopes(Counted(), z, a)
    np.testing.assert_allclose(slopes, (a * (1 - a))[:27], rtol=1e-10)
    assert steepest == pytest.approx(np.max(a[:27] * (1 - a[:27])))
    assert sum(asked) < MIXED + 2 * z.size
    few = z[:, :10]
    np.testing.assert_allclose(_slopes(Softmax(), few, Softmax()(few))[0], Softmax()(few) * (1 - Softmax()(few)))
