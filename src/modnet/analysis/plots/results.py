"""The pictures of a run's results; of the worst mistakes and of the prediction error they are drawn here."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.analysis.plots.confusion_matrix import confusion_picture
from modnet.analysis.plots.figure import COLOURS, INK, Canvas, Figure, Picture, legible, render
from modnet.analysis.plots.learning_curves import curves_picture
from modnet.analysis.results.results import PredictionError, Results
from modnet.analysis.results.worst_samples import Table, WorstSample, worst_samples_table
from modnet.core.errors import ConfigError
from modnet.core.numbers import format_number

__all__ = ["mistakes_picture", "prediction_error_picture", "result_pictures", "results_figure"]

_OUTPUTS, _OUTPUT_COLUMNS = 6, 3
"""The most outputs whose prediction error is shown, and how many side by side."""
_IMAGE_COLUMNS = 4
_LONGEST, _WIDEST = 15, 24
"""The most letters of a class in an image's caption, and of a cell of a table."""


def results_figure(results: Results) -> Figure:
    """Return a figure with all pictures of these results below each other; having none is a ConfigError."""
    pictures = result_pictures(results)
    if not pictures:
        raise ConfigError(f"{results.run.source}: there is nothing to draw: no epoch, and no mistake")
    return render(pictures)


def result_pictures(results: Results) -> list[Picture]:
    """Return the pictures that there are of these results, in the order in which they are read."""
    makers = (curves_picture, confusion_picture, prediction_error_picture, mistakes_picture)
    return [picture for make in makers if (picture := make(results)) is not None]


def prediction_error_picture(results: Results) -> Picture | None:
    """Return predicted against true numbers, a panel for each output, or None where the targets are classes."""
    error = results.prediction_error
    if error is None:
        return None
    outputs = len(error.r2)
    title = f"Predicted against true numbers of {error.samples:,} {results.part} samples"
    if len(error.true) < error.samples:
        title += f" ({len(error.true):,} of them shown)"
    if outputs > _OUTPUTS:
        title += f": the first {_OUTPUTS} of {outputs} outputs"
    shares = ", ".join(f"{r2:.3f}" for r2 in error.r2[:_OUTPUTS])
    text = f"{title}. r² {'of the outputs ' if outputs > 1 else ''}{shares}; 1 is every sample on the diagonal."
    columns = min(outputs, _OUTPUT_COLUMNS)
    rows = -(-min(outputs, _OUTPUTS) // columns)
    size = max(4.0 * columns, 6.0), 4.0 * rows + 0.4
    return Picture("fit", title, text, *size, lambda canvas: _draw_error(canvas, error, title, rows, columns))


def _draw_error(canvas: Canvas, error: PredictionError, title: str, rows: int, columns: int) -> None:
    canvas.suptitle(title, fontsize="medium")
    style: Any = {"linestyle": "none", "marker": "o", "markersize": 4, "markeredgewidth": 0, "color": COLOURS[0]}
    for j, axes in enumerate(canvas.subplots(rows, columns, squeeze=False).ravel()):
        if j >= len(error.r2):
            axes.set_axis_off()
            continue
        true, predicted = error.true[:, j], error.predicted[:, j]
        ends: Any = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
        axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle="--", label="predicted = true")
        axes.plot(true, predicted, label="sample", alpha=float(np.clip(200 / len(true), 0.15, 0.7)), **style)
        axes.set_title(f"{f'output {j}, ' if len(error.r2) > 1 else ''}r² = {error.r2[j]:.3f}", fontsize="medium")
        axes.set(xlabel="true value, in the target's unit", ylabel="predicted value, in the target's unit")
        axes.legend(fontsize="small")


def mistakes_picture(results: Results) -> Picture | None:
    """Return the worst mistakes, as images or as a table of features, or None where there are none."""
    mistakes, title = results.mistakes, results.mistakes_title
    if not mistakes:
        return None
    text = f"{title}. {'; '.join(mistake.sentence for mistake in mistakes[:_IMAGE_COLUMNS])}."
    if results.image is not None:
        columns = min(len(mistakes), _IMAGE_COLUMNS)
        rows = -(-len(mistakes) // columns)
        size = max(1.6 * columns, 4.5), 2.3 * rows + 0.4
        return Picture("mistakes", title, text, *size, lambda canvas: _draw_images(canvas, results, rows, columns))
    table = worst_samples_table(mistakes, results.run.network, with_features=True)
    widths = [max(map(len, column)) for column in zip(table[0], *table[1], strict=True)]
    size = max(0.4 + 0.085 * sum(min(width, _WIDEST) + 3 for width in widths), 6.0), 0.3 * (len(mistakes) + 1) + 0.5
    return Picture("mistakes", title, text, *size, lambda canvas: _draw_table(canvas, title, table))


def _draw_images(canvas: Canvas, results: Results, rows: int, columns: int) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    canvas.suptitle(results.mistakes_title, x=0.01, ha="left", fontsize="medium")
    panels = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(results.mistakes) :]:
        axes.set_axis_off()
    ink = LinearSegmentedColormap.from_list("ink", [("black", 0.0), ("black", 1.0)])
    # A shade means the same in every image: black is the largest number of them all. On a dark page ink is white.
    images = [np.asarray(mistake.x).reshape(results.image or ()) for mistake in results.mistakes]
    low, high = min(float(image.min()) for image in images), max(float(image.max()) for image in images)
    for axes, mistake, image in zip(panels, results.mistakes, images, strict=False):
        pixels = (image - low) / ((high - low) or 1.0)
        if pixels.ndim == 3 and pixels.shape[-1] == 1:
            pixels = pixels[..., 0]
        name = f"ink-{mistake.sample}" if pixels.ndim == 2 else None
        axes.imshow(pixels, interpolation="nearest", cmap=ink, vmin=0.0, vmax=1.0, gid=name)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=INK, alpha=0.3)
        axes.set_title(_caption(mistake), fontsize=7.5, color=INK)


def _caption(mistake: WorstSample) -> str:
    true, predicted = (legible(text, _LONGEST) for text in (mistake.true_text, mistake.predicted_text))
    outputs = [f": {format_number(value)}" for value in mistake.decisive_outputs.values()]
    of_true, of_predicted = ["", "", *outputs][-2:]  # one output is that of the predicted class
    place = f"sample {mistake.sample}, cost {format_number(mistake.cost)}"
    return f"{place}\ntrue {true}{of_true}\npredicted {predicted}{of_predicted}"


def _draw_table(canvas: Canvas, title: str, table: Table) -> None:
    axes = canvas.subplots()
    axes.set_axis_off()
    axes.set_title(title, fontsize="medium", loc="left")
    head, *rows = [[legible(cell, _WIDEST) if cell else "" for cell in row] for row in [table[0], *table[1]]]
    drawn = axes.table(rows, colLabels=head, loc="center", cellLoc="right")
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8.5)
    drawn.auto_set_column_width(list(range(len(head))))
    drawn.scale(1.0, 1.3)
    for (row, _), cell in drawn.get_celld().items():
        cell.set(edgecolor="#bbbbbb", facecolor="none")
        cell.set_text_props(color=INK, fontweight="bold" if row == 0 else "normal")
