"""Mutated data files: an independent reader decides whether a mutation leaves data, and which."""

from __future__ import annotations

import csv
import gzip
import io
import math
import random
import re
import struct
import time
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.writing import member, npy, pack

from modnet.core.errors import DataError
from modnet.data.csv.reading import read_table
from modnet.data.idx import read_idx
from modnet.data.npz import read_npz
from modnet.data.roles import Roles

FEW, MANY = 1000, 20_000
SECONDS = 1.0
"""How long the processor may be busy with one small file."""


def mutated(rng: random.Random, content: bytes, tokens: list[bytes]) -> bytes:
    """The content after one to three changes; ``tokens`` are what the format knows."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.choice((1, 1, 2, 4, 16)))
        match rng.randrange(8):
            case 0 | 1 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 2 if at < len(data):
                data[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
            case 3:
                del data[at:to]
            case 4:
                data[at:at] = data[at:to]
            case 5:
                data[at:at] = rng.choice(tokens)
            case 6:
                token = rng.choice(tokens)
                data[at : at + len(token)] = token
            case 7 if rng.random() < 0.3:
                del data[at:]
    return bytes(data)


# The independent readers; anything that they raise means that there is no data.


def idx_content(content: bytes) -> Any:
    if content[:2] == b"\x1f\x8b":
        content = gunzipped(content)
    zeros, code, dimensions = struct.unpack(">HBB", content[:4])
    shape = struct.unpack(f">{dimensions}I", content[4 : 4 + 4 * dimensions])
    form = {8: "B", 9: "b", 11: "h", 12: "i", 13: "f", 14: "d"}[code]
    if zeros or not 1 <= dimensions <= 64 or 0 in shape:
        raise ValueError
    rest = content[4 + 4 * dimensions :]
    if math.prod(shape) * struct.calcsize(f">{form}") != len(rest):
        raise ValueError
    return shape, form, rest


def idx_read(path: Path) -> Any:
    array = read_idx(path)
    return array.shape, array.dtype.char, array.astype(array.dtype.newbyteorder(">")).tobytes()


def gunzipped(content: bytes) -> bytes:
    """RFC 1952, member by member, with zlib for the packed bytes alone."""
    unpacked = b""
    while content:
        if content[:3] != b"\x1f\x8b\x08":
            raise ValueError
        flags, at = content[3], 10
        if flags & 4:
            at += 2 + int.from_bytes(content[at : at + 2], "little")
        for flag in (8, 16):  # a name and a comment
            if flags & flag:
                at = content.index(0, at) + 1
        at += flags & 2  # its own sum
        stream = zlib.decompressobj(-15)
        piece = stream.decompress(content[at:]) + stream.flush()
        if not stream.eof or struct.unpack("<II", stream.unused_data[:8]) != (zlib.crc32(piece), len(piece)):
            raise ValueError
        unpacked, content = unpacked + piece, stream.unused_data[8:].lstrip(b"\0")
    return unpacked


def table_content(content: bytes) -> Any:
    text = content.decode("utf-8-sig")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    header, *rows = ([cell.strip() for cell in cells] for cells in lines if cells)
    features = [name for name in header if name != "y"]
    if "\0" in text or not all(header) or len(set(header)) < len(header) or not features or not rows:
        raise ValueError
    if any(len(row) != len(header) for row in rows):
        raise ValueError
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    x = list(zip(*([number(cell) for cell in columns[name]] for name in features), strict=True))
    return features, [list(row) for row in x], targets(columns["y"])


def targets(cells: tuple[str, ...]) -> list[Any]:
    if not all(1 <= len(cell) <= 1000 for cell in cells):
        raise ValueError
    whole = all(re.fullmatch("[-+]?[0-9]+", cell) for cell in cells)
    if whole:
        as_written = all(re.fullmatch("0|-?[1-9][0-9]{0,18}", cell) for cell in cells)
        return (
            list(map(int, cells))
            if as_written and all(-(2**63) <= int(cell) < 2**63 for cell in cells)
            else list(cells)
        )
    try:
        floats = [number(cell, finite=False) for cell in cells]
    except ValueError:
        return list(cells)
    if not all(map(math.isfinite, floats)):
        raise ValueError
    return [[value] for value in floats]


def number(cell: str, *, finite: bool = True) -> float:
    value = float(cell)
    if not re.fullmatch("[ -^`-~]*", cell) or (finite and not math.isfinite(value)):
        raise ValueError
    return value


def table_read(path: Path) -> Any:
    table = read_table(path, Roles("y"))
    return list(table.features), table.x.tolist(), table.y.tolist()


def archive_content(content: bytes) -> Any:
    with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(content)) as archive:
        warnings.simplefilter("ignore")  # of the spelling of headers
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        files = {name.removesuffix(".npy"): io.BytesIO(archive.read(name)) for name in names}
        return {name: form(np.lib.format.read_array(file, allow_pickle=False)) for name, file in files.items()}


def archive_read(path: Path) -> Any:
    return {name: form(array) for name, array in read_npz(path).items()}


def form(array: np.ndarray) -> Any:
    return array.shape, array.dtype.str, array.tobytes()


STRICTER = re.compile(
    r"two arrays have the name|neither 0 nor 1|not Unicode|elements; allowed are numbers and text"
    r"|bytes, \d+ are there|compression method|encrypted"
)
"""What modnet refuses and NumPy takes."""


def idx_file(code: int, form: str, *shape: int) -> bytes:
    head = bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return head + struct.pack(f">{math.prod(shape)}{form}", *range(math.prod(shape)))


PLAIN = [idx_file(8, "B", 3, 2, 2), idx_file(8, "B", 10), idx_file(12, "i", 2, 3), idx_file(14, "d", 1, 1, 1, 2)]
SIZES = [struct.pack(">I", size) for size in (0, 1, 2, 3, 6, 12, 2**16, 2**31, 2**32 - 1)]
CODES = [bytes([0, 0, code, dimensions]) for code in (7, 8, 9, 11, 12, 13, 14) for dimensions in (0, 1, 2, 3, 64, 255)]
TABLES = [
    b"a,b,y\n1,2.5,0\n-3,4e2,1\n5,.5,1\n",
    b'\xef\xbb\xbfa,y\r\n"1","no, never"\r\n\r\n 2 ,"say ""yes"""\r\n',
    "größe,y\r1,0.5\r2,ä\r".encode(),
    b"y,a\n0.5,1\n1.5,2\n",
]
CELLS = [b"\n", b"\r", b"\r\n", b",", b'"', b'""', b"\0", b"\xff", b"\xc3\xa4", b"\xef\xbb\xbf", b"nan", b"-inf",
         b"1e999", b"1_0", b"y", b" ", b";", b"x", b"0x1", b"9223372036854775808", b".", b"-", b"e5"]  # fmt: skip
