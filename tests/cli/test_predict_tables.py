"""``modnet predict`` for tables: text and missing values, columns to keep, probabilities, thresholds, other files."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from cli.running import Modnet, outputs_of, process, write_csv

from modnet import Network, load, save
from modnet.components.activations import Identity, Sigmoid, Softmax, Tanh
from modnet.components.costs import GaussianNegativeLogLikelihood, Quadratic
from modnet.components.layers import Dense

CITIES = ["Berlin", "Oslo", "Rome"]
COLUMNS = ("id", "age", "city", "bought")
RAW = [
    ("0042", 20.0, "Rome", "no"),
    ("b", None, "Berlin", "yes"),
    ("c", 50.0, "Oslo", "yes"),
    ("d", 30.0, "Rome", "no"),
    ("e", 40.0, "Berlin", "yes"),
]
SOFTMAX = """
epochs = 2
[data]
kind = "csv"
path = "people.csv"
target = "bought"
exclude = ["id"]
transforms = ["impute", "one-hot"]
[network]
layers = [{kind = "dense", units = 2, activation = "softmax"}]
cost = "categorical-cross-entropy"
[optimizer]
learning_rate = 0.001
batch_size = 2
"""


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def encoded(rows: list[tuple[object, ...]]) -> np.ndarray:
    """Impute the mean age of the training rows, which is 35, and write the city as three numbers."""
    return np.array(
        [[35.0 if age is None else age, *(float(city == one) for one in CITIES)] for _, age, city, _ in rows]
    )


def written(rows: list[tuple[object, ...]]) -> list[list[object]]:
    return [["" if cell is None else cell for cell in row] for row in rows]


def parsed(text: str) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(text))
    return header, rows


def numbers(rows: list[list[str]], start: int) -> np.ndarray:
    return np.array([row[start:] for row in rows], dtype=float)


@pytest.fixture
def run(trained: Modnet) -> str:
    """A run on two classes, with text, a missing value and a column of names."""
    write_csv("people.csv", COLUMNS, written(RAW))
    Path("people.toml").write_text(SOFTMAX)
    trained("train", "people.toml", "--quiet", "--out", "run")
    return "run"


def expected_of(run: str, rows: list[tuple[object, ...]]) -> np.ndarray:
    return outputs_of(run, encoded(rows), softmax)


def test_text_and_missing_values_are_taken_as_in_training(trained: Modnet, run: str) -> None:
    header, rows = parsed(trained("predict", run, "people.csv").out)
    assert header == ["prediction", "probability_no", "probability_yes"]
    expected = expected_of(run, RAW)
    assert np.allclose(numbers(rows, 1), expected, rtol=1e-12)
    assert [row[0] for row in rows] == np.array(["no", "yes"])[expected.argmax(axis=1)].tolist()
    others = [("x", 25.0, "Oslo", ""), ("y", None, "Rome", "")]
    write_csv("others.csv", ("city", "note", "age"), [[c, "n", "" if a is None else a] for _, a, c, _ in others])
    assert np.allclose(numbers(parsed(trained("predict", run, "others.csv").out)[1], 1), expected_of(run, others))


def test_the_format_of_the_file_is_that_of_the_training(trained: Modnet, modnet: Modnet) -> None:
    cells = [[str(cell) or "-" for cell in row] for row in [COLUMNS, *written(RAW)]]
    Path("people.csv").write_text("\n".join(";".join(row).replace(".", ",") for row in cells))
    Path("commas.csv").write_text("\n".join(map(",".join, cells)))
    written_so = 'separator = ";"\ndecimal = ","\nmissing = ["-"]\nexclude'
    Path("german.toml").write_text(SOFTMAX.replace("exclude", written_so))
    trained("train", "german.toml", "--quiet", "--out", "run")
    _, rows = parsed(trained("predict", "run", "people.csv", "--keep", "age").out)
    assert [row[0] for row in rows] == ["20,0", "-", "50,0", "30,0", "40,0"]
    assert np.allclose(numbers(rows, 2), expected_of("run", RAW), rtol=1e-12)
    _, others = parsed(trained("predict", "run", "commas.csv", "--separator", ",", "--decimal", ".").out)
    assert others == [row[1:] for row in rows]
    for options, error in (
        ((), ("commas.csv: line 1: one cell, 'id,age,city,bought', with the separator ';'; "
             "it seems to be ',': --separator ,")),
        (("--separator", ","), "--separator: decimal and separator are both ','; they should differ"),
        (("--separator", "ab"), "--separator: 'ab' should be one character; a tab is \"\\t\""),
    ):  # fmt: skip
        result = modnet("predict", "run", "commas.csv", *options)
        assert (result.code, result.out, result.err) == (2, "", f"modnet: {error}\n")
    Path("english.csv").write_text("\n".join(map(";".join, cells)))
    error = "line 2, column 'age': '20.0'; a finite number is expected, as in training"
    hint = "if '.' is the decimal mark: --decimal ."
    assert modnet("predict", "run", "english.csv").err == f"modnet: english.csv: {error}; {hint}\n"


def test_columns_to_keep_come_first_as_they_stand(trained: Modnet, run: str) -> None:
    plain = trained("predict", run, "people.csv").lines
    kept = trained("predict", run, "people.csv", "--keep", "bought", "--keep", "id", "--keep", "id").lines
    assert kept == ["bought,id," + plain[0], *(f"{r[3]},{r[0]},{line}" for r, line in zip(RAW, plain[1:], strict=True))]
    numbered = trained("predict", run, "people.csv", "--row-numbers", "--keep", "id").lines
    assert numbered == ["row,id," + plain[0], *(f"{i},{RAW[i][0]},{line}" for i, line in enumerate(plain[1:]))]
    write_csv("formula.csv", ("age", "city", "id"), [[1, "Rome", "=1+1"], [2, "Oslo", "a\rb"]])
    trained("predict", run, "formula.csv", "--keep", "id", "--safe-csv", "--out", "out.csv")
    with Path("out.csv").open(newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["id", "'=1+1", "a\rb"]


def test_standard_input(modnet: Modnet, trained: Modnet, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trained("predict", run, "people.csv", "--keep", "id").out

    def given(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    given(Path("people.csv").read_bytes())
    assert trained("predict", run, "-", "--keep", "id").out == expected
    given(b"")
    assert modnet("predict", run, "-").err == (
        "modnet: <stdin>: is empty; a line with the names of the columns is expected\n"
    )
    given(b"age,city\n1,Paris\n")
    assert modnet("predict", run, "-").err.startswith("modnet: <stdin>: one-hot: line 2, column 'city' is 'Paris', ")


@pytest.mark.parametrize(
    ("content", "options", "error"),
    [
        ("age\n1\n", (), "line 1: no column 'city', which the network was trained with; the columns are 'age'; "),
        ("age,city\n1,Rome\n\n3,Paris\n", (), "one-hot: line 4, column 'city' is 'Paris', which the training rows "),
        ("age,city\n1,Rome\nold,Oslo\n", (), "line 3, column 'age': 'old'; a finite number is expected, as in "),
        ("age,city\n", (), "no rows after the header"),
        ("age,city\n1,Rome\n", ("--keep", "idd"), "line 1: no column 'idd', which is to be kept; "),
        ("1,Rome\n", ("--no-header", "--keep", "id"), "line 1: is a row; a header is needed to find column 'id'"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_used(modnet: Modnet, run: str, content: str, options: tuple[str, ...], error: str) -> None:
    Path("rows.csv").write_text(content)
    result = modnet("predict", run, "rows.csv", *options, "--out", "out.csv")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: rows.csv: {error}")
    assert not Path("out.csv").exists()


def test_a_threshold_decides_between_two_classes(trained: Modnet, run: str) -> None:
    no, yes = expected_of(run, RAW).T
    for least in (0.0, float(np.median(yes)), float(yes.max()), 1.0):
        _, rows = parsed(trained("predict", run, "people.csv", "--threshold", repr(least)).out)
        printed = numbers(rows, 1)
        assert np.allclose(printed[:, 1], yes, rtol=1e-12)
        assert [row[0] for row in rows] == ["yes" if p >= least else "no" for p in printed[:, 1]]
        _, rows = parsed(trained("predict", run, "people.csv", "--threshold", repr(least), "--positive", "no").out)
        assert [row[0] for row in rows] == ["no" if p >= least else "yes" for p in numbers(rows, 1)[:, 0]]
    assert {row[0] for row in parsed(trained("predict", run, "people.csv", "--threshold", "0").out)[1]} == {"yes"}
    assert np.allclose(no + yes, 1.0)


def test_without_a_class_a_threshold_says_which_one_it_is_about(
    trained: Modnet, run: str, caplog: pytest.LogCaptureFixture
) -> None:
    trained("predict", run, "people.csv", "--threshold", "0.8", "--positive", "yes")
    assert caplog.messages == []
    trained("predict", run, "people.csv", "--threshold", "0.8")
    which = "'yes', the second class, is predicted from this probability on, else 'no'"
    assert caplog.messages == [f"modnet: --threshold 0.8: {which}; --positive CLASS says which class it is about"]


def test_numbers_of_float32_have_the_digits_that_float32_has(trained: Modnet) -> None:
    write_csv("people.csv", COLUMNS, [[i, "" if age is None else f"{age:g}", *rest] for i, age, *rest in RAW])
    Path("small.toml").write_text(f'dtype = "float32"\n{SOFTMAX}')
    trained("train", "small.toml", "--quiet", "--out", "small")
    header, rows = parsed(trained("predict", "small", "people.csv", "--outputs").out)
    network, columns = load("small"), slice(header.index("probability_no"), None)
    cells = np.array([row[columns] for row in rows])
    assert network.dtype == np.float32
    assert max(len(cell.partition("e")[0].replace(".", "").strip("0")) for cell in cells.ravel()) <= 9
    outputs = network.predict([[age, city] for _, age, city, _ in RAW])
    assert np.array_equal(cells.astype(np.float32), np.hstack([outputs, outputs]))  # every digit that counts


def test_columns_to_keep_are_not_divided_by_commas(modnet: Modnet, run: str) -> None:
    error = modnet("predict", run, "people.csv", "--keep", "id,age").err
    assert error.endswith("'city', 'bought'; each column to keep is named by itself\n")
    assert "by itself" not in modnet("predict", run, "people.csv", "--keep", "ids").err


def test_rows_that_are_not_named(modnet: Modnet, run: str) -> None:
    assert modnet("predict", run).err == "modnet: Missing argument 'ROWS': a file, or - for standard input\n"


def network(activation: object, units: int, classes: list[object] | None, cost: object = None) -> Network:
    """A network of σ(x), σ(2 x), … of one number."""
    made = Network([Dense(units=units, activation=activation)], (1,), cost or Quadratic())
    made.parameters[:units] = np.arange(1.0, units + 1.0)
    made.classes = None if classes is None else np.array(classes, dtype=object)
    return made


@pytest.mark.parametrize(
    ("made", "multi_label", "expected"),
    [
        (network(Sigmoid(), 1, ["no", "yes"]), False, "prediction,probability_no,probability_yes"),
        (network(Softmax(), 2, ["no", "yes"]), False, "prediction,probability_no,probability_yes"),
        (network(Softmax(), 3, [1, 2, 3]), False, "prediction,probability_1,probability_2,probability_3"),
        (network(Sigmoid(), 2, ["no", "yes"]), False, "prediction,output_no,output_yes"),
        (network(Tanh(), 1, ["no", "yes"]), False, "prediction,output_0"),
        (network(Identity(), 2, ["no", "yes"]), False, "prediction,output_no,output_yes"),
        (network(Sigmoid(), 2, None), True, "prediction_0,prediction_1,probability_0,probability_1"),
        (network(Tanh(), 2, None), True, "prediction_0,prediction_1,output_0,output_1"),
        (network(Sigmoid(), 1, None), False, "prediction"),
        (network(Identity(), 2, None), False, "prediction_0,prediction_1"),
        (network(Identity(), 2, None, GaussianNegativeLogLikelihood()), False, "prediction"),
    ],
)
def test_the_activation_says_whether_outputs_are_probabilities(
    trained: Modnet, made: Network, multi_label: bool, expected: str
) -> None:
    made.multi_label = multi_label
    save(made, "m.safetensors")
    Path("rows.csv").write_text("0.25\n-1\n")
    header, rows = parsed(trained("predict", "m.safetensors", "rows.csv").out)
    assert header == expected.split(",")
    outputs = made.predict_outputs([[0.25], [-1.0]])
    if header[1:2] == ["probability_no"] and made.outputs == 1:
        assert np.array_equal(numbers(rows, 1), np.concatenate([1 - outputs, outputs], axis=1))
    elif len(header) > made.outputs:
        assert np.array_equal(numbers(rows, len(header) - made.outputs), outputs)
    elif made.outputs == made.target_width:
        assert np.array_equal(numbers(rows, 0), outputs)
    names = [name for name in expected.split(",") if not name.startswith("output")]
    more, rows = parsed(trained("predict", "m.safetensors", "rows.csv", "--outputs").out)
    assert more[: len(names)] == names
    assert [name.partition("_")[0] for name in more[len(names) :]] == ["output"] * made.outputs
    assert np.array_equal(numbers(rows, len(names)), outputs)


OF_TWO = "is for a network that predicts one of two classes, and this predicts"


@pytest.mark.parametrize(
    ("made", "options", "error"),
    [
        (network(Identity(), 1, None), "--threshold 0.5", f"--threshold 0.5: {OF_TWO} numbers"),
        (network(Softmax(), 3, [1, 2, 3]), "--threshold 0.5", f"--threshold 0.5: {OF_TWO} 3 classes"),
        (
            network(Sigmoid(), 2, [1, 2]),
            "--threshold 0.5",
            (
                "--threshold 0.5: the outputs of the network are no probabilities; "
                "allowed: softmax, or one output with sigmoid"
            ),
        ),
        (network(Sigmoid(), 1, [1, 2]), "--threshold nan", "--threshold nan: is no probability; allowed: 0 to 1"),
        (
            network(Sigmoid(), 1, [1, 2]),
            "--threshold 0.5 --positive 3",
            "--positive 3: is no class of the network; allowed: '1', '2'",
        ),
        (
            network(Sigmoid(), 1, [1, 2]),
            "--positive 1",
            "--positive 1: is the class that --threshold P is about, which is missing",
        ),
    ],
)
def test_thresholds_that_make_no_sense(modnet: Modnet, made: Network, options: str, error: str) -> None:
    save(made, "m.safetensors")
    Path("rows.csv").write_text("0.25\n")
    result = modnet("predict", "m.safetensors", "rows.csv", *options.split())
    assert (result.code, result.out) == (2, "")
    assert result.err == f"modnet: {error}\n"


def test_numbers_are_in_the_units_of_the_targets(trained: Modnet, rng: np.random.Generator) -> None:
    x = rng.normal(size=(40, 1))
    y = 1000.0 + 300.0 * x[:, 0]
    write_csv("prices.csv", ("size", "price"), np.column_stack([x, y]).tolist())
    layer = "network.layers=[{kind='dense', units=1, activation='identity'}]"
    settings = ("data.kind=csv", "data.path=prices.csv", "data.target=price", "data.target_transform=standard", layer)
    options = [part for setting in settings for part in ("--set", setting)]
    trained("train", *options, "--set", "optimizer.learning_rate=0.1", "--epochs", 60, "--quiet", "--out", "run")
    header, rows = parsed(trained("predict", "run", "prices.csv").out)
    assert header == ["prediction"]
    assert np.allclose(numbers(rows, 0)[:, 0], y, rtol=0.01)
    header, rows = parsed(trained("predict", "run", "prices.csv", "--outputs").out)
    assert header == ["prediction", "output_0"]
    assert np.allclose(numbers(rows, 1)[:, 0], (y - y.mean()) / y.std(), atol=0.05)


def test_a_kept_column_has_a_name_of_its_own(modnet: Modnet, run: str) -> None:
    Path("rows.csv").write_text("age,city,prediction,row\n1,Rome,a,b\n")
    for name, option in (("prediction", ()), ("row", ("--row-numbers",))):
        result = modnet("predict", run, "rows.csv", "--keep", name, *option)
        expected = f"--keep {name}: the predictions have a column of this name; rename it in rows.csv"
        assert (result.code, result.out, result.err) == (2, "", f"modnet: {expected}\n")
    assert modnet("predict", run, "rows.csv", "--keep", "row").code == 0


def test_rows_of_a_parquet_file(trained: Modnet, modnet: Modnet, run: str) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {name: [row[index] for row in RAW] for index, name in enumerate(COLUMNS)}
    columns |= {"count": [7, 8, None, 9, 10]}
    table = pa.table(columns)
    parquet.write_table(table.set_column(2, "city", table["city"].dictionary_encode()), "people.parquet")
    expected = trained("predict", run, "people.csv", "--keep", "id").out
    assert trained("predict", run, "people.parquet", "--keep", "id").out == expected
    kept = trained("predict", run, "people.parquet", "--keep", "count").out
    assert [row[0] for row in parsed(kept)[1]] == ["7", "8", "", "9", "10"]
    for changed, error in (
        (table.drop_columns("city"), "no column 'city', which the network was trained with; the columns are "),
        (table.slice(0, 0), "holds no rows"),
        (
            pa.table(columns | {"city": ["Rome", "Oslo", "Paris", "Rome", None]}),
            "one-hot: row 2 (counted from 0), column 'city' is 'Paris', which the training rows have not; ",
        ),
        (
            pa.table(columns | {"age": ["a"] * 5}),
            "column 'age' holds string values; numbers are expected, as in training",
        ),
        (
            pa.table(columns | {"age": [[1.0]] * 5}),
            "column 'age' holds list<element: double> values; numbers are expected, as in training",
        ),
    ):
        parquet.write_table(changed, "other.parquet")
        result = modnet("predict", run, "other.parquet")
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert result.err.startswith(f"modnet: other.parquet: {error}")
    Path("other.parquet").write_text("no Parquet")
    assert modnet("predict", run, "other.parquet").err.startswith(
        "modnet: other.parquet: not a readable Parquet file: "
    )
    assert modnet("predict", run, "people.parquet", "--no-header").err == (
        "modnet: --header: is of CSV files, and people.parquet is none\n"
    )


def test_rows_of_an_archive(trained: Modnet, modnet: Modnet, rng: np.random.Generator) -> None:
    trained("train", "--epochs", 0, "--quiet", "--out", "run")
    x = rng.random((3, 64))
    np.savez("rows.npz", x=x)
    assert np.array_equal(numbers(parsed(trained("predict", "run", "rows.npz").out)[1], 1), load("run").predict(x))
    np.savez("rows.npz", x=x[:, :32].reshape(-1, 32))
    assert modnet("predict", "run", "rows.npz").err == "modnet: rows.npz: layer 1 expects 64 inputs, got 32\n"
    np.savez("rows.npz", x=np.full((3, 64), np.nan))
    assert modnet("predict", "run", "rows.npz").err.startswith("modnet: rows.npz: row 0, column 0 ")
    np.savez("rows.npz", z=x)
    assert modnet("predict", "run", "rows.npz").err == "modnet: rows.npz: no array 'x'; the arrays in it are: 'z'\n"
    error = modnet("predict", "run", "rows.npz", "--keep", "id").err
    assert error == "modnet: --keep id: is of CSV and Parquet files, and rows.npz is none\n"


def test_other_samples_need_no_more_columns_than_the_network(trained: Modnet, modnet: Modnet, run: str) -> None:
    expected = trained("evaluate", run, "--part", "train").lines[1:]
    columns = [(row[2], row[1], row[3], "text") for row in RAW]
    write_csv("others.csv", ("city", "age", "bought", "note"), written(columns))
    assert trained("evaluate", run, "--data", "others.csv").lines[1:] == expected
    for content, error in (
        ("city,bought\nRome,no\n", "line 1: no column 'age', which the network was trained with; the columns are "),
        ("city,age\nRome,1\n", "line 1: no column 'bought'; the columns are 'city', 'age'"),
        ("city,age,bought\nRome,1,no\nParis,1,no\n", "training x: one-hot: line 3, column 'city' is 'Paris', which "),
    ):
        Path("others.csv").write_text(content)
        result = modnet("evaluate", run, "--data", "others.csv")
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert result.err.startswith(f"modnet: others.csv: {error}")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("evaluate", "run", "x.csv"), "Got unexpected extra argument (x.csv); did you mean '--data x.csv'?"),
        (("report", "run", "my x.npz"), "Got unexpected extra argument (my x.npz); did you mean '--data 'my x.npz''?"),
        (("evaluate", "run", "other"), "Got unexpected extra argument (other)"),
        (("predict", "run", "--data", "x.csv"), "No such option '--data'; did you mean x.csv?"),
        (("predict", "run", "a.csv", "b.csv"), "Got unexpected extra argument (b.csv)"),
    ],
)
def test_a_file_without_its_option(modnet: Modnet, arguments: tuple[str, ...], error: str) -> None:
    result = modnet(*arguments)
    assert (result.code, result.out, result.err) == (2, "", f"modnet: {error}\n")


def test_a_configuration_from_standard_input(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("epochs = 3\n")
    bad.write_text("epochs = -3\n")
    assert process(tmp_path, "config", "check", "-", stdin=good).stdout == "<stdin>: ok\n"
    assert "epochs = 3\n" in process(tmp_path, "config", "fill", "-", stdin=good).stdout
    result = process(tmp_path, "config", "check", "-", stdin=bad)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("modnet: <stdin>: epochs: -3 ")
