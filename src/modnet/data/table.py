"""Tables: rows of columns that hold numbers or text, before the transforms make numbers of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.dataset import Names
from modnet.data.row_source import RowSource

__all__ = ["Table"]

_NONE: Mapping[int, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of columns that hold numbers or text, with or without missing values.

    All cells are one matrix of floats, so that a table is divided, and read block by block, as an array is: a text is
    its position among the distinct ones of its column.

    Attributes:
        values: (rows, columns), float32 or float64, an array or a source of rows; NaN where a value is missing.
        names: The names of the columns, or None.
        texts: Column → its distinct texts, an array of objects that are text, for each column that holds text.
        text_places: Column that holds text → where the first one is, as an error says it: "line 7: 'Berlin'".
        missing_places: Column with missing values → where the first one is: "line 9".
    """

    values: NDArray[Any] | RowSource
    names: Names | None = None
    texts: Mapping[int, NDArray[np.object_]] = field(default=_NONE)
    text_places: Mapping[int, str] = field(default=_NONE)
    missing_places: Mapping[int, str] = field(default=_NONE)

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns)."""
        return self.values.shape

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Table:
        """Return these rows as a table, with all its texts."""
        return replace(self, values=self.values[rows])
