"""``modnet schema``."""

from __future__ import annotations

import json

import click

from modnet.cli.output import write_out
from modnet.config.json_schema import schema_of
from modnet.config.run_config import RunConfig

__all__ = ["command"]


@click.command("schema")
@click.option("--out", metavar="FILE", help="Write here instead of to standard output.")
def command(out: str | None) -> None:
    """Print the JSON Schema of the configuration, with the parts and options of every installed plug-in.

    An editor that knows it completes keys and kinds, shows what they mean, and marks what is not allowed.
    """
    write_out(json.dumps(schema_of(RunConfig), indent=2), out)
