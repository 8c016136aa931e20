"""Trials that do not end well: pruned, diverged, of values that do not go together; and what a plug-in raises."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import optuna
import pytest
from searches import CONFIG, RATE, trials

import modnet
from modnet import Trainer
from modnet_optuna import tune

LINEAR = [{"kind": "dense", "units": units, "activation": "identity"} for units in (8, 10)]
EXPLODING = {**CONFIG, "network": {"layers": LINEAR}}
HUGE = {"optimizer.learning_rate": [0.001, 1e300]}


class After(optuna.pruners.BasePruner):
    """Prunes the trials with some numbers after an epoch, counted from 0."""

    def __init__(self, epoch: int, numbers: tuple[int, ...]) -> None:
        self.epoch, self.numbers = epoch, numbers

    def prune(self, study, trial) -> bool:
        del study
        return trial.number in self.numbers and trial.last_step == self.epoch


def test_a_pruned_trial_stops_cleanly_with_its_last_figure_and_is_never_the_best():
    config = {**CONFIG, "epochs": 5}
    search = tune(config, RATE, trials=3, seeds=2, prune=After(1, (0, 2)), storage="search.db", out="out")
    assert [trial.state for trial in search.trials] == ["complete", "pruned", "pruned"]
    assert search.trials[1].last >= search.trials[2].last
    for trial in search.trials[1:]:
        alone = modnet.load_config(config, [f"{key}={value}" for key, value in trial.settings.items()])
        row = Trainer(alone).fit().history[1]
        assert trial.last == row["validation_accuracy"]
        assert (trial.epochs, trial.figures, trial.value) == (2, (), None)  # in the first seed; the second never began
        assert trial.reason == f"pruned after epoch 2: validation accuracy {trial.last:.2%}"
    assert [trial.state.name for trial in trials()] == ["PRUNED", "COMPLETE", "PRUNED"]
    assert search.best_trial.epochs == 2 * 5
    rows = list(csv.DictReader(io.StringIO(Path("out/trials.csv").read_text())))
    assert (rows[1]["state"], float(rows[1]["validation_accuracy"])) == ("pruned", search.trials[1].last)
    assert rows[1]["reason"] == search.trials[1].reason


def test_the_median_pruner_ends_the_worse_half_early():
    search = tune({**CONFIG, "epochs": 4}, {"optimizer.learning_rate": "log:1e-4..3"}, trials=16, prune="median")
    states = [trial.state for trial in search.trials]
    assert states.count("pruned") >= 3
    pruned = [trial.last for trial in search.trials if trial.state == "pruned"]
    assert max(pruned) < search.trials[0].value
    assert {trial.epochs for trial in search.trials if trial.state == "complete"} == {4}
    assert {trial.epochs for trial in search.trials if trial.state == "pruned"} <= {1, 2, 3}


@pytest.mark.parametrize("name", ["successive-halving", "hyperband"])
def test_optuna_s_other_pruners_end_trials_too(name):
    search = tune({**CONFIG, "epochs": 9}, {"optimizer.learning_rate": "log:1e-4..3"}, trials=16, prune=name)
    lengths = {state: {t.epochs for t in search.trials if t.state == state} for state in ("complete", "pruned")}
    assert lengths["complete"] == {9}
    assert lengths["pruned"]
    assert max(lengths["pruned"]) < 9


def test_what_a_trial_reported_before_it_was_interrupted_is_not_decided_again():
    class Until(optuna.pruners.BasePruner):
        """Interrupts the process once, after epoch 2, as a signal would."""

        asked: list[int] = []  # noqa: RUF012 -- it counts over several pruners

        def prune(self, study, trial) -> bool:
            del study
            self.asked.append(trial.last_step)
            if self.asked == [0, 1, 2]:
                raise KeyboardInterrupt
            return False

    options = {"trials": 1, "storage": "search.db", "prune": Until()}
    with pytest.raises(KeyboardInterrupt):
        tune({**CONFIG, "epochs": 6}, RATE, **options)
    assert [trial.state.name for trial in trials()] == ["WAITING"]
    rate = trials()[0].params
    search = tune({**CONFIG, "epochs": 6}, RATE, **options)
    assert Until.asked == [0, 1, 2, 2, 3, 4]  # after the last epoch there is nothing to decide
    assert (search.trials[0].settings, search.trials[0].epochs) == (rate, 6)
    plain = tune({**CONFIG, "epochs": 6}, RATE, trials=1)
    assert plain.trials[0].figures == search.trials[0].figures


def test_a_trial_that_diverges_is_the_worst_with_its_reason_and_the_search_goes_on():
    search = tune(EXPLODING, HUGE, trials=6, sampler="random", storage="search.db", out="out")
    states = {trial.settings["optimizer.learning_rate"]: trial.state for trial in search.trials}
    assert states == {0.001: "complete", 1e300: "diverged"}
    worst = search.trials[-1]
    assert (worst.state, worst.value, worst.figures) == ("diverged", None, ())
    with pytest.raises(modnet.DivergenceError) as caught:
        Trainer(modnet.load_config(EXPLODING, ["optimizer.learning_rate=1e300"])).fit()
    assert worst.reason == str(caught.value)
    assert search.best_trial.settings == {"optimizer.learning_rate": 0.001}
    values = {trial.params["optimizer.learning_rate"]: trial.value for trial in trials()}
    assert values[1e300] == -math.inf  # so that the sampler leaves such values alone
    assert worst.reason in Path("out/trials.csv").read_text().replace('""', '"')


def test_where_all_diverge_there_is_no_best():
    search = tune(EXPLODING, {"optimizer.learning_rate": [1e299, 1e300]}, trials=2, metric="cost", out="out")
    assert (search.best, search.best_trial) == (None, None)
    assert [trial.state for trial in search.trials] == ["diverged"] * 2
    assert {path.name for path in Path("out").iterdir()} == {"trials.csv", "search.html"}
    assert "no trial is complete" in repr(search)


def test_values_that_do_not_go_together_are_a_failed_trial():
    search = tune(CONFIG, {"network.layers.1.units": [10, 7]}, trials=6, sampler="random")
    states = {trial.settings["network.layers.1.units"]: (trial.state, trial.reason) for trial in search.trials}
    state, reason = states[7]
    assert states[10] == ("complete", None)
    assert state == "failed"
    assert reason.startswith("network.layers.1: the output layer has 7 units, the data has 10 classes; allowed: 10")


def test_a_metric_that_some_trials_do_not_have_is_a_failed_trial():
    search = tune(CONFIG, {"metrics": [["accuracy"], ["f1"]]}, trials=6, sampler="random", metric="accuracy")
    reasons = {trial.settings["metrics"][0]: trial.reason for trial in search.trials}
    assert reasons == {"accuracy": None, "f1": "it has no metric 'accuracy'"}


def test_samples_that_cannot_be_read_end_the_search_and_lose_no_trial(refused):
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    np.savez("a.npz", x=x, y=y)
    np.savez("b.npz", x=x, y=y)
    config = {
        "epochs": 1,
        "network": {"layers": [2]},
        "data": {"kind": "npz", "path": "a.npz", "validation_share": 0.2},
    }
    search = {"data.path": ["a.npz", "b.npz"]}
    Path("b.npz").rename("away.npz")
    options = {"trials": 6, "sampler": "random", "storage": "search.db"}
    assert "b.npz" in refused(tune, config, search, **options)
    assert [trial.state.name for trial in trials()].count("WAITING") == 1
    Path("away.npz").rename("b.npz")
    assert [trial.state for trial in tune(config, search, **options).trials] == ["complete"] * 6
