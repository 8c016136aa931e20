from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.writing import member, npy

from modnet import DataError, Trainer
from modnet.data.datasets.arrays import Npy
from modnet.data.npy import Concatenated, open_npy
from modnet.data.row_source import RowSource

X = np.random.default_rng(0).integers(0, 255, (300, 4)).astype(np.uint8)
Y = (X[:, 0] > X[:, 1]).astype(int)


def folder(path: Path, **arrays: Any) -> Path:
    path.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(path / f"{name.replace('__', '-')}.npy", array)
    return path


def train(path: Path, **options: Any) -> Any:
    data = {"kind": "npy", "path": str(path), **options}
    return Trainer.from_config({"epochs": 2, "data": data, "network": {"layers": [3, 2]}}).fit()


@pytest.mark.parametrize("parts", ["whole", "pieces"])
def test_trains_as_the_arrays_do(parts: str, tmp_path: Path) -> None:
    held_out = {"x_validation": X[:50], "y_validation": Y[:50], "x_test": X[50:80], "y_test": Y[50:80]}
    if parts == "whole":
        folder(tmp_path, x=X, y=Y, **held_out)
    else:  # sorted by number, not by name
        folder(tmp_path, x__8=X[:100], x__9=X[100:101], x__10=X[101:], y__1=Y[:200], y__2=Y[200:], **held_out)
    config = {"epochs": 2, "data": {"transforms": ["standard"]}, "network": {"layers": [3, 2]}}
    plain = Trainer.from_config(config).fit(X, Y, validation=(X[:50], Y[:50]), test=(X[50:80], Y[50:80]))
    run = train(tmp_path, transforms=["standard"])
    assert run.network.parameters.tobytes() == plain.network.parameters.tobytes()
    assert [{**row, "seconds": 0} for row in run.history] == [{**row, "seconds": 0} for row in plain.history]
    assert isinstance(run.samples["train"].x, RowSource)


def test_other_names_and_text_labels(tmp_path: Path) -> None:
    folder(tmp_path, pixels=X, kind=np.array(["no", "yes"])[Y])
    run = train(tmp_path, x="pixels", y="kind", validation_share=0.2)
    assert run.network.classes.tolist() == ["no", "yes"]
    assert {part: len(samples) for part, samples in run.samples.items()} == {"train": 240, "validation": 60}


@pytest.mark.parametrize("rows", [slice(0, 300), slice(90, 110), slice(250, 400), [0, 99, 100, 299], [100], []])
def test_concatenated_rows(rows: Any) -> None:
    rows = rows if isinstance(rows, slice) else np.array(rows, dtype=int)
    together = Concatenated([X[:100], X[100:101], X[101:]])
    assert together.shape == X.shape
    assert (together[rows] == X[rows]).all()
    assert together[rows].shape == X[rows].shape


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no x": ({"y": Y}, "{}: has neither x.npy nor x-000.npy"),
    "no y": ({"x": X}, "{}: has neither y.npy nor y-000.npy"),
    "half a part": ({"x": X, "y": Y, "x_test": X}, "{}: there is an array 'x_test', but no array 'y_test'"),
    "whole and pieces": (
        {"x": X, "x__0": X, "y": Y},
        "{}: holds x.npy and x-0.npy; only one of them can be the array 'x'",
    ),
    "a gap": ({"x__0": X, "x__2": X, "y": Y}, "{}: x-2.npy does not follow number 0; each number must be there once"),
    "twice": ({"x__1": X, "x__01": X, "y": Y}, "{}: x-1.npy does not follow number 1; each number must be there once"),
    "other columns": (
        {"x__0": X, "x__1": X[:, 1:], "y": Y},
        "{}: x-1.npy holds uint8 of shape (300, 3), x-0.npy holds uint8 of shape (300, 4)",
    ),
    "objects": (
        {"x": X.astype(object), "y": Y},
        "{}/x.npy: holds 'object' elements; allowed are numbers and text, no Python objects",
    ),
    "text": ({"x": X.astype(str), "y": Y}, "{}: training x: row 0, column 0 (counted from 0) is '…"),
    "nan": (
        {"x": np.where(np.arange(1200).reshape(300, 4) == 402, np.nan, X), "y": Y},
        "{}: training x: row 100, column 2 (counted from 0) is nan; values must be finite",
    ),
    "no rows": ({"x": X[:0], "y": Y[:0]}, "{}: training x is empty, shape (0, 4); at least one row and one…"),
    "other lengths": ({"x": X, "y": Y[:299]}, "{}: training y has 299 samples, x has 300"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line(name: str, tmp_path: Path) -> None:
    arrays, message = WRONG[name]
    with pytest.raises(DataError) as caught:
        train(folder(tmp_path, **arrays))
    expected = message.format(tmp_path)
    assert str(caught.value).startswith(expected.rstrip("…"))
    assert "\n" not in str(caught.value)


FILES = {
    "empty": (b"", ""),
    "no array": (b"PK\x03\x04 something else", ""),
    "cut off": (member(X)[:-1], "shape (300, 4) of uint8 needs 1200 bytes, 1199 are there"),
    "too long": (member(X) + b"\0", "shape (300, 4) of uint8 needs 1200 bytes, 1201 are there"),
    "a promise": (npy("(1 << 60, 8)"), ""),
    "too large": (npy("(9223372036854775807, 8)"), "shape (9223372036854775807, 8) of float64 needs 5"),
    "pickled": (member(X.astype(object), pickled=True), "holds 'object' elements; allowed are numbers and text"),
    "no bools": (npy("(2, 2)", "'|b1'", b"\0\1\2\1"), "holds bools that are neither 0 nor 1"),
}


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    content, message = FILES[name]
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_npy(tmp_path, "x")
    assert str(caught.value).startswith(f"{tmp_path / 'x.npy'}: {message}")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no-folder: cannot be read: .*No such file"):
        Npy(path=str(tmp_path / "no-folder")).load()
    (tmp_path / "x.npy").mkdir()
    with pytest.raises(DataError, match="is a folder; a file is expected"):
        open_npy(tmp_path, "x")
