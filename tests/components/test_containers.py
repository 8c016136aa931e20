"""Layers in layers: by hand, against the same network without containers, and by central differences."""

from __future__ import annotations

import numpy as np
import pytest
from support import numeric_gradient

from modnet import ConfigError, DivergenceError, Layer, Trainer, load, save
from modnet.components.activations import Identity, Relu, Sigmoid, Softmax, Tanh
from modnet.components.containers import Chain, Parallel, Residual
from modnet.components.costs import CategoricalCrossEntropy, Quadratic
from modnet.components.layers import Dense, Dropout
from modnet.components.regularizers import L2
from modnet.config.load import load_config
from modnet.engines.numpy.workers import Workers
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network


def dense(units, activation=None, **options):
    return Dense(units=units, activation=activation or Tanh(), **options)


NESTED = [
    Parallel(branches=[Chain(layers=[dense(3), dense(2)]), Chain(layers=[]), dense(4)], activation=Tanh()),
    Residual(layers=[dense(5), Chain(layers=[Dropout(rate=0.3), dense(11, Identity())])], activation=Relu()),
    Parallel(branches=[Residual(layers=[dense(11)]), dense(11), Chain(layers=[])], merge="add"),
    Chain(layers=[dense(4), Parallel(branches=[dense(2), Residual(layers=[dense(4)])])], activation=Sigmoid()),
    Dense(units=3, activation=Softmax()),
]


def network_of(layers, rng, inputs=5, cost=None, **options):
    return Network(layers, (inputs,), cost or Quadratic(), rng=rng, **options)


def test_by_hand():
    """x = (1, 2), f(x) = 3 x₁ + x₂ and x₁ − x₂; δ = (1, 10)."""
    layer = Residual(layers=[dense(2, Identity(), bias=False)], activation=Relu())
    network = network_of([layer], None, inputs=2)
    network.layers[0].parameters["0.weights"][...] = [[3.0, 1.0], [1.0, -1.0]]
    np.testing.assert_array_equal(network.predict([[1.0, 2.0]]), [[6.0, 1.0]])
    workspace = Workspace(network)
    workspace.forward(np.array([[1.0, 2.0]]))
    workspace.backward(np.array([[5.0, -9.0]]), 1.0)
    np.testing.assert_array_equal(workspace.passes[0].delta, [[1.0, 10.0]])
    np.testing.assert_array_equal(workspace.gradient.reshape(2, 2), [[1.0, 2.0], [10.0, 20.0]])


def test_branches_by_hand():
    """Side by side (2 x, x₁ + x₂), or added up; both of x = (1, 3)."""
    branches = [dense(2, Identity(), bias=False), dense(2, Identity(), bias=False)]
    for merge, expected in (("concatenate", [[2.0, 6.0, 4.0, 4.0]]), ("add", [[6.0, 10.0]])):
        network = network_of([Parallel(branches=branches, merge=merge)], None, inputs=2)
        network.layers[0].parameters["0.weights"][...] = 2.0 * np.eye(2)
        network.layers[0].parameters["1.weights"][...] = 1.0
        np.testing.assert_array_equal(network.predict([[1.0, 3.0]]), expected)


@pytest.mark.parametrize("below", [[], [dense(5)]], ids=["first", "above another"])
@pytest.mark.parametrize("layer", NESTED[:4], ids=lambda layer: layer.kind)
def test_gradients_by_central_differences(layer, below, rng):
    size = {"residual": 11}.get(layer.kind, 5) if layer is not NESTED[2] else 11
    layers = [*(dense(size) for _ in below), layer, dense(3, Identity())]
    network = network_of(layers, rng, inputs=size, regularizers=[L2(strength=0.1)])
    x, y = rng.standard_normal((7, size)), rng.standard_normal((7, 3))
    exact = Workspace(network, np.random.default_rng(0)).cost_and_gradient(x, y)[1]
    np.testing.assert_allclose(exact, numeric_gradient(network, x, y, l2=0.1), rtol=1e-6, atol=1e-8)


def test_all_of_them_together(rng):
    network = network_of(NESTED, rng, cost=CategoricalCrossEntropy())
    x, y = rng.standard_normal((6, 5)), np.eye(3)[[0, 1, 2, 0, 1, 2]]
    exact = Workspace(network, np.random.default_rng(0)).cost_and_gradient(x, y)[1]
    np.testing.assert_allclose(exact, numeric_gradient(network, x, y), rtol=2e-5, atol=1e-8)


def test_a_chain_is_its_layers(rng):
    """Bit for bit: the same network with and without chains around its layers."""
    flat = [dense(4), Dropout(rate=0.4), dense(6, Relu()), dense(3, Softmax())]
    chained = [Chain(layers=[dense(4), Chain(layers=[Dropout(rate=0.4), dense(6, Relu())])]), dense(3, Softmax())]
    x, y = rng.standard_normal((30, 5)), np.arange(30) % 3
    runs = []
    for layers in (flat, chained):
        config = {"epochs": 3, "network": {"layers": layers, "cost": "categorical-cross-entropy"}}
        runs.append(Trainer.from_config({**config, "optimizer": {"rule": "adam", "learning_rate": 0.05}}).fit(x, y))
    one, other = runs
    assert one.history[-1]["cost"] == other.history[-1]["cost"]
    np.testing.assert_array_equal(one.network.predict(x), other.network.predict(x))
    assert [(name, spec.shape) for _, name, spec, _ in other.network.parameter_layout()] == [
        ("0.weights", (4, 5)), ("1.1.weights", (6, 4)), ("weights", (3, 6)),
        ("0.biases", (4,)), ("1.1.biases", (6,)), ("biases", (3,)),
    ]  # fmt: skip


