"""Predicted against true numbers, a picture for each output."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.analysis.plots.figure import Canvas, Picture
from modnet.analysis.plots.style import COLOURS, INK
from modnet.analysis.results.results import PredictionError, Results

__all__ = ["fit_picture"]

_MOST, _COLUMNS = 6, 3
"""How many outputs are shown, and how many side by side."""


def fit_picture(results: Results) -> Picture | None:
    """Return predicted against true numbers, or None where the targets are classes."""
    fit = results.fit
    if fit is None:
        return None
    outputs = len(fit.r2)
    title = f"Predicted against true numbers of {fit.samples:,} {results.part} samples"
    if len(fit.true) < fit.samples:
        title += f" ({len(fit.true):,} of them shown)"
    if outputs > _MOST:
        title += f": the first {_MOST} of {outputs} outputs"
    shares = ", ".join(f"{r2:.3f}" for r2 in fit.r2[:_MOST])
    text = f"{title}. r² {'of the outputs ' if outputs > 1 else ''}{shares}; 1 is every sample on the diagonal."
    columns = min(outputs, _MOST, _COLUMNS)
    rows = -(-min(outputs, _MOST) // columns)
    return Picture(
        "fit", title, text, max(4.0 * columns, 6.0), 4.0 * rows + 0.4,
        lambda canvas: _draw(canvas, fit, title, rows, columns),
    )  # fmt: skip


def _draw(canvas: Canvas, fit: PredictionError, title: str, rows: int, columns: int) -> None:
    canvas.suptitle(title, fontsize="medium")
    places = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axes in places[len(fit.r2) :]:
        axes.set_axis_off()
    for j, axes in enumerate(places[: len(fit.r2)]):
        true, predicted = fit.true[:, j], fit.predicted[:, j]
        ends: Any = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
        axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle="--", label="predicted = true")
        axes.plot(
            true, predicted, linestyle="none", marker="o", color=COLOURS[0], markeredgewidth=0, label="sample",
            markersize=4, alpha=float(np.clip(200 / len(true), 0.15, 0.7)),
        )  # fmt: skip
        axes.set_title(f"{f'output {j}, ' if len(fit.r2) > 1 else ''}r² = {fit.r2[j]:.3f}", fontsize="medium")
        axes.set(xlabel="true value, in the target's unit", ylabel="predicted value, in the target's unit")
        axes.legend(fontsize="small")
