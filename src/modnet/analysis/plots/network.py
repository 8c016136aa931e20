"""The network and the reversed network, drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from modnet.analysis.plots.diagram import Column, bands, forward, reverse
from modnet.analysis.plots.style import COLOURS, INK, new_figure
from modnet.analysis.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_network"]

Points: TypeAlias = Sequence[tuple[float, float]]
Way: TypeAlias = Literal["forward", "reverse"]

_WAYS: dict[Way, tuple[str, str, Callable[[Summary], list[Column]]]] = {
    "forward": ("The network: from x to the cost C", COLOURS[0], forward),
    "reverse": ("The reversed network: from the cost back to the first layer's δ", COLOURS[1], reverse),
}

# All lengths are inches on the page.
_WIDTH = 6.4
_MARGIN = 0.15
_RADIUS = 0.21
_BETWEEN = 0.68
"""From what a neuron computes first to what it computes second."""
_LINK = 0.85
_LINE = 0.5
"""From one neuron to the next below."""
_HEADING = 0.2
_TITLE = 0.42
_HEAD, _SHAFT = 0.08, 0.6 / 72
"""The length of an arrow's head, and the width of its shaft."""
_LETTER = 0.078
"""The width of a letter in a heading."""
_SIZE = 9


def draw_network(summary: Summary, ways: Sequence[Way] = ("forward", "reverse")) -> Figure:
    """Return the picture of a network, and of the reversed network through which δ flows, one below the other.

    Layers that do not fit side by side stand below each other, so the picture is never wider than a page.

    Args:
        summary: The network's dimensions.
        ways: Which of the two to draw, ``forward`` and ``reverse``, from the top.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    parts = [
        (title, colour, list(bands(columns(summary), _fits))) for title, colour, columns in (_WAYS[way] for way in ways)
    ]
    height = _MARGIN + sum(_TITLE + sum(map(_band_height, rows)) for *_, rows in parts)
    with new_figure(_WIDTH, height) as figure:
        figure.set_layout_engine("none")  # every place is worked out here
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, _WIDTH), ylim=(height, 0))
        axes.axis("off")
        top = _MARGIN
        for title, colour, rows in parts:
            axes.text(_MARGIN, top + 0.12, title, size=_SIZE + 2, weight="bold", va="center")
            top += _TITLE
            for band in rows:
                _draw_band(axes, band, top, colour)
                top += _band_height(band)
    return figure


def _fits(band: Sequence[Column]) -> bool:
    return sum(_column_width(column) + _link_width(column) for column in band) <= _WIDTH - 2 * _MARGIN


def _column_width(column: Column) -> float:
    return max((column.depth - 1) * _BETWEEN + 2 * _RADIUS, _text_width(column.heading))


def _link_width(column: Column) -> float:
    if column.link is None:
        return 0.0
    box = 0.0 if column.link.box is None else len(column.link.box) * _LETTER + 0.7
    return max(_LINK, _text_width(column.link.heading) + 0.1, box)


def _text_width(lines: Sequence[str]) -> float:
    return max(map(len, lines)) * _LETTER


def _band_height(band: Sequence[Column]) -> float:
    return 3 * _HEADING + max(len(column.rows) for column in band) * _LINE + 0.3


def _draw_band(axes: Any, band: Sequence[Column], top: float, colour: str) -> None:
    count = max(len(column.rows) for column in band)
    middle = top + 3 * _HEADING + count * _LINE / 2 + 0.05
    left = _MARGIN
    sources: Points = []
    for column in band:
        width, link_width = _column_width(column), _link_width(column)
        centre = left + link_width + width / 2
        ys = [middle + (index - (len(column.rows) - 1) / 2) * _LINE for index in range(len(column.rows))]
        xs = [centre + (index - (column.depth - 1) / 2) * _BETWEEN for index in range(column.depth)]
        targets = [(xs[0] - _RADIUS, y) for y, row in zip(ys, column.rows, strict=True) if row is not None]
        if column.link is not None:
            at = left + link_width / 2
            _heading(axes, at, top, column.link.heading)
            _draw_link(axes, sources, targets, None if column.link.box is None else (at, middle, column.link.box))
        _heading(axes, centre, top, column.heading)
        _draw_neurons(axes, column, xs, ys, colour)
        sources = [(xs[-1] + _RADIUS, y) for _, y in targets]
        left += link_width + width


def _heading(axes: Any, x: float, top: float, lines: Sequence[str]) -> None:
    for index, line in enumerate(lines):
        if line:
            axes.text(x, top + index * _HEADING, line, size=_SIZE, ha="center", va="center")


def _draw_link(axes: Any, sources: Points, targets: Points, box: tuple[float, float, str] | None) -> None:
    if box is None:
        _arrows(axes, sources, targets)
        return
    x, y, name = box
    half = len(name) * _LETTER / 2 + 0.08
    _arrows(axes, sources, [(x - half, y)])
    _arrows(axes, [(x + half, y)], targets)
    axes.text(x, y, name, size=_SIZE, ha="center", va="center",
              bbox={"boxstyle": "square,pad=0.45", "facecolor": "white", "edgecolor": INK})  # fmt: skip


def _arrows(axes: Any, sources: Points, targets: Points) -> None:
    """Draw an arrow from every source to every target."""
    x, y, to_x, to_y = np.reshape(list(product(sources, targets)), (-1, 4)).T
    head = {"headwidth": 0.67 * _HEAD / _SHAFT, "headlength": _HEAD / _SHAFT, "headaxislength": _HEAD / _SHAFT}
    size: Any = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "units": "inches", "width": _SHAFT}
    axes.quiver(x, y, to_x - x, to_y - y, color=INK, alpha=0.6, **size, **head)


def _draw_neurons(axes: Any, column: Column, xs: Sequence[float], ys: Sequence[float], colour: str) -> None:
    from matplotlib.patches import Circle

    filled = [y for y, row in zip(ys, column.rows, strict=True) if row is not None]
    for before, after in pairwise(xs):
        starts, ends = [(before + _RADIUS, y) for y in filled], [(after - _RADIUS, y) for y in filled]
        if column.mixes:
            _arrows(axes, starts, ends)
        else:
            for start, end in zip(starts, ends, strict=True):
                _arrows(axes, [start], [end])
    for y, row in zip(ys, column.rows, strict=True):
        for index, x in enumerate(xs):
            if row is not None:
                last = index == len(xs) - 1
                axes.add_patch(
                    Circle((x, y), _RADIUS, edgecolor=colour, lw=1.4, facecolor="white" if last else "#eeeeee")
                )
            axes.text(x, y, "⋮" if row is None else row[index], size=_SIZE, ha="center", va="center")
