"""batch-norm and layer-norm: by hand, against an independent formulation, and in trainings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import numeric_gradient

from modnet import ConfigError, Solver, Trainer, load, save
from modnet.components.activations import Identity, Relu, Tanh
from modnet.components.containers import Chain, Residual
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.components.normalizations import BatchNorm, LayerNorm
from modnet.core.interfaces import LayerContext
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network
from modnet.testing import check_resume


def context(layer, shape, **options):
    parameters = {name: spec.initializer(None, spec.shape, 1, 1) for name, spec in layer.parameters(shape).items()}
    return LayerContext(parameters, {}, dict(layer.initial_state(shape)), layer=layer, **options)


def test_batch_norm_by_hand():
    """Means 2 and 10, variances 1 and 4: two samples are −1 and 1 away from the mean, in deviations."""
    layer, x = BatchNorm(epsilon=1e-12, momentum=0.75), np.array([[1.0, 12.0], [3.0, 8.0]])
    ctx = context(layer, (2,), training=True, x=x)
    ctx.parameters = {"gamma": np.array([1.0, 3.0]), "beta": np.array([0.0, 1.0])}
    np.testing.assert_allclose(layer.forward(x, ctx), [[-1.0, 4.0], [1.0, -2.0]], atol=1e-9)
    np.testing.assert_array_equal(ctx.state["mean"], [0.25 * 2.0, 0.25 * 10.0])
    np.testing.assert_array_equal(ctx.state["variance"], [0.75 + 0.25 * 2.0, 0.75 + 0.25 * 8.0])  # m/(m − 1) = 2
    ctx = context(layer, (2,))
    ctx.state = {"mean": np.array([1.0, 2.0]), "variance": np.array([4.0, 9.0])}
    np.testing.assert_allclose(layer.forward(np.array([[3.0, 5.0]]), ctx), [[1.0, 1.0]], atol=1e-9)


def test_layer_norm_by_hand():
    """Entries 1, 3, 5: mean 3, variance 8/3."""
    layer, x = LayerNorm(epsilon=1e-12), np.array([[1.0, 3.0, 5.0], [20.0, 20.0, 50.0]])
    z = layer.forward(x, context(layer, (3,), training=True, x=x))
    np.testing.assert_allclose(z, [[-np.sqrt(1.5), 0.0, np.sqrt(1.5)], [-np.sqrt(0.5), -np.sqrt(0.5), np.sqrt(2.0)]])


@pytest.mark.parametrize(("layer", "axes"), [(BatchNorm(epsilon=0.03), (0,)), (LayerNorm(epsilon=0.03), (1, 2))])
def test_backward_is_the_jacobian_of_the_normalization(layer, axes, rng):
    """∂x̂ₖ/∂xᵢ = (δᵢₖ − 1/n − x̂ᵢ x̂ₖ / n) / √(s² + ε), written out as a matrix for each group of n entries."""
    shape = (4,) if axes == (0,) else (2, 3)
    x, delta = rng.standard_normal((5, *shape)), rng.standard_normal((5, *shape))
    ctx = context(layer, shape, training=True, x=x)
    ctx.parameters = {"gamma": rng.standard_normal(shape), "beta": rng.standard_normal(shape)}
    layer.forward(x, ctx)
    below, gradients = layer.backward(delta, ctx)
    columns = (lambda array: array.reshape(5, -1)) if axes == (0,) else (lambda array: array.reshape(5, -1).T)
    groups, upstream, expected = columns(x), columns(delta * ctx.parameters["gamma"]), columns(np.empty_like(x))
    for index in range(groups.shape[1]):
        entries = groups[:, index]
        deviation = np.sqrt(np.var(entries) + 0.03)
        unit = (entries - np.mean(entries)) / deviation
        jacobian = (np.eye(len(entries)) - (1.0 + np.outer(unit, unit)) / len(entries)) / deviation
        expected[:, index] = jacobian.T @ upstream[:, index]
    np.testing.assert_allclose(columns(below), expected, rtol=1e-12, atol=1e-13)
    unit = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 0.03)
    np.testing.assert_allclose(gradients["gamma"], np.einsum("n...,n...->...", delta, unit), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(gradients["beta"], delta.sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("norm", [BatchNorm, LayerNorm])
def test_gradients_in_networks(norm, frozen, rng):
    layers = [
        norm(trainable=not frozen, activation=Tanh()),
        Dense(units=4, activation=Identity(), bias=False),
        norm(activation=Relu()),
        Residual(layers=[Dense(units=4, activation=Tanh()), norm(trainable=not frozen)]),
        Chain(layers=[norm()], trainable=not frozen),
        Dense(units=2, activation=Identity()),
    ]
    network = Network(layers, (3,), Quadratic(), rng=rng)
    for layer in network.layers:
        for name, value in layer.state.items():
            value[...] = rng.uniform(0.5, 2.0, value.shape) if "variance" in name else rng.standard_normal(value.shape)
    network.parameters[...] += 0.3 * rng.standard_normal(network.parameters.size)
    x, y = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    states = network.layer_states()
    exact = Workspace(network, micro_batch_rows=100).cost_and_gradient(x, y)[1]
    network.load_layer_states(states)
    np.testing.assert_allclose(exact, numeric_gradient(network, x, y), rtol=2e-5, atol=1e-8)


def test_a_frozen_one_uses_and_keeps_its_running_averages(rng):
    for layers in ([BatchNorm(trainable=False)], [Chain(layers=[BatchNorm()], trainable=False)]):
        network = Network([*layers, Dense(units=2)], (3,), Quadratic(), rng=rng)
        before, x = network.layer_states(), rng.standard_normal((6, 3))
        outputs = Workspace(network).forward(x)
        np.testing.assert_array_equal(outputs, network.predict(x))
        for state, kept in zip(network.layer_states(), before, strict=True):
            assert all((state[name] == value).all() for name, value in kept.items())


def test_the_running_averages_approach_those_of_the_data(rng):
    x = rng.standard_normal((600, 3)) * [1.0, 10.0, 0.1] + [5.0, -50.0, 0.0]
    config = {"epochs": 20, "network": {"layers": ["batch-norm", 2]}, "optimizer": {"batch_size": 60}}
    state = Trainer.from_config(config).fit(x, (x[:, 0] > 5).astype(int)).network.layers[0].state
    np.testing.assert_allclose(state["mean"], x.mean(axis=0), atol=0.3 * x.std(axis=0).max())
    np.testing.assert_allclose(state["variance"], x.var(axis=0), rtol=0.3)


def fit(layers, samples=61, **config: Any):
    x = np.random.default_rng(0).standard_normal((samples, 4))
    return Trainer.from_config({"epochs": 1, "network": {"layers": layers}, **config}).fit(x, np.arange(samples) % 3)


class Whole(Solver):
    """Does nothing."""

    kind: str = "whole"

    def solve(self, problem):
        del problem


@pytest.mark.parametrize(
    ("layers", "samples", "optimizer", "message"),
    [
        (
            [5, "batch-norm", 3], 61, {},
            ("network.layers.1: layer 2 (batch-norm) takes batches of at least 2 samples, got 1; the last batch of the "
            "optimizer 'mini-batch' has 1 of the 61 samples; allowed: drop_last = true, or another batch size than 10"),
        ),
        (
            [5, [3, {"kind": "residual", "layers": ["batch-norm"]}]], 61, {"kind": "stochastic"},
            ("network.layers.1: layer 2 (batch-norm in chain) takes batches of at least 2 samples, got 1; the "
            "optimizer 'stochastic' takes 1 for an update; allowed: larger batches"),
        ),
        (
            ["batch-norm", 1], 1, Whole(),
            ("network.layers.0: layer 1 (batch-norm) takes batches of at least 2 samples, got 1; the optimizer 'whole' "
            "takes all samples; allowed: more of them"),
        ),
    ],
)  # fmt: skip
def test_a_batch_of_one_sample_is_refused_before_the_training(layers, samples, optimizer, message):
    x = np.random.default_rng(0).standard_normal((samples, 4))
    y = np.arange(samples) % 3 if samples > 1 else np.array([[0.5]])
    trainer = Trainer.from_config({"epochs": 1, "network": {"layers": layers}, "optimizer": optimizer})
    with pytest.raises(ConfigError) as caught:
        trainer.fit(x, y)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("layers", "optimizer"),
    [
        ([5, "batch-norm", 3], {"drop_last": True}),
        ([5, "batch-norm", 3], {"batch_size": 11}),
        ([5, "batch-norm", 3], {"kind": "batch"}),
        ([5, {"kind": "batch-norm", "trainable": False}, 3], {}),
        ([5, {"kind": "chain", "layers": ["batch-norm"], "trainable": False}, 3], {"kind": "stochastic"}),
        ([5, "layer-norm", 3], {}),
    ],
)
def test_what_can_be_trained_is_trained(layers, optimizer):
    assert np.isfinite(fit(layers, optimizer=optimizer).history[-1]["cost"])


CONTAINERS = [
    ["layer-norm", {"kind": "dense", "units": 6, "activation": "tanh"}],
    {"kind": "residual", "layers": [{"kind": "dropout", "rate": 0.2}, 6, "batch-norm"], "activation": "relu"},
    {"kind": "parallel", "branches": [[{"kind": "dense", "units": 3, "trainable": False}, "batch-norm"], 3, []]},
    10,
]


def test_saved_and_loaded(tmp_path):
    network = fit([*CONTAINERS[:-1], 3], samples=60, dtype="float32").network
    save(network, tmp_path / "model.safetensors")
    loaded, x = load(tmp_path / "model.safetensors"), np.random.default_rng(1).standard_normal((9, 4))
    assert {"layers.1.state.2.mean", "layers.2.0.0.weights"} <= _names(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(x), network.predict(x))
    for one, other in zip(loaded.layer_states(), network.layer_states(), strict=True):
        assert {name: (value.tobytes(), value.dtype) for name, value in one.items()} == {
            name: (value.tobytes(), value.dtype) for name, value in other.items()
        }


def _names(path):
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        return set(file.keys())


def test_an_interrupted_training_with_all_of_them_ends_in_the_same_bits():
    optimizer = {"kind": "mini-batch", "batch_size": 64, "rule": "adam", "drop_last": True}
    config = {"epochs": 2, "dtype": "float32", "network": {"layers": CONTAINERS}, "optimizer": optimizer}
    check_resume(config, times=1).raise_for_failures()
