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
from storage.sealing import file_of, header_of, sealed, taken_apart, text_of

import modnet
from modnet import Trainer
from modnet.config.overrides import apply_override
from modnet.core.errors import ModelFileError
from modnet.storage.model_file import save


@pytest.fixture
def good(rng: np.random.Generator, tmp_path: Path) -> Path:
    config = {"epochs": 1, "network": {"layers": [5, 3]}, "data": {"scaling": "standard"}}
    network = Trainer.from_config(config).fit(rng.normal(size=(30, 4)), ["abc"[i % 3] for i in range(30)]).network
    network.features = ("p", "q", "r", "s")
    save(network, tmp_path / "good")
    return tmp_path / "good"


def refused(path: Path, pattern: str) -> None:
    with pytest.raises(ModelFileError, match=pattern) as caught:
        modnet.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def rewritten(good: Path, said: dict[str, Any], tensors: dict[str, Any]) -> Path:
    """Return a file with these metadata and tensors, and a digest that is right."""
    path = good.with_name("edited")
    path.write_bytes(file_of(said, tensors))
    return path


def edited(good: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Path:
    """Return a file whose metadata and tensors ``change`` has edited."""
    said, tensors = taken_apart(good)
    change(said, tensors)
    return rewritten(good, said, tensors)


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 0.5, -1])
def test_a_truncated_file(good: Path, kept: float) -> None:
    content = good.read_bytes()
    length = int(len(content) * kept) if isinstance(kept, float) else kept
    good.write_bytes(content[:length])
    refused(good, "is damaged")


@pytest.mark.parametrize("content", [b"hello, I am no model at all", b"PK\x03\x04" + bytes(60), bytes(200)])
def test_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    refused(tmp_path / "m", "is damaged or no modnet file: ")


def test_somebody_elses_tensors(tmp_path: Path) -> None:
    save_file({"w": np.zeros(3)}, tmp_path / "m")
    refused(tmp_path / "m", "no modnet file: its header is not one that modnet writes")
    save_file({"w": np.zeros(3)}, tmp_path / "m", metadata={"format": "pt"})
    refused(tmp_path / "m", "no modnet file: its header is not one that modnet writes")


def test_nothing_where_a_model_should_be(tmp_path: Path) -> None:
    refused(tmp_path, r"no model file and no run folder with model\.safetensors is here")
    refused(tmp_path / "none", "no model file and no run folder")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "model", "no model file and no run folder")


def test_a_file_of_the_earlier_format(good: Path) -> None:
    said, tensors = taken_apart(good)
    text = json.dumps(said | {"format_version": 1}, separators=(",", ":"))  # as it was written then
    save_file(tensors, good, metadata={"modnet": text})
    refused(good, "is of format 1, which has no SHA-256 to check it by; allowed: format 2$")


TEXTS = ("", "{", "5", "null", '"x"', "[]", "[" * 5000, '{"a": 1}', '{"format_version":2}', "{}")


@pytest.mark.parametrize("text", TEXTS)
def test_metadata_without_a_digest(good: Path, text: str) -> None:
    save_file(taken_apart(good)[1], good, metadata={"modnet": text})
    refused(good, "no modnet file: its header is not one that modnet writes")


@pytest.mark.parametrize("said", [{}, {"a": 1}, {"format_version": 2}, {"a\nb": 1}])
def test_metadata_that_say_something_else_altogether(good: Path, said: dict[str, Any]) -> None:
    refused(rewritten(good, said, taken_apart(good)[1]), r" \(in the file's metadata\)$")


def test_the_file_that_is_edited_below_is_good_before(good: Path) -> None:
    assert np.array_equal(modnet.load(edited(good, lambda *_: None)).parameters, modnet.load(good).parameters)


KEYS = ("format_version", "modnet_version", "input_shape", "dtype", "network", "parts")
MAY_BE_MISSING = ("config", "classes", "features")
VALUES = ("", "{", {"a": 1}, {"a\nb": 1}, 5, None, True, 1.5, "x", [], [None], [[[]]], ["a\nb"])
SAID = [
    *((key, value) for key in KEYS for value in VALUES if not (key == "modnet_version" and isinstance(value, str))),
    *((key, value) for key in MAY_BE_MISSING for value in VALUES if value is not None),
    *(("format_version", version) for version in (0, 1, 3, "2", 2.0, -1, 10**30)),
    *((key, value) for key in (*KEYS[2:], *MAY_BE_MISSING) for value in ("4", "float64 ", [4.0], ["4"])),
]


@pytest.mark.parametrize(("key", "value"), SAID)
def test_metadata_of_which_one_says_something_else(good: Path, key: str, value: Any) -> None:
    path = edited(good, lambda said, _: said.update({key: value}))
    with pytest.raises(ModelFileError) as caught:
        modnet.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", KEYS)
def test_metadata_of_which_one_is_missing(good: Path, key: str) -> None:
    refused(edited(good, lambda said, _: said.pop(key)), f"{key}: is required")


@pytest.mark.parametrize("key", ["more", "Network", ""])
def test_metadata_with_something_that_nobody_knows(good: Path, key: str) -> None:
    refused(edited(good, lambda said, _: said.update({key: 1})), f"{key}: ")


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
    def change(said: dict[str, Any], tensors: dict[str, Any]) -> None:
        del tensors
        (said if key in said else said["network"])[key] = value

    file = edited(good, change)
    with pytest.raises(ModelFileError) as caught:
        modnet.load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tensors", [{}, {"scaling.shift": np.zeros(3), "scaling.factor": np.ones(3)}])
