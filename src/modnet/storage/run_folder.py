"""Run folders: the complete configuration, the history as it grows, checkpoints, the model, and a lock."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Any

from modnet import __version__
from modnet.config.run_config import RunConfig
from modnet.core.errors import ModelFileError
from modnet.core.messages import warn
from modnet.data.files import is_file, is_folder
from modnet.network.network import Network
from modnet.storage.atomic import file_errors, write_file
from modnet.storage.branches import ABANDONED, copy_files, set_apart
from modnet.storage.checkpoint import Checkpoint, read, write
from modnet.storage.data_record import OUTPUTS_NAME
from modnet.storage.history import HistoryFile
from modnet.storage.inside import check_links, inside
from modnet.storage.lock import FolderLock
from modnet.storage.metadata import Metadata, plugins_of
from modnet.storage.model_file import MODEL_NAME, load, write_network

__all__ = ["RunFolder"]

_CHECKPOINT = re.compile(r"epoch-(\d+)-update-(\d+)\.safetensors")
_TEMPORARY = re.compile(
    r"\.(config\.toml|history\.jsonl|data\.json|(model|outputs)\.safetensors|epoch-\d+-update-\d+[.a-z]*)\.[0-9a-f]{16}"
)


class RunFolder:
    """The folder of one run, at ``path``, with its ``history``.

    What cannot be read, written or removed is a `ModelFileError`.
    """

    CONFIG, HISTORY, CHECKPOINTS = "config.toml", "history.jsonl", "checkpoints"

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self.history = HistoryFile(self.path / self.HISTORY)
        self._lock: FolderLock | None = None
        self._made: list[Path] = []
        self._kept: Path | None = None

    @classmethod
    def claim(cls, path: str | PathLike[str], config: RunConfig) -> RunFolder:
        """Return a folder for a new run, which `begin` makes; an empty folder may exist."""
        folder = cls(path)
        folder._check_empty()
        with file_errors(path, "no run can be stored here"):
            plugins_of(config)
        return folder

    @classmethod
    def holding(cls, path: str | PathLike[str]) -> RunFolder:
        """Return the run folder at ``path``, or the one that holds the checkpoint at ``path``."""
        given = Path(path)
        if not (is_file(given) or is_folder(given)):
            raise ModelFileError(f"{given}: no run folder or checkpoint is here")
        is_checkpoint = is_file(given) and given.absolute().parent.name == cls.CHECKPOINTS
        folder = given
        if is_checkpoint:
            folder = (given if len(given.parts) > 1 else given.absolute()).parent.parent
        if not is_file(folder / cls.CONFIG):
            expected = "run folder" if is_folder(given) else f"checkpoint in RUN/{cls.CHECKPOINTS}"
            raise ModelFileError(f"{given}: is not a {expected}")
        return cls(folder)

    def begin(self, config: RunConfig, network: Network) -> None:
        """Make the folder, lock it, and write the configuration and an empty history."""
        with file_errors(self.path, "no run can be stored here"):
            Metadata.of(network)  # what could not be stored at the end is an error now
            self._made = [path for path in (self.path, *self.path.parents) if not path.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
        self.lock()
        self._check_empty()
        self.write_config(config)
        self.history.create()

    def discard(self) -> None:
        """Remove what `begin` made, as far as nothing else is in it; for a training that did not begin."""
        with suppress(OSError):  # the error that kept it from beginning is the one to report
            for name in (self.CONFIG, self.HISTORY):
                (self.path / name).unlink()
            self.release()
            for path in self._made:
                path.rmdir()

    def lock(self) -> None:
        """Keep others from writing to the folder until `release` or the end of this process, however it ends.

        Raises:
            ModelFileError: another training holds the lock, or a symbolic link leads out of the folder.
        """
        self._lock = FolderLock(self.path)
        try:
            check_links(self.path)
            # What a process that was killed while it wrote has left behind.
            shutil.rmtree(self.path / ABANDONED / ".new", ignore_errors=True)
            files = (*self.path.glob(".*"), *(self.path / self.CHECKPOINTS).glob(".*"))
            _remove(path for path in files if _TEMPORARY.fullmatch(path.name))
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others write to the folder; without a lock, do nothing."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def locked_path(self) -> Path:
        """The path, which must still be that of the folder that was locked: it may have been moved.

        Raises:
            ModelFileError: another folder is there.
        """
        with file_errors(self.path, "cannot be written"):
            if self._lock is not None and not self._lock.is_at(self.path):
                raise OSError("another folder is in its place")
        return self.path

    def write_config(self, config: RunConfig) -> None:
        """Write the configuration, with a comment that names the plug-ins that provide its components."""
        plugins = ", ".join(f"{name} {version}" for name, version in sorted(plugins_of(config).items()))
        comment = f"# Written by modnet {__version__}; every default is filled in. Plug-ins: {plugins or 'none'}\n"
        write_file(self.path / self.CONFIG, (comment + config.to_toml()).encode())

    def write_model(self, network: Network) -> Path:
        """Write the model file and return its path."""
        write_network(self.locked_path / MODEL_NAME, network, {})
        return self.path / MODEL_NAME

    def model(self) -> Network | None:
        """Return the network in the model file, or None if there is no such file."""
        return load(self.path) if (self.path / MODEL_NAME).exists() else None

    def checkpoints(self) -> list[Path]:
        """Return the paths of the checkpoints, from the earliest in the training to the latest."""
        paths = (self.path / self.CHECKPOINTS).glob("*")
        return sorted((path for path in paths if _CHECKPOINT.fullmatch(path.name)), key=_position)

    def checkpoint(self, epochs: int, updates: int) -> Path:
        """Return the path of the checkpoint after so many complete epochs and updates."""
        return self.path / self.CHECKPOINTS / f"epoch-{epochs:05d}-update-{updates:09d}.safetensors"

    def write_checkpoint(self, network: Network, state: Mapping[str, Any], epochs: int, updates: int) -> Path:
        """Write a checkpoint, which the history so far belongs to, and return its path."""
        path = self.checkpoint(epochs, updates)
        inside(self.locked_path, path.relative_to(self.path))
        with file_errors(path.parent, "cannot be made"):
            path.parent.mkdir(exist_ok=True)
        write(path, network, {**state, "history": self.history.position()})
        return path

    def read_checkpoint(self, path: Path) -> Checkpoint:
        """Return a checkpoint of this run with the rows of the history that belong to it."""
        checkpoint = read(path)
        position = checkpoint.state.pop("history", None)
        return checkpoint._replace(history=self.history.read(position, path))

    def latest(self) -> Checkpoint:
        """Return the latest checkpoint; if it cannot be used, the error names an earlier one that can."""
        problem = None
        for path in reversed(self.checkpoints()):
            try:
                checkpoint = self.read_checkpoint(path)
            except ModelFileError as error:
                problem = problem or error
            else:
                if problem is None:
                    return checkpoint
                raise ModelFileError(f"{problem}; the training can be resumed from {path}")
        missing = "has no checkpoint to resume from"
        if (self.path / MODEL_NAME).exists():
            missing = f'the run has ended and {missing}; train with callbacks = ["checkpoint"] to have one'
        raise problem or ModelFileError(f"{self.path}: {missing}")

    def rewind(self, epochs: int, updates: int) -> None:
        """Go back to a checkpoint that was read, and remove what came after it, which `set_apart` has kept.

        The checkpoints go before the rows that they need: the run can be resumed whenever this is killed.
        """
        if self._kept is not None:
            warn(f"what came after {self.checkpoint(epochs, updates).name} is kept as the run {self._kept}")
            self._kept = None
        _remove(self._after(epochs, updates))
        self.history.truncate()

    def set_apart(self, epochs: int, updates: int) -> None:
        """Keep what came after a checkpoint that was read, where there is anything, as a run in ``abandoned/``."""
        after = self._after(epochs, updates)
        self._kept = set_apart(self.path, after) if after else None

    def discard_branch(self) -> None:
        """Remove what `set_apart` has kept before a training that did not begin."""
        if self._kept is not None:
            shutil.rmtree(self._kept, ignore_errors=True)
            with suppress(OSError):  # there are others
                self._kept.parent.rmdir()

    def _after(self, epochs: int, updates: int) -> list[Path]:
        ended = [path for path in (self.path / OUTPUTS_NAME, self.path / MODEL_NAME) if path.exists()]
        after = [path for path in self.checkpoints() if _position(path) > (epochs, updates)]
        return [*after, *ended] if after or self.history.has_later_rows else after

    def elsewhere(self, config: RunConfig, history: Iterable[dict[str, Any]]) -> RunFolder:
        """Return a copy of this folder among the system's temporary files, without model and checkpoints."""
        with file_errors(tempfile.gettempdir(), "cannot be written"):
            folder = RunFolder(tempfile.mkdtemp(prefix="modnet-run-"))
        with suppress(ModelFileError):  # a callback's file that cannot be read, or another folder
            copy_files(self.locked_path, folder.path)
        folder.write_config(config)
        folder.history.create(history)
        return folder

    def remove_checkpoints(self) -> None:
        """Remove all checkpoints, and their folder if nothing else is in it."""
        inside(self.path, self.CHECKPOINTS)
        _remove(self.checkpoints())
        with suppress(OSError):  # other files are kept there
            (self.path / self.CHECKPOINTS).rmdir()

    def _check_empty(self) -> None:
        with file_errors(self.path, "no run can be stored here"):
            if self.path.exists() and any(item.name != FolderLock.NAME for item in self.path.iterdir()):
                raise ModelFileError(f"{self.path}: is not empty; a run needs a folder of its own")


def _position(checkpoint: Path) -> tuple[int, int]:
    _, epochs, _, updates = checkpoint.stem.split("-")
    return int(epochs), int(updates)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with file_errors(path, "cannot be removed"):
            path.unlink(missing_ok=True)
