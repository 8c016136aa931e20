"""``modnet surface``."""

from __future__ import annotations

import json

import click

from modnet.analysis.landscape.landscape import (
    DIRECTIONS,
    RESOLUTION,
    SAMPLES,
    Directions,
    Surface,
    SurfacePath,
    surface,
)
from modnet.analysis.plots.animation import animation
from modnet.analysis.plots.figure import file_format, save, write
from modnet.analysis.plots.landscape import surface_figure
from modnet.cli.options import configured, error_prefix, kinds_in, metric_text, optimizers_option, read_config
from modnet.cli.output import progress_bar

__all__ = ["command"]


@click.command("surface")
@configured
@optimizers_option
@click.option(
    "--directions",
    type=click.Choice(DIRECTIONS),
    default=DIRECTIONS[0],
    show_default=True,
    help="What spans the plane: the principal directions of the paths, or two drawn by the seed.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=SAMPLES,
    show_default=True,
    help="Of how many training samples the cost is; where there are more, these are drawn by the seed.",
)
@click.option(
    "--resolution",
    type=click.IntRange(min=2),
    default=RESOLUTION,
    show_default=True,
    help="How many places the grid of the surface has on each direction.",
)
@click.option("--plot", metavar="FILE", help="Draw contours, surface and costs: an .svg, .png or .pdf file.")
@click.option("--animate", metavar="FILE", help="Draw the paths as they grow: a .gif file.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object with paths, planes and grids.")
def command(
    config: str | None,
    settings: tuple[str, ...],
    epochs: str | None,
    seed: str | None,
    dtype: str | None,
    optimizers: str,
    directions: Directions,
    samples: int,
    resolution: int,
    plot: str | None,
    animate: str | None,
    as_json: bool,
) -> None:
    """Show the ways that optimizers take down the surface of the cost, from the same start.

    All make as many passes over the data, with learning rate, rule and schedule of CONFIG and without its callbacks.
    The cost is that of the training samples, penalties included. A path is noisy where it is many times as long as
    the straight way from its start to its end.
    """
    base = read_config(config, settings, epochs, seed, dtype)
    kinds = kinds_in(optimizers)
    if plot is not None:
        file_format(plot)
    if animate is not None:
        file_format(animate, ("gif",))
    with error_prefix(config), progress_bar() as progress:
        found = surface(base, kinds, directions=directions, samples=samples, resolution=resolution, progress=progress)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        _print(found)
    if plot is not None:
        save(surface_figure(found), plot)
    if animate is not None:
        write(animate, animation(found))


def _print(found: Surface) -> None:
    from rich.console import Console
    from rich.table import Table

    epochs, of = found.config.epochs, found.total_samples
    some = f"the {of:,}" if found.samples == of else f"{found.samples:,} of the {of:,}"
    table = Table(title=f"{epochs} pass{'es' * (epochs > 1)} over the data each; cost of {some} training samples")
    for name in ("optimizer", "updates", "first cost", "last cost", "lowest cost", "cost rose"):
        table.add_column(name, justify="left" if name == "optimizer" else "right", no_wrap=True)
    for path in found.paths:
        costs = (metric_text("cost", float(cost)) for cost in (path.costs[0], path.costs[-1], path.costs.min()))
        table.add_row(path.optimizer, f"{path.updates[-1]:,}", *costs, f"{path.rises} of {len(path.costs) - 1}")
    Console().print(table)
    click.echo(f"Times as long as the straight way from start to end: {', '.join(map(_detour, found.paths))}.")
    first, *closer = (view.plane.share_text for view in found.views)
    more = f", the one near the start {closer[0]}" if closer and found.directions == "principal" else ""
    click.echo(f"The plane of the {found.directions} directions holds {first} of the paths' variance{more}.")


def _detour(path: SurfacePath) -> str:
    times = "back at its start" if path.detour is None else f"{path.detour:,.1f}"
    return f"{path.optimizer} {times}"
