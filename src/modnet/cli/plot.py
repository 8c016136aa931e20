"""``modnet plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modnet.analysis.open_run import OpenRun
from modnet.analysis.results.results import Results, results
from modnet.cli.common.completing import complete_folders
from modnet.cli.common.options import data_options, file_option, result_options
from modnet.cli.common.other_data import OtherData
from modnet.cli.common.output import check_out, print_json, print_line
from modnet.core.numbers import format_number
from modnet.storage.atomic import write_errors
from modnet.storage.inside import inside

_FOLDER = "pictures"


@click.command("plot")
@result_options
@data_options
@click.option(
    "--out",
    metavar="DIR",
    shell_complete=complete_folders,
    help=f"Write an SVG file of each plot to this folder.  [default: RUN/{_FOLDER}]",
)
@file_option("--plot", "Write all plots as one figure to this .svg, .png or .pdf file instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; plot only where --out or --plot is given.")
def command(run: str, other: OtherData, out: str | None, plot: str | None, as_json: bool, **options: Any) -> None:
    """Plot a run's learning curves, confusion matrix and worst mistakes.

    RUN is a run folder. The best epoch is marked in the learning curves. Where the targets are numbers, predicted
    against true values take the place of the confusion matrix. The worst mistakes are the misclassified samples with
    the highest cost.
    """
    if out is not None:
        check_out("--out", out, folder=True)
    if out is not None or not (as_json or plot):
        from modnet.analysis.plots.figure import check_matplotlib

        check_matplotlib()
    if out is None and not (as_json or plot):
        for name in ("", *(path.name for path in Path(run, _FOLDER).glob("*"))):
            inside(Path(run), Path(_FOLDER, name))
    run_results = results(other.use_for(OpenRun(run)), **options)
    if as_json:
        print_json(run_results)
    else:
        _print(run_results)
    if plot is not None:
        from modnet.analysis.plots.figure import save
        from modnet.analysis.plots.results import results_figure

        save(results_figure(run_results), plot)
    if out is not None or not (as_json or plot):
        for path in _plot_each(run_results, Path(run) / _FOLDER if out is None else Path(out)):
            if not as_json:
                print_line(f"drawn: {path}")


def _print(run_results: Results) -> None:
    print_line(run_results.sentence)
    if run_results.problem is not None:
        print_line(f"Problem: {run_results.problem.text}.")
    if run_results.warning is not None:
        print_line(run_results.warning)
    for curve in run_results.curves:
        print_line(curve.best_sentence)
    if run_results.confusion is not None:
        print_line(run_results.confusion.sentence)
    if run_results.prediction_error is not None:
        print_line(f"r² of the outputs: {', '.join(format_number(r2, 4) for r2 in run_results.prediction_error.r2)}")
    print_line(f"{run_results.mistakes_title}{':' if run_results.mistakes else '.'}")
    for mistake in run_results.mistakes:
        print_line(f"  {mistake.sentence}")


def _plot_each(run_results: Results, folder: Path) -> list[Path]:
    """Write every plot to a file of its own, and return the files."""
    from modnet.analysis.plots.figure import render, save
    from modnet.analysis.plots.results import result_pictures

    figures = [(folder / f"{plot.name}.svg", render([plot])) for plot in result_pictures(run_results)]
    with write_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    for path, figure in figures:
        save(figure, path)
    return [path for path, _ in figures]
