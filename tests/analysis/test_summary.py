"""What is said of a network's dimensions, and how its diagrams are drawn in characters."""

from __future__ import annotations

import json
import re
from typing import Literal

import numpy as np
import pytest
from engines.test_strangers_layers import Normalisation, Pairs, TwoProducts
from support import parts

import modnet
from modnet import Activation, Cost, Layer, Network, Trainer
from modnet.analysis.plots.diagram import forward, reverse
from modnet.analysis.plots.text_diagram import diagram
from modnet.analysis.summary import acts_elementwise
from modnet.components.layers import Dropout


def network(inputs: int | tuple[int, ...], *layers: object, cost: str = "quadratic") -> Network:
    shape = (inputs,) if isinstance(inputs, int) else inputs
    resolved = [Layer.resolve(layer) for layer in layers]
    return Network(resolved, shape, Cost.resolve(cost), rng=np.random.default_rng(0))


SOFTMAX = {"kind": "dense", "units": 10, "activation": "softmax"}
NETWORKS = {
    "default": network(64, 30, 10),
    "one layer": network(3, 1),
    "one of each": network(1, 1, 1),
    "mnist": network(784, 512, 512, 10),
    "twenty layers": network(6, *[12] * 20),
    "dropout": network(64, {"kind": "dropout"}, 30, SOFTMAX, cost="categorical-cross-entropy"),
    "no biases": network(4, {"kind": "dense", "units": 3, "bias": False}, 2),
    "normalisation": network(5, 4, Normalisation(), 3),
    "not vectors": network((4, 3), Pairs(), 2),
    "weights and more": network(3, TwoProducts(), 2),
}
every_network = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)


def test_the_default_network_in_letters_and_numbers() -> None:
    found = modnet.summary(NETWORKS["default"])
    table = [
        (
            layer.number,
            layer.kind,
            layer.activation,
            one.letter,
            one.dimensions,
            one.shape,
            one.size,
            one.start,
            one.stop,
        )
        for layer in found.layers
        for one in layer.parameters
    ]
    assert table == [
        (1, "dense", "sigmoid", "W¹", "n₁ × n₀", (30, 64), 1920, 0, 1920),
        (1, "dense", "sigmoid", "b¹", "n₁", (30,), 30, 2220, 2250),
        (2, "dense", "sigmoid", "W²", "n₂ × n₁", (10, 30), 300, 1920, 2220),
        (2, "dense", "sigmoid", "b²", "n₂", (10,), 10, 2250, 2260),
    ]
    assert [layer.dimensions for layer in found.layers] == ["m × n₁", "m × n₂"]
    assert (found.sizes, found.size, found.regularized, found.cost) == ((64, 30, 10), 2260, 2220, "quadratic")


@every_network
def test_every_parameter_is_where_the_summary_says(net: Network) -> None:
    found = modnet.summary(net)
    taken = np.zeros(net.parameters.size, dtype=int)
    for layer, about in zip(net.layers, found.layers, strict=True):
        assert set(layer.parameters) == {one.name for one in about.parameters}
        for one in about.parameters:
            piece = net.parameters[one.start : one.stop].reshape(one.shape)
            assert np.shares_memory(piece, layer.parameters[one.name])
            np.testing.assert_array_equal(piece, layer.parameters[one.name])
            taken[one.start : one.stop] += 1
        assert about.outputs == net.forward(np.ones((1, *net.input_shape)))[0].shape or about is not found.layers[-1]
    assert (taken == 1).all()
    assert found.size == taken.size == sum(layer.size for layer in found.layers)


@every_network
def test_the_summary_goes_to_json_and_back(net: Network) -> None:
    plain = modnet.summary(net).to_dict()
    assert json.loads(json.dumps(plain))["sizes"] == net.sizes


@pytest.mark.parametrize(
    ("name", "affine"),
    [("default", [True, True]), ("dropout", [False, True, True]), ("no biases", [True, True]),
     ("normalisation", [True, False, True]), ("not vectors", [False, True]), ("weights and more", [False, True])],
)  # fmt: skip
def test_only_a_product_with_a_matrix_is_called_one(name: str, affine: list[bool]) -> None:
    assert [layer.affine for layer in modnet.summary(NETWORKS[name]).layers] == affine


@pytest.mark.parametrize("part", parts("activation"), ids=lambda part: part.kind_name())
def test_softmax_alone_mixes_its_neurons(part: type[Activation]) -> None:
    assert acts_elementwise(part(), np.array([[-1.0, 0.5, 2.0]])) is (part.kind_name() != "softmax")


def test_a_summary_prints_itself_as_its_layers() -> None:
    assert str(modnet.summary(NETWORKS["normalisation"])) == (
        "<modnet network 5-4-4-3, 47 parameters, float64>\n"
        "  1  dense, sigmoid  5 → 4  W¹ 4 × 5, b¹ 4\n"
        "  2  normalisation   4 → 4  gain 4, shift 4\n"
        "  3  dense, sigmoid  4 → 3  W³ 3 × 4, b³ 3"
    )


