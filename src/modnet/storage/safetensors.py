r"""Sealed files: plain safetensors files with a SHA-256 over all their bytes, read as what nobody vouches for.

A file is the header's length (8 bytes, little-endian), the header, and the tensors' numbers, one after the other. The
header is JSON in the one form that `seal` writes, so that the digest has a fixed place and nothing can be read in two
ways; here with a line break that it does not have::

    {"__metadata__":{"modnet":"{\"sha256\":\"<64 hexadecimal digits>\",...}"},
    "<name>":{"dtype":"F64","shape":[30,64],"data_offsets":[0,15360]},...}

The digest is that of the whole file with its own 64 digits taken as zeros. The safetensors library, whose format this
is (https://github.com/huggingface/safetensors), can read the file, but promises neither this form nor these checks.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from io import BufferedReader
from os import PathLike, fspath
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from modnet.core.errors import ModelFileError
from modnet.core.messages import display_path, error_text, short_repr

__all__ = ["KEY", "Form", "Sealed", "code_of", "form_of", "seal", "unseal"]

Form: TypeAlias = tuple[str, tuple[int, ...]]
"""The code of a tensor's dtype, and its shape."""

KEY = "modnet"
"""Where the JSON text stands in the metadata: one key, because safetensors does not fix the order of several."""

# Bounds on what a header can cost to read. What grows without end, as a history does, is kept as a tensor.
LONGEST_HEADER = 2**21
MOST_TENSORS = 2**13
MOST_KEYS = 2**14
MOST_VALUES = 2**18
"""How many commas, colons and opening brackets the text may hold: 100,000 names of features, and more."""
_LARGEST = 2**48
_BLOCK = 2**20

_NUMBERS = {
    "F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?",
}  # fmt: skip
_CODES = {np.dtype(number): code for code, number in _NUMBERS.items()}

_ZEROS = "0" * 64
_START = b'{"__metadata__":{"' + KEY.encode() + b'":"{'
_DIGEST = _START + rb"\"sha256\":\""
_FORMAT_1 = _START + rb"\"format_version\":1,"
# Repetitions are possessive, so the time that a header takes grows with its length only.
_TEXT = re.compile(rb'([0-9a-f]{64})\\"((?:[^"\\\x00-\x1f\x80-\xff]++|\\["\\])*+)"\}')
_TENSOR = re.compile(
    rb',("(?:[^"\\\x00-\x1f]++|\\.)*+"):\{"dtype":"(\w{1,16}+)",'
    rb'"shape":\[((?:N(?:,N){0,31}+)?+)\],"data_offsets":\[(N),(N)\]\}'.replace(b"N", rb"(?:0|[1-9][0-9]{0,15}+)")
)
_END = re.compile(rb"\} {0,7}+")


class _Unreadable(Exception):  # noqa: N818 -- it becomes an error where the file's name is known
    """What is wrong with a file, still without its name."""


class _Place(NamedTuple):
    """Where a tensor's numbers are, in bytes behind the header."""

    start: int
    end: int


class _Header(NamedTuple):
    """What a header says."""

    digest: bytes
    text: str
    held: dict[str, Form]
    places: dict[str, _Place]


def form_of(values: NDArray[Any]) -> Form:
    """Return the form that an array has in a file.

    Raises:
        KeyError: the dtype is none that a file holds.
    """
    return code_of(values.dtype), values.shape


def code_of(dtype: np.dtype[Any]) -> str:
    """Return safetensors' code of a dtype, whatever its order of bytes.

    Raises:
        KeyError: the dtype is none that a file holds.
    """
    return _CODES[dtype.newbyteorder("<")]


