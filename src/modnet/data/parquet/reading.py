"""Parquet files: features are copied once to a temporary file that is mapped into memory, and a target."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.dataset import Names
from modnet.core.errors import ConfigError, DataError
from modnet.core.messages import error_text, short_repr, truncate
from modnet.data.columns import find_columns, input_columns
from modnet.data.csv.reading import Rows
from modnet.data.files import open_binary
from modnet.data.parquet.columns import FeatureColumn, check_type, feature_column, kind_of, row_text
from modnet.data.roles import Roles
from modnet.data.row_source import as_rows
from modnet.data.table import Kind, Table
from modnet.data.texts import date_remedies, exclusion, hold_dates
from modnet.data.validation import BLOCK

__all__ = ["ParquetTable", "column_types", "read_parquet", "read_parquet_rows"]


@dataclass(frozen=True)
class ParquetTable:
    """The content of a Parquet file.

    Attributes:
        features: The names of the columns of x.
        kinds: What each of them holds.
        x: The features, (rows, features), mapped into memory: in a `Table` where there is text or a missing value.
        y: The targets, (rows,).
        weights: The weight of each row, (rows,), or None.
        groups: The group of each row, (rows,), or None.
    """

    features: tuple[str, ...]
    kinds: tuple[Kind, ...]
    x: NDArray[Any] | Table
    y: NDArray[Any] | list[str]
    weights: NDArray[Any] | None
    groups: NDArray[Any] | None


def read_parquet(
    path: str | os.PathLike[str],
    roles: Roles,
    *,
    transforms: bool = False,
    kinds: Mapping[str, Kind] | None = None,
    training: ParquetTable | None = None,
    dates: bool = False,
) -> ParquetTable:
    """Return the columns of a Parquet file.

    Without ``transforms``, every value of a feature must be a number. With them, there may be text and nulls. A
    validation or test file has the features of the ``training`` file, and they hold what they did there (or what
    ``kinds`` say); its rows may go without weights and groups. Columns of text that are dates are refused, unless
    ``dates`` says that they are looked at only.

    A Parquet file cannot give rows in a random order without reading and unpacking a whole row group for each. So the
    features are copied, row group by row group, to an unpacked file in the folder for temporary files, which the
    system removes once the array is no longer used, or the process ends. Source: Apache Parquet.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: naming the file and the column: not a Parquet file, a column is missing or its values are of a type
            that cannot be used, a null; there is no room for the temporary file.
    """
    name = str(path)
    with _opened(name, "data.kind 'parquet'") as content:
        header = tuple(content.schema_arrow.names)
        features = roles.features(header, name) if training is None else training.features
        weight = roles.weight if training is None or roles.weight in header else None
        group = roles.group if training is None else None
        others = [column for column in (weight, group) if column is not None]
        find_columns(header, [*features, roles.target, *others], f"{name}:")
        if training is not None:
            kinds = dict(zip(features, training.kinds, strict=True))
        for role, column in (("weight", weight), ("group", group), ("target", roles.target)):
            if column is not None:
                check_type(content, column, name, role)
        columns = [
            feature_column(content, column, name, (kinds or {}).get(column), transforms=transforms)
            for column in features
        ]
        y = _column(content, roles.target, name)
        weights = None if weight is None else _column(content, weight, name)
        groups = None if group is None else np.asarray(_column(content, group, name))
        x = _copy(content, columns, name)
    kinds_found = tuple(column.kind for column in columns)
    table = _as_table(x, columns, f"{name}: x", is_new=not kinds and not dates)
    return ParquetTable(features, kinds_found, table, y, weights, groups)


def column_types(path: str | os.PathLike[str]) -> dict[str, tuple[Kind | None, str]]:
    """Return the columns of a Parquet file: what each holds, None where it cannot be used, and Arrow's type.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: it is not a Parquet file.
    """
    with _opened(str(path), "data.kind 'parquet'") as content:
        return {field.name: (kind_of(field.type), str(field.type)) for field in content.schema_arrow}


def read_parquet_rows(
    path: str | os.PathLike[str],
    features: Names | None,
    count: int,
    *,
    kinds: Sequence[Kind] | None = None,
    keep: Sequence[str] = (),
) -> Rows:
    """Return rows for a network with ``count`` inputs from a Parquet file; the arguments are those of `read_rows`.

    Raises:
        ConfigError, DataError: as `read_parquet`.
    """
    name = str(path)
    with _opened(name, f"{name}:") as content:
        header = content.schema_arrow.names
        selected, kept = input_columns(header, features, count, keep, name)
        expected: Sequence[Kind | None] = kinds or [None] * count
        columns = [
            feature_column(content, header[position], name, kind, transforms=kinds is not None)
            for position, kind in zip(selected, expected, strict=True)
        ]
        x = _as_table(_copy(content, columns, name), columns, name, is_new=False)
        cells = {}
        for column in (header[position] for position in kept):
            values = content.read(columns=[column], use_threads=False).column(0).to_pylist()
            cells[column] = ["" if value is None else str(value) for value in values]
    return Rows(x, cells)


@contextmanager
def _opened(name: str, who: str) -> Iterator[Any]:
    """Yield an open Parquet file, which ``who`` needs pyarrow for."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(f"{who} needs pyarrow: pip install pyarrow") from None
    with open_binary(Path(name)) as file:
        try:
            yield parquet.ParquetFile(file)
        except DataError:
            raise
        except Exception as error:  # pyarrow raises many types on damaged files
            problem = truncate(error_text(error), 200)
            raise DataError(f"{name}: not a readable Parquet file: {problem}") from None