class Tag(Dropout):
    """A layer whose name a browser would take for a tag."""

    kind: Literal["<script>alert(1)</script>&"] = "<script>alert(1)</script>&"


def test_a_notebook_gets_a_table_in_which_everything_is_escaped() -> None:
    table = modnet.summary(network(3, Tag(), 2))._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in table
    assert "<script" not in table
    assert table.count("<tr>") == table.count("</tr>") == 3  # the head and two layers
    assert '<td>W² 2 × 3, b² 2</td><td class="number">8</td><td>0:6, 6:8</td>' in table


def test_a_run_prints_its_final_figures(tmp_path) -> None:
    run = Trainer.from_config({"epochs": 1}).fit(out=tmp_path / "run")
    first, *rest = repr(run).splitlines()
    assert first == (
        f"<modnet run: 1 epoch, 144 updates, {run.seconds:.1f} s, in {tmp_path / 'run'}; "
        f"test cost {run.test['cost']:.6g}, test accuracy {run.test['accuracy']:.2%}>"
    )
    assert rest == repr(run.network).splitlines()


def test_a_run_without_test_samples_prints_its_last_epoch(rng) -> None:
    x = rng.normal(size=(20, 3))
    run = Trainer.from_config({"epochs": 2, "network": {"layers": [2]}}).fit(x, x[:, 0] > 0)
    accuracy = f"accuracy {run.history[-1]['accuracy']:.2%} (always answering False would give 60.00%)"
    assert f"cost {run.history[-1]['cost']:.6g}, {accuracy}>" in repr(run)  # the balanced one is not of that moment


def test_the_diagrams_of_a_small_network() -> None:
    found = modnet.summary(network(2, 2, 1))
    assert diagram(forward(found)).splitlines() == [
        "input     W¹     layer 1     W²     layer 2          cost",
        "n₀ = 2  2 × 2     n₁ = 2   1 × 2     n₂ = 1        quadratic",
        "a⁰ = x   + b¹    sigmoid    + b²    sigmoid",
        "  x₁ ───┬────┬─▶ z₁──▶ a₁ ─┬──────▶ z₁──▶ a₁ ────────▶ C",
        "  x₂ ───┘    └─▶ z₂──▶ a₂ ─┘",
    ]
    assert diagram(reverse(found)).splitlines() == [
        "  cost     ∇C    layer 2   (W²)ᵀ    layer 1",
        "quadratic         n₂ = 1   2 × 1     n₁ = 2",
        "                 ⊙ σ′(z²)           ⊙ σ′(z¹)",
        "    C ─────────▶ ⊙──▶ δ₁ ───────┬─▶ ⊙──▶ δ₁",
        "                                └─▶ ⊙──▶ δ₂",
    ]


@every_network
def test_diagrams_fit_a_terminal_and_have_every_layer(net: Network) -> None:
    found = modnet.summary(net)
    for text, first, last in (
        (diagram(forward(found)), "input", "cost"),
        (diagram(reverse(found)), "cost", "layer 1"),
    ):
        lines = text.splitlines()
        assert max(map(len, lines)) <= 80
        assert lines[0].split()[0] == first
        order = [re.search(rf"layer {layer.number}\b", text).start() for layer in found.layers]
        assert order == sorted(order, reverse=first == "cost")
        assert last in text
        for layer in found.layers:
            if not layer.affine:
                assert f"┤ {layer.kind} ├" in text or layer.number == 1


@every_network
def test_every_line_of_a_diagram_leads_somewhere(net: Network) -> None:
    arms = dict(zip("╴╶─╵┘└┴╷┐┌┬│┤├┼", range(1, 16), strict=True))
    for columns in (forward(modnet.summary(net)), reverse(modnet.summary(net))):
        text = re.sub(r"┤ [\w-]+ ├", lambda box: "─" * len(box[0]), diagram(columns))
        cells = {(row, at): one for row, line in enumerate(text.splitlines()) for at, one in enumerate(line)}
        for (row, at), character in cells.items():
            arm = arms.get(character, 0)
            above, below = (arms.get(cells.get((row + step, at), " "), 0) for step in (-1, 1))
            assert not arm & 4 or above & 8, (row, at, text)
            assert not arm & 8 or below & 4, (row, at, text)
            assert not arm & 1 or cells[row, at - 1] not in "│┐┘┤▶" or arm & 2, (row, at, text)
            assert not arm & 2 or cells[row, at + 1] not in " │┌└├", (row, at, text)


def test_a_large_layer_is_abbreviated() -> None:
    text = diagram(forward(modnet.summary(NETWORKS["mnist"])))
    for shown in ("x₁ ", "x₂ ", "x₃ ", "x₇₈₄", "z₅₁₂", "a₅₁₂", "z₁₀", "⋮"):
        assert shown in text
    assert "x₄" not in text
    assert "z₄" not in text


def test_a_mixing_activation_is_joined() -> None:
    text = diagram(forward(modnet.summary(network(2, {"kind": "dense", "units": 3, "activation": "softmax"}))))
    assert [re.search("[┬┼┴]▶", line)[0] for line in text.splitlines()[3:]] == ["┬▶", "┼▶", "┴▶"]
