"""What all pictures share: colours, how a figure is made, and how it is written to a file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modnet.core.errors import ConfigError
from modnet.storage.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "INK", "MARKERS", "SEQUENCE", "figure_bytes", "file_format", "new_figure", "save", "write"]

# Okabe and Ito, "Color Universal Design" (2008): told apart by people with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""For lines and areas, in this order."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""For the same lines, so that nothing is told by colour alone."""
SEQUENCE = "cividis"
"""The colour map for quantities; its lightness rises evenly for every kind of colour vision."""
INK = "#333333"
FORMATS = ("pdf", "png", "svg")
_SETTINGS: Any = {
    "axes.edgecolor": INK, "axes.grid": True, "axes.labelcolor": INK, "axes.spines.right": False,
    "axes.spines.top": False, "font.size": 10, "grid.alpha": 0.3, "legend.frameon": False, "svg.fonttype": "path",
    "svg.hashsalt": "modnet", "text.color": INK, "xtick.color": INK, "ytick.color": INK,
}  # fmt: skip


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """Provide an empty figure of this size in inches, with modnet's style while it is drawn; it belongs to no window.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from cycler import cycler
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError("pictures need matplotlib: pip install 'modnet-framework[plot]'") from None
    with mpl.rc_context(_SETTINGS | {"axes.prop_cycle": cycler(color=COLOURS)}):
        yield Figure(figsize=(width, height), layout="constrained")


def figure_bytes(figure: Figure, format_: str) -> bytes:
    """Return a figure as the content of an ``svg``, ``png`` or ``pdf`` file; the same figure gives the same bytes."""
    import matplotlib as mpl

    content = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(content, format=format_, dpi=150, metadata={"Date": None} if format_ == "svg" else None)
    return content.getvalue()


def file_format(path: str | PathLike[str], allowed: Sequence[str] = FORMATS) -> str:
    """Return the format that a file's suffix names.

    Raises:
        ConfigError: the suffix is not one of those that are allowed.
    """
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
    try:
        write_atomically(Path(path), content)
    except OSError as error:
        raise ConfigError(f"{fspath(path)}: cannot be written: {error.strerror}") from None
