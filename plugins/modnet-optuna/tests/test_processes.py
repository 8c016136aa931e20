"""Many processes, and what interrupts them: there are exactly as many results as trials, and none is there twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core.plugins.sites import GOOD, Site
from searches import RATE, SEARCH, SETTINGS, kill_some, running, start, states, trials, wait_until, workers_of

import modnet
from modnet import Trainer
from modnet_optuna import tune

EPOCHS = 60
"""Trials of some tenths of a second, so that something happens in the middle of them."""
LONG = ("--epochs", EPOCHS, "--storage", "search.db", "--json")


def check(found: dict[str, Any], count: int) -> None:
    """Check that a search has so many results, each of another trial, all in the storage once."""
    assert sorted(trial["number"] for trial in found["trials"]) == list(range(count))
    assert {trial["state"] for trial in found["trials"]} == {"complete"}
    kept = trials()
    assert [trial.state.name for trial in kept[:count]] == ["COMPLETE"] * count
    assert {trial.state.name for trial in kept[count:]} <= {"WAITING"}
    assert len({trial.params["optimizer.learning_rate"] for trial in kept[:count]}) == count


def end(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    return json.loads(out)


def go_on(count: int) -> dict[str, Any]:
    """Go on with a search that the command began, in this process."""
    settings = [*SETTINGS, f"epochs={EPOCHS}"]
    return tune(None, [SEARCH], settings=settings, trials=count, storage="search.db", heartbeat=1).to_dict()


def test_processes_share_the_trials_and_one_that_is_killed_is_replaced():
    search = start(*LONG, "--trials", 12, "--workers", 2)
    kill_some(search, 2, workers=2)
    found = end(search)
    check(found, 12)
    best = found["trials"][0]
    rate = best["settings"]["optimizer.learning_rate"]
    settings = [*SETTINGS, f"epochs={EPOCHS}", f"optimizer.learning_rate={rate}", "engine.threads=1"]
    run = Trainer(modnet.load_config(None, settings)).fit()
    assert best["figures"] == [run.history[-1]["validation_accuracy"]]


def test_two_commands_on_one_storage_share_one_search():
    first, second = start(*LONG, "--trials", 8), start(*LONG, "--trials", 8)
    found, again = end(first), end(second)
    check(found, 8)
    assert found["trials"] == again["trials"]


@pytest.mark.parametrize(("number", "workers", "status"), [(signal.SIGTERM, 1, 143), (signal.SIGINT, 2, 130)])
def test_a_signal_ends_it_with_the_command_that_goes_on(number, workers, status):
    search = start(*LONG, "--trials", 50, "--workers", workers)
    wait_until(lambda: running() >= workers, search)
    search.send_signal(number)
    out, err = search.communicate(timeout=100)
    assert (search.returncode, out) == (status, "")
    assert err.startswith("modnet: interrupted after ")
    assert " of 50 trials; go on with: modnet tune --set 'network.layers=[8, 10]' --set " in err
    assert len(err.splitlines()) == 1
    assert "WAITING" in states()
    assert not running()  # so that nobody has to wait for a heartbeat
    drawn = {trial.number: trial.params for trial in trials() if trial.params}
    count = max(drawn) + 2
    check(go_on(count), count)
    assert all(trials()[number].params == params for number, params in drawn.items())


def test_after_kill_9_of_all_the_same_command_goes_on():
    search = start(*LONG, "--trials", 50, "--workers", 2)
    wait_until(lambda: running() == 2, search)
    for process in (search.pid, *workers_of(search)):
        os.kill(process, signal.SIGKILL)
    search.communicate()
    assert running()
    count = len(states()) + 1
    check(go_on(count), count)


def test_processes_end_when_the_one_that_started_them_is_killed():
    search = start(*LONG, "--trials", 500, "--workers", 2)
    wait_until(lambda: running() == 2, search)
    workers = workers_of(search)
    assert len(workers) == 2
    search.kill()
    search.communicate()
    wait_until(lambda: not any(Path(f"/proc/{worker}/stat").exists() for worker in workers))
    assert not running()
    assert "WAITING" in states()


def test_an_error_of_a_process_ends_the_search_with_its_line():
    search = start(*LONG, "--trials", 500, "--workers", 2)
    wait_until(lambda: running() == 2, search)
    Path("search.db").write_bytes(b"no database any more" * 1000)
    out, err = search.communicate(timeout=100)
    assert (search.returncode, out) == (2, "")
    assert err.startswith("modnet: search.db: ")
    assert len(err.splitlines()) == 1


def test_parts_of_plug_ins_are_searched_by_their_names(tmp_path: Path):
    site = Site(tmp_path / "site")
    site.folder.mkdir()
    site.install("modnet-x", GOOD.format(kind="own"))
    kinds = ("--search", "network.layers.0.activation=tanh,own,modnet-x:own", "--sampler", "random")
    options = ("--epochs", 1, "--trials", 9, "--workers", 2, "--storage", "search.db", "--json")
    found = end(start(*options, *kinds, PYTHONPATH=str(site.folder)))
    figures = {trial["settings"]["network.layers.0.activation"]: trial["state"] for trial in found["trials"]}
    assert figures == dict.fromkeys(["tanh", "own", "modnet-x:own"], "complete")
    hidden = start(*options, *kinds, "--no-plugin", "modnet-x", PYTHONPATH=str(site.folder))
    assert "unknown activation 'own'" in hidden.communicate()[1]


def test_processes_in_python_have_samples_that_are_given(rng: np.random.Generator):
    x, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    config = {"epochs": 2, "network": {"layers": [4, 2]}, "data": {"kind": "memory", "validation_share": 0.25}}
    options = {"trials": 4, "data": modnet.Data((x, y)), "sampler": "random"}
    one, two = tune(config, RATE, **options), tune(config, RATE, **options, workers=2)
    assert [(trial.number, trial.figures) for trial in two.trials] == [(t.number, t.figures) for t in one.trials]


@pytest.mark.soak
def test_200_trials_by_4_processes_with_10_kills():
    search = start(*LONG, "--trials", 200, "--workers", 4)
    kill_some(search, 10, workers=4)
    check(end(search), 200)


@pytest.mark.postgresql
def test_a_database_is_shared_as_a_file_is():
    url, study = os.environ["MODNET_POSTGRESQL"], f"test-{os.getpid()}"
    options = ("--epochs", EPOCHS, "--trials", 60, "--workers", 2, "--storage", url, "--study", study, "--json")
    first, second = start(*options), start(*options)
    wait_until(lambda: workers_of(first), first)
    time.sleep(4.0)
    os.kill(workers_of(first)[0], signal.SIGKILL)
    found, again = end(first), end(second)
    assert sorted(trial["number"] for trial in found["trials"]) == list(range(60))
    assert found["trials"] == again["trials"]
    kept = trials(url, study)
    assert [trial.state.name for trial in kept[:60]] == ["COMPLETE"] * 60
    assert len({trial.params["optimizer.learning_rate"] for trial in kept[:60]}) == 60
