"""Frozen layers: where their parameters lie in θ, and that nothing ever changes them."""

from __future__ import annotations

import numpy as np
import pytest
from support import numeric_gradient, parts

from modnet import Solver, Trainer, load, save
from modnet.components.activations import Identity, Tanh
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense, Dropout
from modnet.components.regularizers import L2
from modnet.core.dataset import Data
from modnet.core.interfaces import Layer, ParameterSpec
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network
from modnet.training.setup import build

RULES = [cls.kind_name() for cls in parts("rule")]


def layers(*frozen: int, sizes=(4, 3, 2)) -> list[Dense]:
    return [Dense(units=units, activation=Tanh(), trainable=i not in frozen) for i, units in enumerate(sizes)]


def test_what_is_frozen_lies_at_the_end():
    network = Network(layers(1), (5,), Quadratic(), rng=np.random.default_rng(0))
    order = [(index, name) for index, name, *_ in network.parameter_layout()]
    assert order == [(0, "weights"), (2, "weights"), (0, "biases"), (2, "biases"), (1, "weights"), (1, "biases")]
    assert (network.regularized, network.trainable, network.parameters.size) == (26, 32, 47)
    numbered = network.views(np.arange(47.0))
    np.testing.assert_array_equal(numbered[1]["weights"].ravel(), np.arange(32.0, 44.0))
    assert [sorted(views) for views in network.views(np.arange(32.0))] == [
        ["biases", "weights"],
        [],
        ["biases", "weights"],
    ]


def test_an_unfrozen_network_starts_as_a_frozen_one():
    one, other = (Network(layers(*at), (5,), Quadratic(), rng=np.random.default_rng(3)) for at in ((), (0, 2)))
    for first, second in zip(one.layers, other.layers, strict=True):
        np.testing.assert_array_equal(first.weights, second.weights)
        np.testing.assert_array_equal(first.biases, second.biases)


@pytest.mark.parametrize("frozen", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)])
def test_the_gradient_of_what_is_trained_is_right(frozen, rng):
    network = Network(layers(*frozen), (5,), Quadratic(), [L2(strength=0.3)], rng=rng)
    x, y = rng.standard_normal((6, 5)), rng.standard_normal((6, 2))
    whole = Workspace(network).cost_and_gradient(x, y)[1]
    np.testing.assert_allclose(whole, numeric_gradient(network, x, y, l2=0.3), rtol=1e-6, atol=1e-8)
    needed = Workspace(network, trained_only=True).cost_and_gradient(x, y)[1]
    np.testing.assert_array_equal(needed[: network.trainable], whole[: network.trainable])
    assert not needed[network.trainable :].any()


class Halving(Solver):
    """θ ← θ / 2 of all that it sees."""

    kind: str = "halving"

    def solve(self, problem):
        assert problem.value_and_grad()[1].shape == problem.parameters.shape
        problem.parameters[...] = problem.parameters / 2


