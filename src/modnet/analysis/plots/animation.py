"""The paths on the cost surface as they grow: an animated GIF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.landscape.landscape import Surface
from modnet.analysis.landscape.projection import Numbers
from modnet.analysis.plots.figure import COLOURS, INK, Axes, new_figure
from modnet.analysis.plots.landscape import END, contours, cost_panel, halo, headline, line_style, named_views, star

__all__ = ["animation"]

_FRAMES = 60
_MILLISECONDS = 90
_LAST = 3000
"""How long the animation stands still at its end, in milliseconds."""
_DPI = 80


def animation(surface: Surface) -> bytes:
    """Return a GIF in which the paths grow side by side, each as far as it is after as many passes over the data.

    Time begins slowly: the passes grow with its third power.
    """
    views = surface.views
    with new_figure(4.4 * len(views) + 5.4, 4.9) as figure:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure.set_dpi(_DPI)
        figure.suptitle(headline(surface), fontsize=12)
        *flat, costs = figure.subplots(1, len(views) + 1, width_ratios=[1.0] * len(views) + [1.15])
        growing: list[_Growing] = []
        above: list[Any] = []
        for axes, (view, name) in zip(flat, named_views(surface), strict=True):
            contours(axes, view)
            axes.set_title(f"{name}: {view.plane.share_text} of the variance", fontsize=10)
            growing += [_Growing(axes, index, points) for index, points in enumerate(view.plane.coordinates)]
            above.append(star(axes, view.plane.coordinates[0][0]))
        cost_panel(costs, surface, "passes")
        lines, names = costs.get_legend_handles_labels()
        figure.legend(lines, names, loc="outside lower center", ncols=min(len(names), 6))
        for index, (drawn, path) in enumerate(zip(lines, surface.paths, strict=True)):
            drawn.set_animated(True)
            growing.append(_Growing(costs, index, np.column_stack([path.passes, path.costs])))
        clock = costs.text(0.97, 0.95, "", ha="right", va="top", transform=costs.transAxes)
        above.append(clock)
        for artist in above:
            artist.set_animated(True)
        canvas: Any = FigureCanvasAgg(figure)  # its drawing has no types
        canvas.draw()
        still, frames = canvas.copy_from_bbox(figure.bbox), []
        for moment in np.linspace(0.0, 1.0, _FRAMES + 1):
            passes = surface.config.epochs * moment**3
            canvas.restore_region(still)
            for line in growing:
                line.draw(int(np.searchsorted(surface.paths[line.index].passes, passes, side="right")))
            clock.set_text(f"after {passes:.2f} passes")
            for artist in above:
                figure.draw_artist(artist)
            frames.append(np.array(canvas.buffer_rgba())[..., :3])
    return _gif(frames)


class _Growing:
    """A path that is drawn as far as it is, over what stands still."""

    def __init__(self, axes: Axes, index: int, places: Numbers) -> None:
        self.index = index
        self._axes, self._places = axes, places
        colour = line_style(index)["color"]
        (self._line,) = axes.plot([], [], color=colour, linewidth=1.4, path_effects=halo(), animated=True)
        (self._end,) = axes.plot([], [], **line_style(index), **END, animated=True)

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