def seal(tensors: Mapping[str, NDArray[Any]], said: Mapping[str, Any], place: str) -> bytes:
    """Return the bytes of a sealed file, the same for the same input.

    Args:
        tensors: Arrays of any shape by name: floats of 64 or 32 bits, integers, or booleans.
        said: The JSON object beside them, as plain dicts, lists, texts, numbers and booleans; its order is kept.
        place: What an error calls the file.

    Raises:
        ModelFileError: more is to be written than `unseal` would take back.
    """
    ordered = dict(sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])))  # all are aligned then
    body = [np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")) for values in ordered.values()]
    entries, end = [], 0
    for name, values in ordered.items():
        code, shape = form_of(values)
        start, end = end, end + values.nbytes
        entry = {"dtype": code, "shape": shape, "data_offsets": (start, end)}
        entries.append(f",{json.dumps(name)}:{_compact(entry)}")
    try:
        text = _compact({"sha256": _ZEROS, **said})
    except ValueError as error:
        raise ModelFileError(f"{place}: not written: {error_text(error)}") from None
    header = f'{{"__metadata__":{{"{KEY}":{json.dumps(text)}}}{"".join(entries)}}}'.encode()
    header += b" " * (-len(header) % 8)
    try:
        _parsed(header, end)
    except _Unreadable as error:
        raise ModelFileError(f"{place}: not written: {error}") from None
    behind = header[len(_DIGEST) + len(_ZEROS) :]
    pieces: list[Any] = [len(header).to_bytes(8, "little"), _DIGEST, _ZEROS.encode(), behind, *body]
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    pieces[2] = digest.hexdigest().encode()
    return b"".join(pieces)


def unseal(path: str | PathLike[str]) -> Sealed:
    """Open a sealed file, of which every byte has been checked when this returns.

    Nothing is allocated for a tensor before the header fits the file's true size, and no other file is opened.

    Raises:
        ModelFileError: it cannot be read, or is not as `seal` wrote it.
    """
    place = display_path(fspath(path))
    try:
        file = open(path, "rb", opener=_at_once)  # noqa: SIM115 -- closed below, or by who reads
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{place}: cannot be read: {error_text(error)}") from None
    try:
        return Sealed(file, place)
    except BaseException:
        file.close()
        raise


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe is not waited for


class Sealed:
    """A sealed file, open and checked; a context manager.

    Attributes:
        place: What an error calls the file.
        text: The JSON object that it holds, without the digest.
        held: The tensors' names → their forms, in the file's order.
    """

    def __init__(self, file: BufferedReader, place: str) -> None:
        self.place = place
        self._file = file
        try:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise _Unreadable("is not a regular file")
            header = self._checked(state.st_size)
        except _Unreadable as error:
            raise ModelFileError(f"{place}: {error}") from None
        except OSError as error:
            raise ModelFileError(f"{place}: cannot be read: {error_text(error)}") from None
        self.text = header.text
        self.held = header.held
        self._places = header.places
        self._known = state.st_size, state.st_mtime_ns

    def _checked(self, size: int) -> _Header:
        """Return the header, once all bytes have been seen to be those that were sealed."""
        prefix = self._file.read(8)
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or length > min(size - 8, LONGEST_HEADER):
            limit = f"; allowed: a header of at most {LONGEST_HEADER} bytes, whole" if len(prefix) == 8 else ""
            raise _Unreadable(f"is damaged or no modnet file: {size} bytes, of a header of {length}{limit}")
        raw = self._file.read(length)
        self._first = 8 + length
        header = _parsed(raw, size - self._first)
        at = len(_DIGEST)
        digest = hashlib.sha256(prefix + raw[:at] + _ZEROS.encode() + raw[at + len(_ZEROS) :])
        block = memoryview(bytearray(min(_BLOCK, size)))
        seen = self._first
        while count := self._file.readinto(block):
            digest.update(block[:count])
            seen += count
        if seen != size or digest.hexdigest().encode() != header.digest:
            raise _Unreadable("is damaged: its bytes are not those that its SHA-256 is of")
        return header

    def read(self, name: str, into: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return a tensor's numbers.

        Args:
            name: One of `held`.
            into: An array of the tensor's dtype and shape that takes them; without it a new one is made.

        Raises:
            ModelFileError: the file cannot be read, or was written to since it was opened.
        """
        code, shape = self.held[name]
        number = np.dtype(_NUMBERS[code])
        if into is not None and form_of(into) != (code, shape):
            raise ValueError(f"{name} is {code} {shape}; given an array of {into.dtype} {into.shape}")
        straight = into is not None and into.flags.c_contiguous and into.dtype == number
        values: NDArray[Any] = into if straight and into is not None else np.empty(shape, dtype=number)
        try:
            self._file.seek(self._first + self._places[name].start)
            count = self._file.readinto(values.reshape(-1).view(np.uint8).data)
            state = os.fstat(self._file.fileno())
        except OSError as error:
            raise ModelFileError(f"{self.place}: cannot be read: {error_text(error)}") from None
        if count != values.nbytes or (state.st_size, state.st_mtime_ns) != self._known:
            raise ModelFileError(f"{self.place}: was written to while it was read")
        if code == "BOOL" and values.size and values.view(np.uint8).max() > 1:
            raise ModelFileError(f"{self.place}: {display_path(name)} holds what is neither true nor false")
        if values is into:
            return values
        if into is None:
            return values.astype(number.newbyteorder("="), copy=False)
        into[...] = values
        return into

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _parsed(header: bytes, size: int) -> _Header:
    """Return what a header says of the ``size`` bytes behind it; how they are to be used is left to the caller."""
    if header.startswith(_FORMAT_1):
        raise _Unreadable("is of format 1, which has no SHA-256 to check it by; allowed: format 2")
    text = _TEXT.match(header, len(_DIGEST)) if header.startswith(_DIGEST) else None
    if text is None:
        raise _Unreadable("is damaged or no modnet file: its header is not one that modnet writes")
    if len(header) > LONGEST_HEADER:
        raise _Unreadable(f"has a header of {len(header)} bytes; allowed: at most {LONGEST_HEADER}")
    said = _object(text[1], text[2])
    held: dict[str, Form] = {}
    places: dict[str, _Place] = {}
    at, end = text.end(), 0
    while entry := _TENSOR.match(header, at):
        at = entry.end()
        name = _name(entry[1])
        code, shape = entry[2].decode(), tuple(map(int, entry[3].split(b","))) if entry[3] else ()
        if name in held:
            raise _Unreadable(f"the tensor {short_repr(name)} stands twice in its header")
        if len(held) == MOST_TENSORS:
            raise _Unreadable(f"has more than {MOST_TENSORS} tensors")
        if code not in _NUMBERS:
            raise _Unreadable(f"{short_repr(name)} holds numbers of the type {code}; allowed: {', '.join(_NUMBERS)}")
        places[name] = _Place(int(entry[4]), int(entry[5]))
        item = np.dtype(_NUMBERS[code]).itemsize
        if places[name] != (end, end := end + math.prod(shape) * item):
            raise _Unreadable(f"{short_repr(name)} of shape {shape} has other offsets than its numbers can have")
        if math.prod(filter(None, shape)) > _LARGEST:  # an empty array may still be too large for NumPy
            raise _Unreadable(f"{short_repr(name)} has the shape {shape}, which no array can have")
        held[name] = code, shape
    if not _END.fullmatch(header, at):
        raise _Unreadable("is damaged or no modnet file: its header is not one that modnet writes")
    if end != size:
        raise _Unreadable(f"is damaged: {size} bytes where its header speaks of {end}")
    return _Header(text[1], said, held, places)


def _name(raw: bytes) -> str:
    try:
        name: str = json.loads(raw)
    except ValueError:
        raise _Unreadable("has a tensor whose name is no text") from None
    return name


def _object(digest: bytes, rest: bytes) -> str:
    """Return the text, without the digest, of a JSON object that is neither deep nor large, nor says a thing twice."""
    if sum(map(rest.count, (b",", b":", b"[", b"{"))) > MOST_VALUES:
        raise _Unreadable(f"has too much beside its tensors; allowed: {MOST_VALUES} commas, colons and brackets")
    behind = rest.replace(rb"\\", b"\x00").replace(rb"\"", b'"').replace(b"\x00", b"\\").decode("ascii")
    text = f'{{"sha256":"{digest.decode()}"{behind}'
    try:
        from_json(text, allow_inf_nan=False)  # knows how deep is too deep, whatever the interpreter's limit is
        json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _Unreadable(f"{error_text(error)} (in the file's metadata)") from None
    return "{" + behind.removeprefix(",")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_KEYS:
        raise ValueError(f"has a table of {len(pairs)} keys; allowed: {MOST_KEYS}")
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {short_repr(name)} stands twice")
        found[name] = value
    return found


def _compact(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
