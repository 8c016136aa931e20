"""The confusion matrix as a picture: counts and row shares in every cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.analysis.plots.figure import INK, SEQUENCE, Canvas, Picture, distinct_names
from modnet.analysis.results.confusion_matrix import ConfusionMatrix
from modnet.analysis.results.results import Results

__all__ = ["abridge", "confusion_picture"]

MOST = 30
"""The most classes that are all shown; of more, those with the most mistakes, and the others together."""
_LEAST = 2.2
"""The least width of all cells together, in inches."""
_DARK = 0.3
"""The share from which the colour is so dark that the text is white."""
_LETTER = 0.11
"""The width of a letter of a class's name, about, in inches."""
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


def confusion_picture(results: Results) -> Picture | None:
    """Return the confusion matrix, or None where the targets are numbers."""
    whole = results.confusion
    if whole is None:
        return None
    matrix = abridge(whole, MOST)
    count = len(matrix.labels)
    title = f"Confusion matrix of {whole.samples:,} {results.part} samples"
    if count < len(whole.labels):
        title += f": the {count - 1} classes with the most mistakes, of {len(whole.labels)}"
    text = f"{title}: {whole.correct:,} are correct ({whole.correct / whole.samples:.2%}). {whole.sentence}"
    cell = max(0.62 if count <= 12 else 0.55, _LEAST / count)
    width, height = cell * count + 3.0, cell * count + 2.2
    return Picture("confusion", title, text, width, height, lambda canvas: _draw(canvas, matrix, title, cell))


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


def _draw(canvas: Canvas, matrix: ConfusionMatrix, title: str, cell: float) -> None:
    import matplotlib as mpl

    count, names, axes = len(matrix.labels), distinct_names(matrix.labels), canvas.subplots()
    # Cells without samples have no colour, so that every mistake is seen.
    shares = np.ma.masked_where((matrix.counts == 0) | np.isnan(matrix.shares), matrix.shares)
    # By the square root, because mistakes are a few per cent, and those are to be told apart.
    scale = mpl.colors.PowerNorm(0.5, vmin=0.0, vmax=1.0)
    image = axes.imshow(shares, cmap=f"{SEQUENCE}_r", norm=scale)
    size = 8.5 if count <= 12 else 7.5
    for i, j in np.argwhere(matrix.counts > 0).tolist():
        style: dict[str, Any] = {"ha": "center", "color": "white" if matrix.shares[i, j] >= _DARK else "black"}
        weight = "bold" if i == j else "normal"
        axes.text(j, i, _count(int(matrix.counts[i, j])), va="bottom", fontsize=size, fontweight=weight, **style)
        axes.text(j, i + 0.06, _share(float(matrix.shares[i, j])), va="top", fontsize=0.85 * size, **style)
    is_wide = max(map(len, names)) * _LETTER > cell  # slanted, names do not run into each other
    slant: Any = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if is_wide else {}
    axes.set_xticks(np.arange(count), names, **slant)
    axes.set_yticks(np.arange(count), names)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.grid(visible=False, which="major")
    axes.grid(which="minor", color=INK, alpha=0.2, linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(title.replace(": ", ":\n"), fontsize="medium", loc="left")
    bar = canvas.colorbar(image, ax=axes, shrink=0.8, aspect=25, ticks=_TICKS, label="% of the true class")
    bar.ax.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, symbol=""))


def _count(count: int) -> str:
    return str(count) if count < 100_000 else f"{count / 1000:.0f}k"


def _share(share: float) -> str:
    if 0 < share < 0.01:
        return "<1%"
    return f"{share:.0%}" if share == 1 or share < 0.995 else ">99%"
