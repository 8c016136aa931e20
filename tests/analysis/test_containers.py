"""What a person looks at works on networks of layers within layers, with state and frozen parts."""

from __future__ import annotations

import numpy as np
import pytest

from modnet import Trainer, summary, trace, trace_markdown
from modnet.analysis.gradients.gradient_flow import flow_through
from modnet.analysis.gradients.suggestions import _candidates
from modnet.analysis.landscape.projection import random_axes
from modnet.analysis.plots.diagram import forward, reverse
from modnet.analysis.plots.text_diagram import diagram
from modnet.components.update_rules import Adam
from modnet.config.load import load_config

LAYERS = [
    [
        {"kind": "dense", "units": 5, "activation": "tanh", "trainable": False},
        {"kind": "batch-norm", "activation": "relu"},
    ],
    {"kind": "residual", "layers": [{"kind": "dropout", "rate": 0.2}, 5], "activation": "relu"},
    {"kind": "parallel", "branches": [["layer-norm", 2], 2, []]},
    3,
]  # fmt: skip


@pytest.fixture(scope="module")
def run():
    x = np.random.default_rng(3).standard_normal((40, 4))
    config = {"epochs": 2, "network": {"layers": LAYERS}, "optimizer": {"learning_rate": 0.2}}
    return Trainer.from_config(config).fit(x, np.arange(40) % 3)


def test_summary(run):
    about = summary(run.network)
    assert about.sizes == (4, 5, 5, 9, 3)
    assert about.layers[0].within == {"0": "dense, tanh", "1": "batch-norm, relu"}
    assert about.layers[2].within == {
        "0": "chain", "0.0": "layer-norm", "0.1": "dense, sigmoid", "1": "dense, sigmoid", "2": "chain",
    }  # fmt: skip
    frozen = [parameter for layer in about.layers for parameter in layer.parameters if not parameter.trainable]
    assert [parameter.name for parameter in frozen] == ["0.weights", "0.biases"]
    assert (min(parameter.start for parameter in frozen), about.size) == (about.trainable, about.trainable + 25)
    assert not any(parameter.regularized for parameter in frozen)
    assert about.layers[0].state == {"1.mean": (5,), "1.variance": (5,)}


def test_diagrams(run):
    text = diagram(forward(summary(run.network))) + diagram(reverse(summary(run.network)))
    assert all(f"┤ {kind} ├" in text for kind in ("chain", "residual", "parallel"))


def test_a_trace_agrees_with_central_differences(run):
    """Also through batch-norm, which a batch of one sample would leave with nothing."""
    traced = trace(run.network, np.ones(4), 1)
    assert traced.random
    assert traced.running == ("batch-norm",)
    assert traced.largest_relative < 1e-7
    assert np.abs(traced.layers[0].gradients["1.beta"]).max() > 1e-9
    assert "`batch-norm`" in trace_markdown(traced)
    np.testing.assert_array_equal(run.network.layers[0].state["1.mean"], trained_mean(run))


def trained_mean(run):
    again = Trainer(run.config).fit(run.samples["train"].x, np.arange(40) % 3)
    return again.network.layers[0].state["1.mean"]


def test_gradient_flow(run):
    states = run.network.layer_states()
    flow = flow_through(run.network, run.samples["train"], Adam(), 0.01)
    assert [layer.kind for layer in flow.layers] == ["chain", "residual", "parallel", "dense"]
    assert all(np.isfinite([layer.delta, layer.slope, layer.update]).all() for layer in flow.layers)
    for before, after in zip(states, run.network.layer_states(), strict=True):
        assert all((after[name] == value).all() for name, value in before.items())


def test_random_directions_leave_what_is_frozen(run):
    axes = random_axes(run.network, 0)
    assert not axes[:, run.network.trainable :].any()
    assert axes[:, : run.network.trainable].all(axis=1).all()


def test_suggestions_reach_into_layers_and_keep_initializers_with_activations():
    config = load_config({"network": {"layers": LAYERS}})
    tanh = next(patch for patch in _candidates(config) if patch.get("network.layers.2.branches.1.activation") == "tanh")
    assert tanh["network.layers.1.layers.1.activation"] == "tanh"
    assert tanh["network.layers.1.layers.1.initializer"] == "glorot-uniform"
    assert not any(key.startswith("network.layers.3.") for key in tanh)
    assert "network.layers.2.activation" not in tanh  # identity, of a container
    for patch in _candidates(config):
        load_config(config, [f"{key}={value}" for key, value in patch.items()])
