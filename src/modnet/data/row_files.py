"""Rows to predict for, in files of other formats than CSV: Parquet files and NPZ archives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.dataset import Names
from modnet.core.errors import ConfigError, DataError
from modnet.core.messages import error_text, list_values, short_repr, truncate
from modnet.data.columns import input_columns
from modnet.data.csv import Rows
from modnet.data.files import open_binary
from modnet.data.npz import read_npz
from modnet.data.roles import Kind
from modnet.data.table import Table

__all__ = ["read_npz_rows", "read_parquet_rows"]


def read_npz_rows(path: str | os.PathLike[str], array: str, keep: Sequence[str] = ()) -> Rows:
    """Return an array of an NPZ archive as rows to predict for.

    Raises:
        DataError: it cannot be read, or has no columns to ``keep``.
    """
    if keep:
        reason = "which is to be kept: the columns of an array have no names"
        raise DataError(f"{path}: no column {list_values(keep)}, {reason}")
    return Rows(read_npz(path, required=[array])[array], {})


def read_parquet_rows(
    path: str | os.PathLike[str],
    features: Names | None,
    count: int,
    *,
    kinds: Sequence[Kind] | None = None,
    keep: Sequence[str] = (),
) -> Rows:
    """Return rows of a Parquet file for a network with ``count`` inputs; the arguments are those of `read_rows`.

    A null is a missing value. Source: Apache Parquet.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: naming the file and the column.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(f"{path}: needs pyarrow: pip install pyarrow") from None
    with open_binary(Path(path)) as file:
        try:
            content = parquet.ParquetFile(file)
            names = content.schema_arrow.names
            selected, kept = input_columns(names, features, count, keep, str(path))
            wanted = {position: names[position] for position in (*selected, *kept)}
            read = content.read(columns=list(wanted.values()), use_threads=False)
            columns = {position: read.column(name).combine_chunks() for position, name in wanted.items()}
            texts: dict[int, NDArray[np.object_]] = {}
            values = np.empty((read.num_rows, count))
            for index, position in enumerate(selected):
                where = f"{path}: column {short_repr(names[position])}"
                values[:, index], found = _cells(columns[position], where, may_hold_text=kinds is not None)
                if found is not None:
                    texts[index] = found
        except DataError:
            raise
        except Exception as error:  # pyarrow raises many types on damaged files
            problem = truncate(error_text(error), 200)
            raise DataError(f"{path}: not a readable Parquet file: {problem}") from None
    if not len(values):
        raise DataError(f"{path}: holds no rows")
    cells = {names[position]: [_text(cell) for cell in columns[position].to_pylist()] for position in kept}
    return Rows(Table(values, features, texts), cells)


def _cells(column: Any, where: str, *, may_hold_text: bool) -> tuple[NDArray[Any], NDArray[np.object_] | None]:
    """Return a column as numbers and None, or as positions among its texts and these; NaN where it is null."""
    from pyarrow import string, types

    kind = column.type
    if types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    found = None
    if may_hold_text and (types.is_string(kind) or types.is_large_string(kind)):
        encoded = column.cast(string()).dictionary_encode()
        column, found = encoded.indices, np.array(encoded.dictionary.to_pylist(), dtype=object)
    elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        allowed = "integers, bools, floats and text" if may_hold_text else "integers, bools and floats"
        raise DataError(f"{where} holds {kind} values; allowed are {allowed}")
    missing = column.is_null().to_numpy(zero_copy_only=False)
    values = column.fill_null(False if types.is_boolean(column.type) else 0).to_numpy(zero_copy_only=False)
    return np.where(missing, np.nan, values), found


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)
