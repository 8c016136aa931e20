"""What every reader of a file needs: opening it, and words for its errors."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from modnet.core.errors import DataError

__all__ = ["display_path", "error_text", "open_binary", "short_repr", "truncate"]

LONGEST = 60
"""How many characters of a value an error shows."""


def open_binary(path: Path, *, regular: bool = True) -> BinaryIO:
    """Open ``path`` to read bytes; ``regular`` refuses what has no length (pipes, devices).

    Raises:
        DataError: there is no such file, or it may not be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DataError(f"{display_path(path)}: is a folder; a file is expected")
        if regular and not stat.S_ISREG(mode):
            raise DataError(f"{display_path(path)}: is not a regular file")
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise DataError(f"{display_path(path)}: cannot be read: {error_text(error)}") from None


def display_path(path: str | os.PathLike[str]) -> str:
    """Return a file's name for a message of one line."""
    text = str(path)
    return text if text.isprintable() else ascii(text)


def error_text(error: BaseException) -> str:
    """Return in one line what an error of Python's or NumPy's says."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split())


def short_repr(value: Any) -> str:
    """Return a value for a message of one line: as Python writes it, and cut where it is long."""
    single = hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 and not hasattr(value, "mask")
    plain = value.item() if single else value
    return truncate(" ".join(repr(plain).split()))


def truncate(text: str) -> str:
    """Return a text, or its beginning where it is long."""
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
