from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from data.writing import images, labels
from pydantic import ValidationError

from modnet.core.errors import DataError
from modnet.data.datasets.arrays import Digits, Idx, Npz
from modnet.data.datasets.tables import Csv


def test_digits_are_the_real_ones() -> None:
    from sklearn.datasets import load_digits  # which takes half a second

    bundled = load_digits()
    data = Digits().load()
    groups = [np.flatnonzero(bundled.target == digit) for digit in range(10)]
    tests = sorted(row for place, row in enumerate(np.concatenate(groups)) if place % 5 == 0)
    train = [row for row in range(1797) if row not in set(tests)]
    assert data.test is not None
    for (x, y), rows in ((data.train, train), (data.test, tests)):
        assert x.dtype == np.float64
        assert (x == bundled.data[rows] / 16).all()
        assert (y == bundled.target[rows]).all()


def test_digits_are_split_fairly() -> None:
    data = Digits().load()
    assert data.test is not None
    assert data.validation is None
    counts = [np.bincount(y) for _, y in (data.train, data.test)]
    assert [int(count.sum()) for count in counts] == [1437, 360]
    assert np.abs(counts[1] - (counts[0] + counts[1]) / 5).max() < 1
    assert (data.train[0].min(), data.train[0].max()) == (0.0, 1.0)
    assert data.train[1].dtype == np.int64
    content = b"".join(
        part.tobytes() for x, y in (data.train, data.test) for part in ((x * 16).astype("u1"), y.astype("u1"))
    )
    assert hashlib.sha256(content).hexdigest() == "b086734a4c7e9fe9069104bd8f90442e31ebf255ae7dbec23a9030a760bdcc42"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {
        "train-images-idx3-ubyte": images(8),
        "train-labels-idx1-ubyte": labels(8),
        "t10k-images-idx3-ubyte": images(4),
        "t10k-labels-idx1-ubyte": labels(4),
    }.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_idx_divides_as_the_book(folder: Path) -> None:
    data = Idx(path=str(folder), validation_samples=3).load()
    assert data.validation is not None
    assert data.test is not None
    assert [pair[0].shape for pair in (data.train, data.validation, data.test)] == [(5, 6), (3, 6), (4, 6)]
    assert data.train[0].dtype == np.float64
    assert np.concatenate([data.train[0], data.validation[0]]).ravel().tolist() == [
        n * 7 % 256 / 255 for n in range(48)
    ]
    assert [*data.train[1].tolist(), *data.validation[1].tolist()] == list(range(8))
    assert data.test[1].tolist() == [0, 1, 2, 3]
    everything = Idx(path=str(folder), validation_samples=0).load()
    assert everything.validation is None
    assert len(everything.train[0]) == 8


def test_idx_finds_other_spellings(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte").rename(folder / "train-images.idx3-ubyte")
    packed = gzip.compress((folder / "t10k-labels-idx1-ubyte").read_bytes())
    (folder / "t10k-labels-idx1-ubyte").unlink()
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(packed)
    packed = gzip.compress((folder / "t10k-images-idx3-ubyte").read_bytes())
    (folder / "t10k-images-idx3-ubyte").unlink()
    (folder / "t10k-images.idx3-ubyte.gz").write_bytes(packed)
    assert len(Idx(path=str(folder), validation_samples=1).load().train[0]) == 7


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-labels-idx1-ubyte", labels(7), ": 8 training images, but 7 training labels"),
        ("t10k-labels-idx1-ubyte", labels(5), ": 4 test images, but 5 test labels"),
        (
            "train-labels-idx1-ubyte",
            images(8),
            "/train-labels-idx1-ubyte: holds uint8 elements, 3-D; labels are uint8 elements, 1-D",
        ),
        (
            "t10k-images-idx3-ubyte",
            labels(4),
            "/t10k-images-idx3-ubyte: holds uint8 elements, 1-D; images are uint8 elements, 3-D",
        ),
        (
            "train-labels-idx1-ubyte",
            b"\0\0\x0c\x01" + struct.pack(">II", 1, 5),
            "/train-labels-idx1-ubyte: holds int32 elements, 1-D; labels are uint8 elements, 1-D",
        ),
        (
            "t10k-images-idx3-ubyte",
            images(4, 3, 2),
            ": the training images have 2 × 3 pixels, the test images 3 × 2",
        ),
        (
            "t10k-images-idx3-ubyte",
            None,
            (
                ": has no t10k-images-idx3-ubyte (also looked for: t10k-images-idx3-ubyte.gz, "
                "t10k-images.idx3-ubyte, t10k-images.idx3-ubyte.gz)"
            ),
        ),
        ("any", b"", ": validation_samples = 8, but there are 8 training samples; allowed are 0 to 7"),
    ],
)
def test_idx_refuses(folder: Path, name: str, content: bytes | None, message: str) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        Idx(path=str(folder), validation_samples=8).load()
    assert str(caught.value) == f"{folder}{message}"


