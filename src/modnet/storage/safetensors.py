"""Safetensors files (https://github.com/huggingface/safetensors) with a SHA-256 over their contents.

Their metadata have one key, ``modnet``, with a JSON text that begins with ``{"format_version":3,"sha256":"<digest>"``.
The digest covers the rest of the text and every tensor's name, dtype, shape and numbers: it tells damage, not malice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json
from safetensors import SafetensorError
from safetensors.numpy import load, save

from modnet.core.errors import DataError, ModelFileError
from modnet.core.messages import short_repr
from modnet.data.files import open_binary
from modnet.storage.atomic import one_line

__all__ = ["ModelFile", "dump"]

_KEY = "modnet"  # the only one, because the library does not fix the order of several
_PREFIX = '{"format_version":3,"sha256":"'

# Bounds on the cost of reading a header. What grows without bound, as a history does, is stored as a tensor.
LONGEST_HEADER = 2**21  # bytes
MOST_TABLES = 2**13  # in the header, of which every tensor is one
MOST_VALUES = 2**18  # commas, colons and opening brackets of the metadata; 100,000 names of features are fewer


class ModelFile(NamedTuple):
    """The contents of a file."""

    path: str  # as an error names the file
    metadata: dict[str, Any]  # the JSON object beside the tensors
    entries: dict[str, NDArray[Any]]  # the tensors by name, in alphabetical order; they are not to be written to

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Self:
        """Read a file; if its contents are not those that were written, this is a ModelFileError."""
        try:
            with open_binary(Path(path)) as file:
                _header_length(file.read(8))
                file.seek(0)
                content = file.read()
            _header_length(content)
            entries = dict(sorted(load(content).items()))
            digest, text, metadata = _read_metadata(content)
            if digest != _digest(text, entries):
                raise ValueError("it is damaged: its contents do not match their SHA-256")
        except DataError as error:
            raise ModelFileError(str(error)) from None
        except (OSError, SafetensorError, LookupError, ValueError) as error:
            raise ModelFileError(f"{path}: cannot be read: {one_line(error)}") from None
        return cls(str(path), metadata, entries)


def dump(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file of tensors and a JSON object; what could not be read again is a ValueError."""
    arrays = {name: np.asarray(values, values.dtype.newbyteorder("="), order="C") for name, values in tensors.items()}
    text = json.dumps({"format_version": 3, "sha256": "", **metadata}, allow_nan=False, separators=(",", ":"))
    text = text.removeprefix(_PREFIX)
    content = save(arrays, {_KEY: _PREFIX + _digest(text, arrays) + text})
    _read_metadata(content)
    return content


def _header_length(content: bytes) -> int:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > LONGEST_HEADER or content.count(b"{", 8, 8 + length) > MOST_TABLES:
        raise ValueError(f"it is damaged or no model file, or its header exceeds {LONGEST_HEADER} bytes")
    return length


def _read_metadata(content: bytes) -> tuple[str, str, dict[str, Any]]:
    """Return the digest, the text behind it, and the metadata."""
    header = json.loads(content[8 : 8 + _header_length(content)])
    text = (header.get("__metadata__") or {}).get(_KEY, "")
    if not text.startswith(_PREFIX):
        raise ValueError("its format is not 3, the only one that this version of modnet reads")
    if sum(map(text.count, ",:[{")) > MOST_VALUES:
        raise ValueError(f"its metadata have more than {MOST_VALUES} values")
    metadata = from_json(text, allow_inf_nan=False)  # refuses deep nesting, whatever the interpreter's limit is
    del metadata["format_version"], metadata["sha256"]
    text = text.removeprefix(_PREFIX)
    return text[:64], text[64:], metadata


def _digest(text: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, values in sorted(tensors.items()):
        numbers = values.reshape(-1).view(np.uint8)
        if values.dtype == bool and numbers.max(initial=0) > 1:
            raise ValueError(f"{short_repr(name)} holds values that are neither true nor false")
        digest.update(json.dumps([name, values.dtype.name, values.shape]).encode())
        digest.update(numbers.data)
    return digest.hexdigest()
