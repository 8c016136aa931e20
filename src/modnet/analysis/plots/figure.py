"""A picture before it is drawn: its name, its text for those who do not see it, its size, and how to draw it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, TypeAlias

from modnet.analysis.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Canvas", "Picture", "distinct_names", "legible", "render"]

Canvas: TypeAlias = Any
"""A figure, or a part of one: matplotlib's ``FigureBase``, which may not be installed."""


@dataclass(frozen=True)
class Picture:
    """A picture before it is drawn.

    Attributes:
        name: A word for it, as in a file's name.
        title: Its title.
        text: What it shows with its main numbers, for those who do not see it.
        width: Its width in inches.
        height: Its height in inches.
        draw: Draws it on a figure, or on a part of one.
    """

    name: str
    title: str
    text: str
    width: float
    height: float
    draw: Callable[[Canvas], None]


def render(pictures: Sequence[Picture]) -> Figure:
    """Return a figure with these pictures below each other.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    heights, widest = [picture.height for picture in pictures], max(picture.width for picture in pictures)
    with new_figure(widest, sum(heights)) as figure:
        rows = figure.subfigures(len(pictures), 1, height_ratios=heights, squeeze=False)[:, 0]
        for picture, row in zip(pictures, rows, strict=True):
            rest = widest - picture.width  # a picture keeps its own width, and the rest stays empty
            picture.draw(row.subfigures(1, 2, width_ratios=[picture.width, rest])[0] if rest else row)
    return figure


def distinct_names(labels: Sequence[object], longest: int = 18) -> list[str]:
    """Return `legible` names; of those that would be the same, the end that differs, or their index too."""
    whole = [str(label) for label in labels]
    names = [legible(label, longest) for label in whole]
    same = [index for index, name in enumerate(names) if names.count(name) > 1]
    start = len(commonprefix([whole[index] for index in same]))  # noqa: RUF071 -- of characters, not of folders
    for index in same:
        if whole[index][start:]:
            names[index] = legible(f"…{whole[index][start:]}", longest)
    return [f"{name} [{index}]" if names.count(name) > 1 else name for index, name in enumerate(names)]


def legible(label: object, longest: int = 18) -> str:
    """Return a text as a picture can show it: in one line, no longer than this, in letters that its font has.

    A dollar sign begins no formula, and a letter that the font does not have becomes a question mark.
    """
    from matplotlib import font_manager

    known = font_manager.get_font(font_manager.findfont(font_manager.FontProperties())).get_charmap()
    text = "".join(letter if ord(letter) in known else "?" for letter in " ".join(str(label).split()))
    if len(text) > longest:
        end = (longest - 1) // 3
        text = f"{text[: longest - 1 - end]}…{text[-end:]}"
    return text.replace("$", r"\$") or "(empty)"
