"""The network and the reversed network as a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise, product
from typing import Any, Literal, TypeAlias

import numpy as np

from modnet.analysis.plots.diagram import Column, Link, bands, forward, reverse
from modnet.analysis.plots.figure import COLOURS, INK, Figure, new_figure
from modnet.analysis.summary import Summary

__all__ = ["draw_network"]

Point: TypeAlias = tuple[float, float]
Way: TypeAlias = Literal["forward", "reverse"]

_WAYS: dict[Way, tuple[str, str, Callable[[Summary], list[Column]]]] = {
    "forward": ("The network: from x to the cost C", COLOURS[0], forward),
    "reverse": ("The reversed network: from the cost back to the first layer's δ", COLOURS[1], reverse),
}

# All lengths are in inches.
_WIDTH, _MARGIN = 6.4, 0.15
_RADIUS = 0.21
_BETWEEN, _LINE = 0.68, 0.5
"""From what a neuron computes first to what it computes second, and from one neuron to the next below."""
_LINK = 0.85
_HEADING, _TITLE = 0.2, 0.42
_HEAD, _SHAFT = 0.08, 0.6 / 72
"""The length of an arrow's head, and the width of its shaft."""
_LETTER = 0.078
"""The width of a letter in a heading."""
_TEXT: Any = {"size": 9, "ha": "center", "va": "center"}


def draw_network(summary: Summary, ways: Sequence[Way] = ("forward", "reverse")) -> Figure:
    """Return the picture of a network, and of the reversed network through which δ flows, one below the other.

    Layers that do not fit side by side stand below each other, so the picture is never wider than a page.

    Args:
        summary: The network's dimensions.
        ways: Which of the two to draw, ``forward`` and ``reverse``, from the top.
    """
    parts = [
        (title, colour, list(bands(columns(summary), _fits))) for title, colour, columns in (_WAYS[way] for way in ways)
    ]
    height = _MARGIN + sum(_TITLE + sum(map(_band_height, rows)) for *_, rows in parts)
    with new_figure(_WIDTH, height) as figure:
        figure.set_layout_engine("none")  # every place is computed here
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, _WIDTH), ylim=(height, 0))
        axes.axis("off")
        top = _MARGIN
        for title, colour, rows in parts:
            axes.text(_MARGIN, top + 0.12, title, size=11, weight="bold", va="center")
            top += _TITLE
            for band in rows:
                _draw_band(axes, band, top, colour)
                top += _band_height(band)
    return figure


def _fits(band: Sequence[Column]) -> bool:
    return sum(_column_width(column) + _link_width(column.link) for column in band) <= _WIDTH - 2 * _MARGIN


def _column_width(column: Column) -> float:
    return max((column.depth - 1) * _BETWEEN + 2 * _RADIUS, _text_width(column.heading))


def _link_width(link: Link | None) -> float:
    if link is None:
        return 0.0
    return max(_LINK, _text_width(link.heading) + 0.1, _text_width([link.box]) + 0.7 if link.box else 0.0)


def _text_width(lines: Sequence[str]) -> float:
    return max(map(len, lines)) * _LETTER


def _band_height(band: Sequence[Column]) -> float:
    return 3 * _HEADING + max(len(column.rows) for column in band) * _LINE + 0.3


def _draw_band(axes: Any, band: Sequence[Column], top: float, colour: str) -> None:
    middle = top + (_band_height(band) + 3 * _HEADING) / 2 - 0.1
    left, sources = _MARGIN, [(0.0, 0.0)]
    for column in band:
        width, link_width = _column_width(column), _link_width(column.link)
        centre = left + link_width + width / 2
        ys = [middle + (index - (len(column.rows) - 1) / 2) * _LINE for index in range(len(column.rows))]
        xs = [centre + (index - (column.depth - 1) / 2) * _BETWEEN for index in range(column.depth)]
        filled = [y for y, row in zip(ys, column.rows, strict=True) if row is not None]
        if column.link is not None:
            place = left + link_width / 2, middle
            _heading(axes, place[0], top, column.link.heading)
            _draw_link(axes, sources, [(xs[0] - _RADIUS, y) for y in filled], place, column.link.box)
        _heading(axes, centre, top, column.heading)
        _draw_neurons(axes, column, xs, ys, colour)
        left, sources = left + link_width + width, [(xs[-1] + _RADIUS, y) for y in filled]


def _heading(axes: Any, x: float, top: float, lines: Sequence[str]) -> None:
    for index, line in enumerate(lines):
        axes.text(x, top + index * _HEADING, line, **_TEXT)


def _draw_link(axes: Any, sources: list[Point], targets: list[Point], place: Point, box: str | None) -> None:
    if box is None:
        _arrows(axes, product(sources, targets))
        return
    half = _text_width([box]) / 2 + 0.08
    _arrows(axes, product(sources, [(place[0] - half, place[1])]))
    _arrows(axes, product([(place[0] + half, place[1])], targets))
    axes.text(*place, box, bbox={"boxstyle": "square,pad=0.45", "facecolor": "none", "edgecolor": INK}, **_TEXT)


def _arrows(axes: Any, pairs: Iterable[tuple[Point, Point]]) -> None:
    """Draw an arrow for every pair, from its first point to its second."""
    x, y, to_x, to_y = np.reshape(list(pairs), (-1, 4)).T
    head = {"headwidth": 0.67 * _HEAD / _SHAFT, "headlength": _HEAD / _SHAFT, "headaxislength": _HEAD / _SHAFT}
    size: Any = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "units": "inches", "width": _SHAFT}
    axes.quiver(x, y, to_x - x, to_y - y, color=INK, alpha=0.6, **size, **head)


def _draw_neurons(axes: Any, column: Column, xs: Sequence[float], ys: Sequence[float], colour: str) -> None:
    from matplotlib.patches import Circle

    filled = [y for y, row in zip(ys, column.rows, strict=True) if row is not None]
    for before, after in pairwise(xs):
        starts, ends = [(before + _RADIUS, y) for y in filled], [(after - _RADIUS, y) for y in filled]
        _arrows(axes, product(starts, ends) if column.mixes else zip(starts, ends, strict=True))
    for index, x in enumerate(xs):
        fill = (INK, 0.0 if x == xs[-1] else 0.1)
        for y in filled:
            axes.add_patch(Circle((x, y), _RADIUS, edgecolor=colour, linewidth=1.4, facecolor=fill))
        for y, row in zip(ys, column.rows, strict=True):
            axes.text(x, y, "⋮" if row is None else row[index], **_TEXT)
