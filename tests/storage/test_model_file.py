"""Model files: what is written is what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from components.callbacks.strangers import installed
from safetensors import safe_open
from safetensors.numpy import load_file

import modnet
from modnet import Layer, LayerContext, Network, Trainer
from modnet.components.activations import Sigmoid, Softmax
from modnet.components.costs import CategoricalCrossEntropy, Quadratic
from modnet.components.layers import Dense
from modnet.components.regularizers import L2
from modnet.core.errors import ConfigError, ModelFileError
from modnet.storage.model_file import load_with_state, save, save_with_state


class Centred(Layer):
    """A stranger's layer without parameters: x less the running mean of what it has seen while training."""

    kind: Literal["centred"] = "centred"
    needs_full_batch: ClassVar[bool] = True

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Any]:
        return {"mean": np.zeros(input_shape)}

    def forward(self, x: Any, ctx: LayerContext) -> Any:
        if ctx.training:
            ctx.state["mean"] = 0.9 * ctx.state["mean"] + 0.1 * x.mean(axis=0)
        return x - ctx.state["mean"]

    def backward(self, delta: Any, ctx: LayerContext) -> Any:
        del ctx
        return delta, {}


def trained(rng: np.random.Generator, y: Any = None, **changes: Any) -> Network:
    x = rng.normal(size=(30, 4))
    config = {"epochs": 1, "network": {"layers": [5, 3]}} | changes
    return Trainer.from_config(config).fit(x, [i % 3 for i in range(30)] if y is None else y).network


def same(one: Network, other: Network, x: np.ndarray) -> None:
    assert one.dtype == other.dtype
    assert one.parameters.tobytes() == other.parameters.tobytes()
    assert one.predict(x).tobytes() == other.predict(x).tobytes()
    assert one.config == other.config
    assert (one.cost, one.regularizers) == (other.cost, other.regularizers)
    assert [layer.component for layer in one.layers] == [layer.component for layer in other.layers]
    for mine, theirs in zip(one.layers, other.layers, strict=True):
        assert mine.state.keys() == theirs.state.keys()
        assert all(np.array_equal(mine.state[name], theirs.state[name]) for name in mine.state)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "layers",
    [
        [5, 3],
        [{"kind": "dense", "units": 3, "bias": False, "activation": "softmax"}],
        [
            {"kind": "dropout", "rate": 0.25},
            7,
            {"kind": "dropout"},
            {"kind": "dense", "units": 3, "initializer": "zeros"},
        ],
    ],
)
def test_a_network_comes_back_to_the_bit(
    rng: np.random.Generator, tmp_path: Path, dtype: str, layers: list[Any]
) -> None:
    network = trained(rng, dtype=dtype, network={"layers": layers, "regularizers": ["l2", "l1"]})
    save(network, tmp_path / "model.safetensors")
    loaded = modnet.load(tmp_path / "model.safetensors")
    same(loaded, network, rng.normal(size=(6, 4)))
    loaded.parameters[...] = 0.0
    assert np.any(modnet.load(tmp_path).parameters)  # a folder with a model will do; the file is not mapped


@pytest.mark.parametrize(
    "labels",
    [
        [3, 1, 2], ["b", "größe", "a,\"x\"\n"], [7, -2**60, 10**6], ["1", 1, 2], [True, 1, "x"], [2**70, 1, 2],
    ],
)  # fmt: skip
def test_classes_come_back_with_their_types(rng: np.random.Generator, tmp_path: Path, labels: list[Any]) -> None:
    network = trained(rng, [labels[i % 3] for i in range(30)])
    save(network, tmp_path / "m")
    loaded = modnet.load(tmp_path / "m")
    found = [(type(label), label) for label in loaded.classes.tolist()]
    assert found == [(type(label), label) for label in network.classes.tolist()]
    assert sorted(map(repr, loaded.classes.tolist())) == sorted(map(repr, labels))
    x = rng.normal(size=(20, 4))
    assert loaded.classify(x).tolist() == network.classify(x).tolist()


def test_two_truths_on_one_output_come_back(rng: np.random.Generator, tmp_path: Path) -> None:
    network = trained(rng, [i % 2 == 0 for i in range(30)], network={"layers": [1]})
    save(network, tmp_path / "m")
    loaded = modnet.load(tmp_path / "m")
    assert loaded.classes.tolist() == [False, True]
    assert {type(label) for label in loaded.classify(rng.normal(size=(9, 4))).tolist()} == {bool}


