"""Early stopping, against sequences of figures that are written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from components.callbacks.strangers import Scripted, Watch, installed

from modnet import Run, Trainer, load_config
from modnet.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _strangers() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch, Scripted):
        yield


def fit(rng: np.random.Generator, script: list[float], thetas: list[np.ndarray] | None = None, **options: Any) -> Run:
    """Train with a validation figure that takes these values, epoch after epoch; higher is better."""
    Scripted.script = iter(script)
    stopping = {"kind": "early-stopping", "monitor": "validation_scripted"} | options
    config = {
        "epochs": len(script),
        "network": {"layers": [3, 2]},
        "metrics": ["scripted"],
        "callbacks": ["watch", stopping],
    }
    if thetas is not None:
        Watch.at["epoch_end"] = lambda training: thetas.append(training.parameters.copy())
    x, y = rng.normal(size=(20, 3)), [0, 1] * 10
    return Trainer.from_config(config).fit(x, y, validation=(x[:7], y[:7]))


@pytest.mark.parametrize(
    ("script", "options", "epochs", "best"),
    [
        ([1, 2, 3, 4, 5], {"patience": 2}, 5, 4),
        ([5, 4, 3, 2, 1], {"patience": 2}, 3, 0),
        ([5, 4, 3, 2, 1], {"patience": 1}, 2, 0),
        ([1, 3, 2, 2, 4, 1, 1, 1, 9], {"patience": 3}, 8, 4),
        ([1, 3, 2, 2, 4, 1, 1, 1, 9], {"patience": 2}, 4, 1),
        ([1, 3, 2, 2, 4, 1, 1, 1, 9], {"patience": 4}, 9, 8),
        ([2, 2, 2, 2], {"patience": 3}, 4, 0),
        ([2, 2, 2, 2], {"patience": 2}, 3, 0),
        ([1.0, 1.5, 1.75, 2.0, 2.25], {"patience": 2, "minimum_gain": 0.5}, 5, 2),
        ([1.0, 1.5, 2.0, 2.5], {"patience": 1, "minimum_gain": 0.5}, 2, 0),
        ([1.0, 1.625, 2.25, 2.875], {"patience": 1, "minimum_gain": 0.5}, 4, 3),
        ([-3, -2, -2.5, -2.5], {"patience": 2}, 4, 1),
    ],
)
def test_it_stops_after_its_patience_and_goes_back_to_the_best(
    rng: np.random.Generator, script: list[float], options: dict[str, Any], epochs: int, best: int
) -> None:
    thetas: list[np.ndarray] = []
    run = fit(rng, script, thetas, **options)
    assert [row["validation_scripted"] for row in run.history] == script[:epochs]
    assert len({theta.tobytes() for theta in thetas}) == epochs
    assert run.network.parameters.tobytes() == thetas[best].tobytes()
    patient = epochs - 1 - best < options["patience"]
    assert (run.stopped is None) == patient
    if not patient:
        waited = f"{options['patience']} epoch{'s' if options['patience'] > 1 else ''}"
        assert run.stopped == f"validation_scripted has not improved for {waited}; epoch {best + 1} is restored"
    assert run.updates == 2 * epochs  # those that were made, not those that are kept


def test_without_restoring_the_last_parameters_stay(rng: np.random.Generator) -> None:
    thetas: list[np.ndarray] = []
    run = fit(rng, [5, 4, 3, 2], thetas, patience=2, restore_best=False)
    assert len(run.history) == 3
    assert run.stopped == "validation_scripted has not improved for 2 epochs"
    assert run.network.parameters.tobytes() == thetas[2].tobytes() != thetas[0].tobytes()


def test_the_best_is_restored_where_the_epochs_ran_out_too(rng: np.random.Generator) -> None:
    thetas: list[np.ndarray] = []
    run = fit(rng, [1, 9, 3], thetas, patience=10)
    assert run.stopped is None
    assert run.network.parameters.tobytes() == thetas[1].tobytes()


def test_one_part_serves_many_trainings(rng: np.random.Generator) -> None:
    for _ in range(2):
        assert len(fit(rng, [5, 4, 3, 2], patience=2).history) == 3


def test_a_cost_should_fall(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(40, 2)), rng.normal(size=(40, 1))
    last = {"kind": "dense", "units": 1, "activation": "identity"}
    for monitor in ("validation_cost", "cost", "validation_mean_squared_error", "test_cost"):
        config = {"epochs": 8, "network": {"layers": [last]}, "optimizer": {"learning_rate": 0.01},
                  "metrics": ["mean-squared-error"], "callbacks": [{"kind": "early-stopping", "monitor": monitor,
                  "patience": 1}]}  # fmt: skip
        history = Trainer.from_config(config).fit(x, y, validation=(x, y), test=(x, y)).history
        figures = [row[monitor] for row in history]
        falls = int(np.argmax(np.diff([*figures, np.inf]) >= 0)) + 1
        assert len(history) == min(falls + 1, 8) > 2


def test_what_is_judged_is_the_best(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(40, 2)), rng.integers(0, 2, 40)
    config = {"epochs": 40, "network": {"layers": [4, 2]}, "callbacks": [{"kind": "early-stopping", "patience": 3}]}
    run = Trainer.from_config(config).fit(x, y, validation=(x[:9], y[:9]), test=(x[:9], y[:9]))
    best = min(run.history, key=lambda row: row["validation_cost"])
    assert best is not run.history[-1]
    assert run.test["cost"] == best["validation_cost"] == best["test_cost"]


def test_a_figure_that_is_not_there_is_named_beside_those_that_are(rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(rng, [1.0], monitor="validation_scriptd")
    message = str(caught.value)
    assert "'validation_scriptd'; did you mean 'validation_scripted'" in message
    assert "(allowed: cost, scripted, validation_cost, validation_scripted)" in message
    assert Watch.heard[-1][1] == "fit_end"


@pytest.mark.parametrize(
    "options",
    [{}, {"monitor": "val_loss"}, {"monitor": "val_accuracy"}, {"kind": "reduce-on-plateau"}],
    ids=["default", "val_loss", "val_accuracy", "reduce-on-plateau"],
)
def test_without_validation_samples_the_key_that_makes_some_is_named(options: dict[str, Any]) -> None:
    config = {"epochs": 1, "network": {"layers": [10]}, "callbacks": [{"kind": "early-stopping"} | options]}
    with pytest.raises(ConfigError, match=r"^callbacks\.0\.monitor: '\w+' needs validation samples, and ") as caught:
        Trainer.from_config(config).fit()
    line = str(caught.value)
    assert "\n" not in line
    remedy = line.partition(", as in ")[2].partition(" (allowed: cost, accuracy, test_cost, test_accuracy)")[0]
    assert remedy.startswith("data.validation_share = ")
    assert "set data.validation_share" in line
    changed = load_config(config, [remedy])
    if "monitor" not in options:
        Trainer(changed).fit()
        return
    name = {"val_loss": "validation_cost"}.get(options["monitor"], "validation_accuracy")
    with pytest.raises(ConfigError, match=rf"no metric is called '{options['monitor']}'; did you mean '{name}'"):
        Trainer(changed).fit()
