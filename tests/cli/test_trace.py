"""``modnet trace``: the same numbers as the library's, of the sample that was asked for, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.running import Flowers, Modnet, sigmoid
from safetensors.numpy import load_file

import modnet as tested
from modnet.data.datasets.arrays import Digits
from modnet.storage.model_file import save


def test_a_configuration_at_its_start(trained: Modnet) -> None:
    text = trained("trace", "--sample", 3).out
    start, _, rest = text.partition("\n\nThis is a modnet network 64-30-10,")
    assert rest
    found = json.loads(trained("trace", "--sample", 3, "--json").out)
    x, y = (values[3] for values in Digits().load().train)
    network = tested.Trainer.from_config({"epochs": 0}).fit().network
    assert (found["part"], found["sample"], found["label"]) == ("train", 3, int(y))
    expected = tested.trace(network, x, y).to_dict()
    assert {name: found[name] for name in expected} == json.loads(json.dumps(expected))
    assert f"{found['layers'][1]['delta']['values'][0]:.6g}" in text
    title, inputs, _, image = start.split("\n\n")
    assert title == "# Sample 3 of the train samples"
    assert inputs.startswith(f"{np.count_nonzero(x)} of the 64 inputs are not 0: x₄ = 0.75, x₅ = 0.812, ")
    assert (x[:5], inputs.count(" = ")) == (pytest.approx([0, 0, 0, 0.75, 0.8125]), 23)
    assert inputs.endswith(f", …, x₆₃ = {x[62]:.3g}")
    fence, *rows, end = image.splitlines()
    assert (fence, end) == ("```text", "```")
    shades = np.array([["·░▒▓█".index(shade) for shade in row[::2]] for row in rows])
    np.testing.assert_allclose(shades / 4, x.reshape(8, 8), atol=0.126)
    assert all(row[::2] == row[1::2] for row in rows)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_run_and_its_parts(trained: Modnet, part: str) -> None:
    trained("train", "--epochs", 1, "--quiet", "--out", "run")
    found = json.loads(trained("trace", "run", "--sample", 7, "--part", part, "--json").out)
    x, y = (values[7] for values in getattr(Digits().load(), part))
    tensors = load_file("run/model.safetensors")
    z1 = tensors["layers.0.weights"] @ x + tensors["layers.0.biases"]
    z2 = tensors["layers.1.weights"] @ sigmoid(z1) + tensors["layers.1.biases"]
    a2 = sigmoid(z2)
    delta2 = (a2 - np.eye(10)[y]) * a2 * (1 - a2)
    np.testing.assert_allclose(found["layers"][0]["z"]["values"], z1[[0, 1, 2, 29]], rtol=1e-9)
    np.testing.assert_allclose(found["layers"][1]["delta"]["values"], delta2, rtol=1e-9, atol=1e-15)
    assert found["cost"] == pytest.approx(0.5 * np.sum((a2 - np.eye(10)[y]) ** 2), rel=1e-9)
    assert found["largest_relative"] < 1e-6
    assert found["compared"] == 2260


def test_the_samples_drawn_for_validation(trained: Modnet, flowers: Flowers) -> None:
    settings = (*flowers.train, "--set", "data.validation_share=0.2")
    trained("train", *settings, "--epochs", 1, "--quiet", "--out", "run")
    found = json.loads(trained("trace", "run", "--sample", 17, "--part", "validation", "--json").out)
    row = np.flatnonzero((np.abs(flowers.x - found["raw"]["values"]) < 1e-9).all(axis=1))
    assert [flowers.names[place] for place in row] == [found["label"]]


def test_targets_that_are_numbers(trained: Modnet, rng: np.random.Generator) -> None:
    np.savez("lines.npz", x=rng.normal(size=(20, 3)), y=rng.normal(size=(20, 2)))
    layers = "network.layers=[4, {kind='dense', units=2, activation='identity'}]"
    settings = ("--set", "data.kind=npz", "--set", "data.path=lines.npz", "--set", layers)
    found = json.loads(trained("trace", *settings, "--sample", 19, "--json").out)
    np.testing.assert_array_equal(found["y"]["values"], np.load("lines.npz")["y"][19])
    assert found["label"] is None


def test_the_seed_draws_what_dropout_leaves_out(trained: Modnet) -> None:
    layers = "network.layers=[{kind='dropout', rate=0.5}, 10]"
    one, two = (json.loads(trained("trace", "--set", layers, "--seed", seed, "--json").out) for seed in (1, 2))
    x, y = (values[0] for values in Digits().load().train)
    config = {"epochs": 0, "seed": 2, "network": {"layers": [{"kind": "dropout", "rate": 0.5}, 10]}}
    expected = tested.trace(tested.Trainer.from_config(config).fit().network, x, y, seed=2)
    np.testing.assert_array_equal(two["layers"][1]["z"]["values"], expected.layers[1].z)
    assert one["layers"][1]["z"]["values"] != two["layers"][1]["z"]["values"]


def test_out_writes_the_same(trained: Modnet, tmp_path: Path) -> None:
    text = trained("trace").out
    assert trained("trace", "--out", "way.md").out == ""
    assert (tmp_path / "way.md").read_text(encoding="utf-8") == text


def test_a_large_network_is_quick_and_by_excerpt(trained: Modnet) -> None:
    text = trained("trace", "--set", "network.layers=[300, 300, 10]", "--dtype", "float32").out
    assert "the first three and the last are shown" in text
    assert "computes its gradient in float32" in text
    assert len(text) < 30_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sample", "1437"], "--sample 1437: there is no such train sample; allowed: 0 to 1436"),
        (["--sample", "-1"], "--sample -1: there is no such train sample; allowed: 0 to 1436"),
        (["--sample", "x"], "'x' is not a valid integer"),
        (["--part", "validation"], "--part validation: the data has none; allowed: train, test"),
        (["empty"], "no model file or run folder"),
        (["nowhere.toml"], "nowhere.toml: cannot be read"),
        (["nameless.safetensors"], "was saved without a configuration"),
        (["nameless.safetensors", "--seed", "1"], "is a run; --seed only applies to a configuration"),
        (["--set", "data.kind=nonsense"], "unknown dataset 'nonsense'"),
        (["--out", "missing/way.md"], "--out missing/way.md: cannot be written"),
    ],
)
def test_refused_in_one_line(modnet: Modnet, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    save(tested.NeuralNetwork([2, 1]).network, "nameless.safetensors")
    result = modnet("trace", *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert len(result.err.splitlines()) == 1
