"""A run folder, open for reading: its configuration, network, history and data, each read at most once."""

from __future__ import annotations

import json
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ModelFileError
from modnet.core.interfaces import Dataset
from modnet.core.messages import error_text
from modnet.network.network import Network
from modnet.storage.metadata import Metadata
from modnet.storage.model_file import MODEL_NAME, load_with_metadata
from modnet.storage.run_folder import RunFolder

__all__ = ["OpenRun", "is_number", "match_training"]


class OpenRun(PathLike[str]):
    """A run folder, or a model file alone. Every file is read when it is first asked for, and only once.

    Reading raises `ModelFileError` for what is missing or damaged, `ConfigError` for a configuration that is not valid
    or names a component that is not installed, and `DataError` for data that cannot be used.

    Attributes:
        source: The folder or the file, as it was given.
        path: The same as a path.

    Args:
        source: A run folder or a model file.
        data: The samples, instead of those that the configuration names.
    """

    def __init__(self, source: str | PathLike[str], data: Data | None = None) -> None:
        self.source = fspath(source)
        self.path = Path(source)
        self._data = data

    @classmethod
    def of(cls, run: str | PathLike[str], data: Data | None = None) -> OpenRun:
        """Return the run itself where it is open already, or open it."""
        return run if isinstance(run, cls) and data is None else cls(run, data)

    def __fspath__(self) -> str:
        """Return ``source``: whatever takes a run's path takes an open run."""
        return self.source

    @property
    def has_model(self) -> bool:
        """Whether the folder has a model file; a training that was interrupted or diverged has written none."""
        return (self.path / MODEL_NAME).is_file()

    @cached_property
    def _model(self) -> tuple[Network, Metadata]:
        return load_with_metadata(self.path)

    @property
    def network(self) -> Network:
        """The trained network."""
        return self._model[0]

    @property
    def metadata(self) -> Metadata:
        """What the model file says beside the numbers."""
        return self._model[1]

    @property
    def config(self) -> RunConfig:
        """The configuration in the model file, or the defaults where it has none."""
        return self.network.config or RunConfig()

    @cached_property
    def folder_config(self) -> RunConfig:
        """The configuration in the folder's ``config.toml``."""
        file = self.path / RunFolder.CONFIG
        if not file.is_file():
            raise ModelFileError(f"{self.path}: is not a run folder: it has no {RunFolder.CONFIG}")
        return load_config(file)

    @cached_property
    def data(self) -> Data:
        """The samples that the configuration names, their targets read as in the training."""
        return self._data or match_training(self.network, self.config.data).load()

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The rows of the history, one for each epoch."""
        file = self.path / RunFolder.HISTORY
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            raise ModelFileError(f"{self.path}: is not a run folder: it has no {RunFolder.HISTORY}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ModelFileError(f"{file}: cannot be read: {error_text(error)}") from None
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(lines, 1):
            row = _row(line)
            if row is None:
                raise ModelFileError(f"{file}: line {number} is damaged; a JSON object with epoch and cost is expected")
            if row["epoch"] < 0 or (rows and row["epoch"] <= rows[-1]["epoch"]):
                raise ModelFileError(f"{file}: line {number} is damaged: epoch {row['epoch']} is out of order")
            rows.append(row)
        return rows


def match_training(network: Network, dataset: Dataset) -> Dataset:
    """Return a dataset whose target column, where its type is left open, is read as in the network's training."""
    if getattr(dataset, "target_type", None) != "auto":
        return dataset
    target_type = "number"
    if network.classes is not None:
        is_text = all(isinstance(label, str) for label in network.classes.tolist())
        target_type = "text" if is_text else "integer"
    return dataset.model_copy(update={"target_type": target_type})


def is_number(value: object) -> bool:
    """Return whether a value of a history's row is a number; NaN and infinity are."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _row(line: str) -> dict[str, Any] | None:
    """Return the row of an epoch that a line holds, or None where it holds none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_row = isinstance(row, dict) and type(row.get("epoch")) is int and is_number(row.get("cost"))
    return row if is_row else None
