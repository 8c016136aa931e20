"""Large CSV files, read by pyarrow where it is installed and the file has nothing unusual."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from mmap import ACCESS_READ, mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.data.csv.columns import Column, Content, Reader
from modnet.data.csv.rows import Source, blocks

__all__ = ["read_fast"]

LEAST_BYTES = 1 << 21
"""Below this size, importing pyarrow takes longer than it saves."""
BOM = b"\xef\xbb\xbf"
SAMPLE = 100
"""How many rows decide which columns are taken for numbers."""
WINDOW = 1 << 16
"""A line that is longer than two of them may have a cell that Python's reader refuses."""


def read_fast(
    source: Source, columns: Sequence[Column], cells: Sequence[int], width: int, *, has_header: bool
) -> Content | None:
    """Return what `read_columns` would, to the last bit, or None where only that can tell.

    It reads all that is unusual, and all errors are its: pyarrow is not installed, the file is small or a pipe, there
    are quotes or blank lines, a cell is not what its column holds.
    """
    positions = [column.position for column in columns]
    shared = set(positions) & set(cells)
    if width < 2 or shared or not source.format.separator.isascii() or source.size <= LEAST_BYTES:
        return None
    try:
        import pyarrow as pa
        from pyarrow import csv
    except ImportError:
        return None
    sample = Reader(source, columns, [])
    try:
        for block in blocks(islice(source.rows(), int(has_header), SAMPLE), width, source.name):
            sample.add(block)
    except DataError:
        return None
    reads_all = len(set(positions) | set(cells)) == width
    content = mmap(source.file.fileno(), 0, access=ACCESS_READ)
    rows = _plain_rows(content, source, has_header=has_header, reads_all=reads_all)
    if rows is None:
        return None
    text = pa.dictionary(pa.int32(), pa.string())
    types = {str(position): pa.string() for position in cells}
    for index, position in enumerate(positions):
        types[str(position)] = text if index in sample.texts else pa.float64()
    missing = sorted(source.format.missing)
    try:
        table = csv.read_csv(
            pa.py_buffer(rows),
            csv.ReadOptions(column_names=[str(position) for position in range(width)], use_threads=False),
            csv.ParseOptions(delimiter=source.format.separator, quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[*missing, *(f" {word}" for word in missing)],  # a space after the separator is common
                decimal_point=source.format.decimal,
            ),
        )
    except pa.ArrowException:
        return None
    if _may_have_blank_lines(table) and any(content.find(pair) >= 0 for pair in (b"\n\n", b"\n\r", b"\r\r")):
        return None
    first = 1 + int(has_header)
    return _content(table, source, columns, cells, range(first, first + table.num_rows))


def _plain_rows(content: mmap, source: Source, *, has_header: bool, reads_all: bool) -> memoryview | None:
    """Return the bytes of the rows; None where only Python's reader sees whether they can be used.

    What is in a column that is read is seen there: a quote, a NUL and what is not UTF-8. In others it is looked for.
    """
    begin = 3 if content[:3] == BOM else 0
    line = content[begin : content.find(b"\n") + 1].removesuffix(b"\n").removesuffix(b"\r")
    if not line or b"\r" in line or b'"' in line:
        return None
    if has_header:
        begin = content.find(b"\n") + 1
    if content.find(BOM, begin) >= 0:
        return None  # pyarrow skips one, though it is in a cell
    end = len(content)
    while end > begin and content[end - 1 : end] in (b"\r", b"\n"):  # blank lines in the end
        end -= 1
    if source.format.missing_numbers and (content.find(b" ") >= 0 or content.find(b"\t") >= 0):
        return None  # of " -999" pyarrow makes a number
    windows = range(begin, end - WINDOW, WINDOW)
    if not all(content.find(b"\n", window, window + WINDOW) >= 0 for window in windows):
        return None
    if not reads_all and not _is_plain(content):
        return None
    return memoryview(content)[begin:end]


def _is_plain(content: mmap) -> bool:
    if content.find(b'"') >= 0 or content.find(b"\0") >= 0:
        return False
    try:
        return bool(np.frombuffer(content, np.uint8).max() < 128) or content[:].decode() is not None
    except UnicodeDecodeError:
        return False


def _may_have_blank_lines(table: Any) -> bool:
    """Return whether a cell is empty in every column: of a blank line, pyarrow makes a row of empty cells."""
    import pyarrow.compute as pc

    def has_empty(column: Any) -> bool:
        if str(column.type) == "double":
            return bool(column.null_count)
        if str(column.type) == "string":
            return pc.any(pc.equal(column, "")).as_py() is True
        return any("" in chunk.dictionary.to_pylist() for chunk in column.chunks)

    return all(map(has_empty, table.columns))


def _content(
    table: Any, source: Source, columns: Sequence[Column], cells: Sequence[int], lines: range
) -> Content | None:
    """Return the columns of a table of pyarrow; None where a cell is missing or infinite that may not be."""
    table = table.unify_dictionaries()
    values = np.empty((table.num_rows, len(columns)))
    texts: dict[int, list[str]] = {}
    places: dict[int, NDArray[np.float64]] = {}
    missing = set()
    for index, column in enumerate(columns):
        chunked = table.column(str(column.position))
        if str(chunked.type) == "double":
            if chunked.null_count:
                missing.add(index)
            continue
        dictionary = chunked.chunk(0).dictionary.to_pylist() if chunked.num_chunks else []
        if any(map(_is_special, dictionary)):
            return None
        texts[index], places[index] = _positions(dictionary, source)
        if np.isnan(places[index]).any():
            missing.add(index)
    if any(not columns[index].may_be_missing for index in missing):
        return None
    is_same = {index: np.array_equal(of_codes, np.arange(len(of_codes))) for index, of_codes in places.items()}
    start = 0
    for batch in table.to_batches():
        block, expected = values[start : start + batch.num_rows], 0
        for index, column in enumerate(columns):
            array = batch.column(batch.schema.get_field_index(str(column.position)))
            if index in places:
                codes = array.indices.to_numpy()
                block[:, index] = codes if is_same[index] else places[index][codes]
                expected += int(np.isnan(block[:, index]).sum()) if index in missing else 0
            else:
                block[:, index] = array.to_numpy(zero_copy_only=False)
                expected += array.null_count
        if block.size - np.count_nonzero(np.isfinite(block)) != expected:
            return None  # a cell is infinity, or NaN that stands for no missing value
        start += batch.num_rows
    kept = {}
    for position in cells:
        strings = table.column(str(position)).to_pylist()
        joined = "".join(strings)
        if _is_special(joined):
            return None
        kept[position] = strings if joined.split() == [joined] else list(map(str.strip, strings))
    return Content(values, texts, missing, lines, kept)


def _is_special(text: str) -> bool:
    """Return whether a text has what Python's reader takes for more than text."""
    return '"' in text or "\0" in text


def _positions(dictionary: list[str], source: Source) -> tuple[list[str], NDArray[np.float64]]:
    """Return the distinct texts of cells, and for each cell the position of its text, NaN where it is missing."""
    texts: dict[str, float] = {}
    positions = np.full(len(dictionary), math.nan)
    for code, cell in enumerate(dictionary):
        text = cell.strip()
        if text not in source.format.missing:
            positions[code] = texts.setdefault(text, float(len(texts)))
    return list(texts), positions
