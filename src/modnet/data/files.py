"""What every reader of a file needs: opening it, and how far compressed bytes may expand."""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from modnet.core.errors import DataError
from modnet.core.messages import error_text

__all__ = ["DEFLATE_RATIO", "STDIN", "is_file", "is_folder", "open_binary", "read_bytes", "standard_input"]

STDIN = "<stdin>"
"""What errors call standard input."""
DEFLATE_RATIO = 1032
"""How many bytes a byte of a deflate stream can stand for at most (zlib's technical details)."""

PATIENCE = 5.0
"""How many seconds a named pipe may be without a writer, or its writer without a first byte."""


def open_binary(path: Path, *, regular: bool = True) -> BinaryIO:
    """Open ``path`` to read bytes; ``regular`` refuses what has no length (pipes, devices).

    A named pipe that nobody writes to is waited for `PATIENCE` seconds.

    Raises:
        DataError: there is no such file, or it may not be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise DataError(f"{path}: is a folder; a file is expected")
        if regular and not stat.S_ISREG(mode):
            raise DataError(f"{path}: is not a regular file")
        return open(path, "rb", opener=_open)
    except DataError:  # a ValueError, too
        raise
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error_text(error)}") from None


def _open(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    try:
        named = stat.S_ISFIFO(os.fstat(descriptor).st_mode) and Path(os.path.realpath(path)).exists()
        if named and not select.select([descriptor], [], [], PATIENCE)[0]:
            raise TimeoutError(errno.ETIMEDOUT, f"nobody wrote to this pipe for {PATIENCE:g} seconds")
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def standard_input() -> BinaryIO:
    """Return standard input, which ``-`` stands for.

    Raises:
        DataError: there is none.
    """
    if sys.stdin is None:
        raise DataError(f"{STDIN}: there is no standard input")
    return sys.stdin.buffer


def read_bytes(path: Path) -> bytes:
    """Return a file's content; waits as `open_binary`, and what goes wrong is an OSError."""
    with open(path, "rb", opener=_open) as file:
        return file.read()


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder is here. Where that cannot be found out the answer is no, and opening it says why."""
    return os.path.isdir(path)  # noqa: PTH112 -- Path.is_dir raises errors before Python 3.14


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a regular file is here, as `is_folder`."""
    return os.path.isfile(path)  # noqa: PTH113
