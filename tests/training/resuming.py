"""Trainings that are interrupted and resumed, and all that is left of them, for comparing every bit."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from modnet import Interrupted, Run, Trainer, cli
from modnet.training.epoch import EpochRunner
from modnet.training.loop import TrainingLoop

Data = tuple[np.ndarray, np.ndarray]


@contextmanager
def interrupting(after: int) -> Iterator[None]:
    """Interrupt every training at the first block's end after so many updates."""
    original = TrainingLoop._raise_if_interrupted

    def interrupt(loop: TrainingLoop, checkpoints: Any) -> None:
        if loop.view.updates >= after:
            loop.request_stop("as asked for")
        original(loop, checkpoints)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingLoop, "_raise_if_interrupted", interrupt)
        yield


def interrupted(config: dict[str, Any], data: Data, folder: Path, after: int, **more: Any) -> Interrupted:
    with interrupting(after), pytest.raises(Interrupted) as caught:
        Trainer.from_config(config).fit(*data, out=folder, **more)
    return caught.value


def in_pieces(config: dict[str, Any], data: Data, folder: Path, points: Sequence[int], **more: Any) -> Run:
    """Train, interrupted after these updates and resumed each time."""
    interrupted(config, data, folder, points[0], **more)
    for point in points[1:]:
        with interrupting(point), pytest.raises(Interrupted):
            Trainer.resume(folder, *data, **more)
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


def without_clock(state: Any) -> Any:
    """Return a state's JSON without seconds and without the list of checkpoints: one is the interruption's."""
    if isinstance(state, list):
        return [without_clock(item) for item in state]
    if isinstance(state, dict):
        if state.get("kind") == "checkpoint":
            return "the list of checkpoints"
        # The digest is of the history's lines, which say how long the epochs took.
        return {key: None if key in ("seconds", "sha256") else without_clock(value) for key, value in state.items()}
    return state


def same(one: Path, other: Path) -> None:
    """Compare all that two runs left."""
    ours, theirs = left_by(one), left_by(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert value == theirs[name], name


def small_blocks(patch: pytest.MonkeyPatch) -> None:
    """Make every batch a block of its own, so that a training may be interrupted after any update."""
    patch.setattr(EpochRunner, "_block_rows", lambda _, batch_size: batch_size)


def main() -> None:
    """``resuming.py AFTER ARGUMENT...``: run the command with small blocks, interrupted after so many updates."""
    after, *arguments = sys.argv[1:]
    with pytest.MonkeyPatch.context() as patch, interrupting(int(after)):
        small_blocks(patch)
        sys.argv = ["modnet", *arguments]
        cli.main()


if __name__ == "__main__":
    main()
