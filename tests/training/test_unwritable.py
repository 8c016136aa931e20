"""A run folder that cannot be written to any more while a training goes on, and what is left of the training."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.resuming import interrupting, same, small_blocks

import modnet
from modnet import DataError, Interrupted, ModelFileError, Trainer
from modnet.analysis.gradients.callback import LOG, read_flows
from modnet.core.messages import warn_once
from modnet.storage.atomic import file_errors
from modnet.storage.run_folder import RunFolder

Data = tuple[np.ndarray, np.ndarray]
CONFIG: dict[str, Any] = {"epochs": 5, "network": {"layers": [4, 2]}, "optimizer": {"rule": "adam"},
                          "callbacks": [{"kind": "checkpoint", "keep": 2}]}  # fmt: skip


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(30, 3)), np.arange(30) % 2


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


@contextmanager
def full(*folders: Path, left: int = 20) -> Iterator[None]:
    """Let the disk that these folders are on be full, but for some bytes."""
    write, fsync, room = os.write, os.fsync, [left]

    def is_there(descriptor: int) -> bool:
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        return any(path.is_relative_to(folder) for folder in folders)

    def limited(descriptor: int, content: bytes) -> int:
        if is_there(descriptor):
            if room[0] == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            content = content[: room[0]]
            room[0] -= len(content)
        return write(descriptor, content)

    def refused(descriptor: int) -> None:
        if is_there(descriptor):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", limited)
        patch.setattr(os, "fsync", refused)
        yield


def at(epochs: int, act: Callable[[Path], Any]) -> Callable[[Any, Any], None]:
    """Return a callback that does something to the run folder when so many epochs are complete."""

    def callback(training: Any, row: Any) -> None:
        del row
        if training.epochs == epochs:
            act(training.folder)

    return callback


@pytest.fixture
def fill() -> Iterator[Callable[..., Any]]:
    """A function that makes a callback: from the end of this epoch on the disk of these folders is full."""
    with ExitStack() as stack:
        yield lambda epochs, *folders: at(epochs, lambda _: stack.enter_context(full(*folders)))


def test_a_disk_that_is_full_for_a_while_costs_nothing(
    data: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, whole, filling = tmp_path / "run", tmp_path / "whole", full(tmp_path / "run")
    Trainer.from_config(CONFIG).fit(*data, out=whole)
    callbacks = [at(1, lambda _: filling.__enter__()), at(4, lambda _: filling.__exit__(None, None, None))]
    Trainer.from_config(CONFIG).fit(*data, out=run, callbacks=callbacks)
    same(whole, run)
    first, second = capsys.readouterr().err.splitlines()
    reason = "cannot be written: No space left on device; the training goes on, and"
    assert first == f"modnet: {run}/data.json: {reason} the next checkpoint is written when that is possible"
    assert second == f"modnet: {run}/history.jsonl: {reason} the history is written when that is possible"


def is_rescued(caught: pytest.ExceptionInfo[ModelFileError], data: Data, tmp_path: Path) -> None:
    """The error names a temporary folder, which holds the whole run, and from which it can be resumed."""
    (folder,) = (tmp_path / "temporary").iterdir()
    assert str(caught.value).endswith(f"; the run is saved in {folder}")
    Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "whole")
    same(tmp_path / "whole", folder)
    assert modnet.load_config(folder / "config.toml") == modnet.load(folder).config


def test_a_disk_that_stays_full_leaves_the_run_elsewhere(
    data: Data, tmp_path: Path, temporary: Path, fill: Any
) -> None:
    run = tmp_path / "run"
    with pytest.raises(ModelFileError, match=r"run/model\.safetensors: cannot be written: No space") as e:
        Trainer.from_config(CONFIG).fit(*data, out=run, callbacks=[fill(2, run)])
    is_rescued(e, data, tmp_path)
    (folder,) = temporary.iterdir()
    Trainer.resume(folder, *data, epochs=7)
    Trainer.from_config(CONFIG | {"epochs": 7}).fit(*data, out=tmp_path / "longer")
    same(tmp_path / "longer", folder)


def test_an_interruption_writes_its_checkpoint_elsewhere(
    data: Data, tmp_path: Path, temporary: Path, fill: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with interrupting(9), pytest.raises(Interrupted) as caught:
        Trainer.from_config(CONFIG).fit(*data, out=run, callbacks=[fill(1, run), at(1, log)])
    folder = caught.value.checkpoint.parent.parent
    assert folder.parent == temporary
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith(f"No space left on device; the checkpoint is {caught.value.checkpoint}")
    )
    assert (folder / "log.txt").read_text() == "a callback's"
    Trainer.resume(folder, *data)
    Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "whole")
    same(tmp_path / "whole", folder)


def log(folder: Path) -> None:
    (folder / "log.txt").write_text("a callback's")


def test_where_nothing_can_be_written_both_places_are_named(
    data: Data, tmp_path: Path, temporary: Path, fill: Any
) -> None:
    reason = "cannot be written: No space left on device"
    with pytest.raises(ModelFileError, match=rf"run/model\.safetensors: {reason}; {temporary}/\S+: {reason}$"):
        Trainer.from_config(CONFIG | {"callbacks": []}).fit(
            *data, out=tmp_path / "run", callbacks=[fill(2, tmp_path / "run", temporary)]
        )


@pytest.mark.parametrize("callbacks", [CONFIG["callbacks"], []])
def test_the_model_is_saved_where_nothing_else_can_be_written(
    callbacks: list[Any], data: Data, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint of adam is three times as large as the model, and the outputs for many samples are larger."""

    def only_the_model(path: Path, content: bytes) -> None:
        if path.name not in ("model.safetensors", "config.toml", "history.jsonl") or path.is_relative_to(temporary):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_bytes(content)

    monkeypatch.setattr("modnet.storage.atomic.write_atomically", only_the_model)
    run = tmp_path / "run"
    with pytest.raises(ModelFileError) as caught:
        Trainer.from_config(CONFIG | {"callbacks": callbacks}).fit(*data, out=run)
    assert str(caught.value).endswith(f"; the model is saved: {run / 'model.safetensors'}")
    expected = Trainer.from_config(CONFIG | {"callbacks": []}).fit(*data).network
    assert modnet.load(run).parameters.tobytes() == expected.parameters.tobytes()


