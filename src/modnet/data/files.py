"""What every reader of a file needs: opening it, and how far compressed bytes may expand."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from modnet.core.errors import DataError
from modnet.core.messages import display_path, error_text

__all__ = ["DEFLATE_RATIO", "open_binary"]

DEFLATE_RATIO = 1032
"""How many bytes a byte of a deflate stream can stand for at most (zlib's technical details)."""


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
