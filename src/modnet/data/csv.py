"""CSV files: numbers in named columns, and a target."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.data.files import display_path, error_text, open_binary, short_repr

__all__ = ["Table", "read_rows", "read_table"]

LINE = 1 << 24
"""How many characters a line may have."""
LABEL = 1000
"""How many characters a label may have: in an array of text all take as much as the longest."""
INTEGER = re.compile(r"[+-]?[0-9]+")
LISTED = 12
"""How many columns an error lists."""

TargetKind = Literal["integer", "number", "text"]
Record = tuple[int, list[str]]
"""A row's line in the file, counted from 1, and its cells."""


@dataclass(frozen=True)
class Table:
    """What a CSV file holds.

    Attributes:
        features: The names of the columns of x.
        x: (rows, features), float64.
        y: Labels (rows,), int64 or text; or targets (rows, 1), float64.
        kind: Which of the three y is.
    """

    features: tuple[str, ...]
    x: NDArray[np.float64]
    y: NDArray[Any]
    kind: TargetKind


def read_table(
    path: str | os.PathLike[str],
    target: str,
    features: tuple[str, ...] | None = None,
    kind: TargetKind | None = None,
) -> Table:
    """Return the columns of a CSV file with a header: ``target``, and all others as features.

    UTF-8, comma-separated, cells in double quotes where needed (RFC 4180); blank lines and spaces around a
    cell do not count. A target column of integers only gives labels, one of numbers otherwise gives targets,
    any other gives labels that are text. A file that goes with another one has its ``features``, in any
    order, and its ``kind``.

    Raises:
        DataError: naming the line and the column.
    """
    name = display_path(path)
    records = _records(Path(path), name)
    line, header = _first(records, name)
    place_of = _places(header, line, name)
    if target not in place_of:
        hint = "; is line 1 data and the header missing?" if _all_numbers(header) else ""
        raise DataError(f"{name}: line {line}: no column {short_repr(target)}; the columns are {_listed(header)}{hint}")
    names = tuple(column for column in header if column != target)
    if not names:
        raise DataError(f"{name}: line {line}: no column besides {short_repr(target)}; at least one feature is needed")
    if features is not None:
        _check_same(names, features, f"{name}: line {line}")
        names = features
    places = [place_of[column] for column in names]
    x, cells = _read_numbers(records, name, places, header, place_of[target])
    y, found = _as_targets(cells, f"column {short_repr(target)}", name, kind)
    return Table(names, x, y, found)


def read_rows(path: str | os.PathLike[str], features: tuple[str, ...] | None, count: int) -> NDArray[np.float64]:
    """Return rows for a network with ``count`` inputs, (rows, count), from a CSV file, header or not.

    A first line with a cell that is no number is a header. Where the inputs have names (``features``), a
    header must have them all; they are chosen by name, and other columns are left aside. Where they have
    none, a column named ``target`` is left aside.

    Raises:
        DataError: naming the line and the column.
    """
    name = display_path(path)
    records = _records(Path(path), name)
    line, first = _first(records, name)
    if _all_numbers(first):
        if len(first) != count:
            raise DataError(f"{name}: line {line}: {len(first)} columns, the network has {count} inputs")
        return _read_numbers(_again((line, first), records), name, range(count), None, None)[0]
    place_of = _places(first, line, name)
    if features is not None:
        missing = [column for column in features if column not in place_of]
        if missing:
            raise DataError(
                f"{name}: line {line}: no column {short_repr(missing[0])}, which the network needs; "
                f"the columns are {_listed(first)}"
            )
        chosen = list(features)
    else:
        chosen = [column for column in first if column != "target" or len(first) == count]
    if len(chosen) != count:
        raise DataError(f"{name}: line {line}: {len(chosen)} columns, the network has {count} inputs")
    return _read_numbers(records, name, [place_of[column] for column in chosen], first, None)[0]


