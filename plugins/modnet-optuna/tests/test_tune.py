"""``tune``: what its trials reach is what a training reaches, and the test samples play no part in it."""

from __future__ import annotations

import csv
import io
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from searches import CONFIG, RATE, trials

import modnet
from modnet import Trainer
from modnet_optuna import tune

UNITS = {"network.layers.0.units": "4..12"}


def digits() -> modnet.Data:
    return modnet.load_config({}).data.load()


def figures(search) -> dict[int, tuple]:
    return {trial.number: (dict(trial.settings), trial.state, trial.figures) for trial in search.trials}


def setting_texts(trial) -> list[str]:
    return [f"{key}={value}" for key, value in trial.settings.items()]


def test_each_trial_has_the_figure_of_a_training_with_its_values():
    search = tune(CONFIG, RATE | UNITS | {"network.layers.0.activation": ["tanh", "relu"]}, trials=5)
    assert len({str(trial.settings) for trial in search.trials}) == 5
    for trial in search.trials:
        config = modnet.load_config(CONFIG, [*setting_texts(trial), "engine.threads=1"])
        run = Trainer(config).fit()  # with the test samples, which it evaluates after each epoch
        assert trial.figures == (run.history[-1]["validation_accuracy"],)
        assert (trial.value, trial.statistic.sd) == (trial.figures[0], None)
        assert (trial.epochs, trial.updates) == (2, run.updates)


def test_trials_are_sorted_and_the_best_is_a_configuration_that_trains_to_the_same_figure():
    search = tune(CONFIG, RATE, trials=4, out="out")
    values = [trial.value for trial in search.trials]
    assert values == sorted(values, reverse=True)
    assert search.best_trial is search.trials[0]
    assert modnet.load_config("out/best.toml") == search.best
    run = Trainer.from_config("out/best.toml").fit()
    assert run.history[-1]["validation_accuracy"] == values[0]


def test_a_lower_cost_is_better():
    search = tune(CONFIG, RATE, trials=4, metric="cost")
    values = [trial.value for trial in search.trials]
    assert (values, search.plan.better) == (sorted(values), "lower")
    run = Trainer(search.best).fit()
    assert run.history[-1]["validation_cost"] == values[0]


def test_a_trial_s_value_is_the_mean_over_its_seeds():
    search = tune({**CONFIG, "seed": 5}, RATE, trials=2, seeds=3)
    for trial in search.trials:
        expected = []
        for seed in (5, 6, 7):
            config = modnet.load_config(CONFIG, [*setting_texts(trial), f"seed={seed}", "engine.threads=1"])
            expected.append(Trainer(config).fit().history[-1]["validation_accuracy"])
        assert trial.figures == tuple(expected)
        assert trial.value == pytest.approx(statistics.mean(expected), rel=1e-15)
        assert trial.statistic.sd == pytest.approx(statistics.stdev(expected), rel=1e-12)
        assert trial.epochs == 3 * 2
    assert search.best.seed == 5


def test_without_validation_samples_a_fifth_is_divided_off_with_a_line(caplog):
    config = {name: CONFIG[name] for name in ("epochs", "network")}
    search = tune(config, RATE, trials=2)
    share = "20% of the training samples judge the trials (data.validation_share = 0.2)"
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"modnet: there are no validation samples: {share}"]
    assert search.best.data.validation_share == 0.2
    assert Trainer(search.best).fit().history[-1]["validation_accuracy"] == search.trials[0].value


def test_samples_given_in_python_and_a_test_part_that_nobody_may_read():
    class Forbidden:
        def __array__(self, *_, **__):
            raise AssertionError("the test samples were read")

        def __len__(self):
            raise AssertionError("the test samples were counted")

    data = digits()
    clean = tune(CONFIG, RATE, trials=2, data=data)
    hidden = replace(data, test=(Forbidden(), Forbidden()))
    assert figures(tune(CONFIG, RATE, trials=2, data=hidden)) == figures(clean) == figures(tune(CONFIG, RATE, trials=2))
    assert clean.best.data.kind == "memory"  # so that nobody trains it on the digits by mistake


def test_test_samples_that_are_divided_off_are_the_same_for_all_seeds_and_change_nothing(rng):
    x, y = digits().train
    config = {**CONFIG, "data": {"kind": "digits", "validation_share": 0.2, "test_share": 0.3}}
    options = {"trials": 2, "seeds": 3}
    expected = tune(config, RATE, data=modnet.Data((x, y)), **options)
    loaded = modnet.load_config(config)
    rows = Trainer(loaded).fit(x, y).samples["test"].held_out
    assert len(rows) == round(0.3 * len(x))
    noisy = x.copy()
    noisy[rows] = rng.uniform(size=(len(rows), x.shape[1]))
    assert figures(tune(config, RATE, data=modnet.Data((noisy, y)), **options)) == figures(expected)
    other = x.copy()
    other[np.setdiff1d(np.arange(len(x)), rows)[:50]] = 0.5  # so that it is seen that the others do count
    assert figures(tune(config, RATE, data=modnet.Data((other, y)), **options)) != figures(expected)


