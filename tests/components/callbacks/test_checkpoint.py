"""The callback that writes checkpoints: when, and which of them stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from components.callbacks.strangers import Scripted, Watch, installed

import modnet
from modnet import Callback, ConfigError, Trainer, hookimpl


@pytest.fixture(autouse=True)
def _strangers() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch, Scripted, Asks):
        yield


class Asks(Callback):
    """A stranger's callback that wants a checkpoint after every block, and hears of those that are written."""

    kind: Any = "asks"
    heard: Any = ()

    def listener(self) -> object:
        return _Asking()


class _Asking:
    @hookimpl
    def modnet_checkpoint_due(self, training: Any) -> bool:
        Watch.heard.append(("asks", "within" if training.within_epoch else "between", training.updates))
        return training.updates == 41

    @hookimpl
    def modnet_checkpoint_written(self, training: Any, path: Path) -> None:
        Watch.heard.append(("asks", "written", path.name))
        assert training.within_epoch
        assert modnet.load(path).parameters.tobytes() == training.parameters.tobytes()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def fit(rng: np.random.Generator, out: Path | None, script: list[float] | None = None, **options: Any) -> list[int]:
    """Train for seven epochs of two updates, and return after how many epochs the checkpoints are that stay."""
    Scripted.script = iter(script or [0.0] * 7)
    config = {
        "epochs": 7,
        "network": {"layers": [3, 2]},
        "metrics": ["scripted"],
        "callbacks": [{"kind": "checkpoint"} | options],
    }
    x, y = rng.normal(size=(20, 3)), [0, 1] * 10
    Trainer.from_config(config).fit(x, y, validation=(x[:7], y[:7]), out=out)
    assert out is not None
    for name in names(out):
        assert name == f"epoch-{int(name[6:11]):05d}-update-{2 * int(name[6:11]):09d}.safetensors"
    return [int(name[6:11]) for name in names(out)]


@pytest.mark.parametrize(
    ("script", "options", "left"),
    [
        ([0, 0, 9, 0, 0, 0, 0], {"monitor": "validation_scripted"}, [3, 5, 6, 7]),
        ([0, 0, 9, 9, 0, 0, 0], {"monitor": "validation_scripted", "keep": 1}, [3, 7]),
        ([9, 0, 0, 0, 0, 0, 10], {"monitor": "validation_scripted", "keep": 2}, [6, 7]),
        ([0, 0, 9, 1, 0, 0, 0], {"monitor": "validation_scripted", "keep": 1, "every_epochs": 2}, [4, 7]),
        ([0, 0, 0, 0, 0, 9, 0], {"keep": 10, "every_epochs": 3}, [3, 6, 7]),
        ([0] * 7, {"every_epochs": 0}, [7]),
        ([0] * 7, {"every_epochs": 0, "every_seconds": 3600}, [7]),
    ],
)
def test_the_last_ones_stay_and_the_best(
    rng: np.random.Generator, tmp_path: Path, script: list[float], options: dict[str, Any], left: list[int]
) -> None:
    assert fit(rng, tmp_path / "run", script, **options) == left


def test_without_a_figure_to_go_by_the_best_is_that_of_the_lowest_cost(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    steepest = float(np.linalg.eigvalsh(x.T @ x / 20)[-1])  # beyond 2 / steepest the cost falls only at first
    config = {"epochs": 60, "network": {"layers": [{"kind": "dense", "units": 1, "activation": "identity",
              "bias": False}]}, "optimizer": {"kind": "batch", "learning_rate": 2.1 / steepest},
              "callbacks": [{"kind": "checkpoint", "keep": 1}]}  # fmt: skip
    for watched, monitor in ((None, "cost"), ((x[::-1], y), "validation_cost")):
        run = Trainer.from_config(config).fit(x, y, validation=watched, out=tmp_path / monitor)
        best = min(run.history, key=lambda row: row[monitor])["epoch"] + 1
        assert [int(name[6:11]) for name in names(tmp_path / monitor)] == [best, 60]
        assert 1 < best < 60


def test_a_figure_that_is_not_there_and_a_folder_that_is_not_there_are_named(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"callbacks\.0\.monitor: no metric is called 'costs'; did you mean 'cost'"):
        fit(rng, tmp_path / "run", monitor="costs")
    with pytest.raises(ConfigError, match=r"callbacks\.0: checkpoints need a run folder"):
        fit(rng, None)


def test_strangers_may_ask_for_checkpoints_after_every_block(rng: np.random.Generator, tmp_path: Path) -> None:
    config = {"epochs": 1, "network": {"layers": [2]}, "optimizer": {"batch_size": 100}, "callbacks": ["asks"]}
    data = rng.normal(size=(8200, 3)), np.arange(8200) % 2
    Trainer.from_config(config).fit(*data)
    assert Watch.heard == []  # without a folder
    Trainer.from_config(config).fit(*data, out=tmp_path / "run")
    assert [what for what in Watch.heard if what[1] != "written"] == [
        ("asks", "within", 40), ("asks", "within", 80), ("asks", "within", 82), ("asks", "between", 82),
    ]  # fmt: skip
    assert [what for what in Watch.heard if what[1] == "written"] == []
