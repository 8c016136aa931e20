"""NPY files: arrays that stay in the file, once the size that their header promises is known to be right."""

from __future__ import annotations

import io
import math
import os
import re
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import error_text, short_repr, truncate
from modnet.data.files import open_binary

__all__ = ["HEADER", "Concatenated", "check_elements", "check_header", "open_npy"]

HEADER = 10_000
"""How many bytes the header of one array may have; NumPy's own limit."""


class Concatenated:
    """Arrays of one dtype, one below the other as if they were one array, which stay where they are.

    Attributes:
        shape: That of all together.
        dtype: Their dtype.
    """

    def __init__(self, arrays: Sequence[NDArray[Any]]) -> None:
        self._arrays = arrays
        self._starts = np.cumsum([0, *map(len, arrays)])
        self.shape = (int(self._starts[-1]), *arrays[0].shape[1:])
        self.dtype = arrays[0].dtype

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> NDArray[Any]:
        """Return a copy of rows: a slice, or increasing row numbers."""
        numbers = np.arange(*rows.indices(self.shape[0])) if isinstance(rows, slice) else rows
        copy = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        cuts = np.searchsorted(numbers, self._starts)
        for array, first, start, stop in zip(self._arrays, self._starts, cuts, cuts[1:], strict=False):
            np.take(array, numbers[start:stop] - first, axis=0, out=copy[start:stop], mode="clip")
        return copy


def open_npy(folder: str | os.PathLike[str], name: str) -> NDArray[Any] | Concatenated | None:
    """Return the array ``name`` of a folder, mapped into memory; None if there is none.

    It is in ``name.npy``, or divided among ``name-000.npy``, ``name-001.npy`` and so on. Source: NumPy, "NPY format".

    Raises:
        DataError: naming the file: not an NPY file, damaged, an array of Python objects; files that do not fit each
            other, or one of them is missing.
    """
    try:
        names = set(os.listdir(folder))  # noqa: PTH208 -- names are what is looked for
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: cannot be read: {error_text(error)}") from None
    whole, place = f"{name}.npy", str(folder)
    found = sorted(
        (int(match[1]), match[0])
        for match in map(re.compile(rf"{re.escape(name)}-(\d+)\.npy").fullmatch, names)
        if match
    )
    if not found:
        return _open(Path(folder) / whole) if whole in names else None
    if whole in names:
        raise DataError(f"{place}: holds {whole} and {found[0][1]}; only one of them can be the array {name!r}")
    for (before, _), (number, file) in pairwise(found):
        if number != before + 1:
            raise DataError(f"{place}: {file} does not follow number {before}; each number must be there once")
    arrays = [_open(Path(folder) / file) for _, file in found]
    for array, (_, file) in zip(arrays, found, strict=True):
        if (array.shape[1:], array.dtype) != (arrays[0].shape[1:], arrays[0].dtype) or not array.ndim:
            described = [f"{each.dtype} of shape {each.shape}" for each in (array, arrays[0])]
            raise DataError(f"{place}: {file} holds {described[0]}, {found[0][1]} holds {described[1]}")
    return Concatenated(arrays)


def _open(path: Path) -> NDArray[Any]:
    with open_binary(path) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy's, of headers that Python 2 wrote
                check_header(file.read(HEADER), size)
                array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
            check_elements(array)
        except Exception as error:  # the header is a Python literal: nonsense raises almost anything
            raise DataError(f"{path}: {truncate(error_text(error), 200)}") from None
    return array


def check_header(content: bytes, size: int) -> None:
    """Refuse a header that promises another size than the file's, or elements other than numbers and text.

    Raises:
        ValueError: saying so, and whatever NumPy raises about nonsense.
    """
    stream = io.BytesIO(content)
    read_header = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if dtype.kind not in "biufcUSMm" or dtype.itemsize == 0:
        raise ValueError(f"holds {short_repr(str(dtype))} elements; allowed are numbers and text, no Python objects")
    promised, present = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if promised != present:
        raise ValueError(f"shape {shape} of {dtype} needs {promised} bytes, {present} are there")


def check_elements(array: NDArray[Any]) -> None:
    """Refuse bytes that are no bool or no text: NumPy does not check them.

    Raises:
        ValueError: saying so.
    """
    array = array.ravel("K")
    if array.dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError("holds bools that are neither 0 nor 1")
    if array.dtype.kind == "U":
        points = array.view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if ((points > 0x10FFFF) | ((points >= 0xD800) & (points < 0xE000))).any():
            raise ValueError("holds text that is not Unicode")