def _column(content: Any, column: str, name: str) -> Any:
    values = content.read(columns=[column], use_threads=False).column(0).combine_chunks()
    if values.null_count:
        row = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        raise DataError(f"{row_text(name, row, column)} is null; every value is needed")
    is_text = any(word in str(values.type) for word in ("string", "dictionary"))
    return values.to_pylist() if is_text else values.to_numpy(zero_copy_only=False)


def _copy(content: Any, columns: list[FeatureColumn], name: str) -> NDArray[Any]:
    """Return the features in the smallest dtype that holds the numbers of all columns, in a file without a name."""
    rows, dtype = 0, np.result_type(*(column.dtype for column in columns))
    with tempfile.TemporaryFile() as file:
        names = [column.name for column in columns]
        for batch in content.iter_batches(BLOCK, columns=names, use_threads=False):
            block = np.empty((batch.num_rows, len(columns)), dtype)
            for index, column in enumerate(columns):
                block[:, index] = column.convert(batch.column(column.name), rows)
            try:
                file.write(block.data)
                file.flush()
            except OSError as error:
                folder = tempfile.gettempdir()
                raise DataError(f"{name}: cannot be copied to {folder} (TMPDIR): {error_text(error)}") from None
            rows += len(block)
        if not rows:
            raise DataError(f"{name}: holds no rows")
        return np.memmap(file, dtype, "r", shape=(rows, len(columns)))


def _as_table(x: NDArray[Any], columns: list[FeatureColumn], where: str, *, is_new: bool) -> NDArray[Any] | Table:
    """Return the copy as a table where there is text or a missing value.

    Raises:
        DataError: a column of text that ``is_new`` holds dates.
    """
    texts = {index: list(column.texts) for index, column in enumerate(columns) if column.kind == "text"}
    text_places, missing_places = {}, {}
    for index, column in enumerate(columns):
        if column.first_text is not None:
            first = texts[index][0]
            if is_new and hold_dates(texts[index]):
                row = row_text(column.file, column.first_text, column.name)
                problem = f"{short_repr(first)}; the column holds dates; {date_remedies(exclusion(column.name))}"
                raise DataError(f"{row} is {problem}")
            text_places[index] = f"row {column.first_text} (counted from 0): {short_repr(first)}"
        if column.first_missing is not None:
            missing_places[index] = f"row {column.first_missing} (counted from 0)"
    if not texts and not missing_places:
        return x
    arrays = {index: np.array(of_column, dtype=object) for index, of_column in texts.items()}
    rows = as_rows(x, where, missing=True)  # which are read where they lie
    return Table(rows, tuple(column.name for column in columns), arrays, text_places, missing_places)
