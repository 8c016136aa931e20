"""Processes of their own: pip, and the command beside what pip has installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import modnet

SOURCE = Path(modnet.__file__ or "").parents[0]


def environment(*search: Path, **more: str) -> dict[str, str]:
    """Return an environment with nobody's settings, the modnet of this test and the ``search`` folders."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MODNET_")}
    path = os.pathsep.join(map(str, [*search, SOURCE]))
    return {**kept, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "XDG_CONFIG_HOME": os.devnull, **more}


def python(folder: Path, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python in ``folder``."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8", check=False)


def install(target: Path, *sources: Path) -> None:
    """Let pip install distributions into the folder ``target``, with what is here and no network."""
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    done = python(sources[0].parent, "-m", "pip", "install", *options, "--target", target, *sources, **environment())
    assert done.returncode == 0, done.stderr
