"""The page about the kit lists every check with its families and what it makes sure of."""

from __future__ import annotations

from pathlib import Path

from modnet.core.interfaces import FAMILIES
from modnet.testing.checks import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "testing-a-part.md"


def test_the_table_lists_every_check():
    rows = [
        f"| `{check.name}` | {'every' if set(check.families) == set(FAMILIES) else ', '.join(check.families)} "
        f"| {check.about.removesuffix('.')} |"
        for check in CHECKS
    ]
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index("| check | family | makes sure that |")
    assert lines[start + 2 :] == rows
