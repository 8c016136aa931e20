"""A folder of files that can be made anew at any time, each known by the digest of what it was made from."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from modnet.core.messages import error_text, warn_once

__all__ = ["CacheFolder"]

SUM_BYTES = hashlib.sha256().digest_size


class CacheFolder:
    """A folder that one user writes to, in any number of processes.

    A file that cannot be read or written, or is damaged, is as good as none. A folder that somebody else could write
    to is not used, nor one that cannot be made; a line says so.

    Args:
        path: "auto" for one in the user's cache folder, "off" for none, or its path.
        name: What it is called in the user's cache folder.
        option: What the path is called in messages.
        most: How many files are kept, those that were used last.
    """

    def __init__(self, path: str, name: str, option: str, most: int = 500) -> None:
        self._most = most
        home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
        self._path = None if path == "off" else _usable(Path(home, "modnet", name) if path == "auto" else path, option)

    def read(self, digest: str) -> bytes | None:
        """Return what was written, or None."""
        if self._path is not None:
            with suppress(OSError):
                content = (self._path / digest).read_bytes()
                if hashlib.sha256(content[SUM_BYTES:]).digest() == content[:SUM_BYTES]:
                    (self._path / digest).touch()
                    return content[SUM_BYTES:]
        return None

    def write(self, digest: str, content: bytes) -> None:
        """Write a file, and remove those that have not been used for longest."""
        if self._path is not None:
            with suppress(OSError):
                with tempfile.NamedTemporaryFile(dir=self._path, delete=False) as file:
                    file.write(hashlib.sha256(content).digest() + content)
                Path(file.name).replace(self._path / digest)
                for old in sorted(self._path.iterdir(), key=lambda path: path.stat().st_mtime)[: -self._most]:
                    old.unlink()


def _usable(folder: str | Path, option: str) -> Path | None:
    problem = "can be written to by others"
    try:
        path = Path(folder).expanduser()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022):
            return path
    except (OSError, RuntimeError) as error:
        problem = f"cannot be used ({error_text(error)})"
    warn_once(f"{option}: {folder} {problem}; nothing is kept there")
    return None