HEADER = [b"'<f8'", b"'>i4'", b"'|b1'", b"'<U2'", b"'|O'", b"'|S3'", b"'|V4'", b"'<c16'", b"(", b")", b",", b"'", b"-",
          b"1", b"2", b"3", b"0", b"True", b"False", b"'shape': ", b"'descr': ", b"99999999999",
          b"\x93NUMPY\2\0"]  # fmt: skip
ARRAYS = [
    member(np.arange(6.0).reshape(2, 3)),
    member(np.array(["a", "ä😀"])),
    member(np.array([True, False, True])),
    npy("(2, 2)", "'>i2'", bytes(range(8)), order="True", version=2),
]
ZIP = [
    b"PK\1\2",
    b"PK\3\4",
    b"PK\5\6",
    b"x.npy",
    b"y.npy",
    *(struct.pack("<I", n) for n in (0, 1, 8, 12, 2**31, 2**32 - 1)),
]


def an_archive(rng: random.Random, folder: Path) -> bytes:
    """An archive that was changed, or one with right sums around an array's file that was changed."""
    members = {"x.npy": rng.choice(ARRAYS), "y.npy": ARRAYS[0]}
    inside = rng.random() < 0.5
    if inside:
        members["x.npy"] = mutated(rng, members["x.npy"], HEADER)
    content = pack(folder / "p", members, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))).read_bytes()
    return content if inside else mutated(rng, content, ZIP)


def a_packed_idx(rng: random.Random, _: Path) -> bytes:
    plain = rng.choice(PLAIN)
    if rng.random() < 0.3:
        return gzip.compress(mutated(rng, plain, SIZES + CODES), mtime=0)
    half = rng.choice((0, 0, len(plain) // 2))
    packed = b"".join(gzip.compress(part, mtime=0) for part in (plain[:half], plain[half:]) if part)
    return mutated(rng, packed, [b"\x1f\x8b\x08\0", b"\x1f\x8b\x08\x1e", b"\0" * 8, b"name\0", b"\xff" * 4])


# Of each format: a mutated file, modnet's reader, an independent one, the place that a message must name, and what
# modnet alone may refuse.
FORMATS: dict[str, tuple[Callable[[random.Random, Path], bytes], Callable, Callable, str, re.Pattern[str] | None]] = {
    "idx": (
        lambda rng, _: mutated(rng, rng.choice(PLAIN), SIZES + CODES),
        idx_read,
        idx_content,
        "not a readable IDX file",
        None,
    ),
    "idx.gz": (a_packed_idx, idx_read, idx_content, "not a readable IDX file", None),
    "csv": (
        lambda rng, _: mutated(rng, rng.choice(TABLES), CELLS),
        table_read,
        table_content,
        r"lines? \d+|is empty; a line with the names|no rows after the header",
        None,
    ),
    "npz": (
        an_archive,
        archive_read,
        archive_content,
        r"array '|array \"|two arrays|not a readable NPZ archive",
        STRICTER,
    ),
}


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", FORMATS)
def test_the_data_or_a_data_error(
    tmp_path: Path, name: str, count: int, record_property: Callable[[str, object], None]
) -> None:
    make, read, read_independently, place, stricter = FORMATS[name]
    path, rng = tmp_path / "f", random.Random(f"{name} {count}")  # noqa: S311 -- to be repeated
    counts, slowest = Counter[str](), 0.0
    for _ in range(count):
        content = make(rng, tmp_path)
        path.write_bytes(content)
        start = time.thread_time()
        try:
            data, message = read(path), None
        except DataError as error:
            data, message = None, str(error)
        slowest = max(slowest, time.thread_time() - start)
        try:
            expected = read_independently(content)
        except Exception:  # an independent reader may raise anything
            expected = None
        if message is None:
            assert expected is not None, content
            assert data == expected, content
            counts["data"] += 1
        else:
            assert message.startswith(f"{path}: "), content
            assert "\n" not in message, content
            assert re.search(place, message), message
            assert expected is None or (stricter and stricter.search(message)), (message, content)
            counts["refused" if expected is None else "refused by us alone"] += 1
    for key, value in [*counts.items(), ("slowest in ms", round(1000 * slowest, 1))]:
        record_property(key, value)
        print(f"{name}, {count}: {key}: {value}")
    assert min(counts["data"], counts["refused"]) > count / 50  # both sides were seen
    assert count < MANY or slowest < SECONDS
