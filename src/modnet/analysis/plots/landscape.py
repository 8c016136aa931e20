"""The cost surface as a picture: its contours, the surface itself, and the costs along the paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from modnet.analysis.landscape.landscape import Surface, SurfaceView
from modnet.analysis.landscape.projection import Numbers
from modnet.analysis.plots.figure import COLOURS, INK, MARKERS, SEQUENCE, Axes, Figure, new_figure
from modnet.core.numbers import format_number

__all__ = ["END", "contours", "cost_panel", "halo", "headline", "line_style", "named_views", "star", "surface_figure"]

_STEPS = ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2))
"""Where contour lines are in each power of ten: the first that gives enough of them."""
_ENOUGH = 8
_CLEAR = 1.1
"""How far above the lowest cost the first line is, so that it encloses more than a speck."""
_LABELS = 8
_LINEAR = 2.5
"""Costs that differ by less than this factor are shown on a linear scale."""
_MARKS = 15
"""About how many markers a curve has."""
_PLANES = {"principal": "the plane of the principal directions", "random": "the plane of two random directions"}
_VIEWS = {"principal": ("All paths", "Near the start"), "random": ("As far as θ is long", "All paths")}
END: Any = {"markersize": 8, "markeredgecolor": "white", "linestyle": "none"}
"""The style of a marker at the end of a path."""


class _Heights:
    """Costs as heights, on a logarithmic scale where they are positive and far apart.

    ``levels`` are the costs of the contour lines, and ``labelled`` those of them that are written beside.
    """

    def __init__(self, view: SurfaceView) -> None:
        from matplotlib.ticker import MaxNLocator

        costs = np.concatenate([view.costs.ravel(), *view.projected_costs])
        costs = costs[np.isfinite(costs)]
        low, high = (float(costs.min()), float(costs.max())) if costs.size else (0.0, 1.0)
        self.logarithmic = low > 0 and high > _LINEAR * low
        self.levels: Numbers = np.asarray(MaxNLocator(12).tick_values(low, high))
        if self.logarithmic:
            decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
            levels = [np.outer(decades, steps).ravel() for steps in _STEPS]
            inside = [values[(values > _CLEAR * low) & (values < high)] for values in levels]
            self.levels = next((values for values in inside if len(values) >= _ENOUGH), inside[-1])
        self.labelled: Numbers = self.levels[:: -(-len(self.levels) // _LABELS)]

    def __call__(self, costs: Any) -> Any:
        """Return the heights of costs; NaN for what is not finite."""
        with np.errstate(all="ignore"):
            heights = np.log10(costs) if self.logarithmic else np.asarray(costs)
        return np.where(np.isfinite(heights), heights, np.nan)


def surface_figure(surface: Surface) -> Figure:
    """Return a figure of every view, flat and in space, the closest first, and of the costs along the paths."""
    count = len(surface.views)
    with new_figure(11.0, 4.4 + 4.7 * count) as figure:
        figure.suptitle(headline(surface), fontsize=12)
        *rows, last = figure.subfigures(count + 1, 1, squeeze=False, height_ratios=[1.25] * count + [1.0])[:, 0]
        for row, (view, name) in zip(rows, named_views(surface), strict=True):
            share = f"{_PLANES[surface.directions]} holds {view.plane.share_text} of the variance"
            row.suptitle("\n".join(filter(None, [f"{name}: {share}", _shown(surface, view)])), fontsize=10)
            _draw_view(row, surface, view)
        left, right = last.subplots(1, 2, sharey=True)
        cost_panel(left, surface, "updates")
        cost_panel(right, surface, "passes").set_ylabel("")
        lines, names = left.get_legend_handles_labels()
        figure.legend(lines, names, loc="outside lower center", ncols=min(len(names), 6))
    return figure


def _draw_view(row: Any, surface: Surface, view: SurfaceView) -> None:
    options: Any = {"space": {"projection": "3d", "computed_zorder": False}}
    axes = row.subplot_mosaic([["flat", "space"]], per_subplot_kw=options, width_ratios=[1.0, 1.1])
    flat, space, heights = axes["flat"], axes["space"], _Heights(view)
    filled = contours(flat, view)
    bar = {"label": "cost C", "ticks": heights.labelled, "format": lambda cost, _: format_number(cost, 6)}
    row.colorbar(filled, ax=flat, shrink=0.85, **bar)
    _relief(space, view, heights)
    paths = zip(surface.paths, view.plane.coordinates, view.projected_costs, strict=True)
    for index, (path, points, costs) in enumerate(paths):
        for panel, places in ((flat, points.T), (space, (*points.T, heights(costs)))):
            panel.plot(*places, color=line_style(index)["color"], linewidth=1.4, path_effects=halo(), zorder=5)
            if len(points) == len(path.costs):
                panel.plot(*(place[-1:] for place in places), **line_style(index), **END, zorder=6)
    start = view.plane.coordinates[0][0]
    star(flat, start)
    star(space, (*start, heights(view.projected_costs[0][0])))


def headline(surface: Surface) -> str:
    """Return which optimizers there are, from where, and how long they train."""
    kinds = [path.optimizer for path in surface.paths]
    listed = " and ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]]))
    passes = f"{surface.config.epochs} pass{'es' * (surface.config.epochs > 1)} over the data"
    start, each = ("the same start", " each") if len(kinds) > 1 else ("the start", "")
    return f"{listed[0].upper()}{listed[1:]} from {start} (★), {passes}{each}"


def named_views(surface: Surface) -> list[tuple[SurfaceView, str]]:
    """Return each view and what it shows, the closest first: there a path keeps most of its form."""
    return list(zip(surface.views, _VIEWS[surface.directions], strict=False))[::-1]


def _shown(surface: Surface, view: SurfaceView) -> str:
    """Return how much of each path is in a view, or nothing where all of them are whole."""
    pairs = list(zip(surface.paths, map(len, view.plane.coordinates), strict=True))
    if all(count == len(path.costs) for path, count in pairs):
        return ""
    shares = ", ".join(f"{path.optimizer} {path.updates[count - 1]:,} of {path.updates[-1]:,}" for path, count in pairs)
    return f"updates shown: {shares}"


def line_style(index: int) -> dict[str, Any]:
    """Return the colour and the marker of a path."""
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}


def halo() -> list[Any]:
    """Return the path effects of a line that is seen on every colour."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=3.2, foreground="white"), Normal()]


