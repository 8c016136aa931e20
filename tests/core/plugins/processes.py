"""Separate processes: pip, and the command beside what pip has installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import modnet

SOURCE = Path(modnet.__file__ or "").parents[1]


def environment(*search: Path, **more: str) -> dict[str, str]:
    """Return an environment without variables of modnet, with the modnet under test and the ``search`` folders."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MODNET_")}
    path = os.pathsep.join(map(str, [*search, SOURCE]))
    return {**inherited, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", **more}


def python(folder: Path, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python in ``folder``."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8", check=False)


def install(target: Path, *sources: Path) -> None:
    """Let pip install distributions into the folder ``target``, without the network."""
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    done = python(sources[0].parent, "-m", "pip", "install", *options, "--target", target, *sources, **environment())
    assert done.returncode == 0, done.stderr