def replaced(history: Path) -> None:
    text = history.read_text()
    history.unlink()
    history.write_text(text[:-20] + text[-20:][::-1])  # as long as before


def directory(history: Path) -> None:
    history.unlink()
    history.mkdir()


CHANGED = "it has been changed by something else during the training"


@pytest.mark.parametrize(
    ("epochs", "change", "reason"),
    [
        (3, Path.unlink, "No such file or directory"),
        (5, Path.unlink, "No such file or directory"),
        (3, directory, "Is a directory"),
        (3, replaced, CHANGED),
        (4, lambda history: history.write_bytes(b""), CHANGED),
        (5, lambda history: history.write_text(history.read_text() + "{}\n"), CHANGED),
        (3, lambda history: shutil.rmtree(history.parent), "No such file or directory"),
    ],
)
@pytest.mark.usefixtures("temporary")
def test_a_history_that_others_change_is_noticed_and_nothing_is_lost(
    data: Data, tmp_path: Path, change: Any, reason: str, epochs: int
) -> None:
    history = tmp_path / "run" / "history.jsonl"
    left: list[Any] = []

    def act(_: Path) -> None:
        change(history)
        left.append(history.read_bytes() if history.is_file() else None)

    refused = rf"run/(history\.jsonl|model\.safetensors): cannot be written: {reason}; "
    with pytest.raises(ModelFileError, match=refused) as e:
        Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "run", callbacks=[at(epochs, act)])
    is_rescued(e, data, tmp_path)
    assert (history.read_bytes() if history.is_file() else None) == left[0]


def test_a_log_that_cannot_be_written_for_a_while_loses_no_epoch(
    data: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def block(folder: Path) -> None:
        (folder / LOG).rename(folder / "aside")
        (folder / LOG).mkdir()

    def free(folder: Path) -> None:
        (folder / LOG).rmdir()
        (folder / "aside").rename(folder / LOG)

    config = CONFIG | {"callbacks": ["dampening"]}
    Trainer.from_config(config).fit(*data, out=tmp_path / "run", callbacks=[at(1, block), at(4, free)])
    assert [flow.epochs for flow in read_flows(tmp_path / "run")] == [0, 1, 2, 3, 4, 5]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"modnet: {tmp_path}/run/{LOG}: cannot be written: Is a directory; the training goes on")


