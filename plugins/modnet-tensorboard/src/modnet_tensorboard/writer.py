"""The writer: one event file for each session of a training, cut off at the checkpoint where it is resumed."""

from __future__ import annotations

import re
import secrets
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from modnet import ConfigError, LogCallback, LogRecord, LogWriter, TrainingView
from modnet.analysis.logs.contents import described, flat_config
from modnet.analysis.logs.writer import Ending
from modnet.components.callbacks.monitoring import key_of
from modnet_tensorboard.events import (
    EventFile,
    code_block,
    first_event,
    hyperparameters,
    purge,
    record_event,
    table,
    tag_of,
    text,
)

__all__ = ["TensorBoardWriter"]

_NAME = re.compile(r"events\.out\.tfevents\.\d{10}\.[0-9a-f]{16}\.\d{3,}")
"""Names that this writer gives; TensorBoard reads them in their order."""


class TensorBoardWriter(LogWriter):
    """Writes event files.

    A file is never written to by two sessions: a TensorBoard that is open would not see that it was cut off. That a
    file is of this training is known by a random token in its name.

    Args:
        options: The callback's.
        folder: Where the files are written; None for the run folder.
    """

    def __init__(self, options: LogCallback, folder: str | None) -> None:
        self._options = options
        self._given = self._folder = None if folder is None else Path(folder)
        self._training: TrainingView | None = None
        self._token = secrets.token_hex(8)
        self._sizes: dict[str, int] = {}
        self._earlier: list[str] = []
        self._name: str | None = None
        self._file: EventFile | None = None
        self._header: list[Any] = []
        self._has_parameters = False
        self._configuration = 0

    @property
    def target(self) -> str:
        """The folder."""
        return str(self._folder or "the run folder")

    def check(self, training: TrainingView) -> None:
        """Make sure that there is a folder."""
        if self._folder is None and training.folder is None:
            key = key_of(self._options, training)
            raise ConfigError(
                f"{key}: event files need a folder; give a run folder, Trainer.fit(out='runs/first'), or {key}.folder"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the names of the files with their sizes, and what else need not be written again."""
        return {
            "token": self._token,
            "sizes": dict(self._sizes),
            "has_parameters": self._has_parameters,
            "configuration": self._configuration,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._token, self._sizes = state["token"], dict(state["sizes"])
        self._has_parameters, self._configuration = state["has_parameters"], state["configuration"]

    def open(self, training: TrainingView) -> bool:
        """Cut off the files of earlier sessions where the checkpoint says, and prepare a new one."""
        self._training = training
        self._folder = self._folder or training.folder
        folder = Path(self._folder or "")
        folder.mkdir(parents=True, exist_ok=True)
        found = (path.name for path in folder.glob(f"events.out.tfevents.*.{self._token}.*"))
        ours = {name for name in found if _NAME.fullmatch(name)}
        is_whole = all(name in ours and (folder / name).stat().st_size >= size for name, size in self._sizes.items())
        if not is_whole:
            self._sizes, self._has_parameters, self._configuration = {}, False, 0
        self._earlier = sorted(ours)
        for name in self._earlier:  # one that goes while it is read would stop a TensorBoard that is open
            with self._opened(name, "r+b") as file:
                file.truncate(self._sizes.get(name, 0))
        continues = bool(self._sizes)
        self._header = self._texts(training, last=training.epochs if continues else -1)
        return continues

    def write(self, records: Sequence[LogRecord]) -> None:
        """Append the events of records."""
        if self._training is None:
            raise RuntimeError("the writer is not open")
        events = [record_event(record) for record in records]
        first = next((record for record in records if record.axis == "epoch" and record.numbers), None)
        has_parameters = self._has_parameters or first is not None
        if has_parameters != self._has_parameters and first is not None:
            tags = [tag_of(first, name) for name in first.numbers]
            events = [*hyperparameters(flat_config(self._training.config), tags, first.time), *events]
        if self._file is None or self._name is None:
            self._name = self._new_name()
            self._file = EventFile(self._opened(self._name, "ab"))
            self._sizes[self._name] = 0
        self._file.append([*self._header, *events])
        self._sizes[self._name] = self._file.size
        self._header, self._has_parameters = [], has_parameters

    def close(self, training: TrainingView, ending: Ending) -> None:
        """Close the file."""
        del training, ending
        if self._header:
            self.write([])
        if self._file is not None:
            self._file.close()

    def _texts(self, training: TrainingView, last: int) -> list[Any]:
        """Return the first events of a session; ``last`` is the last step that is there."""
        now, step = time.time(), training.epochs
        events = [first_event(now)]
        if not self._options.every_updates:  # which count their steps otherwise
            events.append(purge(now, last + 1))  # from the second one of a run on, TensorBoard takes them for restarts
        toml = training.config.to_toml()
        configuration = zlib.crc32(toml.encode())
        if configuration != self._configuration:  # where it is resumed with more epochs, it is another one
            self._configuration = configuration
            versions = {**described(training), "run folder": str(training.folder)}
            events += [text("configuration", code_block(toml), now, step), text("versions", table(versions), now, step)]
        return events

    def _new_name(self) -> str:
        names = [*self._earlier, *self._sizes]
        latest = max((int(name.split(".")[3]) for name in names), default=0)
        number = max((int(name.split(".")[5]) for name in names), default=-1) + 1
        return f"events.out.tfevents.{max(int(time.time()), latest):010d}.{self._token}.{number:03d}"

    def _opened(self, name: str, mode: str) -> IO[Any]:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an event file")
        if self._given is None and self._training is not None:
            return self._training.open_file(name, mode, buffering=0)
        return (Path(self._folder or "") / name).open(mode, buffering=0)
