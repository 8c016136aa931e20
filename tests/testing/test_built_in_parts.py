"""Every built-in part conforms, as do parts of other tests that no built-in is like."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines.test_strangers_layers import Backtracking, Normalisation, Pairs, TwoProducts

from modnet.core import registry
from modnet.core.interfaces import FAMILIES
from modnet.testing import check_component
from modnet.testing.checks import CHECKS, EXPECTED

BUILT_IN = [registration.component for registration in registry.active() if registration.provider.builtin]

# What the defaults do not show, or cannot: an option without a default.
EXAMPLES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("activation", "leaky-relu"): [{}, {"slope": 0.0}, {"slope": 0.9}],
    ("layer", "dense"): [
        {"units": 1},
        {"units": 4, "bias": False, "activation": "softmax", "initializer": "he-normal"},
        {"units": 3, "activation": {"kind": "leaky-relu", "slope": 0.25}},
    ],
    ("layer", "dropout"): [{}, {"rate": 0.0}, {"rate": 0.9}],
    ("rule", "momentum"): [{}, {"momentum": 0.0}],
    ("rule", "adam"): [{}, {"beta1": 0.0, "beta2": 0.0}],
    ("schedule", "step"): [{}, {"every": 1, "factor": 0.1}],
    ("schedule", "cosine"): [{}, {"minimum": 0.2}, {"minimum": 1.0}],
    ("schedule", "inverse-scaling"): [{}, {"power": 0.0}, {"power": 1.0, "scale": 3.0}],
    ("regularizer", "l1"): [{}, {"strength": 0.0}, {"strength": 2.0}],
    ("regularizer", "l2"): [{}, {"strength": 0.0}, {"strength": 2.0}],
    ("optimizer", "batch"): [{}, {"rule": "adam", "learning_rate": 0.05}],
    ("optimizer", "mini-batch"): [{}, {"batch_size": 1}, {"batch_size": 24, "schedule": "cosine"}],
    ("metric", "cost"): [{}, {"cost": "categorical-cross-entropy"}, {"cost": "binary-cross-entropy"}],
    ("callback", "dampening"): [{}, {"samples": 1, "patience": 1}],
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
    return [{"path": str(folder / "data.npz")}, {"path": str(folder / "data.npz"), "validation_share": 0.3}]


def write_idx(folder: Path) -> list[dict[str, Any]]:
    for stem in ("train", "t10k"):
        images, labels = np.arange(6 * 4, dtype=np.uint8), np.arange(6, dtype=np.uint8) % 3
        header = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in (6, 2, 2))
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        packed = gzip.compress(b"\0\0\x08\x01" + (6).to_bytes(4, "big") + labels.tobytes())
        (folder / f"{stem}-labels-idx1-ubyte.gz").write_bytes(packed)
    return [{"path": str(folder), "validation_samples": some} for some in (0, 2)]


FILES = {"csv": write_csv, "npz": write_npz, "idx": write_idx}


@pytest.mark.parametrize("part", BUILT_IN, ids=lambda part: f"{part.family}-{part.kind_name()}")
def test_built_in_part_conforms(part, tmp_path):
    kind = part.kind_name()
    examples = FILES[kind](tmp_path) if kind in FILES else EXAMPLES.get((part.family, kind))
    report = check_component(part, examples)
    report.raise_for_failures()
    assert (report.ran, report.skipped) == (EXPECTED[part.family], 0), report
    notes = {result.check for result in report.results if result.status == "note"}
    assert notes <= ({"leaves-the-training-alone"} if kind == "early-stopping" else set()), report


# These say of themselves what is not so usual: one writes np.einsum, one counts no updates of its own.
STRANGE = [(Normalisation, set()), (Pairs, {"array-api"}), (TwoProducts, set()), (Backtracking, set())]


@pytest.mark.parametrize(("part", "notes"), STRANGE, ids=lambda value: getattr(value, "__name__", None))
def test_a_part_unlike_any_built_in_conforms(part, notes):
    report = check_component(part)
    report.raise_for_failures()
    assert {result.check for result in report.results if result.status == "note"} == notes, report


def test_every_family_has_checks_and_their_number():
    assert set(CHECKS) == set(EXPECTED) == set(FAMILIES)
    assert {family: len(checks) for family, checks in CHECKS.items()} == EXPECTED
    for checks in CHECKS.values():
        assert len({check.name for check in checks}) == len(checks)
        assert all(check.about for check in checks)


def test_there_are_at_least_25_named_checks():
    assert len({check.name for checks in CHECKS.values() for check in checks}) >= 25
