"""Trainings in processes of their own that are signalled and killed, and what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import COMMAND, ENVIRONMENT, runner
from components.callbacks.strangers import Watch, installed
from safetensors.numpy import load_file
from training.resuming import interrupting, same

import modnet
from modnet import Interrupted, ModelFileError, Trainer
from modnet.storage.lock import FolderLock
from modnet.training.signals import handle_signals

SAVING = ("--set", "network.layers=[12, 10]", "--set", "optimizer.rule=adam", "--set",
          'callbacks=[{kind="checkpoint", every_seconds=0.001, keep=2}]', "--quiet")  # fmt: skip
DEADLINE = 120.0


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "train", *arguments],
        cwd=folder,
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], path: Path, pattern: str = "*") -> None:
    """Wait until a file is there, or the process has ended."""
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until and process.poll() is None and not any(path.glob(pattern)):
        time.sleep(0.002)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    error = process.communicate(timeout=DEADLINE)[1]
    return process.returncode, error


@pytest.mark.parametrize(
    ("number", "status", "kept"),
    [(signal.SIGINT, 130, SAVING), (signal.SIGHUP, 129, ("--set", "network.layers=[12, 10]", "--quiet"))],
    ids=["SIGINT", "SIGHUP, no callback"],
)
def test_a_signal_ends_a_training_in_good_order(
    tmp_path: Path, number: signal.Signals, status: int, kept: tuple[str, ...]
) -> None:
    process = start(tmp_path, "--epochs", "100000", "--out", "my run", *kept)
    wait_for(process, tmp_path / "my run", "history.jsonl")
    time.sleep(0.05)
    process.send_signal(number)
    code, error = ended(process)
    assert code == status
    assert error.startswith("modnet: interrupted after ")
    assert error.endswith(" updates; resume with: modnet train --resume 'my run'\n")
    assert error.count("\n") == 1
    updates = int(error.split()[3].replace(",", ""))
    last = max((tmp_path / "my run" / "checkpoints").iterdir())
    assert last.name.endswith(f"update-{updates:09d}.safetensors")
    assert modnet.load(last).sizes == [64, 12, 10]
    assert not (tmp_path / "my run" / ".lock").exists()
    with interrupting(updates + 1), pytest.raises(Interrupted):
        Trainer.resume(tmp_path / "my run", progress=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_exit_status_names_the_signal_unless_it_was_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    def send(training: Any) -> None:
        if training.epochs == 1:
            signal.raise_signal(number)

    Watch.heard, Watch.at = [], {"epoch_end": send}
    monkeypatch.chdir(tmp_path)
    settings = ("--set", "network.layers=[5, 10]", "--set", "callbacks=['watch']", "--epochs", "2", "--quiet")
    with installed(Watch):
        modnet_command = runner(monkeypatch, capsys)
        broken = modnet_command("train", *settings, "--out", "run")
        before = signal.signal(number, signal.SIG_IGN)
        try:
            whole = modnet_command("train", *settings, "--out", "ignored")
        finally:
            signal.signal(number, before)
    assert broken.code == 128 + number
    assert broken.err == "modnet: interrupted after 144 updates; resume with: modnet train --resume run\n"
    assert (whole.code, whole.err) == (0, "")


def killed_and_resumed(tmp_path: Path, kills: int, epochs: int, **environment: str) -> None:
    """Kill a training again and again, each time going on from what it left, and compare every run that ends."""
    draw = np.random.default_rng(kills)
    settings = [f"epochs={epochs}", *SAVING[1:-1:2]]
    Trainer(modnet.load_config(None, settings)).fit(out=tmp_path / "whole")
    made = runs = 0
    while made < kills or runs == 0:
        run = tmp_path / f"run-{runs}"
        process = start(tmp_path, "--epochs", str(epochs), "--out", run.name, *SAVING, **environment)
        wait_for(process, run / "checkpoints", "epoch*")
        reached: Path | None = None
        while True:
            time.sleep(draw.uniform(0.0, 0.25))
            if made < kills:
                process.kill()
            code, error = ended(process)
            if code == 0:
                break
            assert (code, error) == (-signal.SIGKILL, "")
            made += 1
            found = sorted((run / "checkpoints").glob("epoch*"))
            for path in found:
                assert load_file(path)
                modnet.load(path)
            if reached is not None:
                assert found[-1] >= reached
            reached = found[-1]
            process = start(tmp_path, "--resume", run.name, "--quiet", **environment)
            wait_for(process, run / "checkpoints", f"epoch-*[!{reached.name[6:11]}]*")
        same(tmp_path / "whole", run)
        left = {path.name for path in run.iterdir()}
        assert left == {"config.toml", "history.jsonl", "data.json", "checkpoints", "model.safetensors"}
        assert len(list((run / "checkpoints").iterdir())) <= 3
        runs += 1


def test_a_training_that_is_killed_is_gone_on_with(tmp_path: Path) -> None:
    killed_and_resumed(tmp_path, 1, 20)


@pytest.mark.soak
@pytest.mark.parametrize("temporary", ["", "/dev/shm"])  # noqa: S108 -- a file system of memory
def test_nothing_is_lost_in_a_hundred_kills(tmp_path: Path, temporary: str) -> None:
    if temporary:
        assert Path(temporary).stat().st_dev != tmp_path.stat().st_dev
        killed_and_resumed(tmp_path, 100, 400, TMPDIR=temporary)
    else:
        killed_and_resumed(tmp_path, 100, 400)


CONFIG: dict[str, Any] = {"epochs": 2, "network": {"layers": [5, 10]}}


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that trains in the folder ``run``."""
    process = start(tmp_path, "--epochs", "100000", "--out", "run", "--quiet")
    wait_for(process, tmp_path / "run", "history.jsonl")
    assert process.poll() is None, ended(process)
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_a_killed_one_leaves_the_way_free(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    run = tmp_path / "run"
    with pytest.raises(ModelFileError, match="run: is not empty"):
        Trainer.from_config(CONFIG).fit(out=run)
    assert ended(start(tmp_path, "--resume", "run"))[0] == 2
    for _ in range(2):
        with pytest.raises(ModelFileError, match=r"run: another training is writing to this run folder"):
            Trainer.resume(run)
        (run / ".lock").unlink(missing_ok=True)  # by hand
    other.kill()
    other.communicate()
    with pytest.raises(ModelFileError, match=r"run: has no checkpoint to resume from"):
        Trainer.resume(run)


def test_a_worker_that_outlives_a_training_does_not_keep_its_lock(tmp_path: Path) -> None:
    lock, (reads, writes), (is_ready, says_ready) = FolderLock(tmp_path), os.pipe(), os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on it warns where there are threads
        worker = os.fork()
    if worker == 0:
        os.close(writes)
        os.write(says_ready, b".")
        os.read(reads, 1)
        os._exit(0)
    try:
        os.read(is_ready, 1)
        with pytest.raises(ModelFileError, match="another training"):
            FolderLock(tmp_path)
        lock.release()
        FolderLock(tmp_path).release()
    finally:
        for descriptor in (writes, reads, is_ready, says_ready):
            os.close(descriptor)
        os.waitpid(worker, 0)


def test_of_two_that_begin_in_one_folder_at_once_one_wins(tmp_path: Path) -> None:
    """All claim the folder before any has begun it."""
    gate, outcomes = threading.Barrier(4), []

    def train(number: int) -> None:
        trainer = Trainer.from_config({**CONFIG, "seed": number})
        try:
            with_gate(trainer, gate, tmp_path / "run")
        except ModelFileError as error:
            outcomes.append(str(error))
        else:
            outcomes.append(number)

    threads = [threading.Thread(target=train, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (outcome for outcome in outcomes if isinstance(outcome, int))
    assert modnet.load_config(tmp_path / "run" / "config.toml").seed == winner
    assert all("run: is not empty" in outcome or "another training" in outcome
               for outcome in outcomes if isinstance(outcome, str))  # fmt: skip


def with_gate(trainer: Trainer, gate: threading.Barrier, out: Path) -> None:
    from modnet.storage.run_folder import RunFolder

    folder = RunFolder.claim(out, trainer.config)
    gate.wait()
    network = Trainer.from_config({**CONFIG, "epochs": 0}).fit().network
    try:
        folder.begin(trainer.config, network)
        gate.wait()  # whoever was refused waits here too
    except ModelFileError:
        gate.wait()
        raise
    finally:
        folder.release()


def test_the_second_signal_does_what_it_did_before() -> None:
    heard: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("mine"))
    mine = signal.getsignal(signal.SIGINT)
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(ZeroDivisionError):
            signalled_twice(heard)
        assert heard == [("SIGINT", signal.SIGINT), "mine"]
        assert signal.getsignal(signal.SIGINT) is mine
        assert signal.getsignal(signal.SIGTERM) is terminate
    finally:
        signal.signal(signal.SIGINT, before)


def signalled_twice(heard: list[Any]) -> None:
    with handle_signals(lambda name, number: heard.append((name, number))):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise ZeroDivisionError


def test_signals_that_are_ignored_and_threads_are_left_alone() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with handle_signals(lambda *_: None):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    failed: list[BaseException] = []

    def elsewhere() -> None:
        try:
            with handle_signals(lambda *_: None):
                assert signal.getsignal(signal.SIGINT) is before
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert not failed


def test_without_a_run_folder_ctrl_c_is_pythons_own() -> None:
    Watch.heard, Watch.at = [], {"epoch_start": lambda _: os.kill(os.getpid(), signal.SIGINT)}
    with installed(Watch), pytest.raises(KeyboardInterrupt) as caught:
        Trainer.from_config({**CONFIG, "callbacks": ["watch"]}).fit()
    assert not isinstance(caught.value, Interrupted)


def test_an_interruption_passes_by_those_who_catch_exceptions(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match=r"interrupted \(SIGINT\) after 288 updates; saved in .*"):
        signalled_in_the_first_epoch(tmp_path / "run")


def signalled_in_the_first_epoch(out: Path) -> None:
    """Send a signal while the samples of the test are judged: the next update is in the next epoch."""
    Watch.heard = []
    Watch.at = {"epoch_end": lambda training: signal.raise_signal(signal.SIGINT) if training.epochs == 2 else None}
    with installed(Watch):
        try:
            Trainer.from_config({**CONFIG, "epochs": 5, "callbacks": ["watch"]}).fit(out=out)
        except Exception:  # which is none of these
            raise AssertionError from None
