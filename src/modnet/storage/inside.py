"""Files of a run folder that are written: none of them leads out of it."""

from __future__ import annotations

from contextlib import suppress
from os import PathLike
from pathlib import Path

from modnet.storage.atomic import copy_file, file_errors

__all__ = ["check_links", "inside"]


def inside(folder: Path, name: str | PathLike[str]) -> Path:
    """Return the path of a file in a run folder, which may be written to.

    Raises:
        ModelFileError: a symbolic link, or the name itself, leads out of the folder.
    """
    path = folder / name
    with file_errors(path, "cannot be written"):
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # an error where links lead in a circle, which `resolve` leaves as they are since Python 3.13
        target = path.resolve()
        if not target.is_relative_to(folder.resolve()):
            raise OSError(f"it leads out of the run folder, to {target}")
    return path


def check_links(folder: Path) -> None:
    """Make sure that writing to any file in a run folder changes nothing outside of it.

    A file that has other names (hard links), as in a backup made by ``cp -al``, is replaced by a copy. Model files and
    checkpoints are not, because they are never written to in place.

    Raises:
        ModelFileError: a symbolic link leads out of the folder, or a file cannot be copied.
    """
    for path in folder.rglob("*"):
        if path.is_symlink():
            inside(folder, path.relative_to(folder))
        elif path.suffix != ".safetensors" and path.is_file() and path.stat().st_nlink > 1:
            copy_file(path, path)