def test_idx_without_a_folder(folder: Path) -> None:
    for path in (folder / "none", folder / "train-labels-idx1-ubyte"):
        with pytest.raises(DataError, match=r": is not a folder$"):
            Idx(path=str(path)).load()
    with pytest.raises(DataError, match=r"^a\\x00b: is not a folder$"):
        Idx(path="a\0b").load()


@pytest.mark.mnist
def test_mnist(mnist: Path) -> None:
    data = Idx(path=str(mnist)).load()
    assert data.validation is not None
    assert data.test is not None
    assert [pair[0].shape for pair in (data.train, data.validation, data.test)] == [
        (50000, 784),
        (10000, 784),
        (10000, 784),
    ]
    assert np.bincount(np.concatenate([data.train[1], data.validation[1]])).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert (data.train[0].min(), data.train[0].max()) == (0.0, 1.0)


def test_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("p,q,colour\n1,2,red\n3,4,blue\n")
    (tmp_path / "b.csv").write_text("colour,q,p\nred,6,5\n")
    options = {"path": str(tmp_path / "a.csv"), "target": "colour"}
    alone = Csv(**options).load()
    assert alone.features == ("p", "q")
    assert alone.train[0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert alone.train[1].tolist() == ["red", "blue"]
    assert (alone.validation, alone.test) == (None, None)
    data = Csv(**options, validation_path=str(tmp_path / "b.csv"), test_path=str(tmp_path / "a.csv")).load()
    assert data.validation is not None
    assert data.test is not None
    assert data.validation[0].tolist() == [[5.0, 6.0]]
    assert data.test[1].tolist() == ["red", "blue"]
    (tmp_path / "b.csv").write_text("colour,q,r\nred,6,5\n")
    with pytest.raises(DataError, match=r"b\.csv: line 1: no column 'p', which the training file has"):
        Csv(**options, test_path=str(tmp_path / "b.csv")).load()


def test_paths_are_relative_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("p,y\n1,2\n")
    monkeypatch.chdir(tmp_path)
    assert Csv(path="a.csv", target="y").load().train[1].tolist() == [2]


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    x, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.array(["a", "b", "a"])
    np.savez(
        path,
        x=x,
        y=y,
        x_test=x[:1],
        y_test=y[:1],
        pixels=x,
        digit=y,
        pixels_validation=x[:2],
        digit_validation=y[:2],
    )
    data = Npz(path=str(path)).load()
    assert data.train[0].dtype == np.float32
    assert data.train[0].tolist() == x.tolist()
    assert data.train[1].tolist() == y.tolist()
    assert data.validation is None
    assert data.test is not None
    assert data.test[1].tolist() == ["a"]
    default_part = Npz(path=str(path), x="pixels", y="digit").load()
    assert default_part.test is None
    assert default_part.validation is not None
    assert default_part.validation[0].tolist() == x[:2].tolist()


def test_npz_refuses(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((2, 1)), y=[0, 1], y_test=[1])
    with pytest.raises(DataError, match=r"a\.npz: there is an array 'y_test', but no array 'x_test'$"):
        Npz(path=str(path)).load()
    with pytest.raises(DataError, match=r"a\.npz: no array 'z'; the arrays in it are: 'x', 'y', 'y_test'$"):
        Npz(path=str(path), y="z").load()


@pytest.mark.parametrize(
    ("part", "options"),
    [
        (Idx, {}),
        (Idx, {"path": ""}),
        (Idx, {"path": "a", "validation_samples": -1}),
        (Csv, {"path": "a"}),
        (Csv, {"path": "a", "target": ""}),
        (Npz, {"x": "x"}),
        (Digits, {"path": "a"}),
    ],
)
def test_options_are_checked(part: type, options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        part(**options)


@pytest.mark.parametrize("part", [Digits, Idx, Csv, Npz])
def test_every_option_is_described(part: type) -> None:
    assert all(field.description for name, field in part.model_fields.items() if name != "kind")
