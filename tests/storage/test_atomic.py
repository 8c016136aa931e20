"""A file is there whole, or the one before it is."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from storage.kinds_of_files import KINDS, place

import modnet
from modnet import Trainer
from modnet.core.errors import ModelFileError
from modnet.storage.atomic import write_atomically, write_output
from modnet.storage.model_file import save


def test_a_new_file_and_a_replaced_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"one")
    assert path.read_bytes() == b"one"
    write_atomically(path, b"two, longer")
    assert path.read_bytes() == b"two, longer"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_check_sees_the_new_file_before_it_replaces_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"earlier")
    seen = []

    def check(temporary: Path) -> None:
        seen.append((temporary.read_bytes(), path.read_bytes(), temporary.parent))
        if len(seen) == 2:
            raise ArithmeticError("is wrong")

    write_atomically(path, b"one", check)
    with pytest.raises(ArithmeticError, match="is wrong"):
        write_atomically(path, b"two", check)
    assert seen == [(b"one", b"earlier", tmp_path), (b"two", b"one", tmp_path)]
    assert path.read_bytes() == b"one"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"one")
        assert os.umask(0o027) == 0o027  # and the umask is as it was
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


FAILURES = {
    "no space when synced": ("os.fsync", errno.ENOSPC),
    "broken when synced": ("os.fsync", errno.EIO),
    "not renamed": ("pathlib.Path.replace", errno.EACCES),
    "no temporary file": ("pathlib.Path.open", errno.EROFS),
    "a folder that may not be opened": ("os.open", errno.EACCES),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_leaves_the_earlier_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, name: str
) -> None:
    where, code = FAILURES[name]
    config = {"epochs": 1, "network": {"layers": [2]}}
    network = Trainer.from_config(config).fit(rng.normal(size=(20, 3)), [0, 1] * 10).network
    path = tmp_path / "model.safetensors"
    save(network, path)
    before, theta = path.read_bytes(), network.parameters.copy()
    network.parameters[...] += 1.0
    called = []

    def fail(*arguments: object, **more: object) -> None:
        called.append((arguments, more))
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(where, fail)
        with pytest.raises(ModelFileError) as caught:
            save(network, path)
    assert len(called) == 1
    assert str(caught.value) == f"{path}: cannot be written: {os.strerror(code)}"
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert np.array_equal(modnet.load(path).parameters, theta)
    save(network, path)
    assert np.array_equal(modnet.load(path).parameters, theta + 1.0)


def test_who_may_read_it_stays(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"one")
    (tmp_path / "file").chmod(0o600)
    write_atomically(tmp_path / "file", b"two")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("ä" * 127), b"one")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"one"]


def test_an_interruption_leaves_the_earlier_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"one")

    def interrupt(descriptor: int) -> None:
        del descriptor
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"two")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"one")]


def test_the_content_is_synced_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    seen = []
    sync = os.fsync

    def watch(descriptor: int) -> None:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        seen.append((regular, path.exists(), os.fstat(descriptor).st_size if regular else None))
        sync(descriptor)

    monkeypatch.setattr("os.fsync", watch)
    write_atomically(path, b"12345")
    assert seen == [(True, False, 5), (False, True, None)]  # the file, then the folder that names it


@pytest.mark.parametrize("place", ["a file/model", "none/model", "."])
def test_a_place_that_takes_no_file(tmp_path: Path, rng: np.random.Generator, place: str) -> None:
    (tmp_path / "a file").write_text("mine")
    network = (
        Trainer.from_config({"epochs": 0, "network": {"layers": [2]}})
        .fit(rng.normal(size=(20, 3)), [0, 1] * 10)
        .network
    )
    with pytest.raises(ModelFileError, match="cannot be written: "):
        save(network, tmp_path / place)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a file", "mine")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_of_a_user_is_written_to_whatever_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    content = b"new\n" * 3
    with place(kind) as made:
        if made.error is None:
            write_output(made.path, content)
        else:
            with pytest.raises((OSError, ValueError), match=made.error):
                write_output(made.path, content)
        made.check(content)
