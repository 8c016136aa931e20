"""The worst mistakes: as images where the samples are images, else as a table of features."""

from __future__ import annotations

from modnet.analysis.plots.figure import Canvas, Picture, legible
from modnet.analysis.plots.style import INK
from modnet.analysis.results.results import Results
from modnet.analysis.results.worst_samples import Table, WorstSample, number_text, worst_samples_table

__all__ = ["mistakes_picture"]

_COLUMNS = 6
_LONGEST, _WIDEST = 15, 24
"""The most letters of a class in an image's caption, and of a cell of a table."""


def mistakes_picture(results: Results) -> Picture | None:
    """Return the worst mistakes, or None where there are none."""
    mistakes, title = results.mistakes, results.mistakes_title
    if not mistakes:
        return None
    text = f"{title}. {'; '.join(mistake.sentence for mistake in mistakes[:_COLUMNS])}."
    if results.image is not None:
        columns = min(len(mistakes), _COLUMNS)
        rows = -(-len(mistakes) // columns)
        size = max(1.75 * columns, 4.5), 2.45 * rows + 0.4
        return Picture("mistakes", title, text, *size, lambda canvas: _draw_images(canvas, results, rows, columns))
    table = worst_samples_table(mistakes, results.run.network, with_features=True)
    width = 0.4 + 0.085 * sum(
        min(max(map(len, column)), _WIDEST) + 3 for column in zip(table[0], *table[1], strict=True)
    )
    size = max(width, 6.0), 0.3 * (len(mistakes) + 1) + 0.5
    return Picture("mistakes", title, text, *size, lambda canvas: _draw_table(canvas, title, table))


def _draw_images(canvas: Canvas, results: Results, rows: int, columns: int) -> None:
    canvas.suptitle(results.mistakes_title, x=0.01, ha="left", fontsize="medium")
    panels = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(results.mistakes) :]:
        axes.set_axis_off()
    # A shade means the same in every image: black is the largest number of them all.
    low = min(float(mistake.x.min()) for mistake in results.mistakes)
    high = max(float(mistake.x.max()) for mistake in results.mistakes)
    for axes, mistake in zip(panels, results.mistakes, strict=False):
        pixels = (mistake.x.reshape(results.image) - low) / ((high - low) or 1.0)
        if pixels.ndim == 3 and pixels.shape[-1] == 1:
            pixels = pixels[..., 0]
        axes.imshow(pixels, interpolation="nearest", cmap="gray_r", vmin=0.0, vmax=1.0)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=INK, alpha=0.3)
        axes.set_title(_caption(mistake), fontsize=7.5, color=INK)


def _caption(mistake: WorstSample) -> str:
    true, predicted = (legible(text, _LONGEST) for text in (mistake.true_text, mistake.predicted_text))
    outputs = [f": {number_text(value)}" for value in mistake.decisive_outputs.values()]
    of_predicted = outputs.pop() if outputs else ""
    of_true = outputs.pop() if outputs else ""
    lines = [f"sample {mistake.sample}, cost {number_text(mistake.cost)}", f"true {true}{of_true}",
             f"predicted {predicted}{of_predicted}"]  # fmt: skip
    return "\n".join(lines)


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
        cell.set_edgecolor("#bbbbbb")
        cell.set_text_props(color=INK, fontweight="bold" if row == 0 else "normal")
