"""The rows of a CSV file, as cells of text, and how its cells are written."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

from modnet.core.errors import DataError
from modnet.core.messages import counted, error_text, shell_word, short_repr
from modnet.data.files import STDIN, is_file, open_binary, standard_input

__all__ = ["MARKS", "MISSING", "Block", "CsvFormat", "Row", "Source", "blocks"]

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""What stands for a missing value, unless the configuration says otherwise."""
MARKS = ("?", "-", "--", "#N/A", "#NA", "<NA>")
"""What stands for one in many other files, where a cell holds nothing else."""
LINE = 1 << 24
"""How many characters a line may have."""
ZIP = b"PK\3\4"
"""What a ZIP archive begins with."""
PIECE = 1 << 20
"""How many bytes of a pipe are read at a time."""
BLOCK = 256
"""How many rows are converted at a time."""
SEPARATORS = {";": "';'", "\t": "a tab, '\\t'", ",": "','", "|": "'|'"}
"""What the cells of other files are separated with, as a message shows it."""

Row: TypeAlias = tuple[int, list[str]]
"""Its line in the file, counted from 1, and its cells, with the spaces around them."""


@dataclass(frozen=True)
class CsvFormat:
    """How the cells of a file are written.

    Attributes:
        separator: What is between two cells, one character.
        decimal: The decimal mark, ``.`` or ``,``.
        missing: The texts that stand for a missing value.
        as_options: Whether errors name options of a command (``--decimal``), or keys (``data.decimal``).
    """

    separator: str = ","
    decimal: str = "."
    missing: frozenset[str] = frozenset(MISSING)
    as_options: bool = False

    def number(self, cell: str, decimal: str | None = None) -> float | None:
        """Return what a cell without spaces around it is as a number, perhaps not a finite one; None for text."""
        decimal = decimal or self.decimal
        if "_" in cell or not cell.isascii():  # Python reads 1_000 and ٣ as numbers, others do not
            return None
        if decimal != ".":
            if "." in cell:
                return None
            cell = cell.replace(decimal, ".")
        try:
            return float(cell)
        except ValueError:
            return None

    def advice(self, cell: str) -> str:
        """Return which other decimal mark would make a number of a cell that is none, if one would."""
        other = "." if self.decimal == "," else ","
        if other not in cell or self.number(cell, other) is None:
            return ""
        remedy = f"write {self.decimal!r}" if self.separator == other else self.setting("decimal", other)
        return f"; if {other!r} is the decimal mark: {remedy}"

    def mark_advice(self, cell: str) -> str:
        """Return how a cell is made a missing value, if it looks like one."""
        if cell not in MARKS or self.as_options:
            return ""
        return f'; if it stands for a missing value: data.missing = ["", "{cell}"]'

    def setting(self, name: str, value: str) -> str:
        """Return how a format is chosen: ``data.decimal = ","``, or ``--decimal ','``."""
        if self.as_options:
            return f"--{name} {shell_word(value)}"
        shown = value.replace("\t", "\\t")
        return f'data.{name} = "{shown}"'

    @cached_property
    def missing_numbers(self) -> bool:
        """Whether a text that stands for a missing value looks like a finite number."""
        values = [self.number(text) for text in self.missing]
        return any(value is not None and math.isfinite(value) for value in values)


