"""Copies of run folders: of a branch that a training leaves, and of what can be saved elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from modnet.storage.atomic import copy_file, file_errors, sync_folder

__all__ = ["ABANDONED", "copy_files", "set_apart"]

ABANDONED = "abandoned"
"""The folder in a run folder that holds the branches of a training that were left, each a run folder of its own."""


def set_apart(folder: Path, saved: Sequence[Path]) -> Path | None:
    """Make a run folder in ``abandoned/`` of what a run folder holds, and return it; or None where it is there already.

    It appears when it is whole. The run folder stays as it is.

    Args:
        folder: The run folder.
        saved: The model and checkpoints to keep, which are never written to in place, so that a hard link is a copy.

    Raises:
        ModelFileError: it cannot be written.
    """
    parent = folder / ABANDONED
    names = [path.relative_to(folder) for path in saved]
    earlier = [path for path in parent.glob("*") if path.name.isdecimal()]
    if any(all(_is_same_file(path / name, folder / name) for name in names) for path in earlier):
        return None  # a process was killed before it could remove what it had set apart
    new, kept = parent / ".new", parent / str(max((int(path.name) for path in earlier), default=0) + 1)
    with file_errors(kept, "cannot be written"):
        shutil.rmtree(new, ignore_errors=True)
        folders = {new, *((new / name).parent for name in names)}
        for path in folders:
            path.mkdir(parents=True, exist_ok=True)
        copy_files(folder, new)
        for name in names:
            _link(folder / name, new / name)
        for path in folders:
            sync_folder(path)
        new.rename(kept)
        sync_folder(parent)
        sync_folder(folder)
    return kept


def copy_files(source: Path, target: Path) -> None:
    """Copy what lies directly in a run folder and is written to in place: the history, and the files of callbacks."""
    for path in source.glob("[!.]*"):
        if path.suffix != ".safetensors" and path.is_file():
            copy_file(path, target / path.name)


def _is_same_file(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        copy_file(source, target)
