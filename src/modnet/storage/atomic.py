"""Writing a file so that it is there whole, or the one before it is."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file at ``path``: a temporary file in the same folder is written, synced and renamed over it.

    Then the folder is synced too, so that the new file's name outlasts a loss of power. Who may read the earlier file
    may read the new one.

    Raises:
        OSError: the earlier file is as it was, and no temporary file is left. Only where the folder's syncing is what
            failed, the new file is there.
    """
    temporary = path.parent / f".{path.name[:40]}.{secrets.token_hex(8)}"
    folder = _opened(path.parent)  # now, so that it cannot fail when the earlier file is gone
    try:
        try:
            with temporary.open("xb") as file:
                with suppress(FileNotFoundError):
                    temporary.chmod(stat.S_IMODE(path.stat().st_mode))
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):  # what went wrong first is what is told
                temporary.unlink()
            raise
        if folder is not None:
            os.fsync(folder)
    finally:
        if folder is not None:
            os.close(folder)


def _opened(folder: Path) -> int | None:
    """Return a descriptor of a folder, or None on Windows, which has none and needs none."""
    return None if os.name == "nt" else os.open(folder, os.O_RDONLY)
