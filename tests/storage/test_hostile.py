"""Files that try to make code run are read as data, or refused; under an audit hook, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cli.running import ENVIRONMENT
from storage import hostile

# What is text to whom it is given, and stays text.
TAKEN = {
    "saying data elsewhere", "saying data on another machine", "saying a call for a version",
    "saying a call for a label", "saying calls for features",
}  # fmt: skip


def test_no_file_makes_code_run(tmp_path: Path) -> None:
    environment = ENVIRONMENT | {"PYTHONPATH": f"{ENVIRONMENT['PYTHONPATH']}:{Path(__file__).parents[1]}"}
    command = [sys.executable, "-W", "error", hostile.__file__, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "results" in found, found
    assert found["ran"]  # by pickle, at the very end
    assert [seen.split()[0] for seen in found["control"]] == ["pickle.find_class", "compile", "exec", "open"]
    results: dict[str, str] = found["results"]
    models = [name for name in hostile.models_named() if name not in TAKEN]
    assert len(models) >= 38
    for name in models:
        assert results[f"load file: {name}"] in ("ModelFileError", "ConfigError"), name
        assert results[f"load folder: {name}"] in ("ModelFileError", "ConfigError"), name
        assert results[f"predict: {name}"] == results[f"evaluate: {name}"] == "status 2", name
    for name in TAKEN:
        assert results[f"load file: {name}"] == results[f"load folder: {name}"] == "taken", name
    for name in hostile.TABLES:
        assert (results[f"configuration: {name}"], results[f"train: {name}"]) == ("ConfigError", "status 2"), name
    for name in (*hostile.DATA, *hostile.ELSEWHERE):
        assert results[f"data: {name}"] == "DataError", name
        assert results[f"evaluate on: {name}"] == "status 2", name
    assert results["data: idx"] == "DataError"
