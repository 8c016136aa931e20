"""The page about the kit lists every check with what it makes sure of."""

from __future__ import annotations

from pathlib import Path

from modnet.testing.checks import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "testing-a-part.md"


def test_the_table_has_every_check():
    families: dict[tuple[str, str], list[str]] = {}
    for family, checks in CHECKS.items():
        for check in checks:
            families.setdefault((check.name, check.about.removesuffix(".")), []).append(family)
    rows = [
        f"| `{name}` | {'every' if len(those) == len(CHECKS) else ', '.join(those)} | {about} |"
        for (name, about), those in families.items()
    ]
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index("| check | family | makes sure that |")
    assert lines[start + 2 :] == rows
