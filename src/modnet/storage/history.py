"""The history of a run: a file that grows by one JSON object a line, and how much of it belongs to a checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from modnet.core.errors import ModelFileError
from modnet.data.files import read_bytes
from modnet.storage.atomic import file_errors, write_file
from modnet.storage.inside import inside

__all__ = ["HistoryFile"]

_COMPARED = 64
"""How many bytes at the end of the file tell whether others have changed it."""


class HistoryFile:
    """The file at ``path`` in a run folder, and the rows that belong to the training so far.

    A row that cannot be written is kept, and written with the next one. What others have done to the file is noticed:
    it is not written to then.

    Attributes:
        has_later_rows: Whether the file held rows after the position that was read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows = self._length = 0
        self._digest = hashlib.sha256()
        self._last = self._unwritten = b""
        self._is_synced = True
        self.has_later_rows = False

    def create(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        """Write a new file, with the rows of a training so far."""
        lines = [_line(row) for row in rows]
        content = b"".join(lines)
        write_file(self.path, content)
        self._rows, self._length, self._last = len(lines), len(content), content[-_COMPARED:]
        self._digest.update(content)

    def append(self, row: dict[str, Any]) -> None:
        """Add one epoch's row, whose ``epoch`` is counted from 0.

        Raises:
            ModelFileError: it cannot be written now.
        """
        line = _line(row)
        self._rows, self._unwritten = self._rows + 1, self._unwritten + line
        self._digest.update(line)
        self.write()

    def write(self, *, sync: bool = False) -> None:
        """Make sure that all rows are in the file, and on the disk if asked.

        Raises:
            ModelFileError: they cannot be written, or the file has been changed or removed by others.
        """
        if self.path.is_symlink():
            inside(self.path.parent, self.path.name)
        with file_errors(self.path, "cannot be written"), self.path.open("r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._length - len(self._last), 0))
            if end != self._length or file.read() != self._last:
                raise OSError("it has been changed by something else during the training")
            if self._unwritten:
                self._write(file.fileno())
            if sync and not self._is_synced:
                os.fsync(file.fileno())
                self._is_synced = True

    def _write(self, descriptor: int) -> None:
        rest = self._unwritten
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            with suppress(OSError):
                os.truncate(descriptor, self._length)  # so that the file ends with a whole row
            raise
        self._length += len(self._unwritten)
        self._last = (self._last + self._unwritten)[-_COMPARED:]
        self._unwritten, self._is_synced = b"", False

    def position(self) -> dict[str, Any]:
        """Return what `read` needs to come back here: the number of rows and a SHA-256 of the bytes of their lines.

        The rows are on the disk then, because a checkpoint without them is worth nothing.

        Raises:
            ModelFileError: they cannot be written.
        """
        self.write(sync=True)
        return {"rows": self._rows, "sha256": self._digest.hexdigest()}

    def read(self, position: Any, checkpoint: Path) -> list[dict[str, Any]]:
        """Go to the position in a checkpoint, and return the rows before it; the file stays as it is.

        Raises:
            ModelFileError: the checkpoint holds no position, or the file does not hold these rows.
        """
        count = position.get("rows") if type(position) is dict else None
        if type(count) is not int or count < 0:
            raise ModelFileError(f"{checkpoint}: does not say which rows of the history belong to it")
        with file_errors(self.path, "cannot be read"):
            content = read_bytes(self.path)
            *lines, rest = content.split(b"\n", count)
            if len(lines) < count:
                raise ValueError(f"it holds {len(lines)} of the {count} rows that belong to {checkpoint.name}")
            content = content[: len(content) - len(rest)]
            digest = hashlib.sha256(content)
            if digest.hexdigest() != position.get("sha256"):
                raise ValueError(f"its first {count} rows are not those of {checkpoint.name}, by their SHA-256")
            rows = [json.loads(line) for line in lines]
            if not all(type(row) is dict for row in rows):
                raise ValueError("a row is not a JSON object")
        self._rows, self._length, self._digest, self._is_synced = count, len(content), digest, True
        self._last, self._unwritten, self.has_later_rows = content[-_COMPARED:], b"", bool(rest)
        return rows

    def truncate(self) -> None:
        """Remove what the file holds beyond the present position."""
        with file_errors(self.path, "cannot be written"):
            os.truncate(self.path, self._length)


def _line(row: dict[str, Any]) -> bytes:
    return f"{json.dumps(row)}\n".encode()
