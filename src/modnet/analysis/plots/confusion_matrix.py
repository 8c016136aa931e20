"""The confusion matrix as a picture: counts and row shares in every cell."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from modnet.analysis.plots.figure import COLOURS, INK, Canvas, Picture, distinct_names
from modnet.analysis.results.confusion_matrix import ConfusionMatrix
from modnet.analysis.results.results import Results
from modnet.core.numbers import format_number

__all__ = ["abridge", "confusion_picture", "matrix_picture"]

MOST = 30
"""The most classes that are all shown; of more, those with the most mistakes, and the others together."""
_CELL = 0.45
"""The size of a cell in inches: of ten, on a screen of 500 pixels, the text is still legible."""
_LEAST = 2.6
"""The least width of all cells together, in inches."""
_NAME, _LETTER = 12, 0.085
"""The most letters of a class's name, and the width of one, about, in inches."""
_OPACITIES, _DIAGONAL = (0.06, 0.85), 0.12
"""The opacities of the least and the largest share of errors, and of the diagonal: the text is read on all of them."""


def confusion_picture(results: Results) -> Picture | None:
    """Return the confusion matrix, or None where the targets are numbers."""
    return None if results.confusion is None else matrix_picture(results.confusion, results.part)


def matrix_picture(whole: ConfusionMatrix, part: str) -> Picture:
    """Return a confusion matrix of samples of this part, as sentences name it."""
    matrix = abridge(whole, MOST)
    count, longest = len(matrix.labels), min(max(len(str(label)) for label in matrix.labels), _NAME)
    title = f"Confusion matrix of {whole.samples:,} {part} samples"
    if count < len(whole.labels):
        title += f": the {count - 1} classes with the most mistakes, of {len(whole.labels):,}"
    text = f"{title}: {whole.correct:,} are correct ({whole.correct / whole.samples:.2%}). {whole.sentence}"
    cells = max(_CELL * count, _LEAST) + _LETTER * longest
    width, height = cells + 0.8, cells + 1.9
    return Picture("confusion", title, text, width, height, lambda canvas: _draw(canvas, matrix, title, width))


def abridge(matrix: ConfusionMatrix, most: int) -> ConfusionMatrix:
    """Return a matrix of at most so many classes: those with the most mistakes, and last all others together.

    Where two of these others were confused with each other, that is on the diagonal.
    """
    count = len(matrix.labels)
    if count <= most:
        return matrix
    mistakes = matrix.counts.sum(axis=0) + matrix.counts.sum(axis=1) - 2 * np.diagonal(matrix.counts)
    kept = sorted(np.argsort(-mistakes, kind="stable")[: most - 1].tolist())
    place = np.full(count, most - 1)
    place[kept] = np.arange(most - 1)
    counts = np.zeros((most, most), dtype=np.int64)
    np.add.at(counts, (place[:, None], place[None, :]), matrix.counts)
    return ConfusionMatrix((*(matrix.labels[i] for i in kept), f"{count - len(kept)} others"), counts)


def _draw(canvas: Canvas, matrix: ConfusionMatrix, title: str, width: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    count, names, axes = len(matrix.labels), distinct_names(matrix.labels, _NAME), canvas.subplots()
    # Errors are coloured by their share of the true class, and all else is grey, so that errors are what is seen.
    errors, is_diagonal = np.nan_to_num(matrix.shares), np.eye(count, dtype=bool)
    errors[is_diagonal] = 0.0
    scale = Normalize(0.0, errors.max() or 1.0)
    shades = [to_rgba(COLOURS[1], opacity) for opacity in _OPACITIES]
    colours = LinearSegmentedColormap.from_list("errors", shades)
    cells = colours(scale(errors))
    cells[matrix.counts == 0] = 0.0  # no colour, so that every error is seen
    cells[is_diagonal & (matrix.counts > 0)] = to_rgba("#808080", _DIAGONAL)
    axes.imshow(cells, aspect="auto")  # the picture is about as wide as it is high; a layout with "equal" is cut off
    for i, j in np.argwhere(matrix.counts > 0).tolist():
        weight = "normal" if i == j else "bold"
        axes.text(j, i, _count(int(matrix.counts[i, j])), ha="center", va="bottom", fontsize=8, fontweight=weight)
        axes.text(j, i + 0.06, _share(float(matrix.shares[i, j])), ha="center", va="top", fontsize=6.5)
    is_wide = max(map(len, names)) * _LETTER > max(_CELL, _LEAST / count)  # names do not run into each other
    axes.set_xticks(np.arange(count), names, rotation=90 if is_wide else 0)
    axes.set_yticks(np.arange(count), names)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.tick_params(labelsize=8.5)
    axes.grid(visible=False, which="major")
    axes.grid(which="minor", color=INK, alpha=0.2, linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set(xlabel="predicted class", ylabel="true class")
    canvas.suptitle(textwrap.fill(title, int(12 * width)), x=0.02, ha="left", fontsize="medium")
    if errors.any():
        label = "errors: % of the true class" + (" (grey: correct)" if width > 4 else "")
        style: Any = {"location": "bottom", "shrink": min(1.0, 5.0 / width), "aspect": 30, "pad": 0.25 / width}
        bar = canvas.colorbar(ScalarMappable(scale, colours), ax=axes, label=label, **style)
        bar.locator = MaxNLocator(5)
        bar.formatter = FuncFormatter(lambda share, _: format_number(100 * share))


def _count(count: int) -> str:
    return f"{count:,}" if count < 100_000 else f"{count / 1000:,.0f}k"


def _share(share: float) -> str:
    if 0 < share < 0.01:
        return "<1%"
    return f"{share:.0%}" if share == 1 or share < 0.995 else ">99%"