def test_a_label_that_no_file_can_keep_is_refused(rng: np.random.Generator, tmp_path: Path) -> None:
    network = trained(rng, [("a", "b", "c")[i % 3 : i % 3 + 1] for i in range(30)])
    (tmp_path / "m").write_text("of before")
    with pytest.raises(ModelFileError, match=r"m: not written: .*\('a',\) cannot be stored in a file; allowed: text"):
        save(network, tmp_path / "m")
    assert (tmp_path / "m").read_text() == "of before"


@pytest.mark.parametrize("label", [np.inf, -np.inf, "\ud800"])
def test_a_label_that_json_cannot_say_is_refused(rng: np.random.Generator, tmp_path: Path, label: Any) -> None:
    network = trained(rng, [("a", 2, label)[i % 3] for i in range(30)])
    with pytest.raises(ModelFileError, match=r"m: not written: classes\.2: ") as caught:
        save(network, tmp_path / "m")
    assert str(caught.value).isprintable()
    network.classes, network.features = None, ("a", "b", "c", "\udcff")
    with pytest.raises(ModelFileError, match=r"m: not written: features\.3: ") as caught:
        save(network, tmp_path / "m")
    assert str(caught.value).isprintable()
    network.features = ("0", 0, 1, 2)
    with pytest.raises(ModelFileError, match=r"m: not written: features: 4 names do not fit"):
        save(network, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint64", "int64", "bool", "float32", "U3", "object"])
def test_classes_come_back_in_their_form(rng: np.random.Generator, tmp_path: Path, dtype: str) -> None:
    network = trained(rng)
    network.classes = np.array([0, 1, 1] if dtype == "bool" else [1, 2, 3]).astype(dtype)
    if dtype == "bool":
        network = trained(rng, [i % 2 for i in range(30)], network={"layers": [2]})
        network.classes = np.array([False, True])
    if dtype == "uint64":
        network.classes[0] = 2**64 - 1
    save(network, tmp_path / "m")
    loaded = modnet.load(tmp_path / "m").classes
    assert loaded.dtype.kind == network.classes.dtype.kind
    assert [(type(label), label) for label in loaded.tolist()] == [
        (type(label), label) for label in network.classes.tolist()
    ]


def test_scaling_and_the_names_of_features_come_back(rng: np.random.Generator, tmp_path: Path) -> None:
    network = trained(rng, data={"transforms": ["standard"]})
    network.features = ("länge", "b, c", 'd"', "e")
    save(network, tmp_path / "m")
    loaded = modnet.load(tmp_path / "m")
    same(loaded, network, rng.normal(size=(6, 4)))
    assert loaded.features == network.features
    assert np.array_equal(loaded.preprocessing.steps[0].state["shift"], network.preprocessing.steps[0].state["shift"])
    assert np.array_equal(loaded.preprocessing.steps[0].state["factor"], network.preprocessing.steps[0].state["factor"])


def test_what_a_layer_keeps_comes_back(rng: np.random.Generator, tmp_path: Path) -> None:
    with installed(Centred):
        network = trained(rng, network={"layers": ["centred", 3]})
        assert np.any(network.layers[0].state["mean"])
        save(network, tmp_path / "m")
        assert np.array_equal(load_file(tmp_path / "m")["layers.0.state.mean"], network.layers[0].state["mean"])
        same(modnet.load(tmp_path / "m"), network, rng.normal(size=(6, 4)))


def test_a_part_that_is_not_installed_any_more_is_named_with_its_distribution(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    with installed(Centred):
        save(trained(rng, network={"layers": ["centred", 3]}), tmp_path / "m")
    with pytest.raises(ConfigError) as caught:
        modnet.load(tmp_path / "m")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'm'}: layers.0: unknown layer 'modnet-strange:centred'")
    assert message.endswith("; made with modnet-strange, not available here")


def test_what_is_kept_beside_a_network_comes_back(rng: np.random.Generator, tmp_path: Path) -> None:
    network, path = trained(rng), tmp_path / "model.safetensors"
    state = {"name": "mine", "moments": np.arange(3.0), "parts": [{"rate": 0.1}, None]}
    save_with_state(network, path, state)
    loaded, found = load_with_state(path)
    assert found is not None
    assert found["moments"].tolist() == [0.0, 1.0, 2.0]
    assert (found["name"], found["parts"]) == (state["name"], state["parts"])
    same(loaded, network, rng.normal(size=(5, 4)))
    same(modnet.load(path), network, rng.normal(size=(5, 4)))  # which leaves it out
    before = path.read_bytes()
    with pytest.raises(ModelFileError, match="not written: name is of type complex"):
        save_with_state(network, path, {"name": 1j})
    assert path.read_bytes() == before
    save(network, path)
    assert load_with_state(path)[1] is None


def test_a_network_of_no_run_comes_back(tmp_path: Path) -> None:
    layers = [Dense(units=3, activation=Sigmoid()), Dense(units=2, activation=Softmax())]
    network = Network(layers, (4,), CategoricalCrossEntropy(), [L2(strength=0.5)], rng=np.random.default_rng(1))
    save(network, tmp_path / "m")
    loaded = modnet.load(tmp_path / "m")
    same(loaded, network, np.ones((2, 4)))
    assert (loaded.config, loaded.classes, loaded.preprocessing, loaded.features) == (None, None, None, None)


def test_a_strangers_reader_finds_tensors_and_configuration(rng: np.random.Generator, tmp_path: Path) -> None:
    network = trained(rng, network={"layers": [5, {"kind": "dropout"}, 3]})
    save(network, tmp_path / "m")
    tensors = load_file(tmp_path / "m")
    assert {name: values.shape for name, values in tensors.items()} == {
        "layers.0.weights": (5, 4), "layers.0.biases": (5,), "layers.2.weights": (3, 5), "layers.2.biases": (3,),
    }  # fmt: skip
    assert np.array_equal(tensors["layers.2.weights"], network.layers[2].weights)
    with safe_open(tmp_path / "m", "numpy") as file:
        metadata = file.metadata()
    assert list(metadata) == ["modnet"]
    table = json.loads(metadata["modnet"])
    assert (table["format_version"], table["modnet_version"]) == (3, modnet.__version__)
    assert (table["input_shape"], table["dtype"]) == ([4], "float64")
    assert (table["classes"], table["classes_kind"]) == ([0, 1, 2], "i")
    assert table["network"]["layers"][1] == {"kind": "dropout", "trainable": True, "rate": 0.5}
    assert table["config"].keys().isdisjoint({"network", "dtype"})
    whole = table["config"] | {"network": table["network"], "dtype": table["dtype"]}
    assert whole == network.config.to_config()
    assert modnet.load_config(whole) == network.config
    assert table["plugins"] == {}


def test_a_file_names_plug_ins_and_their_components_in_full(rng: np.random.Generator, tmp_path: Path) -> None:
    with installed(Centred):
        save(trained(rng, network={"layers": ["centred", 3]}), tmp_path / "m")
    with safe_open(tmp_path / "m", "numpy") as file:
        table = json.loads(file.metadata()["modnet"])
    assert table["plugins"] == {"modnet-strange": "0.3"}
    assert table["network"]["layers"][0] == {"kind": "modnet-strange:centred", "trainable": True}


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, -1])
def test_a_broken_network_is_never_written_over_a_good_one(
    rng: np.random.Generator, tmp_path: Path, wrong: float, where: int
) -> None:
    network = trained(rng)
    save(network, tmp_path / "m")
    before = (tmp_path / "m").read_bytes()
    network.parameters[where] = wrong
    with pytest.raises(ModelFileError, match=r"m: not written: layers\.\d\.(weights|biases) holds NaN or infinity"):
        save(network, tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_part_that_nobody_could_find_again_is_refused(rng: np.random.Generator, tmp_path: Path) -> None:
    network = Network([Centred(), Dense(units=2)], (4,), Quadratic(), rng=rng)
    with pytest.raises(ModelFileError, match=r"not written: layers\.0 is a Centred that no installed plug-in provides"):
        save(network, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_the_same_network_makes_the_same_file(rng: np.random.Generator, tmp_path: Path) -> None:
    network = trained(rng)
    for number in range(8):
        save(network, tmp_path / str(number))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
