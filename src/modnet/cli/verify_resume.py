"""``modnet verify-resume``."""

from __future__ import annotations

import click

from modnet.cli.common.options import json_option, number_option
from modnet.cli.common.output import print_json, print_text
from modnet.cli.common.source import Source, source_options
from modnet.testing import check_resume


@click.command("verify-resume")
@source_options
@number_option("--times", 3, "Number of interruptions.")
@json_option
@click.pass_context
def command(ctx: click.Context, source: Source, times: int, as_json: bool) -> None:
    """Check that a resumed run reproduces an uninterrupted one.

    CONFIG is trained twice: once without interruption, and once interrupted after updates that are sampled at random
    with the seed, and resumed in new processes. Parameters, states and history are compared bit by bit. The exit
    status is 1 if there is a difference.
    """
    config = source.config()
    with source.error_prefix():
        report = check_resume(config, times=times)
    if as_json:
        print_json({"same": report.ok, **vars(report)})
    else:
        print_text(str(report))
    if not report.ok:
        ctx.exit(1)
