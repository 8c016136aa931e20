"""Samples that a command takes instead of those that a configuration names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modnet.analysis.open_run import OpenRun, match_training
from modnet.config.load import explain
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces import Dataset
from modnet.data.files import is_folder
from modnet.network.network import Network

__all__ = ["FORMATS", "OtherData"]

FORMATS = ("csv", "npz", "parquet")
"""The endings of files that hold samples."""
_TARGETS = {"csv": "target", "parquet": "target", "npz": "y", "npy": "y"}
"""The options that name the column, or the array, of the targets."""
_OF_COLUMNS = ", which data.columns names"
"""What is said of a feature that is missing: the key is set here, and not by the user."""


@dataclass(frozen=True)
class OtherData:
    """The values of ``--data`` and ``--target``; None for what was not given.

    Raises:
        ConfigError: a target, and no data.
    """

    path: str | None
    target: str | None

    def __post_init__(self) -> None:
        if self.path is None and self.target is not None:
            raise ConfigError(f"--target {self.target}: is a column of --data FILE, which is missing")

    def use_for(self, run: OpenRun) -> OpenRun:
        """Let a run use these samples, if any were named, and return it."""
        if self.path is not None:
            run.use(self.load(run.config.data, run.network) if run.is_trained else self.load(run.folder_config.data))
        return run

    def load(self, like: Dataset, network: Network | None = None) -> Data | None:
        """Return the samples, read as a dataset's own where that is of the same kind; None where none were named.

        All count the same. With a network, its features and targets are read as in its training; the file needs no
        other columns.

        Raises:
            ConfigError: the path is of no known format, or has no columns to choose from.
            DataError: the samples cannot be read.
        """
        if self.path is None:
            return None
        dataset = self.dataset(like)
        try:
            return (dataset if network is None else _matched(dataset, like, network)).load()
        except DataError as error:
            if _OF_COLUMNS in str(error):
                raise DataError(str(error).replace(_OF_COLUMNS, ", which the network was trained with")) from None
            is_named = self.target is not None or getattr(like, "target", None) is not None
            if is_named or "no column 'target'" not in str(error):
                raise
            raise DataError(f"{error}; --target COLUMN names it") from None

    def dataset(self, like: Dataset) -> Dataset:
        """Return the dataset that reads the samples.

        Raises:
            ConfigError: as `load`.
        """
        path = Path(self.path or "")
        kind = path.suffix.lower().removeprefix(".")
        if is_folder(path):
            names = (f"{self.target or 'y'}.npy", f"{self.target or 'y'}-000.npy")
            kind = "npy" if like.kind == "npy" or any((path / name).exists() for name in names) else "idx"
        elif kind not in FORMATS:
            allowed = "a .csv, .npz or .parquet file, a folder of IDX or NPY files"
            raise ConfigError(f"--data {self.path}: unknown format; allowed: {allowed}")
        table: dict[str, Any] = {"kind": kind, "path": self.path}
        if like.kind == kind:
            own = {"validation_path", "test_path", "validation_share", "test_share", "class_weight", "weight", "group"}
            table = like.model_dump(exclude_none=True, exclude=own) | table
        elif kind in ("csv", "parquet"):
            table["target"] = getattr(like, "target", "target")
        if self.target is not None:
            if kind not in _TARGETS:
                raise ConfigError(f"--target {self.target}: the files of the dataset {kind} have no columns")
            table[_TARGETS[kind]] = self.target
        try:
            return Dataset.resolve(table)
        except ValidationError as error:
            raise ConfigError(explain(error, f"--data {self.path}")) from None


def _matched(dataset: Dataset, like: Dataset, network: Network) -> Dataset:
    """Return the dataset that reads what the network was trained with: its features, its kind of targets."""
    changes: dict[str, Any] = {"transforms": like.transforms}  # text and missing values are read where there are some
    if network.features is not None and hasattr(dataset, "columns"):
        changes |= {"columns": tuple(map(str, network.features)), "exclude": ()}
    return match_training(network, dataset.model_copy(update=changes))
