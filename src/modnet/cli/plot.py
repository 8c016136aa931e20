"""``modnet plot``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from modnet.analysis.results.predictions import PARTS
from modnet.analysis.results.results import Image, Results, results
from modnet.core.errors import ConfigError

__all__ = ["command", "image_of", "judged"]

Command = TypeVar("Command", bound=Callable[..., Any])

_FOLDER = "pictures"


def judged(command: Command) -> Command:
    """Give a command the argument RUN and the options that say what of its results is shown."""
    for decorate in (
        click.option(
            "--image",
            default="auto",
            show_default=True,
            metavar="ROWSxCOLUMNS",
            help="Draw samples as images of this size, as the dataset says (auto), or not at all (none).",
        ),
        click.option(
            "--mistakes", type=click.IntRange(0, 100), default=12, show_default=True, help="How many mistakes to show."
        ),
        click.option(
            "--part",
            type=click.Choice(PARTS),
            help="Which samples; without it those of the test, or where there are none of the validation, or all.",
        ),
        click.argument("run", metavar="RUN"),
    ):
        command = decorate(command)
    return command


@click.command("plot")
@judged
@click.option("--out", metavar="DIR", help=f"Where the pictures go, each an .svg file; without it RUN/{_FOLDER}.")
@click.option("--plot", metavar="FILE", help="Draw all in one picture instead: .svg, .png or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object; draw only where --out or --plot says so.")
def command(
    run: str, part: str | None, mistakes: int, image: str, out: str | None, plot: str | None, as_json: bool
) -> None:
    """Draw what the run in the folder RUN reached.

    Its learning curves, with the best epoch; its confusion matrix, or predicted against true numbers; and its worst
    mistakes: of the wrongly classified samples those whose cost is largest, as images where the samples are images.
    """
    if plot is not None:
        from modnet.analysis.plots.figure import file_format

        file_format(plot)  # before the work, not after it
    found = results(run, part=part, mistakes=mistakes, image=image_of(image))
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        _print(found)
    if plot is not None:
        from modnet.analysis.plots.figure import save
        from modnet.analysis.plots.results import results_figure

        save(results_figure(found), plot)
    if out is not None or not (as_json or plot):
        for path in _draw_each(found, Path(run) / _FOLDER if out is None else Path(out)):
            if not as_json:
                click.echo(f"drawn: {path}")


def image_of(text: str) -> Image:
    """Return what the option ``--image`` says.

    Raises:
        ConfigError: it is none of what is allowed.
    """
    if text in ("auto", "none"):
        return "auto" if text == "auto" else "none"
    rows, _, columns = text.lower().partition("x")
    if rows.isdecimal() and columns.isdecimal() and int(rows) > 0 and int(columns) > 0:
        return int(rows), int(columns)
    raise ConfigError(f"--image {text}: allowed: auto, none, or rows and columns as 28x28")


def _print(found: Results) -> None:
    click.echo(found.sentence)
    if found.warning is not None:
        click.echo(found.warning)
    for curve in found.curves:
        click.echo(curve.best_sentence)
    if found.confusion is not None:
        click.echo(found.confusion.sentence)
    if found.prediction_error is not None:
        click.echo(f"r² of the outputs: {', '.join(f'{r2:.4g}' for r2 in found.prediction_error.r2)}")
    click.echo(f"{found.mistakes_title}{':' if found.mistakes else '.'}")
    for mistake in found.mistakes:
        click.echo(f"  {mistake.sentence}")


def _draw_each(found: Results, folder: Path) -> list[Path]:
    """Draw every picture to a file of its own, and return the files."""
    from modnet.analysis.plots.figure import render, save
    from modnet.analysis.plots.results import result_pictures

    contents = [(folder / f"{one.name}.svg", render([one])) for one in result_pictures(found)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: no pictures can be put here: {error.strerror}") from None
    for path, figure in contents:
        save(figure, path)
    return [path for path, _ in contents]
