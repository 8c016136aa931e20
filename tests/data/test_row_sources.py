"""Rows that stay where they are train as the same rows in memory do, bit by bit, and are never copied whole."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from components.callbacks.strangers import installed
from numpy.typing import NDArray
from training.resuming import in_pieces, interrupted, same

from modnet import BlockLimits, DataError, Engine, Layer, Optimizer, Sweep, Trainer
from modnet.core.interfaces import Transform
from modnet.data import validation
from modnet.data.preprocessing import Preprocessing
from modnet.data.row_source import RowSource, as_rows
from modnet.training import sanity_checks
from modnet.training.result import Run

ROWS, COLUMNS = 6000, 5
WHOLE = np.random.default_rng(0).integers(0, 200, (ROWS, COLUMNS)).astype(np.float64)
Y = (WHOLE[:, 0] > WHOLE[:, 1]).astype(int)
FLAWED = np.where(np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) == 5001 * COLUMNS + 3, np.nan, WHOLE)


class Counting:
    """An array that only gives what h5py gives, remembers what it was asked for, and gives little at a time."""

    def __init__(self, array: NDArray[Any], most: int = 4096) -> None:
        self._array, self._most = array, most
        self.shape, self.dtype = array.shape, array.dtype
        self.asked: list[NDArray[Any]] = []

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        numbers = np.arange(len(self._array))[rows] if isinstance(rows, slice) else np.asarray(rows)
        assert numbers.ndim == 1
        assert len(numbers) <= self._most
        assert (np.diff(numbers) > 0).all()
        self.asked.append(numbers)
        return self._array[numbers]


class Pixels(Layer):
    """Images as vectors."""

    kind: Literal["pixels"] = "pixels"

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (int(np.prod(input_shape)),)

    def forward(self, x: Any, ctx: Any) -> Any:
        del ctx
        return x.reshape(len(x), -1)

    def backward(self, delta: Any, ctx: Any) -> tuple[None, dict[str, Any]]:
        del delta, ctx
        return None, {}


class Repeating(Optimizer):
    """Draws samples with replacement."""

    kind: Literal["repeating"] = "repeating"

    def updates(self, samples: int) -> int:
        return 70 if samples else 0

    def sweeps(self, data: Any, rng: Any, state: Any) -> list[Sweep]:
        del state
        return [Sweep(rng.integers(0, len(data), 400), 10), Sweep(rng.integers(0, 20, 7200), 240)]


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut these few rows into many blocks, as millions would be."""
    monkeypatch.setattr(validation, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(Engine, "block_limits", lambda _: BlockLimits(input_bytes=20_000))


def mapped(array: NDArray[Any], folder: Path) -> NDArray[Any]:
    folder.mkdir(exist_ok=True)
    path = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def fit(x: Any, y: Any = Y, **options: Any) -> Run:
    passed = {name: options.pop(name) for name in ("test", "validation", "out") if name in options}
    config = {
        "epochs": 2,
        "network": {"layers": [4, 2]},
        "optimizer": {"batch_size": 50, "learning_rate": 0.1},
        "data": {"kind": "digits"},
        **options,
    }
    return Trainer.from_config(config).fit(x, y, **passed)


def theta(run: Run) -> bytes:
    return run.network.parameters.tobytes()


def figures(run: Run) -> list[dict[str, Any]]:
    return [{**row, "seconds": None} for row in run.history]


DTYPES = ["uint8", "bool", "int16", "int64", "float16", "float32", "float64", ">f4", ">i2", "longdouble"]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_mapped_file_of_any_dtype(dtype: str, precision: str, tmp_path: Path) -> None:
    x = WHOLE.astype(dtype)
    plain, run = fit(x, dtype=precision, epochs=1), fit(mapped(x, tmp_path), dtype=precision, epochs=1)
    assert theta(run) == theta(plain)
    assert figures(run) == figures(plain)


VARIANTS: dict[str, dict[str, Any]] = {
    "mini-batch": {},
    "float32": {"dtype": "float32"},
    "batch": {"optimizer": {"kind": "batch"}},
    "stochastic": {"optimizer": {"kind": "stochastic"}, "epochs": 1},
    "two threads": {"optimizer": {"batch_size": 2500}, "engine": {"kind": "numpy", "threads": 2}},
    "validation share": {"data": {"validation_share": 0.3}},
    "few rows": {"data": {"validation_share": 0.9}},
    "standard": {"data": {"transforms": ["standard"]}, "dtype": "float32"},
    "min-max": {"data": {"transforms": ["min-max"], "validation_share": 0.1}},
    "samples more than once": {"optimizer": {"kind": "repeating"}},
    "images": {"network": {"layers": ["pixels", 2]}},
}


@pytest.mark.parametrize("dtype", ["float64", "int16"])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_source_trains_as_the_array_does(name: str, dtype: str) -> None:
    whole = WHOLE.astype(dtype)
    whole = whole.reshape(ROWS, COLUMNS, 1) if name == "images" else whole
    source, test = Counting(whole), Counting(whole[:500])
    with installed(Pixels, Repeating):
        plain = fit(whole, test=(whole[:500], Y[:500]), **VARIANTS[name])
        run = fit(source, test=(test, Y[:500]), **VARIANTS[name])
    assert theta(run) == theta(plain)
    assert figures(run) == figures(plain)
    assert run.evaluate("test") == plain.evaluate("test")
    assert run.network.predict(Counting(whole)).tobytes() == plain.network.predict(whole).tobytes()
    assert isinstance(run.samples["train"].x, RowSource)
    assert {part: samples.digest() for part, samples in run.samples.items()} == {
        part: samples.digest() for part, samples in plain.samples.items()
    }


def test_every_row_is_asked_for_twice_to_check_and_once_an_epoch() -> None:
    source = Counting(WHOLE, most=1024)
    fit(source, epochs=2, optimizer={"kind": "mini-batch", "batch_size": 50, "shuffle": False})
    counts = np.bincount(np.concatenate(source.asked), minlength=ROWS)
    assert ROWS <= sanity_checks.ROWS  # of more, so many are asked for the ranges of their features
    assert counts[1024:].tolist() == [4] * (ROWS - 1024)  # the first ones are looked at once more in the end


def test_rows_of_a_float32_file_are_used_as_they_lie(tmp_path: Path) -> None:
    x = mapped(WHOLE.astype(np.float32), tmp_path)
    assert np.shares_memory(fit(x, dtype="float32", epochs=1).samples["train"].x, x)


def test_no_copy_of_a_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "BLOCK_BYTES", 1 << 20)

    x = mapped(np.random.default_rng(0).random((100_000, 160), dtype=np.float32), tmp_path)  # 64 MB
    y = np.arange(len(x)) % 2
    data = {"validation_share": 0.3, "transforms": ["standard"]}
    tracemalloc.start()
    try:
        fit(x, y, test=(x, y), epochs=1, data=data, optimizer={"batch_size": 1000})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6  # targets, row numbers, and some blocks


