"""A run, open for reading: its configuration, network, history and data, each read at most once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError, DataError, ModelFileError
from modnet.core.interfaces import Dataset
from modnet.core.messages import error_text
from modnet.data.datasets.tables import Csv
from modnet.data.files import is_file, is_folder, read_bytes
from modnet.data.prepared import PartRecord, Samples
from modnet.network.network import Network
from modnet.storage.data_record import DataRecord, KeptOutputs, read_outputs
from modnet.storage.metadata import Metadata
from modnet.storage.model_file import MODEL_NAME, load_with_metadata
from modnet.storage.run_folder import RunFolder
from modnet.training.setup import Part, split_data

__all__ = ["OpenRun", "all_rows", "is_number", "match_training"]


_ALLOWED = "allowed: --data FILE (in Python data=…) with the samples to evaluate"


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
        self._given = data
        self._folder = self.path.parent if self.path.name == MODEL_NAME else self.path

    def use(self, data: Data | None) -> None:
        """Use these samples instead of those that the configuration names."""
        self._given = data

    def __fspath__(self) -> str:
        """Return ``source``: whatever takes a run's path takes an open run."""
        return self.source

    @property
    def has_model(self) -> bool:
        """Whether the folder has a model file; a training that was interrupted or diverged has written none."""
        return is_file(self.path / MODEL_NAME)

    @property
    def is_trained(self) -> bool:
        """Whether there is a network: in a model file, or in the folder."""
        return self.has_model or not is_folder(self.path)

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
        if not is_file(file):
            raise ModelFileError(f"{self.path}: is not a run folder: it has no {RunFolder.CONFIG}")
        return load_config(file)

    @cached_property
    def record(self) -> DataRecord | None:
        """What the folder keeps of the samples."""
        return DataRecord.read(self._folder)

    @property
    def part_records(self) -> Mapping[str, PartRecord] | None:
        """Rows and digests of the samples of the training; None where they were not recorded."""
        return self.network.data_record

    @property
    def has_samples(self) -> bool:
        """Whether there are samples: where they were given in memory, only what the run kept is there."""
        config = self.config if self.is_trained else self.folder_config
        return self._given is not None or config.data.kind != "memory"

    @cached_property
    def outputs(self) -> dict[str, KeptOutputs]:
        """The outputs that the run kept of samples that were given in memory, by part."""
        return read_outputs(self._folder, self.network)

    @cached_property
    def data(self) -> Data:
        """The samples that were given, or that the configuration names: from where they were at the training.

        Their targets are read as in the training, and what was held out is that of the training.
        """
        data = self._given
        if not self.has_samples:
            missing = "the samples were given in memory, and are not stored; give them again"
            raise DataError(f"{self.source}: {missing}: --data FILE (in Python data=…)")
        if data is None:
            trained = match_training(self.network, self.config.data) if self.is_trained else None
            dataset = trained or self.folder_config.data
            data = (dataset if self.record is None else self.record.locate(dataset)).load()
        x = data.train[0]
        if self.record is None or self.record.total != (x.shape[0] if hasattr(x, "shape") else len(x)):
            return data
        return replace(data, held_out=self.record.held_out_rows())

    @cached_property
    def _division(self) -> tuple[dict[str, Part], bool]:
        """The parts, and whether the samples are others than those of the training, of which none are held out."""
        if self._given is None:
            return split_data(self.config, self.data, self.network), False
        with suppress(ConfigError, DataError):  # samples of the training would fit
            parts = split_data(self.config, self.data, self.network)
            if self._difference(parts["train"].prepared(self.network, "training"), "train") is None:
                return parts, False
        return split_data(all_rows(self.config), self.data, self.network), True

    @property
    def parts(self) -> dict[str, Part]:
        """The raw samples by part."""
        return self._division[0]

    def part_name(self, part: str) -> str:
        """Return the name of a part; rows that were given and are not this part of the training are ``given`` ones."""
        if self._given is None:
            return part
        is_known = self._difference(self.parts[part].prepared(self.network, self.place(part)), part) is None
        return part if is_known else "given"

    def for_data(self, config: RunConfig) -> RunConfig:
        """Return a configuration as it applies to the samples: what it says of a split is about those of the run."""
        return all_rows(config) if self._given is not None and self._division[1] else config

    def samples(self, part: str) -> Samples:
        """Return the samples of a part as they enter the network.

        Raises:
            DataError: the run names samples that are not those of its training, or it is not known whether they are.
        """
        drawn = {name for name, each in self.parts.items() if each.held_out is not None}
        if self._given is None and self.part_records is None and drawn and part in drawn | {"train"}:
            unknown = "the model was saved without a record of its samples, so which were held out is not known"
            raise DataError(f"{self.source}: {unknown}; {_ALLOWED}")
        return self.check(part)

    def place(self, part: str) -> str:
        """Return what errors call the samples of a part, after the file that they are from."""
        is_drawn = self.parts[part].held_out is not None
        return self.data.place("train").replace("training", part) if is_drawn else self.data.place(part)

    def check(self, part: str) -> Samples:
        """Return the samples of a part; if the training is known to have had others, this is a `DataError`."""
        place = self.place(part)
        samples = self.parts[part].prepared(self.network, place)
        if self._given is None and self.part_records is not None and (difference := self._difference(samples, part)):
            raise DataError(f"{place} samples: are not those of {self.source}: {difference}; {_ALLOWED}")
        return samples

    def _difference(self, samples: Samples, part: str) -> str | None:
        """Return how samples differ from those of the training, or None where they are the same."""
        known = (self.part_records or {}).get(part)
        if known is None or known.rows != len(samples):
            return f"{len(samples)} rows, {'none' if known is None else known.rows} at the training"
        digest = samples.digest()
        if digest == known.sha256:
            return None
        return f"other values, or another order (SHA-256 {digest[:12]}…, at the training {known.sha256[:12]}…)"

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The rows of the history, one for each epoch."""
        file = self.path / RunFolder.HISTORY
        try:
            lines = read_bytes(file).decode().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            raise ModelFileError(f"{self.path}: is not a run folder: it has no {RunFolder.HISTORY}") from None
        except (OSError, ValueError) as error:
            raise ModelFileError(f"{file}: cannot be read: {error_text(error)}") from None
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(lines, 1):
            row = _row(line)
            if row is None:
                raise ModelFileError(f"{file}: line {number} is damaged; a JSON object with epoch and cost is expected")
            if row["epoch"] < 0 or (rows and row["epoch"] <= rows[-1]["epoch"]):
                raise ModelFileError(f'{file}: line {number} is damaged: "epoch": {row["epoch"]} is out of order')
            rows.append(row)
        return rows


def all_rows(config: RunConfig) -> RunConfig:
    """Return a configuration that takes all rows, and as they are weighted."""
    dataset = config.data.model_copy(update={"validation_share": 0.0, "test_share": 0.0, "class_weight": None})
    return config.model_copy(update={"data": dataset})


def match_training(network: Network, dataset: Dataset) -> Dataset:
    """Return a dataset whose columns are read as in the network's training.

    These are the target column, where its type is left open, and with transforms the features of table files.
    """
    reading_as = getattr(dataset, "reading_as", None)
    if reading_as is not None and network.preprocessing is not None:
        features = map(str, network.features or ())
        dataset = reading_as(dict(zip(features, network.preprocessing.kinds, strict=False)))
    if getattr(dataset, "target_type", None) != "auto":
        return dataset
    target_type = "number"
    if network.classes is not None:
        is_text = all(isinstance(label, str) for label in network.classes.tolist())
        target_type = "text" if is_text else "integer" if network.classes.dtype.kind in "iu" else "auto"
    if network.multi_label or (target_type == "text" and not isinstance(dataset, Csv)):
        target_type = "auto"  # which reads them as they are
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
