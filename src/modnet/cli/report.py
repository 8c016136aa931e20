"""``modnet report``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from modnet.analysis.report.report import run_report
from modnet.cli.output import progress_bar, write_out
from modnet.cli.plot import image_of, judged

__all__ = ["command"]

_NAME = "report.html"


@click.command("report")
@judged
@click.option("--no-remedy", is_flag=True, help="Where the network does not learn, do not try what would help.")
@click.option("--out", metavar="FILE", help=f"Where the report goes; without it RUN/{_NAME}.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object; write the page only where --out says so.")
def command(
    run: str, part: str | None, mistakes: int, image: str, no_remedy: bool, out: str | None, as_json: bool
) -> None:
    """Write a report of the run in the folder RUN: one HTML file that needs nothing else.

    It has what was reached, the pictures of `modnet plot`, the network, how the error δ gets through it, the
    configuration, who gave the parts, and the command that repeats the run.
    """
    with progress_bar() as show:
        found = run_report(
            run, part=part, mistakes=mistakes, image=image_of(image), suggest=not no_remedy,
            progress=show,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        if out is None:
            return
    from modnet.analysis.report.html_report import report_html

    path = str(Path(run) / _NAME) if out is None else out
    write_out(report_html(found), path)
    if not as_json:
        click.echo(f"{found.results.sentence} The report is in {path}.")
