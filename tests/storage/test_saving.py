"""A save that is killed at any step, or that the system refuses, leaves a whole file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli.running import ENVIRONMENT
from storage import saving
from training.resuming import same

import modnet


def ran(*arguments: object) -> tuple[dict[str, Any], str]:
    command = [sys.executable, "-W", "error", saving.__file__, *map(str, arguments)]
    environment = {**ENVIRONMENT, "TMPDIR": str(Path(arguments[1]).parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def kill_everywhere(folder: Path, pieces: int) -> None:
    result, log = ran("killed", folder, pieces)
    writes = json.loads(log).count("write")
    assert writes >= pieces
    assert json.loads(log) == ["open", "chmod", *["write"] * writes, "fsync", "rename", "fsync folder"]
    steps = 2 * (5 + writes)
    assert result["status"] == 0
    assert result["died"] == steps
    renamed = steps - 3  # the first step after the rename
    assert result["found"] == ["old"] * renamed + ["new"] * (steps + 1 - renamed)
    assert [path.name for path in folder.iterdir()] == [saving.NAME]


def test_a_save_that_is_killed_at_any_step(tmp_path: Path) -> None:
    kill_everywhere(tmp_path, 3)


@pytest.mark.soak
def test_a_save_that_is_killed_at_any_step_of_many(tmp_path: Path) -> None:
    kill_everywhere(tmp_path, 500)


@pytest.mark.soak
def test_a_disk_that_is_full_in_the_midst_of_a_training(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    result, log = ran("filled", tmp_path / "small")
    if "impossible" in result:
        pytest.skip(f"no file system can be mounted here ({result['impossible']}); test_unwritable has it by hand")
    reason = "cannot be written: No space left on device"
    saved = re.fullmatch(rf".*/small/run/model\.safetensors: {reason}; the run is saved in (\S+)", result["told"])
    assert saved
    assert "Traceback" not in log
    modnet.Trainer.from_config(saving.FILLED).fit(out=tmp_path / "whole")
    same(tmp_path / "whole", Path(saved[1]))


REASONS = {
    "full": "No space left on device", "limited": "File too large", "forbidden": "Permission denied",
    "read-only": "Read-only file system",
}  # fmt: skip


@pytest.mark.parametrize("setting", saving.SETTINGS)
def test_a_save_that_the_system_refuses(tmp_path: Path, setting: str) -> None:
    result, log = ran(setting, tmp_path)
    if "impossible" in result:
        pytest.skip(f"no file system can be mounted here ({result['impossible']}); test_atomic has the same by hand")
    told = ["ModelFileError", f"{saving.NAME}: cannot be written: {REASONS[setting]}"]
    assert result == {"told": told, "same": True, "left": [], "status": 2}
    elsewhere = (
        r"(; the run is saved in /\S+|; /\S+: cannot be written: File too large)?"  # the limit holds for every file
    )
    assert re.fullmatch(f"modnet: run.*: .*: {REASONS[setting]}{elsewhere}", log.splitlines()[-1])
    assert "Traceback" not in log
