"""What every reader of a file needs: opening it, and the words of its error messages."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from modnet.core.errors import DataError

__all__ = [
    "DEFLATE_RATIO",
    "as_python",
    "display_path",
    "error_text",
    "list_values",
    "open_binary",
    "short_repr",
    "truncate",
]

DEFLATE_RATIO = 1032
"""How many bytes a byte of a deflate stream can stand for at most (zlib's technical details)."""
LONGEST = 60
"""How many characters of a value an error shows."""
LISTED = 10
"""How many values an error lists."""


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
    """Return the message of an error of Python or NumPy in one line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(text.split())


def short_repr(value: Any) -> str:
    """Return a value for a message of one line: as Python writes it, truncated if it is long."""
    text = str(value) if isinstance(value, np.datetime64 | np.timedelta64) else repr(as_python(value))
    return truncate(" ".join(text.split()))


def as_python(value: Any) -> Any:
    """Return Python's own number, bool or text for one of NumPy's; anything else as it is."""
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "biufcUS" else value


def list_values(values: Collection[Any]) -> str:
    """Return values for a message of one line: the first ones, and how many there are."""
    more = f", … ({len(values)} in all)" if len(values) > LISTED else ""
    return ", ".join(map(short_repr, islice(values, LISTED))) + more or "none"


def truncate(text: str, length: int = LONGEST) -> str:
    """Return a text, or its beginning if it is longer than ``length`` characters."""
    return text if len(text) <= length else text[:length] + "…"
