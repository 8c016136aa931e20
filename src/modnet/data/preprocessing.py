"""Preprocessing: the transforms, fitted to the training rows, that make numbers of raw rows for the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modnet.core.dataset import Names
from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces import CellError, Transform, TransformState
from modnet.core.messages import did_you_mean, list_values, log_warning, short_repr
from modnet.data.cells import Cells
from modnet.data.labels import Targets
from modnet.data.row_source import ArrayOrSource, RowSource
from modnet.data.sparse_rows import SparseRows
from modnet.data.table import Kind, Rows, Table, as_table
from modnet.data.validation import PIECE_BYTES, RowNumbers, blocks, check_finite

__all__ = ["FittedTransform", "Preprocessing", "narrowed_rows", "transformed_targets"]

REMEDY = 'the transform "impute" (data.transforms) fills values in, and data.exclude leaves columns out'


@dataclass(frozen=True, eq=False)
class FittedTransform:
    """A transform and what it has learnt.

    Attributes:
        transform: The component.
        columns: What it is applied to: positions among the columns as the transforms before it leave them.
        state: What it has learnt.
        label: What errors call it.
    """

    transform: Transform
    columns: tuple[int, ...]
    state: TransformState
    label: str

    def apply(self, cells: Cells) -> Cells:
        """Return the cells with these columns replaced.

        Raises:
            DataError: a value is missing, or a cell cannot be transformed.
        """
        given = self.select(cells)
        try:
            self.transform.check(given, self.state)
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused after all transforms
                results = self.transform(given, self.state)
        except CellError as error:
            raise cells.error(error, self.columns, self.label) from None
        for ignored in self.transform.ignored(given, self.state):
            log_warning(str(cells.error(ignored, self.columns, self.label)))
        names = [cells.names[column] for column in self.columns]
        return cells.replaced(self.columns, results, self.transform.output_names(names, self.state))

    def select(self, cells: Cells) -> NDArray[Any]:
        """Return the columns, as the transform takes them.

        Raises:
            DataError: a value is missing.
        """
        if not self.transform.takes_missing:
            cells.refuse_missing(self.columns, f"; {self.label} takes none: {REMEDY}")
        return cells.select(self.columns, as_text=self.transform.takes == "text")


@dataclass(frozen=True, eq=False)
class _FittedTo:
    """The rows that a transform is fitted to: raw ones, with the transforms before it applied."""

    read: Callable[[], Iterator[Cells]]
    count: int
    fitted: FittedTransform
    eps: float

    @property
    def columns(self) -> int:
        return len(self.fitted.columns)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self.fitted.select(cells) for cells in self.read())


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """Fitted transforms, applied one after another.

    Attributes:
        raw_shape: The shape of a raw sample.
        kinds: What each raw column holds.
        names: The names of the raw columns, or None.
        steps: The transforms.
        sample_shape: The shape of a sample as it enters the network.
    """

    raw_shape: tuple[int, ...]
    kinds: tuple[Kind, ...]
    names: Names | None
    steps: tuple[FittedTransform, ...]
    sample_shape: tuple[int, ...] = ()

    @classmethod
    def fit(
        cls, transforms: Sequence[Transform], rows: Rows, names: Names | None, where: str, key: str | None = None
    ) -> Self:
        """Return the transforms, fitted to raw training rows; these are read block by block.

        ``key`` is what errors call the only transform, by default an item of ``data.transforms``.

        Raises:
            ConfigError: a transform names a column that there is not, or is for none that there is.
            DataError: a column cannot be transformed, or holds text or missing values after all transforms.
        """
        table = as_table(rows, names)
        raw = rows.shape[1:], table.kinds, names
        cells = cls(*raw, ()).cells(table, slice(0, 1), where)
        eps = float(np.finfo(table.values.dtype).eps)
        steps: list[FittedTransform] = []
        for index, transform in enumerate(transforms):
            place = key or f"data.transforms.{index}"
            label = f"{transform.kind} ({place})"
            groups = _chosen(transform, cells, place)
            while groups:
                columns = groups.pop(0)
                read = partial(cls(*raw, tuple(steps)).blocks, table, where)
                fitted_to = _FittedTo(read, len(table), FittedTransform(transform, columns, {}, label), eps)
                try:
                    state = transform.fit(fitted_to)
                except CellError as error:
                    raise cells.error(error, columns, label) from None
                steps.append(FittedTransform(transform, columns, state, label))
                count, cells = len(cells.names), steps[-1].apply(cells)
                if len(cells.names) != count:  # these columns are at the end now: those behind them have moved up
                    groups = [tuple(other - sum(map(other.__gt__, columns)) for other in each) for each in groups]
        _refuse_text(cells, where)
        count = cells.values.shape[1]
        return cls(*raw, tuple(steps), raw[0] if count == int(np.prod(raw[0])) else (count,))

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the columns that enter the network."""
        empty = Table(np.empty((0, len(self.kinds))), self.names)
        return tuple(self._transformed(self.cells(empty, slice(0, 0), "x")).names)

    def cells(self, table: Table, rows: slice, where: str, numbers: RowNumbers | None = None) -> Cells:
        """Return raw rows, with each column as it was in training."""
        values = table.values[rows]
        return Cells.of(table, values.reshape(len(values), len(self.kinds)), self.kinds, self.names, where, numbers)

    def blocks(self, table: Table, where: str) -> Iterator[Cells]:
        """Yield transformed rows, block by block."""
        for rows in blocks(table.values):
            yield self._transformed(self.cells(table, rows, where, range(rows.start, rows.stop)))

    def apply(self, rows: Rows, dtype: np.dtype[Any], where: str) -> ArrayOrSource:
        """Return raw rows as they enter the network, of a dtype; rows of a source when they are read.

        Raises:
            DataError: a value is missing, a cell cannot be transformed, or a number becomes infinite.
        """
        table = as_table(rows, self.names)
        if isinstance(table.values, RowSource):
            return table.values.map(partial(self._read, table, dtype), dtype, self.sample_shape)
        results = np.empty((len(table), *self.sample_shape), dtype)
        for piece in blocks(table.values, PIECE_BYTES):
            numbers = range(piece.start, min(piece.stop, len(table)))
            results[piece] = self._read(table, dtype, table.values[piece], where, numbers)
        return results

    def inverse(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return the raw rows of transformed ones, of their dtype; each transform must be invertible."""
        values = rows.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is infinite
            for step in reversed(self.steps):
                columns = list(step.columns)
                values[:, columns] = step.transform.inverse(values[:, columns], step.state)
            return values.astype(rows.dtype)

    def _read(
        self, table: Table, dtype: np.dtype[Any], values: NDArray[Any], where: str, numbers: RowNumbers | None = None
    ) -> NDArray[Any]:
        """Return raw values as they enter the network."""
        raw = values.reshape(len(values), len(self.kinds))
        cells = self._transformed(Cells.of(table, raw, self.kinds, self.names, where, numbers))
        cells.refuse_missing(range(cells.values.shape[1]), f"; {REMEDY}")
        check_finite(cells.values, f"transformed {where}", numbers)
        return _narrowed(dtype, cells.values, where, numbers).reshape(len(values), *self.sample_shape)

    def _transformed(self, cells: Cells) -> Cells:
        for step in self.steps:
            cells = step.apply(cells)
        return cells


def narrowed_rows(rows: ArrayOrSource, dtype: np.dtype[Any], where: str) -> ArrayOrSource:
    """Return rows in a dtype.

    Raises:
        DataError: a number that is infinite in the dtype; of a source, when it is read.
    """
    if isinstance(rows, SparseRows):
        return rows.astype(dtype, where)
    if not isinstance(rows, RowSource):
        return _narrowed(dtype, rows, where)
    return rows.map(partial(_narrowed, dtype), dtype) if rows.dtype != dtype else rows


def transformed_targets(targets: Targets, preprocessing: Preprocessing | None, where: str) -> Targets:
    """Return targets as the cost takes them, in float64 where they were transformed.

    Raises:
        DataError: a number cannot be transformed.
    """
    if preprocessing is None or targets.values is None:
        return targets
    values = preprocessing.apply(targets.values, np.dtype(np.float64), where)
    return targets.with_values(np.asarray(values))


def _narrowed(dtype: np.dtype[Any], rows: NDArray[Any], where: str, numbers: RowNumbers | None = None) -> NDArray[Any]:
    if rows.dtype.itemsize <= dtype.itemsize:
        return np.ascontiguousarray(rows, dtype=dtype)
    with np.errstate(over="ignore"):  # an overflow is reported below
        converted = np.ascontiguousarray(rows, dtype=dtype)
    check_finite(converted, where, numbers, before=rows)
    return converted


def _chosen(transform: Transform, cells: Cells, key: str) -> list[tuple[int, ...]]:
    """Return the positions of the columns that a transform is for: of numbers, and of text, where it takes both."""
    if isinstance(transform.columns, str):
        wanted = cells.kinds if transform.columns == "all" else [transform.columns] * len(cells.kinds)
        chosen = [column for column, (kind, want) in enumerate(zip(cells.kinds, wanted, strict=True)) if kind == want]
        if not chosen:
            raise ConfigError(f"{key}: {transform.kind}: there are no columns of type {transform.columns}")
    else:
        chosen = [_position(column, cells, key) for column in transform.columns]
    of_kind = {kind: tuple(column for column in chosen if cells.kinds[column] == kind) for kind in ("number", "text")}
    if transform.takes == "number" and (text := of_kind["text"]):
        remedy = '; remedies: columns = "number", or one-hot before it'
        raise DataError(f"{cells.where}: {key}: {transform.kind} takes numbers; {cells.text_place(text[0])}{remedy}")
    if transform.takes == "text":
        return [tuple(chosen)]
    return [columns for columns in of_kind.values() if columns]


def _position(column: str | int, cells: Cells, key: str) -> int:
    if isinstance(column, int):
        if column in cells.origins:
            return cells.origins.index(column)
        allowed = (
            f"columns are counted from 0, up to {cells.table.shape[1] - 1}, and are those that are not replaced yet"
        )
        raise ConfigError(f"{key}.columns: {column}: there is no column of this number; {allowed}")
    if column not in cells.names:
        known = f"the columns are {list_values(cells.names)}{did_you_mean(column, cells.names)}"
        if cells.table.names is None and len(cells.names) == cells.table.shape[1]:
            known = f"the columns have no names, only numbers, 0 to {cells.table.shape[1] - 1}"
        raise ConfigError(f"{key}.columns: there is no column {short_repr(column)}; {known}")
    return cells.names.index(column)


def _refuse_text(cells: Cells, where: str) -> None:
    text = [column for column, kind in enumerate(cells.kinds) if kind == "text"]
    if text:
        remedy = f'data.transforms = ["one-hot"] makes numbers of it, data.exclude = ["{cells.names[text[0]]}"] leaves'
        raise DataError(f"{where}: {cells.text_place(text[0])}; numbers are needed: {remedy} it out")
