"""A folder of files that can be made anew: none of its problems is more than a line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modnet.core import messages
from modnet.storage.cache_folder import CacheFolder


@pytest.fixture(autouse=True)
def _lines_are_new() -> None:
    messages.warn_once.cache_clear()


def test_what_was_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    for path in (str(tmp_path / "own"), "auto"):
        folder = CacheFolder(path, "things", "option")
        assert folder.read("digest") is None
        folder.write("digest", b"content")
        assert CacheFolder(path, "things", "option").read("digest") == b"content"
    assert (tmp_path / "home" / "modnet" / "things" / "digest").exists()


def test_a_folder_may_be_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = CacheFolder("off", "things", "option")
    folder.write("digest", b"content")
    assert folder.read("digest") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_file_is_none(tmp_path: Path, damage: bytes | None) -> None:
    folder = CacheFolder(str(tmp_path), "things", "option")
    folder.write("digest", b"content")
    content = bytearray((tmp_path / "digest").read_bytes())
    content[-1] ^= 1
    (tmp_path / "digest").write_bytes(bytes(content) if damage is None else damage)
    assert folder.read("digest") is None


def test_it_keeps_what_was_used_last(tmp_path: Path) -> None:
    folder = CacheFolder(str(tmp_path), "things", "option", most=2)
    for number, name in enumerate(("a", "b")):
        folder.write(name, b"content")
        os.utime(tmp_path / name, (number, number))
    assert folder.read("a") == b"content"  # which is a use
    folder.write("c", b"content")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]


def test_a_full_disk_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", fail)
    CacheFolder(str(tmp_path), "things", "option").write("digest", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    folder = CacheFolder(str(tmp_path / "file" / "folder"), "things", "option")
    folder.write("digest", b"content")
    assert folder.read("digest") is None
    expected = (
        f"modnet: option: {tmp_path / 'file' / 'folder'} cannot be used (Not a directory); nothing is kept there\n"
    )
    assert capsys.readouterr().err == expected


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="there are no permissions of this kind")
def test_a_folder_of_others_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CacheFolder(str(tmp_path), "things", "option").write("digest", b"content")
    tmp_path.chmod(0o777)
    assert CacheFolder(str(tmp_path), "things", "option").read("digest") is None
    assert capsys.readouterr().err == (
        f"modnet: option: {tmp_path} can be written to by others; nothing is kept there\n"
    )
