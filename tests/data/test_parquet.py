from __future__ import annotations

import builtins
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modnet import ConfigError, DataError, Trainer
from modnet.data.parquet import read_parquet
from modnet.data.table_files import Parquet

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
    x = read_parquet(write(tmp_path / "a.parquet", y=B, **columns), "y").pair[0]
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


NULL = [*A[:7000].tolist(), None, *A[7001:].tolist()]
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no target": ({"a": A}, "no column 'y'; the columns are 'a'"),
    "nothing besides": ({"y": B}, "no column besides 'y'; at least one feature is needed"),
    "text": ({"a": LABELS, "y": B}, "column 'a' holds string values; allowed are integers, bools and floats"),
    "lists": (
        {"a": [[1.0]] * ROWS, "y": B},
        "column 'a' holds list<element: double> values; allowed are integers, bools and floats",
    ),
    "dates": (
        {"a": A, "y": np.zeros(ROWS, "M8[s]")},
        "column 'y' holds timestamp[ms] values; allowed are integers, bools, floats and text",
    ),
    "null": ({"a": NULL, "y": B}, "row 7000 (counted from 0), column 'a' is null; every value is needed"),
    "null target": ({"a": A, "y": NULL}, "row 7000 (counted from 0), column 'y' is null; every value is needed"),
    "nan": (
        {"a": np.where(np.arange(ROWS) == 7000, np.nan, A), "y": B},
        "training x: row 7000, column 0 (counted from 0) is nan; values must be finite",
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
    with pytest.raises(DataError, match="two columns have the name 'a'"):
        read_parquet(path, "y")


@pytest.mark.parametrize("cut", [0, 3, 200, -9, -1])
def test_damaged_files(cut: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", a=A, y=B)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError) as caught:
        read_parquet(path, "y")
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
        read_parquet(write(tmp_path / "a.parquet", a=A, y=B), "y")


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
