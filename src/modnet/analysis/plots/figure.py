"""What all pictures share: their style, how they are drawn on a figure, and how that is written to a file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from os import PathLike, fspath
from os.path import commonprefix
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from modnet.analysis.html_table import html_text
from modnet.core.errors import ConfigError
from modnet.core.numbers import EXPONENTS, format_number
from modnet.storage.atomic import write_errors, write_output

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:  # matplotlib may not be installed
    Axes = Figure = Any

__all__ = ["COLOURS", "INK", "MARKERS", "PIXELS", "SEQUENCE", "SHADES", "Axes", "Canvas", "Figure", "Picture",
           "check_matplotlib",
           "distinct_names", "figure_bytes", "file_format", "inline_svg", "legible", "new_figure", "render", "save",
           "width_style", "write"]  # fmt: skip

INK = "#333333"
"""The colour of text and axes; within a page, the page's own."""
# Okabe and Ito, "Color Universal Design" (2008): told apart by people with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", INK)
"""For lines and areas, in this order."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""For the same lines, so that nothing is told by colour alone."""
SEQUENCE = "cividis"
"""The colour map for quantities; its lightness rises evenly for every kind of colour vision."""
SHADES = 0.25, 0.8
"""The part of `SEQUENCE` for lines, which are then seen on a light and on a dark page."""
PIXELS = 96
"""The CSS pixels of an inch."""
_COLUMN = 640
"""The width of a column of text in CSS pixels."""
FORMATS = ("pdf", "png", "svg")
_SETTINGS: Any = {
    "axes.edgecolor": INK, "axes.formatter.limits": EXPONENTS,
    "axes.formatter.useoffset": False, "axes.grid": True, "axes.labelcolor": INK, "axes.spines.right": False,
    "axes.spines.top": False, "font.size": 10, "grid.alpha": 0.3, "legend.frameon": False, "svg.fonttype": "path",
    "svg.hashsalt": "modnet", "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    **{f"axes3d.{axis}axis.panecolor": (0.5, 0.5, 0.5, 0.1) for axis in "xyz"},
}  # fmt: skip

Canvas: TypeAlias = Any
"""A figure, or a part of one: matplotlib's ``FigureBase``."""


@dataclass(frozen=True)
class Picture:
    """A picture before it is drawn.

    Attributes:
        name: A word for it, as in a file's name.
        title, text: Its title, and what it shows with its main numbers, for those who do not see it.
        width, height: Its size in inches.
        draw: Draws it on a figure, or on a part of one.
    """

    name: str
    title: str
    text: str
    width: float
    height: float
    draw: Callable[[Canvas], None]


def check_matplotlib() -> None:
    """Raise a ConfigError if matplotlib is not installed; for a command, before any work."""
    if find_spec("matplotlib") is None:
        raise ConfigError("pictures need matplotlib: pip install matplotlib")


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """Provide an empty figure of this size in inches, with modnet's style while it is drawn; it belongs to no window.

    Raises:
        ConfigError: matplotlib is not installed; so for everything that draws.
    """
    check_matplotlib()
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        """A figure that a notebook shows although it belongs to no window."""

        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            size = {"width": round(PIXELS * self.get_figwidth()), "height": round(PIXELS * self.get_figheight())}
            return figure_bytes(self, "png"), size

    with mpl.rc_context(_SETTINGS | {"axes.prop_cycle": cycler(color=COLOURS)}):
        figure = NotebookFigure(figsize=(width, height), layout="constrained")
        yield figure
        _write_numbers(figure)


def _write_numbers(figure: Figure) -> None:
    """Write the numbers on axes as everywhere else: 143,000 and 0.2; what needs an exponent is a power of ten."""
    from matplotlib.ticker import LogFormatterSciNotation, ScalarFormatter

    class Linear(ScalarFormatter):
        def __call__(self, value: float, position: int | None = None) -> str:
            whole, point, rest = super().__call__(value, position).partition(".")
            return re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", whole) + point + rest

    class Logarithmic(LogFormatterSciNotation):
        def __call__(self, value: float, position: int | None = None) -> str:
            text, plain = super().__call__(value, position), format_number(value)
            return text if not text or "e" in plain else plain

    ours = {ScalarFormatter: Linear, LogFormatterSciNotation: Logarithmic}
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        for ticks in ("major", "minor"):
            kind = type(getattr(axis, f"get_{ticks}_formatter")())
            if kind in ours:
                getattr(axis, f"set_{ticks}_formatter")(ours[kind]())


def render(pictures: Sequence[Picture]) -> Figure:
    """Return a figure with these pictures below each other."""
    heights, widest = [picture.height for picture in pictures], max(picture.width for picture in pictures)
    with new_figure(widest, sum(heights)) as figure:
        rows = figure.subfigures(len(pictures), 1, height_ratios=heights, squeeze=False)[:, 0]
        for picture, row in zip(pictures, rows, strict=True):
            rest = widest - picture.width  # a picture keeps its own width, and the rest stays empty
            picture.draw(row.subfigures(1, 2, width_ratios=[picture.width, rest])[0] if rest else row)
    return figure


def figure_bytes(figure: Figure, format_: str) -> bytes:
    """Return a figure as the content of an ``svg``, ``png`` or ``pdf`` file; the same figure gives the same bytes."""
    import matplotlib as mpl

    content = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(content, format=format_, dpi=150, metadata={"Date": None} if format_ == "svg" else None)
    return content.getvalue()


def width_style(width: int) -> str:
    """Return CSS for a figure of so many pixels: a small one shrinks to fit a phone, and a large one scrolls.

    That shrinks to a column of text, or as far as it can still be read.
    """
    least = 0.53 * width if width <= _COLUMN else min(0.62 * width, max(0.56 * width, _COLUMN))
    return f"min-width:{round(least)}px;max-width:{width}px"


def inline_svg(figure: Figure, name: str, text: str) -> str:
    """Return a figure as an SVG element within a page: it has no background, and `INK` is the page's own colour.

    Args:
        figure: The figure.
        name: Begins the identifiers in it, which no other figure of the page may have.
        text: What it shows, for those who do not see it.
    """
    import matplotlib as mpl

    content = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(content, format="svg", metadata={"Date": None}, transparent=True)
    _, tag, svg = content.getvalue().partition("<svg ")
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|\n\s*(?=<)", "", svg, flags=re.DOTALL)
    svg = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(?<=\.\d\d)\d+", "", path[0]), svg)  # no more is seen
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", svg).replace(INK, "currentColor")
    style = f"stroke-linejoin:round;stroke-linecap:butt;{width_style(round(figure.get_figwidth() * PIXELS))}"
    return f'{tag}role="img" aria-label="{html_text(text)}" style="{style}" {svg}'


def file_format(path: str | PathLike[str], allowed: Sequence[str] = FORMATS) -> str:
    """Return the format that a file's suffix names; any that is not allowed is a ConfigError."""
    suffix = Path(path).suffix.removeprefix(".").lower()
    if suffix not in allowed:
        listed = ", ".join(f".{name}" for name in allowed)
        raise ConfigError(f"{fspath(path)}: cannot be drawn as '{suffix}'; allowed: {listed}")
    return suffix


def save(figure: Figure, path: str | PathLike[str]) -> None:
    """Write a figure to a file, in the format that its suffix names; raises as `file_format` and `write`."""
    write(path, figure_bytes(figure, file_format(path)))


def write(path: str | PathLike[str], content: bytes) -> None:
    """Write a picture's content to its file.

    Raises:
        ConfigError: the file cannot be written; an earlier one stays as it was.
    """
    with write_errors(fspath(path)):
        write_output(Path(path), content)


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
