"""``modnet config``: check, fill, and the JSON Schema of configurations."""

from __future__ import annotations

import json

import click

from modnet.cli.common.completing import complete_files
from modnet.cli.common.options import out_option
from modnet.cli.common.output import print_line, write_out
from modnet.cli.common.unknown import Commands
from modnet.config.load import load_config, read_config
from modnet.config.run_config import RunConfig
from modnet.data.files import STDIN, standard_input


@click.group("config", cls=Commands)
def command() -> None:
    """Check a configuration, fill in its defaults, or print its JSON Schema."""


@command.command("check")
@click.argument("file", metavar="FILE", shell_complete=complete_files)
def check(file: str) -> None:
    """Check a configuration file, or standard input for -.

    Its first error is printed in one line, and the exit status is 2. The data is not read, so errors that only show
    together with the data are not found.
    """
    _load(file)
    print_line(f"{STDIN if file == '-' else file}: ok")


@command.command("fill")
@click.argument("file", metavar="FILE", shell_complete=complete_files)
@out_option
def fill(file: str, out: str | None) -> None:
    """Print a configuration file, or standard input for -, with all defaults filled in.

    Short forms are written out too, and comments are not kept. Filling a filled file changes nothing. --out may name
    FILE itself.
    """
    write_out(_load(file).to_toml(), out)


@command.command("schema")
@out_option
def schema(out: str | None) -> None:
    """Print the JSON Schema of configuration files.

    It includes the components of installed plug-ins with their options. An editor that reads it completes keys and
    kinds, shows their descriptions, and marks errors.
    """
    from modnet.config.json_schema import schema_of

    write_out(json.dumps(schema_of(RunConfig), indent=2), out)


def _load(file: str) -> RunConfig:
    return read_config(standard_input(), STDIN) if file == "-" else load_config(file)
