"""What an unknown command or option of the command line meant."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from modnet.core.errors import ConfigError
from modnet.core.messages import fold, nearest, question, shell_word

__all__ = ["Commands", "command_message", "usage_message"]

_COMMANDS = {
    "train": "fit run start learn",
    "train --resume": "resume continue",
    "evaluate": "eval test score validate",
    "predict": "infer classify",
    "plot": "visualize draw curves",
    "explain": "summary show model",
    "config check": "check",
    "config schema": "schema",
    "plugins list": "list components",
    "plugins new": "new create",
    "--help": "help",
    "--version": "version",
}
"""Command → what it is called elsewhere."""
_OPTIONS = {
    "--out": "output o output_dir out_dir dir folder save",
    "--data": "file input dataset",
    "--resume": "continue resume_from checkpoint restore",
    "--version": "v",
    "--quiet": "silent q",
    "--plot": "figure picture",
}
_ROWS = ("data", "rows", "input", "file", "csv", "dataset", "x")
_CONFIG = ("config", "configuration", "config_file", "c", "toml")


class Commands(click.Group):
    """A group that says which of its commands an unknown one meant."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or end with a line on the one that was meant."""
        if cmd_name not in self.commands and not ctx.resilient_parsing:  # a shell that completes
            ctx.fail(f"No such command '{cmd_name}'{question(nearest(cmd_name, self.commands))}")
        return super().get_command(ctx, cmd_name)


def command_message(name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown command."""
    meant = [command for command, others in _COMMANDS.items() if fold(name) in others.split()]
    if name.endswith(".toml"):
        meant = [f"train {name}"]
    return f"No such command '{name}'{question(meant or nearest(name, known))}"


def usage_message(error: click.UsageError) -> str:
    """Return the message for a wrong use: an unknown option, or samples that are given without their option."""
    if isinstance(error, click.NoSuchOption):
        return _option_message(error)
    message = error.format_message()
    extra = re.fullmatch(r"Got unexpected extra argument \((.+)\)", message, re.DOTALL)
    options = {name for parameter in (error.ctx.command.params if error.ctx else []) for name in parameter.opts}
    if extra and "--data" in options:
        from modnet.cli.common.other_data import FORMATS  # such a command has it anyway

        if Path(extra[1]).suffix.lower().removeprefix(".") in FORMATS:
            message += question([f"--data {shell_word(extra[1])}"])
    return message


def _option_message(error: click.NoSuchOption) -> str:
    """Return the message for an unknown option: the option of the command, or the key of ``--set``, that it meant."""
    parameters = error.ctx.command.params if error.ctx else []
    own = [name for parameter in parameters if isinstance(parameter, click.Option) for name in parameter.opts]
    word, value = error.option_name.lstrip("-"), _value_of(error.option_name)
    meant = [option for option, others in _OPTIONS.items() if option in own and fold(word) in map(fold, others.split())]
    if any(parameter.name == "path" for parameter in parameters) and fold(word) in map(fold, _CONFIG):
        meant = [value or "CONFIG"]
    if any(parameter.name == "rows" for parameter in parameters) and fold(word) in map(fold, _ROWS):
        meant = [value or "ROWS"]
    meant = meant or nearest(word, own, cutoff=0.85) or _setting(own, word, value, exact=True)
    meant = meant or nearest(word, own) or _setting(own, word, value, exact=False)
    return f"No such option '{error.option_name}'" + (f"; did you mean {' or '.join(meant)}?" if meant else "")


def _value_of(option: str) -> str | None:
    """Return what was given as the option's value, if anything was."""
    arguments = sys.argv[1:]
    for argument, following in zip(arguments, [*arguments[1:], "-"], strict=True):
        name, equals, value = argument.partition("=")
        if name == option:
            return value if equals else None if following.startswith("-") else following
    return None


def _setting(own: Iterable[str], word: str, value: str | None, *, exact: bool) -> list[str]:
    if "--set" not in own:
        return []
    from modnet.config.overrides import parse
    from modnet.config.suggest import for_option

    known: tuple[Any, ...] = ()
    with suppress(ConfigError):  # too many digits, or too deep
        known = (parse(value),) if value else ()
    found = for_option({}, (word,), word, *known, exact=exact)
    if found and f"--{found.key}" in own:
        return [f"--{found.key} {value or ''}".strip()]
    return [f"--set {found.as_argument()}"] if found else []
