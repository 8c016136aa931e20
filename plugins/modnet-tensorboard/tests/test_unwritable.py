"""Files that cannot be written: one line, and the training goes on as if there were no log."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO, Any

import pytest
from event_reading import curves, expected_curves, read, twice

from modnet import Run, Trainer
from modnet.analysis.logs import listener
from modnet_tensorboard import TensorBoard
from modnet_tensorboard.writer import TensorBoardWriter

TABLE: dict[str, Any] = {"epochs": 6, "network": {"layers": [8, 10]}}


@pytest.fixture(autouse=True)
def _at_every_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write after every epoch and update."""
    monkeypatch.setattr(listener, "PAUSE", 0.0)
    monkeypatch.setattr(listener, "SHARE", 0)


def train(out: Path | None, *callbacks: Any) -> Run:
    return Trainer.from_config(TABLE).fit(callbacks=callbacks, out=out)


def same(run: Run) -> bool:
    """Return whether a training ended with the bits of one without a log."""
    return run.network.parameters.tobytes() == train(None).network.parameters.tobytes()


@pytest.mark.parametrize("place", ["/proc/self/nowhere", "a file/below it", "/dev/null"])
def test_a_folder_that_cannot_be_made(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a file").write_text("no folder")
    run = train(None, TensorBoard(folder=place, histograms_every_epochs=1))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"modnet: tensorboard: {place}: cannot be written: ")
    assert err.count("\n") == 1
    assert same(run)


class Disk:
    """A disk with so many bytes left; what is written to a file meets its end in the middle of a record."""

    def __init__(self, left: int) -> None:
        self.left = left

    def open(self, writer: TensorBoardWriter, name: str, mode: str) -> Any:
        return Limited(self, _opened(writer, name, mode))


_opened = TensorBoardWriter._opened


class Limited:
    def __init__(self, disk: Disk, file: IO[bytes]) -> None:
        self.disk, self.file = disk, file

    def write(self, content: Any) -> int:
        if self.disk.left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = self.file.write(content[: self.disk.left])
        self.disk.left -= count
        return count

    def __enter__(self) -> Limited:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def size(folder: Path, log: TensorBoard) -> int:
    """Return how many bytes the log of a training has, in a folder of its own."""
    train(folder, log)
    (file,) = folder.glob("*tfevents*")
    return file.stat().st_size


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_disk_that_is_full_for_some_time(
    share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = TensorBoard(every_updates=20, confusion_every_epochs=0)
    disk = Disk(int(share * size(tmp_path / "whole", log)))
    monkeypatch.setattr(TensorBoardWriter, "_opened", lambda *arguments: disk.open(*arguments))

    def room_again(training: Any, row: dict[str, Any]) -> None:
        del row
        if training.epochs == 5:
            disk.left = 10**9

    run = train(tmp_path / "run", room_again, log)
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith(f"modnet: tensorboard: {tmp_path / 'run'}: cannot be written: No space left on device;")
    assert same(run)
    found = curves(read(tmp_path / "run"))
    updates = [step for step, _ in found.pop("updates/cost")]
    assert updates == list(range(20, run.updates + 1, 20))
    del found["updates/gradient_norm"], found["updates/learning_rate"]
    assert found == expected_curves(run.history)
    assert twice(tmp_path / "run") == []


def test_a_disk_that_stays_full_leaves_whole_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = TensorBoard(confusion_every_epochs=0)
    disk = Disk(size(tmp_path / "whole", log) - 200)
    monkeypatch.setattr(TensorBoardWriter, "_opened", lambda *arguments: disk.open(*arguments))
    run = train(tmp_path / "run", log)
    assert capsys.readouterr().err.count("\n") == 1
    assert same(run)
    found = curves(read(tmp_path / "run"))
    assert found == {tag: points[: len(found[tag])] for tag, points in expected_curves(run.history).items()}
    assert 0 < len(found["cost/training"]) < 6


def test_a_run_folder_that_goes_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own files tell of it; the log adds one line."""
    logs = tmp_path / "logs"

    def remove(training: Any, row: dict[str, Any]) -> None:
        del row
        if training.epochs == 3:
            for file in logs.iterdir():
                file.unlink()
            logs.rmdir()

    run = train(None, TensorBoard(folder=str(logs)), remove)
    assert same(run)
    assert capsys.readouterr().err.count("\n") <= 1
