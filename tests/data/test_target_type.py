"""What targets of files that have types are read as: `data.target_type` of Parquet files and arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modnet import DataError, Trainer
from modnet.core.interfaces import Dataset

IDENTITY = {"kind": "dense", "units": 1, "activation": "identity"}
X = np.linspace(0.0, 1.0, 12)


def stored(folder: Path, kind: str, y: Any) -> dict[str, Any]:
    """Write the targets with some samples, and return the table of the dataset."""
    if kind == "npz":
        np.savez(folder / "my.npz", x=X[:, None], y=y)
        return {"kind": "npz", "path": str(folder / "my.npz")}
    if kind == "npy":
        np.save(folder / "x.npy", X[:, None])
        np.save(folder / "y.npy", y)
        return {"kind": "npy", "path": str(folder)}
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"x": X, "y": y}), folder / "my.parquet")
    return {"kind": "parquet", "path": str(folder / "my.parquet"), "target": "y"}


KINDS = pytest.mark.parametrize("kind", ["npz", "npy", "parquet"])


def targets(data: dict[str, Any], target_type: str) -> np.ndarray:
    return np.asarray(Dataset.resolve(data | {"target_type": target_type}).load().train[1])


@KINDS
def test_integers_may_be_numbers_to_predict(tmp_path: Path, kind: str) -> None:
    data = stored(tmp_path, kind, np.arange(12) * 3)
    assert targets(data, "auto").dtype.kind == "i"
    np.testing.assert_array_equal(targets(data, "number"), np.arange(12) * 3.0, strict=True)
    config = {"epochs": 1, "data": data | {"target_type": "number"}, "network": {"layers": [IDENTITY]}}
    run = Trainer.from_config(config).fit()
    assert run.network.classes is None


@KINDS
def test_whole_floats_may_be_labels(tmp_path: Path, kind: str) -> None:
    data = stored(tmp_path, kind, np.arange(12) % 3 * 1.0)
    assert targets(data, "auto").dtype.kind == "f"
    np.testing.assert_array_equal(targets(data, "integer"), np.arange(12) % 3, strict=True)


@KINDS
@pytest.mark.parametrize(
    ("target_type", "y", "problem"),
    [
        ("number", ["a", "b"] * 6, """'y': holds text, such as 'a'; data.target_type = "number" needs numbers"""),
        ("integer", ["a", "b"] * 6, """'y': holds text, such as 'a'; data.target_type = "integer" needs numbers"""),
        ("integer", [0.0, 1.0, 0.5] * 4, """row 2 (counted from 0) is 0.5; data.target_type = "integer" needs whole"""),
        ("integer", [0.0, np.inf, 1.0] * 4, "row 1 (counted from 0) is inf"),
        ("integer", [0.0, np.nan, 1.0] * 4, "row 1 (counted from 0) is nan"),
    ],
)
def test_what_is_neither_is_refused(tmp_path: Path, kind: str, target_type: str, y: list[Any], problem: str) -> None:
    data = stored(tmp_path, kind, np.array(y))
    with pytest.raises(DataError) as error:
        targets(data, target_type)
    assert problem in str(error.value)
    assert str(error.value).startswith(str(tmp_path))
