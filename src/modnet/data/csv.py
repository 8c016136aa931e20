"""CSV files: numbers in named columns, and a target."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from modnet.core.dataset import Names
from modnet.core.errors import DataError
from modnet.core.messages import error_text, list_values, short_repr
from modnet.data.files import open_binary

__all__ = ["Table", "read_rows", "read_table"]

LINE = 1 << 24
"""How many characters a line may have."""
LABEL = 1000
"""How many characters a label may have: in an array of text each takes as much memory as the longest."""
NAMES = "a line with the names of the columns"
INTEGER = re.compile(r"[+-]?[0-9]+")

TargetKind = Literal["integer", "number", "text"]
EXPECTED: dict[TargetKind, str] = {
    "integer": "an integer of 64 bits, without + and leading zeros,",
    "number": "a finite number",
    "text": f"a number, or a label of at most {LABEL} characters,",
}
Row = tuple[int, list[str]]  # its line in the file, counted from 1, and its cells
Cell = tuple[int, object, str]  # its line, its column's name or number, and its content


@dataclass(frozen=True)
class Table:
    """The content of a CSV file.

    Attributes:
        features: The names of the columns of x.
        x: The features, (rows, features).
        y: Labels (rows,), or targets (rows, 1).
        kind: What the target column holds.
        weights: The weight of each row, (rows,), or None.
    """

    features: tuple[str, ...]
    x: NDArray[np.float64]
    y: NDArray[Any]
    kind: TargetKind
    weights: NDArray[np.float64] | None = None


def read_table(
    path: str | os.PathLike[str],
    target: str,
    features: tuple[str, ...] | None = None,
    kind: TargetKind | None = None,
    weight: str | None = None,
) -> Table:
    """Return the columns of a CSV file with a header: ``target``, perhaps ``weight``, and all others as features.

    UTF-8, comma-separated, cells in double quotes where needed (RFC 4180); blank lines and spaces around a
    cell are ignored. A target column of integers holds labels: integers if each is written as Python writes it, else
    text, so that 007 and 7 stay different. One of other numbers holds targets, any other holds labels that are text.
    A validation or test file has the ``features`` of the training file, in any order, and its ``kind``; its rows may
    go without weights.

    Raises:
        DataError: naming the line and the column.
    """
    name = str(path)
    rows, line, header = _open(Path(path), name)
    where = f"{name}: line {line}"
    positions = _positions(header, where)
    hint = " (is this line data, and the header missing?)" if all(map(_is_number, header)) else ""
    _require([target], positions, where, hint)
    if weight == target:
        raise DataError(f"{where}: column {short_repr(target)} cannot be both target and weight")
    if weight is not None and features is None:
        _require([weight], positions, where, ", which is to hold the weights")
    columns = tuple(column for column in header if column not in (target, weight))
    if not columns:
        taken = " and ".join(short_repr(column) for column in (target, weight) if column is not None)
        raise DataError(f"{where}: no column besides {taken}; at least one feature is needed")
    if features is not None:
        _require(features, positions, where, ", which the training file has")
        if extra := set(columns) - set(features):
            raise DataError(f"{where}: column {short_repr(min(extra))} is not in the training file")
        columns = features
    read = [*columns, *([weight] if weight in positions else [])]
    x, cells = _numbers(rows, name, header, [positions[column] for column in read], positions[target])
    kind = kind or _kind([content for _, _, content in cells])
    y = np.array(_parse(cells, kind, name))
    x, weights = (x[:, :-1], x[:, -1]) if len(read) > len(columns) else (x, None)
    if weights is not None and (weights < 0).any():
        row = int(np.argmax(weights < 0))
        problem = f"column {short_repr(weight)}: {weights[row]:g}; a weight of at least 0 is expected"
        raise DataError(f"{name}: line {cells[row][0]}, {problem}")
    return Table(columns, x, y[:, None] if kind == "number" else y, kind, weights)


def read_rows(
    path: str | os.PathLike[str], features: Names | None, count: int, header: bool | None = None
) -> NDArray[np.float64]:
    """Return rows for a network with ``count`` inputs, (rows, count), from a CSV file with or without a header.

    Whether the first line is a header is never guessed from it: ``header`` says it, and with None there is one if the
    inputs have names (``features``). It must then have them all; they are selected by name, and other columns are
    ignored. If the inputs have no names, a column named ``target`` is ignored.

    Raises:
        DataError: naming the line and the column.
    """
    name = str(path)
    has_header = features is not None if header is None else header
    rows, line, first = _open(Path(path), name, NAMES if has_header else f"a row of {count} numbers")
    where = f"{name}: line {line}"
    columns: Sequence[object] = range(1, len(first) + 1)
    if not has_header:
        try:
            _parse(((line, *cell) for cell in zip(columns, first, strict=True)), "number", name)
        except DataError as error:
            raise DataError(f"{error}{'' if header is False else '; if this line holds names: --header'}") from None
        rows, selected = chain([(line, first)], rows), list(range(len(first)))
    else:
        positions, needed = _positions(first, where), list(map(str, features or ()))
        if features is None and len(first) != count:
            positions.pop("target", None)
        hint = "" if header else "; if this line is a row: --no-header"
        _require(needed, positions, where, ", which the network was trained with", hint)
        columns, selected = first, [positions[column] for column in needed or positions]
    if len(selected) != count:
        raise DataError(f"{where}: {len(selected)} columns, the network has {count} inputs")
    return _numbers(rows, name, columns, selected)[0]


def _open(path: Path, name: str, first: str = NAMES) -> tuple[Iterator[Row], int, list[str]]:
    """Return the rows after the first one, its line, and its cells."""
    rows = _rows(path, name)
    for line, header in rows:
        return rows, line, header
    raise DataError(f"{name}: is empty; {first} is expected")


def _rows(path: Path, name: str) -> Iterator[Row]:
    with io.TextIOWrapper(open_binary(path, regular=False), encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(_lines(text), strict=True)
        line = 1
        try:
            for cells in reader:
                if cells:
                    yield line, [cell.strip() for cell in cells]
                line = reader.line_num + 1
        except UnicodeDecodeError as error:  # its object starts in the line that follows those read
            line = reader.line_num + len((error.object[: error.start] + b".").splitlines())
            raise DataError(f"{name}: line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8") from None
        except (csv.Error, OSError) as error:
            raise DataError(f"{name}: line {line}: {error_text(error)}") from None


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while content := text.readline(LINE):
        if len(content) == LINE or "\0" in content:
            raise csv.Error(f"a NUL byte, or more than {LINE} characters; is this a text file?")
        yield content


def _positions(header: list[str], where: str) -> dict[str, int]:
    """Return the position of each column, from 0, by its name."""
    positions: dict[str, int] = {}
    for position, column in enumerate(header):
        if not column:
            raise DataError(f"{where}, column {position + 1} (counted from 1): the name is empty")
        if positions.setdefault(column, position) != position:
            raise DataError(f"{where}: two columns have the name {short_repr(column)}")
    return positions


def _require(columns: Iterable[str], positions: dict[str, int], where: str, reason: str, hint: str = "") -> None:
    if missing := [column for column in columns if column not in positions]:
        known = list_values(positions)
        raise DataError(f"{where}: no column {list_values(missing)}{reason}; the columns are {known}{hint}")


def _numbers(
    rows: Iterable[Row], name: str, header: Sequence[object], selected: list[int], target: int = 0
) -> tuple[NDArray[np.float64], list[Cell]]:
    """Return the ``selected`` columns as numbers, and the cells of the column ``target``."""
    numbers, targets = array("d"), []
    for line, cells in rows:
        if len(cells) != len(header):
            raise DataError(f"{name}: line {line}: {len(cells)} cells, the first row has {len(header)}")
        texts = [cells[position] for position in selected]
        try:
            values = list(map(float, texts))
            is_valid = math.isfinite(sum(values)) and _is_plain("".join(texts))
        except ValueError:
            is_valid = False
        if not is_valid:  # or the sum alone is infinite
            values = _parse([(line, header[position], cells[position]) for position in selected], "number", name)
        numbers.extend(values)
        targets.append((line, header[target], cells[target]))
    if not numbers:
        raise DataError(f"{name}: no rows after the header")
    return np.frombuffer(numbers).reshape(-1, len(selected)), targets


def _parse(cells: Iterable[Cell], kind: TargetKind, name: str) -> list[Any]:
    """Return the values of cells."""
    values: list[Any] = []
    for line, column, content in cells:
        if kind == "number" and _is_number(content) and math.isfinite(float(content)):
            values.append(float(content))
        elif kind == "integer" and _is_integer(content):
            values.append(int(content))
        elif kind == "text" and 1 <= len(content) <= LABEL:
            values.append(content)
        else:
            problem = f"{short_repr(content) if content else 'empty'}; {EXPECTED[kind]} is expected"
            raise DataError(f"{name}: line {line}, column {short_repr(column)}: {problem}")
    return values


def _kind(cells: list[str]) -> TargetKind:
    if all(map(_is_integer, cells)):
        return "integer"
    if all(map(INTEGER.fullmatch, cells)):
        return "text"  # 007, or beyond 64 bits: as numbers, different ones could become equal
    return "number" if all(map(_is_number, cells)) else "text"


def _is_integer(cell: str) -> bool:
    is_integer = len(cell) <= 20 and INTEGER.fullmatch(cell) is not None
    return is_integer and -(2**63) <= int(cell) < 2**63 and str(int(cell)) == cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return _is_plain(cell)


def _is_plain(cell: str) -> bool:
    return "_" not in cell and cell.isascii()  # Python reads 1_000 and ٣ as numbers, others do not
