"""Trainings that are interrupted, killed and resumed: one run, whose curves have neither a gap nor a double point."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from run_reading import curves, expected_curves, of_epochs, only_run, runs

from modnet import Interrupted, Run, Trainer
from modnet.training.loop import TrainingLoop

TABLE: dict[str, Any] = {"epochs": 6, "network": {"layers": [8, 10]}, "data": {"validation_share": 0.1}}
LOG = {"kind": "mlflow", "every_updates": 40, "confusion_every_epochs": 0}
CHECKPOINT = {"kind": "checkpoint", "every_epochs": 2, "keep": 9}


def train(out: Path | None, *callbacks: Any, **changes: Any) -> Run:
    table = TABLE | {"callbacks": [LOG, CHECKPOINT]} | changes
    return Trainer.from_config(table).fit(callbacks=callbacks, out=out)


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Interrupt trainings after so many updates, at the end of a block."""
    original = TrainingLoop._raise_if_interrupted

    def stop(loop: TrainingLoop, checkpoints: Any) -> None:
        if loop.view.updates >= after:
            loop.request_stop("as asked for")
        original(loop, checkpoints)

    monkeypatch.setattr(TrainingLoop, "_raise_if_interrupted", stop)


def check(client: Any, run: Run) -> None:
    """Compare the one run there is with a training."""
    logged = only_run(client)
    found = curves(client, logged)
    assert of_epochs(found) == expected_curves(run.history)
    assert [step for step, _ in found["updates/cost"]] == list(range(40, run.updates + 1, 40))
    assert len(client.get_metric_history(logged.info.run_id, "seconds")) == len(run.history)
    assert logged.info.status == "FINISHED"


@pytest.mark.parametrize("after", [130, 400])
def test_after_an_interruption(client: Any, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, after)
        with pytest.raises(Interrupted):
            train(tmp_path / "run")
    assert only_run(client).info.status == "KILLED"
    check(client, Trainer.resume(tmp_path / "run"))


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


def test_after_a_kill_between_two_checkpoints(client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False)
    assert process.returncode == -signal.SIGKILL
    logged = only_run(client)
    assert logged.info.status == "RUNNING"
    assert [step for step, _ in curves(client, logged)["cost"]] == [1, 2, 3, 4, 5]
    check(client, Trainer.resume(tmp_path / "run"))
    assert capsys.readouterr().err == ""


def test_a_run_is_found_whose_name_no_checkpoint_has(client: Any, tmp_path: Path) -> None:
    """The answer to the request that made it was lost, say."""
    train(tmp_path / "run", callbacks=[CHECKPOINT])
    from modnet_mlflow import MLflow

    first = MLflow(confusion_every_epochs=0, every_updates=40).writer()
    state = first.state_dict()
    Trainer.from_config(TABLE | {"epochs": 2}).fit(callbacks=[_with_state(state)])
    assert state["run"] is None
    run = Trainer.from_config(TABLE).fit(callbacks=[_with_state(state)])
    check(client, run)


def _with_state(state: dict[str, Any]) -> Any:
    from modnet_mlflow import MLflow

    log = MLflow(confusion_every_epochs=0, every_updates=40).listener()
    log.load_state_dict({"pending": [], "writer": state})
    return log


def test_more_epochs_go_on_where_the_others_ended(client: Any, tmp_path: Path) -> None:
    train(tmp_path / "run", epochs=3)
    run = Trainer.resume(tmp_path / "run", epochs=5)
    check(client, run)
    logged = only_run(client)
    assert (logged.data.params["epochs"], logged.data.tags["resumed.epochs"]) == ("3", "5")


def test_a_run_is_known_by_its_identifier(client: Any, tmp_path: Path) -> None:
    train(tmp_path / "run", epochs=3)
    client.delete_tag(only_run(client).info.run_id, "modnet.training")
    check(client, Trainer.resume(tmp_path / "run", epochs=4))


def test_other_values_beyond_the_checkpoint_are_told_and_kept(
    client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MLflow replaces no point; another engine, say, may have computed otherwise."""
    log = {**LOG, "every_updates": 0}
    first = train(tmp_path / "run", callbacks=[log, CHECKPOINT])

    def otherwise(training: Any, row: dict[str, Any]) -> None:
        del row
        training.parameters[...] *= 0.5

    checkpoint = sorted((tmp_path / "run" / "checkpoints").glob("*"))[1]
    capsys.readouterr()
    second = Trainer.resume(checkpoint, epochs=8, callbacks=[otherwise])
    err = capsys.readouterr().err.splitlines()
    assert sum("has other values from step 6 of " in line for line in err) == 1
    expected = expected_curves(first.history)
    for name, points in expected_curves(second.history).items():
        expected[name] += points[6:]
    assert curves(client, only_run(client)) == expected


@pytest.mark.parametrize("how", ["deleted", "another store"])
def test_a_run_that_has_gone_is_made_again(
    client: Any, how: str, tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    train(tmp_path / "run", epochs=3)
    if how == "deleted":
        client.delete_run(only_run(client).info.run_id)
    else:
        (tmp_path / "other.db").write_bytes(empty_database.read_bytes())
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
        client = MlflowClient()
    run = Trainer.resume(tmp_path / "run", epochs=4)
    (logged,) = runs(client)
    assert of_epochs(curves(client, logged)) == expected_curves(run.history)
