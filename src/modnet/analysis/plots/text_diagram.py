"""Diagrams of a network in characters, for a terminal or a pipe: no colours, no more columns than asked for."""

from __future__ import annotations

from collections.abc import Sequence

from modnet.analysis.plots.diagram import Column, Link, bands

__all__ = ["diagram"]

_LEFT, _RIGHT, _UP, _DOWN = 1, 2, 4, 8
_LINES = " ╴╶─╵┘└┴╷┐┌┬│┤├┼"
"""The character for every sum of directions."""
_HEADING = 3
_ARROW = 4
"""How many characters lie between what a neuron computes first and second."""


class _Canvas:
    """Characters in a grid; lines that meet are joined."""

    def __init__(self) -> None:
        self._text: dict[tuple[int, int], str] = {}
        self._lines: dict[tuple[int, int], int] = {}

    def write(self, row: int, column: int, text: str) -> None:
        for offset, character in enumerate(text):
            self._text[row, column + offset] = character

    def across(self, row: int, start: int, stop: int, *, after_text: bool = False) -> None:
        """Draw from the middle of one cell, or from its edge after some text, to the middle of another."""
        for column in range(start, stop + 1):
            left = _LEFT if column > start or after_text else 0
            self._join(row, column, left | (_RIGHT if column < stop else 0))

    def down(self, column: int, start: int, stop: int) -> None:
        """Draw from the middle of one cell to the middle of another."""
        for row in range(start, stop + 1):
            self._join(row, column, (_UP if row > start else 0) | (_DOWN if row < stop else 0))

    def lines(self) -> list[str]:
        places = self._text.keys() | self._lines.keys()
        height, width = (max(place[axis] for place in places) + 1 for axis in (0, 1))
        cells = (
            (self._text.get((row, column)) or _LINES[self._lines.get((row, column), 0)] for column in range(width))
            for row in range(height)
        )
        return ["".join(row).rstrip() for row in cells]

    def _join(self, row: int, column: int, directions: int) -> None:
        self._lines[row, column] = self._lines.get((row, column), 0) | directions


def diagram(columns: Sequence[Column], width: int = 80) -> str:
    """Return a diagram; columns that do not fit side by side stand below each other, the last one written again.

    Args:
        columns: What `modnet.analysis.plots.diagram.forward` or ``reverse`` gave.
        width: How many characters a line may have; a single layer may need more where its name is long.
    """
    return "\n\n".join("\n".join(_band(band)) for band in bands(columns, lambda band: _width(band) <= width))


def _width(band: Sequence[Column]) -> int:
    return sum(_column_width(column) + _link_width(column) for column in band)


def _link_width(column: Column) -> int:
    if column.link is None:
        return 0
    inner = max(map(len, column.link.heading))
    if column.link.box is not None:
        inner = max(inner, len(column.link.box) + 7)
    return max(inner, 1) + 6  # ─┐ before, ┌▶ behind, and a blank on either side


def _neuron_width(column: Column) -> int:
    widths = _value_widths(column)
    return sum(widths) + (len(widths) - 1) * _ARROW


def _value_widths(column: Column) -> list[int]:
    filled = [row for row in column.rows if row is not None]
    return [max(map(len, values)) for values in zip(*filled, strict=True)]


def _column_width(column: Column) -> int:
    return max(_neuron_width(column), *map(len, column.heading))


def _band(band: Sequence[Column]) -> list[str]:
    canvas = _Canvas()
    height = max(len(column.rows) for column in band)
    left, before = 0, None
    for column in band:
        link_width, own = _link_width(column), _column_width(column)
        places = _rows_of(column, height)
        start = left + link_width
        neurons = start + (own - _neuron_width(column)) // 2
        if before is not None and column.link is not None:
            _draw_link(canvas, column.link, before, (left, start, neurons), _filled(column, places), height)
        for line, text in enumerate(column.heading):
            canvas.write(line, start + (own - len(text)) // 2, text)
        end = _draw_neurons(canvas, column, neurons, places)
        left, before = start + own, end
    return canvas.lines()


def _rows_of(column: Column, height: int) -> dict[int, int]:
    """Return on which line each row of a column stands: in the middle of the band."""
    first = _HEADING + (height - len(column.rows)) // 2
    return {index: first + index for index in range(len(column.rows))}


def _filled(column: Column, places: dict[int, int]) -> list[int]:
    return [places[index] for index, row in enumerate(column.rows) if row is not None]


def _draw_neurons(canvas: _Canvas, column: Column, left: int, places: dict[int, int]) -> tuple[int, list[int]]:
    """Write what each neuron computes; return where their lines begin that lead on, and on which lines."""
    widths = _value_widths(column)
    filled = _filled(column, places)
    for index, row in enumerate(column.rows):
        at = left
        for number, width in enumerate(widths):
            text = "⋮" if row is None else row[number]
            canvas.write(places[index], at, text)
            if number + 1 < len(widths) and row is not None:
                canvas.across(places[index], at + len(text), at + width + _ARROW - 2, after_text=True)
                canvas.write(places[index], at + width + _ARROW - 2, "▶")
            if number + 1 < len(widths) and column.mixes:
                canvas.down(at + width + 1, filled[0], filled[-1])
            at += width + _ARROW
    return left + _neuron_width(column), filled


def _draw_link(
    canvas: _Canvas,
    link: Link,
    before: tuple[int, list[int]],
    across: tuple[int, int, int],
    targets: list[int],
    height: int,
) -> None:
    """Gather the lines of the column before in one, and let it part for every neuron of the next column."""
    begin, sources = before
    left, start, neurons = across
    middle = _HEADING + (height - 1) // 2
    gather, part = left + 2, start - 4
    for row in sources:
        canvas.across(row, begin + 1, gather, after_text=True)
    canvas.down(gather, min(sources), max(sources))
    canvas.across(middle, gather, part)
    canvas.down(part, min(targets), max(targets))
    for row in targets:
        canvas.across(row, part, neurons - 2)
        canvas.write(row, neurons - 2, "▶")
    for line, text in enumerate(link.heading):
        canvas.write(line, left + 1 + (start - left - 3 - len(text)) // 2, text)
    if link.box is not None:
        name = f"┤ {link.box} ├"
        canvas.write(middle, gather + 1 + (part - gather - 1 - len(name)) // 2, name)
