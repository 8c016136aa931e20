"""A fault of a table gets one line that says where it is and what is allowed, and nothing is written."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pytest
from cli.running import Modnet
from cli.table_faults import FAULTS, prepare


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, its configuration, and three runs."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare()
    return folder


def contents(folder: Path) -> dict[str, bytes | None]:
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}


@pytest.mark.parametrize("name", FAULTS)
def test_one_line_says_it_and_nothing_is_written(
    modnet: Modnet, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fault = FAULTS[name]
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    fault.write()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(fault.stdin)))
    before = contents(tmp_path)
    result = modnet(*fault.command)
    assert (result.code, result.out) == (2, "")
    assert contents(tmp_path) == before
    expected, is_beginning = f"modnet: {fault.line.removesuffix('…')}", fault.line.endswith("…")
    assert result.err.count("\n") == 1
    assert (result.err[: len(expected)] if is_beginning else result.err.removesuffix("\n")) == expected


def test_there_are_many_of_each_command() -> None:
    commands = [fault.command[0] for fault in FAULTS.values()]
    assert {command: commands.count(command) > 5 for command in commands} == dict.fromkeys(
        ("train", "init", "predict", "evaluate", "compare"), True
    )
    assert len({fault.line for fault in FAULTS.values()}) > 120
