"""``modnet predict``: a line of CSV for each row."""

from __future__ import annotations

import csv
import errno
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from cli.running import Flowers, Modnet, outputs_of, write_csv

from modnet import Network, Trainer, load, save
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense

TABLE = ("--set", "data.kind=csv", "--set", "data.path=t.csv", "--set", "network.layers=[2]",
         "--set", "optimizer.eta=3.0")  # fmt: skip


def parsed(text: str) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(text))
    return header, rows


@pytest.fixture
def run(trained: Modnet, flowers: Flowers) -> str:
    """A run on flowers, with scaling kept in the model."""
    trained("train", *flowers.train, "--epochs", 3, "--quiet", "--out", "run")
    return "run"


def test_classes_and_outputs_are_those_of_the_network(trained: Modnet, flowers: Flowers, run: str) -> None:
    header, rows = parsed(trained("predict", run, "flowers.csv").out)
    assert header == ["prediction", "output_größe 3", "output_lily, white", "output_rose"]
    outputs = np.array([row[1:] for row in rows], dtype=float)
    network = load(run)
    assert np.array_equal(outputs, network.predict(flowers.x))  # every digit is printed
    assert np.allclose(outputs, outputs_of(run, flowers.x), rtol=1e-9, atol=0)
    default_part = np.array(["größe 3", "lily, white", "rose"])[outputs.argmax(axis=1)]
    assert [row[0] for row in rows] == default_part.tolist() == network.classify(flowers.x).tolist()


@pytest.mark.parametrize(
    "order",
    [
        Flowers.columns,
        ("weight", "height", "width", "length"),
        ("sort", "weight", "height", "width", "length"),
    ],
)
def test_columns_are_found_by_name_with_or_without_the_target(
    trained: Modnet, flowers: Flowers, run: str, order: tuple[str, ...]
) -> None:
    flowers.write("rows.csv", order, slice(5, 25))
    _, rows = parsed(trained("predict", run, "rows.csv").out)
    assert np.array_equal(np.array([row[1:] for row in rows], dtype=float), load(run).predict(flowers.x[5:25]))


def test_columns_that_the_network_does_not_know_are_left_aside(trained: Modnet, flowers: Flowers, run: str) -> None:
    table = [["x", *map(repr, row), ""] for row in flowers.x[:3].tolist()]
    write_csv("rows.csv", ["note", *flowers.columns, "more"], table)
    _, rows = parsed(trained("predict", run, "rows.csv").out)
    assert np.array_equal(np.array([row[1:] for row in rows], dtype=float), load(run).predict(flowers.x[:3]))


def test_rows_without_a_header_are_taken_as_they_lie(trained: Modnet, flowers: Flowers, run: str) -> None:
    Path("rows.csv").write_text("".join(",".join(map(repr, row)) + "\n" for row in flowers.x[:2].tolist()))
    _, rows = parsed(trained("predict", run, "rows.csv", "--no-header").out)
    assert np.array_equal(np.array([row[1:] for row in rows], dtype=float), load(run).predict(flowers.x[:2]))


def test_a_file_takes_what_would_be_printed(trained: Modnet, flowers: Flowers, run: str) -> None:
    del flowers
    printed = trained("predict", run, "flowers.csv").out
    Path("out.csv").write_text("of before")
    result = trained("predict", run, "flowers.csv", "--out", "out.csv")
    assert result.out == ""
    assert Path("out.csv").read_text(encoding="utf-8") == printed


def test_an_error_leaves_the_earlier_file_as_it_was(modnet: Modnet, run: str) -> None:
    Path("out.csv").write_text("of before")
    Path("rows.csv").write_text("length,width,height,weight\n1,2,3,x\n")
    result = modnet("predict", run, "rows.csv", "--out", "out.csv")
    assert (result.code, result.out) == (2, "")
    assert result.err == "modnet: rows.csv: line 2, column 'weight': 'x'; a finite number is expected, as in training\n"
    assert Path("out.csv").read_text() == "of before"


