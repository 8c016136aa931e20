"""The page on ONNX and the README's Python, run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.test_snippets import ROOT, run_page

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.usefixtures("with_the_command")
def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(ROOT / "docs" / "onnx.md", tmp_path, monkeypatch, installed="plugins/modnet-onnx")


def test_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in BLOCKS:
        exec(block, {})  # noqa: S102 -- this distribution's own
    assert BLOCKS
