"""The history's file, and the checkpoints that say how much of it belongs to them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from training.resuming import interrupted, same

from modnet import ModelFileError, Trainer
from modnet.storage.history import HistoryFile

Data = tuple[np.ndarray, np.ndarray]
CONFIG: dict[str, Any] = {"epochs": 4, "network": {"layers": [4, 2]}, "callbacks": [{"kind": "checkpoint", "keep": 9}]}


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(30, 3)), np.arange(30) % 2


def position_in(checkpoint: Path) -> dict[str, Any]:
    """Return what a checkpoint says about the history, read by others than modnet."""
    return json.loads(load_file(checkpoint)["training.json"].tobytes())["dict"]["history"]["dict"]


def test_a_checkpoint_says_how_many_rows_belong_to_it_and_their_sha256(data: Data, tmp_path: Path) -> None:
    Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "run")
    lines = (tmp_path / "run" / "history.jsonl").read_bytes().splitlines(keepends=True)
    found = sorted((tmp_path / "run" / "checkpoints").iterdir())
    assert len(lines) == len(found) == 4
    for count, path in enumerate(found, 1):
        digest = hashlib.sha256(b"".join(lines[:count])).hexdigest()
        assert position_in(path) == {"rows": count, "sha256": digest}


def test_checkpoints_do_not_grow_with_the_epochs(data: Data, tmp_path: Path) -> None:
    Trainer.from_config(CONFIG | {"epochs": 120}).fit(*data, out=tmp_path / "run")
    last = max((tmp_path / "run" / "checkpoints").iterdir()).stat().st_size
    Trainer.from_config(CONFIG | {"epochs": 12}).fit(*data, out=tmp_path / "short")
    assert last < max((tmp_path / "short" / "checkpoints").iterdir()).stat().st_size + 100


def test_the_rows_are_on_the_disk_before_the_checkpoint_is(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/dev/fd/{descriptor}").resolve().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    Trainer.from_config(CONFIG | {"epochs": 1}).fit(*data, out=tmp_path / "run")
    assert synced.index("history.jsonl") < synced.index("checkpoints")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (
            lambda text: text.replace('"epoch": 1', '"epoch": 7'),
            r"its first 2 rows are not those of epoch-00002-\S+, by",
        ),
        (lambda text: text.partition("\n")[2], r"it holds 1 of the 2 rows that belong to epoch-00002-"),
        (lambda text: text.rstrip("\n"), r"it holds 1 of the 2 rows"),
        (lambda text: text[:0], r"it holds 0 of the 2 rows"),
        (lambda text: "\n" + text, r"its first 2 rows are not those of"),
        (lambda text: text.replace("\n", "\r\n"), r"its first 2 rows are not those of"),
    ],
)
def test_a_history_that_is_not_the_checkpoints_is_refused(
    data: Data, tmp_path: Path, damage: Any, problem: str
) -> None:
    interrupted(CONFIG, data, tmp_path / "run", 7)
    for path in sorted((tmp_path / "run" / "checkpoints").iterdir())[:-1]:
        path.unlink()
    history = tmp_path / "run" / "history.jsonl"
    damaged = damage(history.read_bytes().decode()).encode()
    history.write_bytes(damaged)
    with pytest.raises(ModelFileError, match=rf"history\.jsonl: cannot be read: {problem}") as caught:
        Trainer.resume(tmp_path / "run", *data)
    assert "\n" not in str(caught.value)
    assert history.read_bytes() == damaged


def test_a_missing_history_is_told(data: Data, tmp_path: Path) -> None:
    interrupted(CONFIG, data, tmp_path / "run", 3)
    (tmp_path / "run" / "history.jsonl").unlink()
    with pytest.raises(ModelFileError, match=r"history\.jsonl: cannot be read: No such file"):
        Trainer.resume(tmp_path / "run", *data)


def test_where_a_late_row_is_damaged_an_earlier_checkpoint_is_named(data: Data, tmp_path: Path) -> None:
    Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "whole")
    interrupted(CONFIG, data, tmp_path / "run", 10)
    history = tmp_path / "run" / "history.jsonl"
    history.write_text(history.read_text().replace('"epoch": 2', '"epoch": 3'))
    with pytest.raises(
        ModelFileError, match=r"by their SHA-256; the training can be resumed from \S+epoch-00002-"
    ) as e:
        Trainer.resume(tmp_path / "run", *data)
    Trainer.resume(str(e.value).rpartition(" ")[2], *data)
    same(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize("position", [None, {}, {"rows": -1, "sha256": ""}, {"rows": True, "sha256": ""}, [1]])
def test_a_checkpoint_that_names_no_rows_is_refused(tmp_path: Path, position: Any) -> None:
    file = HistoryFile(tmp_path / "history.jsonl")
    file.create()
    with pytest.raises(ModelFileError, match=r"c\.safetensors: does not say which rows of the history belong to it"):
        file.read(position, Path("c.safetensors"))


@pytest.mark.parametrize("line", [b"3\n", b"[" * 100_000 + b"\n", b"\xff\n", b"\n"])
def test_rows_that_are_none_are_refused(tmp_path: Path, line: bytes) -> None:
    file = HistoryFile(tmp_path / "history.jsonl")
    file.path.write_bytes(line)
    with pytest.raises(ModelFileError, match=r"history\.jsonl: cannot be read: "):
        file.read({"rows": 1, "sha256": hashlib.sha256(line).hexdigest()}, Path("c.safetensors"))
    for rows in (10**6, 10**30):
        with pytest.raises(ModelFileError, match=r"history\.jsonl: cannot be read: "):
            file.read({"rows": rows, "sha256": ""}, Path("c.safetensors"))


def test_rows_come_back_to_the_bit(tmp_path: Path, rng: np.random.Generator) -> None:
    file = HistoryFile(tmp_path / "history.jsonl")
    file.create()
    rows = [{"epoch": epoch, "cost": float(value)} for epoch, value in enumerate(rng.normal(size=20) * 1e-300)]
    for row in rows[:12]:
        file.append(row)
    position = file.position()
    for row in rows[12:]:
        file.append(row)
    again = HistoryFile(file.path)
    assert again.read(position, Path("c")) == rows[:12]
    again.truncate()
    assert again.position() == position
    for row in rows[12:]:
        again.append(row)
    assert again.position() == file.position()
