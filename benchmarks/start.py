"""How long a start takes, and how large an installation is."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from measuring import Row, take_turns

STARTS = {
    "numpy, pydantic, pluggy": "import numpy, pydantic, pluggy",
    "modnet": "import modnet",
    "modnet with Trainer": "import modnet; modnet.Trainer",
    "a validated configuration": "import modnet; modnet.load_config()",
}


def starts(rounds: int) -> Row:
    """Return the seconds that Python takes for each of the imports."""
    runs = {
        name: (lambda code=code: subprocess.run([sys.executable, "-c", code], check=True))
        for name, code in STARTS.items()
    }
    runs["modnet --version"] = lambda: subprocess.run(
        [sys.executable, "-m", "modnet", "--version"], check=True, capture_output=True
    )
    return take_turns(runs, rounds)


def installed_megabytes(project: Path) -> float:
    """Return the size of modnet with everything that it needs, in a virtual environment made for this."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        site = next(Path(folder, "lib").glob("python*/site-packages"))
        before = _size(site)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", project]
        subprocess.run(command, check=True)
        return (_size(site) - before) / 1e6


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