def contours(axes: Axes, view: SurfaceView) -> Any:
    """Draw the cost on a plane, and return what a colour bar explains."""
    from matplotlib.colors import LogNorm, Normalize

    heights = _Heights(view)
    norm = (LogNorm if heights.logarithmic else Normalize)(heights.levels[0], heights.levels[-1])
    grid = view.along, view.across, np.ma.masked_invalid(view.costs)
    filled = axes.contourf(*grid, heights.levels, cmap=SEQUENCE, norm=norm, extend="both", alpha=0.6)
    axes.contour(*grid, heights.levels, colors=INK, linewidths=0.4, alpha=0.6)
    axes.set(xlim=view.along[[0, -1]], ylim=view.across[[0, -1]], aspect="equal")
    axes.set(xlabel="u, along the first direction", ylabel="v, along the second direction")
    axes.locator_params(nbins=6)
    axes.grid(visible=False)
    return filled


def _relief(axes: Any, view: SurfaceView, heights: _Heights) -> None:
    along, across = np.meshgrid(view.along, view.across)
    count = len(view.along)
    options = {"cmap": SEQUENCE, "alpha": 0.7, "linewidth": 0.1, "edgecolor": INK, "zorder": 1}
    axes.plot_surface(along, across, heights(view.costs), rcount=count, ccount=count, **options)
    labels = [format_number(cost, 6) for cost in heights.labelled]
    axes.set_zticks(heights(heights.labelled), labels)
    longest = max(map(len, labels))
    axes.tick_params(axis="z", pad=1.5 * longest - 2.0)
    axes.set_zlabel("cost C", labelpad=3.0 * longest - 8.0)
    axes.set(xlabel="u", ylabel="v")
    for axis in ("x", "y"):
        axes.locator_params(axis=axis, nbins=5)
    axes.set_box_aspect(None, zoom=0.9)  # the label of the height lies outside otherwise


def star(axes: Any, place: Sequence[float]) -> Any:
    """Draw the start, and return what was drawn."""
    style = END | {"marker": "*", "markersize": 12}
    (drawn,) = axes.plot(*([coordinate] for coordinate in place), color=INK, **style, zorder=7)
    return drawn


def cost_panel(axes: Axes, surface: Surface, against: Literal["updates", "passes"]) -> Axes:
    """Draw the costs along the paths, and return the axes."""
    for index, path in enumerate(surface.paths):
        every = max(1, len(path.costs) // _MARKS)
        options: Any = {"markersize": 4, "markevery": every, "linewidth": 1.2, "label": path.optimizer}
        axes.plot(getattr(path, against), path.costs, **line_style(index), **options)
    axes.set_yscale("log" if all((path.costs > 0).all() for path in surface.paths) else "linear")
    if against == "updates":
        axes.set_xscale("symlog", linthresh=1)  # the start, 0 updates, has a place on it too
    axes.set_xlim(left=0)
    axes.set_xlabel({"updates": "updates", "passes": "samples seen, in passes over the data"}[against])
    samples = f"{surface.samples:,} of " if surface.samples < surface.total_samples else "the "
    axes.set_ylabel(f"cost C of {samples}{surface.total_samples:,} training samples")
    return axes
