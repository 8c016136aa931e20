"""``modnet report``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modnet.analysis.open_run import OpenRun
from modnet.analysis.report.report import report
from modnet.cli.common.options import data_options, out_file_option, result_options
from modnet.cli.common.other_data import OtherData
from modnet.cli.common.output import print_json, print_line, progress_bar, write_out
from modnet.storage.inside import inside

_NAME = "report.html"


@click.command("report")
@result_options
@data_options
@click.option("--no-suggestion", is_flag=True, help="Do not search for a fix where the network does not learn.")
@out_file_option(f"Write the report to this file.  [default: RUN/{_NAME}]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; write the report only where --out is given.")
def command(run: str, other: OtherData, no_suggestion: bool, out: str | None, as_json: bool, **options: Any) -> None:
    """Write an HTML report of a run.

    RUN is a run folder. The report is one self-contained file: the results with the plots of `modnet plot`, the
    network, its gradient flow, the configuration, the versions of all components, and the command that repeats the
    run.
    """
    if out is not None or not as_json:
        from modnet.analysis.plots.figure import check_matplotlib  # not for --json

        check_matplotlib()
    if out is None and not as_json:
        inside(Path(run), _NAME)
    with progress_bar() as progress:
        opened = other.use_for(OpenRun(run))
        run_report = report(opened, suggest=not no_suggestion, progress=progress, **options)
    if as_json:
        print_json(run_report)
        if out is None:
            return
    from modnet.analysis.report.html_report import report_html  # not for --json

    path = str(Path(run) / _NAME) if out is None else out
    write_out(report_html(run_report), path)
    if not as_json:
        print_line(f"{run_report.results.sentence} The report is in {path}.")
