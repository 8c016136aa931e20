"""Data files written by hand, right or wrong."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def images(count: int, rows: int = 2, columns: int = 3) -> bytes:
    content = bytes(n * 7 % 256 for n in range(count * rows * columns))
    return b"\0\0\x08\x03" + struct.pack(">III", count, rows, columns) + content


def labels(count: int) -> bytes:
    return b"\0\0\x08\x01" + struct.pack(">I", count) + bytes(n % 10 for n in range(count))


def npy(shape: str, descr: str = "'<f8'", content: bytes = b"", order: str = "False", version: int = 1) -> bytes:
    """An array's file."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + content


def member(array: object, *, pickled: bool = False) -> bytes:
    """An array's file as NumPy writes it."""
    target = io.BytesIO()
    np.save(target, np.asarray(array), allow_pickle=pickled)
    return target.getvalue()


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """An archive; what follows a name's "!" only tells it from the same name."""
    path.write_bytes(pack_bytes(members, method))
    return path


def pack_bytes(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The content of an archive."""
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that are not unique
        for name, content in members.items():
            archive.writestr(name.split("!")[0], content)
    return target.getvalue()


def patch_directory(content: bytes, at: int, form: str, *values: int) -> bytes:
    """The archive with other values in the first entry of its directory."""
    start = content.index(b"PK\x01\x02") + at
    return content[:start] + struct.pack(form, *values) + content[start + struct.calcsize(form) :]
