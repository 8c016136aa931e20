from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data.writing import npy, pack, pack_bytes, patch_directory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modnet.core.errors import DataError
from modnet.data.npz import read_npz


def refusal(path: Path, *arguments) -> str:
    """The message of read_npz about a file, one line, without the file's name."""
    with pytest.raises(DataError) as caught:
        read_npz(path, *arguments)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes(tmp_path: Path, save) -> None:
    arrays = {
        "floats": np.random.default_rng(0).random((5, 3)),
        "columns first": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "big": np.arange(3, dtype=">i4"),
        "text": np.array(["a", "ä", "", "😀"]),
        "big text": np.array(["a", "😀"]).astype(">U1"),
        "bytes": np.array([b"ab", b"c"]),
        "bools": np.array([True, False]),
        "single": np.float32(2.5),
        "empty": np.zeros((0, 4)),
        "half/path": np.zeros(2, np.float16),
    }
    save(tmp_path / "a.npz", **arrays)
    loaded = read_npz(tmp_path / "a.npz")
    assert list(loaded) == list(arrays)
    for key, array in arrays.items():
        assert loaded[key].dtype == array.dtype
        assert loaded[key].shape == array.shape
        assert loaded[key].tolist() == array.tolist()
        assert loaded[key].flags.writeable


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.npz", {"x.npy": npy("(1,)", content=b"\0" * 8), "bad.npy": b"?", "note.txt": b"hello"})
    assert list(read_npz(path, ["x"])) == ["x"]
    assert list(read_npz(path, ["x"], ["z"])) == ["x"]
    assert refusal(path, ["z"]) == "no array 'z'; the arrays in it are: 'x', 'bad'"
    assert refusal(path).startswith("array 'bad': ")
    assert refusal(pack(tmp_path / "none.npz", {}), ["x"]) == "no array 'x'; the arrays in it are: none"


@pytest.mark.parametrize("version", [1, 2])
def test_arrays_written_by_hand(tmp_path: Path, version: int) -> None:
    content = struct.pack("<4d", 1, 2, 3, 4)
    path = pack(tmp_path / "a.npz", {"x.npy": npy("(2, 2)", content=content, order="True", version=version)})
    assert read_npz(path)["x"].tolist() == [[1.0, 3.0], [2.0, 4.0]]


HUGE = 1 << 40


FORGED = {
    "empty": b"",
    "no header": b"\x93NUMPY\x03\x00",
    "an unknown version": b"\x93NUMPY\x09\x00" + npy("(1,)", content=b"\0" * 8, version=2)[8:],
    "a long header": b"\x93NUMPY\x01\x00\xff\xff",
    "a header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
    "a byte short": npy("(2,)", content=b"\0" * 15),
    "a byte long": npy("(2,)", content=b"\0" * 17),
    "a huge shape": npy(f"({HUGE}, {HUGE})"),
    "negative sizes": npy("(-1, -1)", content=b"\0" * 8),
    "negative sizes whose product is right": npy("(-1, -2)", content=b"\0" * 16),
    "text without characters": npy(f"({HUGE},)", "'<U0'"),
    "a structure": npy("(1,)", "[('a', '<f8')]", b"\0" * 8),
    "raw bytes": npy("(1,)", "'|V8'", b"\0" * 8),
    "Python objects": npy("(1,)", "'|O'", b"\0" * 8),
    "a bool of 2": npy("(2,)", "'|b1'", b"\0\x02"),
    "text beyond Unicode": npy("(1,)", "'<U1'", b"\xff\xff\xff\xff"),
    "half a surrogate pair": npy("(1,)", "'>U1'", b"\x00\x00\xd8\x00"),
    "an archive": pack_bytes({"y.npy": npy("(1,)", content=b"\0" * 8)}),
    "a pickle": pickle.dumps([1.0, 2.0]),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_arrays_are_refused(tmp_path: Path, name: str) -> None:
    assert refusal(pack(tmp_path / "a.npz", {"x.npy": FORGED[name]})).startswith("array 'x': ")


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (npy("(2,)", content=b"\0" * 15), "shape (2,) of float64 needs 16 bytes, 15 are there"),
        (npy("(1,)", "'|O'", b"\0" * 8), "holds 'object' elements; allowed are numbers and text, no Python objects"),
    ],
)
def test_messages_name_the_value_and_what_is_allowed(tmp_path: Path, member: bytes, message: str) -> None:
    assert refusal(pack(tmp_path / "a.npz", {"x.npy": member})) == f"array 'x': {message}"


