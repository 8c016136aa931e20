"""Atomic writes: the new content or the earlier file is there, whole; paths of users; and file errors of one line."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from pydantic import ValidationError

from modnet.config.load import explain
from modnet.core.errors import ConfigError, DataError, ModelFileError
from modnet.core.messages import error_text, printable, warn_once

__all__ = [
    "copy_file",
    "file_errors",
    "is_refused_by_system",
    "one_line",
    "sync_folder",
    "write_atomically",
    "write_errors",
    "write_file",
    "write_output",
]


@contextmanager
def file_errors(path: str | PathLike[str], problem: str) -> Iterator[None]:
    """Turn the system's errors, and those about a file's contents, into a `ModelFileError`: path, problem, reason."""
    try:
        yield
    except DataError:  # a ValueError, too
        raise
    except (OSError, ValueError, OverflowError, RecursionError, MemoryError) as error:  # a ConfigError included
        raise ModelFileError(f"{path}: {problem}: {one_line(error)}") from None


@contextmanager
def write_errors(place: str) -> Iterator[None]:
    """Turn an error in writing a file that a user named into one line.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        yield
    except (ConfigError, DataError):  # ValueErrors, too
        raise
    except (OSError, ValueError) as error:
        raise ConfigError(f"{place}: cannot be written: {error_text(error)}") from None


def is_refused_by_system(error: ModelFileError) -> bool:
    """Return whether a file could not be written because of the system (a full disk), and not of its contents."""
    return isinstance(error.__context__, OSError)


def one_line(error: BaseException) -> str:
    """Return an error's text in one printable line of at most 500 characters, whatever words of a file are in it."""
    text = explain(error) if isinstance(error, ValidationError) else error_text(error)
    return printable(" ".join(text.split()))[:500]


def write_file(path: Path, content: bytes) -> None:
    """Write a file as `write_atomically` does; an error is a `ModelFileError`."""
    with file_errors(path, "cannot be written"):
        write_atomically(path, content)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, as `write_file` writes it; onto itself, it has no other names (hard links) any more."""
    with file_errors(source, "cannot be read"):
        content = source.read_bytes()
    write_file(target, content)


def write_atomically(path: Path, content: bytes, check: Callable[[Path], object] | None = None) -> None:
    """Replace a file: a temporary one beside it, with its permissions, is written, synced and renamed; then the folder.

    After an OSError the earlier file is unchanged, unless syncing the folder failed; no temporary file is left. The
    same holds after an error of ``check``, which is called with the temporary file before that is renamed.
    """
    temporary = path.parent / f".{path.name[:40]}.{secrets.token_hex(8)}"
    # Opened now, so that it cannot fail when the earlier file is gone. Windows has no such descriptor and needs none.
    folder = None if os.name == "nt" else os.open(path.parent, os.O_RDONLY)
    try:
        try:
            with temporary.open("xb") as file:
                with suppress(FileNotFoundError):
                    temporary.chmod(stat.S_IMODE(path.stat().st_mode))
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if check is not None:
                check(temporary)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):  # the first error is the one to report
                temporary.unlink()
            raise
        if folder is not None:
            sync_folder(folder)
    finally:
        if folder is not None:
            os.close(folder)


def sync_folder(folder: int | Path) -> None:
    """Sync a folder's entries to the disk, where the file system can; where it cannot, say so once."""
    if os.name == "nt":  # which has no descriptors of folders
        return
    descriptor = folder if isinstance(folder, int) else os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        warn_once(f"this file system cannot sync folders ({error.strerror}); a power failure may undo the last writes")
    finally:
        if descriptor != folder:
            os.close(descriptor)


def write_output(path: Path, content: bytes) -> None:
    """Write to a path that a user named: a link is followed, and what is no regular file is written to as a stream.

    A regular file is replaced as by `write_atomically`, unless it may not be written to.
    """
    descriptor = _open_descriptor(path)
    try:
        if descriptor is None:  # waits for the reader of a pipe, as a shell does
            opened = os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0))
        else:
            opened = os.dup(descriptor)
    except FileNotFoundError:  # a new file, which a link may lead to
        pass
    else:
        with os.fdopen(opened, "wb") as file:
            if descriptor is not None or not stat.S_ISREG(os.fstat(opened).st_mode):
                file.write(content)
                return
    write_atomically(Path(os.path.realpath(path)), content)


def _open_descriptor(path: Path) -> int | None:
    """Return the open descriptor that a path such as /dev/stdout leads to, which may belong to a regular file."""
    descriptors = os.path.realpath("/dev/fd")
    for _ in range(40):  # as many links as Linux follows
        folder = os.path.realpath(path.parent)
        if folder == descriptors and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            break
        path = Path(folder, path.readlink())
    return None
