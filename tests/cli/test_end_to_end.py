"""Data of a person's own, from the file through training to answers about new rows."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from cli.running import Modnet, history_of, outputs_of, sigmoid, write_csv
from safetensors import safe_open
from safetensors.numpy import load_file

REGRESSION = """
epochs = 40

[data]
kind = "csv"
path = "train.csv"
target = "y"
test_path = "test.csv"
transforms = ["standard"]

[network]
layers = [8, { kind = "dense", units = 1, activation = "identity" }]

[optimizer]
kind = "mini-batch"
batch_size = 8
learning_rate = 0.05
"""


def predicted(text: str) -> np.ndarray:
    return np.array([[float(cell) for cell in row] for row in list(csv.reader(io.StringIO(text)))[1:]])


def test_regression_on_tables(trained: Modnet, rng: np.random.Generator) -> None:
    x = rng.normal([100.0, -0.02], [20.0, 0.01], size=(240, 2))
    y = 3.0 + 0.1 * (x[:, 0] - 100) - 40.0 * (x[:, 1] + 0.02)
    table = [[repr(v) for v in row] for row in np.column_stack([x, y]).tolist()]
    write_csv("train.csv", ["u", "v", "y"], table[:180])
    write_csv("test.csv", ["y", "v", "u"], [row[::-1] for row in table[180:]])
    Path("my.toml").write_text(REGRESSION)
    lines = trained("train", "my.toml", "--out", "run").lines

    a = outputs_of("run", x[180:], last=lambda z: z)[:, 0]
    wanted = y[180:]
    cost = float(np.mean(0.5 * (a - wanted) ** 2))
    r2 = 1.0 - float(np.sum((a - wanted) ** 2) / np.sum((wanted - wanted.mean()) ** 2))
    assert r2 > 0.98
    rows = history_of("run")
    assert list(rows[0]) == ["epoch", "learning_rate", "cost", "r2", "test_cost", "test_r2", "seconds"]
    assert (rows[-1]["test_cost"], rows[-1]["test_r2"]) == pytest.approx((cost, r2), rel=1e-9)
    assert lines[:-1] == [f"Epoch {row['epoch'] + 1}/40: test cost {row['test_cost']:.6g}" for row in rows]
    assert lines[-1].startswith(f"Reached test r2 {r2:.6g} after 40 epochs and 920 updates in ")

    found = json.loads(trained("evaluate", "run", "--data", "test.csv", "--json").out)
    assert (found["samples"], found["cost"], found["r2"]) == pytest.approx((60, cost, r2), rel=1e-9)
    text = trained("predict", "run", "test.csv").out
    assert text.startswith("prediction\n")
    assert np.allclose(predicted(text)[:, 0], a, rtol=1e-9)


@pytest.mark.parametrize("scaling", ["standard", "min-max"])
def test_scaling_is_fitted_on_the_training_part_alone_and_kept(
    trained: Modnet, rng: np.random.Generator, scaling: str
) -> None:
    x, y = rng.normal([1e4, -3.0, 7.0], [10.0, 0.1, 0.0], size=(50, 3)), rng.integers(0, 2, 50)
    x_validation, x_test = x[:10] - [-60.0, 0.5, -3.0], x[:5] - [50.0, 0.3, 0.0]
    np.savez("all.npz", x=x, y=y, x_validation=x_validation, y_validation=y[:10], x_test=x_test, y_test=y[:5])
    settings = ("data.kind=npz", "data.path=all.npz", f"data.transforms=['{scaling}']", "network.layers=[4, 2]")
    options = [part for setting in settings for part in ("--set", setting)]
    trained("train", *options, "--epochs", 2, "--quiet", "--out", "run")

    tensors = load_file("run/model.safetensors")
    shift = x.mean(axis=0) if scaling == "standard" else x.min(axis=0)
    spread = x.std(axis=0) if scaling == "standard" else np.ptp(x, axis=0)
    spread[2] = 1.0  # the third is always the same: it is shifted only
    assert np.allclose(tensors["preprocessing.0.shift"], shift, rtol=1e-12)
    assert np.allclose(tensors["preprocessing.0.factor"], 1.0 / spread, rtol=1e-9)

    rows = history_of("run")[-1]
    for part, some, labels in (("validation", x_validation, y[:10]), ("test", x_test, y[:5])):
        a = outputs_of("run", some)
        assert rows[f"{part}_accuracy"] == np.mean(a.argmax(axis=1) == labels)
        assert rows[f"{part}_cost"] == pytest.approx(0.5 * np.sum((a - np.eye(2)[labels]) ** 2) / len(a), rel=1e-9)

    write_csv("rows.csv", ["a", "b", "c"], x_test.tolist())
    text = trained("predict", "run", "rows.csv", "--header").out
    assert np.allclose(predicted(text)[:, 1:], outputs_of("run", x_test), rtol=1e-9)


def test_an_archive_of_images_and_targets_of_more_than_one_number(trained: Modnet, rng: np.random.Generator) -> None:
    x = rng.random((40, 6)).astype(np.float32)
    y = x[:, :2] * [2.0, -1.0]
    np.savez("data.npz", pixels=x, wanted=y)
    settings = ("data.kind=npz", "data.path=data.npz", "data.x=pixels", "data.y=wanted", "data.validation_share=0.25",
                "network.layers=[5, {kind='dense', units=2, activation='identity'}]", "optimizer.eta=0.1",
                "metrics=['r2', 'mean-squared-error']")  # fmt: skip
    options = [part for setting in settings for part in ("--set", setting)]
    trained("train", *options, "--epochs", 5, "--quiet", "--out", "run")
    found = json.loads(trained("evaluate", "run", "--part", "train", "--json").out)
    other = json.loads(trained("evaluate", "run", "--json").out)
    assert (found["samples"], other["samples"]) == (30, 10)
    a = outputs_of("run", x.astype(float), last=lambda z: z)
    squares = np.sum((a - y) ** 2)
    together = found["mean_squared_error"] * 30 + other["mean_squared_error"] * 10
    assert together == pytest.approx(squares / 2, rel=1e-9)
    assert found["cost"] == pytest.approx(found["mean_squared_error"], rel=1e-12)  # ½ Σ over two outputs is their mean


def test_dropout_is_gone_where_the_network_answers(trained: Modnet) -> None:
    layers = "network.layers=[20, {kind='dropout', rate=0.5}, 10]"
    trained("train", "--set", layers, "--epochs", 2, "--quiet", "--out", "run")
    tensors = load_file("run/model.safetensors")
    x = np.linspace(0, 1, 64)[np.newaxis]
    hidden = sigmoid(x @ tensors["layers.0.weights"].T + tensors["layers.0.biases"])
    expected = sigmoid(hidden @ tensors["layers.2.weights"].T + tensors["layers.2.biases"])
    Path("rows.csv").write_text(",".join(map(repr, x[0].tolist())) + "\n")
    assert np.allclose(predicted(trained("predict", "run", "rows.csv").out)[:, 1:], expected, rtol=1e-12)


def test_the_model_file_says_everything_that_answers_need(trained: Modnet) -> None:
    write_csv("t.csv", ["a", "b", "sort"], [[i, -i / 3, "xy"[i % 2]] for i in range(20)])
    settings = (
        "data.kind=csv",
        "data.path=t.csv",
        "data.target=sort",
        "network.layers=[2]",
        "data.transforms=['min-max']",
    )
    options = [part for setting in settings for part in ("--set", setting)]
    trained("train", *options, "--epochs", 1, "--quiet", "--out", "run")
    before = trained("predict", "run", "t.csv").out
    Path("run/model.safetensors").rename("moved")
    rows = Path("t.csv").read_text()
    for path in ("run/config.toml", "run/history.jsonl", "t.csv"):
        Path(path).unlink()
    Path("new.csv").write_text(rows)
    assert trained("predict", "moved", "new.csv").out == before
    with safe_open("moved", "numpy") as file:
        metadata = json.loads(file.metadata()["modnet"])
    assert metadata["features"] == ["a", "b"]
    assert metadata["classes"] == ["x", "y"]
