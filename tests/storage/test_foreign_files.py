"""Files that are truncated, edited or of somebody else: each is refused in one line, and none is believed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from storage.forging import DIGITS, forged, forged_text, header_of, raw, taken_apart, text_of

import modnet
from modnet import Trainer
from modnet.core.errors import ModelFileError
from modnet.storage.model_file import save


@pytest.fixture
def good(rng: np.random.Generator, tmp_path: Path) -> Path:
    config = {"epochs": 1, "network": {"layers": [5, 3]}, "data": {"transforms": ["standard"]}}
    network = Trainer.from_config(config).fit(rng.normal(size=(30, 4)), ["abc"[i % 3] for i in range(30)]).network
    network.features = ("p", "q", "r", "s")
    save(network, tmp_path / "good")
    return tmp_path / "good"


def refused(path: Path, pattern: str = ": ") -> None:
    """Check that the file is refused, in one line that names it."""
    with pytest.raises(ModelFileError, match=pattern) as caught:
        modnet.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < 1000


def rewritten(good: Path, metadata: dict[str, Any], tensors: dict[str, Any]) -> Path:
    """Return a file with these contents, and a digest that is right."""
    path = good.with_name("edited")
    path.write_bytes(forged(metadata, tensors))
    return path


def edited(good: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Path:
    """Return a file whose metadata and tensors ``change`` has edited."""
    metadata, tensors = taken_apart(good)
    change(metadata, tensors)
    return rewritten(good, metadata, tensors)


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 0.5, -1])
def test_a_truncated_file(good: Path, kept: float) -> None:
    content = good.read_bytes()
    length = int(len(content) * kept) if isinstance(kept, float) else kept
    good.write_bytes(content[:length])
    refused(good, "cannot be read: ")


@pytest.mark.parametrize("content", [b"hello, I am no model at all", b"PK\x03\x04" + bytes(60), bytes(200)])
def test_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    refused(tmp_path / "m", "cannot be read: ")


def test_somebody_elses_tensors(tmp_path: Path) -> None:
    save_file({"w": np.zeros(3)}, tmp_path / "m")
    refused(tmp_path / "m", "its format is not 3")
    save_file({"w": np.zeros(3)}, tmp_path / "m", metadata={"format": "pt"})
    refused(tmp_path / "m", "its format is not 3")


def test_nothing_where_a_model_should_be(tmp_path: Path) -> None:
    refused(tmp_path, r"no model file or run folder with model\.safetensors is here")
    refused(tmp_path / "none", "no model file or run folder")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "model", "no model file or run folder")


def test_a_file_of_the_earlier_format(good: Path) -> None:
    metadata, tensors = taken_apart(good)
    text = json.dumps({"sha256": DIGITS, "format_version": 2, **metadata}, separators=(",", ":"))  # as it was written
    save_file(tensors, good, metadata={"modnet": text})
    refused(good, "its format is not 3, the only one that this version of modnet reads$")


TEXTS = ("", "{", "5", "null", '"x"', "[]", "[" * 5000, '{"a": 1}', '{"format_version":3}', "{}")


@pytest.mark.parametrize("text", TEXTS)
def test_metadata_without_a_digest(good: Path, text: str) -> None:
    save_file(taken_apart(good)[1], good, metadata={"modnet": text})
    refused(good, "its format is not 3")


@pytest.mark.parametrize("metadata", [{}, {"a": 1}, {"network": 2}, {"a\nb": 1}])
def test_metadata_that_say_something_else_altogether(good: Path, metadata: dict[str, Any]) -> None:
    refused(rewritten(good, metadata, taken_apart(good)[1]), ": invalid metadata: ")


def test_the_file_that_is_edited_below_is_good_before(good: Path) -> None:
    assert np.array_equal(modnet.load(edited(good, lambda *_: None)).parameters, modnet.load(good).parameters)


KEYS = ("modnet_version", "plugins", "input_shape", "dtype", "network")
MAY_BE_MISSING = ("config", "classes", "classes_kind", "multi_label", "features")
VALUES = ("", "{", {"a": 1}, {"a\nb": 1}, 5, None, True, 1.5, "x", [], [None], [[[]]], ["a\nb"])
HARMLESS = [("modnet_version", ""), ("modnet_version", "{"), ("modnet_version", "x"), ("config", None),
            ("features", None), ("multi_label", None), ("plugins", {"a": 1}), ("plugins", {"a\nb": 1})]  # fmt: skip
"""What nothing is made of, or what may be missing."""
SAID = [
    *((key, value) for key in (*KEYS, *MAY_BE_MISSING) for value in VALUES if (key, value) not in HARMLESS),
    *((key, value) for key in (*KEYS[1:], *MAY_BE_MISSING) for value in ("4", "float64 ", [4.0], ["4"])),
]


@pytest.mark.parametrize(("key", "value"), SAID)
def test_metadata_of_which_one_says_something_else(good: Path, key: str, value: Any) -> None:
    refused(edited(good, lambda metadata, _: metadata.update({key: value})))


@pytest.mark.parametrize(("key", "value"), HARMLESS)
def test_metadata_that_nothing_depends_on(good: Path, key: str, value: Any) -> None:
    network = modnet.load(edited(good, lambda metadata, _: metadata.update({key: value})))
    assert np.array_equal(network.parameters, modnet.load(good).parameters)


@pytest.mark.parametrize("version", [0, 1, 2, 4, "3", 3.0, -1, 10**30, None])
def test_another_format(good: Path, version: Any) -> None:
    metadata, tensors = taken_apart(good)
    text = text_of(metadata).replace('"format_version":3', f'"format_version":{json.dumps(version)}', 1)
    good.write_bytes(forged_text(text, tensors))
    refused(good, "its format is not 3")


@pytest.mark.parametrize("key", KEYS)
def test_metadata_of_which_one_is_missing(good: Path, key: str) -> None:
    refused(edited(good, lambda metadata, _: metadata.pop(key)), f"{key}: is required")


@pytest.mark.parametrize("key", ["more", "Network", ""])
def test_metadata_with_something_that_nobody_knows(good: Path, key: str) -> None:
    refused(edited(good, lambda metadata, _: metadata.update({key: 1})), f"{key}: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("input_shape", [5]),
        ("input_shape", []),
        ("input_shape", [-4]),
        ("input_shape", [4, 1]),
        ("input_shape", [10**13]),
        ("input_shape", [10**30]),
        ("input_shape", None),
        ("dtype", "float16"),
        ("dtype", "float32"),
        ("dtype", ["float64"]),
        ("layers", []),
        ("layers", [5]),
        ("layers", [5, 4]),
        ("layers", [5, 3, 3]),
        ("layers", [10**13, 3]),
        ("layers", [10**30, 3]),
        ("layers", ["dropout"]),
        ("layers", ["den\nse", 3]),
        ("cost", "none"),
        ("cost", 3),
        ("regularizers", ["l3"]),
    ],
)
def test_a_network_that_does_not_fit_its_tensors(good: Path, key: str, value: Any) -> None:
    def change(metadata: dict[str, Any], tensors: dict[str, Any]) -> None:
        del tensors
        (metadata if key in metadata else metadata["network"])[key] = value

    refused(edited(good, change))


@pytest.mark.parametrize("tensors", [{}, {"preprocessing.0.shift": np.zeros(3), "preprocessing.0.factor": np.ones(3)}])
def test_a_promise_of_terabytes_is_refused_before_they_are_asked_for(good: Path, tensors: dict[str, Any]) -> None:
    metadata = taken_apart(good)[0] | {"input_shape": [10**13]}
    metadata["network"]["layers"] = ["dropout"]
    for key in ("config", "features", "classes", "classes_kind"):
        del metadata[key]
    refused(rewritten(good, metadata, {"more": np.zeros(1)} | tensors), "'more'|needs 20000000000000")


LABELS = (["a", "b"], ["a", "b", "c", "d"], ["a", "b", "b"], "abc", {"a": 1, "b": 2, "c": 3}, [])


@pytest.mark.parametrize("labels", LABELS)
def test_classes_that_do_not_fit_the_outputs(good: Path, labels: Any) -> None:
    refused(edited(good, lambda metadata, _: metadata.update(classes=labels, classes_kind="U")), "classes")


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("U", [1, 2, 3]),
        ("U", ["a", "b", 3]),
        ("U", ["a", "b", True]),
        ("i", ["a", "b", "c"]),
        ("i", [1, 2, True]),
        ("i", [1, 2, 3.5]),
        ("i", [1, 2, 2**70]),
        ("i", [1, 2, 2**63]),
        ("u", [1, 2, -3]),
        ("u", [1, 2, 2**64]),
        ("b", [0, 1, 2]),
        ("f", [1.5, 2.5, "x"]),
        ("O", ["a", "b", None]),
        ("O", ["a", "b", ["c"]]),
        ("M", [1, 2, 3]),
        ("", [1, 2, 3]),
    ],
)
def test_classes_of_another_kind_than_they_are_said_to_be(good: Path, kind: str, labels: list[Any]) -> None:
    refused(edited(good, lambda metadata, _: metadata.update(classes=labels, classes_kind=kind)), "classes")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("plugins", dict.fromkeys(map(str, range(2000)), "1")),
        ("config", {"metrics": [["a"] * 1000] * 20}),
        ("config", {"callbacks": ["nothing"] * 2000}),
        ("network", {"layers": [3] * 2000}),
        ("input_shape", [1] * 100),
    ],
)
def test_more_than_any_network_has(good: Path, key: str, value: Any) -> None:
    refused(
        edited(good, lambda metadata, _: metadata.update({key: value})),
        f"{key}: (is too large|should have .* or fewer)",
    )


NAMES = (
    ["p", "q", "r"],
    ["p", "q", "r", "r"],
    "pqrs",
    [1, "1", 2, 3],
    [0.5, 1, 2, 3],
    ["p", "q", "r", None],
    [True, 1, 2, 3],
)


@pytest.mark.parametrize("features", NAMES)
def test_features_that_do_not_fit_the_inputs(good: Path, features: Any) -> None:
    refused(edited(good, lambda metadata, _: metadata.update(features=features)), "feature")


@pytest.mark.parametrize("name", ["layers.0.weights", "layers.1.biases", "preprocessing.0.factor"])
def test_a_tensor_too_few(good: Path, name: str) -> None:
    is_layers = name.startswith("layers")
    problem = "its configuration needs" if is_layers else "transforms cannot be applied: no 'factor' is stored"
    refused(edited(good, lambda _, tensors: tensors.pop(name)), problem)
    problem = "its configuration and tensors" if is_layers else "its configuration and tensors differ in .'more'"
    refused(edited(good, lambda _, tensors: tensors.update(more=tensors.pop(name))), problem)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("layers.2.weights", (3, 3)),
        ("layers.0.weights", (4, 5)),
        ("layers.0.weights", (6, 5)),
        ("layers.0.weights", (20,)),
        ("layers.0.state.mean", (4,)),
        ("preprocess.more", (4,)),
        ("a\nb", (2,)),
    ],
)
def test_a_tensor_too_many_or_of_another_shape(good: Path, name: str, shape: tuple[int, ...]) -> None:
    path = edited(good, lambda _, tensors: tensors.update({name: np.zeros(shape)}))
    refused(path, f"its configuration and tensors differ in {re.escape(repr((name, 'float64')))[:-3]}")


def test_no_tensors_at_all(good: Path) -> None:
    refused(rewritten(good, taken_apart(good)[0], {}), "its configuration needs 43")


@pytest.mark.parametrize("name", ["layers.0.weights", "layers.1.biases", "preprocessing.0.shift"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_tensor_that_is_not_finite(good: Path, name: str, value: float) -> None:
    def change(_: dict[str, Any], tensors: dict[str, Any]) -> None:
        tensors[name].flat[0] = value

    refused(edited(good, change), f"{name} holds NaN or infinity")


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "I64", "BOOL", "F8_E4M3", "C64"])
def test_tensors_of_another_type(good: Path, dtype: str) -> None:
    sizes = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "BOOL": 1, "F8_E4M3": 1, "C64": 8}
    metadata, tensors = taken_apart(good)
    entries, end = [], 0
    for name, values in tensors.items():
        start, end = end, end + values.size * sizes[dtype]
        entries.append((name, dtype, values.shape, (start, end)))
    good.write_bytes(raw(header_of(text_of(metadata), entries), bytes(end)))
    refused(good)


def test_the_network_and_its_dtype_stand_in_a_file_once(good: Path) -> None:
    """A configuration that says something else of them cannot be believed."""
    other = modnet.load_config({"network": {"layers": [6, 3], "cost": "binary-cross-entropy"}, "dtype": "float32"})
    more = {key: other.to_config()[key] for key in ("network", "dtype")}
    network = modnet.load(edited(good, lambda metadata, _: metadata["config"].update(more)))
    assert network.config == modnet.load(good).config
    assert network.parameters.tobytes() == modnet.load(good).parameters.tobytes()


def test_a_network_that_was_given_another_configuration_is_not_written(good: Path) -> None:
    network, before = modnet.load(good), good.read_bytes()
    network.config = modnet.load_config(network.config, ["network.cost=binary-cross-entropy"])
    with pytest.raises(ModelFileError, match="not written: the network is not the one that its configuration describ"):
        save(network, good)
    assert good.read_bytes() == before
