"""`modnet.compare`: grids, means and deviations, folds, processes, folders."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import modnet
from modnet import ConfigError, Data, DataError, ModelFileError, RunConfig, Trainer, load_config
from modnet.analysis.comparison.comparison import Row
from modnet.analysis.comparison.outcome import Outcome, Statistic
from modnet.analysis.comparison.text import fastest_sentence, statistic_text
from modnet.data.datasets.arrays import Digits

FAST = {"epochs": 2, "network": {"layers": [10]}}
RATES = {"optimizer.learning_rate": [3.0, 0.3]}
LINEAR = {"kind": "dense", "units": 3, "activation": "identity"}


def reached(comparison: modnet.Comparison) -> list[list[dict[str, Any]]]:
    """Return all that the runs reached, but for how long they took."""
    return [[run.model_dump(exclude={"seconds", "epoch_seconds"}) for run in row.runs] for row in comparison.rows]


def rows_in(text: str) -> list[int]:
    """Return the rows, of 30, that a run folder says were held out."""
    return np.flatnonzero(np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))[:30]).tolist()


def single(config: RunConfig, **changes: Any) -> RunConfig:
    return config.model_copy(update={"engine": config.engine.model_copy(update={"threads": 1}), **changes})


@pytest.fixture
def flowers(rng: np.random.Generator) -> Data:
    """30 samples of three classes: 15, 9 and 6 of them, with features of different size; and some to test with."""
    labels = np.array([0] * 15 + [1] * 9 + [2] * 6)
    order = rng.permutation(30)
    x = rng.normal(size=(30, 2)) * [100.0, 1.0] + np.stack([200.0 * (labels == 1), 3.0 * (labels == 2)], axis=1)
    return Data((x[order], labels[order]), test=(x[:7], labels[:7]))


def test_mean_and_deviation_are_those_of_a_calculation_by_hand() -> None:
    # mean 7/3; deviations −4/3, −1/3, 5/3; their squares 16/9 + 1/9 + 25/9 = 42/9, by n − 1 = 2: 21/9
    found = Statistic.of([1.0, 2.0, 4.0])
    assert found.mean == pytest.approx(7 / 3, rel=1e-15)
    assert found.sd == pytest.approx((21 / 9) ** 0.5, rel=1e-15)
    assert Statistic.of([5.0]) == Statistic(5.0, None)


@pytest.mark.parametrize(
    ("name", "mean", "sd", "text"),
    [
        ("accuracy", 0.94444, 0.00312, "94.44% ± 0.31%"), ("cost", 0.0312345, 0.00212, "0.0312 ± 0.0021"),
        ("cost", 1234.56, 78.9, "1,235 ± 79"), ("cost", 0.5, 1.7e-7, "0.5 ± 1.7e-07"), ("cost", 2.0, 0.0, "2 ± 0"),
        ("cost", 0.0312345, None, "0.0312345"), ("seconds", 1.234, 0.056, "1.23 ± 0.06"),
        ("seconds", 1.234, None, "1.23"),
        ("r2", -3.21, 1.9, "-3.2 ± 1.9"),
    ],
)  # fmt: skip
def test_a_mean_has_as_many_digits_as_its_deviation_allows(name: str, mean: float, sd: float | None, text: str) -> None:
    assert statistic_text(name, Statistic(mean, sd)) == text


def test_rows_are_the_grid_and_each_run_is_a_training_of_its_own() -> None:
    grid = {"optimizer.rule": ["plain", "momentum"], **RATES}
    found = modnet.compare(FAST, grid, seeds=3)
    assert [tuple(row.settings.values()) for row in found.rows] == [*product(["plain", "momentum"], [3.0, 0.3])]
    assert (found.part, found.metric, found.better) == ("test", "accuracy", "higher")
    for row in found.rows:
        changes = [f'optimizer.rule="{row.settings["optimizer.rule"]}"']
        changes.append(f"optimizer.learning_rate={row.settings['optimizer.learning_rate']}")
        config = load_config(FAST, changes)
        assert row.config == config
        runs = [Trainer(single(config, seed=seed)).fit() for seed in range(3)]
        assert [run.seed for run in row.runs] == [0, 1, 2]
        assert [run.metrics for run in row.runs] == [run.test for run in runs]
        for name, statistic in row.metrics.items():
            values = [run.test[name] for run in runs]
            assert statistic.mean == pytest.approx(sum(values) / 3, rel=1e-14)
            spread = sum((value - statistic.mean) ** 2 for value in values) / 2
            assert statistic.sd == pytest.approx(spread**0.5, rel=1e-12, abs=1e-15)
        assert (row.epochs, row.updates) == (Statistic(2.0, 0.0), Statistic(288.0, 0.0))
    means = [row.metrics["accuracy"].mean for row in found.rows]
    assert [row.is_best for row in found.rows] == [index == int(np.argmax(means)) for index in range(4)]
    assert found.best == found.rows[int(np.argmax(means))].config


def test_another_metric_chooses_and_lower_costs_are_better() -> None:
    found = modnet.compare(FAST, RATES, metric="cost")
    costs = [row.metrics["cost"].mean for row in found.rows]
    assert (found.better, found.rows.index(found.best_row)) == ("lower", int(np.argmin(costs)))


def test_seeds_begin_with_that_of_the_configuration() -> None:
    found = modnet.compare({**FAST, "epochs": 0, "seed": 7}, seeds=2)
    assert [[run.seed for run in row.runs] for row in found.rows] == [[7, 8]]
    assert found.rows[0].config.seed == 7


def test_what_learning_rate_a_rule_has_is_its_own_unless_the_configuration_sets_one() -> None:
    found = modnet.compare({**FAST, "epochs": 0}, {"optimizer.rule": ["plain", "adam"]})
    rates = [row.config.optimizer.learning_rate for row in found.rows]
    assert rates == [
        load_config(None, [f"optimizer.rule={rule}"]).optimizer.learning_rate for rule in ("plain", "adam")
    ]
    assert rates[0] != rates[1]


def test_equal_combinations_are_one_and_an_option_that_a_kind_lacks_is_no_setting_of_it() -> None:
    grid = {"optimizer.batch_size": [10, 32], "optimizer.kind": ["batch", "mini-batch"]}
    found = modnet.compare({**FAST, "epochs": 0}, grid)
    assert [dict(row.settings) for row in found.rows] == [
        {"optimizer.kind": "batch"},
        {"optimizer.batch_size": 10, "optimizer.kind": "mini-batch"},
        {"optimizer.batch_size": 32, "optimizer.kind": "mini-batch"},
    ]


def test_validation_samples_choose_and_test_samples_are_told() -> None:
    config = load_config({**FAST, "data": {"kind": "digits", "validation_share": 0.25}})
    found = modnet.compare(config, RATES)
    run = Trainer(single(found.rows[0].config)).fit()
    (outcome,) = found.rows[0].runs
    assert (found.part, found.caution) == ("validation", None)
    assert (outcome.metrics, outcome.test) == (run.evaluate("validation"), run.test)
    assert found.rows[0].test["accuracy"].mean == run.test["accuracy"]


@pytest.mark.parametrize(("test", "part"), [(True, "test"), (False, "train")])
def test_a_choice_without_validation_samples_is_said_to_be_one(flowers: Data, test: bool, part: str) -> None:
    data = Data(flowers.train, test=flowers.test if test else None)
    found = modnet.compare({"epochs": 1, "network": {"layers": [3]}}, RATES, data=data)
    assert found.part == part
    assert found.caution is not None
    assert {"test": "the test samples", "train": "the training samples"}[part] in found.caution
    assert modnet.compare({"epochs": 1, "network": {"layers": [3]}}, data=data).caution is None  # nothing is chosen


def test_folds_are_those_of_a_manual_loop(flowers: Data) -> None:
    """Every fold is held out once, and what is scaled is scaled by the other samples alone: here by hand."""
    config = {"epochs": 5, "network": {"layers": [4, 3]}, "data": {"kind": "digits", "transforms": ["standard"]}}
    found = modnet.compare(config, folds=3, seeds=2, data=flowers, out="kept")
    x, y = flowers.train
    (row,) = found.rows
    assert [(run.seed, run.fold) for run in row.runs] == [*product([0, 1], [0, 1, 2])]
    held_out: dict[int, list[int]] = {0: [], 1: []}
    for run in row.runs:
        folder = Path("kept", f"combination-001-seed-{run.seed}-fold-{run.fold + 1}")
        record = json.loads((folder / "data.json").read_text())
        rows = np.array(rows_in(record["held_out"]["validation"]))
        held_out[run.seed] += rows.tolist()
        assert np.bincount(y[rows]).tolist() == [5, 3, 2]  # of 15, 9 and 6
        rest = np.setdiff1d(np.arange(30), rows)
        mean, sd = x[rest].mean(axis=0), x[rest].std(axis=0)
        plain = single(load_config({**config, "seed": run.seed, "data": {"kind": "digits"}}))
        manual = Trainer(plain).fit((x[rest] - mean) / sd, y[rest], validation=((x[rows] - mean) / sd, y[rows]))
        for name, value in manual.evaluate("validation").items():
            assert run.metrics[name] == pytest.approx(value, rel=1e-9)
    assert [sorted(rows) for rows in held_out.values()] == [list(range(30))] * 2
    assert held_out[0] != held_out[1]
    values = [run.metrics["cost"] for run in row.runs]
    assert row.metrics["cost"].mean == pytest.approx(np.mean(values))
    assert row.metrics["cost"].sd == pytest.approx(np.sqrt(np.sum((values - np.mean(values)) ** 2) / 5))


def test_all_combinations_have_the_same_folds(flowers: Data) -> None:
    config = {"epochs": 1, "network": {"layers": [3]}, "data": {"kind": "digits"}}
    modnet.compare(config, RATES, folds=2, data=flowers, out="kept")
    records = [json.loads(Path("kept", f"combination-00{c}-seed-0-fold-{f}", "data.json").read_text())["held_out"]
               for c, f in product([1, 2], [1, 2])]  # fmt: skip
    assert records[:2] == records[2:]
    assert records[0] != records[1]


def test_processes_change_no_bit(flowers: Data) -> None:
    grid = {"optimizer.rule": ["plain", "adam"], "network.layers": [[3], [8, 3], [{"kind": "dense", "units": 3}]]}
    config = {"epochs": 3, "data": {"kind": "digits", "transforms": ["standard"]}}
    one = modnet.compare(config, grid, seeds=2, folds=2, data=flowers, jobs=1)
    two = modnet.compare(config, grid, seeds=2, folds=2, data=flowers, jobs=2, out="kept")
    assert len(one.rows) == 4  # a layer of 3 units and a table that says so are the same
    assert reached(one) == reached(two)
    assert one.best == two.best


def test_a_finished_comparison_is_read_and_another_seed_is_added() -> None:
    whole = modnet.compare(FAST, RATES, seeds=2)
    modnet.compare(FAST, RATES, out="kept")
    models = {path: path.stat().st_mtime_ns for path in Path("kept").glob("*/model.safetensors")}
    more = modnet.compare(FAST, RATES, seeds=2, out="kept")
    assert reached(more) == reached(whole)
    assert {path: path.stat().st_mtime_ns for path in models} == models
    assert len([*Path("kept").glob("*/model.safetensors")]) == 4
    assert [run["folder"] for run in json.loads(Path("kept/comparison.json").read_text())["runs"]] == [
        "combination-001-seed-0", "combination-002-seed-0", "combination-001-seed-1", "combination-002-seed-1",
    ]  # fmt: skip
    again = modnet.compare(FAST, RATES, out="kept")
    assert again.to_dict()["rows"][0]["seconds"]["mean"] == more.rows[0].runs[0].seconds


@pytest.mark.parametrize("checkpoints", [True, False])
def test_an_interrupted_run_goes_on_or_is_made_again(monkeypatch: pytest.MonkeyPatch, checkpoints: bool) -> None:
    """The second run is interrupted in its third epoch, after the first is finished."""
    config, epochs = {**FAST, "epochs": 4}, []
    whole = modnet.compare(config, RATES)
    run_epoch = modnet.training.loop.TrainingLoop._run_epoch

    def counting(self: Any, writer: Any) -> Any:
        epochs.append(self.view.epoch)
        if len(epochs) == 7:
            self.request_stop("test")
        return run_epoch(self, writer)

    monkeypatch.setattr("modnet.training.loop.TrainingLoop._run_epoch", counting)
    with pytest.raises(modnet.Interrupted):
        modnet.compare(config, RATES, out="kept")
    second = Path("kept/combination-002-seed-0")
    assert [*second.glob("checkpoints/*")]
    if not checkpoints:
        shutil.rmtree(second / "checkpoints")
    epochs.clear()
    assert reached(modnet.compare(config, RATES, out="kept")) == reached(whole)
    assert epochs == ([2, 3] if checkpoints else [0, 1, 2, 3])  # of the first run, none


def test_given_samples_are_resumed_too(flowers: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"epochs": 3, "network": {"layers": [3]}, "data": {"kind": "digits"}}
    whole = modnet.compare(config, folds=2, data=flowers)
    run_epoch = modnet.training.loop.TrainingLoop._run_epoch

    def stopping(self: Any, writer: Any) -> Any:
        self.request_stop("test")
        return run_epoch(self, writer)

    with monkeypatch.context() as patch:
        patch.setattr("modnet.training.loop.TrainingLoop._run_epoch", stopping)
        with pytest.raises(modnet.Interrupted):
            modnet.compare(config, folds=2, data=flowers, out="kept")
    assert [*Path("kept").glob("*/checkpoints/*")]
    assert reached(modnet.compare(config, folds=2, data=flowers, out="kept")) == reached(whole)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grid": {"optimizer.learning_rate": [3.0, 0.1]}}, "which differs in optimizer.learning_rate of "),
        ({"grid": {"optimizer.learning_rate": [3.0]}}, "of 2 combinations (here 1)"),
        ({"config": {**FAST, "epochs": 3}}, "which differs in epochs of combination 1"),
        ({"folds": 2}, "without folds (here with 2 folds)"),
        ({"data": Digits().load()}, None),
        ({"data": Data(*[(x[::-1], y[::-1]) for x, y in [Digits().load().train]])}, "of other samples"),
    ],
)  # fmt: skip
def test_another_comparison_in_the_folder(change: dict[str, Any], error: str | None) -> None:
    modnet.compare(FAST, RATES, out="kept")
    before = Path("kept/comparison.json").read_bytes()
    arguments = {"config": FAST, "grid": RATES, **change}
    if error is None:
        modnet.compare(**arguments, out="kept")
    else:
        with pytest.raises(ModelFileError) as caught:
            modnet.compare(**arguments, out="kept")
        assert str(caught.value).startswith(f"kept: holds another comparison, {error}")
    assert Path("kept/comparison.json").read_bytes() == before


def test_what_is_no_folder_of_a_comparison() -> None:
    Trainer.from_config(FAST).fit(out="run")
    with pytest.raises(ModelFileError, match=r"^run: is not empty, and has no comparison\.json; "):
        modnet.compare(FAST, RATES, out="run")
    modnet.compare(FAST, RATES, out="kept")
    index = Path("kept/comparison.json")
    for content in ("", "[]", index.read_text()[:-20], index.read_text().replace('"cost"', "1", 1)):
        index.write_text(content)
        with pytest.raises(ModelFileError, match=r"^kept/comparison\.json: cannot be read: [^\n]+$"):
            modnet.compare(FAST, RATES, out="kept")
        assert index.read_text() == content
    assert sorted(path.name for path in Path("run").iterdir()) == [
        "config.toml", "data.json", "history.jsonl", "model.safetensors",
    ]  # fmt: skip


def test_divergence_is_a_row_and_not_the_end(flowers: Data) -> None:
    config = {"epochs": 3, "network": {"layers": [LINEAR]}, "data": {"kind": "digits"}}
    found = modnet.compare(config, {"optimizer.learning_rate": [1e200, 1e-9]}, seeds=2, data=flowers, out="kept")
    bad, good = found.rows
    assert (bad.diverged, bad.metrics, good.diverged) == (2, {}, 0)
    assert found.best_row is good
    assert "became non-finite" in str(bad.runs[0].diverged)
    assert found.to_dict()["rows"][0]["metrics"] == {}
    assert reached(
        modnet.compare(config, {"optimizer.learning_rate": [1e200, 1e-9]}, seeds=2, data=flowers, out="kept")
    )
    none = modnet.compare(config, {"optimizer.learning_rate": [1e200, 1e300]}, data=flowers)
    assert (none.best, none.best_row, none.caution) == (None, None, None)
    assert "all diverged" in repr(none)


def test_one_seed_that_diverges_leaves_a_combination_without_a_mean() -> None:
    found = modnet.compare(FAST, RATES, seeds=2)
    row = found.rows[0]
    one = Outcome(**{**row.runs[0].model_dump(), "metrics": {}, "test": {}, "diverged": "epoch 1"})
    assert type(row)(row.settings, row.config, (one, row.runs[1])).metrics == {}


def test_everything_is_json_and_speaks() -> None:
    found = modnet.compare(FAST, RATES)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["rows"][told["best"]]["best"] is True
    assert load_config(told["best_config"]) == found.best
    assert repr(found).startswith(
        "<modnet comparison: 2 combinations by test accuracy; best {'optimizer.learning_rate': "
    )


@pytest.mark.parametrize(("threads", "used"), [("auto", 1), (2, 2)])
def test_a_run_has_one_thread_unless_the_configuration_says_in_how_many(threads: Any, used: int) -> None:
    config = load_config({**FAST, "epochs": 0, "engine": {"kind": "numpy", "threads": threads}})
    found = modnet.compare(config, out="kept")
    assert (
        load_config("kept/combination-001-seed-0/config.toml").engine
        == load_config({"engine": {"kind": "numpy", "threads": used}}).engine
    )
    assert found.best == config


def test_engines_that_are_compared_have_the_threads_that_they_take_by_themselves() -> None:
    grid = {"engine": [{"kind": "numpy", "threads": 1}, {"kind": "numpy"}]}
    found = modnet.compare({**FAST, "epochs": 3}, grid, out="kept")
    engines = [load_config(f"kept/combination-00{number}-seed-0/config.toml").engine for number in (1, 2)]
    assert [engine.threads for engine in engines] == [1, None]
    assert found.varies_engine
    assert not modnet.compare({**FAST, "epochs": 0}, RATES).varies_engine
    assert modnet.compare({**FAST, "epochs": 0}, {"engine.threads": [1, 2]}).varies_engine


def test_the_seconds_of_an_epoch_are_the_median_of_all_but_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = Trainer.fit_data
    taken = iter([[9.0, 1.0, 4.0, 2.0], [5.0], [], [7.0, 3.0]])

    def timed(trainer: Trainer, *args: Any, **options: Any) -> modnet.Run:
        run, seconds = fit(trainer, *args, **options), next(taken)
        history = [{**row, "seconds": each} for row, each in zip(run.history, seconds, strict=True)]
        return replace(run, history=history)

    monkeypatch.setattr(Trainer, "fit_data", timed)
    found = modnet.compare(FAST, {"epochs": [4, 1, 0, 2]})
    assert [row.runs[0].epoch_seconds for row in found.rows] == [2.0, 5.0, None, 3.0]
    assert [row.epoch_seconds for row in found.rows] == [
        Statistic(2.0, None), Statistic(5.0, None), None, Statistic(3.0, None),
    ]  # fmt: skip
    told = json.loads(json.dumps(found.to_dict()))["rows"]
    assert [row["epoch_seconds"] for row in told] == [
        {"mean": 2.0, "sd": None}, {"mean": 5.0, "sd": None}, None, {"mean": 3.0, "sd": None},
    ]  # fmt: skip


def test_the_fastest_engine_is_named() -> None:
    rows = tuple(
        Row({"engine": kind}, RunConfig(), tuple(run.model_copy(update={"epoch_seconds": each}) for each in seconds))
        for kind, seconds in (("numpy", (0.2, 0.4)), ("jax", (0.1, 0.3)), ("none", (0.1, None)))
        for run in [Outcome(combination=0, seed=0, fold=None, metrics={}, test={}, epochs=1, updates=1, seconds=2.0)]
    )
    found = modnet.Comparison(rows, "test", "cost", "lower", 2, None)
    assert fastest_sentence(found) == (
        "Fastest: engine jax; 0.2000 ± 0.1414 seconds an epoch "
        "(the median of all but the first, in which an engine may compile)."
    )
    assert fastest_sentence(replace(found, rows=rows[2:])) is None
    other = tuple(replace(row, settings={"seed": 1}) for row in rows)
    assert fastest_sentence(replace(found, rows=other)) is None


def test_samples_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    load, loaded = Digits.load, []
    monkeypatch.setattr(Digits, "load", lambda self: (loaded.append(self), load(self))[1])
    modnet.compare({**FAST, "epochs": 1}, RATES, seeds=2, folds=3)
    assert len(loaded) == 1


DROP = {"optimizer.drop_last": [True]}
"""Of a batch that is larger than the data nothing is left."""


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"seeds": 0}, "seeds 0: should be an integer from 1"),
        ({"seeds": True}, "seeds True: should be an integer from 1"),
        ({"folds": 1}, "folds 1: should be an integer from 2"),
        ({"jobs": 0}, "jobs 0: should be an integer from 1"),
        ({"metric": "acuracy"}, "metric acuracy: there is none; did you mean 'accuracy'? (allowed: cost, accuracy)"),
        ({"metric": "validation_accuracy"}, "metric validation_accuracy: there is none; did you mean 'accuracy'? "),
        ({"grid": {"metrics": [["accuracy"], ["r2"]]}, "metric": "r2"}, "metric r2: not all combinations have it "),
        ({"grid": {"seed": []}}, "grid: seed: [] should be a list of values"),
        ({"grid": {"seed": 3}}, "grid: seed: 3 should be a list of values"),
        ({"grid": {"optimizer.rule": "adam"}}, "grid: optimizer.rule: 'adam' should be a list of values"),
        ({"grid": {"seed": [None]}}, "grid: seed: [None] holds a value that TOML does not have"),
        ({"grid": {"optimizer.rul": ["adam"]}}, "optimizer.rul: unknown option; did you mean 'rule'?"),
        ({"grid": {"optimizer.rule": ["plain", "adm"]}}, "optimizer.rule: unknown rule 'adm'; did you mean 'adam'"),
        ({"grid": {"optimizer.batch_size": [5, 5000], **DROP}}, "optimizer.batch_size: 5000 is more than the 1437"),
        ({"grid": {"optimizer.batch_size": [5, 720], **DROP}, "folds": 2}, "optimizer.batch_size: 720 is more than"),
        ({"grid": {"network.layers": [[10], [9]]}}, "network.layers.0: the output layer has 9 units, the data has 10"),
        ({"grid": {"data.validation_share": [0.0, 0.1]}}, "the combinations would be judged by different samples: "),
        ({"grid": {"seed": list(range(200)), "epochs": list(range(200))}}, "the grid has 40,000 combinations; "),
        ({"grid": {"seed": list(range(200))}, "seeds": 200}, "the comparison has 40,000 runs; allowed: up to 10,000"),
        ({"folds": 140}, "folds 140: class 8 has 139 samples; allowed: 2 to 139"),
    ],
)  # fmt: skip
def test_everything_is_checked_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], error: str
) -> None:
    monkeypatch.setattr("modnet.training.epoch.EpochRunner.run", None)
    with pytest.raises((ConfigError, DataError)) as caught:
        modnet.compare(FAST, **arguments, out="kept")
    assert str(caught.value).startswith(error)
    assert "\n" not in str(caught.value)
    assert not Path("kept").exists()


def test_no_group_is_divided_and_test_samples_are_in_no_fold(flowers: Data) -> None:
    x, y = flowers.train
    groups = np.repeat(np.arange(15), 2)[np.argsort(np.argsort(y, kind="stable"), kind="stable")]
    config = {"epochs": 1, "network": {"layers": [3]}, "data": {"kind": "digits", "test_share": 0.2}}
    found = modnet.compare(config, folds=3, data=Data((x, y), groups=groups), out="kept")
    (row,) = found.rows
    assert found.part == "validation"
    assert row.test
    parts = []
    for run in row.runs:
        record = json.loads(Path("kept", f"combination-001-seed-0-fold-{run.fold + 1}", "data.json").read_text())
        parts.append({part: rows_in(text) for part, text in record["held_out"].items()})
    test = parts[0]["test"]
    assert [each["test"] for each in parts] == [test] * 3
    assert sorted(row for each in parts for row in each["validation"]) == sorted({*range(30)} - {*test})
    for each in parts:
        for rows in each.values():
            assert {*groups[rows]}.isdisjoint(np.delete(groups, rows))


def test_a_text_that_only_one_fold_would_meet_is_an_error_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    colours = ["red", "blue"] * 15
    colours[7] = "green"
    rows = "".join(f"{colour},{number % 2}\n" for number, colour in enumerate(colours))
    Path("rows.csv").write_text(f"colour,label\n{rows}")
    data = {"kind": "csv", "path": "rows.csv", "target": "label", "transforms": ["one-hot"]}
    monkeypatch.setattr("modnet.training.epoch.EpochRunner.run", None)
    with pytest.raises(DataError, match=r"validation x: .*'green'"):
        modnet.compare({"network": {"layers": [2]}, "data": data}, folds=3)


def test_what_cannot_learn_is_said_once(flowers: Data, caplog: pytest.LogCaptureFixture) -> None:
    x, y = flowers.train
    data, config = Data((x * [1e6, 1.0], y)), {"epochs": 1, "network": {"layers": [3]}}
    modnet.compare(config, {"data.transforms": [[], ["standard"]]}, seeds=2, data=data)
    (warning,) = caplog.messages
    assert warning.endswith(" (1 of 2 combinations)")
    caplog.clear()
    modnet.compare(config, RATES, data=data)
    (warning,) = caplog.messages
    assert "combinations" not in warning


def test_folds_need_data_without_validation_samples(flowers: Data) -> None:
    data = Data(flowers.train, validation=flowers.test)
    with pytest.raises(ConfigError, match=r"^folds 2: the data has validation samples of its own; "):
        modnet.compare({"network": {"layers": [3]}}, folds=2, data=data)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
