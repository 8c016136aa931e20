"""``modnet surface``."""

from __future__ import annotations

from typing import Any

import click

from modnet.analysis.landscape.landscape import DIRECTIONS, RESOLUTION, SAMPLES, Surface, surface
from modnet.analysis.plots.animation import animation
from modnet.analysis.plots.figure import save, write
from modnet.analysis.plots.landscape import surface_figure
from modnet.cli.common.options import file_option, json_option, number_option, optimizers_option
from modnet.cli.common.output import print_json, print_line, print_table, progress_bar
from modnet.cli.common.source import Source, source_options
from modnet.core.messages import counted
from modnet.training.result import metric_text


@click.command("surface")
@source_options
@optimizers_option()
@click.option(
    "--directions",
    type=click.Choice(DIRECTIONS),
    default=DIRECTIONS[0],
    show_default=True,
    help="Directions that span the plane: principal directions of the trajectories, or random ones.",
)
@number_option("--samples", SAMPLES, "Number of training samples to compute the cost from, sampled at random.")
@number_option("--resolution", RESOLUTION, "Number of grid points in each direction.", at_least=2, at_most=1000)
@file_option("--plot", "Plot contours, surface and costs to this .svg, .png or .pdf file.")
@file_option("--animate", "Animate the trajectories in this .gif file.", formats=("gif",))
@json_option
def command(
    source: Source, optimizers: list[str], plot: str | None, animate: str | None, as_json: bool, **options: Any
) -> None:
    """Plot optimizer trajectories on the cost surface.

    All optimizers start from the same parameters and train for the same number of epochs, with learning rate, rule
    and schedule of CONFIG and without its callbacks. The cost is that of the training samples, penalties included.
    The numbers are printed; --plot and --animate draw them.
    """
    config = source.config()
    with source.error_prefix(), progress_bar() as progress:
        landscape = surface(config, optimizers, progress=progress, **options)
    if as_json:
        print_json(landscape)
    else:
        _print(landscape)
    if plot is not None:
        save(surface_figure(landscape), plot)
    if animate is not None:
        write(animate, animation(landscape))


def _print(landscape: Surface) -> None:
    epochs, of = landscape.config.epochs, landscape.total_samples
    samples = f"{of:,}" if landscape.samples == of else f"{landscape.samples:,} of {of:,}"
    rows = [
        [
            path.optimizer,
            f"{path.updates[-1]:,}",
            *(metric_text("cost", float(cost)) for cost in (path.costs[0], path.costs[-1], path.costs.min())),
            f"{path.rises} of {len(path.costs) - 1}",
            "returned to start" if path.detour is None else f"{path.detour:,.1f} x",
        ]
        for path in landscape.paths
    ]
    print_table(
        f"{counted(epochs, 'epoch')} each; cost of {samples} training samples",
        ("optimizer", "updates", "first cost", "last cost", "lowest cost", "cost rose", "path length"),
        rows,
        text=["optimizer"],
    )
    print_line("path length: relative to the straight line from start to end.")
    first, *closer = (view.plane.share_text for view in landscape.views)
    more = f", the plane near the start {closer[0]}" if closer and landscape.directions == "principal" else ""
    print_line(
        f"The plane of the {landscape.directions} directions captures {first} of the trajectories' variance{more}."
    )
