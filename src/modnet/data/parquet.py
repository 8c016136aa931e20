"""Parquet files: features are copied once to a temporary file that is mapped into memory, and a target."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import ConfigError, DataError
from modnet.core.messages import error_text, list_values, short_repr, truncate
from modnet.data.files import open_binary
from modnet.data.validation import BLOCK

__all__ = ["Columns", "read_parquet"]

FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""Arrow's names of dtypes where NumPy's are others; pyarrow's own conversion imports pandas."""


class Columns(NamedTuple):
    """The content of a Parquet file: x (rows, features), mapped into memory, y (rows,), and weights (rows,) or None."""

    features: tuple[str, ...]
    pair: tuple[NDArray[Any], NDArray[Any] | list[str], NDArray[Any] | None]


def read_parquet(
    path: str | os.PathLike[str], target: str, features: tuple[str, ...] | None = None, weight: str | None = None
) -> Columns:
    """Return the columns of a Parquet file: ``target``, ``weight``, and the ``features``, by default all others.

    With ``features``, as in a validation or test file, it may go without the weights.

    A Parquet file cannot give rows in a random order without reading and unpacking a whole row group for each. So the
    features are copied, row group by row group, to an unpacked file in the folder for temporary files, which the
    system removes once the array is no longer used, or the process ends. Source: Apache Parquet.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: naming the file and the column: not a Parquet file, a column is missing or its values are of another
            type than numbers (the target: or text), a null; there is no room for the temporary file.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise ConfigError("data.kind 'parquet' needs pyarrow: pip install pyarrow") from None
    name = str(path)
    with open_binary(Path(path)) as file:
        try:
            content = parquet.ParquetFile(file)
            if features is not None and weight not in content.schema_arrow.names:
                weight = None
            types = _types(content.schema_arrow, name, target, features, weight)
            y = _column(content, target, types.pop(target), name)
            weights = None if weight is None else _column(content, weight, types.pop(weight), name)
            return Columns(tuple(types), (_copy(content, types, name), y, weights))
        except DataError:
            raise
        except Exception as error:  # pyarrow raises many types on damaged files
            problem = truncate(error_text(error), 200)
            raise DataError(f"{name}: not a readable Parquet file: {problem}") from None


def _types(
    schema: Any, name: str, target: str, features: Sequence[str] | None, weight: str | None
) -> dict[str, np.dtype[Any] | None]:
    """Return the dtypes of the features, in order, and of target and weight; that of a target that is text is None."""
    from pyarrow import types

    if target == weight:
        raise DataError(f"{name}: column {short_repr(target)} cannot be both target and weight")
    features = features or [column for column in schema.names if column not in (target, weight)]
    read = [*features, target, *([] if weight is None else [weight])]
    for column in read:
        if schema.names.count(column) != 1:
            problem = "two columns have the name" if column in schema.names else "no column"
            raise DataError(f"{name}: {problem} {short_repr(column)}; the columns are {list_values(schema.names)}")
    found: dict[str, np.dtype[Any] | None] = {}
    for column in read:
        kind = schema.field(column).type
        if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
            found[column] = np.dtype(FLOATS.get(str(kind), str(kind)))
        elif column == target and (types.is_string(kind) or types.is_large_string(kind) or types.is_dictionary(kind)):
            found[column] = None
        else:
            allowed = "integers, bools, floats and text" if column == target else "integers, bools and floats"
            raise DataError(f"{name}: column {short_repr(column)} holds {kind} values; allowed are {allowed}")
    if not features:
        raise DataError(f"{name}: no column besides {list_values(read)}; at least one feature is needed")
    return found


def _column(content: Any, column: str, dtype: np.dtype[Any] | None, name: str) -> Any:
    values = content.read(columns=[column], use_threads=False).column(0).combine_chunks()
    _refuse_null(values, column, name, 0)
    return values.to_pylist() if dtype is None else values.to_numpy(zero_copy_only=False)


def _copy(content: Any, types: dict[str, Any], name: str) -> NDArray[Any]:
    """Return the features in the smallest dtype that holds the numbers of all columns, in a file without a name."""
    rows, dtype = 0, np.result_type(*types.values())
    with tempfile.TemporaryFile() as file:
        for batch in content.iter_batches(BLOCK, columns=list(types), use_threads=False):
            block = np.empty((batch.num_rows, len(types)), dtype)
            for index, column in enumerate(types):
                values = batch.column(column)
                _refuse_null(values, column, name, rows)
                block[:, index] = values.to_numpy(zero_copy_only=False)
            try:
                file.write(block.data)
                file.flush()
            except OSError as error:
                folder = tempfile.gettempdir()
                raise DataError(f"{name}: cannot be copied to {folder} (TMPDIR): {error_text(error)}") from None
            rows += len(block)
        if not rows:
            raise DataError(f"{name}: holds no rows")
        return np.memmap(file, dtype, "r", shape=(rows, len(types)))


def _refuse_null(values: Any, column: str, name: str, start: int) -> None:
    if values.null_count:
        row = start + int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        raise DataError(
            f"{name}: row {row} (counted from 0), column {short_repr(column)} is null; every value is needed"
        )
