"""IDX files: the format of MNIST, compressed with gzip or not."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import error_text, truncate
from modnet.data.files import DEFLATE_RATIO, open_binary

__all__ = ["read_idx"]

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
"""The types of the elements by the third byte of a file."""
DIMENSIONS = 64
"""How many dimensions an array of NumPy can have."""


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the array of an IDX file, in native byte order; gzip is recognized by its first bytes, not by its name.

    The file: two zero bytes, a byte for the type of the elements, a byte for the number of dimensions, each
    dimension's size as a 32-bit integer, the elements; all big-endian. Nothing is decompressed beyond what the
    header promises. Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten
    digits".

    Raises:
        DataError: a file that cannot be read or is not what its header says.
    """
    with open_binary(Path(path)) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not compressed:
                return _read(file, size)
            with gzip.open(file) as stream:
                return _read(stream, size * DEFLATE_RATIO)
        except (EOFError, MemoryError, OSError, ValueError, zlib.error) as error:
            raise DataError(f"{path}: not a readable IDX file: {error_text(error)}") from None


def _read(stream: BinaryIO | gzip.GzipFile, largest: int) -> NDArray[Any]:
    """Return the array of a stream of at most ``largest`` bytes."""
    magic = stream.read(4)
    if magic[:2] != b"\0\0" or len(magic) < 4:
        raise ValueError(f"the first 4 bytes are {magic.hex(' ')!r}; expected is '00 00', a type and a dimension")
    if magic[2] not in DTYPES:
        allowed = ", ".join(f"0x{code:02x} ({np.dtype(name)})" for code, name in DTYPES.items())
        raise ValueError(f"byte 2, the type of the elements, is 0x{magic[2]:02x}; allowed are {allowed}")
    if not 1 <= magic[3] <= DIMENSIONS:
        raise ValueError(f"byte 3, the number of dimensions, is {magic[3]}; allowed are 1 to {DIMENSIONS}")
    sizes = stream.read(4 * magic[3])
    shape = np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4").tolist()
    if len(sizes) < 4 * magic[3] or 0 in shape:
        raise ValueError(f"the sizes of the dimensions are {shape}; {magic[3]} of at least 1 are needed")
    dtype = np.dtype(DTYPES[magic[2]])
    length = math.prod(shape) * dtype.itemsize
    content = stream.read(length + 1) if length <= largest else b""  # one byte more: gzip then checks its sum, too
    if len(content) != length:
        problem = "too long" if len(content) > length else "truncated"
        promise = truncate(f"{' × '.join(map(str, shape))} {dtype}")
        raise ValueError(f"{problem}: the header promises {promise} elements, {length} bytes after it")
    return np.frombuffer(content, dtype.newbyteorder(">")).astype(dtype).reshape(shape)
