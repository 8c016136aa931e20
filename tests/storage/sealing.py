"""Sealed files made by hand, with a digest that is right, so that what is checked behind it can be reached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

DIGITS = "0" * 64
CODES = {"float64": "F64", "float32": "F32", "int64": "I64", "uint8": "U8", "bool": "BOOL"}
DTYPES = {code: np.dtype(name) for name, code in CODES.items()}


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def sealed(header: bytes, body: bytes) -> bytes:
    """Return a file with this header, in which the digest's place is the first with 64 zeros, and its true digest."""
    content = len(header).to_bytes(8, "little") + header + body
    return content.replace(DIGITS.encode(), hashlib.sha256(content).hexdigest().encode(), 1)


def header_of(text: str, entries: Iterable[tuple[str, str, Iterable[int], tuple[int, int]]] = ()) -> bytes:
    """Return a header with this text; an entry is a tensor's name, code, shape and offsets."""
    tensors = "".join(
        f",{json.dumps(name)}:{compact({'dtype': code, 'shape': list(shape), 'data_offsets': offsets})}"
        for name, code, shape, offsets in entries
    )
    header = f'{{"__metadata__":{{"modnet":{json.dumps(text)}}}{tensors}}}'.encode()
    return header + b" " * (-len(header) % 8)


def text_of(said: Mapping[str, Any]) -> str:
    return compact({"sha256": DIGITS, **said})


def entries_of(tensors: Mapping[str, np.ndarray]) -> list[tuple[str, str, tuple[int, ...], tuple[int, int]]]:
    entries, end = [], 0
    for name, values in tensors.items():
        start, end = end, end + values.nbytes
        entries.append((name, CODES[str(values.dtype)], values.shape, (start, end)))
    return entries


def file_of(said: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return a sealed file as it should be, made without modnet."""
    body = b"".join(np.ascontiguousarray(values).tobytes() for values in tensors.values())
    return sealed(header_of(text_of(said), entries_of(tensors)), body)


def taken_apart(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what a file says, without the digest, and its tensors in their order."""
    content = path.read_bytes()
    first = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:first])
    said = json.loads(header.pop("__metadata__")["modnet"])
    del said["sha256"]
    tensors = {}
    for name, entry in header.items():
        start, end = (first + offset for offset in entry["data_offsets"])
        values = np.frombuffer(content[start:end], DTYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"]).copy()
    return said, tensors
