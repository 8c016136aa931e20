"""The lock of a folder: one process writes to it at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from modnet.core.errors import ModelFileError
from modnet.storage.inside import inside

if TYPE_CHECKING:
    from filelock import FileLock

__all__ = ["FolderLock"]


class FolderLock:
    """Keeps others from writing to a folder until `release` or the end of this process, however it ends.

    Both a file in the folder and the folder itself are locked: the file can be removed by hand, and the folder cannot
    be locked on every file system.

    Raises:
        ModelFileError: another process holds the lock, or the folder cannot be locked.
    """

    NAME = ".lock"

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock, Timeout  # imports sockets and more, for run folders only

        self._path = inside(folder, self.NAME)
        self._file: FileLock = FileLock(self._path, timeout=0, thread_local=False)
        self._folder: int | None = None
        try:
            self._file.acquire()
            self._identity = _identity(folder)
            is_free = self._lock_folder(folder)
        except Timeout:
            is_free = False
        except OSError as error:
            self.release()
            raise ModelFileError(f"{folder}: cannot be locked: {error.strerror}") from None
        if not is_free:
            self.release()
            raise ModelFileError(f"{folder}: another training is writing to this run folder")

    def release(self) -> None:
        """Let others write to the folder. A lock file that cannot be removed stays, and keeps nobody out."""
        with suppress(OSError):
            if self._file.is_locked:
                self._path.unlink(missing_ok=True)  # before the release: the next process makes its own
        with suppress(OSError):
            self._file.release()
        self.close_folder()

    def is_at(self, folder: Path) -> bool:
        """Return whether the locked folder is at this path, or nothing is; another one may have taken its place."""
        try:
            return _identity(folder) == self._identity
        except FileNotFoundError:
            return True

    def close_folder(self) -> None:
        """Give up the lock of the folder itself."""
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def _lock_folder(self, folder: Path) -> bool:
        from filelock import lock_descriptor

        if os.name == "nt":  # has no descriptors of folders, and does not let others remove a locked file
            return True
        self._folder = os.open(folder, os.O_RDONLY)
        _LOCKS.add(self)
        try:
            return lock_descriptor(self._folder, blocking=False)
        except OSError:  # such as NFS, which locks files only
            return True


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


_LOCKS: WeakSet[FolderLock] = WeakSet()


def _close_in_child() -> None:
    """Let a forked process hold no lock of its parent, which may end before it, as filelock does for its files."""
    for lock in tuple(_LOCKS):
        lock.close_folder()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
