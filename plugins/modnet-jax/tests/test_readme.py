"""The README's Python prints what it says, and its table of options is the engine's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modnet_jax import JaxEngine

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    ((code, output),) = re.findall(
        r"^```python\n(.*?)^```\n\n<!-- output -->\n```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
    )
    exec(code, {})  # noqa: S102 # it is this distribution's own
    assert capsys.readouterr().out == output


def test_every_option_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", README, re.MULTILINE)
    dumped = JaxEngine().model_dump()
    expected = {name: str(value).lower() if isinstance(value, bool) else f'"{value}"' for name, value in dumped.items()}
    assert dict(rows) == {name: expected[name] for name, _ in rows}
    assert {"device", "precision", "deterministic", "device_memory", "cache"} <= dict(rows).keys()
