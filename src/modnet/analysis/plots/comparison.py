"""The picture of a comparison: a metric by combination, or against the values of the key that is a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from modnet.analysis.comparison.comparison import Comparison, Row
from modnet.analysis.comparison.grid import short_names
from modnet.analysis.comparison.text import deviation, row_label, title
from modnet.analysis.plots.figure import COLOURS, INK, MARKERS, Axes, Canvas, Figure, Picture, distinct_names, render
from modnet.core.numbers import format_number
from modnet.training.result import part_name

__all__ = ["comparison_figure", "comparison_picture"]

_LONGEST = 44
_MOST_BARS, _MOST_TICKS = 60, 9
_SMALLEST, _LARGEST = 1e-100, 1e100
"""Between which numbers matplotlib can draw; others leave a gap, or have bars."""
_DECADE = 10.0
"""Values whose largest is so many times the least have a logarithmic axis."""


def comparison_figure(comparison: Comparison) -> Figure:
    """Return the picture as a figure.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    return render([comparison_picture(comparison)])


def comparison_picture(comparison: Comparison) -> Picture:
    """Return curves where one key is a number and has two values or more, else bars; with standard deviations."""
    key = _numeric_key(comparison)
    name = comparison.metric.replace("_", " ")
    heading = f"{name.capitalize()} of {len(comparison.rows)} combinations"
    text = f"{heading}. {'; '.join(filter(None, [title(comparison), deviation(comparison)]))}."
    if key is None:
        height = 1.1 + 0.32 * len(_shown(comparison))
        return Picture("comparison", heading, text, 7.0, height, lambda canvas: _draw_bars(canvas, comparison))
    return Picture("comparison", heading, text, 6.4, 4.4, lambda canvas: _draw_curves(canvas, comparison, key))


def _numeric_key(comparison: Comparison) -> str | None:
    """Return the only key all of whose values are numbers, if it is the only one and has few curves."""
    rows = comparison.rows
    numeric = [
        key
        for key in comparison.keys
        if all(_can_be_drawn(row.settings.get(key)) for row in rows) and len({row.settings[key] for row in rows}) > 1
    ]
    if len(numeric) != 1:
        return None
    return numeric[0] if len({_rest(row, numeric[0]) for row in rows}) <= len(COLOURS) else None


def _can_be_drawn(value: Any) -> bool:
    return type(value) in (int, float) and (value == 0 or _SMALLEST <= abs(value) <= _LARGEST)


def _statistic(row: Row, comparison: Comparison) -> tuple[float, float] | None:
    """Return mean and standard deviation of the metric, 0 without any; None where there is nothing to draw."""
    found = row.metrics.get(comparison.metric)
    if found is None or not (abs(found.mean) <= _LARGEST and (found.sd or 0.0) <= _LARGEST):
        return None
    return found.mean, found.sd or 0.0


def _rest(row: Row, key: str) -> str:
    return row_label(Row({name: value for name, value in row.settings.items() if name != key}, row.config, row.runs))


def _draw_curves(canvas: Canvas, comparison: Comparison, key: str) -> None:
    axes = canvas.subplots()
    rows, groups = comparison.rows, dict[str, list[Row]]()
    for row in rows:
        groups.setdefault(_rest(row, key), []).append(row)
    names = distinct_names([*groups], _LONGEST)
    for members, label, colour, marker in zip(groups.values(), names, COLOURS, MARKERS, strict=False):
        points = sorted(members, key=lambda row: float(row.settings[key]))
        found = [_statistic(row, comparison) or (math.nan, 0.0) for row in points]
        style: Any = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.4, "capsize": 3}
        axes.errorbar([float(row.settings[key]) for row in points], *zip(*found, strict=True), label=label, **style)
    values = sorted({float(row.settings[key]) for row in rows})
    if values[0] > 0 and values[-1] >= _DECADE * values[0]:
        axes.set_xscale("log")
    if len(values) <= _MOST_TICKS:
        axes.set_xticks(values, [format_number(value, 4) for value in values])
        axes.set_xticks([], minor=True)
    best = comparison.best_row
    place = None if best is None else _statistic(best, comparison)
    if best is not None and place is not None and len(rows) > 1:
        star: Any = {"marker": "*", "markersize": 13, "linestyle": "none", "markeredgecolor": "white", "zorder": 5}
        axes.plot([float(best.settings[key])], [place[0]], color=INK, **star)
    axes.set_xlabel(short_names([key])[0])
    _finish(axes, axes.yaxis, axes.set_ylabel, comparison)
    if len(groups) > 1:
        axes.legend(fontsize="small")


def _shown(comparison: Comparison) -> Sequence[Row]:
    return comparison.rows[:_MOST_BARS]


def _draw_bars(canvas: Canvas, comparison: Comparison) -> None:
    axes, rows = canvas.subplots(), _shown(comparison)
    for place, row in enumerate(rows):
        found = _statistic(row, comparison)
        if found is None:
            axes.text(0.0, place, " diverged" if row.diverged else " not drawn", va="center", fontsize="small")
            continue
        style: Any = {"color": COLOURS[0 if row.is_best else 5], "error_kw": {"ecolor": INK, "capsize": 3}}
        axes.barh(place, found[0], 0.7, xerr=found[1] or None, **style)
    labels = distinct_names([row_label(row) for row in rows], _LONGEST)
    axes.set_yticks(range(len(rows)), [f"★ {text}" if row.is_best and len(rows) > 1 else text
                                       for row, text in zip(rows, labels, strict=True)])  # fmt: skip
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    _finish(axes, axes.xaxis, axes.set_xlabel, comparison)


def _finish(axes: Axes, axis: Any, set_label: Callable[[str], Any], comparison: Comparison) -> None:
    """Name the axis of the metric, and say above it what is shown."""
    from matplotlib.ticker import PercentFormatter

    label = f"{part_name(comparison.part)} {comparison.metric.replace('_', ' ')}"
    if comparison.metric.endswith("accuracy"):
        axis.set_major_formatter(PercentFormatter(1.0, symbol=""))
        label += ", % of the samples"
    set_label(label)
    diverged, count = sum(row.diverged > 0 for row in comparison.rows), len(comparison.rows)
    words = [
        "★ best" if comparison.best is not None and count > 1 else None,
        deviation(comparison),
        f"{diverged} of {count} diverged" if diverged else None,
        f"the first {_MOST_BARS} of {count}" if axis is axes.xaxis and count > _MOST_BARS else None,
    ]
    axes.set_title("; ".join(filter(None, words)), fontsize="medium", loc="left")
