"""Pictures of `modnet.analysis.landscape.landscape`: contours, the surface itself, the costs on the way, and paths that grow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.landscape.landscape import Surface, SurfaceView
from modnet.analysis.landscape.projection import Numbers
from modnet.analysis.plots.style import COLOURS, INK, MARKERS, SEQUENCE, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["animation", "picture"]

_STEPS = (
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2),
)
"""Where contour lines are in each power of ten: the first that gives enough of them."""
_ENOUGH = 8
_CLEAR = 1.1
"""How far above the lowest cost the first line is, so that it encloses more than a speck."""
_LABELS = 8
_LINEAR = 2.5
"""Costs that differ by less than this factor are shown on a linear scale."""
_PLAIN = (-2, 4)
"""The powers of ten between which places on a plane are written without one."""
_MARKS = 15
"""About how many markers a curve gets."""
_PLANES = {"principal": "the plane of the principal directions", "random": "the plane of two random directions"}
_END: Any = {"markersize": 8, "markeredgecolor": "white", "linestyle": "none"}
_FRAMES = 60
_MILLISECONDS = 90
_LAST = 3000
"""How long the animation stands still at its end, in milliseconds."""
_DPI = 80


@dataclass(frozen=True)
class _Height:
    """How costs are shown as heights: on a logarithmic scale, where they are positive and far apart.

    Attributes:
        logarithmic: Whether they are.
        levels: The costs of the contour lines.
    """

    logarithmic: bool
    levels: Numbers

    @classmethod
    def of(cls, view: SurfaceView) -> _Height:
        from matplotlib.ticker import MaxNLocator

        costs = np.concatenate([view.costs.ravel(), *view.drawn])
        costs = costs[np.isfinite(costs)]
        low, high = (float(costs.min()), float(costs.max())) if costs.size else (0.0, 1.0)
        if low <= 0 or high <= _LINEAR * low:
            return cls(False, np.asarray(MaxNLocator(12).tick_values(low, high)))
        decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        for steps in _STEPS:
            levels = np.outer(decades, steps).ravel()
            within = (levels > _CLEAR * low) & (levels < high)
            if within.sum() >= _ENOUGH:
                break
        return cls(True, levels[within])

    @property
    def labelled(self) -> Numbers:
        """The costs that are written beside the heights."""
        return self.levels[:: -(-len(self.levels) // _LABELS)]

    def __call__(self, costs: Any) -> Any:
        """Return the heights of costs; what is not finite has none."""
        with np.errstate(all="ignore"):
            heights = np.log10(costs) if self.logarithmic else np.asarray(costs)
        return np.where(np.isfinite(heights), heights, np.nan)

    def norm(self) -> Any:
        """Return what matplotlib colours costs by."""
        from matplotlib.colors import LogNorm, Normalize

        return (LogNorm if self.logarithmic else Normalize)(self.levels[0], self.levels[-1])


def picture(surface: Surface) -> Figure:
    """Return a figure of every view, flat and in space, and of the costs against updates and samples seen.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    count = len(surface.views)
    with drawing(11.0, 4.4 + 4.7 * count) as figure:
        figure.suptitle(_headline(surface), fontsize=12)
        *rows, last = figure.subfigures(count + 1, 1, squeeze=False, height_ratios=[1.25] * count + [1.0])[:, 0]
        for row, view, name in zip(rows, surface.views, _names(surface), strict=True):
            share = f"{_PLANES[surface.directions]} holds {view.plane.share_text} of the variance"
            row.suptitle(f"{name}: {share}", fontsize=10)
            axes = row.subplot_mosaic(
                [["flat", "space"]],
                per_subplot_kw={"space": {"projection": "3d", "computed_zorder": False}},
                width_ratios=[1.0, 1.1],
            )
            height = _Height.of(view)
            filled = _contours(axes["flat"], view, height)
            row.colorbar(filled, ax=axes["flat"], label="cost C", ticks=height.labelled, format="%g", shrink=0.85)
            _relief(axes["space"], view, height)
            for index, (places, drawn) in enumerate(zip(view.plane.places, view.drawn, strict=True)):
                ends = len(places) == len(surface.paths[index].costs)
                _trace(axes["flat"], index, tuple(places.T), ends=ends)
                _trace(axes["space"], index, (*places.T, height(drawn)), ends=ends)
            start = view.plane.places[0][0]
            _start(axes["flat"], start)
            _start(axes["space"], (*start, height(view.drawn[0][0])))
        left, right = last.subplots(1, 2, sharey=True)
        _curves(left, surface, "updates")
        left.set_ylabel(_cost_label(surface))
        _curves(right, surface, "passes")
        lines, names = left.get_legend_handles_labels()
        figure.legend(lines, names, loc="outside lower center", ncols=min(len(names), 6))
    return figure


