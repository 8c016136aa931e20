"""``modnet completion``: the script that lets a shell ask modnet for completions, and how bash is answered."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

__all__ = ["Bash", "command"]

VARIABLE = "_MODNET_COMPLETE"


class Bash(BashComplete):
    """Completion for bash, which takes ``KEY=VALUE`` for three words, and puts no space after a key."""

    name = "bash"
    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)\n", "COMPREPLY+=($value)\n            [[ $value == *= ]] && compopt -o nospace\n"
    )
    _given = 0

    def source(self) -> str:
        """Return the script; whether this bash can use it is no matter here."""
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor and the one at it, each ``KEY=VALUE`` in one piece."""
        given = split_arg_string(os.environ["COMP_WORDS"])[: int(os.environ["COMP_CWORD"]) + 1]
        given += [""] * (int(os.environ["COMP_CWORD"]) + 1 - len(given))
        words = given[:1]
        for before, word in pairwise(given):
            if word.startswith("=") or before == "=":
                words[-1] += word
            else:
                words.append(word)
        incomplete = words[-1]
        self._given = 0 if given[-1] == incomplete else incomplete.count("=") - incomplete.startswith("--")
        return words[1:-1], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a line for the script; bash replaces only what follows the last ``=``, and quotes nothing itself."""
        value = item.value.split("=", self._given)[-1]
        if item.type == "plain":  # two backslashes, one of which the script reads away
            value = re.sub(r"[^\w@%+=:,./~-]", lambda found: rf"\\{found[0]}", value)
        return super().format_completion(CompletionItem(value, item.type))


add_completion_class(Bash)


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that turns on completion in a shell.

    It completes commands, options, files, run folders, and the keys and kinds of --set. For bash, put
    eval "$(modnet completion bash)" into ~/.bashrc; zsh is alike, with ~/.zshrc; for fish, write the script to
    ~/.config/fish/completions/modnet.fish.
    """
    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101 -- the choice has no other shells
    click.echo(complete(ctx.find_root().command, {}, "modnet", VARIABLE).source())
