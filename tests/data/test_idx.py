from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modnet.core.errors import DataError
from modnet.data.idx import read_idx

packed_bytes = partial(gzip.compress, mtime=0)  # the time would stand in the ids of the tests
SMALL = b"\0\0\x08\x02" + struct.pack(">II", 2, 3) + bytes(range(6))


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refusal(path: Path) -> str:
    """The message of read_idx about a file, one line, without the file's name."""
    with pytest.raises(DataError) as caught:
        read_idx(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("code", "form", "dtype", "values"),
    [
        (0x08, "B", np.uint8, [0, 1, 127, 128, 254, 255]),
        (0x09, "b", np.int8, [0, 1, 127, -128, -2, -1]),
        (0x0B, "h", np.int16, [0, 1, 2**15 - 1, -(2**15), -2, 258]),
        (0x0C, "i", np.int32, [0, 1, 2**31 - 1, -(2**31), -2, 66051]),
        (0x0D, "f", np.float32, [0.0, 1.5, -2.25, 3e38, 1e-40, float("inf")]),
        (0x0E, "d", np.float64, [0.0, 0.1, -2.25, 1e308, 5e-324, float("-inf")]),
    ],
)
@pytest.mark.parametrize("pack", [bytes, packed_bytes])
def test_every_type_packed_or_not(tmp_path: Path, pack, code, form, dtype, values) -> None:
    content = bytes([0, 0, code, 3]) + struct.pack(">III", 3, 1, 2) + struct.pack(f">6{form}", *values)
    array = read_idx(write(tmp_path / "any-name", pack(content)))
    assert array.dtype == dtype
    assert array.dtype.isnative
    assert array.flags.writeable
    assert array.shape == (3, 1, 2)
    assert array.ravel().tolist() == [struct.unpack(f">{form}", struct.pack(f">{form}", v))[0] for v in values]


@pytest.mark.parametrize("pack", [bytes, packed_bytes])
def test_every_prefix_is_refused(tmp_path: Path, pack) -> None:
    for length in range(len(SMALL)):
        assert refusal(write(tmp_path / "f", pack(SMALL[:length]))), length


def test_every_prefix_of_a_packed_file_is_refused(tmp_path: Path) -> None:
    packed = packed_bytes(SMALL)
    for length in range(len(packed)):
        assert refusal(write(tmp_path / "f", packed[:length])), length


HUGE = b"\0\0\x0e\x02" + b"\xff" * 8
FORGED = {
    "too long": SMALL + b"!",
    "too long, packed": packed_bytes(SMALL + b"!"),
    "another magic number": b"\0\1" + SMALL[2:],
    "no magic number": b"\x12" + SMALL[1:],
    "an unknown type": b"\0\0\x0a\x02" + SMALL[4:],
    "no dimensions": b"\0\0\x08\0" + SMALL[4:],
    "65 dimensions": b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"\0",
    "a size of 0": SMALL[:8] + struct.pack(">I", 0),
    "a promise beyond the file": HUGE,
    "a promise beyond the packed file": packed_bytes(HUGE + b"\0" * 100),
    "a wrong sum": packed_bytes(SMALL)[:-5] + b"\0" + packed_bytes(SMALL)[-4:],
    "a wrong length": packed_bytes(SMALL)[:-4] + b"\xff" * 4,
    "a wrong method": b"\x1f\x8b\x09" + packed_bytes(SMALL)[3:],
    "a broken stream": packed_bytes(SMALL)[:10] + b"\xff" * 20,
    "garbage after the stream": packed_bytes(SMALL) + b"garbage",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_files_are_refused(tmp_path: Path, name: str) -> None:
    assert refusal(write(tmp_path / "f", FORGED[name]))


@pytest.mark.parametrize(
    ("content", "value", "allowed"),
    [
        (b"\0\1" + SMALL[2:], "00 01 08 02", "00 00"),
        (b"\0\0\x0a\x02" + SMALL[4:], "0x0a", "0x08 (uint8), 0x09 (int8), 0x0b (int16), 0x0c (int32)"),
        (b"\0\0\x08\x41" + SMALL[4:], "65", "1 to 64"),
        (SMALL[:-1], "truncated", "2 × 3 uint8"),
        (SMALL + b"!", "too long", "2 × 3 uint8"),
    ],
    ids=["magic number", "type", "dimensions", "truncated", "too long"],
)
def test_messages_name_the_value_and_what_is_allowed(tmp_path: Path, content: bytes, value: str, allowed: str) -> None:
    message = refusal(write(tmp_path / "f", content))
    assert value in message
    assert allowed in message


@pytest.mark.parametrize("content", [SMALL, HUGE], ids=["behind the array", "promised"])
def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path, content: bytes) -> None:
    bomb = write(tmp_path / "f", packed_bytes(content + b"\0" * (64 << 20), 1))
    tracemalloc.start()
    try:
        assert refusal(bomb)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == "cannot be read: No such file or directory"
    assert refusal(tmp_path) == "is a folder; a file is expected"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "is not a regular file"
    with pytest.raises(DataError, match=r"^a\\x00b: cannot be read: .*null"):
        read_idx("a\0b")
    with pytest.raises(DataError, match=r"^a\\nb: cannot be read: No such"):
        read_idx("a\nb")


MUTATIONS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(MUTATIONS, st.sampled_from(["plain", "packed", "inside"]), st.integers(-3, 3))
def test_mutations_raise_data_errors_or_give_arrays(tmp_path: Path, mutations, form, longer) -> None:
    content = bytearray(packed_bytes(SMALL) if form == "packed" else SMALL)
    content = content[: len(content) + longer] + b"\0" * max(longer, 0)
    for at, value in mutations:
        content[at % len(content)] = value
    try:
        array = read_idx(write(tmp_path / "f", packed_bytes(content) if form == "inside" else bytes(content)))
    except DataError as error:
        message = str(error)
        assert "\n" not in message
    else:
        assert array.size == np.prod(array.shape)


@pytest.mark.mnist
@pytest.mark.parametrize(
    ("name", "shape", "md5"),
    [
        ("train-images-idx3-ubyte", (60000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
        ("train-labels-idx1-ubyte", (60000,), "a25bea736e30d166cdddb491f175f624"),
        ("t10k-images-idx3-ubyte", (10000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
        ("t10k-labels-idx1-ubyte", (10000,), "27ae3e4e09519cfbb04c329615203637"),
    ],
)
def test_mnist_byte_for_byte(mnist: Path, tmp_path: Path, name: str, shape, md5: str) -> None:
    path = mnist / name if (mnist / name).exists() else mnist / f"{name}.gz"
    array = read_idx(path)
    assert array.shape == shape
    content = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + array.tobytes()
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5
    assert (read_idx(write(tmp_path / "unpacked", content)) == array).all()


def test_a_member_after_a_member(tmp_path: Path) -> None:
    both = packed_bytes(SMALL[:9]) + packed_bytes(SMALL[9:])
    assert read_idx(write(tmp_path / "f", both)).tolist() == [[0, 1, 2], [3, 4, 5]]
