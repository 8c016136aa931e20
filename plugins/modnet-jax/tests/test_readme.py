"""The README's Python prints what it says, and its table of options is the engine's."""

from __future__ import annotations

import json
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
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.*?) \|", README, re.MULTILINE)
    options = JaxEngine().model_dump(exclude={"kind"}, mode="json")
    assert {name for names, _ in rows for name in re.findall(r"\w+", names)} == options.keys()
    defaults = {names.strip("`"): default.strip("`") for names, default in rows if "," not in names}
    assert defaults == {name: json.dumps(value) for name, value in options.items() if value is not None}
