"""CSV files with text, missing values, and cells that are written in other ways."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from data.test_csv import read, refusal, rows, write

from modnet import ConfigError, Trainer, load_config
from modnet.data.csv.reading import read_rows
from modnet.data.csv.rows import CsvFormat
from modnet.data.table import Table

TOWNS = "size,town,age,y\n1.5,Berlin,30,a\n2,Rome,,b\n,Berlin,40,a\n4,NA,-1e3,b\n"


def cells(table: Table) -> list[list[object]]:
    """The rows of a table, with their texts; a missing value is None."""
    return [
        [None if math.isnan(v) else table.texts[c][int(v)] if c in table.texts else v for c, v in enumerate(row)]
        for row in table.values.tolist()
    ]


def test_text_and_missing_values(tmp_path: Path) -> None:
    table = read(write(tmp_path, TOWNS), transforms=True)
    assert table.kinds == ("number", "text", "number")
    assert isinstance(table.x, Table)
    assert table.x.names == table.features == ("size", "town", "age")
    assert cells(table.x) == [[1.5, "Berlin", 30.0], [2.0, "Rome", None], [None, "Berlin", 40.0], [4.0, None, -1e3]]
    assert table.x.text_places == {1: "line 2: 'Berlin'"}
    assert table.x.missing_places == {0: "line 4", 1: "line 5", 2: "line 3"}
    assert table.y.tolist() == ["a", "b", "a", "b"]


def test_numbers_alone_are_an_array_but_with_transforms_their_lines_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path, "a,y\n\n1,2\n")
    assert type(read(path).x) is np.ndarray
    x = read(path, transforms=True).x
    assert isinstance(x, Table)
    assert (x.values.tolist(), x.names, x.place(0)) == ([[1.0]], ("a",), "line 3")


@pytest.mark.parametrize("late", [3, 255, 256, 5000])
def test_a_text_after_many_numbers(tmp_path: Path, late: int) -> None:
    column = ["01", "1", *map(str, range(3, late)), "x ", " 1", "inf", "1.0"]
    path = write(tmp_path, "a,b,y\n" + "".join(f"{cell},{row},2\n" for row, cell in enumerate(column)))
    table = read(path, transforms=True)
    assert table.kinds == ("text", "number")
    assert [row[0] for row in cells(table.x)] == [cell.strip() for cell in column]
    assert table.x.values[:, 1].tolist() == list(range(len(column)))
    assert table.x.text_places == {0: f"line {column.index('x ') + 2}: 'x'"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,y\n1,2\ninf,3\n", "line 3, column 'a': 'inf'; a finite number is expected"),
        (f"a,y\n1,2\n{'b' * 1001},3\n", f"line 3, column 'a': '{'b' * 59}…; a text of at most 1000 characters is …"),
        ("a,y\n2024-03-01,2\nNA,1\n2024-03-02 12:30:00Z,1\n", "line 2, column 'a': '2024-03-01'; the column holds da…"),
        (
            "a,y\n01.03.2024,2\n2.3.2024,1\n",
            (
                "line 2, column 'a': '01.03.2024'; the column holds dates; remedies: numbers in its place (year, "
                'month, days since a day), or data.exclude = ["a"]'
            ),
        ),
        ("a,y\n,2\n12/31/2024,1\n", "line 3, column 'a': '12/31/2024'; the column holds dates; …"),
        (
            'a,y\n1,2\n"1,5",2\n',
            (
                "line 3, column 'a': '1,5'; the column holds numbers with the decimal mark ','; remedies: '.' in its "
                'place, or data.exclude = ["a"]'
            ),
        ),
    ],
)
def test_columns_that_are_refused(tmp_path: Path, content: str, message: str) -> None:
    found = refusal(write(tmp_path, content), transforms=True)
    assert found == message or (message.endswith("…") and found.startswith(message[:-1])), found


def test_dates_beside_other_texts_are_texts(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a,y\n2024-03-01,2\nnever,1\n"), transforms=True).kinds == ("text",)


def test_separators_and_decimal_marks(tmp_path: Path) -> None:
    path = write(tmp_path, 'a;b;y\n1,5;-2e3;"x;y"\n;7;z\n')
    table = read(path, csv_format=CsvFormat(";", ","), transforms=True)
    assert cells(table.x) == [[1.5, -2000.0], [None, 7.0]]
    assert table.y.tolist() == ["x;y", "z"]
    number = "a finite number is expected; if ',' is the decimal mark: data.decimal = \",\"; remedies: a transform …"
    assert refusal(path, csv_format=CsvFormat(";")).startswith(f"line 2, column 'a': '1,5'; {number[:-1]}")
    tabs = write(tmp_path, "a\ty\n1\t1,5\n2\t2\n")
    assert read(tabs, csv_format=CsvFormat("\t", ",")).y.tolist() == [[1.5], [2.0]]
    mixed = write(tmp_path, "a;y\n1,5;2\n1.234;2\n")
    assert refusal(mixed, csv_format=CsvFormat(";", ",")).startswith("line 3, column 'a': '1.234'; a finite number is")
    both = refusal(mixed, csv_format=CsvFormat(";", ","), transforms=True)
    assert both.startswith("line 3, column 'a': '1.234'; the column holds numbers with the decimal mark '.'; remedies:")


@pytest.mark.parametrize(
    ("header", "separator", "seems"),
    [
        ("a;b;y", ",", "';': data.separator = \";\""),
        ("a\ty", ",", "a tab, '\\t': data.separator = \"\\t\""),
        ("a,b\t,y", ";", "',': data.separator = \",\""),
    ],
)
def test_a_wrong_separator_is_recognised(tmp_path: Path, header: str, separator: str, seems: str) -> None:
    path = write(tmp_path, header + "\n1\n")
    message = f"line 1: one cell, {header!r}, with the separator '{separator}'; it seems to be {seems}"
    assert refusal(path, csv_format=CsvFormat(separator)) == message
    assert refusal(path, ("a", "b"), 2, read=rows, csv_format=CsvFormat(separator)) == message
    assert refusal(path, None, 2, read=rows, csv_format=CsvFormat(separator)) == message


def test_what_stands_for_a_missing_value(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b,y\n-999,?,1\n 1 , nan,2\n-999.0,NA,3\n")
    table = read(path, csv_format=CsvFormat(missing=frozenset({"-999", "?"})), transforms=True)
    assert cells(table.x) == [[None, None], [1.0, "nan"], [-999.0, "NA"]]
    assert cells(read(path, transforms=True).x) == [[-999.0, "?"], [1.0, None], [-999.0, None]]


def test_a_missing_target_is_refused(tmp_path: Path) -> None:
    expected = "every row needs a target: remove this row"
    assert refusal(write(tmp_path, "a,y\n1,x\n2,\n")) == f"line 3, column 'y': empty; {expected}"
    named = f"line 3, column 'y': 'NA', a missing value; {expected}, or take it out of data.missing"
    assert refusal(write(tmp_path, "a,y\n1,x\n2,NA\n")) == named


def test_columns_and_exclude(tmp_path: Path) -> None:
    path = write(tmp_path, "id,a,b,w,y\nx7,1,2,3,4\n")
    assert read(path, roles={"exclude": ("id",), "weight": "w"}).features == ("a", "b")
    chosen = read(path, roles={"columns": ("b", "a")})
    assert (chosen.features, chosen.x.tolist()) == (("b", "a"), [[2.0, 1.0]])
    other = write(tmp_path, "y,a,id,b,new\n4,1,x,2,text\n")
    assert read(other, roles={"columns": ("b", "a")}, training=chosen).x.tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        (
            {"exclude": ("sise",)},
            "no column 'sise', which data.exclude names; the columns are 'size', 'town', 'age', …",
        ),
        ({"columns": ("age", "Town")}, "no column 'Town', which data.columns names; the columns are …; did you mean…"),
        ({"columns": ("age", "y")}, "column 'y' cannot be both target and a feature"),
        ({"columns": ("age", "age")}, "data.columns has 'age' twice"),
        ({"columns": ("age",), "exclude": ("age",)}, "column 'age' is both in data.columns and in data.exclude"),
        ({"group": "twon"}, "no column 'twon', which is to hold the groups; the columns are 'size', 'town', 'age', …"),
        ({"group": "y"}, "column 'y' cannot be both target and group"),
        ({"group": "town", "weight": "town"}, "column 'town' cannot be both weight and group"),
        ({"exclude": ("size", "town", "age")}, "no column besides 'y' and 'size', 'town', 'age', which data.exclude …"),
    ],
)
def test_names_that_cannot_be_used(tmp_path: Path, roles: dict[str, object], message: str) -> None:
    found = refusal(write(tmp_path, TOWNS), roles=roles)
    start, _, end = f"line 1: {message}".partition("…")
    assert found.startswith(start) if message.endswith("…") else found == start
    assert end.rstrip("…") in found
    if "no column '" in message:
        assert "; did you mean '" in found


def test_groups(tmp_path: Path) -> None:
    path = write(tmp_path, "who,a,y\n007,1,2\n 7,3,4\nAda,5,6\n")
    table = read(path, roles={"group": "who"})
    assert table.features == ("a",)
    assert (table.groups.dtype, table.groups.tolist()) == (object, ["007", "7", "Ada"])
    assert read(write(tmp_path, "a,y\n1,2\n"), roles={"group": "who"}, training=table).groups is None
    missing = write(tmp_path, "who,a,y\n1,1,2\n,3,4\n")
    assert refusal(missing, roles={"group": "who"}) == "line 3, column 'who': empty; a group is expected"


def test_a_further_file_holds_what_the_training_file_did(tmp_path: Path) -> None:
    training = read(write(tmp_path, TOWNS), transforms=True)
    other = read(write(tmp_path, "town,age,size,y\n 7 ,1,2,b\n,3,,a\n"), transforms=True, training=training)
    assert other.kinds == training.kinds
    assert cells(other.x) == [[2.0, "7", 1.0], [None, None, 3.0]]
    assert other.x.text_places == {1: "line 2: '7'"}
    text = write(tmp_path, "town,age,size,y\nRome,old,2,b\n")
    expected = "line 2, column 'age': 'old'; a finite number is expected, as in training"
    assert refusal(text, transforms=True, training=training) == expected


def test_rows_to_predict_for(tmp_path: Path) -> None:
    names, kinds = ("size", "town", "age"), ("number", "text", "number")
    path = write(tmp_path, "id,town,age,size\n0042,3,,1\nx,,4,2\n")
    x, kept, lines = read_rows(path, names, 3, kinds=kinds, keep=("id", "age"))
    assert cells(x) == [[1.0, "3", None], [2.0, None, 4.0]]
    assert kept == {"id": ["0042", "x"], "age": ["", "4"]}
    assert list(lines) == [2, 3]
    path = write(tmp_path, "1;Rome;3,5\n")
    assert cells(rows(path, names, 3, False, kinds=kinds, csv_format=CsvFormat(";", ","))) == [[1.0, "Rome", 3.5]]
    expected = "line 1, column 3: '3,5'; a finite number is expected, as in training"
    expected += "; if ',' is the decimal mark: data.decimal = \",\""
    arguments = (names, 3, False)
    assert refusal(path, *arguments, read=rows, kinds=kinds, csv_format=CsvFormat(";")) == expected
    keep = "line 1: is a row; a header is needed to find column 'id'"
    assert refusal(path, *arguments, read=rows, csv_format=CsvFormat(";"), keep=("id",)) == keep


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for content, expected in (
        (b"1,2\n", [[1.0, 2.0]]),
        (b"1,x\n", "<stdin>: line 1, column 2: 'x'; a finite number …"),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        if isinstance(expected, list):
            assert rows("-", None, 2).tolist() == expected
            assert not sys.stdin.closed
        else:
            with pytest.raises(Exception, match=expected[:40].replace("(", ".")):
                rows("-", None, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"separator": ";;"}, "data.separator: "),
        ({"separator": ""}, "data.separator: "),
        ({"separator": '"'}, "data.separator: '\"' should be a character that no number, name or quoted cell needs"),
        ({"separator": "a"}, "data.separator: 'a' should be a character that no number, name or quoted cell needs"),
        ({"decimal": ","}, "data: decimal and separator are both ','; they should differ"),
        ({"decimal": "'"}, "data.decimal: "),
        ({"missing": ["", " x"]}, "data.missing: ' x' should have no spaces around it: those of cells are ignored"),
        ({"columns": []}, "data.columns: "),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"data": {"kind": "csv", "path": "t.csv", "target": "y", **options}})
    assert str(caught.value).startswith(message), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_dataset_has_these_options(tmp_path: Path) -> None:
    path = write(tmp_path, "who\tid\ta\tb\ty\n1\tq\t1,5\t-999\tu\n2\tr\t?\tx\tv\n2\ts\t3\ty\tu\n")
    table = {"kind": "csv", "path": str(path), "target": "y", "separator": "\t", "decimal": ",", "missing": ["?", -999]}
    table |= {"group": "who", "exclude": ["id"], "test_path": str(path), "transforms": ["impute", "one-hot"]}
    dataset = load_config({"data": table}).data
    assert type(dataset).model_validate(dataset.model_dump()) == dataset
    data = dataset.load()
    assert cells(data.train[0]) == cells(data.test[0]) == [[1.5, None], [None, "x"], [3.0, "y"]]
    assert (data.features, data.groups.tolist()) == (("a", "b"), ["1", "2", "2"])


def test_the_same_rows_train_alike_wherever_they_are(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rng = np.random.default_rng(0)
    size = [None if row % 9 == 4 else float(value) for row, value in enumerate(rng.normal(size=60))]
    town = [None if row % 7 == 3 else ["Rome", "Oslo", "Bonn"][row % 3] for row in range(60)]
    y = [["in", "out"][row % 2] for row in range(60)]
    table = pa.table({"size": size, "town": town, "y": y})
    parquet.write_table(table, tmp_path / "t.parquet", row_group_size=17)
    rows = [
        ["size", "town", "y"],
        *zip(["" if v is None else repr(v) for v in size], [t or "NA" for t in town], y, strict=True),
    ]
    write(tmp_path, "\n".join(map(",".join, rows)))
    transforms = {"transforms": [{"kind": "impute", "columns": "all"}, "standard", "one-hot"], "validation_share": 0.2}
    config = {"epochs": 2, "network": {"layers": [3, 2]}}

    def train(*samples: object, **data: object) -> bytes:
        network = Trainer.from_config(config | {"data": data | transforms}).fit(*samples).network
        assert network.features == ("size", "town")
        return network.parameters.tobytes()

    of_csv = train(kind="csv", path=str(tmp_path / "t.csv"), target="y")
    assert train(kind="parquet", path=str(tmp_path / "t.parquet"), target="y") == of_csv
    assert train(table.select(["size", "town"]), y) == of_csv