@pytest.mark.parametrize(
    "header", ["('x',)", "{'a': 1}", "(" * 3000, "1 is 2", "'\\d'", "None", "5", "{'shape': (1L,)}"]
)
def test_headers_that_make_no_sense(tmp_path: Path, header: str) -> None:
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    assert refusal(pack(tmp_path / "a.npz", {"x.npy": member})).startswith("array 'x': ")


@pytest.mark.parametrize("descr", ["'nonsense'", "5", "('<f8', 3, 4)", "['a']", "'<f8'" * 50, "''"])
def test_types_that_make_no_sense(tmp_path: Path, descr: str) -> None:
    assert refusal(pack(tmp_path / "a.npz", {"x.npy": npy("(1,)", descr, b"\0" * 8)})).startswith("array 'x': ")


def test_saved_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{}], object))
    assert refusal(tmp_path / "a.npz").startswith("array 'x': holds 'object' elements")


def test_not_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for content in (b"", b"hello", npy("(1,)", content=b"\0" * 8)):
        path.write_bytes(content)
        assert refusal(path) == "not a readable NPZ archive: File is not a zip file"
    assert refusal(tmp_path / "none") == "cannot be read: No such file or directory"
    assert refusal(tmp_path) == "is a folder; a file is expected"


def test_a_name_that_is_not_unique(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.npz", {"x.npy": npy("()"), "x.npy!": npy("()")})
    assert refusal(path) == "two arrays have the name 'x'"


def test_other_compressions(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.npz", {"x.npy": npy("(1,)", content=b"\0" * 8)}, zipfile.ZIP_BZIP2)
    assert "compression method 12" in refusal(path)


def test_an_encrypted_array(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.npz", {"x.npy": npy("(1,)", content=b"\0" * 8)})
    path.write_bytes(patch_directory(path.read_bytes(), 8, "<H", 1))
    assert "encrypted" in refusal(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_sums_and_prefixes(tmp_path: Path, method: int) -> None:
    content = np.random.default_rng(0).bytes(20_000)  # more than the header's share
    member = npy("(2500,)", content=content)
    whole = pack(tmp_path / "a.npz", {"x.npy": member}, method).read_bytes()
    path = tmp_path / "b.npz"
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        refusal(path)
    start = whole.index(b"x.npy") + 20
    for position in (*range(start, start + 60), *range(start + 60, start + len(member) - 20, 89)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        refusal(path)


def test_sizes_that_are_not_the_files(tmp_path: Path) -> None:
    content = pack(tmp_path / "a.npz", {"x.npy": npy("(2,)", content=b"\0" * 16)}).read_bytes()
    path = tmp_path / "b.npz"
    path.write_bytes(patch_directory(content, 20, "<II", 10**6, 10**6))
    assert "1000000 bytes" in refusal(path)
    path.write_bytes(patch_directory(content, 20, "<II", 80, 10**6))
    assert "1000000 bytes" in refusal(path)
    header = len(npy("(5000,)"))
    long = pack(tmp_path / "c.npz", {"x.npy": npy("(5000,)", content=bytes(16))}).read_bytes()
    path.write_bytes(patch_directory(long, 20, "<II", 90, header + 40_000))
    assert refusal(path).startswith("array 'x': ")


def test_a_bomb_is_refused_by_its_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modnet.data.npz.LARGEST", 1 << 20)
    path = pack(tmp_path / "a.npz", {"x.npy": npy("(200000,)", content=bytes(1_600_000))})
    message = refusal(path)
    assert f"{1_600_000 + len(npy('(200000,)'))} bytes" in message
    assert "allowed are 1048576" in message


def small() -> bytes:
    target = io.BytesIO()
    np.savez_compressed(target, x=np.arange(6.0).reshape(2, 3), y=np.array(["a", "b"]), z=np.array([True]))
    return target.getvalue()


SMALL = small()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_mutations_raise_data_errors_or_give_arrays(tmp_path: Path, mutations) -> None:
    content = bytearray(SMALL)
    for at, value in mutations:
        content[at] = value
    check(tmp_path / "m.npz", bytes(content))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=5))
def test_mutations_inside_an_archive(tmp_path: Path, mutations) -> None:
    content = bytearray(npy("(3,)", "'<U2'", "aäbc😀d".encode("utf-32-le")))
    for at, value in mutations:
        content[at % len(content)] = value
    check(pack(tmp_path / "p.npz", {"x.npy": bytes(content)}), None)


def check(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    try:
        arrays = read_npz(path)
    except DataError as error:
        message = str(error)
        assert "\n" not in message
    else:
        for array in arrays.values():
            array.tolist()
