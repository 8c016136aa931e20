"""``modnet config``: what a configuration file says, checked and written out."""

from __future__ import annotations

import click

from modnet.cli.output import write_out
from modnet.config.load import load_config

__all__ = ["command"]


@click.group("config")
def command() -> None:
    """Check a configuration file, or write it out with every default."""


@command.command("check")
@click.argument("file", metavar="FILE")
def check(file: str) -> None:
    """Say whether FILE is a configuration that holds: one line, and status 2 if it does not.

    The data is not read, so what only the data can tell is not seen.
    """
    load_config(file)
    click.echo(f"{file}: ok")


@command.command("fill")
@click.argument("file", metavar="FILE")
@click.option("--out", metavar="FILE", help="Write here instead of to standard output; FILE itself will do.")
def fill(file: str, out: str | None) -> None:
    """Print FILE with every default written out, and every short form at length. Comments are not kept.

    What is filled stays as it is when it is filled again.
    """
    write_out(load_config(file).to_toml(), out)
