"""Reducing the learning rate, against sequences of figures and factors that are written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from components.callbacks.strangers import Scripted, Watch, installed
from training.resuming import in_pieces, same, small_blocks

from modnet import ConfigError, Run, Trainer


@pytest.fixture(autouse=True)
def _strangers() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch, Scripted):
        yield


def fit(
    rng: np.random.Generator, script: list[float], *, optimizer: dict[str, Any] | None = None, **options: Any
) -> Run:
    """Train with a validation figure that takes these values, epoch after epoch; higher is better."""
    Scripted.script = iter(script)
    config = {
        "epochs": len(script),
        "network": {"layers": [3, 2]},
        "optimizer": {"learning_rate": 1.0, **(optimizer or {})},
        "metrics": ["scripted"],
        "callbacks": [{"kind": "reduce-on-plateau", "monitor": "validation_scripted", "factor": 0.5} | options],
    }
    x, y = rng.normal(size=(20, 3)), [0, 1] * 10
    return Trainer.from_config(config).fit(x, y, validation=(x[:7], y[:7]))


@pytest.mark.parametrize(
    ("script", "options", "rates"),
    [
        ([1, 2, 3, 4, 5], {"patience": 1}, [1, 1, 1, 1, 1]),
        ([5, 5, 5, 5, 5], {"patience": 1}, [1, 1, 0.5, 0.25, 0.125]),
        ([5, 4, 5, 6, 5, 5, 5], {"patience": 2}, [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
        ([9, 1, 1, 1, 1, 1, 1], {"patience": 2}, [1, 1, 1, 0.5, 0.5, 0.25, 0.25]),
        # the two epochs after a reduction do not count
        ([9, 1, 1, 1, 1, 1, 1, 1], {"patience": 1, "cooldown": 2}, [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]),
        # but a better figure in them is remembered
        ([5, 5, 9, 8, 8, 8], {"patience": 1, "cooldown": 2}, [1, 1, 0.5, 0.5, 0.5, 0.25]),
        ([1.0, 1.25, 1.5, 1.75], {"patience": 1, "minimum_gain": 0.25}, [1, 1, 0.5, 0.5]),
        ([5, 5, 5, 5, 5, 5], {"patience": 1, "minimum_rate": 0.2}, [1, 1, 0.5, 0.25, 0.2, 0.2]),
        ([5, 5, 5], {"patience": 1, "minimum_rate": 2.0}, [1, 1, 1]),
        ([5, 5, 5, 5], {"patience": 1, "factor": 0.1}, [1, 1, 0.1, 0.01]),
    ],
)
def test_it_is_reduced_after_the_patience(
    rng: np.random.Generator, script: list[float], options: dict[str, Any], rates: list[float]
) -> None:
    history = fit(rng, script, **options).history
    np.testing.assert_allclose([row["learning_rate"] for row in history], rates, rtol=1e-12)


def test_it_multiplies_what_the_schedule_says(rng: np.random.Generator) -> None:
    step = {"schedule": {"kind": "step", "every": 2, "factor": 0.1}}
    history = fit(rng, [5] * 5, optimizer=step, patience=2, minimum_rate=0.0).history
    np.testing.assert_allclose([row["learning_rate"] for row in history], [1, 1, 0.1, 0.05, 0.005])


def test_the_lowest_rate_is_one_of_the_schedule_too(rng: np.random.Generator) -> None:
    step = {"schedule": {"kind": "step", "every": 2, "factor": 0.1}}
    history = fit(rng, [5] * 5, optimizer=step, patience=1, minimum_rate=0.04).history
    # 1, 1, then 0.1 reduced to 0.05, reduced to 0.04, and the schedule's 0.01 times 0.4, which is below it anyway
    np.testing.assert_allclose([row["learning_rate"] for row in history], [1, 1, 0.05, 0.04, 0.004])


def test_a_schedule_that_ends_at_nothing_is_left_alone(rng: np.random.Generator) -> None:
    history = fit(rng, [5] * 4, optimizer={"schedule": "cosine"}, patience=1, minimum_rate=0.0).history
    assert [round(row["learning_rate"], 6) for row in history] == [1.0, 0.853553, 0.25, 0.036612]


def test_a_cost_should_fall(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(40, 2)), rng.normal(size=(40, 1))
    steepest = float(np.linalg.eigvalsh(x.T @ x / 40)[-1])  # beyond 2 / steepest the cost rises
    config = {"epochs": 30, "network": {"layers": [{"kind": "dense", "units": 1, "activation": "identity",
              "bias": False}]}, "optimizer": {"kind": "batch", "learning_rate": 2.5 / steepest},
              "callbacks": [{"kind": "reduce-on-plateau", "patience": 1, "factor": 0.5}]}  # fmt: skip
    history = Trainer.from_config(config).fit(x, y, validation=(x, y)).history
    rates = [row["learning_rate"] * steepest for row in history]
    assert rates[0] == 2.5
    assert any(rate < 2 for rate in rates)
    falls = [row["validation_cost"] for row in history][rates.index(1.25) :]
    assert falls[0] > falls[-1]


def test_a_metric_that_is_not_there_is_named(rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match=r"callbacks\.0\.monitor: no metric is called 'validation_scriptd'; did you"):
        fit(rng, [1.0], monitor="validation_scriptd")


@pytest.mark.parametrize("points", [[1, 5], [6], [7, 8], [9], [3, 13]], ids=str)
def test_a_resumed_training_ends_with_the_same_bits(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: list[int]
) -> None:
    small_blocks(monkeypatch)
    data = rng.normal(size=(20, 3)), np.arange(20) % 2
    reduce = {"kind": "reduce-on-plateau", "monitor": "cost", "patience": 1, "minimum_gain": 1.0, "cooldown": 1}
    config = {"epochs": 8, "network": {"layers": [3, 2]}, "callbacks": [reduce, "checkpoint"]}
    whole = Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    in_pieces(config, data, tmp_path / "run", points)
    same(tmp_path / "whole", tmp_path / "run")
    assert len({row["learning_rate"] for row in whole.history}) > 3
