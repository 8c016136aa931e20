"""Small files that ask for much are refused at little cost, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import ENVIRONMENT
from storage import bombs
from storage.forging import taken_apart

from modnet import Trainer
from modnet.storage.model_file import save

MOST = 32 * 2**20
TESTS = str(Path(__file__).parents[1])


@pytest.fixture
def good(rng: np.random.Generator, tmp_path: Path) -> Path:
    config = {"epochs": 0, "network": {"layers": [5, 3]}}
    network = Trainer.from_config(config).fit(rng.normal(size=(30, 4)), ["abc"[i % 3] for i in range(30)]).network
    save(network, tmp_path / "good")
    return tmp_path / "good"


def dropped(good: Path, name: str) -> dict[str, Any]:
    path = good.with_name("bomb")
    path.write_bytes(bombs.BOMBS[name](*taken_apart(good)))
    environment = ENVIRONMENT | {"PYTHONPATH": f"{ENVIRONMENT['PYTHONPATH']}:{TESTS}"}
    command = [sys.executable, "-W", "error", bombs.__file__, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["type"] == "ModelFileError", result
    assert result["message"].startswith(f"{path}: ")
    assert "\n" not in result["message"]
    assert len(result["message"]) < 1000
    assert result["grown"] < MOST, result
    assert result["python"] < MOST, result
    return result


# As many as are quickly run; the others are like them.
FEW = ("as_many_tensors_as_fit", "large_layers", "as_many_empty_lists_as_fit")


@pytest.mark.parametrize("name", FEW)
def test_some_bombs(good: Path, name: str) -> None:
    dropped(good, name)


@pytest.mark.soak
@pytest.mark.parametrize("name", bombs.BOMBS)
def test_all_bombs(good: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = dropped(good, name)
    with capsys.disabled():
        print(
            f"\n{name}: {1000 * result['seconds']:.1f} ms, {result['grown'] / 2**20:.1f} MB resident, "
            f"{result['python'] / 2**20:.1f} MB of Python's; {result['message'].partition(': ')[2][:90]}"
        )
    assert result["seconds"] < 0.1
