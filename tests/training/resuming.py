"""Trainings that are interrupted and gone on with, and all that is left of them, for comparing every bit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from modnet import Interrupted, Run, Trainer

Data = tuple[np.ndarray, np.ndarray]


def interrupted(config: dict[str, Any], data: Data, folder: Path, after: int, **more: Any) -> Interrupted:
    with pytest.raises(Interrupted) as caught:
        Trainer.from_config(config).fit(*data, out=folder, interrupt_after=after, **more)
    return caught.value


def in_pieces(config: dict[str, Any], data: Data, folder: Path, points: Sequence[int], **more: Any) -> Run:
    """Train, interrupted after these updates; every time a new training goes on."""
    interrupted(config, data, folder, points[0], **more)
    for point in points[1:]:
        with pytest.raises(Interrupted):
            Trainer.resume(folder, *data, interrupt_after=point, **more)
    return Trainer.resume(folder, *data, **more)


def left_by(folder: Path) -> dict[str, Any]:
    """Return everything that the files of a run hold, but for what a clock says; read by others than modnet."""
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    left: dict[str, Any] = {"history": [{**row, "seconds": None} for row in history]}
    files = {"model": folder / "model.safetensors", "last checkpoint": max((folder / "checkpoints").glob("*"))}
    for name, path in files.items():
        for tensor, values in load_file(path).items():
            if tensor == "training.json":
                left[f"{name}: state"] = without_clock(json.loads(values.tobytes()))
            else:
                left[f"{name}: {tensor}"] = (values.dtype, values.shape, values.tobytes())
    return left


def without_clock(said: Any) -> Any:
    """Return a state's JSON without seconds and without the list of checkpoints: one is the interruption's."""
    if isinstance(said, list):
        if len(said) == 2 and said[0] == "seconds":
            return ["seconds", None]
        return [without_clock(item) for item in said]
    if isinstance(said, dict):
        if said.get("dict", [None])[:1] == [["kind", "checkpoint"]]:
            return "the list of checkpoints"
        return {key: without_clock(value) for key, value in said.items()}
    return said


def same(one: Path, other: Path) -> None:
    """Compare all that two runs left."""
    ours, theirs = left_by(one), left_by(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert value == theirs[name], name