def fit(frozen, samples=24, **config):
    rng = np.random.default_rng(1)
    network = {"layers": [*layers(*frozen), Dropout(rate=0.1), 3], "regularizers": [{"kind": "l2", "strength": 0.1}]}
    config = {"epochs": 3, "network": network, **config}
    return Trainer.from_config(config).fit(rng.standard_normal((samples, 5)), np.arange(samples) % 3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rule", RULES)
def test_a_frozen_parameter_keeps_its_bits_through_every_rule(rule, dtype):
    optimizer = {"kind": "mini-batch", "batch_size": 5, "rule": rule}
    run = fit((0, 2), dtype=dtype, optimizer=optimizer)
    start = fit((0, 2), dtype=dtype, optimizer=optimizer, epochs=0)
    for index in (0, 2):
        assert run.network.layers[index].weights.tobytes() == start.network.layers[index].weights.tobytes()
        assert run.network.layers[index].biases.tobytes() == start.network.layers[index].biases.tobytes()
    for index in (1, 4):
        assert (run.network.layers[index].weights != start.network.layers[index].weights).all()


@pytest.mark.parametrize("optimizer", [{"kind": "batch"}, Halving(learning_rate=1.0)])
def test_large_updates_and_solvers_see_only_what_is_trained(optimizer):
    samples = 24 if isinstance(optimizer, Solver) else 1500  # more than one micro-batch
    run, start = (fit((1,), samples, epochs=epochs, optimizer=optimizer) for epochs in (2, 0))
    assert run.network.layers[1].weights.tobytes() == start.network.layers[1].weights.tobytes()
    assert (run.network.layers[0].weights != start.network.layers[0].weights).all()


def test_no_penalty_on_frozen_weights():
    run = fit((1, 2), epochs=0)
    network = run.network
    trained = np.concatenate([network.layers[index].weights.ravel() for index in (0, 4)])
    assert network.penalty(7.0) == pytest.approx(0.05 * np.sum(trained**2), rel=1e-12)


def test_everything_frozen_still_runs():
    rng = np.random.default_rng(1)
    network = {"layers": layers(0, 1, sizes=(4, 3)), "regularizers": ["l2"]}
    table = {"epochs": 2, "network": network, "optimizer": {"rule": "adam"}}
    run = Trainer.from_config(table).fit(rng.standard_normal((24, 5)), np.arange(24) % 3)
    assert run.network.trainable == run.network.regularized == 0
    assert run.history[0]["cost"] == pytest.approx(run.history[1]["cost"], rel=1e-12)


def test_a_frozen_network_is_saved_and_loaded_and_starts_another(tmp_path):
    trained = fit(()).network
    save(trained, tmp_path / "trained.safetensors")
    before = load(tmp_path / "trained.safetensors")
    config = {"epochs": 2, "network": {"layers": [*layers(0, 1), Dropout(rate=0.1), 3]}}
    rng = np.random.default_rng(1)
    run = Trainer.from_config(config).fit(rng.standard_normal((24, 5)), np.arange(24) % 3, initial=before)
    for index in (0, 1):
        np.testing.assert_array_equal(run.network.layers[index].weights, before.layers[index].weights)
    save(run.network, tmp_path / "tuned.safetensors")
    tuned = load(tmp_path / "tuned.safetensors")
    assert not tuned.layers[0].component.trainable
    np.testing.assert_array_equal(tuned.parameters, run.network.parameters)


class Half(Layer):
    """z = g x with a gain that is trained, and a shift that is not."""

    kind: str = "half"

    def parameters(self, input_shape):
        fixed = {"shift": ParameterSpec(input_shape, Dense(units=1).initializer, 1, 1, trainable=False)}
        return {**fixed, "gain": ParameterSpec(input_shape, Dense(units=1).initializer, 1, 1)}

    def forward(self, x, ctx):
        return x * ctx.parameters["gain"] + ctx.parameters["shift"]

    def backward(self, delta, ctx):
        return delta * ctx.parameters["gain"], {"gain": (delta * ctx.x).sum(axis=0), "shift": delta.sum(axis=0)}


def test_a_layer_may_freeze_one_of_its_parameters(rng):
    network = Network([Half(), Dense(units=2, activation=Identity())], (3,), Quadratic(), rng=rng)
    assert [(index, name) for index, name, *_ in network.parameter_layout()][-1] == (0, "shift")
    assert network.trainable == network.parameters.size - 3


def test_the_state_of_a_frozen_training_is_whole(tmp_path):
    """A resumed training has the frozen layers too, in the same bits."""
    out = tmp_path / "run"
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((24, 5)), np.arange(24) % 3
    table = {"network": {"layers": [*layers(0), 3]}, "optimizer": {"rule": "adam"}, "callbacks": ["checkpoint"]}
    whole = Trainer.from_config({**table, "epochs": 4}).fit(x, y, out=tmp_path / "whole")
    Trainer.from_config({**table, "epochs": 2}).fit(x, y, out=out)
    resumed = Trainer.resume(out, x, y, epochs=4)
    assert resumed.network.parameters.tobytes() == whole.network.parameters.tobytes()


def test_the_setup_keeps_what_is_frozen_of_a_network_that_was_not(rng):
    x, y = rng.standard_normal((24, 5)), np.arange(24) % 3
    free, frozen = (Trainer.from_config({"network": {"layers": [*layers(*at), 3]}}).config for at in ((), (0, 2)))
    run = Trainer(free.model_copy(update={"epochs": 1})).fit(x, y)
    network = build(frozen, Data((x, y)), run.network).network
    for one, other in zip(network.layers, run.network.layers, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        np.testing.assert_array_equal(one.biases, other.biases)
