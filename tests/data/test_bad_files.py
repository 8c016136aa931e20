"""Files that are not what they should be: one line names file and place, and no memory is spent on their promises."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from data.holding import agrees
from data.writing import IDX_NAMES, images, labels, member, npy, pack, patch_directory

from modnet import DataError, Trainer
from modnet.data.csv.reading import read_table
from modnet.data.datasets.arrays import Idx
from modnet.data.idx import read_idx
from modnet.data.npz import read_npz
from modnet.data.roles import Roles

MEMORY = 40 << 20
HUGE = 1 << 40
MAX = b"\xff" * 4
IMAGES = IDX_NAMES[0]
ROWS = "first,second,y\n1,2,a\n3,4,b\n"
X, Y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])

Writer = Callable[[Path], object]


def at(name: str, content: bytes | str) -> Writer:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def idx(content: bytes | None, name: str = IMAGES) -> Writer:
    """The four files, of which one has other content or is missing."""

    def write(folder: Path) -> None:
        files = dict(zip(IDX_NAMES, (images(8), labels(8), images(4), labels(4)), strict=True)) | {name: content}
        for file, file_content in files.items():
            if file_content is not None:
                (folder / file).write_bytes(file_content)

    return write


def instead(write: Writer, name: str, make: Callable[[Path], object]) -> Writer:
    """The files, with something else in the place of one of them."""

    def replace(folder: Path) -> None:
        write(folder)
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return replace


def npz(**members: bytes) -> Writer:
    """An archive with x and y, of which some have other content."""
    files = {"x": member(X), "y": member(Y)} | members
    return lambda folder: pack(folder / "t.npz", {f"{name}.npy": content for name, content in files.items()})


def patched(place: int, form: str, *values: int) -> Writer:
    """An archive whose directory says something else of x."""

    def write(folder: Path) -> None:
        npz()(folder)
        path = folder / "t.npz"
        path.write_bytes(patch_directory(path.read_bytes(), place, form, *values))

    return write


def changed(write: Writer, name: str, change: Callable[[bytes], bytes]) -> Writer:
    def rewrite(folder: Path) -> None:
        write(folder)
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return rewrite


def bomb(folder: Path) -> None:
    """64 MB of zeros behind images, in some 300 KB."""
    idx(gzip.compress(images(8) + bytes(64 << 20), 1))(folder)


def endless_line(folder: Path) -> None:
    """64 MB without the end of a line."""
    (folder / "t.csv").write_bytes(b"first,y\n" + b"1" * (64 << 20))


def many_members(folder: Path) -> None:
    """A directory of 3,000 arrays that all lie in the same place."""
    npz(**{f"a{number}": b"" for number in range(3000)})(folder)
    content = (folder / "t.npz").read_bytes()
    start = content.index(b"PK\x01\x02")
    first = start + 46 + int.from_bytes(content[start + 28 : start + 30], "little")
    names = content[start:first].replace(b"x.npy", b"%05d")
    (folder / "t.npz").write_bytes(
        content[:start] + b"".join(names % number for number in range(3000)) + content[first:]
    )


class Trap:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("trapped",)


PACKED = gzip.compress(images(8), mtime=0)
FORMS = "(uint8 elements, 3-D)"
PROMISE = "the header promises 64 (8 × 2 × 3 uint8 elements)"

# What is wrong: what writes the files, and the message after the file's name (as far as "…").
IDX = {
    "empty": (idx(b""), f"{IMAGES}: …"),
    "magic": (idx(b"\x89PNG" + images(8)), f"{IMAGES}: …"),
    "type": (idx(b"\0\0\x0a\x03" + images(8)[4:]), f"{IMAGES}: …"),
    "no dimension": (idx(b"\0\0\x08\0" + images(8)[4:]), f"{IMAGES}: …"),
    "255 dimensions": (idx(b"\0\0\x08\xff" + MAX * 300), f"{IMAGES}: …"),
    "64 of 2**32 - 1": (idx(b"\0\0\x0e\x40" + MAX * 64), f"{IMAGES}: …"),
    "a size of 0": (idx(images(0)), f"{IMAGES}: …"),
    "a product that is 0 in 64 bits": (
        idx(b"\0\0\x08\x03" + struct.pack(">III", 1 << 31, 1 << 31, 4) + bytes(8)),
        f"{IMAGES}: …",
    ),
    "sizes in the other order": (idx(b"\0\0\x08\x03" + struct.pack("<III", 8, 2, 3)), f"{IMAGES}: …"),
    "header only": (idx(images(8)[:16]), f"{IMAGES}: …"),
    "half a size": (idx(images(8)[:14]), f"{IMAGES}: …"),
    "a byte short": (idx(images(8)[:-1]), f"{IMAGES}: …"),
    "a byte long": (idx(images(8) + b"\n"), f"{IMAGES}: …"),
    "labels for images": (idx(labels(8)), f"{IMAGES}: …"),
    "numbers for images": (
        idx(b"\0\0\x0d\x03" + images(8)[4:16] + bytes(192)),
        f"{IMAGES}: …",
    ),
    "fewer labels": (idx(labels(7), IDX_NAMES[1]), "8 training images, but 7 training labels"),
    "other pixels": (
        idx(images(4, 3, 2), IDX_NAMES[2]),
        "the training images have 2 × 3 pixels, the test images 3 × 2",
    ),
    "missing": (idx(None), f"has no {IMAGES} (also looked for: …"),
    "a folder": (instead(idx(None), IMAGES, Path.mkdir), f"{IMAGES}: is a folder; a file is expected"),
    "a pipe": (instead(idx(None), IMAGES, os.mkfifo), f"{IMAGES}: is not a regular file"),
    "a link to itself": (instead(idx(None), IMAGES, lambda path: path.symlink_to(path)), f"has no {IMAGES} (also …"),
    "half a gzip": (idx(PACKED[: len(PACKED) // 2]), f"{IMAGES}: …"),
    "two bytes of gzip": (idx(PACKED[:2]), f"{IMAGES}: …"),
    "a wrong sum": (idx(PACKED[:-8] + MAX + PACKED[-4:]), f"{IMAGES}: …"),
    "a wrong length": (idx(PACKED[:-4] + MAX), f"{IMAGES}: …"),
    "a wrong method": (idx(b"\x1f\x8b\x07" + PACKED[3:]), f"{IMAGES}: …"),
    "a broken stream": (idx(PACKED[:10] + MAX * 9), f"{IMAGES}: …"),
    "garbage after gzip": (idx(PACKED + b"garbage"), f"{IMAGES}: …"),
    "gzip in gzip": (
        idx(gzip.compress(PACKED)),
        f"{IMAGES}: …",
    ),
    "nothing in gzip": (idx(gzip.compress(b"")), f"{IMAGES}: …"),
    "half a second member": (
        idx(gzip.compress(images(8)[:40]) + gzip.compress(images(8)[40:])[:-3]),
        f"{IMAGES}: …",
    ),
    "a gzip bomb": (bomb, f"{IMAGES}: …"),
    "a promise beyond its gzip": (
        idx(gzip.compress(b"\0\0\x08\x03" + MAX * 3)),
        f"{IMAGES}: …",
    ),
}  # fmt: skip

CSV = {
    "empty": (at("t.csv", ""), "is empty; a line with the names of the columns is expected"),
    "a mark of its encoding only": (
        at("t.csv", "\ufeff"),
        "is empty; a line with the names of the columns is expected",
    ),
    "header only": (at("t.csv", "first,y\n"), "no rows after the header"),
    "UTF-16": (at("t.csv", ROWS.encode("utf-16")), "line 1: byte 0xff is not UTF-8; save…"),
    "UTF-16 without a mark": (at("t.csv", ROWS.encode("utf-16-le")), "line 1: a NUL byte…"),
    "Latin-1": (at("t.csv", "größe,y\n1,a\n".encode("latin-1")), "line 1: byte 0xf6 is not UTF-8; save…"),
    "a NUL": (at("t.csv", ROWS + "5,\0,a\n"), "line 4: a NUL byte…"),
    "a picture": (at("t.csv", b"\x89PNG\r\n\x1a\n" + bytes(90)), "line 1: byte 0x89 is not UTF-8; save…"),
    "gzip": (at("t.csv", gzip.compress(ROWS.encode(), mtime=0)), "line 1: byte 0x8b is not UTF-8; save…"),
    "a quote left open": (at("t.csv", 'first,y\n1,"a\n2,b\n'), 'line 2: a cell that begins with " does not end'),
    "a long quote left open": (
        at("t.csv", 'first,y\n1,a\n2,"a\n' + "3,b\n" * 300_000),
        "line 3: field larger than field limit (131072)",
    ),
    "text after a quote": (at("t.csv", ROWS + '5,"6"7,a\n'), "line 4: ',' expected after '\"'"),
    "a short row": (at("t.csv", ROWS + "5,6\n"), "line 4: 2 cells, the first row has 3"),
    "a long row": (at("t.csv", ROWS + "\n5,6,a,7\n"), "line 5: 4 cells, the first row has 3"),
    "nan": (at("t.csv", ROWS + "5,nan,a\n"), "line 4, column 'second': 'nan'; a finite number is…"),
    "inf": (at("t.csv", ROWS + "-Infinity,6,a\n"), "line 4, column 'first': '-Infinity'; a finite number is expected"),
    "1e999": (at("t.csv", ROWS + "5,1e999,a\n"), "line 4, column 'second': '1e999'; a finite number is expected"),
    "1_000": (at("t.csv", ROWS + "5,1_000,a\n"), "line 4, column 'second': '1_000'; a finite number is…"),
    "a decimal comma": (
        at("t.csv", ROWS + '5,"1,5",a\n'),
        "line 4, column 'second': '1,5'; a finite number is…",
    ),
    "hexadecimal": (at("t.csv", ROWS + "0x10,6,a\n"), "line 4, column 'first': '0x10'; a finite number is…"),
    "an empty cell": (at("t.csv", ROWS + ",6,a\n"), "line 4, column 'first': empty; a finite number is…"),
    "an empty label": (at("t.csv", ROWS + "5,6,\n"), "line 4, column 'y': empty; every row needs a target…"),
    "a long label": (at("t.csv", ROWS + f"5,6,{'b' * 1001}\n"), "line 4, column 'y': 'bbb…"),
    "an empty name": (at("t.csv", "first,,y\n1,2,a\n"), "line 1, column 2 (counted from 1): the name is empty"),
    "a name twice": (at("t.csv", "first,y,first\n1,a,2\n"), "line 1: two columns have the name 'first'"),
    "semicolons": (at("t.csv", ROWS.replace(",", ";")), "line 1: one cell, 'first;second;y', with the…"),
    "no header": (at("t.csv", "1,2,3\n4,5,6\n"), "line 1: no column 'y' (is this line data, and t…"),
    "no feature": (at("t.csv", "y\na\nb\n"), "line 1: no column besides 'y'; at least one feature is needed"),
    "one class": (at("t.csv", "first,y\n1,a\n2,a\n"), "training y has one class, 'a'; at least two are needed"),
    "an endless line": (endless_line, "line 2: more than 16,777,216 characters…"),
    "100,000 columns": (
        at("t.csv", ",".join(f"c{number}" for number in range(100_000)) + ",y\n" + "1," * 99_999 + "x,a\n"),
        "line 2, column 'c99999': 'x'; a finite number is expected; remedies: …",
    ),
    "a folder": (lambda folder: (folder / "t.csv").mkdir(), "is a folder; a file is expected"),
    "missing": (lambda _: None, "cannot be read: No such file or directory"),
    "a link to itself": (
        instead(at("t.csv", ROWS), "t.csv", lambda path: path.symlink_to(path)),
        "cannot be read: Too many levels of symbolic links",
    ),
}  # fmt: skip

NPZ = {
    "empty": (at("t.npz", b""), "not a readable NPZ archive: File is not a zip file"),
    "text": (at("t.npz", ROWS), "not a readable NPZ archive: File is not a zip file"),
    "a pickle": (at("t.npz", pickle.dumps(Trap())), "not a readable NPZ archive: File is not a zip file"),
    "an array alone": (at("t.npz", member(X)), "not a readable NPZ archive: File is not a zip file"),
    "truncated": (changed(npz(), "t.npz", lambda content: content[:-9]), "not a readable NPZ archive: File is not…"),
    "without its start": (changed(npz(), "t.npz", lambda content: content[90:]), "array 'x': …"),
    "empty archive": (at("t.npz", b"PK\5\6" + bytes(18)), "no array 'x'; the arrays in it are: none"),
    "other names": (
        lambda folder: pack(folder / "t.npz", {"a.npy": member(X)}),
        "no array 'x'; the arrays in it are: 'a'",
    ),
    "a name twice": (npz(**{"x.npy!": member(X)}), "two arrays have the name 'x'"),
    "bzip2": (
        lambda folder: pack(folder / "t.npz", {"x.npy": member(X), "y.npy": member(Y)}, zipfile.ZIP_BZIP2),
        "array 'x': …",
    ),
    "encrypted": (patched(8, "<H", 1), "array 'x': …"),
    "a wrong sum": (patched(16, "<I", 7), "array 'x': …"),
    "sizes beyond the file": (patched(20, "<II", 1 << 30, 1 << 30), "array 'x': …"),
    "a size beyond its ratio": (patched(20, "<II", 90, 1 << 30), "array 'x': …"),
    "objects": (npz(x=member(np.array([[None, 1.0]]), pickled=True)), "array 'x': …"),
    "objects that run code": (npz(x=member(np.array([[Trap()]]), pickled=True)), "array 'x': …"),
    "a structure": (npz(x=member(np.zeros(4, [("a", "f8")]))), "array 'x': …"),
    "raw bytes": (
        npz(x=member(np.zeros((4, 2), "V8"))),
        "array 'x': …",
    ),
    "complex": (npz(x=member(X * 1j)), "training x holds complex128 values; allowed are integers, bools and floats"),
    "a negative side": (npz(x=npy("(-4, -2)", content=bytes(64))), "array 'x': …"),
    "a giant": (npz(x=npy(f"({HUGE}, 1)")), "array 'x': …"),
    "a product that is 0 in 64 bits": (
        npz(x=npy(f"({HUGE}, {1 << 24})")),
        "array 'x': …",
    ),
    "a side of 4,400 digits": (npz(x=npy(f"({'9' * 4400},)")), "array 'x': …"),
    "too little": (npz(x=npy("(4, 2)", content=bytes(63))), "array 'x': …"),
    "too much": (npz(x=npy("(4, 2)", content=bytes(65))), "array 'x': …"),
    "no array": (npz(x=b"hello, world"), "array 'x': …"),
    "a header that is none": (npz(x=b"\x93NUMPY\1\0\x05\0[1,2]"), "array 'x': …"),
    "a deep header": (npz(x=b"\x93NUMPY\1\0\x10\x27" + b"(" * 10_000), "array 'x': …"),
    "a header of 4 GB": (npz(x=b"\x93NUMPY\2\0" + MAX), "array 'x': …"),
    "a format of tomorrow": (npz(x=b"\x93NUMPY\x09\0" + MAX), "array 'x': …"),
    "a bomb in its header": (npz(x=b"\x93NUMPY\2\0" + struct.pack("<I", 64 << 20) + bytes(64 << 20)), "array 'x': …"),
    "a bomb behind its header": (
        npz(x=npy("(4, 2)", content=bytes(64 << 20))),
        "array 'x': …",
    ),
    "3,000 arrays in one place": (many_members, "no array 'x'; the arrays in it are: …"),
    "nan": (npz(x=member(np.where(X == 5, np.nan, X))), "training x: row 2, column 1 (counted from 0) is nan; val…"),
    "columns first, inf": (
        npz(x=member(np.asfortranarray(np.where(X == 6, np.inf, X)))),
        "training x: row 3, column 0 (counted from 0) is inf; values must be finite",
    ),
    "fewer labels": (npz(y=member(Y[:3])), "training y has 3 samples, x has 4"),
    "no test labels": (npz(x_test=member(X)), "there is an array 'x_test', but no array 'y_test'"),
    "a folder": (lambda folder: (folder / "t.npz").mkdir(), "is a folder; a file is expected"),
}  # fmt: skip

DATA = {
    "idx": lambda folder: {"kind": "idx", "path": str(folder), "validation_samples": 0},
    "csv": lambda folder: {"kind": "csv", "path": str(folder / "t.csv"), "target": "y"},
    "npz": lambda folder: {"kind": "npz", "path": str(folder / "t.npz")},
}
CASES = {
    f"{kind}: {name}": (kind, *case)
    for kind, cases in (("idx", IDX), ("csv", CSV), ("npz", NPZ))
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", CASES)
def test_one_line_names_file_and_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    kind, write, message = CASES[name]
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    data = DATA[kind](tmp_path)
    trainer = Trainer.from_config({"epochs": 0, "network": {"layers": [2]}, "data": data})
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            trainer.fit()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    expected = f"{data['path']}{'/' if message.startswith(IMAGES) else ': '}{message}"
    assert agrees(str(caught.value), expected)
    assert peak < MEMORY
    assert sorted(tmp_path.rglob("*")) == before  # nothing was unpacked, and nothing ran


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may read everything."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.parametrize("read", [read_idx, read_npz, lambda path: read_table(path, Roles("y"))])
@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are those of POSIX")
def test_a_file_without_permission(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "f"
    path.touch(mode=0)
    with without_privileges(), pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: cannot be read: Permission denied"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are those of POSIX")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "idx"
    path.mkdir(mode=0)
    with without_privileges(), pytest.raises(DataError) as caught:
        Idx(path=str(path)).load()
    assert str(caught.value).startswith(f"{path}: ")