@pytest.mark.parametrize("place", ["no/such/out.csv", "folder", "flowers.csv/out.csv"])
def test_a_place_that_takes_no_answers(modnet: Modnet, run: str, place: str) -> None:
    Path("folder").mkdir()
    result = modnet("predict", run, "flowers.csv", "--out", place)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"modnet: --out {place}: cannot be written: ")
    assert result.err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["flowers.csv", "folder", "run"]


def test_a_link_is_followed_and_a_pipe_is_written_to(trained: Modnet, run: str) -> None:
    printed = trained("predict", run, "flowers.csv").out
    Path("old.csv").write_text("of before")
    Path("link.csv").symlink_to("old.csv")
    trained("predict", run, "flowers.csv", "--out", "link.csv")
    assert Path("link.csv").is_symlink()
    assert Path("old.csv").read_text(encoding="utf-8") == printed
    os.mkfifo("pipe")
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(Path("pipe").read_text, encoding="utf-8")
        trained("predict", run, "flowers.csv", "--out", "pipe")
        assert read.result() == printed
    assert Path("pipe").is_fifo()


def test_a_full_disk_leaves_the_earlier_file_as_it_was(
    modnet: Modnet, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("out.csv").write_text("of before")

    def full(descriptor: int) -> None:
        del descriptor
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    result = modnet("predict", run, "flowers.csv", "--out", "out.csv")
    assert (result.code, result.err) == (2, "modnet: --out out.csv: cannot be written: No space left on device\n")
    assert Path("out.csv").read_text() == "of before"
    assert sorted(path.name for path in Path().iterdir()) == ["flowers.csv", "out.csv", "run"]


def test_outputs_that_leave_the_finite_numbers_are_not_an_answer(modnet: Modnet, flowers: Flowers) -> None:
    layer = "network.layers=[{kind='dense', units=3, activation='identity'}]"
    settings = (*flowers.train, "--set", layer, "--set", "data.transforms=[]")
    assert modnet("train", *settings, "--epochs", 0, "--quiet", "--out", "run").code == 0
    Path("rows.csv").write_text("1,2,3,4\n1.7e308,-1.7e308,1.7e308,1.7e308\n")
    result = modnet("predict", "run", "rows.csv", "--no-header")
    assert (result.code, result.out) == (2, "")
    assert result.err == "modnet: rows.csv: line 2: an output is non-finite (NaN or infinity)\n"


def test_two_classes_on_one_output(trained: Modnet, rng: np.random.Generator) -> None:
    x = rng.normal(size=(40, 2))
    write_csv("two.csv", ["u", "v", "yes"], [[*row, "yes" if row[0] > 0 else "no"] for row in x.tolist()])
    settings = ("data.kind=csv", "data.path=two.csv", "data.target=yes", "network.layers=[1]", "optimizer.eta=10.0")
    options = [part for setting in settings for part in ("--set", setting)]
    trained("train", *options, "--quiet", "--out", "run")
    header, rows = parsed(trained("predict", "run", "two.csv").out)
    assert header == ["prediction", "probability_no", "probability_yes"]
    outputs = outputs_of("run", x)[:, 0]
    assert np.allclose(np.array([row[1:] for row in rows], float), np.stack([1 - outputs, outputs], 1), rtol=1e-9)
    assert [row[0] for row in rows] == ["yes" if a > 0.5 else "no" for a in outputs]
    assert np.mean((outputs > 0.5) == (x[:, 0] > 0)) > 0.9


def test_a_row_too_large_for_the_networks_numbers_is_refused(modnet: Modnet) -> None:
    assert modnet("train", "--epochs", 0, "--dtype", "float32", "--quiet", "--out", "run").code == 0
    Path("rows.csv").write_text(",".join(["1e300"] * 64) + "\n")
    result = modnet("predict", "run", "rows.csv")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("modnet: ")


def one_unit(features: tuple[str | int, ...] | None) -> Network:
    """A network of a(x) = σ(x₁ + 10 x₂)."""
    network = Network([Dense(units=1)], (2,), Quadratic())
    network.parameters[:] = [1.0, 10.0, 0.0]
    network.features = features
    return network


@pytest.mark.parametrize(
    ("features", "content", "options", "expected"),
    [
        ((0, 1), "0,1\n0.5,1\n0.6,0\n", (), [(0.5, 1.0), (0.6, 0.0)]),
        ((0, 1), "1,0\n1,0.5\n0,0.6\n", (), [(0.5, 1.0), (0.6, 0.0)]),
        (("0", "1"), "1,target,0\n1,x,0.5\n", (), [(0.5, 1.0)]),
        (("0", "1"), "0,1\n0.5,1\n", ("--no-header",), [(0.0, 1.0), (0.5, 1.0)]),
        (("a", "b"), "b,a\n1,0.5\n", ("--header",), [(0.5, 1.0)]),
        (None, "0,1\n0.5,1\n", (), [(0.0, 1.0), (0.5, 1.0)]),
        (None, "0,1\n0.5,1\n", ("--header",), [(0.5, 1.0)]),
        (("a", "b"), "0.1,n/a\n", ("--no-header",), "line 1, column 2: 'n/a'; a finite number is expected"),
        (
            ("a", "b"),
            "0.5,1\n0.6,0\n",
            (),
            (
                "line 1: no column 'a', 'b', which the network was trained with; the columns are '0.5', '1'; "
                "if this line is a row: --no-header"
            ),
        ),
        (
            None,
            "a,b\n0.5,1\n",
            (),
            "line 1, column 1: 'a'; a finite number is expected; if this line holds names: --header",
        ),
    ],
)
def test_the_header_is_known_or_said(modnet: Modnet, features, content: str, options, expected) -> None:
    save(one_unit(features), "m.safetensors")
    Path("rows.csv").write_text(content)
    result = modnet("predict", "m.safetensors", "rows.csv", *options)
    if isinstance(expected, str):
        assert (result.code, result.out, result.err) == (2, "", f"modnet: rows.csv: {expected}\n")
    else:
        assert (result.code, result.err) == (0, "")
        assert [float(*row) for row in parsed(result.out)[1]] == pytest.approx(
            [1 / (1 + np.exp(-p - 10 * q)) for p, q in expected]
        )


def test_labels_that_are_the_same_as_text_lose_no_output(trained: Modnet) -> None:
    network = Network([Dense(units=2)], (1,), Quadratic())
    network.classes = np.array([7, "7"], dtype=object)
    save(network, "m.safetensors")
    Path("rows.csv").write_text("1\n")
    assert trained("predict", "m.safetensors", "rows.csv").lines == ["prediction,output_0,output_1", "7,0.5,0.5"]


def test_columns_that_pandas_wrote_without_names(trained: Modnet, rng: np.random.Generator) -> None:
    x = rng.normal(size=(40, 2))
    table = [[*row, int(row[0] > row[1])] for row in x.tolist()]
    write_csv("t.csv", ["0", "1", "2"], table)
    write_csv("turned.csv", ["2", "1", "0"], [row[::-1] for row in table])
    trained("train", *TABLE, "--set", "data.target=2", "--quiet", "--out", "run")
    for path in ("t.csv", "turned.csv"):
        assert trained("evaluate", "run", "--data", path).out == trained("evaluate", "run", "--part", "train").out
        outputs = [[float(cell) for cell in row[1:]] for row in parsed(trained("predict", "run", path).out)[1]]
        assert np.allclose(outputs, outputs_of("run", x), rtol=1e-9)


def test_labels_are_the_text_that_they_were(trained: Modnet, modnet: Modnet, rng: np.random.Generator) -> None:
    labels = np.array(["+7", "007", "7"])
    codes, x = np.arange(60) % 3, rng.normal(size=(60, 2))
    write_csv("t.csv", ["a", "b", "y"], [[*row, label] for row, label in zip(x.tolist(), labels[codes], strict=True)])
    write_csv("7.csv", ["a", "b", "y"], [[*row, "7"] for row in x[codes == 2].tolist()])
    weights = ("--set", "data.class_weight={007=2.0, 7=3.0}", "--set", "network.layers=[3]")
    trained(
        "train", *TABLE, "--set", "data.target=y", "--set", "data.test_path=7.csv", *weights, "--quiet", "--out", "run"
    )
    outputs = outputs_of("run", x)
    header, rows = parsed(trained("predict", "run", "t.csv").out)
    assert header == ["prediction", *(f"output_{label}" for label in labels)]
    assert [row[0] for row in rows] == labels[outputs.argmax(axis=1)].tolist()
    cost = 0.5 * np.sum((outputs[codes == 2] - [0, 0, 1]) ** 2) / 20
    for arguments in (("run",), ("run", "--data", "7.csv")):
        assert f"cost: {cost:.6g}" in trained("evaluate", *arguments).lines
    write_csv("7.csv", ["a", "b", "y"], [[0, 0, "07"]])
    result = modnet("evaluate", "run", "--data", "7.csv")
    known = "the labels there are '+7', '007', '7'"
    assert result.err == f"modnet: 7.csv: training y: row 0 (counted from 0) is '07', unseen in training; {known}\n"


@pytest.mark.parametrize("safe", [(), ("--safe-csv",)])
def test_text_that_a_spreadsheet_would_compute(trained: Modnet, safe: tuple[str, ...]) -> None:
    labels = ["=1+1", "+a", "-a", "@a", "\ta", "\ra", "\na", "＝1", "-5", "+1.5e3", "a=b", " =1"]
    Path("rows.csv").write_text("1\n2\n")
    for index, label in enumerate(labels):
        other = f"{label}0" if label in ("-5", "+1.5e3") else f"{label}x"
        np.savez("rows.npz", x=[[1.0], [2.0]], y=np.array([label, other]))
        settings = ("data.kind=npz", "data.path=rows.npz", "network.layers=[2]", "optimizer.batch_size=1")
        arguments = [word for setting in settings for word in ("--set", setting)]
        trained("train", *arguments, "--epochs", 0, "--quiet", "--out", f"run-{index}")
        trained("predict", f"run-{index}", "rows.csv", *safe, "--out", "out.csv")
        with Path("out.csv").open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        quote = "'" if safe and index < labels.index("-5") else ""
        assert {row[0] for row in rows} <= {quote + label, quote + other}
        assert all(np.isfinite(float(cell)) for row in rows for cell in row[1:])
        assert header == ["prediction", f"output_{label}", f"output_{other}"]


def test_a_network_reads_other_files_as_it_read_its_own(modnet: Modnet) -> None:
    zones = ["007", "7", "A1", "NA"] * 10
    rows = [f"{zone};{row % 4},5;{'pq'[row % 2]}\n" for row, zone in enumerate(zones)]
    Path("t.csv").write_text("zone;size;y\n" + "".join(rows))
    data = {"kind": "csv", "path": "t.csv", "target": "y", "separator": ";", "decimal": ","}
    data["transforms"] = [{"kind": "impute", "columns": "all"}, "one-hot"]
    config = {"epochs": 1, "data": data, "network": {"layers": [2]}}
    network = Trainer.from_config(config).fit(out="run").network
    Path("other.csv").write_text("size;zone;y\n3,5;007;p\n;7;q\n")
    result = modnet("predict", "run", "other.csv")
    assert result.code == 0, result.err
    _, found = parsed(result.out)
    assert [float(row[1]) for row in found] == network.predict([["007", 3.5], ["7", None]])[:, 0].tolist()
    result = modnet("evaluate", "run", "--data", "other.csv")
    assert result.code == 0, result.err
    Path("other.csv").write_text("size;zone;y\n3,5;007;p\nhuge;7;q\n")
    for arguments in (["predict", "run", "other.csv"], ["evaluate", "run", "--data", "other.csv"]):
        result = modnet(*arguments)
        assert result.code != 0
        assert "line 3, column 'size': 'huge'; a finite number is expected, as in training" in result.err
