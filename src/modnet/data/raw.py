"""Raw rows: what a caller passes as x, with its columns in the order of the training, before the transforms."""

from __future__ import annotations

from typing import Any

from modnet.core.dataset import Names
from modnet.core.errors import DataError
from modnet.core.messages import short_repr
from modnet.data.columns import column_names, column_selector
from modnet.data.frames import frame_table
from modnet.data.row_source import as_rows
from modnet.data.table import Rows, Table

__all__ = ["check_shape", "raw_rows"]


def raw_rows(
    x: Any, own: Names | None, wanted: Names | None, where: str, *, transforms: bool, exactly: bool = False
) -> Rows:
    """Return ``x`` as raw rows whose columns are the ``wanted`` ones, in their order; all if either has no names.

    Args:
        x: An array, a data frame, a lazy array or a `Table`.
        own: The names of its columns, where it has none itself.
        wanted: The names of the training's columns.
        where: What errors call it.
        transforms: Whether there are transforms, which may take text and missing values; else these are errors.
        exactly: Whether there may be no other columns, as in the rows that a training begins with.

    Raises:
        DataError: a column is missing or not unique, or a value cannot be used.
    """
    table = frame_table(x, where, is_new=exactly) if transforms and not isinstance(x, Table) else None
    x = x if table is None else table
    own = column_names(x) or own
    selector = column_selector(own, wanted, where, exactly=exactly)
    names = wanted if own is not None and wanted is not None else own
    if not isinstance(x, Table):
        rows = as_rows(x, where, selector, missing=transforms)
        return Table(rows, names) if transforms and names is not None else rows
    selected = x if isinstance(selector, slice) else x.select(selector[1])
    if not transforms:
        _refuse_text_and_missing(selected, where)
        return as_rows(selected.values, where)
    return selected


def check_shape(rows: Rows, shape: tuple[int, ...], where: str, expecting: str) -> None:
    """Refuse rows of another shape than ``expecting``, the first layer or transform, expects.

    Raises:
        DataError: starting with ``where``.
    """
    if rows.shape[1:] != shape:
        sizes = ["×".join(map(str, each)) for each in (shape, rows.shape[1:])]
        raise DataError(f"{where}: {expecting} expects {sizes[0]} inputs, got {sizes[1]}")


def _refuse_text_and_missing(table: Table, where: str) -> None:
    """Refuse what only transforms can make numbers of."""
    for column in range(table.shape[1]):
        name = short_repr(column if table.names is None else table.names[column])
        if column in table.texts:
            place = table.text_places.get(column)
            remedy = 'numbers are needed: data.transforms = ["one-hot"] makes them of it'
            raise DataError(f"{where}: column {name} holds text{f' ({place})' if place else ''}; {remedy}")
        if column in table.missing_places:
            remedy = 'data.transforms = ["impute"] fills values in'
            raise DataError(f"{where}: {table.missing_places[column]}, column {name} is missing; {remedy}")
