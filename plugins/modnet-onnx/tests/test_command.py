"""``modnet export``: the file is right, or there is none."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
import pytest
from cli.running import Modnet, runner

import modnet
import modnet_onnx
from modnet import Activation, Trainer, load
from modnet.core import registry
from modnet.core.registry import Provider
from modnet_onnx import ExportError, checking, to_onnx
from modnet_onnx.checking import check
from modnet_onnx.rows import made_rows

SOURCES = [str(Path(each.__file__ or "").parents[1]) for each in (modnet, modnet_onnx)]
TABLE = {
    "kind": "csv", "path": "t.csv", "target": "price", "test_share": 0.25, "target_transform": "log",
    "transforms": [{"kind": "impute", "columns": "all"}, {"kind": "one-hot"}, "standard"],
}  # fmt: skip
REGRESSION = {
    "epochs": 3,
    "optimizer": {"learning_rate": 0.01},
    "data": TABLE,
    "network": {"layers": [8, {"kind": "dense", "units": 1, "activation": "identity"}]},
}


@pytest.fixture
def export(
    with_the_command: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Modnet:
    """A function that runs ``modnet export`` in an empty folder."""
    del with_the_command
    monkeypatch.chdir(tmp_path)
    run = runner(monkeypatch, capsys)
    return lambda *arguments: run("export", *arguments)


def files(folder: str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def write_table(rows: int = 80) -> None:
    rng = np.random.default_rng(0)
    with Path("t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["city", "size", "price"])
        for _ in range(rows):
            city, size = ["Rome", "Oslo", ""][rng.integers(3)], rng.lognormal()
            writer.writerow([city, f"{size:.4f}" if rng.random() > 0.1 else "", f"{10 + 5 * size + len(city):.4f}"])


def train(config: dict[str, Any], *samples: Any) -> None:
    Trainer.from_config(config).fit(*samples, out="run")


def test_a_run_on_a_table(export: Modnet) -> None:
    write_table()
    train(REGRESSION)
    done = export("run", "--out", "model.onnx")
    assert (done.code, done.err) == (0, "")
    first, inputs, outputs, difference, latency = done.lines
    assert re.fullmatch(r"model\.onnx: \d+ nodes, [\d,]+ bytes", first)
    assert (inputs, outputs) == ("inputs: city, size", "outputs: predictions")
    assert re.fullmatch(r"largest difference from predict on 20 test rows: \d\.\de-1[4567]|.*: 0\.0e\+00", difference)
    assert re.fullmatch(r"one row: [\d.]+ ms in onnxruntime, [\d.]+ ms with predict", latency)
    facts = {each.key: each.value for each in onnx.load("model.onnx").metadata_props}
    assert facts["model_sha256"] == hashlib.sha256(Path("run/model.safetensors").read_bytes()).hexdigest()
    session = onnxruntime.InferenceSession("model.onnx")
    given = {"city": np.array([["Oslo"], [""]], dtype=object), "size": np.array([[2.5], [np.nan]])}
    (predictions,) = session.run(None, given)
    np.testing.assert_allclose(predictions, load("run").predict([["Oslo", 2.5], [None, None]]), rtol=1e-13)
    assert files() == ["model.onnx", "run", "t.csv"]


def test_a_model_file_json_and_a_part(export: Modnet) -> None:
    train({"epochs": 1, "dtype": "float32"})
    done = export("run/model.safetensors", "--out", "m.onnx", "--json", "--part", "train", "--inputs", "columns")
    facts = json.loads(done.out)
    assert (facts["rows"], facts["samples"], facts["file"]) == ("train", 1437, "m.onnx")
    assert facts["inputs"] == [f"column_{index}" for index in range(64)]
    assert facts["outputs"] == ["label", "outputs"]
    assert facts["bytes"] == Path("m.onnx").stat().st_size
    assert 0 <= facts["difference"] <= 1e-6


def test_made_rows_where_the_samples_are_not_there(export: Modnet) -> None:
    train({"epochs": 1, "network": {"layers": [4, 2]}}, np.eye(4), np.array([0, 1, 0, 1]))
    done = export("run", "--out", "m.onnx")
    assert (done.code, done.err) == (0, "")
    assert "on 256 made rows: " in done.lines[3]
    refused = export("run", "--out", "m.onnx", "--part", "test")
    assert "the samples were given in memory, and are not stored; give them again" in refused.err


def test_made_rows_where_the_table_is_gone(export: Modnet, caplog: pytest.LogCaptureFixture) -> None:
    write_table()
    train(REGRESSION)
    Path("t.csv").rename("u.csv")
    done = export("run", "--out", "m.onnx")
    assert done.code == 0
    assert "on 256 made rows: " in done.lines[3]
    assert caplog.messages[-1].endswith(
        "t.csv: cannot be read: No such file or directory; the model is checked on made rows"
    )
    assert "on 20 test rows: " in export("run", "--out", "m.onnx", "--data", "u.csv").lines[3]
    refused = export("run", "--out", "m.onnx", "--part", "test")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "t.csv: cannot be read" in refused.err


class Random(Activation):
    """What a graph would keep for ever: numbers that NumPy draws."""

    kind: Literal["random"] = "random"

    def __call__(self, z: Any) -> Any:
        return z + float(np.random.default_rng().random())

    def backward(self, upstream: Any, z: Any, a: Any) -> Any:
        del z, a
        return upstream


class Branching(Random):
    """What cannot be traced."""

    kind: Literal["branching"] = "branching"  # type: ignore[assignment] # a kind of its own

    def __call__(self, z: Any) -> Any:
        return z if z[0, 0] > 0 else z * 2.0


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    wider = registry.active().copy()
    wider.add([Random, Branching], Provider("modnet-random", "1"))
    monkeypatch.setattr(registry, "_active", wider)


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("earlier", [False, True])
def test_a_model_that_differs_is_refused_and_nothing_is_left(export: Modnet, earlier: bool) -> None:
    layers = [{"kind": "dense", "units": 2, "activation": "modnet-random:random"}]
    train({"epochs": 0, "network": {"layers": layers}}, np.eye(4), np.array([0, 1, 0, 1]))
    if earlier:
        Path("m.onnx").write_text("an earlier one")
    refused = export("run", "--out", "m.onnx")
    assert (refused.code, refused.out) == (2, "")
    assert re.fullmatch(
        r"modnet: (the model differs from the network by .* on 256 rows; allowed: 1e-05 \(--tolerance\)"
        r"|the model's label for row \d+ .*)\n", refused.err
    )  # fmt: skip
    assert files() == (["m.onnx", "run"] if earlier else ["run"])
    assert export("run", "--out", "other.onnx", "--tolerance", "9").code == 0
    assert not earlier or Path("m.onnx").read_text() == "an earlier one"


@pytest.mark.usefixtures("strangers")
def test_a_part_that_cannot_be_traced_is_one_line(export: Modnet) -> None:
    layers = [2, {"kind": "dense", "units": 2, "activation": "modnet-random:branching"}]
    train({"epochs": 0, "network": {"layers": layers}}, np.eye(4), np.array([0, 1, 0, 1]))
    refused = export("run", "--out", "m.onnx")
    assert refused.code == 2
    assert refused.err == (
        "modnet: layer 2: the activation 'modnet-random:branching' cannot be exported: it decides by a condition that "
        "depends on the numbers of an array, which are not known before the graph is run\n"
    )
    assert files() == ["run"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nothing", "--out", "m.onnx"), "nothing: no model file or run folder with model.safetensors is here"),
        (("run",), "Missing option '--out'"),
        (("run", "--out", "."), "--out .: cannot be written: Is a directory"),
        (("run", "--out", "no/m.onnx"), "--out no/m.onnx: cannot be written: No such file or directory"),
        (
            ("run", "--out", "m.onnx", "--part", "validation"),
            "--part validation: the data has none; allowed: train, test",
        ),
        (("run", "--out", "m.onnx", "--inputs", "rows"), "'rows' is not one of 'auto', 'matrix', 'columns'"),
        (("run", "--out", "m.onnx", "--data", "no.csv"), "no.csv: cannot be read: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(export: Modnet, arguments: tuple[str, ...], error: str) -> None:
    train({"epochs": 0})
    refused = export(*arguments)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert error in refused.err
    assert files() == ["run"]


def test_a_link_is_followed(export: Modnet) -> None:
    train({"epochs": 0})
    Path("there").mkdir()
    Path("m.onnx").symlink_to("there/real.onnx")
    assert export("run", "--out", "m.onnx").code == 0
    assert Path("m.onnx").is_symlink()
    assert files("there") == ["real.onnx"]


def test_what_check_sees() -> None:
    run = Trainer.from_config({"epochs": 1}).fit()
    network, rows = run.network, run.samples["test"].x
    model = to_onnx(network)
    assert check(model, network, rows).difference <= 1e-12
    other = network.__copy__()
    other.parameters = other.parameters * (1.0 + 1e-3)
    with pytest.raises(ExportError, match=r"differs from the network by .* on 360 rows; allowed: 1e-05"):
        check(model, other, rows)
    relabelled = network.__copy__()
    relabelled.classes = np.arange(10)[::-1].copy()
    with pytest.raises(ExportError, match=r"label for row 0 \(counted from 0\) is \d, the network's \d"):
        check(model, relabelled, rows)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    with pytest.raises(ExportError, match="onnxruntime cannot run the model: "):
        check(model, network, rows)


def test_many_rows_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_ROWS", 50)
    run = Trainer.from_config({"epochs": 0}).fit()
    assert check(to_onnx(run.network), run.network, run.samples["train"].x).samples == 50


def test_made_rows_are_such_as_the_network_takes() -> None:
    rng = np.random.default_rng(1)
    x = np.array(
        [[["a", "b"][i % 2], float(i % 3), float(np.exp(rng.normal())), 1e6 + i] for i in range(60)], dtype=object
    )
    steps = [{"kind": "ordinal", "columns": [0, 1]}, {"kind": "log", "columns": [2]}, "standard"]
    config = {"epochs": 1, "data": {"transforms": steps}, "network": {"layers": [3, 1]}}
    network = Trainer.from_config(config).fit(x, np.arange(60) % 2).network
    rows: Any = made_rows(network)
    assert np.isfinite(network.predict(rows)).all()
    assert rows.values[:, 2].min() > 0
    assert abs(np.median(rows.values[:, 3]) - 1e6) < 60
    assert set(rows.values[:, 1]) == {0.0, 1.0, 2.0}


def in_a_process(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(SOURCES)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_model_needs_nothing_but_onnxruntime(export: Modnet, tmp_path: Path) -> None:
    train({"epochs": 1})
    assert export("run", "--out", "m.onnx").code == 0
    network = load("run")
    x = np.arange(128.0).reshape(2, 64) % 17
    np.save("x.npy", x)
    code = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession("m.onnx")
label, outputs = session.run(None, {"x": numpy.load("x.npy")})
assert not any(name.startswith(("modnet", "ndonnx", "onnx.")) for name in sys.modules)
print(label.tolist(), outputs.tolist())
"""
    done = in_a_process(tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{network.classify(x).tolist()} [[")


def test_its_help_imports_neither_ndonnx_nor_onnxruntime(tmp_path: Path) -> None:
    code = """
import sys
import modnet_onnx.command
assert not {"ndonnx", "onnx", "onnxruntime", "spox"} & set(sys.modules)
"""
    done = in_a_process(tmp_path, code)
    assert done.returncode == 0, done.stderr


def test_public_names() -> None:
    assert set(modnet_onnx.__all__) == {"ExportError", "to_onnx", "trace_transform"}
    assert issubclass(ExportError, modnet.ModnetError)