def test_a_promise_of_terabytes_is_refused_before_they_are_asked_for(good: Path, tensors: dict[str, Any]) -> None:
    said = taken_apart(good)[0] | {"input_shape": [10**13]}
    said["network"]["layers"] = ["dropout"]
    del said["config"], said["features"], said["classes"]
    said["parts"] = {}
    path = rewritten(good, said, {"more": np.zeros(1)} | tensors)
    refused(path, "says nothing|10000000000000")


LABELS = (["a", "b"], ["a", "b", "c", "d"], ["a", "b", "b"], "abc", {"a": 1, "b": 2, "c": 3}, [])


@pytest.mark.parametrize("labels", LABELS)
def test_classes_that_do_not_fit_the_outputs(good: Path, labels: Any) -> None:
    refused(edited(good, lambda said, _: said.update(classes={"form": "U", "labels": labels})), "classes")


@pytest.mark.parametrize(
    ("form", "labels"),
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
def test_classes_of_another_form_than_they_are_said_to_be(good: Path, form: str, labels: list[Any]) -> None:
    refused(edited(good, lambda said, _: said.update(classes={"form": form, "labels": labels})), "classes")


NAMES = (["p", "q", "r"], ["p", "q", "r", "r"], "pqrs", [1, 2, 3, 4], ["p", "q", "r", None])


@pytest.mark.parametrize("features", NAMES)
def test_features_that_do_not_fit_the_inputs(good: Path, features: Any) -> None:
    refused(edited(good, lambda said, _: said.update(features=features)), "feature")


@pytest.mark.parametrize(("name", "says"), [("layers.1.biases", "F64 (3,)"), ("scaling.factor", "F64 (4,)")])
def test_a_tensor_too_few(good: Path, name: str, says: str) -> None:
    expected = re.escape(f": {name} is nothing; the file's own configuration says {says}")
    refused(edited(good, lambda _, tensors: tensors.pop(name)), f"{expected}$")


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("layers.2.weights", (3, 3), "nothing"),
        ("layers.0.weights", (4, 5), "F64 (5, 4)"),
        ("layers.0.state.mean", (4,), "nothing"),
        ("scaling.more", (4,), "nothing"),
        ("a\nb", (2,), "nothing"),
    ],
)
def test_a_tensor_too_many_or_of_another_shape(good: Path, name: str, shape: tuple[int, ...], says: str) -> None:
    path = edited(good, lambda _, tensors: tensors.update({name: np.zeros(shape)}))
    shown = name if name.isprintable() else ascii(name)
    refused(path, re.escape(f": {shown} is F64 {shape}; the file's own configuration says {says}") + "$")


def test_no_tensors_at_all(good: Path) -> None:
    refused(rewritten(good, taken_apart(good)[0], {}), "is nothing")


@pytest.mark.parametrize("name", ["layers.0.weights", "layers.1.biases", "scaling.shift"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_tensor_that_is_not_finite(good: Path, name: str, value: float) -> None:
    def change(_: dict[str, Any], tensors: dict[str, Any]) -> None:
        tensors[name].flat[0] = value

    refused(edited(good, change), f"{name} holds NaN or infinity")


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "I64", "BOOL", "F8_E4M3", "C64"])
def test_tensors_of_another_type(good: Path, dtype: str) -> None:
    sizes = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "BOOL": 1, "F8_E4M3": 1, "C64": 8}
    said, tensors = taken_apart(good)
    entries, end = [], 0
    for name, values in tensors.items():
        start, end = end, end + values.size * sizes[dtype]
        entries.append((name, dtype, values.shape, (start, end)))
    good.write_bytes(sealed(header_of(text_of(said), entries), bytes(end)))
    refused(good, dtype)


@pytest.mark.parametrize(
    "setting",
    ["network.cost=binary-cross-entropy", "network.layers=[6, 3]", "dtype=float32", "network.regularizers=['l2']"],
)
def test_a_network_that_is_not_the_one_of_its_configuration(good: Path, setting: str) -> None:
    path = edited(good, lambda said, _: said.update(config=apply_override(said["config"], setting)))
    refused(path, "its network is not the one that its configuration describes$")


def test_a_network_that_was_given_another_configuration_is_not_written(good: Path) -> None:
    network, before = modnet.load(good), good.read_bytes()
    network.config = modnet.load_config(network.config, ["network.cost=binary-cross-entropy"])
    with pytest.raises(ModelFileError, match="not written: the network is not the one that its configuration describ"):
        save(network, good)
    assert good.read_bytes() == before


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"network.cost": ("quadratic", "another")}, "quadratic of modnet-framework"),
        ({"network.cost": ("binary-cross-entropy", "modnet-framework")}, "quadratic of modnet-framework"),
        ({"network.layers.7": ("dense", "modnet-framework")}, "nothing"),
    ],
)
def test_parts_that_are_not_those_of_the_configuration(good: Path, part: dict[str, tuple[str, str]], says: str) -> None:
    ((path, (kind, giver)),) = part.items()
    more = {path: {"kind": kind, "distribution": giver, "version": "1"}}
    expected = f"parts: {path} is '{kind}' of '{giver}'; the file's own configuration says {says}"
    refused(edited(good, lambda said, _: said["parts"].update(more)), re.escape(expected) + "$")
