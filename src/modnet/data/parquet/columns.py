"""The columns of a Parquet file: what they hold, and their values as numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import short_repr
from modnet.data.table import Kind
from modnet.data.texts import IMPUTE, LONGEST, ONE_HOT, date_remedies, exclusion, remedies

__all__ = ["FeatureColumn", "check_type", "feature_column", "kind_of", "row_text"]

FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""Arrow's names of dtypes where NumPy's are others; pyarrow's own conversion imports pandas."""
MOST_TEXTS = 1 << 24
"""How many positions of texts float32 tells apart."""


@dataclass
class FeatureColumn:
    """A column of features, which is converted block by block.

    Attributes:
        file: The name of the file.
        name: The name of the column.
        kind: What it holds.
        dtype: The dtype of its numbers.
        may_be_missing: Whether values may be null or NaN; if not, NaN is left for others to find.
        texts: Its distinct texts → their positions, in the order of their first rows.
        first_text: The first row with a text.
        first_missing: The first row where a value is missing.
    """

    file: str
    name: str
    kind: Kind
    dtype: np.dtype[Any]
    may_be_missing: bool
    texts: dict[str, float] = field(default_factory=dict)
    first_text: int | None = None
    first_missing: int | None = None

    def convert(self, values: Any, start: int) -> NDArray[Any]:
        """Return an array of pyarrow as numbers, or as positions among the texts; ``start`` is its first row.

        Raises:
            DataError: a null that may not be there, a text that is too long.
        """
        numbers = self._positions(values, start) if self.kind == "text" else _as_numbers(values)
        if not self.may_be_missing:
            if values.null_count:
                row = start + int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
                problem = "is null; every value is needed" + remedies(IMPUTE, self.name)
                raise DataError(f"{row_text(self.file, row, self.name)} {problem}")
            self._refuse_infinite(numbers, start, missing=False)
            return numbers
        self._refuse_infinite(numbers, start, missing=True)
        if self.first_missing is None and numbers.dtype.kind == "f" and np.isnan(numbers).any():
            self.first_missing = start + int(np.argmax(np.isnan(numbers)))
        return numbers

    def _refuse_infinite(self, numbers: NDArray[Any], start: int, *, missing: bool) -> None:
        if numbers.dtype.kind != "f":
            return
        refused = np.isinf(numbers) if missing else ~np.isfinite(numbers)
        if refused.any():
            row = int(np.argmax(refused))
            advice = remedies(IMPUTE, self.name) if np.isnan(numbers[row]) else ""
            problem = f"is {float(numbers[row])}; a finite number is expected{advice}"
            raise DataError(f"{row_text(self.file, start + row, self.name)} {problem}")

    def _positions(self, values: Any, start: int) -> NDArray[np.float64]:
        if str(values.type) == "null":
            return np.full(len(values), math.nan)
        encoded = values if hasattr(values, "dictionary") else values.dictionary_encode()
        used = encoded.indices.unique().drop_null().to_pylist()  # in the order of their rows
        dictionary = encoded.dictionary
        positions = np.full(len(dictionary) + 1, math.nan)  # the last one is that of a null
        for code in used:
            text = dictionary[code].as_py()
            if text is None:
                continue
            if len(text) > LONGEST or len(self.texts) >= MOST_TEXTS:
                problem = f"{short_repr(text)}; at most {LONGEST} characters and {MOST_TEXTS} texts are expected"
                raise DataError(f"{self.file}: column {short_repr(self.name)}: {problem}")
            positions[code] = self.texts.setdefault(text, float(len(self.texts)))
        numbers: NDArray[np.float64] = positions[
            encoded.indices.fill_null(len(dictionary)).to_numpy(zero_copy_only=False)
        ]
        if self.first_text is None and not np.isnan(numbers).all():
            self.first_text = start + int(np.argmin(np.isnan(numbers)))
        return numbers


