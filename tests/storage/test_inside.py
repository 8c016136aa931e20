"""Links in a run folder: nothing outside of it is written to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import runner
from training.resuming import interrupted, interrupting, same

import modnet
from modnet import Interrupted, ModelFileError, Trainer
from modnet.analysis.gradients.callback import read_flows

Data = tuple[np.ndarray, np.ndarray]
CONFIG: dict[str, Any] = {"epochs": 4, "network": {"layers": [4, 2]}, "callbacks": ["dampening", "checkpoint"]}


@pytest.fixture(scope="module")
def data() -> Data:
    return np.random.default_rng(3).normal(size=(30, 3)), np.arange(30) % 2


@pytest.fixture(scope="module")
def original(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted, with a model, as where it goes on for longer."""
    run = tmp_path_factory.mktemp("original") / "run"
    interrupted(CONFIG, data, run, 9)
    shutil.copy(max(run.glob("checkpoints/*")), run / "model.safetensors")
    (run / "notes").mkdir()
    (run / "notes" / "mine.txt").write_text("mine")
    return run


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "run"))


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


NAMES = ("dampening.jsonl", "history.jsonl", "config.toml", "model.safetensors", ".lock", "checkpoints",
         "checkpoints/epoch-00002-update-000000006.safetensors", "notes", "notes/mine.txt")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_link_out_of_a_run_folder_is_refused(data: Data, run: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target = outside / Path(name).name
    if name == ".lock":
        target.write_text("another's")
    else:
        (run / name).rename(target)
    (run / name).symlink_to(target)
    before = contents(outside), contents(run)
    with pytest.raises(ModelFileError) as caught:
        Trainer.resume(run, *data)
    assert str(caught.value) == f"{run / name}: cannot be written: it leads out of the run folder, to {target}"
    assert (contents(outside), contents(run)) == before
    assert modnet.load(run).sizes == [3, 4, 2]  # to read is allowed


@pytest.mark.parametrize(
    ("command", "name"), [("report", "report.html"), ("plot", "pictures"), ("plot", "pictures/a.svg")]
)
def test_commands_write_to_no_link_in_a_run_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run: Path, command: str, name: str
) -> None:
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).symlink_to(run.parent / "outside")
    refused = runner(monkeypatch, capsys)(command, run)
    assert refused.code == 2
    assert refused.err.startswith(f"modnet: {run / name}: cannot be written: it leads out of the run folder, to ")
    assert not (run.parent / "outside").exists()


def test_a_link_to_nowhere_or_in_a_circle_is_refused(data: Data, run: Path) -> None:
    (run / "dampening.jsonl").unlink()
    for target, problem in [("../new.jsonl", "it leads out of the run folder"), ("dampening.jsonl", "")]:
        (run / "dampening.jsonl").symlink_to(target)
        with pytest.raises(ModelFileError, match=rf"run/dampening\.jsonl: cannot be written: {problem}"):
            Trainer.resume(run, *data)
        (run / "dampening.jsonl").unlink()
    assert not (run.parent / "new.jsonl").exists()


def test_links_within_a_run_folder_and_to_it_are_allowed(data: Data, run: Path, tmp_path: Path) -> None:
    (run / "latest").symlink_to(max(run.glob("checkpoints/*")))
    (tmp_path / "link").symlink_to(run)
    Trainer.resume(tmp_path / "link", *data)
    Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "whole")
    same(tmp_path / "whole", run)


def test_a_backup_of_hard_links_is_not_written_to(data: Data, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "backup", copy_function=os.link)
    before = contents(tmp_path / "backup")
    Trainer.resume(run, *data)
    assert contents(tmp_path / "backup") == before
    Trainer.resume(tmp_path / "backup", *data)
    same(run, tmp_path / "backup")


@pytest.mark.parametrize("name", ["dampening.jsonl", "history.jsonl", "checkpoints"])
def test_a_link_that_is_made_during_a_training_is_not_followed(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    outside = tmp_path / "outside"

    def link(training: Any, row: Any) -> None:
        del row
        if training.epochs == 3:
            outside.mkdir()
            (training.folder / name).rename(outside / name)
            (training.folder / name).symlink_to(outside / name)
            before.update(contents(outside))

    before: dict[str, Any] = {}
    trainer = Trainer.from_config(CONFIG)
    if name == "dampening.jsonl":
        trainer.fit(*data, out=tmp_path / "run", callbacks=[link])
    else:
        with pytest.raises(
            ModelFileError, match=r"cannot be written: it leads out of the run folder, to .*; the run is"
        ):
            trainer.fit(*data, out=tmp_path / "run", callbacks=[link])
    assert contents(outside) == before


@pytest.mark.parametrize("prefix", ["..", "{}", "notes/../.."])
def test_a_callback_opens_no_file_outside(data: Data, tmp_path: Path, prefix: str) -> None:
    def log(training: Any, row: Any) -> None:
        del row
        training.open_file(f"{prefix.format(tmp_path)}/log.txt", "w")

    with pytest.raises(ModelFileError, match=r"log\.txt: cannot be written: it leads out of the run folder"):
        Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "run", callbacks=[log])
    assert not (tmp_path / "log.txt").exists()
    with pytest.raises(RuntimeError, match="needs a run folder"):
        Trainer.from_config(CONFIG | {"callbacks": []}).fit(*data, callbacks=[log])


def test_the_dampening_log_is_of_one_branch(data: Data, run: Path) -> None:
    Trainer.resume(run, *data, epochs=4)
    assert [flow.epochs for flow in read_flows(run)] == [0, 1, 2, 3, 4]
    (earlier,) = run.glob("checkpoints/epoch-00002-*")
    with interrupting(9), pytest.raises(Interrupted):
        Trainer.resume(earlier, *data, epochs=5)
    assert [flow.epochs for flow in read_flows(run)] == [0, 1, 2, 3]
    assert [flow.epochs for flow in read_flows(run / "abandoned" / "1")] == [0, 1, 2, 3, 4]
