"""Processes that are killed or asked to stop: the others end with a line, and the run that is resumed has every bit."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from launching import MODNET, PATIENCE, Ended, ended, launched, run

from modnet.storage.checkpoint import read

TRAIN = [*MODNET, "train", "--quiet"]
SETTINGS = ["--set", "engine=jax", "--set", "callbacks=['checkpoint']", "--set", "optimizer.batch_size=64"]
GONE = re.compile(
    r"modnet: process (\d) \(\S+, pid \d+\) is gone; the last checkpoint is (run/checkpoints/epoch-\S+\.safetensors)\n"
)
WITHIN = 20.0
"""How many seconds after one the others have ended."""


def new(folder: Path, epochs: int) -> list[str]:
    return [*TRAIN, *SETTINGS, "--epochs", str(epochs), "--out", folder.name]


def wait_for_checkpoint(run: Path, after: str, processes: list[subprocess.Popen[str]]) -> None:
    """Wait until a run has a checkpoint later than that."""
    until = time.monotonic() + PATIENCE
    while latest(run) <= after:
        if any(process.poll() is not None for process in processes):
            return
        assert time.monotonic() < until, "no checkpoint"
        time.sleep(0.02)


def latest(run: Path) -> str:
    return max((path.name for path in (run / "checkpoints").glob("epoch*")), default="")


def left_by(run: Path) -> dict[str, Any]:
    """Return all that a run leaves, without what clocks say."""
    last = read(run / "checkpoints" / latest(run))
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    state = {
        name: value for name, value in last.state.items() if name in ("rule_state", "randomness", "order", "updates")
    }
    return {
        "θ": last.network.parameters.tobytes(),
        "model": (run / "model.safetensors").read_bytes(),
        "history": [{**row, "seconds": 0} for row in history],
        "state": repr(state),
    }


def disturbed(folder: Path, count: int, faults: list[tuple[int, int]], epochs: int, seed: int) -> None:
    """Disturb a training again and again, each time resuming what is left; ``faults`` are processes and signals.

    Where it ends before all have come, another is begun. Every training that ends is compared with an undisturbed one.
    """
    whole, draw, made, runs = folder / "whole", np.random.default_rng(seed), 0, 0
    assert [outcome.code for outcome in run(count, new(whole, epochs), folder)] == [0] * count
    while made < len(faults):
        path, command = folder / "run", new(folder / "run", epochs)
        while True:
            before = latest(path)
            with launched(count, command, folder) as processes:
                wait_for_checkpoint(path, before, processes)
                time.sleep(draw.uniform(0.0, 0.3))
                victim, number = faults[made] if made < len(faults) else (0, 0)
                if number:
                    processes[victim].send_signal(number)
                outcomes = ended(processes, WITHIN if number else PATIENCE)
            codes = [outcome.code for outcome in outcomes]
            if codes == [0] * count:
                break  # it was over before, or there are no more faults
            made += 1
            if any(code for index, code in enumerate(codes) if index != victim):
                (check_stopped if number == signal.SIGTERM else check_killed)(outcomes, victim, path)
            elif (path / "model.safetensors").exists():
                break  # it was over for the others when the signal came
            command = [*TRAIN, "--resume", "run"]
        assert left_by(path) == left_by(whole)
        runs += 1
        path.rename(folder / f"run-{runs}")


def check_killed(outcomes: list[Ended], victim: int, path: Path) -> None:
    for index, outcome in enumerate(outcomes):
        if index == victim:
            assert (outcome.code, outcome.out, outcome.err) == (-signal.SIGKILL, "", "")
            continue
        assert (outcome.code, outcome.out) == (2, "")
        line = GONE.fullmatch(outcome.err)
        assert line is not None, outcome.err
        assert int(line[1]) == victim
        assert (path.parent / line[2]).exists()


def check_stopped(outcomes: list[Ended], victim: int, path: Path) -> None:
    del victim
    updates = int(latest(path).split("-")[3].partition(".")[0])
    assert [outcome.code for outcome in outcomes] == [128 + signal.SIGTERM] * len(outcomes)
    how = f"resume with {len(outcomes)} processes: modnet train --resume run"
    told = f"modnet: interrupted after {updates:,} updates; {how}\n"
    assert [outcome.err for outcome in outcomes] == [told, *[""] * (len(outcomes) - 1)]


KILL, TERM = signal.SIGKILL, signal.SIGTERM


def test_two_kills_of_a_worker_two_of_process_0_and_two_signals_lose_no_bit(tmp_path: Path) -> None:
    faults = [(1, KILL), (0, TERM), (0, KILL), (1, TERM), (1, KILL), (0, KILL)]
    disturbed(tmp_path, 2, [(victim, int(number)) for victim, number in faults], epochs=40, seed=0)


@pytest.mark.soak
@pytest.mark.parametrize(("victims", "number", "times"), [((1, 2), KILL, 30), ((0,), KILL, 30), ((0, 1, 2), TERM, 20)])
def test_nothing_is_lost_in_many_faults(tmp_path: Path, victims: tuple[int, ...], number: int, times: int) -> None:
    draw = np.random.default_rng(times)
    faults = [(int(draw.choice(victims)), int(number)) for _ in range(times)]
    disturbed(tmp_path, 3, faults, epochs=60, seed=times)


KILLED = """
import os, signal, sys
import jax
from modnet.cli import main
from modnet_jax.group import JaxGroup

victim, name = int(sys.argv.pop(1)), sys.argv.pop(1)
owner = JaxGroup if name == "connect" else jax.distributed
function = getattr(owner, name)

def call(*args, **options):
    if int(os.environ["OMPI_COMM_WORLD_RANK"]) == victim:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*args, **options)

setattr(owner, name, call)
main()
"""


@pytest.mark.parametrize(
    ("victim", "name"), [(1, "connect"), (0, "shutdown")]
)  # before the runtime begins, and its end
def test_a_process_that_is_killed_at_the_start(tmp_path: Path, victim: int, name: str) -> None:
    begin = [sys.executable, "-c", KILLED, str(victim), name]
    outcomes = run(2, [*begin, *new(tmp_path / "run", 1)[len(MODNET) :]], tmp_path)
    other = outcomes[1 - victim]
    assert outcomes[victim].code == -signal.SIGKILL
    line = rf"modnet: process {victim} \(\S+, pid \d+\) is gone; there is no checkpoint\n"
    assert re.fullmatch(line, other.err), other
    assert (other.code, other.out) == (2, "")