def animation(surface: Surface) -> bytes:
    """Return a GIF in which the paths grow side by side, each as far as it is after as many passes over the data.

    Time begins slowly: the passes grow with its third power.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    views = surface.views
    with drawing(4.4 * len(views) + 5.4, 4.9) as figure:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure.set_dpi(_DPI)
        figure.suptitle(_headline(surface), fontsize=12)
        *flat, costs = figure.subplots(1, len(views) + 1, width_ratios=[1.0] * len(views) + [1.15])
        growing, above = [], []
        for axes, view, name in zip(flat, views, _names(surface), strict=True):
            _contours(axes, view, _Height.of(view))
            axes.set_title(f"{name}: {view.plane.share_text} of the variance", fontsize=10)
            growing += [_Growing(axes, *each) for each in enumerate(view.plane.places)]
            above.append(_start(axes, view.plane.places[0][0]))
        _curves(costs, surface, "passes")
        costs.set_ylabel(_cost_label(surface))
        lines, names = costs.get_legend_handles_labels()
        figure.legend(lines, names, loc="outside lower center", ncols=min(len(names), 6))
        for index, (line, path) in enumerate(zip(lines, surface.paths, strict=True)):
            line.set_animated(True)
            growing.append(_Growing(costs, index, np.column_stack([path.passes, path.costs])))
        clock = costs.text(0.97, 0.95, "", ha="right", va="top", transform=costs.transAxes)
        for artist in (*above, clock):
            artist.set_animated(True)
        canvas: Any = FigureCanvasAgg(figure)  # its drawing has no types
        canvas.draw()
        still, frames = canvas.copy_from_bbox(figure.bbox), []
        for moment in np.linspace(0.0, 1.0, _FRAMES + 1):
            passes = surface.config.epochs * moment**3
            canvas.restore_region(still)
            for each in growing:
                each.draw(int(np.searchsorted(surface.paths[each.index].passes, passes, side="right")))
            clock.set_text(f"after {passes:.2f} passes")
            for artist in (*above, clock):
                figure.draw_artist(artist)
            frames.append(np.array(canvas.buffer_rgba())[..., :3])
    return _gif(frames)


class _Growing:
    """A path that is drawn as far as it is, over what stands still."""

    def __init__(self, axes: Axes, index: int, places: Numbers) -> None:
        self.index = index
        self._axes = axes
        self._places = places
        colour = _look(index)["color"]
        (self._line,) = axes.plot([], [], color=colour, linewidth=1.4, path_effects=_halo(), animated=True)
        (self._end,) = axes.plot([], [], **_look(index), **_END, animated=True)

    def draw(self, count: int) -> None:
        """Draw so many of its points, and a marker at the last as long as the path is in this view."""
        shown = self._places[:count]
        self._line.set_data(*shown.T)
        self._end.set_data(*(shown[-1:] if count == len(shown) else shown[:0]).T)
        self._axes.draw_artist(self._line)
        self._axes.draw_artist(self._end)


def _gif(frames: Sequence[NDArray[np.uint8]]) -> bytes:
    from matplotlib.colors import to_rgb
    from PIL import Image

    images = [Image.fromarray(frame) for frame in frames]
    # One palette for all frames, so that only what changes is kept; the paths' colours are in it whatever they cover.
    own = [round(255 * part) for colour in (*COLOURS, INK, "white") for part in to_rgb(colour)]
    most = images[-1].quantize(256 - len(own) // 3, dither=Image.Dither.NONE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(own + most[: 768 - len(own)])
    first, *others = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    durations = [_MILLISECONDS] * len(others) + [_LAST]
    content = io.BytesIO()
    first.save(content, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return content.getvalue()


def _headline(surface: Surface) -> str:
    kinds = [path.optimizer for path in surface.paths]
    listed = " and ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]]))
    passes = f"{surface.config.epochs} pass{'es' * (surface.config.epochs > 1)} over the data"
    start, each = ("the same start", " each") if len(kinds) > 1 else ("the start", "")
    return f"{listed[0].upper()}{listed[1:]} from {start} (★), {passes}{each}"


def _names(surface: Surface) -> Sequence[str]:
    """Return what the views show."""
    names = (
        ("All paths", "Near the start") if surface.directions == "principal" else ("As far as θ is long", "All paths")
    )
    return names[: len(surface.views)]


def _cost_label(surface: Surface) -> str:
    if surface.samples == surface.of:
        return f"cost C of the {surface.of:,} training samples"
    return f"cost C of {surface.samples:,} of {surface.of:,} training samples"


def _look(index: int) -> dict[str, Any]:
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}


def _halo() -> list[Any]:
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=3.2, foreground="white"), Normal()]


def _contours(axes: Axes, view: SurfaceView, height: _Height) -> Any:
    """Draw the cost on a plane, and return what a colour bar explains."""
    grid = view.along, view.across, np.ma.masked_invalid(view.costs)
    filled = axes.contourf(*grid, height.levels, cmap=SEQUENCE, norm=height.norm(), extend="both", alpha=0.6)
    axes.contour(*grid, height.levels, colors=INK, linewidths=0.4, alpha=0.6)
    axes.set(xlim=view.along[[0, -1]], ylim=view.across[[0, -1]], aspect="equal")
    axes.set(xlabel="u, along the first direction", ylabel="v, along the second direction")
    axes.locator_params(nbins=6)
    axes.ticklabel_format(scilimits=_PLAIN)
    axes.grid(visible=False)
    return filled


def _relief(axes: Any, view: SurfaceView, height: _Height) -> None:
    along, across = np.meshgrid(view.along, view.across)
    count = len(view.along)
    options = {"cmap": SEQUENCE, "alpha": 0.7, "linewidth": 0.1, "edgecolor": INK, "zorder": 1}
    axes.plot_surface(along, across, height(view.costs), rcount=count, ccount=count, **options)
    labels = [f"{cost:g}" for cost in height.labelled]
    axes.set_zticks(height(height.labelled), labels)
    longest = max(map(len, labels))
    axes.tick_params(axis="z", pad=1.5 * longest - 2.0)
    axes.set_zlabel("cost C", labelpad=3.0 * longest - 8.0)
    axes.set(xlabel="u", ylabel="v")
    axes.locator_params(axis="x", nbins=5)
    axes.locator_params(axis="y", nbins=5)
    axes.ticklabel_format(axis="x", scilimits=_PLAIN)
    axes.ticklabel_format(axis="y", scilimits=_PLAIN)
    axes.set_box_aspect(None, zoom=0.9)  # the label of the height lies outside otherwise


def _trace(axes: Any, index: int, places: Sequence[Numbers], *, ends: bool) -> None:
    axes.plot(*places, color=_look(index)["color"], linewidth=1.4, path_effects=_halo(), zorder=5)
    if ends:
        axes.plot(*(each[-1:] for each in places), **_look(index), **_END, zorder=6)


def _start(axes: Any, place: Sequence[float]) -> Any:
    """Draw the start, and return what was drawn."""
    (star,) = axes.plot(
        *([each] for each in place), color="black", **_END | {"marker": "*", "markersize": 12}, zorder=7
    )
    return star


def _curves(axes: Axes, surface: Surface, against: Literal["updates", "passes"]) -> None:
    for index, path in enumerate(surface.paths):
        every = max(1, len(path.costs) // _MARKS)
        options: Any = {"markersize": 4, "markevery": every, "linewidth": 1.2, "label": path.optimizer}
        axes.plot(getattr(path, against), path.costs, **_look(index), **options)
    axes.set_yscale("log" if all((path.costs > 0).all() for path in surface.paths) else "linear")
    if against == "updates":
        axes.set_xscale("symlog", linthresh=1)  # the start, 0 updates, has a place on it too
    axes.set_xlim(left=0)
    axes.set_xlabel({"updates": "updates", "passes": "samples seen, in passes over the data"}[against])
