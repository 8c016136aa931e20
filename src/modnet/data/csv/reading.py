"""CSV files: a table with its target to train with, and rows to predict for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modnet.core.dataset import Names
from modnet.core.errors import DataError
from modnet.core.messages import list_values, short_repr
from modnet.data.columns import find_columns, input_columns
from modnet.data.csv.arrow import read_fast
from modnet.data.csv.columns import Column, Content, read_columns
from modnet.data.csv.features import as_features
from modnet.data.csv.rows import CsvFormat, Row, Source
from modnet.data.csv.targets import TargetKind, read_target
from modnet.data.roles import Roles
from modnet.data.table import Kind, Table

__all__ = ["Contents", "CsvTable", "Rows", "read_contents", "read_rows", "read_table"]

NAMES = "a line with the names of the columns"


@dataclass(frozen=True)
class CsvTable:
    """The content of a CSV file with a target.

    Attributes:
        header: The names of all columns.
        features: The names of the columns of x.
        kinds: What each of them holds.
        x: The features, (rows, features): a `Table` where there are transforms, text or a missing value.
        y: Labels (rows,), or targets (rows, 1).
        target_kind: What the target column holds.
        weights: The weight of each row, (rows,), or None.
        groups: The group of each row, (rows,), objects that are text, or None.
    """

    header: tuple[str, ...]
    features: tuple[str, ...]
    kinds: tuple[Kind, ...]
    x: NDArray[np.float64] | Table
    y: NDArray[Any]
    target_kind: TargetKind
    weights: NDArray[np.float64] | None = None
    groups: NDArray[np.object_] | None = None


class Rows(NamedTuple):
    """Rows to predict for.

    Attributes:
        x: The inputs, (rows, inputs): a `Table` where there is text or a missing value.
        kept: The cells of further columns by their names.
        lines: The line of each row; None where it has none.
    """

    x: Table | NDArray[Any]
    kept: dict[str, list[str]]
    lines: Sequence[int] | None = None


class Contents(NamedTuple):
    """All columns of a CSV file, whatever they hold: one as it is, and the others as a table."""

    table: Table
    target: str
    cells: list[str]
    lines: Sequence[int]


def read_contents(
    path: str | os.PathLike[str], csv_format: CsvFormat, target: Callable[[Sequence[str]], str]
) -> Contents:
    """Return all columns of a CSV file with a header; ``target`` is called with their names and says which is not read.

    Nothing is refused but what is no CSV file, so that a column may hold dates, or nothing.

    Raises:
        DataError: naming the line; or what ``target`` raises.
    """
    with Source(path, csv_format) as source:
        line, header = _first(source, NAMES)
        positions = _positions(header, f"{source.name}: line {line}")
        name = target(header)
        others = [column for column in header if column != name]
        columns = [Column(positions[column], column, None, True) for column in others]
        content = _read(source, columns, [positions[name]], len(header), has_header=True)
    texts = {index: np.array(found, dtype=object) for index, found in content.texts.items()}
    return Contents(Table(content.values, tuple(others), texts), name, content.cells[positions[name]], content.lines)


def read_table(
    path: str | os.PathLike[str],
    roles: Roles,
    csv_format: CsvFormat | None = None,
    *,
    target_kind: TargetKind | None = None,
    transforms: bool = False,
    kinds: Mapping[str, Kind] | None = None,
    training: CsvTable | None = None,
) -> CsvTable:
    """Return the columns of a CSV file with a header.

    UTF-8, cells in double quotes where needed (RFC 4180); blank lines and spaces around a cell are ignored. Without
    ``transforms``, every cell of a feature must be a finite number. With them, a column is one of numbers if all cells
    that are not missing are, else one of text, unless ``kinds`` say what it holds. For the target see `read_target`. A
    validation or test file has the features of the ``training`` file, in any order, and what they and the target hold
    is the same; its rows may go without weights and groups.

    Raises:
        DataError: naming the line and the column.
    """
    with Source(path, csv_format or CsvFormat()) as source:
        line, header = _first(source, NAMES)
        source.refuse_separator(line, header)
        where = f"{source.name}: line {line}"
        positions = _positions(header, where)
        if training is None:
            is_data = all(source.format.number(name) is not None for name in header)
            reason = " (is this line data, and the header missing?)" if is_data else ""
            features = roles.features(tuple(header), where, reason)
        else:
            features = training.features
            kinds = dict(zip(features, training.kinds, strict=True))
            find_columns(header, [roles.target], f"{where}:")
            find_columns(header, features, f"{where}:", ", which the training file has")
            extra = {name for name in header if name not in training.header and not roles.may_be_in(name)}
            if extra:
                raise DataError(f"{where}: column {short_repr(min(extra))} is not in the training file")
        known = [(kinds or {}).get(name) for name in features]
        columns = _columns(features, [positions[name] for name in features], known, transforms=transforms)
        target, weight = positions[roles.target], positions.get(roles.weight or "")
        group = positions.get(roles.group or "") if training is None else None
        if weight is not None:
            columns.append(Column(weight, roles.weight))
        cells = [target] if group is None else [target, group]
        content = _read(source, columns, cells, len(header), has_header=True)
        x = as_features(source, content, columns[: len(features)], features, with_lines=transforms)
    names = source.name, roles.target
    kind = target_kind if training is None else training.target_kind
    kind, y = read_target(content.cells[target], content.lines, names, kind, source.format)
    found: tuple[Kind, ...] = tuple("text" if index in content.texts else "number" for index in range(len(features)))
    weights = None if weight is None else _weights(content, roles.weight, source.name)
    groups = None if group is None else _groups(content, group, roles.group, source)
    return CsvTable(tuple(header), features, found, x, y, kind, weights, groups)


def read_rows(
    path: str | os.PathLike[str],
    features: Names | None,
    count: int,
    header: bool | None = None,
    *,
    kinds: Sequence[Kind] | None = None,
    csv_format: CsvFormat | None = None,
    keep: Sequence[str] = (),
) -> Rows:
    """Return rows for a network with ``count`` inputs from a CSV file with or without a header.

    Whether the first line is a header is never guessed from it: ``header`` says it, and with None there is one if the
    inputs have names (``features``). It must then have them all; they are selected by name, and other columns are
    ignored. If the inputs have no names, a column named ``target`` is ignored.

    Args:
        path: The file; ``-`` is standard input.
        features: The names of the inputs, as they were before the transforms.
        count: How many there are.
        header: Whether the first line is a header.
        kinds: What each input held in training, where there were transforms: a cell of them may be missing. None: every
            cell must be a finite number.
        csv_format: How cells are written.
        keep: The names of further columns to return as they are.

    Raises:
        DataError: naming the line and the column.
    """
    has_header = features is not None if header is None else header
    with Source(path, csv_format or CsvFormat()) as source:
        line, first = _first(source, NAMES if has_header else f"a row of {count} {'cells' if kinds else 'numbers'}")
        if count > 1:
            source.refuse_separator(line, first)
        where = f"{source.name}: line {line}"
        if not has_header:
            if keep:
                raise DataError(f"{where}: is a row; a header is needed to find column {list_values(keep)}")
            selected, kept = input_columns(range(len(first)), None, count, [], where)
            names: Sequence[object] = range(1, len(first) + 1)
        else:
            _positions(first, where)  # refuses names that are not unique
            hint = "" if header else "; if this line is a row: --no-header"
            names, (selected, kept) = first, input_columns(first, features, count, keep, where, hint)
        chosen = [names[position] for position in selected]
        if kinds is None:
            columns = [Column(position, column) for position, column in zip(selected, chosen, strict=True)]
        else:
            columns = _columns(chosen, selected, kinds, transforms=True)
        try:
            content = _read(source, columns, kept, len(first), has_header=has_header)
        except DataError as error:
            if header is None and not has_header and str(error).startswith(f"{where}, "):
                raise DataError(f"{error}; if this line holds names: --header") from None
            raise
        x = as_features(source, content, columns, features)
    cells = {name: content.cells[position] for name, position in zip(keep, kept, strict=True)}
    return Rows(x, cells, content.lines)


def _read(source: Source, columns: Sequence[Column], cells: Sequence[int], width: int, *, has_header: bool) -> Content:
    fast = read_fast(source, columns, cells, width, has_header=has_header)
    return read_columns(source, columns, cells, width, has_header=has_header) if fast is None else fast


def _first(source: Source, expected: str) -> Row:
    """Return the first row: its line, and its cells without the spaces around them."""
    for line, cells in source.rows():
        return line, [cell.strip() for cell in cells]
    raise DataError(f"{source.name}: is empty; {expected} is expected")


def _positions(header: list[str], where: str) -> dict[str, int]:
    """Return the position of each column, from 0, by its name."""
    positions: dict[str, int] = {}
    for position, column in enumerate(header):
        if not column:
            index = "; if pandas wrote its index there: to_csv(…, index=False)" if position == 0 else ""
            raise DataError(f"{where}, column {position + 1} (counted from 1): the name is empty{index}")
        if positions.setdefault(column, position) != position:
            raise DataError(f"{where}: two columns have the name {short_repr(column)}")
    return positions


def _columns(
    names: Sequence[object], positions: Sequence[int], kinds: Sequence[Kind | None], *, transforms: bool
) -> list[Column]:
    """Return how features are read: without transforms as numbers, else as ``kinds`` say, or as what they hold."""
    columns = zip(positions, names, kinds, strict=True)
    if not transforms:
        return [Column(position, name, advice="remedies") for position, name, _ in columns]
    return [Column(position, name, kind, True, "as in training" if kind else None) for position, name, kind in columns]


def _weights(content: Content, column: str | None, name: str) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = content.values[:, -1]
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        problem = f"column {short_repr(column)}: {weights[row]:g}; a weight of at least 0 is expected"
        raise DataError(f"{name}: line {content.lines[row]}, {problem}")
    return weights


def _groups(content: Content, position: int, column: str | None, source: Source) -> NDArray[np.object_]:
    """Return the groups as text: 007 and 7 are two."""
    cells = content.cells[position]
    missing = source.format.missing
    for row, cell in enumerate(cells):
        if cell in missing:
            where = f"{source.name}: line {content.lines[row]}, column {short_repr(column)}"
            raise DataError(f"{where}: {short_repr(cell) if cell else 'empty'}; a group is expected")
    return np.array(cells, dtype=object)
