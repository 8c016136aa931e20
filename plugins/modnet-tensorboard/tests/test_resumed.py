"""Trainings that are interrupted, killed and resumed: their curves have neither a gap nor a double point."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from event_reading import curves, everything, expected_curves, read, twice
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

from modnet import Interrupted, Run, Trainer
from modnet.analysis.logs import listener
from modnet.training.loop import TrainingLoop
from modnet_tensorboard import TensorBoard

TABLE: dict[str, Any] = {"epochs": 6, "network": {"layers": [8, 10]}, "data": {"validation_share": 0.1}}
LOG = {"kind": "tensorboard", "histograms_every_epochs": 1, "confusion_every_epochs": 4, "every_updates": 40}
CHECKPOINT = {"kind": "checkpoint", "every_epochs": 2, "keep": 9}


@pytest.fixture(autouse=True)
def _at_every_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write after every epoch and update."""
    monkeypatch.setattr(listener, "PAUSE", 0.0)
    monkeypatch.setattr(listener, "SHARE", 0)


def train(out: Path, *callbacks: Any, **changes: Any) -> Run:
    table = TABLE | {"callbacks": [LOG, CHECKPOINT]} | changes
    return Trainer.from_config(table).fit(callbacks=callbacks, out=out)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an uninterrupted training leaves."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(folder)
    return everything(folder)


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Interrupt trainings after so many updates, at the end of a block."""
    original = TrainingLoop._raise_if_interrupted

    def stop(loop: TrainingLoop, checkpoints: Any) -> None:
        if loop.view.updates >= after:
            loop.request_stop("as asked for")
        original(loop, checkpoints)

    monkeypatch.setattr(TrainingLoop, "_raise_if_interrupted", stop)


@pytest.mark.parametrize("after", [130, 400])
def test_after_an_interruption(
    whole: dict[str, Any], after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, after)
        with pytest.raises(Interrupted):
            train(tmp_path / "run")
    Trainer.resume(tmp_path / "run")
    assert everything(tmp_path / "run") == whole
    assert twice(tmp_path / "run") == []
    assert len(list((tmp_path / "run").glob("*tfevents*"))) == 2


KILLED = f"""
import os, signal
from modnet import Trainer
from modnet.analysis.logs import listener
listener.PAUSE = listener.SHARE = 0

def kill(training, row):
    if training.epochs == 5:
        os.kill(os.getpid(), signal.SIGKILL)

table = {TABLE | {"callbacks": [LOG, CHECKPOINT]}}
Trainer.from_config(table).fit(out="run", callbacks=[kill])
"""


def test_after_a_kill_between_two_checkpoints(whole: dict[str, Any], tmp_path: Path) -> None:
    process = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False)
    assert process.returncode == -signal.SIGKILL
    folder = tmp_path / "run"
    before = read(folder)
    assert [step for step, _ in curves(before)["cost/training"]] == [1, 2, 3, 4, 5]
    (file,) = folder.glob("*tfevents*")
    with file.open("ab") as tail:
        tail.write(b"half a record")  # as a kill may leave it
    run = Trainer.resume(folder)
    assert run.history[0]["epoch"] == 0
    assert everything(folder) == whole
    assert twice(folder) == []


@pytest.mark.parametrize("pause", [0.0, 1e9], ids=["written at the checkpoint", "not yet written"])
def test_a_tensorboard_that_is_open_forgets_what_is_trained_again(
    pause: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read points beyond the checkpoint, which the file does not have any more."""
    monkeypatch.setattr(listener, "PAUSE", pause)
    log = {"kind": "tensorboard"}
    folder = tmp_path / "run"
    train(folder, callbacks=[log, CHECKPOINT])
    reader, server = read(folder), EventMultiplexer(max_reload_threads=1)
    server.AddRun(str(folder), "run").Reload()  # as TensorBoard itself does, again and again
    steps = [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in curves(reader)["cost/training"]] == steps
    assert [point.step for point in server.Tensors("run", "cost/training")] == steps
    run = Trainer.resume(sorted((folder / "checkpoints").glob("*"))[0], epochs=7)
    reader.Reload()
    server.Reload()
    assert curves(reader) == expected_curves(run.history)
    assert [point.step for point in server.Tensors("run", "cost/training")] == [*steps, 7]
    assert twice(folder) == []


def test_an_earlier_checkpoint_leaves_the_branch_with_its_curves(whole: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(folder)
    Trainer.resume(sorted((folder / "checkpoints").glob("*"))[0])
    assert everything(folder) == whole
    assert everything(folder / "abandoned" / "1") == whole  # the run that was left, as it was
    assert twice(folder) == []


def test_files_of_later_sessions_are_emptied(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint is of the first of two sessions."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupt(patch, 400)
        with pytest.raises(Interrupted):
            train(folder)
    Trainer.resume(folder)
    assert len(list(folder.glob("*tfevents*"))) == 2
    Trainer.resume(sorted((folder / "checkpoints").glob("*"))[0])
    assert [bool(file.stat().st_size) for file in sorted(folder.glob("*tfevents*"))] == [True, False, True]
    assert everything(folder) == whole
    assert twice(folder) == []


def test_more_epochs_go_on_where_the_others_ended(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(folder, epochs=3)
    run = Trainer.resume(folder, epochs=5)
    reader = read(folder)
    found = {tag: points for tag, points in curves(reader).items() if not tag.startswith("updates/")}
    assert found == expected_curves(run.history)
    assert [each.step for each in reader.Tensors("configuration/text_summary")] == [0, 3]
    assert [each.step for each in reader.Images("finished/confusion/test")] == [5]
    assert twice(folder) == []


def test_files_that_have_gone_are_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(folder, epochs=4)
    for file in folder.glob("*tfevents*"):
        file.unlink()
    run = Trainer.resume(folder, epochs=5)
    found = {tag: points for tag, points in curves(read(folder)).items() if not tag.startswith("updates/")}
    assert found == expected_curves(run.history)


def test_a_folder_of_its_own_is_cut_off_too(tmp_path: Path) -> None:
    log, folder = {"kind": "tensorboard", "folder": str(tmp_path / "logs")}, tmp_path / "run"
    train(folder, callbacks=[log, CHECKPOINT])
    other = tmp_path / "logs" / "events.out.tfevents.1700000000.of-another-program"
    shutil.copy(next((tmp_path / "logs").glob("*tfevents*")), other)
    kept = other.read_bytes()
    run = Trainer.resume(sorted((folder / "checkpoints").glob("*"))[0])
    assert other.read_bytes() == kept
    other.unlink()
    assert curves(read(tmp_path / "logs")) == expected_curves(run.history)
    assert twice(tmp_path / "logs") == []


def test_a_state_of_a_stranger_leads_out_of_no_folder(tmp_path: Path) -> None:
    """A run folder of somebody else may say that any file is an event file."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    writer = TensorBoard().writer()
    state = writer.state_dict() | {"sizes": {"../victim": 0, str(victim): 0}}
    log = TensorBoard().listener()
    log.load_state_dict({"pending": [], "writer": state})
    Trainer.from_config(TABLE | {"epochs": 1}).fit(out=tmp_path / "run", callbacks=[log])
    assert victim.read_text() == "precious"
    assert [step for step, _ in curves(read(tmp_path / "run"))["cost/training"]] == [1]
