from __future__ import annotations

import builtins
import datetime as dt
import decimal
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modnet import ConfigError, DataError, Trainer
from modnet.data.datasets.tables import Parquet
from modnet.data.parquet.reading import read_parquet
from modnet.data.roles import Roles
from modnet.data.row_source import RowSource
from modnet.data.table import Table

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS = 10_000
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=ROWS).astype(np.float32), RNG.integers(-9, 9, ROWS).astype(np.int8)
LABELS = np.where(A > B, "above", "below")


def write(path: Path, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), path, row_group_size=3000)
    return path


def train(path: Path, target: str = "y", last: Any = 2, **options: Any) -> Any:
    data = {"kind": "parquet", "path": str(path), "target": target, **options}
    config = {"epochs": 1, "dtype": "float32", "data": data, "network": {"layers": [3, last]}}
    config["optimizer"] = {"learning_rate": 0.01}
    return Trainer.from_config(config).fit()


@pytest.mark.parametrize("encode", [list, lambda labels: pa.array(list(labels)).dictionary_encode()])
def test_trains_as_the_arrays_do(encode: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", a=A, y=encode(LABELS), b=B)
    test = write(tmp_path / "b.parquet", y=encode(LABELS[:50]), extra=A[:50], b=B[:50], a=A[:50])
    run = train(path, test_path=str(test), validation_share=0.3, transforms=["min-max"])
    x = np.column_stack([A, B])
    config = {"epochs": 1, "dtype": "float32", "network": {"layers": [3, 2]}}
    config |= {"optimizer": {"learning_rate": 0.01}, "data": {"validation_share": 0.3, "transforms": ["min-max"]}}
    plain = Trainer.from_config(config).fit(x, LABELS, test=(x[:50], LABELS[:50]))
    assert run.network.features == ("a", "b")
    assert run.network.parameters.tobytes() == plain.network.parameters.tobytes()
    assert [{**row, "seconds": 0} for row in run.history] == [{**row, "seconds": 0} for row in plain.history]


@pytest.mark.parametrize(
    ("columns", "dtype"),
    [
        ({"a": A, "b": B}, "float32"),
        ({"a": A.astype(np.float16), "b": B}, "float16"),
        ({"b": B, "c": B > 0}, "int8"),
        ({"c": B > 0}, "bool"),
        ({"a": A, "b": B.astype(np.int64)}, "float64"),
    ],
)
def test_the_copy_has_the_smallest_dtype_that_holds_all(columns: Any, dtype: str, tmp_path: Path) -> None:
    x = read_parquet(write(tmp_path / "a.parquet", y=B, **columns), Roles("y")).x
    assert x.dtype == dtype
    assert isinstance(x, np.memmap)
    assert (x == np.column_stack(list(columns.values()))).all()


def test_the_copy_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = write(tmp_path / "a.parquet", a=A, y=B > 0)
    assert train(path).network.classes.tolist() == [False, True]
    assert list(tmp_path.iterdir()) == [path]


def test_targets_that_are_numbers(tmp_path: Path) -> None:
    linear = {"kind": "dense", "units": 1, "activation": "identity"}
    run = train(write(tmp_path / "a.parquet", a=A, b=B, y=A + B), last=linear)
    assert run.network.classes is None


ONE_HOT, IMPUTE = (
    f'; remedies: a transform (data.transforms = ["{transform}"]) or data.exclude = ["a"]'
    for transform in ("one-hot", "impute")
)
OTHER_TYPE = 'allowed are integers, bools and floats; remedies: another type, or data.exclude = ["a"]'
NULL = [*A[:7000].tolist(), None, *A[7001:].tolist()]
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no target": ({"a": A}, "no column 'y'; the columns are 'a'"),
    "nothing besides": ({"y": B}, "no column besides 'y'; at least one feature is needed"),
    "text": ({"a": LABELS, "y": B}, "column 'a' holds string values; allowed are integers, bools and floats" + ONE_HOT),
    "lists": (
        {"a": [[1.0]] * ROWS, "y": B},
        f"column 'a' holds list<element: double> values; {OTHER_TYPE}",
    ),
    "dates": (
        {"a": A, "y": np.zeros(ROWS, "M8[s]")},
        "column 'y' holds timestamp[ms] values; allowed are integers, bools, floats and text",
    ),
    "null": ({"a": NULL, "y": B}, "row 7000 (counted from 0), column 'a' is null; every value is needed" + IMPUTE),
    "null target": ({"a": A, "y": NULL}, "row 7000 (counted from 0), column 'y' is null; every value is needed"),
    "nan": (
        {"a": np.where(np.arange(ROWS) == 7000, np.nan, A), "y": B},
        "row 7000 (counted from 0), column 'a' is nan; a finite number is expected" + IMPUTE,
    ),
    "no rows": ({"a": A[:0], "y": B[:0]}, "holds no rows"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line(name: str, tmp_path: Path) -> None:
    columns, message = WRONG[name]
    path = write(tmp_path / "a.parquet", **columns)
    with pytest.raises(DataError) as caught:
        train(path, last=18)
    assert str(caught.value) == f"{path}: {message}"


def test_columns_with_one_name(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.Table.from_arrays([pa.array(B), pa.array(A), pa.array(A)], ["y", "a", "a"]), path)
    with pytest.raises(DataError, match="more than one column 'a'"):
        read_parquet(path, Roles("y"))


@pytest.mark.parametrize("cut", [0, 3, 200, -9, -1])
def test_damaged_files(cut: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", a=A, y=B)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError) as caught:
        read_parquet(path, Roles("y"))
    assert str(caught.value).startswith(f"{path}: not a readable Parquet file: ")
    assert "\n" not in str(caught.value)


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *error: object) -> None: ...

        def write(self, content: Any) -> None:
            raise OSError(28, f"No space left on device for {len(content)}")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with pytest.raises(DataError, match=r"a\.parquet: cannot be copied to .* \(TMPDIR\): No space left on device"):
        read_parquet(write(tmp_path / "a.parquet", a=A, y=B), Roles("y"))


def test_pyarrow_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return original(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError) as caught:
        Parquet(path="a.parquet", target="y").load()
    assert str(caught.value) == "data.kind 'parquet' needs pyarrow: pip install pyarrow"


def cells(table: Table) -> list[list[object]]:
    """The columns of a table, with their texts; a missing value is None."""
    return [
        [None if math.isnan(v) else table.texts[c][int(v)] if c in table.texts else v for v in column]
        for c, column in enumerate(table.values[:].T.tolist())
    ]


TOWNS = [None if row % 7 == 0 else f"town {row * row % 11}" for row in range(ROWS)]
HOLES = [None if row % 5000 == 4999 else row for row in range(ROWS)]
BOOLS = [None if row == 9000 else row % 3 == 0 for row in range(ROWS)]


@pytest.mark.parametrize(
    "encode",
    [pa.array, lambda texts: pa.array(texts).dictionary_encode(), lambda texts: pa.array(texts, "large_string")],
)
def test_text_and_nulls(tmp_path: Path, encode: Any) -> None:
    columns = {
        "a": A,
        "town": encode(TOWNS),
        "hole": pa.array(HOLES, "int16"),
        "is": BOOLS,
        "none": pa.nulls(ROWS),
        "b": B,
    }
    table = read_parquet(write(tmp_path / "a.parquet", y=B, **columns), Roles("y"), transforms=True)
    assert table.kinds == ("number", "text", "number", "number", "number", "number")
    assert isinstance(table.x, Table)
    assert isinstance(table.x.values, RowSource)
    assert table.x.values.dtype == np.float32
    assert table.x.names == table.features == tuple(columns)
    assert cells(table.x) == [A.tolist(), TOWNS, HOLES, BOOLS, [None] * ROWS, B.tolist()]
    assert table.x.texts[1].tolist() == list(dict.fromkeys(filter(None, TOWNS)))
    assert table.x.text_places == {1: "row 1 (counted from 0): 'town 1'"}
    places = {1: 0, 2: 4999, 3: 9000, 4: 0}
    assert table.x.missing_places == {column: f"row {row} (counted from 0)" for column, row in places.items()}


def test_nan_is_a_missing_value_with_transforms(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", y=B, a=np.where(np.arange(ROWS) == 7000, np.nan, A), b=B.astype(np.int64))
    x = read_parquet(path, Roles("y"), transforms=True).x
    assert (x.values.dtype, x.missing_places) == (np.float64, {0: "row 7000 (counted from 0)"})
    assert np.isnan(x.values[:]).sum() == 1


def test_without_text_and_nulls_there_is_no_table(tmp_path: Path) -> None:
    x = read_parquet(write(tmp_path / "a.parquet", y=B, b=B), Roles("y"), transforms=True).x
    assert (type(x), x.dtype) == (np.memmap, np.int8)


def test_a_further_file_holds_what_the_training_file_did(tmp_path: Path) -> None:
    training = read_parquet(
        write(tmp_path / "a.parquet", a=A[:9], town=TOWNS[:9], y=B[:9]), Roles("y"), transforms=True
    )

    def other(**columns: Any) -> Any:
        path = write(tmp_path / "b.parquet", y=B[:3], **columns)
        return read_parquet(path, Roles("y"), transforms=True, training=training)

    table = other(town=["new", None, "town 1"], more=B[:3], a=[None, 1.5, 2.5])
    assert cells(table.x) == [[None, 1.5, 2.5], ["new", None, "town 1"]]
    assert cells(other(town=pa.nulls(3), a=A[:3]).x)[1] == [None] * 3
    assert other(town=pa.nulls(3), a=A[:3]).kinds == training.kinds
    with pytest.raises(DataError, match=r"column 'a' holds string values; numbers are expected, as in training$"):
        other(town=["x"] * 3, a=["x"] * 3)
    with pytest.raises(DataError, match=r"column 'town' holds int8 values; text is expected, as in training$"):
        other(town=B[:3], a=A[:3])


DATES = 'remedies: numbers in its place (year, month, days since a day), or data.exclude = ["a"]'


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([dt.date(2024, 3, 1)] * 3, f"column 'a' holds date32[day] values; {DATES}"),
        (np.zeros(3, "M8[us]"), f"column 'a' holds timestamp[us] values; {DATES}"),
        (
            [None, "2024-03-01", "2024-03-02"],
            f"row 1 (counted from 0), column 'a' is '2024-03-01'; the column holds dates; {DATES}",
        ),
        (
            [decimal.Decimal("1.5")] * 3,
            f"column 'a' holds decimal128(2, 1) values; {OTHER_TYPE.replace(' and floats', ', floats and text')}",
        ),
        (["x", "b" * 1001, "y"], f"column 'a': '{'b' * 59}…; at most 1000 characters and 16777216 texts are expected"),
    ],
)  # fmt: skip
def test_what_is_refused_with_transforms(tmp_path: Path, column: Any, message: str) -> None:
    path = write(tmp_path / "a.parquet", a=column, y=[1, 2, 3])
    with pytest.raises(DataError) as caught:
        read_parquet(path, Roles("y"), transforms=True)
    assert str(caught.value) == f"{path}: {message}"


def test_roles_of_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", id=TOWNS, a=A, b=B, who=np.arange(ROWS) % 5, y=B)
    table = read_parquet(path, Roles("y", group="who", exclude=("id",)))
    assert table.features == ("a", "b")
    assert table.groups.tolist() == (np.arange(ROWS) % 5).tolist()
    assert read_parquet(path, Roles("y", columns=("b", "a"))).x[3].tolist() == [B[3], A[3]]
    data = Parquet(path=str(path), target="y", group="who", exclude=("id",), test_path=str(path)).load()
    assert (data.features, data.groups[:3].tolist(), len(data.test[0])) == (("a", "b"), [0, 1, 2], ROWS)
    with pytest.raises(
        DataError, match=r"a\.parquet: no column 'ID', which data\.exclude names; .*; did you mean 'id'\?$"
    ):
        read_parquet(path, Roles("y", exclude=("ID",)))
    with pytest.raises(DataError, match=r"row 0 \(counted from 0\), column 'id' is null; every value is needed"):
        read_parquet(path, Roles("y", group="id"))
