"""Files with a digest: what is written is what is read, and nothing else is."""

from __future__ import annotations

import json
import os
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from storage.forging import DIGITS, START, digest_of, forged, forged_text, header_of, raw, split, text_of
from training.resuming import interrupted

import modnet
from modnet.core.errors import ModelFileError
from modnet.storage import checkpoint, model_file
from modnet.storage.safetensors import ModelFile, dump

TENSORS: dict[str, np.ndarray] = {
    "w": np.arange(6.0).reshape(2, 3),
    "σ.w": np.arange(12.0).reshape(3, 4).T,
    "b": np.array([True, False, True]),
    "nothing": np.zeros((0, 4)),
    "one": np.array(3, dtype=np.int64),
    "text": np.frombuffer("häß".encode(), np.uint8),
    "single": np.array([1, np.nan, -np.inf], np.float32),
    "foreign": np.arange(4, dtype=">i4"),
    "back": np.arange(4, dtype=np.uint64)[::-1],
}
METADATA: dict[str, Any] = {"a": 'ä"\\😀\n', "n": [1, 2.5, None, True, 2**70, 1e-320], "d": {"": {}}}


def refused(path: Path, pattern: str = ": ") -> str:
    with pytest.raises(ModelFileError, match=pattern) as caught:
        ModelFile.open(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < 1000
    return message


def same(file: ModelFile, metadata: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
    assert file.metadata == metadata
    assert list(file.metadata) == list(metadata)
    assert list(file.entries) == sorted(tensors)
    for name, values in tensors.items():
        entry = file.entries[name]
        assert (entry.dtype, entry.shape) == (values.dtype.newbyteorder("="), values.shape)
        assert entry.tobytes() == np.asarray(values, entry.dtype).tobytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(dump(TENSORS, METADATA))
    file = ModelFile.open(tmp_path / "m")
    assert file.path == str(tmp_path / "m")
    same(file, METADATA, TENSORS)


def test_the_library_reads_the_same_and_the_digest_is_as_it_is_described(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(dump(TENSORS, METADATA))
    tensors = load_file(tmp_path / "m")
    assert tensors.keys() == TENSORS.keys()
    for name, values in tensors.items():
        assert np.array_equal(values, TENSORS[name], equal_nan=values.dtype.kind == "f")
    with safe_open(tmp_path / "m", "numpy") as file:
        metadata = file.metadata()
    assert list(metadata) == ["modnet"]
    table = json.loads(metadata["modnet"])
    assert list(table)[:2] == ["format_version", "sha256"]
    assert table.pop("format_version") == 3
    assert table.pop("sha256") == digest_of(metadata["modnet"], tensors)
    assert table == METADATA


def test_a_file_that_the_library_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(forged(METADATA, TENSORS | {"foreign": np.arange(4, dtype=np.int32)}))
    same(ModelFile.open(tmp_path / "m"), METADATA, TENSORS)


def test_the_same_contents_make_the_same_file() -> None:
    assert len({dump(dict(sorted(TENSORS.items(), reverse=order)), METADATA) for order in (False, True) * 4}) == 1


def test_more_than_can_be_read_back_is_not_written() -> None:
    deep: Any = 0
    for _ in range(300):
        deep = [deep]
    for metadata, pattern in (
        ({"a": deep}, "recursion"),
        ({"a": "x" * 2**22}, "header"),
        ({"a": [0] * 2**18}, "values"),
        ({"a": float("nan")}, "JSON"),
        ({"a": "\ud800"}, "surrogate|escape"),
    ):
        with pytest.raises(ValueError, match=pattern):
            dump({}, metadata)
    with pytest.raises(ValueError, match="header"):
        dump(dict.fromkeys(map(str, range(10_000)), np.zeros(0)), {})


# A writer of each sort of file: it writes a small one, which its reader takes.
Write = Callable[[Path], Callable[[Path], Any]]


def a_model(path: Path) -> Callable[[Path], Any]:
    config = {"epochs": 0, "network": {"layers": [2]}, "data": {"transforms": ["standard"]}}
    rng = np.random.default_rng(0)
    run = modnet.Trainer.from_config(config).fit(rng.normal(size=(10, 2)), [0, 1] * 5)
    model_file.save(run.network, path)
    return model_file.load


def a_bare_file(path: Path) -> Callable[[Path], Any]:
    path.write_bytes(dump(TENSORS, METADATA))
    return ModelFile.open


def a_checkpoint(path: Path) -> Callable[[Path], Any]:
    config = {"epochs": 1, "network": {"layers": [2]}, "optimizer": {"batch_size": 5, "rule": "adam"}}
    rng = np.random.default_rng(0)
    data = rng.normal(size=(10, 2)), [0, 1] * 5
    stopped = interrupted(config, data, path.parent / "run", 1)
    path.write_bytes(Path(stopped.checkpoint).read_bytes())
    return checkpoint.read


SORTS: dict[str, Write] = {"bare": a_bare_file, "model": a_model, "checkpoint": a_checkpoint}


def refuses(read: Callable[[Path], Any], path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    try:
        read(path)
    except ModelFileError as error:
        return str(error).startswith(f"{path}: ") and "\n" not in str(error)
    return False


def damaged(sort: str, path: Path, each: int) -> None:
    """Check that every ``each``-th truncation and flipped bit is refused."""
    read = SORTS[sort](path)
    content = path.read_bytes()
    read(path)
    for length in range(0, len(content), each):
        assert refuses(read, path, content[:length]), f"cut to {length} bytes"
    for bit in range(0, 8 * len(content), 8 * each + 1 if each > 1 else 1):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        assert refuses(read, path, bytes(flipped)), f"bit {bit} flipped"
    for more in (b"\0", b" ", content):
        assert refuses(read, path, content + more)


@pytest.mark.parametrize("sort", SORTS)
def test_some_truncations_and_flipped_bits(tmp_path: Path, sort: str) -> None:
    damaged(sort, tmp_path / "m", 11)


@pytest.mark.soak
@pytest.mark.parametrize("sort", SORTS)
def test_every_truncation_and_flipped_bit(tmp_path: Path, sort: str) -> None:
    damaged(sort, tmp_path / "m", 1)


ENTRY = ("a", "F64", [2], (0, 16))
HEADERS: dict[str, list[Any]] = {
    "a gap": [ENTRY, ("b", "F64", [1], (24, 32))],
    "numbers twice": [ENTRY, ("b", "F64", [2], (0, 16))],
    "numbers that overlap": [ENTRY, ("b", "F64", [2], (8, 24))],
    "offsets the wrong way round": [("a", "F64", [2], (16, 0)), ("b", "F64", [2], (16, 32))],
    "a name twice": [ENTRY, ("a", "F64", [2], (16, 32))],
    "another size than the shape's": [("a", "F64", [3], (0, 32))],
    "more numbers than bytes": [("a", "F64", [5], (0, 40))],
    "fewer numbers than bytes": [("a", "F64", [3], (0, 24))],
    "a type that NumPy does not have": [("a", "BF16", [16], (0, 32))],
    "an unknown type": [("a", "F65", [4], (0, 32))],
    "a type that is no word": [("a", 'F"64', [4], (0, 32))],
    "an empty array that no array can be": [("a", "F64", [0, 2**63], (0, 0)), ("b", "F64", [4], (0, 32))],
    "a product that overflows": [("a", "F64", [2**40, 2**40], (0, 32))],
    "a number that wraps": [("a", "F64", [2**64 + 4], (0, 32))],
    "too many dimensions": [("a", "F64", [4] + [1] * 90, (0, 32))],
    "a negative dimension": [("a", "F64", [-4], (0, 32))],
    "no whole dimension": [("a", "F64", [4.0], (0, 32))],
    "a dimension that is a truth": [("a", "U8", [True, 32], (0, 32))],
    "truths that are neither": [("a", "BOOL", [32], (0, 32))],
}
BODY = bytes(31) + b"\2"


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_which_the_digest_is_right(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m"
    path.write_bytes(raw(header_of(text_of({}), [("a", "F64", [4], (0, 32))]), BODY))
    assert ModelFile.open(path).entries["a"].shape == (4,)
    path.write_bytes(raw(header_of(text_of({}), HEADERS[name]), BODY))
    assert "SHA-256" not in refused(path)


TEXTS = {
    "an object that does not end": f'{START},"a":1',
    "two objects": f"{START}}}{{}}",
    "nothing after a comma": f"{START},}}",
    "no comma": f'{START}"a":1}}',
    "a number that is none": f'{START},"a":NaN}}',
    "an endless number": f'{START},"a":Infinity}}',
    "a number with too many digits": f'{START},"a":{"9" * 5000}}}',
    "too deep": f'{START},"a":{"[" * 250}{"]" * 250}}}',
    "half a character": f'{START},"a":"\\ud800"}}',
    "too many values": f'{START},"a":[{"0," * 2**18}0]}}',
    "the digest second": f'{{"a":1,"format_version":3,"sha256":"{DIGITS}"}}',
    "no digest": '{"format_version":3,"a":1}',
    "an empty digest": '{"format_version":3,"sha256":""}',
    "a digest that is too short": f'{{"format_version":3,"sha256":"{DIGITS[1:]}"}}',
    "a space": f'{{"format_version":3, "sha256":"{DIGITS}"}}',
    "another format": f'{{"format_version":4,"sha256":"{DIGITS}"}}',
    "no format": f'{{"sha256":"{DIGITS}"}}',
    "no text": "",
    "no object": "5",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_which_the_digest_is_right(tmp_path: Path, name: str) -> None:
    text = TEXTS[name]
    (tmp_path / "m").write_bytes(forged_text(text, {"a": np.zeros(4)}) if DIGITS in text else raw(header_of(text)))
    refused(tmp_path / "m")


GOOD = split(forged({"b": 1}, {"a": np.arange(4.0)}))[0].rstrip()
HARMLESS = {
    "a name twice": GOOD[:-1] + b',"a":{"dtype":"F64","shape":[4],"data_offsets":[0,32]}}',
    "a name twice, once for nothing": GOOD.replace(
        b',"a":{', b',"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{', 1
    ),
    "another key": GOOD.replace(b'{"modnet":', b'{"format":"pt","modnet":', 1),
    "more about a tensor": GOOD.replace(b'"dtype"', b'"x":1,"dtype"', 1),
    "another order": GOOD.replace(b'"dtype":"F64","shape":[4]', b'"shape":[4],"dtype":"F64"', 1),
    "spaces within": GOOD.replace(b',"shape"', b', "shape"', 1),
    "a line's end": GOOD + b"\n",
    "many spaces": GOOD + b" " * 1000,
    "a name with an escape": GOOD.replace(b',"a":{', b',"\\u0061":{', 1),
}
OTHERS = {
    "metadata twice": GOOD.replace(b',"a":{', b',"__metadata__":{"modnet":"{}"},"a":{', 1),
    "no metadata": GOOD.replace(b"__metadata__", b"b", 1),
    "metadata that are null": b'{"__metadata__":null' + GOOD[GOOD.index(b',"a":{') :],
    "a zero": GOOD + b"\0",
    "more behind it": GOOD + b"{}",
    "a leading zero": GOOD.replace(b"[4]", b"[04]", 1),
    "a name of bytes that are no text": GOOD.replace(b',"a":{', b',"\xff\xfe":{', 1),
    "a name with a bad escape": GOOD.replace(b',"a":{', b',"\\x":{', 1),
    "a mark of the order of bytes": b"\xef\xbb\xbf" + GOOD,
    "no header": b"",
    "an empty header": b"{}",
    "half a header": GOOD[: len(GOOD) // 2],
    "a number that no reader takes": GOOD.replace(b'"dtype"', b'"x":' + b"9" * 5000 + b',"dtype"', 1),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_headers_of_another_form_say_what_the_digest_is_of_or_are_refused(tmp_path: Path, name: str) -> None:
    """The library takes them; whatever is read is covered by the digest."""
    path = tmp_path / "m"
    assert HARMLESS[name] != GOOD
    path.write_bytes(raw(HARMLESS[name], np.arange(4.0).tobytes()))
    same(ModelFile.open(path), {"b": 1}, {"a": np.arange(4.0)})
    path.write_bytes(raw(HARMLESS[name], np.arange(4.0).tobytes()).replace(b'\\"b\\":1', b'\\"b\\":2'))
    refused(path, "SHA-256")


@pytest.mark.parametrize("name", OTHERS)
def test_headers_of_another_form_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m"
    assert OTHERS[name] != GOOD
    path.write_bytes(raw(OTHERS[name], np.arange(4.0).tobytes()))
    refused(path)


def test_a_key_twice_in_the_metadata_has_one_meaning(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(forged_text(f'{START},"a":1,"a":2,"sha256":"x"}}', {}))
    same(ModelFile.open(tmp_path / "m"), {"a": 2}, {})


def test_files_of_earlier_formats_are_refused_by_their_format(tmp_path: Path) -> None:
    for text in ('{"format_version":1,"modnet_version":"0.0.1"}', f'{{"sha256":"{DIGITS}","format_version":2}}'):
        save_file({"w": np.zeros(3)}, tmp_path / "m", metadata={"modnet": text})
        refused(tmp_path / "m", "its format is not 3, the only one that this version of modnet reads$")


def test_a_file_of_which_the_header_is_too_long_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "m"
    for length in (2**21 + 1, 2**40, 2**64 - 1):
        path.write_bytes(length.to_bytes(8, "little") + b'{"__metadata__":')
        os.truncate(path, 2**36)  # of holes, which take no space
        tracemalloc.start()
        refused(path, f"header exceeds {2**21} bytes$")
        assert tracemalloc.get_traced_memory()[1] < 2**20
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "\u202eb"])
def test_an_error_of_a_file_with_an_unprintable_name_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelFileError, match=re.escape("\\")) as caught:
        ModelFile.open(tmp_path / name)
    assert str(caught.value).isprintable()


def test_an_error_that_repeats_the_files_own_words_is_one_short_line(tmp_path: Path) -> None:
    name = "\x1b[31m\n" + "\u202e" * 10_000
    (tmp_path / "m").write_bytes(raw(header_of(text_of({}), [(name, "F64", [4], (8, 40))]), bytes(40)))
    refused(tmp_path / "m")


def test_what_is_no_file(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")
    refused(tmp_path / "none", "cannot be read: No such file")
    refused(Path("/dev/null"), "is not a regular file")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is not a regular file")  # and nobody waits for a writer
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "cannot be read: ")
    with pytest.raises(ModelFileError, match=r"cannot be read: .*embedded null"):
        ModelFile.open("a\0b")


@pytest.mark.parametrize("content", [b"", bytes(500), b"more"])
def test_what_was_read_stays_whatever_becomes_of_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m"
    path.write_bytes(dump({"a": np.arange(4.0)}, {}))
    file = ModelFile.open(path)
    path.write_bytes(content)
    same(file, {}, {"a": np.arange(4.0)})


def test_no_file_stays_open(tmp_path: Path) -> None:
    """A file that is forgotten open is a ResourceWarning, and so a failure; but not everywhere is it noticed."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    (tmp_path / "m").write_bytes(dump(TENSORS, METADATA))
    (tmp_path / "bad").write_bytes((tmp_path / "m").read_bytes()[:-1])
    for path in (tmp_path / "bad", tmp_path, tmp_path / "none"):
        refused(path)
    ModelFile.open(tmp_path / "m")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
