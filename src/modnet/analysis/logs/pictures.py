"""The histograms of every layer's parameters and δ as one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modnet.analysis.logs.records import LogHistogram
from modnet.analysis.plots.figure import COLOURS, Canvas, Picture, legible
from modnet.core.numbers import format_number

__all__ = ["histogram_picture"]

MOST = 20
"""The most layers that are shown: the first and the last."""
_WIDTH, _HEIGHT = 2.6, 1.5


def histogram_picture(histograms: Mapping[str, LogHistogram], title: str) -> Picture:
    """Return a row of histograms for each layer.

    Args:
        histograms: ``layer-1/weights`` → histogram, as in a `modnet.LogRecord`.
        title: What the picture is called.
    """
    layers: dict[str, dict[str, LogHistogram]] = {}
    for name, histogram in histograms.items():
        layer, _, what = name.partition("/")
        layers.setdefault(layer, {})[what] = histogram
    names = list(layers)
    if len(names) > MOST:
        names = [*names[: MOST // 2], *names[-MOST // 2 :]]
        title += f": {MOST} of {len(layers)} layers"
    columns = max(len(layers[name]) for name in names)
    ranges = (
        f"{name} from {format_number(each.minimum)} to {format_number(each.maximum)}"
        for name, each in histograms.items()
    )
    shown = [layers[name] for name in names]

    def draw(canvas: Canvas) -> None:
        canvas.suptitle(title, x=0.02, ha="left", fontsize="medium")
        rows = canvas.subplots(len(names), columns, squeeze=False)
        for name, row, layer in zip(names, rows, shown, strict=True):
            for axes in row[len(layer) :]:
                axes.set_axis_off()
            for axes, (what, histogram) in zip(row, layer.items(), strict=False):
                style: Any = {"color": COLOURS[0], "linewidth": 0}
                axes.stairs(histogram.counts, histogram.edges, fill=True, **style)
                axes.set_title(legible(f"{name.replace('-', ' ')}, {what.replace('delta', 'δ')}", 40), fontsize=8.5)
                axes.tick_params(labelsize=7)

    text = f"{title}: {'; '.join(ranges)}."
    return Picture("histograms", title, text, max(_WIDTH * columns, 5.0), _HEIGHT * len(names) + 0.5, draw)
