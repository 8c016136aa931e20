from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from components.callbacks.strangers import Watch, installed

import modnet
from modnet import Trainer
from modnet.core.errors import ModelFileError
from modnet.storage import checkpoint
from modnet.storage.run_folder import RunFolder

CONFIG = {"epochs": 3, "network": {"layers": [4, 2]}}


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(30, 3)), rng.integers(0, 2, 30)


def test_the_folder_holds_what_the_run_holds(tmp_path: Path, data: tuple[np.ndarray, np.ndarray]) -> None:
    run = Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "a" / "b")
    assert run.folder == tmp_path / "a" / "b"
    rows = [json.loads(line) for line in (run.folder / "history.jsonl").read_text().splitlines()]
    assert rows == run.history
    assert modnet.load_config(run.folder / "config.toml") == run.config
    assert np.array_equal(modnet.load(run.folder).parameters, run.network.parameters)


def test_the_history_grows_with_the_epochs(tmp_path: Path, data: tuple[np.ndarray, np.ndarray]) -> None:
    seen = []
    Watch.at = {"epoch_end": lambda training: seen.append((training.folder / "history.jsonl").read_text())}
    with installed(Watch):
        Trainer.from_config(CONFIG | {"callbacks": ["watch"]}).fit(*data, out=tmp_path / "run")
    assert [len(text.splitlines()) for text in seen] == [1, 2, 3]
    assert all(text.endswith("}\n") for text in seen)


def test_without_a_folder_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: tuple[np.ndarray, np.ndarray]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Trainer.from_config(CONFIG).fit(*data).folder is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path, data: tuple[np.ndarray, np.ndarray]) -> None:
    (tmp_path / ".hidden").write_text("mine")
    with pytest.raises(ModelFileError, match="is not empty; a run needs a folder of its own"):
        Trainer.from_config(CONFIG).fit(*data, out=tmp_path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(".hidden", "mine")]


def test_labels_that_no_file_can_keep_are_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: tuple[np.ndarray, np.ndarray]
) -> None:
    runs = []
    monkeypatch.setattr("modnet.training.loop.TrainingLoop.run", lambda *arguments: runs.append(arguments))
    with pytest.raises(ModelFileError, match=r"run: .*\('a',\) cannot be stored in a file; allowed: text"):
        Trainer.from_config(CONFIG).fit(data[0], [("a",), ("b",)] * 15, out=tmp_path / "run")
    assert runs == list(tmp_path.iterdir()) == []


def test_a_component_that_no_file_could_name_is_told_before_a_folder_is_made(tmp_path: Path) -> None:
    with installed(Watch):
        config = modnet.load_config(CONFIG | {"callbacks": ["watch"]})
    with pytest.raises(ModelFileError, match=r"run: .*callbacks\.0 is a Watch that no installed plug-in provides"):
        RunFolder.claim(tmp_path / "run", config)
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_no_checkpoint_and_a_checkpoint_lies_in_a_run_folder(
    tmp_path: Path, data: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    Trainer.from_config(CONFIG | {"callbacks": ["checkpoint"]}).fit(*data, out=tmp_path / "run")
    with pytest.raises(ModelFileError, match=r"model\.safetensors: is a model file, not a checkpoint"):
        checkpoint.read(tmp_path / "run" / "model.safetensors")
    path = RunFolder(tmp_path / "run").checkpoints()[-1]
    assert RunFolder.holding(path).path == RunFolder.holding(tmp_path / "run").path == tmp_path / "run"
    for current, given in [("run/checkpoints", path.name), ("run", f"checkpoints/{path.name}"),
                           ("", f"run/checkpoints/{path.name}")]:  # fmt: skip
        monkeypatch.chdir(tmp_path / current)
        assert RunFolder.holding(given).path.samefile(tmp_path / "run")
    assert RunFolder.holding(given).path == Path("run")
    (tmp_path / "run" / "other").mkdir()
    for stray in (tmp_path / "run" / path.name, tmp_path / "run" / "other" / path.name, tmp_path / path.name):
        path.replace(stray)
        with pytest.raises(ModelFileError, match=rf"{path.name}: is not a checkpoint in RUN/checkpoints$"):
            RunFolder.holding(stray)
        stray.replace(path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_run_that_breaks_off_keeps_its_history(
    tmp_path: Path, data: tuple[np.ndarray, np.ndarray], error: type[BaseException]
) -> None:
    def fail(training: object) -> None:
        if training.epoch == 2:
            raise error

    Watch.at = {"epoch_start": fail}
    with installed(Watch), pytest.raises(error):
        Trainer.from_config(CONFIG | {"callbacks": ["watch"]}).fit(*data, out=tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.toml", "history.jsonl"}
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == 2
