"""Plain Python functions, and objects, as callbacks and metrics of a training."""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from components.callbacks.strangers import Watch, installed
from training.resuming import Data, interrupting, small_blocks

import modnet
from modnet import ConfigError, Interrupted, Metric, Run, Trainer, hookimpl

CONFIG: dict[str, Any] = {"epochs": 3, "network": {"layers": [4, 3]}, "data": {"validation_share": 0.25}}


@pytest.fixture(autouse=True)
def _strangers() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch):
        yield


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(40, 3)), np.array(["red", "green", "blue", "green"] * 10)


def fit(data: Any, *, out: Path | None = None, test: Any = None, config: Any = None, **functions: Any) -> Run:
    return Trainer.from_config(CONFIG | (config or {})).fit(*data, out=out, test=test, **functions)


def share_right(y: Any, predictions: Any) -> float:
    return float(np.mean(y == predictions))


def by_name(y: Any, predictions: Any) -> dict[str, float]:
    return {name: float(np.mean(predictions[y == name] == name)) for name in ("red", "green")}


class Log:
    """An object with hooks and a state, and no component."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    @hookimpl
    def modnet_fit_start(self) -> None:
        self.heard.append("start")

    @hookimpl
    def modnet_epoch_end(self, row: Any) -> None:
        self.heard.append(row["epoch"])

    def state_dict(self) -> Any:
        return {"heard": self.heard}

    def load_state_dict(self, state: Any) -> None:
        self.heard = state["heard"]


def test_objects_of_one_class_hear_for_themselves_in_every_training(data: Data) -> None:
    first, second, own = Log(), Log(), Log()
    own.modnet_fit_end = hookimpl(lambda training: own.heard.append(training.epochs))  # type: ignore[attr-defined]
    for _ in range(2):
        fit(data, callbacks=[first, second], config={"epochs": 1})
    fit(data, callbacks=[own, second], config={"epochs": 1})
    assert (first.heard, second.heard) == (["start", 0] * 2, ["start", 0] * 3)
    assert own.heard == ["start", 0, 1]  # what the object has beside its class, too


def test_a_function_is_called_after_every_epoch(data: Data) -> None:
    seen: list[Any] = []
    run = fit(data, callbacks=[lambda training, row: seen.append((training.updates, row))])
    assert seen == [(3, run.history[0]), (6, run.history[1]), (9, run.history[2])]


def test_an_object_with_hooks_and_a_callback_are_taken_too(data: Data) -> None:
    log = Log()
    stop = modnet.Callback.resolve({"kind": "early-stopping", "monitor": "cost", "patience": 1, "minimum_gain": 1e9})
    run = fit(data, callbacks=[log, stop])
    assert log.heard == ["start", 0, 1]
    assert run.stopped == "cost has not improved for 1 epoch; epoch 1 is restored"
    assert run.config.callbacks == ()


def test_they_come_after_those_of_the_configuration(data: Data) -> None:
    Watch.at = {"epoch_end": lambda _: Watch.heard.append(("", "configured", None))}
    fit(data, config={"callbacks": ["watch"], "epochs": 1}, callbacks=[
        lambda *_: Watch.heard.append(("", "first", None)),
        lambda *_: Watch.heard.append(("", "second", None)),
    ])  # fmt: skip
    names = [name for _, name, _ in Watch.heard if name in ("configured", "first", "second", "should_stop")]
    assert names == ["configured", "first", "second", "should_stop"]


def test_the_error_of_a_function_names_it(data: Data) -> None:
    def breaks(*_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fit(data, callbacks=[breaks])
    assert "callback 'breaks' (callbacks.0) in the event 'epoch_end'" in caught.value.__notes__[0]


@pytest.mark.parametrize("wrong", [3, "progress", None, Log, object()])
def test_what_is_no_callback_is_refused_before_a_folder_is_made(data: Data, tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"^callbacks: .* is no callback; allowed: a function f\(training, row\), a"):
        fit(data, out=tmp_path / "run", callbacks=[wrong])
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_hook_of_an_object_is_refused(data: Data) -> None:
    class Misspelt:
        @hookimpl
        def modnet_epoch_ends(self) -> None:
            pass

    with pytest.raises(Exception, match="unknown hook 'modnet_epoch_ends'"):
        fit(data, callbacks=[Misspelt()])


def test_the_options_of_a_callback_that_was_given_are_named_by_its_kind(data: Data) -> None:
    stop = modnet.Callback.resolve({"kind": "early-stopping", "monitor": "csot"})
    with pytest.raises(ConfigError, match=r"^early-stopping\.monitor: no metric is called 'csot'; did you mean 'cost'"):
        fit(data, callbacks=[stop])


def test_a_metric_gets_labels_of_all_held_out_samples(data: Data) -> None:
    calls: list[Any] = []

    def check(y: Any, predictions: Any) -> float:
        calls.append((y, predictions))
        return 0.5

    run = fit(data, test=(data[0][:7], data[1][:7]), metrics=[check])
    assert [len(y) for y, _ in calls] == [10, 7, 10, 7, 10, 7, 7]
    assert all(set(y) | set(predictions) <= {"red", "green", "blue"} for y, predictions in calls)
    y, predictions = calls[-1]
    np.testing.assert_array_equal(y, data[1][:7])
    np.testing.assert_array_equal(predictions, run.network.classify(data[0][:7]))
    assert {key for key in run.history[0] if key.endswith("check")} == {"validation_check", "test_check"}
    assert run.test["check"] == 0.5


def test_it_agrees_with_the_built_in_metric(data: Data) -> None:
    run = fit(data, test=(data[0][:7], data[1][:7]), metrics=[share_right])
    for part in ("validation", "test"):
        for row in run.history:
            assert row[f"{part}_share_right"] == pytest.approx(row[f"{part}_accuracy"], abs=1e-12)
    assert run.evaluate("validation")["share_right"] == run.history[-1]["validation_share_right"]


def test_two_classes_and_one_output(rng: np.random.Generator) -> None:
    data = rng.normal(size=(40, 3)), np.arange(40) % 2 == 0
    run = fit(data, metrics=[share_right], config={"network": {"layers": [4, 1]}})
    assert run.history[-1]["validation_share_right"] == run.history[-1]["validation_accuracy"]


@pytest.mark.parametrize("outputs", [None, 1, 2])
def test_numbers_are_given_as_scikit_learn_gives_them(rng: np.random.Generator, outputs: int | None) -> None:
    x = rng.normal(size=(40, 3))
    y = rng.normal(size=40 if outputs is None else (40, outputs))
    shapes: list[Any] = []

    def mean_squared_error(y: Any, predictions: Any) -> float:
        shapes.append((y.shape, predictions.shape))
        return float(np.mean((y - predictions) ** 2))

    layer = {"kind": "dense", "units": outputs or 1, "activation": "identity"}
    config = {"network": {"layers": [layer]}, "optimizer": {"learning_rate": 0.01}, "metrics": ["r2"]}
    run = fit((x, y), metrics=[mean_squared_error], config=config)
    assert set(shapes) == {((10, 2), (10, 2)) if outputs == 2 else ((10,), (10,))}
    halved = 2 * run.history[-1]["validation_cost"] / (outputs or 1)
    assert run.history[-1]["validation_mean_squared_error"] == pytest.approx(halved, rel=1e-12)


def test_several_numbers_by_name(data: Data) -> None:
    run = fit(data, metrics=[by_name, functools.partial(share_right)])
    assert {key for key in run.history[0] if "by_name" in key} == {"validation_by_name_red", "validation_by_name_green"}
    assert "validation_share_right" in run.history[0]


def test_weights_are_given_to_a_function_that_takes_them(data: Data) -> None:
    seen: list[Any] = []

    def weighted(y: Any, predictions: Any, *, sample_weight: Any = None) -> float:
        seen.append(sample_weight)
        return float(np.average(y == predictions, weights=sample_weight))

    weights = np.arange(7.0)
    run = fit(data, test=(data[0][:7], data[1][:7], weights), metrics=[weighted, share_right])
    assert seen[0] is None
    np.testing.assert_array_equal(seen[-1], weights)
    assert run.test["weighted"] == pytest.approx(run.test["accuracy"])
    assert run.test["share_right"] == share_right(data[1][:7], run.network.classify(data[0][:7]))


@pytest.mark.parametrize(
    ("name", "lower"), [("log_loss", True), ("max_error", True), ("f1_score", False), ("loss", True)]
)
def test_the_name_says_which_values_are_better(data: Data, name: str, lower: bool) -> None:
    values = iter([1.0, 2.0, 3.0, 4.0, 5.0])

    def rises(*_: Any) -> float:
        return next(values)

    rises.__name__ = name
    stop = modnet.Callback.resolve({"kind": "early-stopping", "monitor": f"validation_{name}", "patience": 1})
    assert len(fit(data, metrics=[rises], callbacks=[stop]).history) == (2 if lower else 3)


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        ([3], "3 is no metric; allowed: a function g"),
        (["accuracy"], "'accuracy' is no metric; allowed"),
        ([lambda *_: 0.0], "<lambda> at .* is no metric; allowed: a function .* with a name"),
        ([Metric.resolve("accuracy")], "a modnet.Metric stands in the configuration"),
        ([share_right, share_right], "two metrics would be called 'share_right' in the history"),
        ([functools.wraps(np.mean)(lambda *_: 0.0), type("accuracy", (), {"__call__": share_right})()],
         "two metrics would be called 'accuracy' in the history"),
    ],
)  # fmt: skip
def test_what_is_no_metric_is_refused_before_a_folder_is_made(
    data: Data, tmp_path: Path, metrics: list[Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=f"^metrics: .*{problem}"):
        fit(data, out=tmp_path / "run", metrics=metrics)
    assert list(tmp_path.iterdir()) == []


def test_without_samples_to_judge_it_is_refused(data: Data) -> None:
    with pytest.raises(
        ConfigError, match=r"^metrics: share_right needs validation or test samples, and there are none; "
    ):
        fit(data, metrics=[share_right], config={"data": {}})


@pytest.mark.parametrize("value", [None, "0.5", float("nan"), np.inf, {"a": "b"}, {1: 0.5}, [0.5], np.ones(1)])
def test_what_is_no_number_is_told(data: Data, value: Any) -> None:
    def odd(*_: Any) -> Any:
        return value

    with pytest.raises(
        ConfigError, match=r"^metrics: odd returned .*; allowed: a finite number, or a dict of finite"
    ) as e:
        fit(data, metrics=[odd])
    assert "\n" not in str(e.value)


def test_the_error_of_a_metric_names_it(data: Data) -> None:
    def breaks(*_: Any) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fit(data, metrics=[breaks])
    assert caught.value.__notes__ == ["raised by the metric breaks"]


def test_they_are_no_part_of_the_configuration_and_of_the_arithmetic(data: Data, tmp_path: Path) -> None:
    run = fit(data, out=tmp_path / "run", callbacks=[Log()], metrics=[share_right])
    assert run.network.parameters.tobytes() == fit(data).network.parameters.tobytes()
    table = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert (table["callbacks"], table["metrics"]) == ([], "auto")
    assert modnet.load(tmp_path / "run").config == run.config


@pytest.mark.parametrize("after", [4, 6, 7])
@pytest.mark.parametrize("again", [True, False])
def test_a_resumed_training_takes_them_or_not(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, again: bool
) -> None:
    small_blocks(monkeypatch)
    given = {"callbacks": [Log()], "metrics": [share_right]}
    whole = fit(data, **given)
    given = {"callbacks": [Log()], "metrics": [share_right]}
    with interrupting(after), pytest.raises(Interrupted):
        fit(data, out=tmp_path / "run", **given)
    log = Log()
    run = Trainer.resume(tmp_path / "run", *data, **({"callbacks": [log], "metrics": [share_right]} if again else {}))
    assert run.network.parameters.tobytes() == whole.network.parameters.tobytes()
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert rows == run.history
    assert [("validation_share_right" in row) for row in rows] == [
        again or row["epoch"] < (after - 1) // 3 for row in rows
    ]
    if again:
        assert log.heard == ["start", 0, 1, 2]
        without_seconds = [[{**row, "seconds": None} for row in each.history] for each in (run, whole)]
        assert without_seconds[0] == without_seconds[1]
