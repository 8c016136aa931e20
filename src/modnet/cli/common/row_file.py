"""The file of rows that a command predicts for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from modnet.config.load import explain
from modnet.core.errors import ConfigError
from modnet.data.csv.reading import Rows, read_rows
from modnet.data.csv.rows import CsvFormat
from modnet.data.datasets.tables import Csv
from modnet.data.files import STDIN
from modnet.data.npz import read_npz
from modnet.data.parquet.reading import read_parquet_rows
from modnet.network.network import Network

__all__ = ["RowFile"]


@dataclass(frozen=True)
class RowFile:
    """A CSV file, a Parquet file or an NPZ archive, by its ending; ``-`` is CSV from standard input.

    Attributes:
        path: The file.
        header, separator, decimal: The values of the options of CSV files; None for what was not given.
    """

    path: str
    header: bool | None = None
    separator: str | None = None
    decimal: str | None = None

    @property
    def name(self) -> str:
        """What errors call it."""
        return STDIN if self.path == "-" else self.path

    def read(self, network: Network, keep: tuple[str, ...]) -> Rows:
        """Return its rows, with the inputs of the network in the order of its training, and the columns to keep.

        Raises:
            ConfigError: an option is not one of its format, or has no possible value.
            DataError: it cannot be read, lacks a column, or a cell cannot be used.
        """
        kind = Path(self.path).suffix.lower()
        count = int(np.prod(network.raw_shape))
        kinds = None if network.preprocessing is None else network.preprocessing.kinds
        if kind in (".parquet", ".npz"):
            given = {"--header": self.header, "--separator": self.separator, "--decimal": self.decimal}
            for option in (option for option, value in given.items() if value is not None):
                raise ConfigError(f"{option}: is of CSV files, and {self.path} is none")
        if kind == ".npz":
            if keep:
                raise ConfigError(f"--keep {keep[0]}: is of CSV and Parquet files, and {self.path} is none")
            array = getattr(network.config and network.config.data, "x", "x")
            return Rows(read_npz(self.path, required=[array])[array], {})
        features = network.features
        if kind == ".parquet":
            return read_parquet_rows(self.path, features, count, kinds=kinds, keep=keep)
        csv_format = self._format(network)
        return read_rows(self.path, features, count, self.header, kinds=kinds, csv_format=csv_format, keep=keep)

    def _format(self, network: Network) -> CsvFormat:
        """Return how the cells are written: as in the training's file, unless the options say otherwise."""
        data = None if network.config is None else network.config.data
        own = data.model_dump(include={"separator", "decimal", "missing"}) if isinstance(data, Csv) else {}
        given = {"separator": self.separator, "decimal": self.decimal}
        own |= {name: value for name, value in given.items() if value is not None}
        try:
            return replace(Csv(path=self.path, target="target", **own).format, as_options=True)
        except ValidationError as error:
            line = explain(error)
            raise ConfigError(f"--{line}" if line.startswith("separator: ") else f"--separator: {line}") from None