def row_text(file: str, row: int, column: str) -> str:
    """Return the beginning of a message about a value."""
    return f"{file}: row {row} (counted from 0), column {short_repr(column)}"


def feature_column(content: Any, column: str, file: str, expected: Kind | None, *, transforms: bool) -> FeatureColumn:
    """Return how a column of features is read; ``expected`` is what it held in training.

    Raises:
        DataError: it is of a type that cannot be used.
    """
    from pyarrow import types

    stored = content.schema_arrow.field(column)
    place = f"{file}: column {short_repr(column)} holds {stored.type} values"
    dtype, is_null = _number_dtype(stored.type), types.is_null(stored.type)
    kind: Kind = "text" if _is_text(stored.type) else "number"
    if is_null and transforms:
        return FeatureColumn(file, column, expected or "number", np.dtype(np.float32), may_be_missing=True)
    if expected is not None and (kind != expected or (kind == "number" and dtype is None)):
        raise DataError(f"{place}; {'text is' if expected == 'text' else 'numbers are'} expected, as in training")
    if kind == "number" and dtype is None:
        if types.is_temporal(stored.type):
            raise DataError(f"{place}; {date_remedies(exclusion(column))}")
        allowed = "integers, bools, floats and text" if transforms else "integers, bools and floats"
        raise DataError(f"{place}; allowed are {allowed}; remedies: another type, or {exclusion(column)}")
    if dtype is None:
        if not transforms:
            allowed = f"allowed are integers, bools and floats{remedies(ONE_HOT, column)}"
            raise DataError(f"{place}; {allowed}")
        return FeatureColumn(file, column, kind, np.dtype(np.float32), may_be_missing=True)
    if transforms and (dtype.kind == "f" or _may_have_nulls(content, column)):
        dtype = np.result_type(dtype, np.float32)
    return FeatureColumn(file, column, kind, dtype, may_be_missing=transforms)


def check_type(content: Any, column: str, file: str, role: str) -> None:
    """Refuse a column of a type that a target, a weight or a group cannot have.

    Raises:
        DataError: naming it.
    """
    stored = content.schema_arrow.field(column).type
    if _number_dtype(stored) is None and (role == "weight" or not _is_text(stored)):
        allowed = "integers, bools and floats" if role == "weight" else "integers, bools, floats and text"
        raise DataError(f"{file}: column {short_repr(column)} holds {stored} values; allowed are {allowed}")


def kind_of(stored: Any) -> Kind | None:
    """Return what a column of this type of Arrow holds; None for what cannot be used."""
    from pyarrow import types

    if _is_text(stored):
        return "text"
    return "number" if types.is_null(stored) or _number_dtype(stored) is not None else None


def _number_dtype(stored: Any) -> np.dtype[Any] | None:
    """Return NumPy's dtype of numbers of a type of Arrow, None for other types."""
    from pyarrow import types

    if types.is_integer(stored) or types.is_floating(stored) or types.is_boolean(stored):
        return np.dtype(FLOATS.get(str(stored), str(stored)))
    return None


def _is_text(stored: Any) -> bool:
    from pyarrow import types

    value = stored.value_type if types.is_dictionary(stored) else stored
    return bool(types.is_string(value) or types.is_large_string(value))


def _as_numbers(values: Any) -> NDArray[Any]:
    from pyarrow import types

    if types.is_null(values.type):
        return np.full(len(values), math.nan)
    if types.is_boolean(values.type) and values.null_count:
        values = values.cast("int8")  # NumPy's bools have no NaN
    numbers: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return numbers


def _may_have_nulls(content: Any, column: str) -> bool:
    """Return whether a value may be null, as far as the statistics of the file say."""
    if not content.schema_arrow.field(column).nullable:
        return False
    metadata = content.metadata
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            if chunk.path_in_schema == column:
                statistics = chunk.statistics
                if statistics is None or not statistics.has_null_count or statistics.null_count:
                    return True
    return False
