"""Predicted against true numbers, a panel for each output."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.analysis.plots.figure import Canvas, Picture
from modnet.analysis.plots.style import COLOURS, INK
from modnet.analysis.results.results import PredictionError, Results

__all__ = ["prediction_error_picture"]

_MOST, _COLUMNS = 6, 3
"""The most outputs that are shown, and how many side by side."""


def prediction_error_picture(results: Results) -> Picture | None:
    """Return predicted against true numbers, or None where the targets are classes."""
    error = results.prediction_error
    if error is None:
        return None
    outputs = len(error.r2)
    title = f"Predicted against true numbers of {error.samples:,} {results.part} samples"
    if len(error.true) < error.samples:
        title += f" ({len(error.true):,} of them shown)"
    if outputs > _MOST:
        title += f": the first {_MOST} of {outputs} outputs"
    shares = ", ".join(f"{r2:.3f}" for r2 in error.r2[:_MOST])
    text = f"{title}. r² {'of the outputs ' if outputs > 1 else ''}{shares}; 1 is every sample on the diagonal."
    columns = min(outputs, _MOST, _COLUMNS)
    rows = -(-min(outputs, _MOST) // columns)
    size = max(4.0 * columns, 6.0), 4.0 * rows + 0.4
    return Picture("fit", title, text, *size, lambda canvas: _draw(canvas, error, title, rows, columns))


def _draw(canvas: Canvas, error: PredictionError, title: str, rows: int, columns: int) -> None:
    canvas.suptitle(title, fontsize="medium")
    panels = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(error.r2) :]:
        axes.set_axis_off()
    style: Any = {"linestyle": "none", "marker": "o", "markersize": 4, "markeredgewidth": 0, "color": COLOURS[0]}
    for j, axes in enumerate(panels[: len(error.r2)]):
        true, predicted = error.true[:, j], error.predicted[:, j]
        ends: Any = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
        axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle="--", label="predicted = true")
        axes.plot(true, predicted, label="sample", alpha=float(np.clip(200 / len(true), 0.15, 0.7)), **style)
        axes.set_title(f"{f'output {j}, ' if len(error.r2) > 1 else ''}r² = {error.r2[j]:.3f}", fontsize="medium")
        axes.set(xlabel="true value, in the target's unit", ylabel="predicted value, in the target's unit")
        axes.legend(fontsize="small")
