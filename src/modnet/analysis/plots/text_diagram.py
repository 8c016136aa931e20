"""Diagrams of a network in characters, for a terminal or a pipe: without colours, in as many columns as asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modnet.analysis.plots.diagram import Column, Link, bands

__all__ = ["diagram"]

_LEFT, _RIGHT, _UP, _DOWN = 1, 2, 4, 8
_LINES = np.array(list(" ╴╶─╵┘└┴╷┐┌┬│┤├┼"))
"""The character for every sum of directions."""
_HEADING = 3
_ARROW = 4
"""The number of characters between what a neuron computes first and second."""


class _Canvas:
    """Characters in a grid; lines that meet are joined."""

    def __init__(self, height: int, width: int) -> None:
        self._text = np.full((height, width), "", dtype="<U1")
        self._lines = np.zeros((height, width), dtype=np.intp)

    def write(self, row: int, column: int, text: str) -> None:
        self._text[row, column : column + len(text)] = list(text)

    def write_centered(self, left: int, right: int, lines: Sequence[str], row: int = 0) -> None:
        for offset, text in enumerate(lines):
            self.write(row + offset, left + (right - left - len(text)) // 2, text)

    def across(self, row: int, start: int, stop: int, *, after_text: bool = False) -> None:
        """Draw from the middle of one cell, or from its edge after some text, to the middle of another."""
        self._lines[row, start:stop] |= _RIGHT
        self._lines[row, start + (not after_text) : stop + 1] |= _LEFT

    def down(self, column: int, start: int, stop: int) -> None:
        """Draw from the middle of one cell to the middle of another."""
        self._lines[start:stop, column] |= _DOWN
        self._lines[start + 1 : stop + 1, column] |= _UP

    def __str__(self) -> str:
        characters = np.where(self._text == "", _LINES[self._lines], self._text)
        return "\n".join("".join(row).rstrip() for row in characters)


def diagram(columns: Sequence[Column], width: int = 80) -> str:
    """Return a diagram; columns that do not fit side by side stand below each other, the last one repeated.

    Args:
        columns: What `modnet.analysis.plots.diagram.forward` or ``reverse`` returned.
        width: The most characters of a line; a single layer may need more where its name is long.
    """
    return "\n\n".join(_draw_band(band) for band in bands(columns, lambda band: _width(band) <= width))


def _width(band: Sequence[Column]) -> int:
    return sum(_column_width(column) + _link_width(column.link) for column in band)


def _link_width(link: Link | None) -> int:
    if link is None:
        return 0
    box = 0 if link.box is None else len(link.box) + 7
    return max(*map(len, link.heading), box, 1) + 6  # ─┐ before, ┌▶ behind, and a blank on either side


def _column_width(column: Column) -> int:
    return max(_neuron_width(column), *map(len, column.heading))


def _neuron_width(column: Column) -> int:
    return sum(_value_widths(column)) + (column.depth - 1) * _ARROW


def _value_widths(column: Column) -> list[int]:
    rows = [row for row in column.rows if row is not None]
    return [max(map(len, values)) for values in zip(*rows, strict=True)]


def _draw_band(band: Sequence[Column]) -> str:
    height = max(len(column.rows) for column in band)
    canvas = _Canvas(_HEADING + height, _width(band))
    middle = _HEADING + (height - 1) // 2
    left, end, sources = 0, 0, [0]
    for column in band:
        start = left + _link_width(column.link)
        stop = start + _column_width(column)
        neurons = start + (stop - start - _neuron_width(column)) // 2
        first = _HEADING + (height - len(column.rows)) // 2
        targets = [first + index for index, row in enumerate(column.rows) if row is not None]
        if column.link is not None:
            _draw_link(canvas, column.link, (left, start), middle, (end, sources), (neurons, targets))
        canvas.write_centered(start, stop, column.heading)
        _draw_neurons(canvas, column, neurons, first)
        left, end, sources = stop, neurons + _neuron_width(column), targets
    return str(canvas)


def _draw_neurons(canvas: _Canvas, column: Column, left: int, first: int) -> None:
    """Write what each neuron computes, with arrows from one value to the next."""
    for number, width in enumerate(_value_widths(column)):
        head = left + width + _ARROW - 2
        for line, row in enumerate(column.rows, first):
            canvas.write(line, left, "⋮" if row is None else row[number])
            if number + 1 < column.depth and row is not None:
                canvas.across(line, left + len(row[number]), head, after_text=True)
                canvas.write(line, head, "▶")
        if number + 1 < column.depth and column.mixes:
            canvas.down(left + width + 1, first, first + len(column.rows) - 1)
        left += width + _ARROW


def _draw_link(
    canvas: _Canvas,
    link: Link,
    span: tuple[int, int],
    middle: int,
    before: tuple[int, list[int]],
    after: tuple[int, list[int]],
) -> None:
    """Join the lines of the column before into one, and split it for every neuron of the next column."""
    (left, right), (end, sources), (start, targets) = span, before, after
    join, split = left + 2, right - 4
    for row in sources:
        canvas.across(row, end + 1, join, after_text=True)
    canvas.down(join, min(sources), max(sources))
    canvas.across(middle, join, split)
    canvas.down(split, min(targets), max(targets))
    for row in targets:
        canvas.across(row, split, start - 2)
        canvas.write(row, start - 2, "▶")
    canvas.write_centered(left + 1, right - 2, link.heading)
    if link.box is not None:
        canvas.write_centered(join + 1, split, [f"┤ {link.box} ├"], middle)
