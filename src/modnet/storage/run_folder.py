"""Run folders: the filled configuration, the history as it grows, and the model."""

from __future__ import annotations

import json
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from modnet.config import RunConfig
from modnet.errors import ModelFileError
from modnet.network import Network
from modnet.storage.atomic import write_atomically
from modnet.storage.metadata import Metadata, check_findable, parts_in_use
from modnet.storage.model import MODEL_NAME, save

__all__ = ["RunFolder"]


class RunFolder:
    """One run's folder.

    Attributes:
        path: Where it is.
    """

    CONFIG, HISTORY = "config.toml", "history.jsonl"

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)

    @classmethod
    def claim(cls, path: str | PathLike[str], config: RunConfig) -> RunFolder:
        """Return a folder for a run, which is not made before `begin`; an empty one may be there already.

        Raises:
            ModelFileError: something is there already, or a part of ``config`` could not be found again by its name.
        """
        check_findable(config, fspath(path))
        folder = cls(path)
        try:
            if folder.path.exists() and any(folder.path.iterdir()):
                raise ModelFileError(f"{fspath(path)}: is not empty; a run needs a folder of its own")
        except OSError as error:
            raise ModelFileError(f"{fspath(path)}: cannot be a run folder: {error.strerror}") from None
        return folder

    def begin(self, config: RunConfig, network: Network) -> None:
        """Make the folder, and write the configuration with a comment that says which distributions gave its parts.

        Raises:
            ModelFileError: nothing can be made there, or the network will hold what no file can keep.
        """
        Metadata.of(network, str(self.path))  # not only when all is trained
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelFileError(f"{self.path}: no run folder can be made here: {error.strerror}") from None
        owners = sorted({f"{part.distribution} {part.version}".strip() for part in parts_in_use(config).values()})
        comment = f"# Every default is filled in. Parts from: {', '.join(filter(None, owners))}\n"
        self._write(self.CONFIG, (comment + config.to_toml()).encode())
        self._write(self.HISTORY, b"")

    def append_history(self, row: dict[str, Any]) -> None:
        """Add one epoch's row to the history."""
        try:
            with (self.path / self.HISTORY).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise ModelFileError(f"{self.path / self.HISTORY}: cannot be written: {error.strerror}") from None

    def write_model(self, network: Network) -> None:
        """Write the model file."""
        save(network, self.path / MODEL_NAME)

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_atomically(self.path / name, content)
        except OSError as error:
            raise ModelFileError(f"{self.path / name}: cannot be written: {error.strerror}") from None
