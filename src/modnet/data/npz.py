"""NPZ archives of NumPy, read without trusting them: no objects, nothing larger than the file can hold."""

from __future__ import annotations

import io
import math
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.data.files import display_path, error_text, open_binary, short_repr

__all__ = ["read_npz"]

LARGEST = 8 << 30
"""How many bytes one array may have."""
HEADER = 10_000
"""How many bytes the header of one array may have; NumPy's own limit."""
DEFLATE = 1032
"""How many bytes a packed byte can stand for at most (zlib's technical details)."""
ENCRYPTED = 1
"""The flag of an encrypted member (PKWARE, "ZIP File Format Specification", 4.4.4)."""
PIECE = 1 << 20
SUFFIX = ".npy"


def read_npz(
    path: str | os.PathLike[str], required: Iterable[str] = (), optional: Iterable[str] = ()
) -> dict[str, NDArray[Any]]:
    """Return arrays of an NPZ archive by name: those asked for, or all where none is asked for.

    Source: NumPy, "NPY format". Sizes are compared with the file's before anything is allocated.

    Raises:
        DataError: naming file and array: no archive, damaged, a required array is missing, arrays of objects.
    """
    name = display_path(path)
    with open_binary(Path(path)) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, name)
                wanted = _wanted(members, name, tuple(required), tuple(optional))
                return {
                    key: _read_member(archive, members[key], size, f"{name}: array {short_repr(key)}") for key in wanted
                }
        except DataError:
            raise
        except Exception as error:  # zipfile raises a dozen types on damaged archives
            raise DataError(f"{name}: not a readable NPZ archive: {error_text(error)}") from None


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        key = info.filename.removesuffix(SUFFIX)
        if key in members:
            raise DataError(f"{name}: array {short_repr(key)} is there twice")
        if info.filename.endswith(SUFFIX):
            members[key] = info
    return members


def _wanted(
    members: dict[str, zipfile.ZipInfo], name: str, required: tuple[str, ...], optional: tuple[str, ...]
) -> list[str]:
    for key in required:
        if key not in members:
            there = ", ".join(map(short_repr, members)) or "none"
            raise DataError(f"{name}: no array {short_repr(key)}; the arrays in it are: {there}")
    asked = [*required, *(key for key in optional if key in members)]
    return asked if required or optional else list(members)


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int, where: str) -> NDArray[Any]:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{where}: compression {info.compress_type} is not one that NumPy writes (0 and 8)")
    if info.flag_bits & ENCRYPTED:
        raise DataError(f"{where}: is encrypted; allowed are archives without a password")
    ratio = DEFLATE if info.compress_type == zipfile.ZIP_DEFLATED else 1
    if info.compress_size > size or info.file_size > info.compress_size * ratio:
        raise DataError(f"{where}: {info.file_size} bytes cannot come from {info.compress_size} of {size} in the file")
    if info.file_size > LARGEST:
        raise DataError(f"{where}: {info.file_size} bytes; allowed are {LARGEST}")
    try:
        with archive.open(info) as stream:
            return _read_array(cast("BinaryIO", stream), info.file_size, where)
    except (zipfile.BadZipFile, EOFError, zlib.error, OSError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{where}: damaged: {error_text(error)}") from None
    except MemoryError:
        raise DataError(f"{where}: does not fit into the memory") from None


def _read_array(stream: BinaryIO, size: int, where: str) -> NDArray[Any]:
    head, dtype, shape, fortran = _read_header(stream, where)
    if dtype.hasobject:
        raise DataError(f"{where}: holds Python objects, which would run code when read; allowed are numbers and text")
    if dtype.kind not in "biufcUSMm" or dtype.itemsize == 0:
        raise DataError(f"{where}: holds {short_repr(str(dtype))} elements; allowed are numbers and text")
    promised = math.prod(shape) * dtype.itemsize
    if promised != size - head:
        raise DataError(f"{where}: shape {shape} of {dtype} needs {promised} bytes, {size - head} are there")
    content = bytearray()
    while piece := stream.read(PIECE):
        content += piece
    if len(content) != promised:
        raise DataError(f"{where}: truncated: {len(content)} bytes of {promised}")
    array = np.frombuffer(content, dtype)
    _check_elements(array, where)
    return array.reshape(shape, order="F" if fortran else "C")


def _read_header(stream: BinaryIO, where: str) -> tuple[int, np.dtype[Any], tuple[int, ...], bool]:
    """Return the header's length, the type of the elements, the shape, and whether columns come first."""
    start = stream.read(8)
    if start[:6] != npy.magic(1, 0)[:6] or len(start) < 8:
        raise DataError(f"{where}: not an array: bytes 0-5 are {short_repr(start[:6])}")
    version = (start[6], start[7])
    if version not in ((1, 0), (2, 0)):
        raise DataError(f"{where}: version {version[0]}.{version[1]} of the format; allowed are 1.0 and 2.0")
    field = stream.read(2 if version == (1, 0) else 4)
    length = int.from_bytes(field, "little")
    if length > HEADER:
        raise DataError(f"{where}: a header of {length} bytes; allowed are {HEADER}")
    header = io.BytesIO(field + stream.read(length))
    parse = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        with warnings.catch_warnings():  # on the spelling of old files, or on nonsense
            warnings.simplefilter("ignore")
            shape, fortran, dtype = parse(header, max_header_size=HEADER)
        if any(side < 0 for side in shape):
            raise DataError(f"{where}: shape {shape} has a negative side")
        return len(start) + len(field) + length, dtype, shape, fortran
    except DataError:
        raise
    except Exception as error:  # the header is a Python literal: nonsense raises almost anything
        raise DataError(f"{where}: its header cannot be read: {short_repr(error_text(error))}") from None


def _check_elements(array: NDArray[Any], where: str) -> None:
    """Refuse bytes that make no bool and no text, on which NumPy would stumble later."""
    if array.dtype.kind == "b" and (array.view(np.uint8) > 1).any():
        raise DataError(f"{where}: holds bools that are neither 0 nor 1")
    if array.dtype.kind == "U":
        points = array.view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if ((points > 0x10FFFF) | ((points >= 0xD800) & (points < 0xE000))).any():
            raise DataError(f"{where}: holds text that is not Unicode")