def test_what_lies_within_may_be_frozen(rng):
    layers = [Chain(layers=[dense(4, trainable=False), dense(4)]), Chain(layers=[dense(4)], trainable=False), dense(2)]
    network = network_of(layers, rng)
    frozen = [(index, name) for index, name, spec, _ in network.parameter_layout() if not spec.trainable]
    assert frozen == [(0, "0.weights"), (1, "0.weights"), (0, "0.biases"), (1, "0.biases")]
    x, y = rng.standard_normal((7, 5)), rng.standard_normal((7, 2))
    whole = Workspace(network).cost_and_gradient(x, y)[1]
    needed = Workspace(network, trained_only=True).cost_and_gradient(x, y)[1]
    np.testing.assert_array_equal(whole[: network.trainable], needed[: network.trainable])
    assert not needed[network.trainable :].any()


class Counting(Layer):
    """x, with a count of the passes, and of the samples of each; it wants whole batches."""

    kind: str = "counting"
    needs_full_batch = True

    def initial_state(self, input_shape):
        del input_shape
        return {"passes": np.zeros(()), "rows": np.zeros(())}

    def forward(self, x, ctx):
        if ctx.training:
            assert ctx.rng is not None
            ctx.state["passes"] = ctx.state["passes"] + 1.0
            ctx.state["rows"] = ctx.state["rows"] * 0.0 + len(x)
        return x

    def backward(self, delta, ctx):
        del ctx
        return delta, {}


def test_state_randomness_and_whole_batches_are_handed_down(rng):
    deep = Parallel(branches=[dense(2), Chain(layers=[dense(2), Residual(layers=[Counting()])])])
    network = network_of([deep, dense(3)], rng)
    assert network.layers[0].needs_full_batch
    assert not network.layers[1].needs_full_batch
    assert set(network.layers[0].state) == {"1.1.0.passes", "1.1.0.rows"}
    assert len(Workers(network, 0, 4, 5000).workspaces) == 1
    x, y = rng.standard_normal((3000, 5)), rng.standard_normal((3000, 3))
    workspace = Workspace(network, rng, trained_only=True)
    workspace.cost_and_gradient(x, y)
    network.predict(x)
    assert {name: float(value) for name, value in network.layers[0].state.items()} == {
        "1.1.0.passes": 1.0,
        "1.1.0.rows": 3000.0,
    }


def test_states_are_those_of_a_network_that_is_copied_and_restored(rng):
    network = network_of([Chain(layers=[Counting()]), dense(3)], rng)
    before = network.layer_states()
    Workspace(network, rng).cost_and_gradient(rng.standard_normal((4, 5)), rng.standard_normal((4, 3)))
    assert float(network.layers[0].state["0.passes"]) == 1.0
    network.load_layer_states(before)
    assert float(network.layers[0].state["0.passes"]) == 0.0


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            {"kind": "residual", "layers": [30]},
            "its input, of shape (64,), to what its layers give, of shape (30,)",
        ),
        ({"kind": "parallel", "branches": [3, 4], "merge": "add"}, "that do not fit: (3,), (4,)"),
        ([30, {"kind": "residual", "layers": [3]}], "has a layer within, layers.1 (residual), that adds its input"),
        ({"kind": "parallel", "branches": [3, [{"kind": "residual", "layers": [3]}]]}, "branches.1 (chain), that has"),
    ],
)
def test_shapes_that_do_not_fit(layer, message):
    config = load_config({"epochs": 0, "network": {"layers": [layer, 10]}})
    with pytest.raises(ConfigError) as caught:
        Trainer(config).fit()
    assert str(caught.value).startswith("network.layers.0: layer 1 (")
    assert message in str(caught.value)


def test_divergence_names_the_container():
    config = {"epochs": 5, "network": {"layers": [8, [{"kind": "dense", "units": 10, "activation": "identity"}]]}}
    with pytest.raises(DivergenceError) as caught:
        Trainer.from_config({**config, "optimizer": {"learning_rate": 1e6}}).fit()
    assert caught.value.layer == 2


def test_saved_loaded_and_predicting_the_same(tmp_path, rng):
    x, y = rng.standard_normal((30, 5)), np.arange(30) % 3
    config = {"epochs": 2, "network": {"layers": NESTED}, "optimizer": {"learning_rate": 0.1}}
    run = Trainer.from_config(config).fit(x, y)
    save(run.network, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(x), run.network.predict(x))
    assert [layer.component for layer in loaded.layers] == [layer.component for layer in run.network.layers]
    assert load_config(run.config.to_config()) == run.config


def test_products_of_layers_within_use_their_buffers_again(rng):
    network = network_of([Chain(layers=[dense(4), dense(4)]), dense(3)], rng)
    workspace, x, y = Workspace(network, rng), rng.standard_normal((6, 5)), rng.standard_normal((6, 3))
    counts = []
    for _ in range(3):
        workspace.cost_and_gradient(x, y)
        inner = [workspace.passes[0].child(index)._ctx for index in range(2)]
        counts.append([len(ctx._places) for ctx in inner])
    assert counts == [[1, 2]] * 3  # z of both, and what the second passes back