@pytest.mark.usefixtures("temporary")
def test_no_checkpoint_is_tried_at_every_block_while_none_can_be_written(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    monkeypatch.setattr("modnet.components.callbacks.checkpoint.time.monotonic", iter(range(10**6)).__next__)
    tried: list[int] = []

    def refused(folder: RunFolder, network: Any, state: Any, epochs: int, updates: int) -> Path:
        if folder.path != tmp_path / "run":
            return original(folder, network, state, epochs, updates)
        tried.append(updates)
        with file_errors(folder.path, "cannot be written"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    original = RunFolder.write_checkpoint
    monkeypatch.setattr(RunFolder, "write_checkpoint", refused)
    callbacks = [{"kind": "checkpoint", "every_epochs": 0, "every_seconds": 1e-9}]
    with pytest.raises(ModelFileError, match="No space left on device; the run is saved in"):
        Trainer.from_config(CONFIG | {"callbacks": callbacks}).fit(*data, out=tmp_path / "run")
    assert tried == [1, 3, 6, 9, 12, 15]  # then at the ends of the epochs


class Rows:
    """Rows that cannot be read any more after so many times."""

    def __init__(self, x: np.ndarray, left: int) -> None:
        self.x, self.left, self.shape, self.dtype = x, left, x.shape, x.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self.x[rows]


def test_samples_that_cannot_be_read_at_the_end_do_not_cost_the_model(data: Data, tmp_path: Path) -> None:
    config = CONFIG | {"callbacks": []}
    rows = Rows(data[0], 1000)
    expected = Trainer.from_config(config).fit(rows, data[1], out=tmp_path / "whole").network
    reads = 1000 - rows.left
    for missing in (1, 2, 3):  # the outputs that are kept, the digest, the last check
        run = tmp_path / str(missing)
        with pytest.raises(DataError, match=r"Input/output error; the model is saved: .*model\.safetensors$"):
            Trainer.from_config(config).fit(Rows(data[0], reads - missing), data[1], out=run)
        assert modnet.load(run).parameters.tobytes() == expected.parameters.tobytes()


class Failing:
    """A listener, and a metric, that fail when the training has ended."""

    __name__ = "failing"
    calls = 0

    @modnet.hookimpl
    def modnet_fit_end(self) -> None:
        raise RuntimeError("of a listener")

    def __call__(self, y: Any, predictions: Any) -> float:
        del y, predictions
        self.calls += 1
        return 1.0 / (6 - self.calls)


@pytest.mark.parametrize(
    ("options", "error"), [({"callbacks": [Failing()]}, RuntimeError), ({"metrics": [Failing()]}, ZeroDivisionError)]
)
def test_an_error_after_the_last_epoch_does_not_cost_the_model(
    options: dict[str, Any], error: type[Exception], data: Data, tmp_path: Path
) -> None:
    config = CONFIG | {"callbacks": []}
    with pytest.raises(error):
        Trainer.from_config(config).fit(*data, test=data, out=tmp_path / "run", **options)
    expected = Trainer.from_config(config).fit(*data).network
    assert modnet.load(tmp_path / "run").parameters.tobytes() == expected.parameters.tobytes()


def test_a_training_of_no_epoch_that_is_refused_leaves_nothing(data: Data, tmp_path: Path) -> None:
    class Refusing:
        @modnet.hookimpl
        def modnet_fit_start(self) -> None:
            raise RuntimeError("not now")

    with pytest.raises(RuntimeError, match="not now"):
        Trainer.from_config(CONFIG | {"epochs": 0}).fit(*data, out=tmp_path / "run", callbacks=[Refusing()])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("callbacks", [CONFIG["callbacks"], []])
def test_another_run_in_the_place_of_a_moved_one_is_not_changed(
    callbacks: list[Any], data: Data, tmp_path: Path, temporary: Path
) -> None:
    run = tmp_path / "run"

    def act(folder: Path) -> None:
        folder.rename(tmp_path / "moved")
        Trainer.from_config(CONFIG | {"seed": 7}).fit(data[0], 1 - data[1], out=run)
        found.update((path, path.read_bytes()) for path in run.rglob("*") if path.is_file())

    found: dict[Path, bytes] = {}
    with pytest.raises(ModelFileError, match="another folder is in its place; the run is saved in "):
        Trainer.from_config(CONFIG | {"callbacks": callbacks}).fit(*data, out=run, callbacks=[at(3, act)])
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == found
    (folder,) = temporary.iterdir()
    expected = Trainer.from_config(CONFIG | {"callbacks": callbacks}).fit(*data, out=tmp_path / "whole").network
    assert modnet.load(folder).parameters.tobytes() == expected.parameters.tobytes()
    for name in ("config.toml", "data.json"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_history_that_was_copied_in_its_place_is_the_same(data: Data, tmp_path: Path) -> None:
    def copy(folder: Path) -> None:
        (folder / "history.jsonl").replace(folder / "other")
        shutil.copyfile(folder / "other", folder / "history.jsonl")

    run = Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "run", callbacks=[at(3, copy)])
    assert [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()] == run.history


def failing(patch: pytest.MonkeyPatch, name: str, number: int, where: Callable[[Any], bool]) -> None:
    call = getattr(os, name)

    def fail(*arguments: Any, **more: Any) -> Any:
        if where(arguments[0]):
            raise OSError(number, os.strerror(number))
        return call(*arguments, **more)

    patch.setattr(os, name, fail)


def test_what_cannot_be_removed_ends_no_training(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    failing(monkeypatch, "unlink", errno.EPERM, lambda path: str(path).startswith(str(run)))
    Trainer.from_config(CONFIG).fit(*data, out=run)
    assert (run / "model.safetensors").exists()
    assert (run / ".lock").exists()
    found = sorted(run.glob("checkpoints/*"))
    assert len(found) == 5
    assert capsys.readouterr().err.splitlines() == [
        f"modnet: {path}: cannot be removed: Operation not permitted" for path in found[:3]
    ]
    monkeypatch.undo()
    Trainer.resume(run, *data, epochs=6)  # the lock that is left locks nobody out
    assert not (run / ".lock").exists()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_folders_is_told_once(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    warn_once.cache_clear()
    failing(monkeypatch, "fsync", number, lambda descriptor: stat.S_ISDIR(os.fstat(descriptor).st_mode))
    Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "run")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"modnet: this file system cannot sync folders ({os.strerror(number)}); ")


def test_other_errors_of_a_folder_are_told(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "fsync", errno.EIO, lambda descriptor: stat.S_ISDIR(os.fstat(descriptor).st_mode))
    with pytest.raises(ModelFileError, match=r"config\.toml: cannot be written: Input/output error"):
        Trainer.from_config(CONFIG).fit(*data, out=tmp_path / "run")
