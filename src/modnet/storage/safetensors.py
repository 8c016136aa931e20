"""Safetensors files with a SHA-256 over their contents, written and read by the library ``safetensors``.

Their metadata have one key, ``modnet``, with a JSON text that begins with ``{"format_version":3,"sha256":"<digest>"``.
The digest covers the rest of this text, and every tensor's name, dtype, shape and numbers. It reveals damage; it is no
signature. The library's home: https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from modnet.core.errors import DataError, ModelFileError
from modnet.data.files import display_path, open_binary, short_repr
from modnet.storage.atomic import one_line

__all__ = ["FORMAT", "KEY", "ModelFile", "dump"]

FORMAT = 3
KEY = "modnet"
"""The only key of the metadata, because the library does not fix the order of several."""

# Bounds on the cost of reading a header. What grows without bound, as a history does, is stored as a tensor.
LONGEST_HEADER = 2**21
MOST_VALUES = 2**18
"""How many commas, colons and opening brackets the metadata may have: enough for 100,000 names of features."""

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_PREFIX = f'{{"format_version":{FORMAT},"sha256":"'


@dataclass(frozen=True)
class ModelFile:
    """The contents of a file.

    Attributes:
        path: What an error calls the file.
        metadata: The JSON object beside the tensors.
        entries: The tensors by name, in alphabetical order; they are not to be written to.
    """

    path: str
    metadata: dict[str, Any]
    entries: dict[str, NDArray[Any]]

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Self:
        """Read a file, once, and no other; if its contents are not those that were written, this is a ModelFileError."""
        try:
            with open_binary(Path(path)) as file:
                _header_length(file.read(8))
                file.seek(0)
                content = file.read()
            entries = {name: _array(name, entry) for name, entry in sorted(deserialize(content))}
            digest, text, metadata = _read_metadata(content)
            if digest != _digest(text, entries):
                raise ValueError("its contents do not match their SHA-256")
        except DataError as error:
            raise ModelFileError(str(error)) from None
        except (OSError, SafetensorError, ValueError, OverflowError) as error:
            raise ModelFileError(f"{display_path(path)}: cannot be read: {one_line(error)}") from None
        return cls(display_path(path), metadata, entries)


def dump(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file with these arrays and this JSON object; if they are too large, this is a ValueError.

    The arrays hold floats of 64 or 32 bits, integers or booleans.
    """
    arrays = {name: np.asarray(values, values.dtype.newbyteorder("<"), order="C") for name, values in tensors.items()}
    text = json.dumps({"format_version": FORMAT, "sha256": "", **metadata}, allow_nan=False, separators=(",", ":"))
    text = text.removeprefix(_PREFIX)
    content = save(arrays, {KEY: _PREFIX + _digest(text, arrays) + text})
    _read_metadata(content)
    return content


def _header_length(content: bytes) -> int:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > LONGEST_HEADER:
        raise ValueError(f"is damaged or no model file; expected: a header of at most {LONGEST_HEADER} bytes")
    return length


def _array(name: str, entry: dict[str, Any]) -> NDArray[Any]:
    code = entry["dtype"]
    if code not in _DTYPES:
        raise ValueError(f"{short_repr(name)} has the dtype {code}; allowed: {', '.join(_DTYPES)}")
    values = np.frombuffer(entry["data"], _DTYPES[code])
    if code == "BOOL" and values.size and values.view(np.uint8).max() > 1:
        raise ValueError(f"{short_repr(name)} holds values that are neither true nor false")
    return values.reshape(entry["shape"])


def _read_metadata(content: bytes) -> tuple[str, str, dict[str, Any]]:
    """Return the digest, the text behind it, and the metadata."""
    header = json.loads(content[8 : 8 + _header_length(content)])
    text = (header.get("__metadata__") or {}).get(KEY, "")
    if not text.startswith(_PREFIX):
        raise ValueError(f"is not of format {FORMAT}, the only one that this version of modnet reads")
    if sum(map(text.count, ",:[{")) > MOST_VALUES:
        raise ValueError(f"its metadata have more than {MOST_VALUES} values")
    metadata = from_json(text, allow_inf_nan=False)  # refuses deep nesting, whatever the interpreter's limit is
    del metadata["format_version"], metadata["sha256"]
    start, end = len(_PREFIX), len(_PREFIX) + 64
    return text[start:end], text[end:], metadata


def _digest(text: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, values in sorted(tensors.items()):
        digest.update(json.dumps([name, values.dtype.str, values.shape]).encode())
        digest.update(values.reshape(-1).view(np.uint8))
    return digest.hexdigest()