class Source:
    """A CSV file that is open; its rows can be read more than once."""

    def __init__(self, path: str | os.PathLike[str], csv_format: CsvFormat) -> None:
        """Open the file, or standard input for ``-``; what is no regular file is read at once.

        Raises:
            DataError: there is no such file, or it may not be read.
        """
        self.name = STDIN if str(path) == "-" else str(path)
        self.format = csv_format
        if str(path) == "-":
            self.file: BinaryIO = self._copied(standard_input())
            return
        self.file = open_binary(Path(path), regular=False)
        if not is_file(path):
            with self.file as pipe:
                self.file = self._copied(pipe)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def _copied(self, pipe: BinaryIO) -> BinaryIO:
        """Return what a pipe holds, up to where it is no CSV file any more."""
        copy, length = io.BytesIO(), 0
        try:
            while length <= LINE and (piece := pipe.read(PIECE)):
                copy.write(piece)
                length = 0 if b"\n" in piece or b"\r" in piece else length + len(piece)
                if b"\0" in piece:
                    break
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read: {error_text(error)}") from None
        return copy

    @property
    def size(self) -> int:
        """How many bytes the file has; 0 for what is no regular file."""
        return 0 if isinstance(self.file, io.BytesIO) else self.file.seek(0, os.SEEK_END)

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are not blank, from the first one.

        Raises:
            DataError: naming the line: it is not text in UTF-8, or not a row.
        """
        self.file.seek(0)
        if self.file.read(len(ZIP)) == ZIP:
            raise DataError(f"{self.name}: is a ZIP archive, as .xlsx files are; save the table as CSV, in UTF-8")
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, encoding="utf-8-sig", newline="")
        reader = csv.reader(_lines(text), strict=True, delimiter=self.format.separator)
        line = 1
        try:
            for cells in reader:
                if cells:
                    yield line, cells
                line = reader.line_num + 1
        except UnicodeDecodeError as error:  # its object starts in the line that follows those read
            line = reader.line_num + len((error.object[: error.start] + b".").splitlines())
            problem = f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as CSV, in UTF-8"
            raise DataError(f"{self.name}: line {line}: {problem}") from None
        except (csv.Error, OSError) as error:
            problem = error_text(error).replace("unexpected end of data", 'a cell that begins with " does not end')
            raise DataError(f"{self.name}: line {line}: {problem}") from None
        finally:
            text.detach()  # or the file would be closed

    def refuse_separator(self, line: int, cells: list[str]) -> None:
        """Refuse a first row that is one cell in which there is another separator.

        Raises:
            DataError: naming it.
        """
        if len(cells) != 1:
            return
        counts = {other: cells[0].count(other) for other in SEPARATORS if other != self.format.separator}
        other = max(counts, key=lambda separator: counts[separator])
        if counts[other]:
            given = SEPARATORS.get(self.format.separator, repr(self.format.separator))
            problem = f"one cell, {short_repr(cells[0])}, with the separator {given}"
            seems = f"it seems to be {SEPARATORS[other]}: {self.format.setting('separator', other)}"
            raise DataError(f"{self.name}: line {line}: {problem}; {seems}")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while content := text.readline(LINE):
        if len(content) == LINE or "\0" in content:
            problem = "a NUL byte" if "\0" in content else f"more than {LINE:,} characters"
            raise csv.Error(f"{problem}; is this a text file?")
        yield content


class Block(NamedTuple):
    """Some rows: their lines, and the cells of each column, with the spaces around them."""

    lines: list[int]
    columns: list[tuple[str, ...]]


def blocks(rows: Iterator[Row], width: int, name: str) -> Iterator[Block]:
    """Yield the rows in blocks; what is wrong with a row is raised after those before it.

    Raises:
        DataError: a row has not ``width`` cells; or what ``rows`` raise.
    """
    while True:
        block: list[Row] = []
        problem: DataError | None = None
        try:
            for row in islice(rows, BLOCK):
                block.append(row)  # noqa: PERF402 -- those before an error are kept
        except DataError as error:
            problem = error
        for index, (line, cells) in enumerate(block):
            if len(cells) != width:
                problem = DataError(f"{name}: line {line}: {counted(len(cells), 'cell')}, the first row has {width}")
                del block[index:]
                break
        if block:
            yield Block([line for line, _ in block], list(zip(*(cells for _, cells in block), strict=True)))
        if problem is not None:
            try:
                raise problem from None
            finally:
                del problem  # or the error and this frame would keep each other, and the line that was read
        if len(block) < BLOCK:
            return
