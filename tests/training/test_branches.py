"""A training that is resumed from an earlier checkpoint, and what becomes of the branch that it leaves."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import time
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import Modnet, runner
from training.resuming import interrupting, left_by, same

from modnet import Interrupted, Trainer, hookimpl

Data = tuple[np.ndarray, np.ndarray]
CONFIG: dict[str, Any] = {"epochs": 4, "network": {"layers": [4, 2]}, "optimizer": {"rule": "adam"},
                          "callbacks": [{"kind": "checkpoint", "keep": 99}]}  # fmt: skip


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(30, 3)), np.arange(30) % 2


def slower(after: int, factor: float = 0.3) -> Callable[[Any, Any], None]:
    """Return a callback that makes another training of the epochs after this one."""

    def change(training: Any, row: Any) -> None:
        del row
        if training.epochs == after:
            training.learning_rate_factor = factor

    return change


def checkpoint(run: Path, epochs: int) -> Path:
    (path,) = (run / "checkpoints").glob(f"epoch-{epochs:05d}-*")
    return path


def whole(data: Data, folder: Path, epochs: int, *callbacks: Any) -> Path:
    Trainer.from_config(CONFIG | {"epochs": epochs}).fit(*data, out=folder, callbacks=callbacks)
    return folder


class Empties:
    """Goes back to the start of its file as soon as a training is resumed."""

    @hookimpl
    def modnet_fit_start(self, training: Any) -> None:
        training.open_file("log.csv", "w").close()


def test_the_branch_that_is_left_is_a_run_of_its_own(data: Data, tmp_path: Path) -> None:
    whole(data, tmp_path / "run", 4)
    whole(data, tmp_path / "old", 5)
    whole(data, tmp_path / "new", 6, slower(3))
    model, config = (tmp_path / "run" / name for name in ("model.safetensors", "config.toml"))
    before = left_by(tmp_path / "run"), model.read_bytes(), config.read_bytes()
    (tmp_path / "run" / "log.csv").write_text("of a callback")
    with interrupting(10), pytest.raises(Interrupted):
        Trainer.resume(checkpoint(tmp_path / "run", 2), *data, epochs=6, callbacks=[slower(3), Empties()])
    assert (tmp_path / "run" / "log.csv").read_text() == ""
    left = tmp_path / "run" / "abandoned" / "1"
    assert not model.exists()  # it would be taken for the one of this branch
    assert (left_by(left), (left / model.name).read_bytes(), (left / config.name).read_bytes()) == before
    assert (left / "log.csv").read_text() == "of a callback"
    Trainer.resume(tmp_path / "run", *data, callbacks=[slower(3)])
    same(tmp_path / "new", tmp_path / "run")
    Trainer.resume(left, *data, epochs=5)
    same(tmp_path / "old", left)
    Trainer.resume(checkpoint(left, 4), *data, epochs=6)
    assert {path.name for path in (tmp_path / "run" / "abandoned").iterdir()} == {"1"}
    same(tmp_path / "old", left / "abandoned" / "1")


def test_the_command_that_is_printed_continues_the_new_branch(modnet_command: Modnet) -> None:
    """Ten epochs, again from the eighth on for twenty, interrupted in the ninth."""
    small = ("--set", "network.layers=[4, 10]", "--set", "optimizer.batch_size=500", "--quiet")
    saving = ("--set", 'callbacks=[{kind="checkpoint", keep=20}]')
    modnet_command("train", "--epochs", 10, "--out", "b", *small, *saving)
    with interrupting(27):
        broken = modnet_command("train", "--resume", checkpoint(Path("b"), 8), "--epochs", 20, "--quiet")
    assert broken.code == 128 + signal.SIGINT
    told, last = broken.err.splitlines()
    assert told == "modnet: what came after epoch-00008-update-000000024.safetensors is kept as the run b/abandoned/1"
    assert last.endswith("; resume with: modnet train --resume b")
    command = last.partition("resume with: modnet ")[2].split()
    assert modnet_command(*command, "--quiet").code == 0
    modnet_command("train", "--epochs", 20, "--out", "whole", *small, *saving)
    same(Path("whole"), Path("b"))
    assert modnet_command("evaluate", "b/abandoned/1").code == 0


@pytest.fixture
def modnet_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Modnet:
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def test_a_model_without_its_checkpoints_is_kept_too(data: Data, tmp_path: Path) -> None:
    run = whole(data, tmp_path / "run", 4)
    model, history = (run / "model.safetensors").read_bytes(), (run / "history.jsonl").read_bytes()
    for epochs in (3, 4):
        checkpoint(run, epochs).unlink()
    Trainer.resume(run, *data, callbacks=[slower(3)])
    left = run / "abandoned" / "1"
    assert (left / "model.safetensors").read_bytes() == model != (run / "model.safetensors").read_bytes()
    assert (left / "history.jsonl").read_bytes() == history


def test_nothing_is_set_apart_where_no_branch_is_left(
    data: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = whole(data, tmp_path / "run", 4)
    Trainer.resume(run, *data, epochs=5)
    with interrupting(17), pytest.raises(Interrupted):
        Trainer.resume(run, *data, epochs=7)
    Trainer.resume(run, *data)
    assert not (run / "abandoned").exists()
    assert capsys.readouterr().err == ""


def test_without_hard_links_a_branch_is_copied(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = whole(data, tmp_path / "run", 4)
    before = left_by(run)
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "not on this file system")))
    Trainer.resume(checkpoint(run, 2), *data, callbacks=[slower(3)])
    assert left_by(run / "abandoned" / "1") == before != left_by(run)


class Died(BaseException):
    """In the place of a kill: nothing that comes later reaches the disk."""


STEPS = ("mkdir", "link", "rename", "replace", "unlink", "write", "fsync", "truncate", "rmdir", "chmod")


def dying(patch: pytest.MonkeyPatch, last: int | None = None) -> list[str]:
    """Let this process die at one of the calls by which it changes files; return the list that names them all."""
    seen: list[str] = []

    def stepped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **more: Any) -> Any:
            if not str(arguments[0]).endswith(".lock"):  # the system removes the lock
                if last is not None and len(seen) >= last:
                    raise Died
                seen.append(name)
            return call(*arguments, **more)

        return step

    for name in STEPS:
        patch.setattr(os, name, stepped(name, getattr(os, name)))
    return seen


class DiesAtItsStart:
    @hookimpl
    def modnet_epoch_start(self) -> None:
        raise Died


def killed_while_setting_apart(data: Data, folder: Path, names: Collection[str]) -> None:
    """Kill a process before each step of these names, and resume both branches afterwards."""
    start = whole(data, folder / "start", 4)
    old, new = whole(data, folder / "old", 5), whole(data, folder / "new", 6, slower(3))

    def begin_branch(run: Path, last: int | None = None) -> list[str]:
        with pytest.MonkeyPatch.context() as patch:
            steps = dying(patch, last)
            with pytest.raises(Died):
                Trainer.resume(checkpoint(run, 2), *data, epochs=6, callbacks=[slower(3), DiesAtItsStart()])
        return steps

    shutil.copytree(start, folder / "counted")
    steps = begin_branch(folder / "counted")
    assert {"link", "rename", "unlink", "truncate"} <= set(steps)
    for last, name in enumerate(steps):
        if name not in names:
            continue
        run = folder / f"run-{last}"
        shutil.copytree(start, run)
        begin_branch(run, last)
        left = run / "abandoned" / "1"
        for number, (path, epochs) in enumerate([(left if left.exists() else run, 5), (run, 6)]):
            Trainer.resume(shutil.copytree(path, folder / f"again-{last}-{number}"), *data, epochs=epochs)
        same(folder / f"again-{last}-0", old)
        Trainer.resume(checkpoint(run, 2), *data, epochs=6, callbacks=[slower(3)])
        same(run, new)
        assert {path.name for path in (run / "abandoned").iterdir()} == {"1"}
        same(left, start)


def test_a_process_that_is_killed_while_it_sets_a_branch_apart_loses_none(data: Data, tmp_path: Path) -> None:
    killed_while_setting_apart(data, tmp_path, {"rename", "unlink", "truncate"})


@pytest.mark.soak
def test_a_process_that_is_killed_at_any_step_of_setting_a_branch_apart_loses_none(data: Data, tmp_path: Path) -> None:
    killed_while_setting_apart(data, tmp_path, STEPS)


class Waits:
    """Keeps a training from its end, so that a kill is never too late."""

    @hookimpl
    def modnet_fit_end(self) -> None:
        signal.pause()


def in_a_process(kill_after: float | None, train: Callable[..., Any], *arguments: Any, **more: Any) -> None:
    """Train in a forked process, which is killed after some seconds."""
    worker = multiprocessing.get_context("fork").Process(target=train, args=arguments, kwargs=more, daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on it warns where there are threads
        worker.start()
    if kill_after is not None:
        time.sleep(kill_after)
        worker.kill()
    worker.join(timeout=60)
    assert worker.exitcode == (0 if kill_after is None else -signal.SIGKILL)


def three_branches(data: Data, folder: Path, kills: int) -> None:
    """Train three branches of one run, each killed again and again at a random moment, and compare all three."""
    config = CONFIG | {"callbacks": [{"kind": "checkpoint", "keep": 999, "every_seconds": 1e-9}]}
    moments = np.random.default_rng(kills).exponential(0.03, (3, kills // 3)).tolist()
    run = folder / "run"
    for branch, (start, epochs) in enumerate([(0, 6), (4, 8), (2, 7)]):
        trainer, change = Trainer.from_config(config | {"epochs": epochs}), slower(start + 1, 0.5**branch)
        trainer.fit(*data, out=folder / f"whole-{branch}", callbacks=[change])
        before = {path.stat().st_ino for path in run.glob("checkpoints/epoch*")}
        for moment in [*moments[branch], None]:
            callbacks = [change] if moment is None else [change, Waits()]
            latest = max(run.glob("checkpoints/epoch*"), default=None)
            if latest is None:
                shutil.rmtree(run, ignore_errors=True)
                in_a_process(moment, trainer.fit, *data, out=run, callbacks=callbacks)
            else:
                has_begun = branch == 0 or latest.stat().st_ino not in before
                path = run if has_begun else max(run.glob(f"checkpoints/epoch-{start:05d}-*"))
                in_a_process(moment, Trainer.resume, path, *data, epochs=epochs, callbacks=callbacks)
    for left, original in [(run, 2), (run / "abandoned" / "1", 0), (run / "abandoned" / "2", 1)]:
        same(left, folder / f"whole-{original}")
    assert {path.name for path in (run / "abandoned").iterdir()} == {"1", "2"}


def test_three_branches_that_are_killed_end_as_if_they_had_not_been(data: Data, tmp_path: Path) -> None:
    three_branches(data, tmp_path, 3)


@pytest.mark.soak
def test_three_branches_that_are_killed_thirty_times_end_as_if_they_had_not_been(data: Data, tmp_path: Path) -> None:
    three_branches(data, tmp_path, 30)
