"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce, wraps
from typing import Any, TypeAlias

import click

from modnet.analysis.results.predictions import PARTS
from modnet.analysis.results.results import Image
from modnet.cli.common.completing import complete_files, complete_runs
from modnet.cli.common.other_data import OtherData
from modnet.cli.common.output import check_out
from modnet.core.errors import ConfigError

__all__ = [
    "TYPES",
    "Decorator",
    "add_options",
    "data_options",
    "file_option",
    "json_option",
    "number_option",
    "optimizers_option",
    "out_file_option",
    "out_option",
    "part_option",
    "result_options",
    "run_argument",
]

Decorator: TypeAlias = Callable[[Any], Any]


def add_options(command: Callable[..., Any], options: Sequence[Decorator]) -> Callable[..., Any]:
    """Return a command with these arguments and options, in this order."""
    return reduce(lambda decorated, option: option(decorated), reversed(options), command)


def number_option(name: str, default: int, meaning: str, *, at_least: int = 1, at_most: int | None = None) -> Decorator:
    """Return an option whose value is an integer."""
    bounds = click.IntRange(at_least, at_most)
    return click.option(name, type=bounds, default=default, show_default=True, metavar="N", help=meaning)


def file_option(name: str, meaning: str, formats: Sequence[str] = ("pdf", "png", "svg")) -> Decorator:
    """Return an option for the file of a plot; an unknown format is refused before any work."""

    def check(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        del ctx, parameter
        if value is not None:
            from modnet.analysis.plots.figure import check_matplotlib, file_format  # JSON is printed without any plot

            file_format(value, formats)
            check_matplotlib()
            check_out(name, value)
        return value

    return click.option(name, metavar="FILE", callback=check, shell_complete=complete_files, help=meaning)


def data_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name other samples; it is called with one `OtherData`, named ``other``."""
    options = [
        click.option(
            "--data",
            metavar="PATH",
            shell_complete=complete_files,
            help="Other samples: a CSV, NPZ or Parquet file, or a folder of IDX or NPY files. All are used, but "
            "those of the training are divided as there.",
        ),
        click.option(
            "--target",
            metavar="COLUMN",
            help="The column with the targets in --data.  [default: that of the run's dataset, else target]",
        ),
    ]

    @wraps(command)
    def call(*arguments: Any, data: str | None, target: str | None, **options: Any) -> None:
        command(*arguments, other=OtherData(data, target), **options)

    return add_options(call, options)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def _check_out(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    del ctx
    if value is not None:
        check_out(parameter.opts[0], value)
    return value


def out_file_option(meaning: str) -> Decorator:
    """Return the option --out for a file; a place where none can be is refused before any work."""
    return click.option("--out", metavar="FILE", callback=_check_out, shell_complete=complete_files, help=meaning)


out_option = out_file_option("Write to this file instead of standard output.")
run_argument = click.argument("run", metavar="RUN", shell_complete=complete_runs)
part_option = click.option(
    "--part",
    type=click.Choice(PARTS),
    help="Which part of the data to use.  [default: test, else validation, else train]",
)


def _kinds(ctx: click.Context, parameter: click.Parameter, value: str | None) -> list[str] | None:
    del ctx, parameter
    if value is None:
        return None
    kinds = [kind.strip() for kind in value.split(",") if kind.strip()]
    if not kinds:
        raise ConfigError(
            f"--optimizers {value}: no optimizer is given; allowed: one or more kinds, separated by commas"
        )
    return kinds


TYPES = "batch,stochastic,mini-batch"
"""The types of gradient descent, as the option --optimizers takes them."""


def optimizers_option(
    default: str | None = TYPES, meaning: str = "Optimizers to train with, separated by commas."
) -> Decorator:
    """Return the option --optimizers; the command is called with a list of kinds, or None without a default."""
    return click.option(
        "--optimizers", metavar="KINDS", default=default, show_default=True, callback=_kinds, help=meaning
    )


def _image(ctx: click.Context, parameter: click.Parameter, value: str) -> Image:
    del ctx, parameter
    if value in ("auto", "none"):
        return "auto" if value == "auto" else "none"
    rows, _, columns = value.lower().partition("x")
    sizes = [int(size) for size in (rows, columns) if size.isdecimal() and len(size) < 10]
    if len(sizes) == 2 and min(sizes) > 0:
        return sizes[0], sizes[1]
    raise ConfigError(f"--image {value}: is not a size; allowed: auto, none, or ROWSxCOLUMNS such as 28x28")


def result_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument RUN and the options that `modnet.results` takes, by the same names."""
    image_option = click.option(
        "--image",
        default="auto",
        show_default=True,
        metavar="SIZE",
        callback=_image,
        help="Show samples as images: auto (if the dataset says so), none, or a size such as 28x28.",
    )
    mistakes_option = number_option(
        "--mistakes", 12, "How many of the worst mistakes to show.", at_least=0, at_most=100
    )
    return add_options(command, [run_argument, part_option, mistakes_option, image_option])
