"""Model files made with the library, whose digest is right, so that what is checked behind it can be reached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, load_file, save

DIGITS = "0" * 64
START = f'{{"format_version":3,"sha256":"{DIGITS}"'
Entry = tuple[str, str, Iterable[Any], tuple[Any, Any]]
"""A tensor's name, code of its dtype, shape and offsets."""


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def text_of(metadata: Mapping[str, Any]) -> str:
    """Return the JSON text of metadata, with zeros for the digest."""
    return compact({"format_version": 3, "sha256": DIGITS, **metadata})


def digest_of(text: str, tensors: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of the text behind its digest, and of the tensors in the order of their names."""
    digest = hashlib.sha256(text.partition('"sha256":"')[2][64:].encode())
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name]).reshape(tensors[name].shape)
        digest.update(json.dumps([name, str(values.dtype), list(values.shape)]).encode() + values.tobytes())
    return digest.hexdigest()


def forged(metadata: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return a file with these contents, as the library writes it."""
    return forged_text(text_of(metadata), tensors)


def forged_text(text: str, tensors: Mapping[str, np.ndarray]) -> bytes:
    tensors = {name: np.ascontiguousarray(values).reshape(values.shape) for name, values in tensors.items()}
    return save(tensors, {"modnet": text.replace(DIGITS, digest_of(text, tensors), 1)})


def header_of(text: str, entries: Iterable[Entry] = ()) -> bytes:
    """Return the header of a file, of which nothing need be right."""
    tensors = "".join(
        f",{json.dumps(name)}:{compact({'dtype': code, 'shape': list(shape), 'data_offsets': offsets})}"
        for name, code, shape, offsets in entries
    )
    return f'{{"__metadata__":{{"modnet":{json.dumps(text)}}}{tensors}}}'.encode()


def raw(header: bytes, body: bytes = b"") -> bytes:
    """Return a file of this header and body, with the digest of what the library reads in it, if it reads anything."""
    content = len(header).to_bytes(8, "little") + header + body
    try:
        text = json.loads(header)["__metadata__"]["modnet"]
        digest = digest_of(text, load(content))
    except (SafetensorError, LookupError, TypeError, ValueError, OverflowError, RecursionError):
        return content
    old = text.partition('"sha256":"')[2][:64]
    return content.replace(old.encode(), digest.encode(), 1) if len(old) == 64 else content


def split(content: bytes) -> tuple[bytes, bytes]:
    """Return the header and the body of a file."""
    first = 8 + int.from_bytes(content[:8], "little")
    return content[8:first], content[first:]


def entries_of(content: bytes) -> list[Entry]:
    header = json.loads(split(content)[0])
    del header["__metadata__"]
    return [(name, entry["dtype"], entry["shape"], tuple(entry["data_offsets"])) for name, entry in header.items()]


def taken_apart(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the metadata of a file, without format and digest, and its tensors, as the library reads them."""
    with safe_open(path, "numpy") as file:
        metadata = json.loads(file.metadata()["modnet"])
    del metadata["format_version"], metadata["sha256"]
    return metadata, load_file(path)
