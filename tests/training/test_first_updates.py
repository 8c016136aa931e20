"""A learning rate that breaks the network within its first updates is named, and nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from analysis.configurations import DEAD_RELU, HEALTHY
from sklearn.datasets import load_diabetes

from modnet import DivergenceError, Trainer, hookimpl, load_config
from modnet.training.first_updates import UPDATES, FirstUpdates


def numbers(rate: float, units: int = 20, **optimizer: Any) -> dict[str, Any]:
    layers = [
        {"kind": "dense", "units": units, "activation": "relu"},
        {"kind": "dense", "units": 1, "activation": "identity"},
    ]
    return {"epochs": 1, "network": {"layers": layers}, "optimizer": {"learning_rate": rate, **optimizer}}


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_diabetes(return_X_y=True)
    return x / x.std(axis=0), (y - y.mean()) / y.std()


def test_a_rate_that_is_too_high_is_named_with_its_remedy(caplog: pytest.LogCaptureFixture) -> None:
    epochs: list[int] = []
    run = Trainer.from_config(DEAD_RELU | {"epochs": 2}).fit(callbacks=[lambda *_: epochs.append(len(caplog.messages))])
    (text,) = run.warnings
    assert text.startswith("the first 10 updates raise the cost from 2.")
    assert text.endswith("; optimizer.learning_rate = 5 is too high: try 0.5 or less")
    assert (caplog.messages, epochs) == ([f"modnet: {text}"], [1, 1])


def test_the_costs_are_those_of_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[float]] = []
    monkeypatch.setattr(FirstUpdates, "report", lambda self, _: seen.append(self._costs))
    config = load_config(numbers(1e-3, batch_size=20, shuffle=False))
    x, y = diabetes()
    alone: list[float] = []
    Trainer(config).fit(x, y)
    Trainer(config).fit(x, y, callbacks=[Costs(alone)])
    assert len(seen[0]) == UPDATES
    np.testing.assert_allclose(seen[0], alone[:UPDATES], rtol=1e-12)


class Costs:
    """Keeps the mean cost of every update's samples."""

    def __init__(self, kept: list[float]) -> None:
        self._kept = kept

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        self._kept.append(training.last_cost)


@pytest.mark.parametrize("kind", ["batch", "mini-batch", "stochastic"])
@pytest.mark.parametrize("rate", [1e-3, 3e-2])
def test_no_alarm_for_a_rate_that_works(kind: str, rate: float) -> None:
    x, y = diabetes()
    run = Trainer.from_config(numbers(rate if kind != "stochastic" else rate / 10, kind=kind) | {"epochs": 15}).fit(
        x, y
    )
    assert run.updates >= UPDATES
    assert run.warnings == ()


def test_one_easy_sample_first_is_no_alarm() -> None:
    """The cost of the first sample is 0, that of the others is what it is from the start."""
    x = np.ones((30, 2))
    y = np.full((30, 1), 5.0)
    config = numbers(1e-9, units=2, kind="mini-batch", batch_size=1, shuffle=False)
    first = Trainer.from_config(config | {"epochs": 0}).fit(x, y).network.predict(x[:1])
    y[0] = first[0]
    assert Trainer.from_config(config).fit(x, y).warnings == ()


def test_what_was_trained_before_may_get_worse_by_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty times a cost of nearly 0 is still far below that of the best constant prediction."""
    x, y = diabetes()
    teacher = Trainer.from_config(numbers(1e-2) | {"epochs": 3}).fit(x, y).network
    targets = teacher.predict(x) + np.random.default_rng(0).normal(size=(len(x), 1)) * 0.01
    seen: list[list[float]] = []
    report = FirstUpdates.report

    def keep(self: FirstUpdates, before: Any) -> None:
        seen.append(self._costs)
        report(self, before)

    monkeypatch.setattr(FirstUpdates, "report", keep)
    worse = Trainer.from_config(numbers(0.2)).fit(x, targets, initial=teacher)
    assert np.mean(seen[0][5:]) > 10 * seen[0][0]
    assert worse.warnings == ()


@pytest.mark.parametrize(("rate", "is_broken"), [(0.05, False), (1.0, True)])
def test_large_batches_are_watched_over_several_epochs(rate: float, is_broken: bool) -> None:
    x, y = diabetes()
    layers = [{"kind": "dense", "units": 1, "activation": "identity"}]
    config = {"epochs": 12, "network": {"layers": layers}, "optimizer": {"kind": "batch", "learning_rate": rate}}
    run = Trainer.from_config(config).fit(x, y)
    costs = [row["cost"] for row in run.history]
    assert bool(np.mean(costs[5:10]) > 10 * costs[0]) is is_broken
    assert [text.split(";")[1] for text in run.warnings] == [
        " optimizer.learning_rate = 1 is too high: try 0.1 or less"
    ] * is_broken


def test_a_divergence_at_the_start_names_a_remedy() -> None:
    x, y = diabetes()
    with pytest.raises(DivergenceError) as told:
        Trainer.from_config(numbers(1e3)).fit(x, y)
    assert told.value.update < UPDATES
    remedy = 'try 100 or less, or data.transforms = ["standard"]'
    assert str(told.value).endswith(
        f"optimizer.learning_rate = 1000.0 may be too high, or the data too large: {remedy}"
    )
    with pytest.raises(DivergenceError, match=r"or the data too large: try 100 or less$"):
        Trainer.from_config(numbers(1e3) | {"data": {"kind": "memory", "transforms": ["standard"]}}).fit(x, y)


@pytest.mark.parametrize("table", [HEALTHY["relu, softmax"], DEAD_RELU], ids=["healthy", "broken"])
def test_watching_changes_nothing(table: dict[str, Any]) -> None:
    config = load_config(table | {"epochs": 2})
    runs = [Trainer(config, checks=checks).fit() for checks in (True, False)]
    np.testing.assert_array_equal(runs[0].network.parameters, runs[1].network.parameters)
    rows = [[{name: value for name, value in row.items() if name != "seconds"} for row in run.history] for run in runs]
    assert rows[0] == rows[1]
