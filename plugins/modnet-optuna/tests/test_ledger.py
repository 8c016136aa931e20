"""The ledger: each trial is one process's, none is lost with its process, and none has two results."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from searches import states

from modnet_optuna.ledger import Ledger
from modnet_optuna.outcome import ATTRIBUTE, Outcome
from modnet_optuna.storage import Place, quiet

DONE = Outcome(state="complete", figures=(1.0,), epochs=1, updates=1, seconds=0.1)
Open = Callable[..., Ledger]


@pytest.fixture
def opened() -> Iterator[Open]:
    """A function that returns the ledger of a process of its own: with its own connections."""
    ledgers: list[Ledger] = []

    def call(trials: int = 10, heartbeat: int = 60) -> Ledger:
        storage = Place("search.db").open(heartbeat)
        try:
            optuna.create_study(storage=storage, study_name="s", direction="maximize", load_if_exists=True)
        finally:
            ledgers.append(Ledger(storage, "s", trials, lambda number: optuna.samplers.RandomSampler(seed=number)))
        return ledgers[-1]

    with quiet():
        yield call
        for ledger in ledgers:
            ledger.close()


def let_die() -> None:
    """Let all running trials have had their last sign of life an hour ago."""
    with sqlite3.connect("search.db") as connection:
        changed = connection.execute("UPDATE trial_heartbeats SET heartbeat = datetime('now', '-1 hour')")
        assert changed.rowcount
    connection.close()


def finish(ledger: Ledger, trial: Any, value: float = 1.0) -> None:
    ledger.finish(trial, DONE.model_copy(update={"figures": (value,)}), value)


def test_a_ledger_gives_as_many_trials_as_are_wanted(opened: Open) -> None:
    ledger = opened(trials=3)
    trials = [ledger.claim() for _ in range(3)]
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert ledger.claim() is None
    assert vars(ledger.counts()) == {"done": 0, "running": 3, "left": 0}
    finish(ledger, trials[1])
    assert vars(ledger.counts()) == {"done": 1, "running": 2, "left": 0}
    assert [trial.number for trial in ledger.results()] == [1]
    assert vars(opened(trials=5).counts()) == {"done": 1, "running": 2, "left": 2}


def test_several_processes_never_take_the_same_trial(opened: Open) -> None:
    first = opened(trials=40)
    for _ in range(40):
        first.study.add_trial(optuna.create_trial(state=TrialState.WAITING))
    ledgers, taken = [opened(trials=40) for _ in range(4)], Counter()

    def take(ledger: Ledger) -> None:
        while (trial := ledger.claim()) is not None:
            taken[trial.number] += 1
        ledger._storage.remove_session()

    threads = [threading.Thread(target=take, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == dict.fromkeys(range(40), 1)


def test_a_trial_too_many_waits_until_more_are_wanted(opened: Open) -> None:
    ledger = opened(trials=1)
    for _ in range(3):  # as three processes make one at the same moment
        ledger.study.add_trial(optuna.create_trial(state=TrialState.WAITING))
    finish(ledger, ledger.claim())
    assert (ledger.claim(), ledger.counts().done) == (None, 1)
    assert len(ledger.results()) == 1
    more = opened(trials=2)
    assert more.claim().number == 1
    assert more.claim() is None


def test_the_trial_of_a_silent_process_is_taken_up_with_its_values(opened: Open) -> None:
    dead, alive = opened(trials=2), opened(trials=2)
    trial = dead.claim()
    drawn = trial.suggest_float("x", 0.0, 1.0)
    trial.report(0.5, 3)
    assert alive.claim().number == 1
    assert alive.claim() is None
    let_die()
    again = alive.claim()
    assert again.number == 0
    assert again.suggest_float("x", 0.0, 1.0) == drawn
    assert alive.reported(again) == {3: 0.5}
    finish(alive, again)
    assert states()[0] == "COMPLETE"


def test_a_process_that_was_held_up_writes_no_second_result(opened: Open) -> None:
    slow, fast = opened(trials=1), opened(trials=1)
    trial = slow.claim()
    let_die()
    finish(fast, fast.claim(), 0.75)
    finish(slow, trial, 0.25)
    assert [each.value for each in fast.results()] == [0.75]
    slow.give_back(trial)  # nor does it make it wait
    assert states() == ["COMPLETE"]


def test_a_process_that_was_held_up_may_be_the_first(opened: Open) -> None:
    slow, fast = opened(trials=1), opened(trials=1)
    trial = slow.claim()
    let_die()
    again = fast.claim()
    finish(slow, trial, 0.25)
    finish(fast, again, 0.75)
    assert [each.value for each in slow.results()] == [0.25]
    assert Outcome.model_validate_json(slow.results()[0].user_attrs[ATTRIBUTE]).figures == (0.25,)


def test_a_result_counts_though_the_trial_was_just_taken_from_its_process(opened: Open) -> None:
    slow, fast = opened(trials=2), opened(trials=2)
    trial = slow.claim()
    let_die()
    assert fast.claim().number == 0
    fast.give_back(trial)
    assert states() == ["WAITING"]
    finish(slow, trial)
    assert states() == ["COMPLETE"]
    assert fast.claim().number == 1


def test_nobody_dies_between_taking_a_trial_and_its_first_sign_of_life(opened, monkeypatch) -> None:
    ledger = opened(trials=1)
    real = ledger._storage.set_trial_state_values

    def killed(trial_id, state, values=None):
        if state == TrialState.RUNNING:
            real(trial_id, state, values)
            raise KeyboardInterrupt

    monkeypatch.setattr(ledger._storage, "set_trial_state_values", killed)
    with pytest.raises(KeyboardInterrupt):
        ledger.claim()
    assert states() == ["RUNNING"]
    let_die()
    assert opened(trials=1).claim().number == 0


def test_a_trial_is_alive_while_its_process_is(opened: Open) -> None:
    ledger, other = opened(trials=1, heartbeat=1), opened(trials=1, heartbeat=1)
    trial = ledger.claim()
    let_die()
    with ledger.heartbeat(trial):
        deadline = time.monotonic() + 20
        while other._storage._get_stale_trial_ids(other._id):  # until the next sign of life
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert other.claim() is None


def test_a_storage_that_is_away_for_a_moment_ends_no_heartbeat(opened, monkeypatch) -> None:
    ledger, calls = opened(trials=1, heartbeat=1), []
    trial = ledger.claim()

    def record(trial_id):
        calls.append(trial_id)
        if len(calls) == 1:
            raise OSError("away")

    monkeypatch.setattr(ledger._storage, "record_heartbeat", record)
    with ledger.heartbeat(trial):
        deadline = time.monotonic() + 20
        while len(calls) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_what_others_write_into_the_study_does_not_count(opened: Open) -> None:
    ledger = opened(trials=2)
    ledger.study.tell(ledger.claim().number, state=TrialState.FAIL)
    ledger.study.add_trial(optuna.create_trial(value=0.5))
    for _ in range(2):
        finish(ledger, ledger.claim())
    assert ledger.claim() is None
    assert states() == ["FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert len(ledger.results()) == ledger.counts().done == 2
