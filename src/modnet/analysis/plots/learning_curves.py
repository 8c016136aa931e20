"""Learning curves: cost and metrics over the epochs, with the best epoch marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from modnet.analysis.plots.figure import Canvas, Picture
from modnet.analysis.plots.style import COLOURS, INK, MARKERS
from modnet.analysis.results.learning_curves import Curve
from modnet.analysis.results.results import Results
from modnet.training.run import metric_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["best_text", "curve_pictures", "curves_picture"]

_COLUMNS = 2
_WIDTH, _HEIGHT = 4.6, 3.7
_PARTS = {"train": "training (before each update)", "validation": "validation", "test": "test"}
_MARKED = 15
"""About how many markers a line has."""
_DECADE = 10.0
"""A cost whose largest value is so many times its least has a logarithmic axis."""


def curves_picture(results: Results) -> Picture | None:
    """Return the learning curves side by side, or None where no epoch was trained."""
    pictures = curve_pictures(results)
    if not pictures:
        return None
    columns = min(len(pictures), _COLUMNS)
    rows = -(-len(pictures) // columns)

    def draw(canvas: Canvas) -> None:
        places = canvas.subfigures(rows, columns, squeeze=False).ravel()
        for picture, place in zip(pictures, places, strict=False):
            picture.draw(place)

    title = f"Learning curves over {len(results.history)} epoch{'' if len(results.history) == 1 else 's'}"
    text = f"{title}. {' '.join(picture.text for picture in pictures)}"
    return Picture("curves", title, text, _WIDTH * columns, _HEIGHT * rows, draw)


def curve_pictures(results: Results) -> list[Picture]:
    """Return a picture for each learning curve."""
    return [
        Picture(curve.name, f"{_words(curve).capitalize()} by epoch", _text(curve), _WIDTH, _HEIGHT, _drawing_of(curve))
        for curve in results.curves
    ]


def best_text(curve: Curve) -> str:
    """Return the best epoch and its value: ``best test accuracy 95.28% in epoch 23``."""
    if curve.best is None or curve.best_value is None:
        return f"no {curve.name} is finite"
    return f"best {_called(curve.judge)} {_words(curve)} {_value(curve, curve.best_value)} in epoch {curve.best}"


def _drawing_of(curve: Curve) -> Callable[[Canvas], None]:
    return lambda canvas: _draw(canvas.subplots(), curve)


def _draw(axes: Axes, curve: Curve) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for index, (part, label) in enumerate(_PARTS.items()):
        if part in curve.values:
            axes.plot(
                curve.epochs, _numbers(curve.values[part]), color=COLOURS[index], marker=MARKERS[index], label=label,
                markevery=max(1, len(curve.epochs) // _MARKED), markersize=4, linewidth=1.4,
            )  # fmt: skip
    if curve.best is not None and curve.best_value is not None:
        axes.axvline(curve.best, color=INK, linewidth=0.8, linestyle=":")
        axes.plot(
            [curve.best], [curve.best_value], color=INK, marker="*", markersize=13, linestyle="none",
            markeredgecolor="white", zorder=5,
        )  # fmt: skip
        axes.set_title(f"★ {best_text(curve)}", fontsize="medium", loc="left")
    axes.set_xlabel("epoch")
    axes.set_xlim(curve.epochs[0] - 0.5, curve.epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if _is_share(curve):
        axes.set_ylabel(f"{_words(curve)}, % of the samples")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -0.02), min(high, 1.02))
    else:
        axes.set_ylabel("cost, mean of the samples" if curve.name == "cost" else _words(curve))
        if curve.better == "lower":
            _scale(axes, curve)
    # Below the axes, because no corner of them is empty in every run.
    axes.legend(loc="upper left", bbox_to_anchor=(-0.05, -0.18), ncols=2, fontsize="small", borderaxespad=0.0)


def _scale(axes: Axes, curve: Curve) -> None:
    """Make the axis logarithmic where the values are positive and of different sizes."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    values = np.concatenate([_numbers(values) for values in curve.values.values()])
    values = values[np.isfinite(values)]
    if not len(values) or values.min() <= 0 or values.max() < _DECADE * values.min():
        return
    axes.set_yscale("log")
    decades = np.log10(values.max() / values.min())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3 else (1.0,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _text(curve: Curve) -> str:
    parts = [
        f"{_called(part)} from {_value(curve, values[0])} to {_value(curve, values[-1])}"
        for part, values in curve.values.items()
    ]
    return f"{_words(curve).capitalize()}: {', '.join(parts)}; {best_text(curve)}."


def _numbers(values: tuple[float | None, ...]) -> Any:
    return np.array([np.nan if value is None else value for value in values])


def _value(curve: Curve, value: float | None) -> str:
    if value is None:
        return "no number"
    return metric_text(curve.name, value if _is_share(curve) else float(f"{value:.4g}"))


def _called(part: str) -> str:
    return "training" if part == "train" else part


def _words(curve: Curve) -> str:
    return curve.name.replace("_", " ")


def _is_share(curve: Curve) -> bool:
    return curve.name.endswith("accuracy")
