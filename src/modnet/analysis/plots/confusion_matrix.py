"""The confusion matrix as a picture: counts and row shares in every cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.analysis.plots.figure import Canvas, Picture, names
from modnet.analysis.plots.style import INK, SEQUENCE
from modnet.analysis.results.confusion_matrix import ConfusionMatrix
from modnet.analysis.results.results import Results

__all__ = ["confusion_picture", "confusions_text"]

MOST = 30
"""Up to how many classes are all shown; of more, those with the most mistakes, and the others together."""
_LEAST = 2.2
"""How wide all cells together are at least, in inches."""
_NAMED = 5
"""How many confusions the text names."""
_DARK = 0.3
"""From which share on the colour is so dark that the text is white."""
_LETTER = 0.11
"""About how wide a letter of a class's name is, in inches."""
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


def confusion_picture(results: Results) -> Picture | None:
    """Return the confusion matrix, or None where the targets are numbers."""
    whole = results.confusion
    if whole is None:
        return None
    _, matrix = whole.abridged(MOST)
    count = len(matrix.labels)
    title = f"Confusion matrix of {whole.samples:,} {results.part} samples"
    if len(whole.labels) > MOST:
        title += f": the {count - 1} classes with the most mistakes, of {len(whole.labels)}"
    text = f"{title}: {whole.right:,} are right ({whole.right / whole.samples:.2%}). {confusions_text(whole)}"
    cell = max(0.62 if count <= 12 else 0.55, _LEAST / count)
    width, height = cell * count + 3.0, cell * count + 2.2
    return Picture("confusion", title, text, width, height, lambda canvas: _draw(canvas, matrix, title, cell))


def confusions_text(matrix: ConfusionMatrix, most: int = _NAMED) -> str:
    """Return the most frequent confusions in a sentence."""
    found = matrix.confusions()
    if not found:
        return "No class was taken for another."
    labels = matrix.labels
    listed = ", ".join(f"{labels[one.true]} for {labels[one.predicted]} ({one.count})" for one in found[:most])
    return f"Most often taken: {listed}{', …' if len(found) > most else ''}."


def _draw(canvas: Canvas, matrix: ConfusionMatrix, title: str, cell: float) -> None:
    import matplotlib as mpl

    count = len(matrix.labels)
    shown = names(matrix.labels)
    axes = canvas.subplots()
    # Where nothing was, there is no colour, so that every mistake is seen.
    shares = np.ma.masked_where((matrix.counts == 0) | np.isnan(matrix.shares), matrix.shares)
    # By the square root, because mistakes are a few per cent, and those are to be told apart.
    scale = mpl.colors.PowerNorm(0.5, vmin=0.0, vmax=1.0)
    image = axes.imshow(shares, cmap=f"{SEQUENCE}_r", norm=scale)
    size = 8.5 if count <= 12 else 7.5
    for i, j in np.argwhere(matrix.counts > 0).tolist():
        colour = "white" if matrix.shares[i, j] >= _DARK else "black"
        where: dict[str, Any] = {"ha": "center", "color": colour}
        weight = "bold" if i == j else "normal"
        axes.text(j, i, _count(int(matrix.counts[i, j])), va="bottom", fontsize=size, fontweight=weight, **where)
        axes.text(j, i + 0.06, _share(float(matrix.shares[i, j])), va="top", fontsize=0.85 * size, **where)
    axes.set_xticks(np.arange(count), shown, **_slant(shown, cell))
    axes.set_yticks(np.arange(count), shown)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.grid(visible=False, which="major")
    axes.grid(which="minor", color=INK, alpha=0.2, linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(title.replace(": ", ":\n"), fontsize="medium", loc="left")
    bar = canvas.colorbar(image, ax=axes, shrink=0.8, aspect=25, ticks=_TICKS, label="% of the true class")
    bar.ax.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, symbol=""))


def _slant(shown: list[str], cell: float) -> dict[str, Any]:
    """Return how the names below stand, so that long ones do not run into each other; a cell is so many inches wide."""
    if max(map(len, shown)) * _LETTER <= cell:
        return {}
    return {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}


def _count(count: int) -> str:
    return str(count) if count < 100_000 else f"{count / 1000:.0f}k"


def _share(share: float) -> str:
    if 0 < share < 0.01:
        return "<1%"
    return f"{share:.0%}" if share == 1 or share < 0.995 else ">99%"
