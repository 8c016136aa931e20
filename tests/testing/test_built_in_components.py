"""Every built-in component conforms, as do components of other tests that are unlike any of them."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines.test_strangers_layers import Backtracking, Normalisation, Pairs, TwoProducts
from testing.interpreter import fake_run

from modnet.core import registry
from modnet.core.interfaces import FAMILIES
from modnet.data.datasets.arrays import Memory
from modnet.testing import check_component, checks_of, subprocess_checks
from modnet.testing.case import make_cases
from modnet.testing.checks import CHECKS
from modnet.testing.transform_probes import WORDS

BUILT_IN = [
    registration.component
    for registration in registry.active()
    if registration.provider.builtin and registration.component is not Memory  # which has nothing to load
]

# Examples of options that matter beside the defaults, and of options without a default.
EXAMPLES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("activation", "leaky-relu"): [{}, {"slope": 0.0}, {"slope": 0.9}],
    ("cost", "huber"): [{}, {"threshold": 0.05}, {"threshold": 7.0}],
    ("layer", "dense"): [
        {"units": 1},
        {"units": 4, "bias": False, "activation": "softmax", "initializer": "he-normal"},
        {"units": 3, "activation": {"kind": "leaky-relu", "slope": 0.25}},
    ],
    ("layer", "dropout"): [{}, {"rate": 0.0}, {"rate": 0.9}],
    ("layer", "chain"): [
        {"layers": [4, {"kind": "batch-norm", "activation": "relu"}, "layer-norm"]},
        {"layers": [4, {"kind": "dropout", "rate": 0.2}, 3], "activation": "softmax"},
        {"layers": []},
        {"layers": [[5, [4]], 3], "trainable": False},
    ],
    ("layer", "residual"): [{"layers": [{"kind": "dense", "units": 6, "activation": "tanh"}]}, {"layers": [3, 6]}],
    ("layer", "parallel"): [
        {"branches": [3, [4, 2], []], "activation": "tanh"},
        {"branches": [{"kind": "residual", "layers": [6]}, 6, []], "merge": "add"},
        {"branches": [{"kind": "dropout"}, {"kind": "parallel", "branches": [2, 1]}]},
    ],
    ("layer", "batch-norm"): [{}, {"activation": "tanh", "momentum": 0.0}, {"trainable": False, "epsilon": 0.1}],
    ("layer", "layer-norm"): [{}, {"activation": "relu", "epsilon": 0.1}],
    ("initializer", "constant"): [{"value": 0.5}, {"value": -2.0}],
    ("initializer", "orthogonal"): [{}, {"gain": 2.0}],
    ("rule", "momentum"): [{}, {"momentum": 0.0}, {"velocity_of": "steps"}],
    ("rule", "nesterov"): [{}, {"momentum": 1.0}, {"velocity_of": "steps"}],
    ("rule", "adam"): [{}, {"beta1": 0.0, "beta2": 0.0}, {"epsilon_hat": True}],
    ("rule", "clip-by-norm"): [{}, {"maximum": 0.1, "rule": "adam"}],
    ("rule", "clip-by-value"): [{}, {"maximum": 0.1, "rule": "momentum"}],
    ("engine", "numpy"): [{}, {"threads": 2}],
    ("schedule", "warm-up"): [{}, {"updates": 7, "then": "cosine"}],
    ("schedule", "step"): [{}, {"every": 1, "factor": 0.1}],
    ("schedule", "cosine"): [{}, {"minimum": 0.2}, {"minimum": 1.0}],
    ("schedule", "inverse-scaling"): [{}, {"power": 0.0}, {"power": 1.0, "scale": 3.0}],
    ("regularizer", "l1"): [{}, {"strength": 0.0}, {"strength": 2.0}],
    ("regularizer", "l2"): [{}, {"strength": 0.0}, {"strength": 2.0, "divide_by_batch": True}],
    ("optimizer", "batch"): [{}, {"rule": "adam", "learning_rate": 0.05}],
    ("optimizer", "mini-batch"): [{}, {"batch_size": 1}, {"batch_size": 24, "schedule": "cosine"}],
    ("metric", "cost"): [{}, {"cost": "categorical-cross-entropy"}, {"cost": "binary-cross-entropy"}],
    ("metric", "precision"): [{}, {"average": "weighted"}, {"average": "none"}],
    ("metric", "top-k-accuracy"): [{}, {"k": 1}],
    ("transform", "standard"): [{}, {"columns": ["age", 3]}],
    ("transform", "log"): [{}, {"offset": 1.0}, {"offset": 100.0}],
    ("transform", "one-hot"): [{}, {"unknown": "ignore"}],
    ("transform", "ordinal"): [
        {},
        {"categories": WORDS},
        {"categories": [*WORDS, "1", "2.5", "-3"], "unknown": "ignore"},
    ],
    ("transform", "impute"): [
        {},
        {"strategy": "mean", "indicator": True},
        {"strategy": "most-frequent", "columns": "text"},
        {"strategy": "constant", "value": -1.0, "indicator": True},
        {"strategy": "constant", "value": "none"},
    ],
    ("callback", "dampening"): [{}, {"samples": 1, "patience": 1}],
    ("callback", "reduce-on-plateau"): [
        {},
        {"monitor": "cost", "patience": 1, "minimum_gain": 1.0, "minimum_rate": 0.01},
    ],
    ("callback", "average"): [{}, {"start": 0}, {"start": 1, "every_epochs": 2}],
    ("callback", "early-stopping"): [{}, {"monitor": "cost", "patience": 1}, {"restore_best": False}],
}


def write_csv(folder: Path) -> list[dict[str, Any]]:
    (folder / "train.csv").write_text("a,b,y\n1,2,red\n3,4,blue\n5,6,red\n7,8.5,blue\n")
    (folder / "other.csv").write_text("b,a,y\n1,2,red\n")
    (folder / "numbers.csv").write_text("a,b\n1,2.5\n3,4.5\n")
    path, other, numbers = (str(folder / name) for name in ("train.csv", "other.csv", "numbers.csv"))
    with_others = {"path": path, "target": "y", "validation_path": other, "test_path": other}
    return [with_others, {"path": numbers, "target": "b"}]


def write_npz(folder: Path) -> list[dict[str, Any]]:
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2
    np.savez(folder / "data.npz", x=x, y=y, x_test=x, y_test=y)
    np.savez(folder / "one.npz", x=x, y=y, patient=np.arange(6) // 2)
    shares = {"validation_share": 0.3, "test_share": 0.3, "group": "patient"}
    path, one = str(folder / "data.npz"), str(folder / "one.npz")
    return [{"path": path}, {"path": path, "validation_share": 0.3}, {"path": one, **shares}]


def write_npy(folder: Path) -> list[dict[str, Any]]:
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2
    for name, array in {"x-0": x[:2], "x-1": x[2:], "y": y}.items():
        np.save(folder / f"{name}.npy", array)
    return [{"path": str(folder)}, {"path": str(folder), "validation_share": 0.3, "transforms": ["standard"]}]


def write_parquet(folder: Path) -> list[dict[str, Any]]:
    pyarrow = pytest.importorskip("pyarrow")
    path, numbers = str(folder / "data.parquet"), {"a": np.arange(6.0), "b": np.arange(6) % 3}
    write_table = pytest.importorskip("pyarrow.parquet").write_table
    write_table(pyarrow.table(numbers), path)
    return [{"path": path, "target": "b", "validation_path": path, "test_path": path}, {"path": path, "target": "a"}]


def write_idx(folder: Path) -> list[dict[str, Any]]:
    for stem in ("train", "t10k"):
        images, labels = np.arange(6 * 4, dtype=np.uint8), np.arange(6, dtype=np.uint8) % 3
        header = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in (6, 2, 2))
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        packed = gzip.compress(b"\0\0\x08\x01" + (6).to_bytes(4, "big") + labels.tobytes())
        (folder / f"{stem}-labels-idx1-ubyte.gz").write_bytes(packed)
    return [{"path": str(folder), "validation_samples": samples} for samples in (0, 2)]


# What these do is unusual, and meant to be.
NOTES = {
    "early-stopping": {"training-unaffected"},
    "reduce-on-plateau": {"training-unaffected"},
    "average": {"training-unaffected"},
    "warm-up": {"starts-at-one"},
    "one-cycle": {"starts-at-one"},
}
MERGING = {"merge-equals-whole", "merge-order"}  # of metrics that need all outputs, nothing is merged
FILES = {"csv": write_csv, "npz": write_npz, "npy": write_npy, "parquet": write_parquet, "idx": write_idx}


def examples_of(cls, folder: Path) -> list[dict[str, Any]] | None:
    kind = cls.kind_name()
    return FILES[kind](folder) if kind in FILES else EXAMPLES.get((cls.family, kind))


@pytest.mark.parametrize("cls", BUILT_IN, ids=lambda cls: f"{cls.family}-{cls.kind_name()}")
def test_built_in_component_conforms(cls, tmp_path, monkeypatch):
    """The next test has one fresh interpreter for all of them."""
    monkeypatch.setattr(subprocess_checks, "_run", fake_run)
    report = check_component(cls, examples_of(cls, tmp_path))
    report.raise_for_failures()
    assert len(report.results) == len(checks_of(cls.family)), report
    skipped = {result.check for result in report.results if result.status == "skipped"}
    assert skipped == (MERGING if getattr(cls, "needs_all_outputs", False) else set()), report
    notes = {result.check for result in report.results if result.status == "note"}
    assert notes <= NOTES.get(cls.kind_name(), set()), report


def test_built_in_components_in_a_fresh_interpreter(tmp_path):
    cases = [case for cls in BUILT_IN for case in make_cases(cls, examples_of(cls, tmp_path), None)]
    components = [case.component for case in cases]
    copies, printed = subprocess_checks._run(subprocess_checks._PICKLE, pickle.dumps(components).hex())
    assert copies is not None, printed
    assert pickle.loads(bytes.fromhex(copies)) == components  # noqa: S301 -- pickled just now
    imported, printed = subprocess_checks._run(subprocess_checks._IMPORT, "modnet.builtin")
    assert imported is not None, printed
    assert printed == ""
    assert {cls.__module__ for cls in BUILT_IN} <= set(imported.split())
    assert not set(subprocess_checks.HEAVY) & set(imported.split())


# One of these calls NumPy itself, another makes no updates of its own.
UNUSUAL = [(Normalisation, set()), (Pairs, {"array-api", "traces"}), (TwoProducts, set()), (Backtracking, set())]


@pytest.mark.parametrize(("cls", "notes"), UNUSUAL, ids=lambda value: getattr(value, "__name__", None))
def test_a_component_unlike_any_built_in_conforms(cls, notes, monkeypatch):
    monkeypatch.setattr(subprocess_checks, "_run", fake_run)
    report = check_component(cls)
    report.raise_for_failures()
    assert {result.check for result in report.results if result.status == "note"} == notes, report


# A check that is lost from the table, or from a family, is noticed here and in the documentation.
CHECKS_OF_FAMILIES = {
    "activation": 22,
    "cost": 22,
    "regularizer": 20,
    "layer": 27,
    "rule": 23,
    "schedule": 14,
    "initializer": 13,
    "optimizer": 14,
    "metric": 20,
    "callback": 13,
    "dataset": 11,
    "transform": 21,
    "engine": 44,
}


def test_no_check_is_missing():
    assert {family: len(checks_of(family)) for family in FAMILIES} == CHECKS_OF_FAMILIES
    assert all(check.about for check in CHECKS)
    for family in FAMILIES:
        names = [check.name for check in checks_of(family)]
        assert len(set(names)) == len(names)