@pytest.mark.parametrize("kind", ["standard", "min-max", "robust"])
@pytest.mark.parametrize("bytes_", [200, 20_000, 1 << 30])
def test_a_scaling_does_not_depend_on_how_many_rows_are_read_together(
    kind: Any, bytes_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(1).normal(size=(9000, 3)) * [1.0, 1e-3, 1e5] + [0.0, 7.0, -3e5]
    monkeypatch.setattr(validation, "BLOCK_BYTES", 1 << 30)
    transforms = [Transform.resolve(kind)]
    expected = Preprocessing.fit(transforms, x, None, "x").steps[0].state
    monkeypatch.setattr(validation, "BLOCK_BYTES", bytes_)
    fitted = Preprocessing.fit(transforms, as_rows(Counting(x, most=4096), "x"), None, "x").steps[0].state
    assert fitted["shift"].tobytes() == expected["shift"].tobytes()
    assert fitted["factor"].tobytes() == expected["factor"].tobytes()


@pytest.mark.parametrize("points", [[3], [100, 187]])
def test_resumed_within_an_epoch_with_the_same_bits(points: list[int], tmp_path: Path) -> None:
    config = {
        "epochs": 3,
        "network": {"layers": [4, 2]},
        "optimizer": {"batch_size": 50, "rule": "adam"},
        "data": {"validation_share": 0.2, "transforms": ["standard"]},
        "callbacks": ["checkpoint"],
    }
    x = mapped(WHOLE.astype(np.int16), tmp_path / "data")
    Trainer.from_config(config).fit(WHOLE, Y, out=tmp_path / "whole")
    in_pieces(config, (x, Y), tmp_path / "pieces", points)
    same(tmp_path / "whole", tmp_path / "pieces")


def test_resumed_with_the_rows_in_memory_but_not_with_others(tmp_path: Path) -> None:
    config = {"epochs": 2, "network": {"layers": [2]}, "optimizer": {"batch_size": 50}}
    interrupted(config, (Counting(WHOLE), Y), tmp_path / "run", 3)
    with pytest.raises(DataError, match="training samples: must be those of the interrupted run"):
        Trainer.resume(tmp_path / "run", Counting(np.where(WHOLE == 7, 8, WHOLE)), Y)
    run = Trainer.resume(tmp_path / "run", WHOLE, Y)
    assert theta(run) == theta(Trainer.from_config(config).fit(WHOLE, Y))


def test_arrays_of_h5py(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        x = file.create_dataset("x", data=WHOLE.astype(np.float32), chunks=(100, COLUMNS))
        y = file.create_dataset("y", data=Y)
        for options in VARIANTS["mini-batch"], VARIANTS["min-max"], VARIANTS["two threads"]:
            plain, run = fit(WHOLE.astype(np.float32), **options), fit(x, y, **options)
            assert theta(run) == theta(plain)
        assert (run.network.predict(x) == plain.network.predict(WHOLE)).all()
    with pytest.raises(DataError, match="training x is not an array"):
        fit(x)


def test_arrays_of_zarr(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    x = zarr.create_array(tmp_path / "x.zarr", data=WHOLE, chunks=(500, COLUMNS))
    for options in VARIANTS["mini-batch"], VARIANTS["min-max"]:
        assert theta(fit(x, **options)) == theta(fit(WHOLE, **options))


class Wrong(Counting):
    """Gives what `give` makes of the rows."""

    def __init__(self, array: NDArray[Any], give: Callable[[NDArray[Any]], Any]) -> None:
        super().__init__(array)
        self._give = give

    def __getitem__(self, rows: Any) -> Any:
        return self._give(super().__getitem__(rows))


class OneReader(Counting):
    """Fails where two threads read at once."""

    def __init__(self, array: NDArray[Any]) -> None:
        super().__init__(array)
        self._readers = 0

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        self._readers += 1
        time.sleep(0.002)
        assert self._readers == 1
        read = super().__getitem__(rows)
        self._readers -= 1
        return read


def test_one_thread_reads_at_a_time() -> None:
    options = {**VARIANTS["two threads"], "epochs": 1}
    assert theta(fit(OneReader(WHOLE), **options)) == theta(fit(WHOLE, **options))


def test_some_of_some_rows() -> None:
    some = as_rows(Counting(WHOLE), "x").subset(np.arange(10, 5000, 3)).subset(np.array([1, 4, 900]))
    assert (some[:] == WHOLE[[13, 22, 2710]]).all()
    assert (some[2] == WHOLE[2710]).all()
    assert (some[np.array([2, 0, 2])] == WHOLE[[2710, 13, 2710]]).all()
    assert some.shape == (3, COLUMNS)


def raise_error(rows: NDArray[Any]) -> NDArray[Any]:
    raise RuntimeError(f"{len(rows)} rows\nare gone")


NAN = "row 5001, column 3 (counted from 0) is nan; values must be finite"
BAD: dict[str, tuple[Any, str]] = {
    "nan": (Counting(FLAWED), f"training x: {NAN}"),
    "infinite in float32": (
        Counting(np.where(np.isnan(FLAWED), 1e300, WHOLE)),
        "training x: row 5001, column 3 (counted from 0) is 1e+300, which float32 cannot hold",
    ),
    "masked": (
        Wrong(WHOLE, lambda rows: np.ma.masked_equal(rows, 199)),
        "training x: row {}, column {} (counted from 0) is masked; every value is needed".format(
            *np.argwhere(WHOLE == 199)[0]
        ),
    ),
    "objects": (
        Counting(WHOLE.astype(object)),
        "training x holds object values; allowed are integers, bools and floats",
    ),
    "complex": (
        Counting(WHOLE.astype(complex)),
        "training x holds complex128 values; allowed are integers, bools and floats",
    ),
    "one dimension": (Counting(WHOLE[:, 0]), "training x expects samples × features, got shape (6000,)"),
    "empty": (Counting(WHOLE[:0]), "training x is empty, shape (0, 5); at least one row and one column are needed"),
    "too few rows": (
        Wrong(WHOLE, lambda rows: rows[1:]),
        "training x: its source should give float64 of shape (512, 5), and gave float64 of (511, 5)",
    ),
    "another dtype": (
        Wrong(WHOLE, lambda rows: rows.astype(int)),
        "training x: its source should give float64 of shape (512, 5), and gave int64 of (512, 5)",
    ),
    "an error": (Wrong(WHOLE, raise_error), "training x: rows 0 to 511 cannot be read: 512 rows are gone"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line(name: str) -> None:
    x, message = BAD[name]
    with pytest.raises(DataError) as caught:
        fit(x, dtype="float32")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "options", [{"transforms": ["standard"]}, {"validation_share": 0.4}, {"validation_share": 0.9}]
)
def test_a_flaw_is_named_by_its_row_in_the_file(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        fit(mapped(FLAWED, tmp_path), data=options)
    where, _, problem = str(caught.value).partition(" x: ")
    assert where == "training"
    missing = "row 5001, column 3 (counted from 0) is missing; standard (data.transforms.0) takes none"
    assert problem.startswith(missing) if "transforms" in options else problem == NAN


def test_flaws_of_other_parts(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        fit(WHOLE, test=(mapped(FLAWED, tmp_path), Y))
    assert str(caught.value) == f"test x: {NAN}"
    with pytest.raises(DataError) as caught:
        fit(WHOLE, validation=(mapped(WHOLE[:, 1:], tmp_path), Y))
    assert str(caught.value) == "validation x: layer 1 expects 5 inputs, got 4"
    run = fit(WHOLE, epochs=1)
    with pytest.raises(DataError) as caught:
        run.network.predict(mapped(FLAWED, tmp_path))
    assert str(caught.value) == f"x: {NAN}"