def _lines(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    number = 0
    while content := text.readline(LINE):
        number += 1
        if len(content) == LINE:
            raise DataError(f"{name}: line {number} is longer than {LINE} characters")
        if not content.isascii():
            _check_decoded(content, number, name)
        if "\0" in content:
            raise DataError(f"{name}: line {number}: a NUL byte; is this a text file?")
        yield content


def _check_decoded(content: str, number: int, name: str) -> None:
    try:
        content.encode()
    except UnicodeEncodeError as error:  # "surrogateescape" has put a surrogate where a byte was undecodable
        byte = ord(content[error.start]) - 0xDC00
        problem = f"line {number}, character {error.start + 1}: byte 0x{byte:02x} is not UTF-8"
        raise DataError(f"{name}: {problem}") from None


def _records(path: Path, name: str) -> Iterator[Record]:
    file = open_binary(path, regular=False)
    with io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        reader = csv.reader(_lines(text, name), strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                end = reader.line_num  # beyond the row's first line, where a quote is not closed
                at = f"line {line}" if end <= line else f"lines {line}-{end}"
                raise DataError(f"{name}: {at}: {error_text(error)}") from None
            except OSError as error:
                raise DataError(f"{name}: cannot be read: {error_text(error)}") from None
            if cells is None:
                return
            if cells:
                yield line, [cell.strip() for cell in cells]


def _first(records: Iterator[Record], name: str) -> Record:
    for record in records:
        return record
    raise DataError(f"{name}: is empty; a line with the names of the columns is expected")


def _again(record: Record, records: Iterator[Record]) -> Iterator[Record]:
    yield record
    yield from records


def _places(header: list[str], line: int, name: str) -> dict[str, int]:
    """Return the place of each column, from 0, by its name."""
    places: dict[str, int] = {}
    for place, column in enumerate(header):
        if not column:
            raise DataError(f"{name}: line {line}, column {place + 1} (counted from 1): the name is empty")
        if places.setdefault(column, place) != place:
            raise DataError(f"{name}: line {line}: two columns have the name {short_repr(column)}")
    return places


def _check_same(names: tuple[str, ...], features: tuple[str, ...], where: str) -> None:
    there, wanted = set(names), set(features)
    for column in features:
        if column not in there:
            raise DataError(f"{where}: no column {short_repr(column)}, which the training file has")
    for column in names:
        if column not in wanted:
            raise DataError(f"{where}: column {short_repr(column)} is not in the training file")


def _read_numbers(
    records: Iterator[Record], name: str, places: Sequence[int], header: list[str] | None, target: int | None
) -> tuple[NDArray[np.float64], list[Record]]:
    """Return the columns ``places`` as numbers, and the cells of the column ``target`` with their lines."""
    numbers = array("d")
    targets: list[Record] = []
    width = len(header) if header else len(places)
    for line, cells in records:
        if len(cells) != width:
            expected = f"the header has {width}" if header else f"the first row has {width}"
            raise DataError(f"{name}: line {line}: {len(cells)} cells, {expected}")
        chosen = [cells[place] for place in places]
        try:
            values = [float(cell) for cell in chosen]
            doubtful = not math.isfinite(sum(values)) or "_" in "".join(chosen)
        except ValueError:
            doubtful = True
        if doubtful:
            values = _check_cells(chosen, [_column(place, header) for place in places], line, name)
        numbers.extend(values)
        if target is not None:
            targets.append((line, [cells[target]]))
    if not numbers:
        raise DataError(f"{name}: no rows after the header")
    return np.frombuffer(numbers, np.float64).reshape(-1, len(places)), targets


def _check_cells(cells: list[str], columns: list[str], line: int, name: str) -> list[float]:
    values = []
    for cell, column in zip(cells, columns, strict=True):
        value = _number(cell)
        if value is None or not math.isfinite(value):
            _refuse(name, line, column, cell, "a finite number is expected")
        values.append(value)
    return values


def _as_targets(
    records: list[Record], column: str, name: str, kind: TargetKind | None
) -> tuple[NDArray[Any], TargetKind]:
    """Return the target column as what it is, or as what ``kind`` says it must be."""
    cells = [cell for _, (cell,) in records]
    for (line, _), cell in zip(records, cells, strict=True):
        if not 1 <= len(cell) <= LABEL:
            _refuse(name, line, column, cell, f"a number, or a label of at most {LABEL} characters, is expected")
    if kind is None:
        kind = _kind(cells)
    if kind == "text":
        return np.array(cells), kind
    if kind == "integer":
        for (line, _), cell in zip(records, cells, strict=True):
            if not _is_integer(cell):
                _refuse(name, line, column, cell, "an integer is expected, as in the training file")
        return np.array([int(cell) for cell in cells], dtype=np.int64), kind
    values = [_check_cells([cell], [column], line, name) for (line, _), cell in zip(records, cells, strict=True)]
    return np.array(values), kind


def _kind(cells: list[str]) -> TargetKind:
    if all(map(_is_integer, cells)):
        return "integer"
    # Integers beyond 64 bits name things: as floats, different ones would become equal.
    whole = all(INTEGER.fullmatch(cell) for cell in cells)
    return "number" if _all_numbers(cells) and not whole else "text"


def _column(place: int, header: list[str] | None) -> str:
    return f"column {short_repr(header[place])}" if header else f"column {place + 1} (counted from 1)"


def _refuse(name: str, line: int, column: str, cell: str, expected: str) -> NoReturn:
    raise DataError(f"{name}: line {line}, {column}: {short_repr(cell) if cell else 'empty'}; {expected}")


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python reads 1_000 as a number, nobody else does
    except ValueError:
        return None


def _is_integer(cell: str) -> bool:
    return len(cell) <= 20 and INTEGER.fullmatch(cell) is not None and -(2**63) <= int(cell) < 2**63


def _all_numbers(cells: list[str]) -> bool:
    return all(_number(cell) is not None for cell in cells)


def _listed(columns: list[str]) -> str:
    more = f", … ({len(columns)} in all)" if len(columns) > LISTED else ""
    return ", ".join(map(short_repr, columns[:LISTED])) + more
