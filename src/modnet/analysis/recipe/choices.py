"""Choices: keys of a configuration with their values and the reasons for them, and the TOML file that says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from modnet.config.load import load_config
from modnet.config.overrides import to_toml
from modnet.config.run_config import RunConfig
from modnet.core.messages import printable

__all__ = ["Choice", "Item", "as_config", "as_toml"]

WIDTH = 120
"""How long a line with a comment may be; a longer comment stands above."""
INDENT = "    "


class Item(NamedTuple):
    """One entry of a list, and why it is there."""

    value: Any
    reason: str = ""


class Choice(NamedTuple):
    """A dotted key of the configuration, its value (a list of `Item`, where each has its reason), and the reason."""

    key: str
    value: Any
    reason: str = ""

    @property
    def plain(self) -> Any:
        """The value without reasons."""
        is_list = isinstance(self.value, list)
        return [item.value if isinstance(item, Item) else item for item in self.value] if is_list else self.value


def as_config(choices: Iterable[Choice]) -> RunConfig:
    """Return the configuration that the choices make.

    Raises:
        ConfigError: they are not valid.
    """
    table: dict[str, Any] = {}
    for choice in choices:
        *path, key = choice.key.split(".")
        inner = table
        for name in path:
            inner = inner.setdefault(name, {})
        inner[key] = choice.plain
    return load_config(table)


def as_toml(title: Sequence[str], choices: Sequence[Choice]) -> str:
    """Return the choices as a TOML file, a comment with its reason beside or above each, under a title of comments."""
    lines = [_comment(line) for line in title]
    tables = dict.fromkeys(choice.key.rpartition(".")[0] for choice in choices)
    for table in sorted(tables, key=bool):  # keys outside of tables come first
        lines += ["", *([f"[{table}]"] if table else [])]
        for choice in choices:
            inside, _, key = choice.key.rpartition(".")
            if inside == table:
                lines += _lines(key, choice)
    return "\n".join(lines).lstrip("\n") + "\n"


def _lines(key: str, choice: Choice) -> list[str]:
    items = choice.value if isinstance(choice.value, list) else []
    if not any(isinstance(item, Item) for item in items):
        return _commented(f"{key} = {to_toml(choice.value)}", choice.reason, "")
    rows = [_commented(f"{INDENT}{to_toml(item.value)},", item.reason, INDENT) for item in items]
    return [*_commented(f"{key} = [", choice.reason, ""), *(line for row in rows for line in row), "]"]


def _commented(line: str, reason: str, indent: str) -> list[str]:
    if not reason:
        return [line]
    beside = f"{line}   {_comment(reason)}"
    if len(beside) <= WIDTH:
        return [beside]
    above = wrap(reason, WIDTH - len(indent) - len(_comment("")), break_on_hyphens=False)
    return [*(f"{indent}{_comment(part)}" for part in above), line]


def _comment(text: str) -> str:
    return f"# {printable(text)}"
