"""The picture of a confusion matrix: errors are what is seen, the rare ones dull, and the diagonal apart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from modnet import ConfusionMatrix
from modnet.analysis.plots.confusion_matrix import confusion_picture
from modnet.analysis.plots.figure import Picture, render

DIGITS = np.diag([1350, 1560, 1010, 1003, 900, 880, 940, 1010, 900, 980]) + np.eye(10, k=2, dtype=int) * 4
DIGITS[4, 9] = 93
DIGITS[7, 2] = 40
CARD = 500 - 50
"""The pixels of a card of the report in a window of 500."""


def picture(counts: np.ndarray, names: Any = None) -> Picture:
    matrix = ConfusionMatrix(tuple(range(len(counts)) if names is None else names), counts)
    found: Any = SimpleNamespace(confusion=matrix, part="test")
    made = confusion_picture(found)
    assert made is not None
    return made


def pixels(made: Picture, count: int) -> np.ndarray:
    """Return the colour of every cell as it is seen, on white, from 0 to 1: (classes, classes, 3)."""
    figure = render([made])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    seen = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    places = np.stack(np.meshgrid(np.arange(count) - 0.42, np.arange(count) - 0.42), axis=-1)  # beside the text
    at = figure.axes[0].transData.transform(places.reshape(-1, 2)).round().astype(int)
    return seen[len(seen) - 1 - at[:, 1], at[:, 0]].reshape(count, count, 3)


def test_the_colour_follows_the_share_of_errors_and_the_diagonal_is_grey() -> None:
    seen = pixels(picture(DIGITS), 10)
    colourfulness = seen.max(axis=2) - seen.min(axis=2)
    shares = DIGITS / DIGITS.sum(axis=1, keepdims=True)
    off = ~np.eye(10, dtype=bool)
    assert colourfulness[~off].max() == 0.0
    assert seen[~off].mean() < 0.97  # and not white, as cells without samples are
    assert (seen[DIGITS == 0] == 1.0).all()
    strongest = sorted(zip(colourfulness[off], shares[off], strict=True), reverse=True)
    assert [share for _, share in strongest[:2]] == [shares[4, 9], shares[7, 2]]
    rare = colourfulness[off & (shares > 0) & (shares < 0.01)]
    assert 0.0 < rare.max() < 0.2 * colourfulness[4, 9]
    assert colourfulness[7, 2] == pytest.approx(shares[7, 2] / shares[4, 9] * colourfulness[4, 9], abs=0.06)


@pytest.mark.parametrize("names", [None, [f"a class with a long name {i}" for i in range(10)]])
def test_ten_classes_fit_into_a_narrow_window(names: Any) -> None:
    made = picture(DIGITS, names)
    assert 0.53 * 96 * made.width <= CARD


def test_without_errors_nothing_is_coloured() -> None:
    figure = render([picture(np.diag([3, 4]))])
    assert len(figure.axes) == 1


def test_a_class_without_samples_is_no_error() -> None:
    counts = np.array([[5, 1], [0, 0]])
    seen = pixels(picture(counts), 2)
    assert (seen[1] == 1.0).all()
    assert seen[0, 1].max() - seen[0, 1].min() > 0.3
