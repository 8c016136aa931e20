"""Compiled programs are kept in files, of which none ever ends a training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from trained import bits, fit

from modnet.core import messages
from modnet.storage import cache_folder
from modnet_jax import cache


@pytest.fixture(autouse=True)
def _nothing_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_in_memory", {})


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is compiled from now on."""
    found: list[Any] = []
    original = cache.ProgramCache._compile
    monkeypatch.setattr(cache.ProgramCache, "_compile", lambda *args: found.append(args) or original(*args))
    return found


def engine(folder: Any) -> dict[str, Any]:
    return {"kind": "jax", "cache": str(folder)}


def test_a_program_is_compiled_once(data: Any, tmp_path: Path, compiled: list[Any]) -> None:
    first = fit(data, engine(tmp_path))
    count = len(compiled)
    assert count == len(list(tmp_path.iterdir())) > 0
    cache._in_memory.clear()
    assert bits(fit(data, engine(tmp_path))) == bits(first)
    assert len(compiled) == count
    fit(data, engine(tmp_path), layers=[3, 2])
    assert len(compiled) > count


def test_in_one_process_no_folder_is_needed(data: Any, compiled: list[Any]) -> None:
    fit(data, engine("off"))
    count = len(compiled)
    fit(data, engine("off"))
    assert len(compiled) == count > 0


@pytest.mark.parametrize("damage", [b"", b"\0" * 500, None])
def test_a_damaged_file_is_made_anew(data: Any, tmp_path: Path, compiled: list[Any], damage: bytes | None) -> None:
    first = fit(data, engine(tmp_path))
    count, files = len(compiled), sorted(tmp_path.iterdir())
    for file in files:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(bytes(content) if damage is None else damage)
    cache._in_memory.clear()
    assert bits(fit(data, engine(tmp_path))) == bits(first)
    assert len(compiled) == 2 * count
    cache._in_memory.clear()
    fit(data, engine(tmp_path))
    assert len(compiled) == 2 * count
    assert sorted(tmp_path.iterdir()) == files


def test_a_folder_that_cannot_be_used_is_one_line(
    data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], compiled: list[Any]
) -> None:
    messages.warn_once.cache_clear()
    (tmp_path / "file").touch()
    fit(data, engine(tmp_path / "file"))
    assert len(compiled) > 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"modnet: engine.cache: {tmp_path / 'file'} cannot be used (")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="there are no permissions of this kind")
def test_a_folder_of_others_is_not_read(data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messages.warn_once.cache_clear()
    tmp_path.chmod(0o777)
    fit(data, engine(tmp_path))
    assert list(tmp_path.iterdir()) == []
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"modnet: engine.cache: {tmp_path} can be written to by others; nothing is kept there"


def test_a_folder_keeps_the_programs_that_were_used_last(
    data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_folder.CacheFolder.__init__, "__defaults__", (2,))
    for units in (2, 3, 4):
        fit(data, engine(tmp_path), layers=[units, 2])
    assert len(list(tmp_path.iterdir())) == 2
