"""Bad input gets one line that names the place, the value and what is allowed, and nothing is lost or left behind."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli.running import Modnet, runner

CSV = ("--set", "data.kind=csv", "--set", "data.path=t.csv", "--set", "data.target=y", "--set", "network.layers=[2]")
NPZ = ("--set", "data.kind=npz", "--set", "data.path=t.npz", "--set", "network.layers=[2]")
IDX = ("--set", "data.kind=idx", "--set", "data.path=idx", "--set", "data.validation_samples=0")
OF_NUMBERS = "mean-squared-error, mean-absolute-error, r2, cost"


def no_files() -> None:
    """Everything is in the arguments."""


def table(*lines: str) -> Callable[[], None]:
    return lambda: Path("t.csv").write_text("".join(line + "\n" for line in lines)) and None


def archive(x: object, y: object, **more: object) -> Callable[[], None]:
    return lambda: np.savez("t.npz", x=np.asarray(x), y=np.asarray(y), **more)


def images(count: int = 12, code: int = 0x08) -> bytes:
    return struct.pack(">BBBBIII", 0, 0, code, 3, count, 2, 3) + bytes(range(count * 6))


def labels(count: int = 12) -> bytes:
    return struct.pack(">BBBBI", 0, 0, 8, 1, count) + bytes(i % 10 for i in range(count))


def idx(**changed: bytes | None) -> Callable[[], None]:
    """Four good files, but for those given."""
    files = {"train_images_idx3": images(), "train_labels_idx1": labels(), "t10k_images_idx3": images(),
             "t10k_labels_idx1": labels()} | changed  # fmt: skip

    def write() -> None:
        Path("idx").mkdir()
        for name, content in files.items():
            if content is not None:
                Path("idx", f"{name.replace('_', '-')}-ubyte").write_bytes(content)

    return write


def only(*pairs: str) -> tuple[str, ...]:
    return tuple(part for pair in pairs for part in ("--set", pair))


# What is wrong: the arguments of ``train``, the line that answers (as far as "…"), and what writes the files needed.
CASES = {
    "optimizer": (
        only("optimizer.kind=mini-bach"),
        "optimizer: unknown optimizer 'mini-bach'; did you mean 'mini-batch'?",
    ),
    "activation": (
        only("network.layers.0.activation=sigmod"),
        "network.layers.0.activation: unknown activation 'sigmod'; did you mean 'sigmoid'?",
    ),
    "far off": (
        only("network.layers.1.activation=mish"),
        "network.layers.1.activation: unknown activation 'mish'; known: exp, identity, leaky-relu, …",
    ),
    "cost": (only("network.cost=quadratc"), "network.cost: unknown cost 'quadratc'; did you mean 'quadratic'?"),
    "metric": (
        only("metrics=['acuracy']"),
        "metrics.0: unknown metric 'acuracy'; did you mean 'accuracy' or 'top-k-accuracy'?",
    ),
    "callback": (
        only("callbacks=['early-stoping']"),
        "callbacks.0: unknown callback 'early-stoping'; did you mean 'early-stopping'?",
    ),
    "layer": (
        only("network.layers=[{kind='dens', units=3}, 10]"),
        "network.layers.0: unknown layer 'dens'; did you mean 'dense'?",
    ),
    "initializer": (
        only("network.layers.0.initializer=he-norm"),
        "network.layers.0.initializer: unknown initializer 'he-norm'; did you mean 'he-normal' or 'scaled-normal'?",
    ),
    "dataset": (only("data.kind=mnist"), "data: unknown dataset 'mnist'; did you mean 'idx'?"),
    "rule": (only("optimizer.rule=adm"), "optimizer.rule: unknown rule 'adm'; did you mean 'adam' or 'adamw'?"),
    "schedule": (
        only("optimizer.schedule={kind='step', every=0}"),
        "optimizer.schedule.every: 0 should be greater than 0",
    ),
    "option": (
        only("optimizer.lerning_rate=3"),
        "optimizer.lerning_rate: unknown option; did you mean 'learning_rate'? (allowed: rule, schedule, …",
    ),
    "option of a layer": (
        only("network.layers.1.bais=false"),
        "network.layers.1.bais: unknown option; did you mean 'bias'? (allowed: trainable, units, activation, …",
    ),
    "option of a part without any": (
        only("network.layers.0.activation.slope=0.5"),
        "network.layers.0.activation.slope: unknown option; did you mean 'network.layers.0.activation = {kind = …",
    ),
    "section": (
        only("optimiser.kind=batch"),
        "optimiser: unknown option; did you mean 'optimizer'? (allowed: seed, epochs, …",
    ),
    # values
    "batch_size of 0": (only("optimizer.batch_size=0"), "optimizer.batch_size: 0 should be greater than 0"),
    "batch_size of -3": (only("optimizer.batch_size=-3"), "optimizer.batch_size: -3 should be greater than 0"),
    "batch_size above the data": (
        only("optimizer.batch_size=1438", "optimizer.drop_last=true"),
        "optimizer.batch_size: 1438 is more than the 1437 training samples; allowed: 1 to 1437",
    ),
    "batch_size of text": (only("optimizer.batch_size=ten"), "optimizer.batch_size: 'ten' should be a valid integer"),
    "rate of 0": (only("optimizer.learning_rate=0"), "optimizer.learning_rate: 0 should be greater than 0"),
    "rate below 0": (only("optimizer.eta=-0.5"), "optimizer.eta: -0.5 should be greater than 0"),
    "rate of nan": (only("optimizer.learning_rate=nan"), "optimizer.learning_rate: nan should be a finite number"),
    "rate of inf": (only("optimizer.learning_rate=inf"), "optimizer.learning_rate: inf should be a finite number"),
    "rate of text": (only("optimizer.learning_rate=big"), "optimizer.learning_rate: 'big' should be a valid number"),
    "rate twice": (
        only("optimizer.learning_rate=1", "optimizer.eta=1"),
        "optimizer.eta: means the same as learning_rate: give one of them",
    ),
    "epochs": (("--epochs", "-1"), "epochs: -1 should be greater than or equal to 0"),
    "epochs of a share": (("--epochs", "1.5"), "epochs: 1.5 should be a valid integer"),
    "epochs of true": (only("epochs=true"), "epochs: True should be a valid integer"),
    "seed": (("--seed", "-1"), "seed: -1 should be greater than or equal to 0"),
    "dtype": (("--dtype", "float16"), "dtype: 'float16' should be 'float64' or 'float32'"),
    "units": (only("network.layers.0.units=0"), "network.layers.0.units: 0 should be greater than 0"),
    "no layers": (only("network.layers=[]"), "network.layers: should have 1 or more entries, got 0"),
    "a layer of true": (
        only("network.layers=[true, 10]"),
        (
            "network.layers.0: True is not a valid layer; allowed: a kind (batch-norm, chain, dense, dropout, "
            "layer-norm, parallel, residual) or a table with one"
        ),
    ),
    "dropout of everything": (
        only("network.layers=[{kind='dropout', rate=1.0}, 10]"),
        "network.layers.0.rate: 1.0 should be less than 1",
    ),
    "transform": (
        only("data.transforms=['standrd']"),
        "data.transforms.0: unknown transform 'standrd'; did you mean 'standard'?",
    ),
    "two figures of one name": (
        only("metrics=['accuracy', 'accuracy']"),
        "metrics.1: two metrics would be called 'accuracy' in the history",
    ),
    "a monitor of nothing": (
        only("callbacks=[{kind='early-stopping', monitor='tset_cost'}]"),
        "callbacks.0.monitor: no metric is called 'tset_cost'; did you mean 'test_cost'…",
    ),
    "no setting": (only("epochs"), "--set epochs: should be KEY=VALUE, with a dotted key"),
    "a dot too many": (
        only("optimizer..kind=batch"),
        "--set optimizer..kind=batch: should be KEY=VALUE, with a dotted key",
    ),
    "an index too large": (
        only("network.layers.2.units=3"),
        "--set network.layers.2.units=3: 'network.layers' has 2 entries; allowed: 0 to 1",
    ),
    # data and network together
    "output layer": (
        only("network.layers=[30, 9]"),
        "network.layers.1: the output layer has 9 units, the data has 10 classes; allowed: 10",
    ),
    "output layer of two": (
        (*CSV, "--set", "network.layers=[3]"),
        "network.layers.0: the output layer has 3 units, the data has 2 classes; allowed: 1 or 2",
        table("a,y", "1,no", "2,yes"),
    ),
    "output layer of numbers": (
        CSV,
        "network.layers.0: the output layer has 2 units, the targets have 1 output; allowed: 1",
        table("a,y", "1,0.5", "2,0.25"),
    ),
    "accuracy of numbers": (
        (*NPZ, *only("metrics=['accuracy']", "optimizer.batch_size=1")),
        "metrics.0: accuracy needs classes, and the targets are numbers; allowed: " + OF_NUMBERS,
        archive([[1.0], [2.0]], [[0.5, 1.0], [1.0, 2.0]]),
    ),
    # tables
    "no file": (CSV, "t.csv: cannot be read: No such file or directory"),
    "no path": (only("data.kind=csv", "data.target=y"), "data.path: is required"),
    "an empty file": (CSV, "t.csv: is empty; a line with the names of the columns is expected", table()),
    "no rows": (CSV, "t.csv: no rows after the header", table("a,y")),
    "no target": (CSV, "t.csv: line 1: no column 'y'; the columns are 'a', 'why'", table("a,why", "1,2")),
    "one class": (
        CSV,
        "t.csv: training y has one class, 'no'; at least two are needed",
        table("a,y", "1,no", "2,no"),
    ),
    "nan": (CSV, "t.csv: line 3, column 'a': 'nan'; a finite number is expected; …", table("a,y", "1,no", "nan,yes")),
    "inf": (CSV, "t.csv: line 2, column 'b': '-inf'; a finite number is expected", table("a,b,y", "1,-inf,no")),
    "text": (CSV, "t.csv: line 2, column 'a': 'x'; a finite number is expected; …", table("a,y", "x,no")),
    "nothing": (CSV, "t.csv: line 2, column 'b': empty; a finite number is expected; …", table("a,b,y", "1,,no")),
    "short row": (CSV, "t.csv: line 3: 2 cells, the first row has 3", table("a,b,y", "1,2,no", "1,yes")),
    "long row": (CSV, "t.csv: line 2: 4 cells, the first row has 3", table("a,b,y", "1,2,no,3")),
    # archives
    "nan in an array": (
        NPZ,
        "t.npz: training x: row 1, column 0 (counted from 0) is nan; values must be finite",
        archive([[1.0, 2.0], [np.nan, 3.0]], [0, 1]),
    ),
    "no rows in an array": (
        NPZ,
        "t.npz: training x is empty, shape (0, 2); at least one row and one column are needed",
        archive(np.zeros((0, 2)), [0]),
    ),
    "no array": (NPZ, "t.npz: no array 'y'; the arrays in it are: 'x'", lambda: np.savez("t.npz", x=np.zeros((2, 2)))),
    "samples of another width": (
        (*NPZ, *only("optimizer.batch_size=1")),
        "t.npz: test x: layer 1 expects 2 inputs, got 3",
        archive([[1.0, 2.0], [2.0, 3.0]], [0, 1], x_test=np.zeros((1, 3)), y_test=np.zeros(1, int)),
    ),
    "no archive": (
        NPZ,
        "t.npz: not a readable NPZ archive: File is not a zip file",
        lambda: Path("t.npz").write_bytes(b"x"),
    ),
    # IDX files
    "no folder": (IDX, "idx: is not a folder"),
    "truncated": (
        IDX,
        "idx/train-images-idx3-ubyte: not a readable IDX file: truncated: the header promises 12 × 2 × 3 uint8 ele…",
        idx(train_images_idx3=images()[:-1]),
    ),
    "truncated and packed": (
        IDX,
        "idx/t10k-labels-idx1-ubyte: not a readable IDX file: …",
        idx(t10k_labels_idx1=gzip.compress(labels())[:-9]),
    ),
    "labels for images": (
        IDX,
        "idx/train-images-idx3-ubyte: holds uint8 elements, 1-D; images are uint8 elements, 3-D",
        idx(train_images_idx3=labels()),
    ),
    "wrong type": (
        IDX,
        "idx/train-images-idx3-ubyte: not a readable IDX file: byte 2, the type of the elements, is 0x07; allowed …",
        idx(train_images_idx3=images(code=7)),
    ),
    "fewer labels": (IDX, "idx: 12 training images, but 11 training labels", idx(train_labels_idx1=labels(11))),
}


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return everything in a folder."""
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}


@pytest.fixture
def modnet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Modnet:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def parameters(name: str) -> object:
    arguments, error, *files = CASES[name]
    return pytest.param(arguments, error, *(files or [no_files]), id=name)


@pytest.mark.parametrize(("arguments", "error", "files"), [parameters(name) for name in CASES])
def test_one_line_says_it_and_nothing_is_left_behind(
    modnet: Modnet, tmp_path: Path, arguments: tuple[str, ...], error: str, files: Callable[[], None]
) -> None:
    files()
    before = contents(tmp_path)
    result = modnet("train", *arguments, "--out", "new/run")
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert result.err.startswith(f"modnet: {error.removesuffix('…')}")
    assert error.endswith("…") or result.err == f"modnet: {error}\n"
    assert contents(tmp_path) == before
