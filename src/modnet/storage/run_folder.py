"""Run folders: the filled configuration, the history as it grows, checkpoints and the model; one training at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from modnet.config.run_config import RunConfig
from modnet.core.errors import ModelFileError
from modnet.core.messages import error_text
from modnet.network.network import Network
from modnet.storage.atomic import write_atomically
from modnet.storage.checkpoint import Checkpoint, read, write
from modnet.storage.metadata import Metadata, check_findable, parts_in_use
from modnet.storage.model_file import MODEL_NAME, load, save

__all__ = ["RunFolder"]

_NAME = re.compile(r"epoch-(\d+)-update-(\d+)\.safetensors")
_TORN = re.compile(r"\.(config\.toml|history\.jsonl|model\.safetensors|epoch-\d+-update-\d+[.a-z]*)\.[0-9a-f]{16}")
"""What a write that was killed leaves behind."""


class RunFolder:
    """One run's folder.

    Attributes:
        path: Where it is.
    """

    CONFIG, HISTORY, CHECKPOINTS, LOCK = "config.toml", "history.jsonl", "checkpoints", ".lock"

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self._lock: FileLock | None = None

    @classmethod
    def claim(cls, path: str | PathLike[str], config: RunConfig) -> RunFolder:
        """Return a folder for a run, which is not made before `begin`; an empty one may be there already.

        Raises:
            ModelFileError: something is there already, or a part of ``config`` could not be found again by its name.
        """
        check_findable(config, fspath(path))
        folder = cls(path)
        folder._check_empty()
        return folder

    @classmethod
    def holding(cls, path: str | PathLike[str]) -> RunFolder:
        """Return the run folder at ``path``, or the one that the checkpoint at ``path`` lies in.

        Raises:
            ModelFileError: nothing of the kind is there.
        """
        given = Path(path)
        if not given.exists():
            raise ModelFileError(f"{given}: no run folder and no checkpoint is here")
        if given.is_dir():
            folder, missing = given, "is no run folder"
        else:
            around = given.absolute().parent
            folder, missing = around.parent, f"is no checkpoint in RUN/{cls.CHECKPOINTS}, from which a training goes on"
            if around.name != cls.CHECKPOINTS:
                raise ModelFileError(f"{given}: {missing}")
        if not (folder / cls.CONFIG).is_file():
            raise ModelFileError(f"{given}: {missing}")
        return cls(folder)

    def begin(self, config: RunConfig, network: Network) -> None:
        """Make the folder and lock it, and write the configuration with the distributions that gave its parts.

        Raises:
            ModelFileError: nothing can be made there, somebody else has begun a run there since it was claimed, or
                the network will hold what no file can keep.
        """
        Metadata.of(network, str(self.path))  # not only when all is trained
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelFileError(f"{self.path}: no run folder can be made here: {error.strerror}") from None
        self.lock()
        self._check_empty()
        self.write_config(config)
        self.write_history([])

    def lock(self) -> None:
        """Keep others from writing here until `release`, or until this process ends, whatever ends it.

        Raises:
            ModelFileError: another training is writing here.
        """
        lock = FileLock(self.path / self.LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise ModelFileError(f"{self.path}: another training is writing to this run folder") from None
        except OSError as error:
            raise ModelFileError(f"{self.path}: cannot be locked: {error_text(error)}") from None
        self._lock = lock
        for path in [*_files(self.path), *_files(self.path / self.CHECKPOINTS)]:
            if _TORN.fullmatch(path.name):
                self.remove(path)

    def release(self) -> None:
        """Let others write here; without having locked, do nothing."""
        if self._lock is not None:
            (self.path / self.LOCK).unlink(missing_ok=True)  # before the release: the next one makes a lock of its own
            self._lock.release()
            self._lock = None

    def write_config(self, config: RunConfig) -> None:
        """Write the configuration, with a comment that says which distributions gave its parts."""
        owners = sorted({f"{part.distribution} {part.version}".strip() for part in parts_in_use(config).values()})
        comment = f"# Every default is filled in. Parts from: {', '.join(filter(None, owners))}\n"
        self._write(self.CONFIG, (comment + config.to_toml()).encode())

    def write_history(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write a history of these rows in the place of what is there."""
        self._write(self.HISTORY, "".join(f"{json.dumps(row)}\n" for row in rows).encode())

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

    def model(self) -> Network | None:
        """Return the network of the model file, or None where there is none.

        Raises:
            ModelFileError: it cannot be read.
        """
        return load(self.path) if (self.path / MODEL_NAME).exists() else None

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints, from the one that has come least far to the latest."""
        folder = self.path / self.CHECKPOINTS
        found = [(name, path) for path in _files(folder) if (name := _NAME.fullmatch(path.name))]
        return [path for *_, path in sorted((int(name[1]), int(name[2]), path) for name, path in found)]

    def checkpoint(self, epochs: int, updates: int) -> Path:
        """Return the path of the checkpoint after so many whole epochs and updates."""
        return self.path / self.CHECKPOINTS / f"epoch-{epochs:05d}-update-{updates:09d}.safetensors"

    def write_checkpoint(self, network: Network, state: Mapping[str, Any], epochs: int, updates: int) -> Path:
        """Write a checkpoint and return its path.

        Raises:
            ModelFileError: as `modnet.storage.checkpoint.write`.
        """
        path = self.checkpoint(epochs, updates)
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise ModelFileError(f"{path.parent}: cannot be made: {error.strerror}") from None
        write(path, network, state)
        return path

    def latest(self) -> Checkpoint:
        """Return the latest checkpoint.

        Raises:
            ModelFileError: there is none, or it cannot be read; the message names one that can.
            ConfigError: a part is not installed.
        """
        found = self.checkpoints()
        if not found and (self.path / MODEL_NAME).exists():
            raise ModelFileError(f"{self.path}: the run has ended, and keeps no checkpoint to go on from")
        if not found:
            raise ModelFileError(f"{self.path}: has no checkpoint to go on from")
        try:
            return read(found[-1])
        except ModelFileError as error:
            for earlier in reversed(found[:-1]):
                try:
                    read(earlier)
                except ModelFileError:
                    continue
                raise ModelFileError(f"{error}; a training can go on from {earlier}") from None
            raise

    def remove(self, path: Path) -> None:
        """Remove a file that is no longer wanted.

        Raises:
            ModelFileError: it cannot be removed.
        """
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ModelFileError(f"{path}: cannot be removed: {error.strerror}") from None

    def remove_checkpoints(self) -> None:
        """Remove all checkpoints, and their folder where nothing else is in it.

        Raises:
            ModelFileError: one cannot be removed.
        """
        for each in self.checkpoints():
            self.remove(each)
        with suppress(OSError):  # somebody keeps something else there
            (self.path / self.CHECKPOINTS).rmdir()

    def _check_empty(self) -> None:
        try:
            taken = self.path.exists() and any(item.name != self.LOCK for item in self.path.iterdir())
        except OSError as error:
            raise ModelFileError(f"{self.path}: cannot be a run folder: {error.strerror}") from None
        if taken:
            raise ModelFileError(f"{self.path}: is not empty; a run needs a folder of its own")

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_atomically(self.path / name, content)
        except OSError as error:
            raise ModelFileError(f"{self.path / name}: cannot be written: {error.strerror}") from None


def _files(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())
