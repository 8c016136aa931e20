"""The worst mistakes: as images where the samples are images, else as a table of features."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.analysis.plots.figure import Canvas, Picture, legible
from modnet.analysis.plots.style import INK
from modnet.analysis.results.results import Results, WorstSample

__all__ = ["Table", "mistake_text", "mistakes_picture", "mistakes_table", "mistakes_title"]

Table = tuple[list[str], list[list[str]]]
"""The heads of the columns, and the rows."""

_COLUMNS = 6
_FEATURES, _OUTPUTS = 6, 3
"""How many features a table shows, and of targets that are numbers how many outputs."""
_LONGEST, _WIDEST = 15, 24
"""How many letters of a class an image's caption has, and a cell of a table."""


def mistakes_title(results: Results) -> str:
    """Return what the mistakes are, and how many there are in all."""
    count = len(results.answers)
    if results.wrong is None:
        return f"The {len(results.mistakes)} {results.part} samples with the largest cost, of {count:,}"
    if not results.wrong:
        return f"No mistake: all {count:,} {results.part} samples are right"
    return f"The worst {len(results.mistakes)} of {results.wrong:,} mistakes among {count:,} {results.part} samples"


def mistakes_picture(results: Results) -> Picture | None:
    """Return the worst mistakes, or None where there are none."""
    if not results.mistakes:
        return None
    title = mistakes_title(results)
    text = f"{title}. " + "; ".join(mistake_text(mistake) for mistake in results.mistakes[:_COLUMNS]) + "."
    if results.image is not None:
        columns = min(len(results.mistakes), _COLUMNS)
        rows = -(-len(results.mistakes) // columns)
        size = (max(1.75 * columns, 4.5), 2.45 * rows + 0.4)
        return Picture("mistakes", title, text, *size, lambda canvas: _draw_images(canvas, results, title, columns))
    head, rows_of = mistakes_table(results)
    width = 0.4 + 0.085 * sum(min(max(map(len, column)), _WIDEST) + 3 for column in zip(head, *rows_of, strict=True))
    height = 0.3 * (len(rows_of) + 1) + 0.5
    return Picture("mistakes", title, text, max(width, 6.0), height, lambda canvas: _draw_table(canvas, results, title))


def mistake_text(mistake: WorstSample) -> str:
    """Return a mistake in a line."""
    answers = f"{_answer(mistake.true)}, predicted {_answer(mistake.predicted)}"
    return f"sample {mistake.sample}: {answers}, cost {_number(mistake.cost)}"


def mistakes_table(results: Results) -> Table:
    """Return the mistakes as text: place, class and prediction with their outputs, cost, and the first features."""
    network, count = results.network, int(np.prod(results.network.input_shape))
    shown = min(count, _FEATURES) if results.image is None else 0
    features = [f"x{j}" for j in range(shown)] if network.features is None else list(network.features[:shown])
    if 0 < shown < count:
        features.append(f"… {count - shown} more")
    told = [_outputs(mistake, results) for mistake in results.mistakes]
    head = ["sample", "true", "predicted", *(told[0] if told else ()), "cost", *features]
    rows = [
        [str(mistake.sample), _answer(mistake.true), _answer(mistake.predicted), *map(_number, outputs.values()),
         _number(mistake.cost), *map(_number, mistake.x.ravel()[:shown].tolist())]
        for mistake, outputs in zip(results.mistakes, told, strict=True)
    ]  # fmt: skip
    return head, [row + [""] * (len(head) - len(row)) for row in rows]


def _draw_images(canvas: Canvas, results: Results, title: str, columns: int) -> None:
    rows = -(-len(results.mistakes) // columns)
    canvas.suptitle(title, x=0.01, ha="left", fontsize="medium")
    places = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axes in places[len(results.mistakes) :]:
        axes.set_axis_off()
    # A shade means the same in every image: black is the largest number of them all.
    low = min(float(mistake.x.min()) for mistake in results.mistakes)
    high = max(float(mistake.x.max()) for mistake in results.mistakes)
    for axes, mistake in zip(places, results.mistakes, strict=False):
        pixels = (mistake.x.reshape(results.image) - low) / ((high - low) or 1.0)
        if pixels.ndim == 3 and pixels.shape[-1] == 1:
            pixels = pixels[..., 0]
        axes.imshow(pixels, interpolation="nearest", cmap="gray_r", vmin=0.0, vmax=1.0)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=INK, alpha=0.3)
        axes.set_title("\n".join(_caption(mistake, results)), fontsize=7.5, color=INK)


def _caption(mistake: WorstSample, results: Results) -> list[str]:
    place = f"sample {mistake.sample}, cost {_number(mistake.cost)}"
    true, predicted = (legible(_answer(each), _LONGEST) for each in (mistake.true, mistake.predicted))
    if results.wrong is None:
        return [place, f"true {true}", f"predicted {predicted}"]
    outputs = [f": {_number(value)}" for value in _outputs(mistake, results).values()]
    if len(outputs) == 1:
        return [place, f"true {true}", f"taken for {predicted}{outputs[0]}"]
    return [place, f"true {true}{outputs[0]}", f"taken for {predicted}{outputs[1]}"]


def _draw_table(canvas: Canvas, results: Results, title: str) -> None:
    axes = canvas.subplots()
    axes.set_axis_off()
    axes.set_title(title, fontsize="medium", loc="left")
    head, rows = mistakes_table(results)
    cells = [[legible(cell, _WIDEST) if cell else "" for cell in row] for row in [head, *rows]]
    table = axes.table(cells[1:], colLabels=cells[0], loc="center", cellLoc="right")
    table.auto_set_font_size(False)
    table.set_fontsize(8.5)
    table.auto_set_column_width(list(range(len(head))))
    table.scale(1.0, 1.3)
    for (row, _), cell in table.get_celld().items():
        cell.set_edgecolor("#bbbbbb")
        cell.set_text_props(color=INK, fontweight="bold" if row == 0 else "normal")


def _outputs(mistake: WorstSample, results: Results) -> dict[str, float]:
    """Return the outputs that tell of a wrong class, by what they are of; none where the targets are numbers."""
    if results.wrong is None:
        return {}
    if mistake.true_output is None or mistake.predicted_output is None:
        return {"output": mistake.outputs[0]}
    return {"output for true": mistake.true_output, "output for predicted": mistake.predicted_output}


def _answer(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_number, value[:_OUTPUTS])) + (", …" if len(value) > _OUTPUTS else "")
    return str(value)


def _number(value: float) -> str:
    return f"{value:.3g}"
