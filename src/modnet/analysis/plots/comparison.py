"""The picture of a comparison: a metric by combination, or against the values of the key that is a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from modnet.analysis.comparison.comparison import Comparison, Row
from modnet.analysis.comparison.grid import short_names
from modnet.analysis.comparison.text import row_label, title
from modnet.analysis.plots.figure import COLOURS, INK, MARKERS, Axes, Canvas, Figure, Picture, distinct_names, render

__all__ = ["comparison_figure", "comparison_picture"]

_LONGEST = 44
_MOST_BARS = 60
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
    text = f"{heading}. {title(comparison)}."
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
        if all(type(row.settings.get(key)) in (int, float) for row in rows)
        and len({row.settings[key] for row in rows}) > 1
    ]
    if len(numeric) != 1:
        return None
    return numeric[0] if len({_rest(row, numeric[0]) for row in rows}) <= len(COLOURS) else None


def _rest(row: Row, key: str) -> str:
    return row_label(Row({name: value for name, value in row.settings.items() if name != key}, row.config, row.runs))


def _draw_curves(canvas: Canvas, comparison: Comparison, key: str) -> None:
    axes, metric = canvas.subplots(), comparison.metric
    rows = sorted(comparison.rows, key=lambda row: _rest(row, key))
    groups = [(label, [*members]) for label, members in groupby(rows, lambda row: _rest(row, key))]
    names = distinct_names([label for label, _ in groups], _LONGEST)
    for (_, members), label, colour, marker in zip(groups, names, COLOURS, MARKERS, strict=False):
        points = sorted(members, key=lambda row: float(row.settings[key]))
        found = [row.metrics.get(metric) for row in points]
        means = [math.nan if each is None else each.mean for each in found]
        spread = [0.0 if each is None else each.sd or 0.0 for each in found]
        style: Any = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.4, "capsize": 3}
        axes.errorbar([float(row.settings[key]) for row in points], means, spread, label=label, **style)
    values = [float(row.settings[key]) for row in rows]
    if min(values) > 0 and max(values) >= _DECADE * min(values):
        axes.set_xscale("log")
    best = comparison.best_row
    if best is not None and len(rows) > 1:
        star: Any = {"marker": "*", "markersize": 13, "linestyle": "none", "markeredgecolor": "white", "zorder": 5}
        axes.plot([float(best.settings[key])], [best.metrics[metric].mean], color=INK, label="best", **star)
    axes.set_xlabel(short_names([key])[0])
    _finish(axes.yaxis, axes.set_ylabel, comparison)
    _mark_diverged(axes, comparison)
    if len(groups) > 1:
        axes.legend(fontsize="small")


def _shown(comparison: Comparison) -> Sequence[Row]:
    return comparison.rows[:_MOST_BARS]


def _draw_bars(canvas: Canvas, comparison: Comparison) -> None:
    axes, metric, rows = canvas.subplots(), comparison.metric, _shown(comparison)
    for place, row in enumerate(rows):
        found = row.metrics.get(metric)
        if found is None:
            axes.text(0.0, place, " diverged", va="center", fontsize="small")
            continue
        style: Any = {"color": COLOURS[0 if row.is_best else 5], "error_kw": {"ecolor": INK, "capsize": 3}}
        axes.barh(place, found.mean, 0.7, xerr=found.sd, **style)
    labels = distinct_names([row_label(row) for row in rows], _LONGEST)
    axes.set_yticks(range(len(rows)), [f"★ {text}" if row.is_best and len(rows) > 1 else text
                                       for row, text in zip(rows, labels, strict=True)])  # fmt: skip
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    _finish(axes.xaxis, axes.set_xlabel, comparison)
    if len(rows) < len(comparison.rows):
        axes.set_title(f"the first {len(rows)} of {len(comparison.rows)} combinations", fontsize="medium", loc="left")


def _finish(axis: Any, set_label: Any, comparison: Comparison) -> None:
    from matplotlib.ticker import PercentFormatter

    part = "training" if comparison.part == "train" else comparison.part
    label = f"{part} {comparison.metric.replace('_', ' ')}"
    runs = len(comparison.rows[0].runs)
    deviation = f"; mean ± standard deviation of {runs} runs" if runs > 1 else ""
    if comparison.metric.endswith("accuracy"):
        axis.set_major_formatter(PercentFormatter(1.0, symbol=""))
        label += ", % of the samples"
    set_label(f"{label}{deviation}")


def _mark_diverged(axes: Axes, comparison: Comparison) -> None:
    count = sum(row.diverged > 0 for row in comparison.rows)
    if count:
        axes.set_title(f"{count} of {len(comparison.rows)} combinations diverged", fontsize="medium", loc="left")
