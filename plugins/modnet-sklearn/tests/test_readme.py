"""The README's Python and the page on scikit-learn run, and the switch is a diff of one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.test_snippets import ROOT, run_page

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # the page has few iterations
@pytest.mark.parametrize("block", range(len(BLOCKS)))
def test_python_blocks(block, capsys):
    exec(BLOCKS[block], {})  # noqa: S102 # it is this distribution's own
    printed = capsys.readouterr().out
    assert printed
    if block == 0:
        assert float(printed.split()[0]) > 0.8


def test_the_switch_is_one_line():
    (diff,) = re.findall(r"^```diff\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    removed, added = diff.splitlines()
    assert (removed[0], added[0]) == ("-", "+")
    before, after = {}, {}
    exec(removed[1:], before)  # noqa: S102 # the same
    exec(added[1:], after)  # noqa: S102 # the same
    assert before.keys() == after.keys()
    assert after["MLPClassifier"].__module__.startswith("modnet_sklearn")


def test_the_page(tmp_path, monkeypatch):
    run_page(ROOT / "docs" / "scikit-learn.md", tmp_path, monkeypatch, installed="plugins/modnet-sklearn")
