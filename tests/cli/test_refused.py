"""What the other commands refuse, and that a file's own mistakes are told with its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.running import Flowers, Modnet


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[optimizer]\nbatch_size = 0\n", "optimizer.batch_size: 0 should be greater than 0"),
        ("[optimizer]\nlearning_rate = -1.0\n", "optimizer.learning_rate: -1.0 should be greater than 0"),
        (
            "[network]\nlayers = [30, {kind = 'dense', units = 10, activation = {kind = 'leaky-relu', slop = 1}}]\n",
            "network.layers.1.activation.slop: unknown option; did you mean 'slope'? (allowed: slope)",
        ),
        ("[network]\nlayers = ['conv', 10]\n", "network.layers.0: unknown layer 'conv'; known: batch-norm, chain"),
        ("sed = 1\n", "sed: unknown option; did you mean 'seed'? (allowed: seed, epochs, "),
        ("seed = 1\nseed = 2\n", "is not TOML: "),
        ("seed = \n", "is not TOML: Invalid value (at line 1, column 8)"),
        ("[data]\nkind = 'csv'\npath = 'x.csv'\n", "data.target: is required"),
        ("seed = 'one'\nepochs = -1\n", "seed: 'one' should be a valid integer (and 1 more)"),
        ("epochs = 2026-01-01\n", "epochs: datetime.date(2026, 1, 1) should be a valid integer"),
        (
            "[optimizer]\nbatch_size = 5000\ndrop_last = true\n",
            "optimizer.batch_size: 5000 is more than the 1437 training samples; allowed: 1 to 1437",
        ),
        (
            "[network]\nlayers = [30, 9]\n",
            "network.layers.1: the output layer has 9 units, the data has 10 classes; allowed: 10",
        ),
    ],
)
@pytest.mark.parametrize("command", ["train", "compare"])
def test_a_file_is_named_with_the_key_path(modnet: Modnet, command: str, text: str, error: str) -> None:
    Path("my.toml").write_text(text)
    result = modnet(command, "my.toml")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: my.toml: {error}")
    assert [path.name for path in Path().iterdir()] == ["my.toml"]


def test_a_file_that_is_no_text(modnet: Modnet) -> None:
    Path("my.toml").write_bytes(b"seed = 1 # \xff\n")
    result = modnet("train", "my.toml")
    assert (result.code, result.err) == (2, "modnet: my.toml: is not TOML: byte 0xff is not UTF-8\n")


def test_a_mark_that_editors_write_before_utf_8_is_no_part_of_a_configuration(modnet: Modnet) -> None:
    Path("my.toml").write_text("seed = 1\n", encoding="utf-8-sig")
    assert modnet("config", "check", "my.toml").out == "my.toml: ok\n"


@pytest.mark.parametrize("out", ["file", "file/run"])
def test_a_run_folder_where_a_file_is(modnet: Modnet, out: str) -> None:
    Path("file").write_text("mine")
    result = modnet("train", "--epochs", 1, "--out", out)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {out}: ")
    assert Path("file").read_text() == "mine"


@pytest.fixture
def run(trained: Modnet, flowers: Flowers) -> str:
    trained("train", *flowers.train, "--epochs", 1, "--quiet", "--out", "run")
    return "run"


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (None, "rows.csv: cannot be read: No such file or directory"),
        ("", "rows.csv: is empty; a line with the names of the columns is expected"),
        ("1,2,3,4\n", "rows.csv: line 1: no column 'length', 'width', 'height', 'weight', which the network was "),
        (
            "length,width,height\n1,2,3\n",
            "rows.csv: line 1: no column 'weight', which the network was trained with; ",
        ),
        ("length,width,height,weight\n", "rows.csv: no rows after the header"),
        ("length,width,height,weight\n1,2,3\n", "rows.csv: line 2: 3 cells, the first row has 4"),
        (
            "length,width,height,weight\n1,2,3,nan\n",
            "rows.csv: line 2, column 'weight' is missing; standard takes none: ",
        ),
    ],
)
def test_rows_that_cannot_be_answered(modnet: Modnet, run: str, rows: str | None, error: str) -> None:
    if rows is not None:
        Path("rows.csv").write_text(rows)
    result = modnet("predict", run, "rows.csv", "--out", "out.csv")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nothing",), "nothing: no model file or run folder with model.safetensors is here"),
        (("flowers.csv",), "flowers.csv: cannot be read: it is damaged or no model file"),
        (("run", "--part", "test"), "--part test: the data has none; allowed: train"),
        (
            ("run", "--data", "rows.txt"),
            "--data rows.txt: unknown format; allowed: a .csv, .npz or .parquet file, ",
        ),
        (("run", "--data", "none.csv"), "none.csv: cannot be read: No such file or directory"),
        (
            ("run", "--data", "less.csv"),
            "less.csv: line 1: no column 'weight', which the network was trained with; the columns are ",
        ),
        (("run", "--data", "wide.npz"), "wide.npz: training x: the first transform expects 4 inputs, got 784"),
        (
            ("run", "--data", "other.npz"),
            "other.npz: training y: row 2 (counted from 0) is 'tulip', unseen in training; ",
        ),
    ],
)
def test_what_cannot_be_evaluated(modnet: Modnet, run: str, arguments: tuple[str, ...], error: str) -> None:
    assert run == "run"
    Path("less.csv").write_text("length,width,height,sort\n1,2,3,rose\n")
    np.savez("wide.npz", x=np.zeros((3, 784)), y=np.array(["rose"] * 3))
    np.savez("other.npz", x=np.zeros((3, 4)), y=np.array(["rose", "rose", "tulip"]))
    result = modnet("evaluate", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_run_folder_without_a_model(modnet: Modnet, run: str, command: str) -> None:
    Path(run, "model.safetensors").unlink()
    result = modnet(command, run, *(["flowers.csv"] if command == "predict" else []))
    assert (result.code, result.out) == (2, "")
    assert result.err == "modnet: run: no model file or run folder with model.safetensors is here\n"


def test_divergence_is_status_1_and_leaves_what_was_reached(modnet: Modnet, flowers: Flowers) -> None:
    layer = "network.layers=[{kind='dense', units=3, activation='identity'}]"
    result = modnet("train", *flowers.train, "--set", layer, "--set", "optimizer.eta=1e10", "--out", "run")
    assert result.code == 1
    assert result.err.startswith("modnet: epoch ")
    assert result.err.count("\n") == 1
    assert {path.name for path in Path("run").iterdir()} == {"config.toml", "history.jsonl"}
    epochs = len(result.lines)
    assert f"modnet: epoch {epochs + 1}, update " in result.err
    assert len(Path("run/history.jsonl").read_text().splitlines()) == epochs


def test_divergence_touches_no_earlier_run(modnet: Modnet, run: str, flowers: Flowers) -> None:
    before = {path.name: path.read_bytes() for path in Path(run).iterdir()}
    again = modnet("train", *flowers.train, "--set", "optimizer.eta=1e300", "--out", run)
    assert again.code == 2
    assert {path.name: path.read_bytes() for path in Path(run).iterdir()} == before
