"""NPZ archives: `numpy.load` without pickle, once the promised sizes are known to fit the file."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DataError
from modnet.core.messages import error_text, list_values, short_repr, truncate
from modnet.data.files import DEFLATE_RATIO, open_binary
from modnet.data.npy import HEADER, check_elements, check_header

__all__ = ["read_npz"]

LARGEST = 8 << 30
"""How many bytes one array may have."""
RATIOS = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: DEFLATE_RATIO}
"""How many bytes a stored byte can stand for, by the compression methods that NumPy writes."""


def read_npz(
    path: str | os.PathLike[str], required: Sequence[str] = (), optional: Sequence[str] = ()
) -> dict[str, NDArray[Any]]:
    """Return arrays of an NPZ archive by name: the required and optional ones, or all if no names are given.

    Source: NumPy, "NPY format".

    Raises:
        DataError: naming file and array: not an archive, damaged, encrypted, a required array is missing, an
            array of Python objects, more bytes than a file of this size can hold.
    """
    name = str(path)
    with open_binary(Path(path)) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # zipfile raises a dozen types on damaged archives
            raise DataError(f"{name}: not a readable NPZ archive: {error_text(error)}") from None
        members: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            key = info.filename.removesuffix(".npy")
            if info.filename.endswith(".npy") and members.setdefault(key, info) is not info:
                raise DataError(f"{name}: two arrays have the name {short_repr(key)}")
        for key in required:
            if key not in members:
                raise DataError(f"{name}: no array {short_repr(key)}; the arrays in it are: {list_values(members)}")
        keys = [*required, *(key for key in optional if key in members)] if required or optional else list(members)
        return {key: _read(archive, members[key], size, f"{name}: array {short_repr(key)}") for key in keys}


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int, where: str) -> NDArray[Any]:
    try:
        most = min(LARGEST, min(info.compress_size, size) * RATIOS.get(info.compress_type, 0))
        if info.file_size > most:
            raise ValueError(f"{info.file_size} bytes by compression method {info.compress_type}; allowed are {most}")
        with archive.open(info) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's, of headers that Python 2 wrote
            check_header(stream.read(HEADER), info.file_size)
            stream.seek(0)
            array: NDArray[Any] = np.load(stream, allow_pickle=False)
        check_elements(array)
    except Exception as error:  # the header is a Python literal: nonsense raises almost anything
        raise DataError(f"{where}: {truncate(error_text(error), 200)}") from None
    return array
