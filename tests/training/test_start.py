"""What is there when a training starts, and what is left of one that a listener refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from components.callbacks.strangers import Watch, installed
from training.resuming import Data, interrupted, same

import modnet
from modnet import ConfigError, ModelFileError, Trainer

CONFIG: dict[str, Any] = {"epochs": 3, "network": {"layers": [4, 2]}, "callbacks": ["watch", "checkpoint"]}


@pytest.fixture(autouse=True)
def _strangers() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch):
        yield


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(30, 3)), np.arange(30) % 2


def log(training: Any) -> None:
    with (training.folder / "log.txt").open("a") as file:
        file.write(f"{training.updates}\n")


def test_a_listener_may_write_to_the_folder_from_the_start(data: Data, tmp_path: Path) -> None:
    def look(training: Any) -> None:
        log(training)
        assert modnet.load_config(training.folder / "config.toml") == training.config
        assert (training.folder / "history.jsonl").read_bytes() == b""
        with pytest.raises(ModelFileError, match="run: is not empty"):
            Trainer(training.config).fit(*data, out=training.folder)

    Watch.at = {"fit_start": look}
    Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "run")
    assert (tmp_path / "run" / "log.txt").read_text() == "0\n"


def test_one_that_is_resumed_has_its_folder_and_position(data: Data, tmp_path: Path) -> None:
    config = CONFIG | {"callbacks": ["watch"]}
    interrupted(config, data, tmp_path / "run", 4)
    rows: list[int] = []
    Watch.at = {"fit_start": lambda training: (log(training), rows.append(len(training.history)))}
    Trainer.resume(tmp_path / "run", *data)
    assert (tmp_path / "run" / "log.txt").read_text() == "6\n"
    assert rows == [1]


def fail(training: Any) -> None:
    raise ZeroDivisionError(training)


@pytest.mark.parametrize("out", ["run", "a/b/run"])
def test_a_training_that_is_refused_at_its_start_leaves_nothing(data: Data, tmp_path: Path, out: str) -> None:
    Watch.at = {"fit_start": fail}
    with pytest.raises(ZeroDivisionError):
        Trainer.from_config(CONFIG).fit(*data, out=tmp_path / out)
    assert list(tmp_path.iterdir()) == []
    Watch.at = {}
    wrong = [*CONFIG["callbacks"], "dampening", {"kind": "early-stopping", "monitor": "costs"}]
    with pytest.raises(ConfigError, match=r"callbacks\.3\.monitor: no metric is called 'costs'"):
        Trainer.from_config(CONFIG | {"callbacks": wrong}).fit(*data, out=tmp_path / out)
    assert list(tmp_path.iterdir()) == []
    Trainer.from_config(CONFIG).fit(*data, out=tmp_path / out)


def test_a_folder_that_was_there_stays(data: Data, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    Watch.at = {"fit_start": fail}
    with pytest.raises(ZeroDivisionError):
        Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "run")
    assert [path.name for path in tmp_path.rglob("*")] == ["run"]


def test_what_a_listener_wrote_stays(data: Data, tmp_path: Path) -> None:
    def write_and_fail(training: Any) -> None:
        log(training)
        fail(training)

    Watch.at = {"fit_start": write_and_fail, "fit_end": log}
    with pytest.raises(ZeroDivisionError):
        Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "a" / "run")
    assert [path.name for path in (tmp_path / "a" / "run").iterdir()] == ["log.txt"]
    assert (tmp_path / "a" / "run" / "log.txt").read_text() == "0\n0\n"  # the end is heard before


def test_a_resumed_one_that_is_refused_at_its_start_leaves_all_as_it_was(data: Data, tmp_path: Path) -> None:
    Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "whole")
    interrupted(CONFIG, data, tmp_path / "run", 7)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    first = min((tmp_path / "run" / "checkpoints").iterdir())
    Watch.at = {"fit_start": fail}
    with pytest.raises(ZeroDivisionError):
        Trainer.resume(first, *data)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    Watch.at = {}
    Trainer.resume(tmp_path / "run", *data)
    same(tmp_path / "whole", tmp_path / "run")


def test_no_listener_hears_of_a_folder_that_is_refused(data: Data, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(ModelFileError, match="is not empty; a run needs a folder of its own"):
        Trainer.from_config(CONFIG).fit(*data, out=tmp_path)
    with pytest.raises(ModelFileError, match="cannot be stored in a file"):
        Trainer.from_config(CONFIG).fit(data[0], [("a",), ("b",)] * 15, out=tmp_path / "run")
    assert Watch.heard == []
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
