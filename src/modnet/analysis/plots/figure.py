"""A picture before it is drawn: what it is called, what it says in words, how large it is, and who draws it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import TYPE_CHECKING, Any, TypeAlias

from modnet.analysis.plots.style import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Canvas", "Picture", "drawn", "legible", "names"]

Canvas: TypeAlias = Any
"""A figure, or a part of one: matplotlib's ``FigureBase``, which may not be installed."""


@dataclass(frozen=True)
class Picture:
    """A picture before it is drawn.

    Attributes:
        name: A word for it, as in a file's name.
        title: What it is called.
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


def drawn(pictures: Sequence[Picture]) -> Figure:
    """Return a figure with these pictures below each other.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    heights, widest = [picture.height for picture in pictures], max(picture.width for picture in pictures)
    with drawing(widest, sum(heights)) as figure:
        places = figure.subfigures(len(pictures), 1, height_ratios=heights, squeeze=False)[:, 0]
        for picture, place in zip(pictures, places, strict=True):
            rest = widest - picture.width  # a picture keeps its own width, and what is left stays empty
            picture.draw(place.subfigures(1, 2, width_ratios=[picture.width, rest])[0] if rest else place)
    return figure


def names(labels: Sequence[object], longest: int = 18) -> list[str]:
    """Return `legible` names; of those that would become the same, the end that is their own, or their places too."""
    whole = [str(label) for label in labels]
    texts = [legible(label, longest) for label in whole]
    alike = [place for place, text in enumerate(texts) if texts.count(text) > 1]
    start = len(commonprefix([whole[place] for place in alike]))  # noqa: RUF071 -- of characters, not of folders
    for place in alike:
        if whole[place][start:]:
            texts[place] = legible(f"…{whole[place][start:]}", longest)
    return [f"{text} [{place}]" if texts.count(text) > 1 else text for place, text in enumerate(texts)]


def legible(label: object, longest: int = 18) -> str:
    """Return a text as a picture can show it: in one line, no longer than this, in letters that its font has.

    A dollar sign begins no formula, and what the font does not have is a question mark.
    """
    return _short(_shown(" ".join(str(label).split())), longest).replace("$", r"\$") or "(empty)"


def _short(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 3
    return f"{text[: longest - 1 - tail]}…{text[-tail:]}"


def _shown(text: str) -> str:
    from matplotlib import font_manager

    known = font_manager.get_font(font_manager.findfont(font_manager.FontProperties())).get_charmap()
    return "".join(letter if ord(letter) in known else "?" for letter in text)
