"""The history of a run: a file that grows by one JSON object a line, and how much of it belongs to a checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from modnet.core.errors import ModelFileError
from modnet.core.messages import display_path
from modnet.storage.atomic import file_errors, write_file

__all__ = ["HistoryFile"]


class HistoryFile:
    """The file at ``path``, and the rows that belong to the training so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows = self._length = 0
        self._digest = hashlib.sha256()
        self._is_synced = True

    def create(self) -> None:
        """Write an empty file."""
        write_file(self.path, b"")

    def append(self, row: dict[str, Any]) -> None:
        """Add one epoch's row."""
        line = f"{json.dumps(row)}\n".encode()
        with file_errors(self.path, "cannot be written"), self.path.open("ab") as file:
            file.write(line)
        self._rows, self._length, self._is_synced = self._rows + 1, self._length + len(line), False
        self._digest.update(line)

    def position(self) -> dict[str, Any]:
        """Return what `read` needs to come back here: the number of rows and a SHA-256 of the bytes of their lines.

        The rows are on the disk then, because a checkpoint without them is worth nothing.
        """
        if not self._is_synced:
            with file_errors(self.path, "cannot be written"), self.path.open("rb") as file:
                os.fsync(file.fileno())
            self._is_synced = True
        return {"rows": self._rows, "sha256": self._digest.hexdigest()}

    def read(self, position: Any, checkpoint: Path) -> list[dict[str, Any]]:
        """Go to the position in a checkpoint, and return the rows before it; the file stays as it is.

        Raises:
            ModelFileError: the checkpoint holds no position, or the file does not hold these rows.
        """
        count = position.get("rows") if type(position) is dict else None
        if type(count) is not int or count < 0:
            raise ModelFileError(f"{display_path(checkpoint)}: does not say which rows of the history belong to it")
        with file_errors(self.path, "cannot be read"):
            content = self.path.read_bytes()
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
        return rows

    def truncate(self) -> None:
        """Remove what the file holds beyond the present position."""
        with file_errors(self.path, "cannot be written"):
            os.truncate(self.path, self._length)
