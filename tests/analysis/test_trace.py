"""One sample's way there and back: hand-worked numbers, the document's own loop, and every installed part."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from engines.test_strangers_layers import Normalisation, Pairs, TwoProducts
from support import numeric_gradient, parts

import modnet
from modnet import Activation, Cost, DataError, Layer, Network, NeuralNetwork, Trainer
from modnet.components.activations import Exp, Identity, Sigmoid, Softmax, Tanh
from modnet.components.costs import BinaryCrossEntropy, CategoricalCrossEntropy, Poisson, Quadratic
from modnet.components.layers import Dense, Dropout
from modnet.components.regularizers import L2

ROOT = Path(__file__).resolve().parents[2]


def by_hand() -> NeuralNetwork:
    """Return the network that docs/backpropagation.md works out by hand."""
    net = NeuralNetwork([2, 2, 1])
    net.weights = [[[0.5, -0.5], [1.0, 0.25]], [[1.0, -1.0]]]
    net.biases = [[0.0, -0.5], [0.25]]
    return net


def network(
    rng: np.random.Generator, inputs: int | tuple[int, ...], *layers: Layer, cost: Cost | None = None
) -> Network:
    shape = (inputs,) if isinstance(inputs, int) else inputs
    return Network(layers, shape, cost or Quadratic(), rng=rng)


def test_the_numbers_that_were_worked_out_by_hand() -> None:
    one, two = (way := modnet.trace(by_hand().network, [1.0, 0.5], [1.0])).layers
    figures = {
        "z1": (one.z, [0.25, 0.625]), "a1": (one.a, [0.56218, 0.65135]), "z2": (two.z, [0.16082]),
        "a2": (two.a, [0.54012]), "gradient": (two.upstream, [-0.45988]), "slope 2": (two.slope, [0.24839]),
        "delta 2": (two.delta, [-0.11423]), "back": (one.upstream, [-0.11423, 0.11423]),
        "slope 1": (one.slope, [0.24613, 0.22709]), "delta 1": (one.delta, [-0.02812, 0.02594]),
        "b2": (two.gradients["biases"], [-0.11423]), "W2": (two.gradients["weights"], [[-0.06422, -0.07440]]),
        "b1": (one.gradients["biases"], [-0.02812, 0.02594]),
        "W1": (one.gradients["weights"], [[-0.02812, -0.01406], [0.02594, 0.01297]]),
    }  # fmt: skip
    for name, (found, expected) in figures.items():
        np.testing.assert_allclose(found, expected, atol=5.1e-6, err_msg=name)
    assert way.cost == pytest.approx(0.10575, abs=5e-6)
    assert way.output_form == "chain"
    assert way.largest_relative is not None
    assert way.largest_relative < 1e-9


def test_the_documents_own_loop_gives_the_same() -> None:
    net = NeuralNetwork([4, 5, 3, 2], seed=3)
    x, y = np.array([0.3, -1.2, 0.8, 0.1]), np.array([0.0, 1.0])
    way = modnet.trace(net.network, x, y)
    nabla_b, nabla_w = net.backprop(x, y)

    activation, activations, zs = x, [x], []
    for b, w in zip(net.biases, net.weights, strict=True):
        zs.append(w @ activation + b)
        activation = 1.0 / (1.0 + np.exp(-zs[-1]))
        activations.append(activation)
    delta = (activations[-1] - y) * activations[-1] * (1 - activations[-1])
    for index in range(2, -1, -1):
        layer = way.layers[index]
        if index < 2:
            slope = activations[index + 1] * (1 - activations[index + 1])
            np.testing.assert_allclose(layer.slope, slope, rtol=1e-12)
            np.testing.assert_allclose(layer.upstream, net.weights[index + 1].T @ delta, rtol=1e-12)
            delta = (net.weights[index + 1].T @ delta) * slope
        np.testing.assert_allclose(layer.x, activations[index], rtol=1e-12)
        np.testing.assert_allclose(layer.z, zs[index], rtol=1e-12)
        np.testing.assert_allclose(layer.a, activations[index + 1], rtol=1e-12)
        np.testing.assert_allclose(layer.delta, delta, rtol=1e-12)
        np.testing.assert_allclose(layer.gradients["weights"], np.outer(delta, activations[index]), rtol=1e-12)
        np.testing.assert_array_equal(layer.gradients["weights"], nabla_w[index])
        np.testing.assert_array_equal(layer.gradients["biases"], nabla_b[index])


OUTPUTS = {
    "quadratic": parts("activation"),
    "binary-cross-entropy": [Sigmoid, Softmax],
    "categorical-cross-entropy": [Sigmoid, Softmax],
    "absolute": parts("activation"),
    "huber": parts("activation"),
    "poisson": [Sigmoid, Exp],  # with softmax δ is a − y, too
    "gaussian-nll": parts("activation"),
    "quantile": parts("activation"),
}
"""Which output activations keep to the numbers that a cost is made for."""
CELLS = [(cost, output) for cost in parts("cost") for output in OUTPUTS[cost.kind_name()]]


@pytest.mark.parametrize("hidden", parts("activation"), ids=lambda part: part.kind_name())
@pytest.mark.parametrize(("cost", "output"), CELLS, ids=lambda part: part.kind_name())
def test_every_cost_and_activation(cost: type[Cost], output: type[Activation], hidden: type[Activation], rng) -> None:
    last_layer = Dense(units=cost().outputs(3), activation=output(), bias=False)
    net = network(rng, 3, Dense(units=4, activation=hidden()), last_layer, cost=cost())
    x, y = rng.normal(size=3), np.array([0.0, 1.0, 0.0])
    way = modnet.trace(net, x, y)
    expected = net.views(numeric_gradient(net, x[None], y[None]))
    for layer, numeric in zip(way.layers, expected, strict=True):
        assert layer.affine
        assert (layer.slope is None) == (layer.activation == "softmax")
        for name, gradient in layer.gradients.items():
            np.testing.assert_allclose(gradient, numeric[name], rtol=1e-6, atol=1e-8)
            np.testing.assert_allclose(layer.differences[name], numeric[name], rtol=1e-5, atol=1e-8)
    assert way.compared == way.parameters == net.parameters.size
    last = way.layers[-1]
    np.testing.assert_allclose(way.chain, last.delta, rtol=1e-9, atol=1e-12)
    pairs = ((BinaryCrossEntropy, Sigmoid), (CategoricalCrossEntropy, Softmax), (Poisson, Exp))
    simple = (cost, output) in pairs
    assert way.output_form == ("difference" if simple else "chain")
    if simple:
        np.testing.assert_allclose(last.delta, last.a - y, rtol=1e-12)
    if last.jacobian is not None:
        np.testing.assert_allclose(last.jacobian.values, np.diag(last.a) - np.outer(last.a, last.a), atol=1e-15)
        np.testing.assert_allclose(last.jacobian.values.T @ last.upstream, way.chain, rtol=1e-9, atol=1e-12)
    text = modnet.trace_markdown(way)
    assert ("a^{2} - y" in text) is simple


def test_a_saturated_softmax_still_has_a_matrix(rng) -> None:
    net = network(rng, 2, Dense(units=3, activation=Softmax()), cost=CategoricalCrossEntropy())
    net.layers[0].weights[...] = [[9000.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    (layer,) = modnet.trace(net, [1.0, 0.0], [1.0, 0.0, 0.0]).layers
    np.testing.assert_array_equal(layer.a, [1.0, 0.0, 0.0])
    assert layer.slope is None
    np.testing.assert_array_equal(layer.jacobian.values, np.zeros((3, 3)))


class Halving(Quadratic):
    """A cost that gives δ at the output in a form of its own."""

    kind: Literal["halving"] = "halving"  # type: ignore[assignment]

    def delta(self, activation, z, a, y):
        return 0.5 * super().delta(activation, z, a, y)


def test_a_cost_that_gives_another_delta_is_shown_as_it_is(rng) -> None:
    way = modnet.trace(network(rng, 2, Dense(units=2), cost=Halving()), [0.4, 0.2], [0.0, 1.0])
    assert way.output_form == "own"
    np.testing.assert_allclose(way.chain, 2 * way.layers[-1].delta)
    assert "in a form of their own" in modnet.trace_markdown(way)
    assert way.largest_relative == pytest.approx(1.0)  # half of the true gradient is missing
    assert "more than rounding explains" in modnet.trace_markdown(way)


STRANGERS = {
    "normalisation": lambda rng: network(rng, 3, Dense(units=4, activation=Tanh()), Normalisation(), Dense(units=2)),
    "not vectors": lambda rng: network(rng, (4, 3), Pairs(), Dense(units=2, activation=Identity())),
    "weights and more": lambda rng: network(rng, 3, TwoProducts(), Dense(units=2, activation=Tanh())),
    "at the output": lambda rng: network(rng, 2, Dense(units=3), TwoProducts()),
    "dropout": lambda rng: network(rng, 6, Dropout(), Dense(units=5), Dropout(rate=0.3), Dense(units=2)),
}


@pytest.mark.parametrize("make", STRANGERS.values(), ids=STRANGERS)
def test_layers_that_are_no_product_with_a_matrix(make, rng) -> None:
    net = make(rng)
    before, states = net.parameters.copy(), [{k: v.copy() for k, v in layer.state.items()} for layer in net.layers]
    way = modnet.trace(net, rng.normal(size=net.input_shape), rng.normal(size=net.outputs))
    assert [layer.affine for layer in way.layers] == [isinstance(layer.component, Dense) for layer in net.layers]
    assert way.largest_relative is not None
    assert way.largest_relative < 1e-6
    assert way.random is any(isinstance(layer.component, Dropout) for layer in net.layers)
    text = modnet.trace_markdown(way)
    for layer in way.layers:
        if not layer.affine:
            assert f"what `{layer.kind}` computes from its input" in text
            for name in layer.parameters:
                letter = {"weights": "W"}.get(name, f"\\text{{{name}}}")
                assert f"$$\\nabla {letter}^{{{layer.number}}} = " in text
    np.testing.assert_array_equal(net.parameters, before)
    for layer, state in zip(net.layers, states, strict=True):
        for name, value in state.items():
            np.testing.assert_array_equal(layer.state[name], value)


def test_dropout_has_one_mask_for_both_ways(rng) -> None:
    net = network(rng, 8, Dropout(rate=0.5), Dense(units=3))
    x = rng.normal(size=8)
    way = modnet.trace(net, x, [0.0, 1.0, 0.0], seed=4)
    kept = way.layers[0].z != 0
    assert 0 < kept.sum() < 8
    np.testing.assert_allclose(way.layers[0].z[kept], 2 * x[kept])
    assert (way.layers[1].gradients["weights"][:, ~kept] == 0).all()
    np.testing.assert_allclose(way.layers[0].upstream, net.layers[1].weights.T @ way.layers[1].delta * 1.0)
    again = modnet.trace(net, x, [0.0, 1.0, 0.0], seed=4)
    np.testing.assert_array_equal(again.layers[0].z, way.layers[0].z)


class Moved(Layer):
    """A layer with a state that its training pass uses."""

    kind: Literal["moved"] = "moved"

    def initial_state(self, input_shape):
        return {"shift": np.zeros(input_shape)}

    def forward(self, x, ctx):
        ctx.state["shift"] = ctx.state["shift"] + 1.0
        return x + ctx.state["shift"]

    def backward(self, delta, ctx):
        del ctx
        return delta, {}


def test_the_state_that_a_layer_has_learnt_counts_and_stays(rng) -> None:
    net = network(rng, 2, Moved(), Dense(units=1))
    net.layers[0].state["shift"][...] = [3.0, 5.0]
    way = modnet.trace(net, [0.5, 0.25], 1.0)
    np.testing.assert_array_equal(way.layers[0].z, [4.5, 6.25])
    np.testing.assert_array_equal(net.layers[0].state["shift"], [3.0, 5.0])
    assert way.largest_relative < 1e-6


class Cosine(Dense):
    """A layer that declares W and b, and does something else with them."""

    kind: Literal["cosine"] = "cosine"  # type: ignore[assignment]

    def forward(self, x, ctx):
        return np.cos(super().forward(x, ctx))


def test_what_only_looks_like_a_product_is_found_out(rng) -> None:
    way = modnet.trace(network(rng, 3, Cosine(units=2), Dense(units=1)), [0.1, 0.2, 0.3], 1.0)
    assert [layer.affine for layer in way.layers] == [False, True]
    assert way.largest_relative > 1e-3  # its way back is wrong, too


def test_float32_computes_in_float32_and_compares_in_float64(rng) -> None:
    net = Network([Dense(units=4), Dense(units=2)], (3,), Quadratic(), dtype="float32", rng=rng)
    way = modnet.trace(net, [0.1, 0.2, 0.3], [0.0, 1.0])
    assert way.layers[0].z.dtype == way.layers[1].gradients["weights"].dtype == np.float32
    assert way.layers[0].differences["weights"].dtype == np.float64
    assert 1e-12 < way.largest_relative < 1e-5
    assert "in float32, so no more" in modnet.trace_markdown(way)


def test_a_large_network_is_shown_by_excerpt(rng) -> None:
    net = network(rng, 200, Dense(units=40), Dense(units=11))
    x, y = rng.normal(size=200), np.eye(11)[10]
    way = modnet.trace(net, x, y)
    assert 500 <= way.compared < 700
    plain = json.loads(json.dumps(way.to_dict(), allow_nan=False))
    weights = plain["layers"][0]["gradients"]["weights"]
    assert weights["shape"] == [40, 200]
    assert weights["entries"] == [[0, 1, 2, 39], [0, 1, 2, 199]]
    shown = way.layers[0].gradients["weights"][np.ix_(*weights["entries"])]
    np.testing.assert_array_equal(weights["values"], shown)
    numeric = plain["layers"][0]["differences"]["weights"]["values"]
    np.testing.assert_allclose(numeric, shown, rtol=1e-4, atol=1e-9)  # what is shown was compared
    text = modnet.trace_markdown(way)
    assert "the first three and the last are shown" in text
    assert rf"\vdots \\ {way.layers[1].z[-1]:.6g}" in text
    assert f"of {net.layers[0].weights.size:,} |" in text


@pytest.mark.parametrize("units", [10, 11])
def test_up_to_ten_entries_are_whole(units: int, rng) -> None:
    way = modnet.trace(network(rng, 2, Dense(units=units)), [0.5, 1.0], np.zeros(units))
    assert (r"\vdots" in modnet.trace_markdown(way)) is (units == 11)
    assert len(way.to_dict()["y"]["values"]) == (10 if units == 10 else 4)


def test_scaled_samples_and_labels(rng) -> None:
    x = rng.normal(size=(30, 3)) * 100 + 50
    run = Trainer.from_config({"epochs": 1, "network": {"layers": [2]}, "data": {"transforms": ["standard"]}}).fit(
        x, np.where(x[:, 0] > 50, "big_1", "small")
    )
    way = modnet.trace(run.network, x[4], "small")
    np.testing.assert_array_equal(way.raw, x[4])
    np.testing.assert_allclose(way.x, (x[4] - x.mean(axis=0)) / x.std(axis=0), rtol=1e-9)
    np.testing.assert_array_equal(way.y, [0.0, 1.0])
    assert "should output, of the class small:" in modnet.trace_markdown(way)
    assert r"should output, of the class big\_1:" in modnet.trace_markdown(modnet.trace(run.network, x[4], "big_1"))


def test_penalties_are_no_part_of_one_samples_cost() -> None:
    plain = Network([Dense(units=2)], (2,), Quadratic(), rng=np.random.default_rng(0))
    with_penalty = Network([Dense(units=2)], (2,), Quadratic(), [L2()], rng=np.random.default_rng(0))
    ways = [modnet.trace(net, [1.0, 2.0], [0.0, 1.0]) for net in (plain, with_penalty)]
    np.testing.assert_array_equal(*(way.layers[0].gradients["weights"] for way in ways))
    assert "`l2`" in modnet.trace_markdown(ways[1])


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([1.0], [1.0], "sample of shape (2,), got (1,)"),
        ([[1.0, 2.0]], [1.0], "sample of shape (2,), got (1, 2)"),
        ([1.0, np.nan], [1.0], "x: row 0, column 1 (counted from 0) is nan"),
        (3.0, [1.0], "x expects samples × features"),
        ([1.0, 2.0], [1.0, 2.0], "y has 2 outputs a sample, the training has 1"),
        ([1.0, 2.0], ["a"], "y: row 0, column 0 (counted from 0) is 'a'"),
        ([1.0, 2.0], [1e200], "the cost of this sample is inf"),
    ],
)
def test_samples_that_do_not_fit(x: object, y: object, said: str) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        modnet.trace(by_hand().network, x, y)


def test_an_unknown_label(rng) -> None:
    x = rng.normal(size=(10, 2))
    net = Trainer.from_config({"epochs": 0, "network": {"layers": [2]}}).fit(x, x[:, 0] > 0).network
    with pytest.raises(DataError, match="unseen in training"):
        modnet.trace(net, x[0], "blue")


def test_the_markdown_of_the_hand_worked_sample() -> None:
    a1, delta1 = (
        rf"\begin{{pmatrix}} {one} \\ {two} \end{{pmatrix}}"
        for one, two in ((0.562177, 0.651355), (-0.0281159, 0.0259407))
    )
    lines = modnet.trace_markdown(modnet.trace(by_hand().network, [1.0, 0.5], [1.0])).splitlines()
    for line in (
        rf"$$z^{{2}} = W^{{2}} a^{{1}} + b^{{2}} = \begin{{pmatrix}} 1 & -1 \end{{pmatrix}} {a1} + (0.25)$$",
        r"$$z^{2} = 0.160822$$",
        r"$$(W^{2})^\top \delta^{2} = \begin{pmatrix} 1 \\ -1 \end{pmatrix} (-0.11423)$$",
        r"$$C = C(a^{2}, y) = 0.105745$$",
        r"$$\delta^{2} = \nabla_a C \odot \sigma'(z^{2}) = -0.11423$$",
        rf"$$\delta^{{1}} = \left( (W^{{2}})^\top \delta^{{2}} \right) \odot \sigma'(z^{{1}}) = {delta1}$$",
        rf"$$\nabla b^{{1}} = \delta^{{1}} = {delta1}$$",
        r"$$\nabla W^{2} = \delta^{2} (a^{1})^\top = \begin{pmatrix} -0.0642175 & -0.0744043 \end{pmatrix}$$",
    ):
        assert line in lines


def softmaxes(rng: np.random.Generator) -> Network:
    layers = [Dense(units=units, activation=Softmax()) for units in (11, 3)]
    return network(rng, 12, *layers, cost=CategoricalCrossEntropy())


WAYS = {**STRANGERS, "softmax": softmaxes, "one unit": lambda rng: network(rng, 1, Dense(units=1))}


@pytest.mark.skipif(find_spec("latex2mathml") is None, reason="the site's own packages are not installed")
@pytest.mark.parametrize("make", WAYS.values(), ids=WAYS)
def test_every_formula_renders_on_the_site(make, rng) -> None:
    pytest.importorskip("mkdocs")
    spec = spec_from_file_location("mathml", ROOT / "docs" / "hooks" / "mathml.py")
    hook = module_from_spec(spec)
    spec.loader.exec_module(hook)
    net = make(rng)
    text = modnet.trace_markdown(modnet.trace(net, rng.normal(size=net.input_shape), np.eye(net.outputs)[0]))
    formulae = re.findall(r"\$\$(.+?)\$\$|\$([^$]+?)\$", text)
    assert len(formulae) > 15
    for block, inline in formulae:
        assert "<math" in hook._mathml(block or inline, "block" if block else "inline", "trace")


def test_a_sample_is_listed_and_drawn_within_bounds(rng) -> None:
    whole = modnet.trace_markdown(modnet.trace(network(rng, 10, Dense(units=1)), np.zeros(10), [0.0]))
    assert "inputs are not 0" not in whole  # all ten are in the vector below
    net = network(rng, 48, Dense(units=1))
    for x, listed in (
        (np.zeros(48), "0 of the 48 inputs are not 0."),
        (np.eye(1, 48, 47)[0] * 1500, "not 0: x₄₈ = 1,500"),
    ):
        text = modnet.trace_markdown(modnet.trace(net, x, [0.0]), image=(4, 4, 3))
        assert f"{listed}\n\nThe sample as an image" in text
        assert re.search("```text\n((?:·|█){8}\n){4}```", text)
    assert "```" not in modnet.trace_markdown(modnet.trace(net, x, [0.0]), image=(1, 48))
