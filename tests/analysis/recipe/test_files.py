"""The first configuration for a file: what it says of hand-made tables, and that it is what it says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from modnet import ConfigError, DataError, RunConfig, Trainer, load_config, suggest
from modnet.analysis.recipe.files import configuration_for

PASSENGERS = [
    (
        row + 1,
        f"Mr {row}",
        f"T{row // 2}",
        "x",
        f"2024-01-{row % 28 + 1:02}",
        "" if row in (3, 17, 41) else 20 + row % 37,
        "" if row == 5 else ["male", "female", "female"][row % 3],
        ["yes", "no", "no"][row % 3],
    )
    for row in range(60)
]
HEADER = "PassengerId,Name,Ticket,ship,day,age,sex,survived"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, header: str, rows: object) -> str:
    lines = [header, *(",".join(map(str, row)) for row in rows)]  # type: ignore[attr-defined]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def column(values: object, name: str = "y") -> str:
    """Write a table with one feature and these targets."""
    return write("table.csv", f"x,{name}", enumerate(values))  # type: ignore[call-overload]


def data_of(text: str) -> dict[str, object]:
    return dict(tomllib.loads(text)["data"])


def config_of(text: str) -> RunConfig:
    Path("my.toml").write_text(text, encoding="utf-8")
    return load_config("my.toml")


def comment_on(text: str, start: str) -> str:
    """Return the comment beside the line that begins so, or above it."""
    lines = [line.strip() for line in text.splitlines()]
    [index] = [index for index, line in enumerate(lines) if line.startswith(start)]
    beside = lines[index].partition("   # ")[2]
    above = []
    while not beside and lines[index - 1].startswith("# "):
        index -= 1
        above.insert(0, lines[index][2:])
    return beside or " ".join(above)


def test_a_table_of_everything():
    text = configuration_for(write("ship.csv", HEADER, PASSENGERS))
    assert tomllib.loads(text) == {
        "seed": 0,
        "epochs": 40,
        "dtype": "float32",
        "metrics": ["balanced-accuracy", "accuracy"],
        "data": {
            "kind": "csv",
            "path": "ship.csv",
            "target": "survived",
            "target_type": "text",
            "exclude": ["PassengerId", "Name", "Ticket", "ship", "day"],
            "test_share": 0.2,
            "transforms": [
                {"kind": "impute", "columns": "number", "strategy": "median"},
                {"kind": "impute", "columns": "text", "strategy": "constant", "value": "missing"},
                {"kind": "standard", "columns": "number"},
                {"kind": "one-hot", "columns": "text", "unknown": "ignore"},
            ],
            "class_weight": "balanced",
        },
        "network": {
            "layers": [
                {"kind": "dense", "units": 100, "activation": "relu"},
                {"kind": "dense", "units": 2, "activation": "softmax"},
            ],
            "cost": "categorical-cross-entropy",
            "regularizers": [{"kind": "l2", "strength": 0.021}],
        },
        "optimizer": {
            "kind": "mini-batch",
            "batch_size": 16,
            "rule": "adam",
            "learning_rate": 0.005,
            "schedule": "cosine",
        },
    }
    assert comment_on(text, 'target = "survived"').startswith("the last column")
    assert comment_on(text, '"PassengerId"').startswith("numbers the rows")
    assert comment_on(text, '"Name"') == "identifies the rows: all its 60 texts differ"
    assert comment_on(text, '"Ticket"').startswith("has 30 different texts in 60 rows")
    assert comment_on(text, '"ship"') == "is the same in all rows"
    assert "dates" in comment_on(text, '"day"')
    filled = comment_on(text, '{kind = "impute", columns = "number"')
    assert filled == "of 60 rows, missing are 3 in 'age'; the median is filled in"
    assert "1 in 'sex'" in comment_on(text, '{kind = "impute", columns = "text"')
    assert "('no' 0.667, 'yes' 0.333)" in comment_on(text, "class_weight")
    assert comment_on(text, "test_share") == "12 of 60 rows say how good the result is"
    assert comment_on(text, "batch_size") == "48 training rows: 3 updates an epoch"
    assert text == configuration_for("ship.csv")


def test_every_line_fits():
    text = configuration_for(write("ship.csv", HEADER, PASSENGERS))
    assert max(map(len, text.splitlines())) <= 120


def test_the_file_trains_and_learns():
    run = Trainer(config_of(configuration_for(write("ship.csv", HEADER, PASSENGERS)))).fit()
    assert run.network.features == ("age", "sex")
    assert run.test["balanced_accuracy"] == 1.0
    assert len(run.samples["test"]) == 12


def test_marks_of_another_country():
    rows = [(f"{row / 4:.2f}".replace(".", ","), "?" if row % 10 == 0 else row % 7, 3 * row) for row in range(50)]
    Path("table.csv").write_text("a;b;Y\n" + "".join(f"{a};{b};{y}\n" for a, b, y in rows))
    text = configuration_for("table.csv")
    data = data_of(text)
    assert (data["separator"], data["decimal"], data["target"]) == (";", ",", "Y")
    assert data["missing"] == ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"]
    assert "'?' in 'b'" in comment_on(text, "missing")
    assert (data["target_type"], data["target_transform"]) == ("number", "standard")
    assert "missing are 5 in 'b'" in comment_on(text, '{kind = "impute"')
    run = Trainer(config_of(text)).fit()
    assert run.test["r2"] > 0.9


def test_a_point_among_commas_is_the_decimal_mark():
    Path("table.csv").write_text("a;b;y\n1,5;0.5;u\n2,5;1.5;v\n3,5;2.5;u\n")
    assert "decimal" not in data_of(configuration_for("table.csv"))


@pytest.mark.parametrize("separator", ["\t", "|", ";"])
def test_the_separator_divides_all_rows_alike(separator):
    lines = [["a", "b, c", "y"], ["1", "2,5", "u"], ["3", "4", "v"]] * 1
    Path("table.csv").write_text("".join(separator.join(line) + "\n" for line in lines))
    assert data_of(configuration_for("table.csv"))["separator"] == separator


def test_a_mark_alone_is_missing_in_text_and_a_word_only_among_numbers():
    rows = [("?" if row == 4 else "ab"[row % 2], "none" if row == 5 else "cd"[row % 2], row % 2) for row in range(20)]
    data = data_of(configuration_for(write("table.csv", "u,v,y", rows)))
    assert data["missing"][-1:] == ["?"]  # type: ignore[index]
    rows = [("none" if row == 5 else row, row % 2) for row in range(20)]
    data = data_of(configuration_for(write("table.csv", "v,y", rows)))
    assert data["missing"][-1:] == ["none"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([row % 20 for row in range(100)], "integer"),  # 20 are few
        ([row % 21 for row in range(100)], "number"),  # 21 of 100 are many
        ([row % 21 for row in range(420)], "integer"),  # 21 of 420 are 5 %
        ([row % 21 for row in range(419)], "number"),
        ([row % 2 + 0.5 for row in range(100)], "number"),  # not whole
        ([f"{row % 3}.0" for row in range(100)], "text"),  # whole, but not as integers are written
        ([f"0{row % 3}" for row in range(100)], "text"),
        ([-(row % 3) for row in range(100)], "integer"),
        (["a" if row % 2 else 1 for row in range(100)], "text"),
    ],
)
def test_whole_numbers_are_classes_if_there_are_few(values, kind):
    text = configuration_for(column(values))
    assert data_of(text)["target_type"] == kind
    run = Trainer(load_config(config_of(text), ["epochs=1"])).fit()
    assert (run.network.classes is None) == (kind == "number")


@pytest.mark.parametrize("name", ["target", "Label", "CLASS", "y"])
def test_a_target_is_known_by_its_name(name):
    rows = [(row % 2, row, row % 7) for row in range(30)]
    text = configuration_for(write("table.csv", f"{name},a,b", rows))
    assert data_of(text)["target"] == name
    assert comment_on(text, f'target = "{name}"').startswith("known by its name")
    assert data_of(configuration_for("table.csv", "b"))["target"] == "b"


@pytest.mark.parametrize(
    ("header", "rows", "target", "problem"),
    [
        ("target,y,a", [(0, 1, 2), (1, 0, 3)], None, "which column is the target? 'target', 'y' could be"),
        ("a,b", [(0, 5), (1, 5)], None, "column 'b': holds '5' in all rows, so there is nothing to predict; --target"),
        ("a,b", [(0, "2024-01-01"), (1, "2024-01-02")], None, "column 'b': holds dates"),
        ("a,b", [(row, f"name {row}") for row in range(30)], None, "30 different texts in 30 rows are no classes"),
        ("a,b", [(0, ""), (1, "NA")], None, "column 'b': has no values"),
        ("a,b", [(0, 1), (1, ""), (3, 0)], None, "line 3, column 'b': empty"),
        ("a,b", [(7, 1), (7, 0)], None, "no column is left as a feature: 'a' is the same in all rows"),
        ("a", [(7,), (8,)], None, "a target and at least one feature are needed"),
        ("a,a", [(7, 1), (8, 2)], None, "two columns have the name 'a'"),
        ("a,b", [], "b", "no rows after the header"),
        ("a,b", [(0, 1), (1, 0)], "c", "no column 'c'"),
    ],
)
def test_what_is_unclear_is_an_error_of_one_line(header, rows, target, problem):
    with pytest.raises(DataError) as error:
        configuration_for(write("table.csv", header, rows), target)
    assert str(error.value).startswith("table.csv: ")
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_other_files_are_refused():
    with pytest.raises(ConfigError, match=r"^table\.xlsx: unknown format; allowed: a \.csv, "):
        configuration_for("table.xlsx")
    with pytest.raises(DataError, match=r"^none\.csv: cannot be read"):
        configuration_for("none.csv")
    np.savez("table.npz", x=np.eye(4), y=[0, 1, 0, 1])
    with pytest.raises(ConfigError, match="x_test"):
        configuration_for("table.npz", test="other.npz")


def test_a_file_of_its_own_for_the_test():
    write("ship.csv", HEADER, PASSENGERS)
    with pytest.raises(DataError, match=r"^other\.csv: cannot be read"):
        configuration_for("ship.csv", test="other.csv")
    with pytest.raises(ConfigError, match=r"^--test other\.npz: unknown format; allowed: a \.csv file, "):
        configuration_for("ship.csv", test="other.npz")
    write("other.csv", HEADER, PASSENGERS)
    data = data_of(configuration_for("ship.csv", test="other.csv"))
    assert data["test_path"] == "other.csv"
    assert "test_share" not in data


@pytest.mark.parametrize("name", ['"', "\\", "a\nb", "a # b", "a\u2028b", "\x7f\N{GRINNING FACE}", "\u202e"])
def test_names_that_would_leave_a_comment_or_a_text(name):
    quoted = '"' + name.replace('"', '""') + '"'
    rows = [("uv"[row % 2], "", row % 2) for row in range(20)]
    text = configuration_for(write("table.csv", f'{quoted},{quoted[:-1]}2",y', rows))
    assert config_of(text).data.exclude == (f"{name}2",)  # type: ignore[attr-defined]
    assert text.isascii() or all(line.isprintable() for line in text.splitlines())


def test_a_name_of_a_file_that_would_leave_the_title():
    text = configuration_for(write("a\n[b].csv", "x,y", enumerate("uvuv")))
    assert config_of(text).data.path == "a\n[b].csv"  # type: ignore[attr-defined]


def test_what_is_left_out_and_what_is_not():
    rows = [
        (row, row + 0.5, "x" if row % 3 else "", 7 if row % 4 else "", f"n{row}" if row else "", row % 2)
        for row in range(12)
    ]
    text = configuration_for(write("table.csv", "id,x_id,word,seven,code,y", rows))
    assert data_of(text)["exclude"] == ["id", "code"]  # present or missing tells something, and 0.5 numbers nothing
    assert comment_on(text, '"code"') == "identifies the rows: all its 11 texts differ"


def test_words_are_missing_only_beside_numbers():
    rows = [(["unknown", "none"][row % 2], row % 2) for row in range(20)]
    assert "missing" not in data_of(configuration_for(write("table.csv", "word,y", rows)))


def test_a_separator_that_divides_the_first_row_only_is_none():
    Path("table.csv").write_text("a, b, c, d;y\n1;u\n2;v\n")
    assert data_of(configuration_for("table.csv"))["separator"] == ";"


@pytest.mark.parametrize(
    ("separator", "large", "small", "said"),
    [
        (";", "1.{:03},50", "{},5", True),
        (";", "12.{:03}.678", "{},5", True),
        ("\t", "1,{:03}.50", "{}.5", True),
        (";", "1.{:03},50", "EUR {}", False),
        (";", "1.{:03},50 EUR", "{},5", False),
        (";", "12.{:02},50", "{},5", False),
        (";", "1234.{:03},50", "{},5", False),
    ],
)
def test_numbers_in_groups_of_thousands_are_left_out(separator: str, large: str, small: str, said: bool) -> None:
    cells = [(large if row % 2 else small).format(row + 10) for row in range(80)]
    mark = "." if separator == "\t" else ","
    rows = [separator.join([f"{row}{mark}25", cell, "ab"[row % 2]]) for row, cell in enumerate(cells)]
    Path("table.csv").write_text("\n".join([separator.join("xzy"), *rows]), encoding="utf-8")
    text = configuration_for("table.csv")
    assert data_of(text)["exclude"] == ["z"]
    comment = comment_on(text, '"z"')
    grouped = f"holds numbers in groups of thousands, as {cells[1]!r}: write them without"
    assert comment == grouped if said else "different texts" in comment or "all its" in comment


def test_numbers_with_another_decimal_mark_are_left_out():
    rows = [(row, f'"{row},5"', row % 2) for row in range(20)]
    text = configuration_for(write("table.csv", "a,b,y", rows))
    assert data_of(text)["exclude"] == ["b"]
    Trainer(load_config(config_of(text), ["epochs=1"])).fit()


def parquet(**columns: object) -> str:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as module

    module.write_table(pyarrow.table(columns), "table.parquet")
    return "table.parquet"


def test_a_parquet_file_gets_what_its_rows_in_csv_get():
    names = HEADER.split(",")
    columns = {name: [row[index] for row in PASSENGERS] for index, name in enumerate(names)}
    columns["age"] = [None if value == "" else value for value in columns["age"]]
    columns["sex"] = [value or None for value in columns["sex"]]
    text = configuration_for(parquet(**columns))
    from_csv = configuration_for(write("ship.csv", HEADER, PASSENGERS))
    theirs, ours = tomllib.loads(from_csv), tomllib.loads(text)
    assert ours["data"].pop("target_type") == "auto"
    assert theirs["data"].pop("target_type") == "text"
    assert (ours["data"].pop("kind"), ours["data"].pop("path")) == ("parquet", "table.parquet")
    del theirs["data"]["kind"], theirs["data"]["path"]
    assert ours == theirs
    assert comment_on(text, '"day"') == comment_on(from_csv, '"day"')
    assert Trainer(config_of(text)).fit().test["balanced_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (list(range(100)), "number", None),
        ([row % 3 for row in range(100)], "integer", [0, 1, 2]),
        ([float(row % 3) for row in range(100)], "integer", [0, 1, 2]),
        ([row / 4 for row in range(100)], "number", None),
        ([row % 2 == 0 for row in range(100)], "auto", [False, True]),
        (["ab"[row % 2] for row in range(100)], "auto", ["a", "b"]),
    ],
)
def test_targets_that_have_types(values, kind, classes):
    for path in (parquet(x=[row * 0.5 for row in range(100)], y=values), "table.npz"):
        if path == "table.npz":
            np.savez(path, x=np.arange(100.0)[:, None], y=np.array(values))
        text = configuration_for(path)
        assert data_of(text)["target_type"] == kind
        network = Trainer(load_config(config_of(text), ["epochs=1"])).fit().network
        assert (None if network.classes is None else network.classes.tolist()) == classes


def test_columns_of_a_parquet_file_that_cannot_be_used():
    days = np.array(["2024-01-01", "2024-01-02"] * 10, dtype="datetime64[D]")
    text = configuration_for(parquet(day=days, x=list(range(20)), y=[0, 1] * 10))
    assert data_of(text)["exclude"] == ["day"]
    assert "date32" in comment_on(text, '"day"')
    with pytest.raises(DataError, match="no column is left as a feature: 'day' holds date32"):
        configuration_for(parquet(day=days, y=[0, 1] * 10))
    path = parquet(x=list(range(20)), day=days)
    with pytest.raises(DataError, match=r"^table\.parquet: column 'day': holds date32\[day\] values, .*--target "):
        configuration_for(path)
    with pytest.raises(DataError, match=r"which cannot be predicted$"):
        configuration_for(path, "day")
    Path("table.parquet").write_text("nothing")
    with pytest.raises(DataError, match=r"^table\.parquet: not a readable Parquet file"):
        configuration_for("table.parquet")


def arrays(rows: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 3)), np.arange(rows) % 3


def test_an_archive_gets_what_is_suggested_for_its_arrays():
    x, y = arrays()
    np.savez("table.npz", x=x, y=y)
    config = config_of(configuration_for("table.npz"))
    theirs, ours = config.to_config(), suggest(x, y).to_config()
    assert theirs["data"].pop("test_share") == 0.2
    ours["data"].pop("test_share")
    for name in ("kind", "path", "x", "y", "target_type"):
        theirs["data"].pop(name)
    ours["data"].pop("kind")
    theirs["network"].pop("regularizers")  # of 40 rows, not of 50
    ours["network"].pop("regularizers")
    assert theirs == ours


def test_an_archive_with_parts_of_its_own_and_other_names():
    x, y = arrays()
    parts = {f"{name}{part}": array for part in ("", "_validation", "_test") for name, array in (("z", x), ("t", y))}
    np.savez("table.npz", **parts)
    text = configuration_for("table.npz", "t")
    data = data_of(text)
    assert (data["x"], data["y"]) == ("z", "t")
    assert not {"test_share", "validation_share"} & data.keys()
    assert "early-stopping" in text
    assert set(Trainer(config_of(text)).fit().samples) == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("stored", "target", "problem"),
    [
        ({"a": np.eye(4)}, None, "which array holds the targets"),
        ({"a": np.eye(4), "b": np.eye(4), "y": [0, 1, 0, 1]}, None, "which array holds the samples, x"),
        ({"x": np.zeros((4, 2, 2)), "y": [0, 1, 0, 1]}, None, "samples of shape 2×2; rows of columns are needed"),
        ({"x": np.eye(4), "y": [0, 1, 0]}, None, "array 'y' has 3 samples, x has 4"),
    ],
)
def test_archives_that_are_refused(stored, target, problem):
    np.savez("table.npz", **stored)
    with pytest.raises(DataError, match=f"^table.npz: .*{problem}"):
        configuration_for("table.npz", target)
