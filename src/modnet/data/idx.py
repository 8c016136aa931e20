"""IDX files: the format of MNIST, packed with gzip or not."""

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
from modnet.data.files import display_path, error_text, open_binary, truncate
from modnet.data.validation import DIMENSIONS

__all__ = ["read_idx"]

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP = b"\x1f\x8b"
DEFLATE = 1032
"""How many bytes a packed byte can stand for at most (zlib's technical details)."""
PIECE = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the array of an IDX file, in native byte order; gzip is known by its first bytes, not its name.

    The file: two zero bytes, a byte for the type of the elements, a byte for the number of dimensions, each
    dimension's size as a 32-bit integer, the elements; all big-endian. Nothing is unpacked beyond what the
    header promises. Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten
    digits".

    Raises:
        DataError: a file that cannot be read or is not what its header says, naming the place.
    """
    name = display_path(path)
    with open_binary(Path(path)) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            packed = file.read(len(GZIP)) == GZIP
            file.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=file, mode="rb") as stream:
                    return _read(stream, name, None, size * DEFLATE)
            return _read(file, name, size, size)
        except EOFError:
            raise DataError(f"{name}: truncated: the gzip stream ends before its end mark") from None
        except (OSError, zlib.error) as error:
            raise DataError(f"{name}: cannot be {'unpacked' if packed else 'read'}: {error_text(error)}") from None
        except MemoryError:
            raise DataError(f"{name}: the array does not fit into the memory") from None


def _read(stream: BinaryIO | gzip.GzipFile, name: str, size: int | None, most: int) -> NDArray[Any]:
    """Read a stream of ``size`` bytes, or of at most ``most`` where the size is not known."""
    dtype, shape, start = _read_header(stream, name)
    end = start + math.prod(shape) * dtype.itemsize
    sizes = truncate(" × ".join(map(str, shape)))
    promise = f"the header promises {truncate(str(end))} ({sizes} {dtype.newbyteorder('=').name} elements)"
    if size is not None and size != end:
        raise DataError(f"{name}: {'truncated' if size < end else 'too long'}: {size} bytes, {promise}")
    if end > most:
        raise DataError(f"{name}: truncated: it cannot unpack to more than {most} bytes, {promise}")
    content = bytearray()
    while len(content) < end - start:
        piece = stream.read(min(PIECE, end - start - len(content)))
        if not piece:
            raise DataError(f"{name}: truncated: {start + len(content)} bytes, {promise}")
        content += piece
    if stream.read(1):  # also makes gzip check its sum
        raise DataError(f"{name}: too long: it goes on after byte {end - 1}, {promise}")
    return np.frombuffer(content, dtype).astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _read_header(stream: BinaryIO | gzip.GzipFile, name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Return the elements' type, the shape, and where the elements start."""
    magic = _take(stream, name, 0, 4, "magic number")
    if magic[:2] != b"\0\0":
        raise DataError(f"{name}: not an IDX file: bytes 0-1 are 0x{magic[:2].hex()}; they must be 0x0000")
    code, dimensions = magic[2], magic[3]
    if code not in TYPES:
        allowed = ", ".join(f"0x{known:02x} ({np.dtype(TYPES[known]).name})" for known in TYPES)
        raise DataError(f"{name}: byte 2, the type of the elements, is 0x{code:02x}; allowed are {allowed}")
    if not 1 <= dimensions <= DIMENSIONS:
        raise DataError(f"{name}: byte 3, the number of dimensions, is {dimensions}; allowed are 1 to {DIMENSIONS}")
    shape = []
    for number in range(1, dimensions + 1):
        at = 4 * number
        shape.append(int.from_bytes(_take(stream, name, at, 4, f"size of dimension {number}"), "big"))
        if shape[-1] == 0:
            raise DataError(f"{name}: bytes {at}-{at + 3}, the size of dimension {number}, are 0; at least 1 is needed")
    return np.dtype(TYPES[code]), tuple(shape), 4 + 4 * dimensions


def _take(stream: BinaryIO | gzip.GzipFile, name: str, at: int, length: int, what: str) -> bytes:
    taken = stream.read(length)
    if len(taken) < length:
        raise DataError(f"{name}: truncated: it ends at byte {at + len(taken)}, within the {what}")
    return taken
