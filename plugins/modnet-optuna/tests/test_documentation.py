"""The page on searching and the README's Python, run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.test_snippets import ROOT, run_page

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(ROOT / "docs" / "tune.md", tmp_path, monkeypatch, installed="plugins/modnet-optuna")


def test_the_readme() -> None:
    for block in BLOCKS:
        exec(block, {})  # noqa: S102 -- this distribution's own
    assert BLOCKS


def test_both_tables_have_all_options() -> None:
    from modnet_optuna.command import command

    options = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    own = options - {"--set", "--epochs", "--seed", "--dtype", "--no-plugin", "--no-plugins"}
    page = (ROOT / "docs" / "tune.md").read_text(encoding="utf-8")
    for text in (README, page):
        assert own - {"--quiet"} <= {name for row in re.findall(r"^\| (`--[^|]*) \|", text, re.MULTILINE)
                                     for name in re.findall(r"--[a-z]+", row)}  # fmt: skip
