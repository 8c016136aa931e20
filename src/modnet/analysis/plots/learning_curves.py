"""Learning curves: cost and metrics over the epochs, with the best epoch marked."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.plots.figure import COLOURS, INK, MARKERS, Axes, Canvas, Picture
from modnet.analysis.results.learning_curves import Curve
from modnet.analysis.results.results import Results
from modnet.core.messages import counted, epoch_number
from modnet.core.numbers import format_number

__all__ = ["curve_pictures", "curves_picture", "picture_of_curves"]

_COLUMNS = 2
_WIDTH, _HEIGHT = 4.6, 3.7
_TITLE = 48
"""How many characters of a title fit into the width."""
_PARTS = {"train": "training (before each update)", "validation": "validation", "test": "test"}
_MARKED = 15
"""About how many markers a line has."""
_LARGEST = 1e150
"""matplotlib multiplies differences of values; what is larger leaves a gap in its line, as NaN does."""
_DECADE = 10.0
"""A cost whose largest value is so many times its least has a logarithmic axis."""


def curves_picture(results: Results) -> Picture | None:
    """Return the learning curves side by side, or None where no epoch was trained."""
    return picture_of_curves(results.curves)


def picture_of_curves(curves: Sequence[Curve]) -> Picture | None:
    """Return curves side by side, or None where there are none."""
    pictures = _pictures(curves)
    if not pictures:
        return None
    columns = min(len(pictures), _COLUMNS)
    rows = -(-len(pictures) // columns)

    def draw(canvas: Canvas) -> None:
        panels = canvas.subfigures(rows, columns, squeeze=False).ravel()
        for picture, panel in zip(pictures, panels, strict=False):
            picture.draw(panel)

    title = f"Learning curves over {counted(len(curves[0].epochs), 'epoch')}"
    text = f"{title}. {' '.join(picture.text for picture in pictures)}"
    return Picture("curves", title, text, _WIDTH * columns, _HEIGHT * rows, draw)


def curve_pictures(results: Results) -> list[Picture]:
    """Return a picture for each learning curve."""
    return _pictures(results.curves)


def _pictures(curves: Sequence[Curve]) -> list[Picture]:
    return [
        Picture(
            curve.name, f"{curve.title.capitalize()} by epoch", curve.sentence, _WIDTH, _HEIGHT, partial(_draw, curve)
        )
        for curve in curves
    ]


def _draw(curve: Curve, canvas: Canvas) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes, every = canvas.subplots(), max(1, len(curve.epochs) // _MARKED)
    epochs = [epoch_number(epoch) for epoch in curve.epochs]
    for (part, label), colour, marker in zip(_PARTS.items(), COLOURS, MARKERS, strict=False):
        if part in curve.values:
            style: Any = {"color": colour, "marker": marker, "markevery": every, "markersize": 4, "linewidth": 1.4}
            axes.plot(epochs, _numbers(curve, part), label=label, **style)
    if curve.best is not None:
        axes.axvline(epoch_number(curve.best), color=INK, linewidth=0.8, linestyle=":")
        star: Any = {"marker": "*", "markersize": 13, "linestyle": "none", "markeredgecolor": "white", "zorder": 5}
        axes.plot([epoch_number(curve.best)], [_drawn(curve.best_value)], color=INK, **star)
        axes.set_title(textwrap.fill(f"★ {curve.best_sentence}", _TITLE), fontsize="medium", loc="left")
    axes.set_xlabel("epoch")
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if curve.is_share:
        axes.set_ylabel(f"{curve.title}, % of the samples")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -0.02), min(high, 1.02))
    else:
        axes.set_ylabel("cost, mean of the samples" if curve.name == "cost" else curve.title)
        if curve.better == "lower":
            _scale(axes, curve)
    # Below the axes, because no corner of them is empty in every run.
    axes.legend(loc="upper left", bbox_to_anchor=(-0.05, -0.18), ncols=2, fontsize="small", borderaxespad=0.0)


def _scale(axes: Axes, curve: Curve) -> None:
    """Make the axis logarithmic where the values are positive and of different sizes."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    values = np.concatenate([_numbers(curve, part) for part in curve.values])
    values = values[np.isfinite(values)]
    if not len(values) or values.min() <= 0 or values.max() < _DECADE * values.min():
        return
    axes.set_yscale("log")
    decades = np.log10(values.max()) - np.log10(values.min())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_number(value, 6)))


def _numbers(curve: Curve, part: str) -> NDArray[np.float64]:
    return np.array([_drawn(value) for value in curve.values[part]])


def _drawn(value: float | None) -> float:
    return np.nan if value is None or abs(value) > _LARGEST else value
