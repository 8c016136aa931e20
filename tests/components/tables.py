"""Tables in memory, and transforms that are fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.interfaces import Transform
from modnet.data.preprocessing import Preprocessing
from modnet.data.table import Table

NAN = float("nan")


def table(**columns: Sequence[Any]) -> Table:
    """Return columns of numbers, with NaN where one is missing, or of text, with None."""
    rows = len(next(iter(columns.values())))
    values, texts, places, missing = np.empty((rows, len(columns))), {}, {}, {}
    for index, cells in enumerate(columns.values()):
        if any(isinstance(cell, str) for cell in cells):
            distinct = sorted({cell for cell in cells if cell is not None}, reverse=True)  # any order will do
            values[:, index] = [NAN if cell is None else distinct.index(cell) for cell in cells]
            texts[index] = np.array(distinct, dtype=object)
            first = next(row for row, cell in enumerate(cells) if cell is not None)
            places[index] = f"line {first + 2}: {cells[first]!r}"
        else:
            values[:, index] = cells
        if (gaps := np.isnan(values[:, index])).any():
            missing[index] = f"line {np.argmax(gaps) + 2}"
    return Table(values, tuple(columns), texts, places, missing)


def fit(x: Any, *transforms: Any, names: Sequence[str] | None = None) -> Preprocessing:
    """Return transforms, as a configuration names them, fitted to rows."""
    names = x.names if isinstance(x, Table) else names
    return Preprocessing.fit([Transform.resolve(each) for each in transforms], x, names, "x")


def apply(fitted: Preprocessing, x: Any) -> NDArray[Any]:
    return np.asarray(fitted.apply(x, np.dtype(np.float64), "x"))


def transformed(x: Any, *transforms: Any) -> list[list[float]]:
    return apply(fit(x, *transforms), x).tolist()
