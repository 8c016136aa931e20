"""What every reader of a file needs: opening it, and how far compressed bytes may expand."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from modnet.core.errors import DataError
from modnet.core.messages import display_path, error_text

__all__ = ["DEFLATE_RATIO", "is_file", "is_folder", "open_binary", "read_bytes"]

DEFLATE_RATIO = 1032
"""How many bytes a byte of a deflate stream can stand for at most (zlib's technical details)."""


def open_binary(path: Path, *, regular: bool = True) -> BinaryIO:
    """Open ``path`` to read bytes; ``regular`` refuses what has no length (pipes, devices).

    A pipe that nobody writes to is empty: its writer is not waited for.

    Raises:
        DataError: there is no such file, or it may not be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DataError(f"{display_path(path)}: is a folder; a file is expected")
        if regular and not stat.S_ISREG(mode):
            raise DataError(f"{display_path(path)}: is not a regular file")
        return open(path, "rb", opener=_open)
    except (OSError, ValueError) as error:
        raise DataError(f"{display_path(path)}: cannot be read: {error_text(error)}") from None


def _open(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    return descriptor


def read_bytes(path: Path) -> bytes:
    """Return a file's content, of a pipe as `open_binary`; what goes wrong is an OSError."""
    with open(path, "rb", opener=_open) as file:
        return file.read()


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder is here. Where that cannot be found out the answer is no, and opening it says why."""
    return os.path.isdir(path)  # noqa: PTH112 -- Path.is_dir raises errors before Python 3.14


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a regular file is here, as `is_folder`."""
    return os.path.isfile(path)  # noqa: PTH113