def test_a_search_with_one_process_is_the_same_again_and_after_an_interruption():
    search = RATE | UNITS
    whole = tune(CONFIG, search, trials=14, storage="whole.db")
    for count in (3, 11, 14):
        in_parts = tune(CONFIG, search, trials=count, storage="parts.db")
        assert len(in_parts.trials) == count
    assert figures(in_parts) == figures(whole)
    assert len({str(trial.settings) for trial in whole.trials}) == 14
    others = tune({**CONFIG, "seed": 1}, search, trials=2)
    assert not {str(trial.settings) for trial in others.trials} & {str(trial.settings) for trial in whole.trials}


def test_a_finished_search_makes_no_more_trials_and_only_writes():
    tune(CONFIG, RATE, trials=3, storage="search.db")
    before = trials()
    again = tune(CONFIG, RATE, trials=3, storage="search.db", out="out")
    assert len(again.trials) == 3
    assert trials() == before
    assert {path.name for path in Path("out").iterdir()} == {"best.toml", "trials.csv", "search.html"}


@pytest.mark.parametrize("sampler", ["random", optuna.samplers.RandomSampler(seed=3)])
def test_other_samplers(sampler):
    search = tune(CONFIG, RATE, trials=3, sampler=sampler)
    assert len({trial.settings["optimizer.learning_rate"] for trial in search.trials}) == 3
    assert len(search.trials) == 3


def test_the_table_has_all_digits_and_the_best_first():
    search = tune(CONFIG, RATE | {"network.layers.0.activation": ["tanh", "relu"]}, trials=4, seeds=2, out="out")
    rows = list(csv.DictReader(io.StringIO(Path("out/trials.csv").read_text())))
    assert [int(row["trial"]) for row in rows] == [trial.number for trial in search.trials]
    for row, trial in zip(rows, search.trials, strict=True):
        assert float(row["optimizer.learning_rate"]) == trial.settings["optimizer.learning_rate"]
        assert row["network.layers.0.activation"] == trial.settings["network.layers.0.activation"]
        assert float(row["validation_accuracy"]) == trial.value
        assert (float(row["seed_0"]), float(row["seed_1"])) == trial.figures
        assert (row["state"], row["reason"]) == ("complete", "")


def test_an_option_that_some_kinds_do_not_have_is_empty_in_the_table():
    search = {"network.layers.0.activation": ["tanh", "leaky-relu"], "network.layers.0.activation.slope": "0.01..0.3"}
    found = tune({**CONFIG, "epochs": 0}, search, trials=6, out="out")
    rows = list(csv.DictReader(io.StringIO(Path("out/trials.csv").read_text())))
    filled = {row["network.layers.0.activation"]: bool(row["network.layers.0.activation.slope"]) for row in rows}
    assert filled == {"tanh": False, "leaky-relu": True}
    assert "search.html" in {path.name for path in Path("out").iterdir()}
    assert len(found.to_dict()["trials"]) == 6


def test_arguments_are_refused_in_one_line(refused):
    for options, message in (
        ({"trials": 0}, "trials 0: should be an integer from 1 to 100,000"),
        ({"seeds": 1.5}, "seeds 1.5: should be an integer from 1 to 10,000"),
        ({"workers": -1}, "workers -1: should be"),
        ({"heartbeat": 0}, "heartbeat 0: should be"),
        ({"prune": "medium"}, "prune 'medium': is not known; did you mean 'median'? (allowed: none, median, "),
        ({"sampler": "tp"}, "sampler 'tp': is not known; did you mean 'tpe'? (allowed: tpe, random)"),
        ({"metric": "acuracy"}, "metric acuracy: there is none; did you mean 'accuracy'? (allowed: cost, accuracy)"),
        ({"storage": "sqlite://"}, "storage sqlite://: is in memory; allowed: a file's path, or the URL of a database"),
    ):
        assert refused(tune, CONFIG, RATE, **{"trials": 1, **options}).startswith(message), options
    for search, message in (
        ({"data.test_share": "0.1..0.5"}, "would judge the trials by different samples"),
        ({"data.validation_share": [0.1, 0.2]}, "would judge the trials by different samples"),
        ({"network.layers.1.units": "7..9"}, "network.layers.1: the output layer has 7 units, the data has 10 classes"),
    ):
        assert message in refused(tune, CONFIG, search, trials=1)
    shared = {**CONFIG, "data": {"kind": "digits", "validation_share": 0.2, "test_share": 0.2}}
    given = {"data": modnet.Data(digits().train)}
    text = refused(tune, shared, {"seed": "1..5"}, trials=1, **given)
    assert "would train on other trials' test samples (data.test_share = 0.2)" in text
    text = refused(tune, CONFIG, {"network.cost": ["quadratic", "binary-cross-entropy"]}, trials=1, metric="cost")
    assert "cannot be compared" in text
