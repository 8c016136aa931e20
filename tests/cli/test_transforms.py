"""The commands on a CSV file with text and missing values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.running import Modnet, runner, write_csv
from sklearn.metrics import mean_absolute_error, r2_score

import modnet

CONFIG = """
epochs = 3
metrics = ["r2", "mean-absolute-error"]

[data]
kind = "csv"
path = "rents.csv"
target = "rent"
validation_share = 0.25
transforms = [{ kind = "impute", indicator = true }, "one-hot", { kind = "standard", columns = ["size", "age"] }]
target_transform = "log"

[network]
layers = [4, { kind = "dense", units = 1, activation = "identity" }]

[optimizer]
batch_size = 10
learning_rate = 0.1
"""


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Modnet:
    """The command, in a folder with rents and a configuration."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(4)
    rows = []
    for number in range(80):
        size, city = rng.uniform(20.0, 120.0), ["Rome", "Oslo", "Bonn"][number % 3]
        age = "" if number % 9 == 4 else f"{rng.uniform(0, 90):.1f}"
        rent = np.exp(5.0 + 0.012 * size + 0.1 * (number % 3))
        rows.append([f"{size:.1f}", age, "" if number % 13 == 6 else city, f"{rent:.2f}"])
    write_csv("rents.csv", ["size", "age", "city", "rent"], rows)
    Path("rents.toml").write_text(CONFIG)
    return runner(monkeypatch, capsys)


def test_every_command_takes_the_run(command: Modnet) -> None:
    assert command("train", "rents.toml", "--out", "run", "--quiet").code == 0
    network, data = modnet.load("run"), modnet.load_config("rents.toml").data.load()
    x, y = data.train[0], np.asarray(data.train[1])
    a = network.predict(x)[:, 0]
    assert 0.2 < np.median(a) / np.median(y) < 5.0
    held_out = modnet.Trainer.from_config("rents.toml").fit().samples["validation"].held_out
    for part, rows in {"train": np.setdiff1d(np.arange(80), held_out), "validation": held_out}.items():
        found = json.loads(command("evaluate", "run", "--part", part, "--json").out)
        assert found["samples"] == len(rows)
        assert found["r2"] == pytest.approx(r2_score(y[rows], a[rows]), rel=1e-9)
        assert found["mean_absolute_error"] == pytest.approx(mean_absolute_error(y[rows], a[rows]), rel=1e-9)
    for arguments in (
        ("report", "run"),
        ("trace", "run", "--sample", 2),
        ("dampening", "run"),
        ("explain", "run"),
    ):
        result = command(*arguments)
        assert (result.code, result.err) == (0, ""), arguments
    traced = json.loads(command("trace", "run", "--sample", 2, "--json").out)
    assert traced["raw"]["values"] == x.row(int(np.setdiff1d(np.arange(80), held_out)[2])).tolist()
    assert traced["largest_relative"] < 1e-6


def test_a_resumed_training_has_the_same_bits(command: Modnet) -> None:
    report = json.loads(command("verify-resume", "rents.toml", "--times", 1, "--json").out)
    assert report["same"] is True
    assert report["differences"] == []


def test_a_mistake_is_one_line_and_nothing_is_written(command: Modnet) -> None:
    settings = {
        '["one-hot", "standard"]': "rents.csv: training x: line 8, column 'city' is missing; one-hot (",
        '["impute"]': "rents.csv: training x: column 'city' holds text (line 2: 'Rome'); numbers are needed: ",
        '["impute", {kind="one-hot", columns=["town"]}]': "rents.toml: data.transforms.1.columns: there is no column",
    }
    for setting, start in settings.items():
        result = command("train", "rents.toml", "--set", f"data.transforms={setting}", "--out", "run")
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), setting
        assert result.err.startswith(f"modnet: {start}")
        assert not Path("run").exists()
