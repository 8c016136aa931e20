"""The run of the page "Your own table": its own blocks make the table, and its commands are what is run here."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from functools import cache
from pathlib import Path

import modnet
from modnet import Results, Trainer
from modnet.analysis.recipe.files import configuration_for

PAGE = Path(__file__).resolve().parents[1] / "own-table.md"


def make_table() -> None:
    """Write ``customers.csv`` to the current folder, as the first block of the page does."""
    block = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert block is not None  # noqa: S101 -- the page begins with it
    with contextlib.redirect_stdout(io.StringIO()):
        exec(block[1], {"__name__": "own_table"})  # noqa: S102 -- our own documentation


@cache
def customers() -> Results:
    """Return the results of ``modnet init`` and ``modnet train`` on the test samples."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        make_table()
        Path("customers.toml").write_text(configuration_for("customers.csv"), encoding="utf-8")
        Trainer.from_config("customers.toml").fit(out="run")
        return modnet.results("run")
