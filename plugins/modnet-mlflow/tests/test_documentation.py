"""The README's Python runs, and so do all blocks of the page of the documentation."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("client")
def test_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    exec(block, {})  # noqa: S102 # it is this distribution's own
    assert capsys.readouterr().out.strip() not in ("", "[]")


def test_the_options_in_the_readme_are_all() -> None:
    from modnet_mlflow import modnet_components

    (callback,) = modnet_components()
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == sorted(
        callback.option_names(), key=lambda name: (name in _shared(callback), callback.option_names().index(name))
    )


def _shared(callback: Any) -> list[str]:
    """Return the options of every log, which stand last."""
    return list(callback.__mro__[1].option_names())


@pytest.mark.usefixtures("client")
def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snippets = importlib.util.spec_from_file_location("snippets", ROOT / "tests" / "docs" / "test_snippets.py")
    assert snippets is not None
    assert snippets.loader is not None
    module = importlib.util.module_from_spec(snippets)
    monkeypatch.setitem(__import__("sys").modules, "snippets", module)  # where dataclasses look
    snippets.loader.exec_module(module)
    module.run_page(ROOT / "docs" / "mlflow.md", tmp_path, monkeypatch, "plugins/modnet-mlflow")
