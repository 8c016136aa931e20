"""Sealed files: what is written is what is read, and nothing else is."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from storage.sealing import DIGITS, file_of, header_of, sealed, text_of

import modnet
from modnet.core.errors import ModelFileError
from modnet.storage import checkpoint
from modnet.storage import model_file as model
from modnet.storage.model_file import save
from modnet.storage.safetensors import KEY, seal, unseal

TENSORS: dict[str, np.ndarray] = {
    "w": np.arange(6.0).reshape(2, 3),
    "σ.w": np.arange(12.0).reshape(3, 4).T,
    "b": np.array([True, False, True]),
    "nothing": np.zeros((0, 4)),
    "one": np.array(3, dtype=np.int64),
    "text": np.frombuffer("häß".encode(), np.uint8),
    "half": np.array([1, np.nan, -np.inf], np.float32),
    "foreign": np.arange(4, dtype=">i4"),
    "back": np.arange(4, dtype=np.uint64)[::-1],
}
SAID: dict[str, Any] = {"a": 'ä"\\😀\n', "n": [1, 2.5, None, True, 2**70, 1e-320], "d": {"": {}}}


def refused(path: Path, pattern: str = ": ") -> str:
    with pytest.raises(ModelFileError, match=pattern) as caught:
        unseal(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    return message


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(seal(TENSORS, SAID, "m"))
    with unseal(path) as file:
        assert json.loads(file.text) == SAID
        assert list(json.loads(file.text)) == list(SAID)
        assert file.held.keys() == TENSORS.keys()
        assert file.held["σ.w"] == ("F64", (4, 3))
        for name, values in TENSORS.items():
            found = file.read(name)
            assert (found.dtype, found.shape) == (values.dtype.newbyteorder("="), values.shape)
            assert found.tolist() == values.tolist() or np.array_equal(found, values, equal_nan=True)
            for order in "CF":
                into = np.empty(values.shape, found.dtype, order=order)
                assert file.read(name, into) is into
                assert into.tobytes() == found.tobytes()


def test_an_array_of_another_form_is_not_read_into(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(seal(TENSORS, {}, "m"))
    with unseal(tmp_path / "m") as file, pytest.raises(ValueError, match=r"w is F64 \(2, 3\)"):
        file.read("w", np.empty((3, 2)))


def test_a_strangers_reader_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(seal(TENSORS, SAID, "m"))
    for name, values in load_file(path).items():
        assert np.array_equal(values, TENSORS[name], equal_nan=True)
    with safe_open(path, "numpy") as file:
        assert set(file.keys()) == TENSORS.keys()
        said = json.loads(file.metadata()[KEY])
    assert next(iter(said)) == "sha256"
    digest = said.pop("sha256")
    assert said == SAID
    content = path.read_bytes()
    assert content.count(digest.encode()) == 1
    assert digest == hashlib.sha256(content.replace(digest.encode(), b"0" * 64)).hexdigest()


def test_a_file_made_by_hand_is_the_same_to_the_byte() -> None:
    tensors = {"a": np.arange(6.0).reshape(2, 3), "b": np.ones(1), "c": np.ones(3, np.float32)}
    assert seal(tensors, SAID, "m") == file_of(SAID, tensors)
    assert seal(dict(reversed(tensors.items())), SAID, "m") == file_of(SAID, tensors)


def test_more_than_can_be_read_back_is_not_written() -> None:
    deep: Any = 0
    for _ in range(300):
        deep = [deep]
    for said, pattern in (
        ({"a": deep}, "recursion"),
        ({"a": "x" * 2**22}, "header"),
        ({"a": [0] * 2**18}, "too much"),
        ({"a": float("nan")}, "JSON"),
        ({"a": "\ud800"}, "surrogate|escape"),
        ({"a": dict.fromkeys(map(str, range(20000)), 0)}, "20000 keys"),
    ):
        with pytest.raises(ModelFileError, match=f"^m: not written: .*{pattern}"):
            seal({}, said, "m")
    with pytest.raises(ModelFileError, match="more than 8192 tensors"):
        seal(dict.fromkeys(map(str, range(20000)), np.zeros(0)), {}, "m")


# A writer of each sort of sealed file: it writes a small one, which its reader takes.
Write = Callable[[Path], Callable[[Path], Any]]


def a_model(path: Path) -> Callable[[Path], Any]:
    config = {"epochs": 0, "network": {"layers": [2]}, "data": {"scaling": "standard"}}
    rng = np.random.default_rng(0)
    run = modnet.Trainer.from_config(config).fit(rng.normal(size=(10, 2)), [0, 1] * 5)
    save(run.network, path)
    return model.load


def a_sealed_file(path: Path) -> Callable[[Path], Any]:
    path.write_bytes(seal(TENSORS, SAID, "m"))
    return lambda path: unseal(path).close()


def a_checkpoint(path: Path) -> Callable[[Path], Any]:
    config = {"epochs": 1, "network": {"layers": [2]}, "optimizer": {"batch_size": 5, "rule": "adam"}}
    rng = np.random.default_rng(0)
    with pytest.raises(modnet.Interrupted) as stopped:
        modnet.Trainer.from_config(config).fit(
            rng.normal(size=(10, 2)), [0, 1] * 5, out=path.parent / "run", interrupt_after=1
        )
    path.write_bytes(Path(stopped.value.checkpoint).read_bytes())
    return checkpoint.read


SORTS: dict[str, Write] = {"sealed": a_sealed_file, "model": a_model, "checkpoint": a_checkpoint}


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
HEADERS = {
    "a gap": [ENTRY, ("b", "F64", [1], (24, 32))],
    "numbers twice": [ENTRY, ("b", "F64", [2], (0, 16))],
    "numbers that overlap": [ENTRY, ("b", "F64", [2], (8, 24))],
    "offsets the wrong way round": [("a", "F64", [2], (16, 0)), ("b", "F64", [2], (16, 32))],
    "a name twice": [ENTRY, ("a", "F64", [2], (16, 32))],
    "another size than the shape's": [("a", "F64", [3], (0, 32))],
    "more numbers than bytes": [("a", "F64", [5], (0, 40))],
    "fewer numbers than bytes": [("a", "F64", [3], (0, 24))],
    "an unknown type": [("a", "F16", [16], (0, 32))],
    "a type that is no word": [("a", 'F"64', [4], (0, 32))],
    "an empty array that no array can be": [("a", "F64", [0, 2**50], (0, 0)), ("b", "F64", [4], (0, 32))],
    "a product that overflows": [("a", "F64", [2**40, 2**40], (0, 32))],
    "a number that wraps": [("a", "F64", [2**64 + 4], (0, 32))],
    "too many dimensions": [("a", "F64", [4] + [1] * 40, (0, 32))],
    "a negative dimension": [("a", "F64", [-4], (0, 32))],
    "no whole dimension": [("a", "F64", [4.0], (0, 32))],  # type: ignore[list-item]
    "a dimension that is a truth": [("a", "U8", [True, 32], (0, 32))],
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_which_the_digest_is_right(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m"
    path.write_bytes(sealed(header_of(text_of({})), b""))
    unseal(path).close()
    path.write_bytes(sealed(header_of(text_of({}), [("a", "F64", [4], (0, 32))]), bytes(32)))
    unseal(path).close()
    path.write_bytes(sealed(header_of(text_of({}), HEADERS[name]), bytes(32)))
    assert "SHA-256" not in refused(path)


TEXTS = {
    "a key twice": f'{{"sha256":"{DIGITS}","a":1,"a":2}}',
    "a key twice within": f'{{"sha256":"{DIGITS}","a":[{{"b":1,"b":1}}]}}',
    "the digest twice": f'{{"sha256":"{DIGITS}","sha256":"{DIGITS}"}}',
    "the digest twice, once by escapes": f'{{"sha256":"{DIGITS}","sha25\\u0036":"x"}}',
    "nothing after a comma": f'{{"sha256":"{DIGITS}",}}',
    "no comma": f'{{"sha256":"{DIGITS}""a":1}}',
    "two objects": f'{{"sha256":"{DIGITS}"}}{{}}',
    "an object that does not end": f'{{"sha256":"{DIGITS}","a":1',
    "a number that is none": f'{{"sha256":"{DIGITS}","a":NaN}}',
    "an endless number": f'{{"sha256":"{DIGITS}","a":Infinity}}',
    "a number with too many digits": f'{{"sha256":"{DIGITS}","a":{"9" * 5000}}}',
    "too deep": f'{{"sha256":"{DIGITS}","a":{"[" * 250}{"]" * 250}}}',
    "half a character": f'{{"sha256":"{DIGITS}","a":"\\ud800"}}',
    "the digest second": f'{{"a":1,"sha256":"{DIGITS}"}}',
    "no digest": '{"a":1}',
    "a digest that is too short": f'{{"sha256":"{DIGITS[1:]}"}}',
    "a space": f'{{"sha256": "{DIGITS}"}}',
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_which_the_digest_is_right(tmp_path: Path, name: str) -> None:
    (tmp_path / "m").write_bytes(sealed(header_of(TEXTS[name]), b""))
    assert "SHA-256" not in refused(tmp_path / "m")


GOOD = header_of(text_of({"a": 1}), [("a", "F64", [4], (0, 32))]).rstrip()
OTHERS = {
    "another key": GOOD.replace(b'{"modnet":', b'{"format":"pt","modnet":', 1),
    "another key after it": GOOD.replace(b'},"a":{', b',"format":"pt"},"a":{', 1),
    "metadata twice": GOOD.replace(b',"a":{', b',"__metadata__":{"modnet":"{}"},"a":{', 1),
    "spaces within": GOOD.replace(b',"shape"', b', "shape"', 1),
    "spaces before": b" " + GOOD,
    "many spaces": GOOD + b" " * 8,
    "a line's end": GOOD + b"\n",
    "a zero": GOOD + b"\0",
    "more behind it": GOOD + b"{}",
    "a leading zero": GOOD.replace(b"[4]", b"[04]", 1),
    "more about a tensor": GOOD.replace(b'"dtype"', b'"x":1,"dtype"', 1),
    "another order": GOOD.replace(b'"dtype":"F64","shape":[4]', b'"shape":[4],"dtype":"F64"', 1),
    "a name of bytes that are no text": GOOD.replace(b',"a":{', b',"\xff\xfe":{', 1),
    "a name with a bad escape": GOOD.replace(b',"a":{', b',"\\x":{', 1),
    "a mark of the order of bytes": b"\xef\xbb\xbf" + GOOD,
    "wide characters in the text": GOOD.replace(b'{\\"sha', '{\\"\u00e4'.encode(), 1),
    "escapes in the text": GOOD.replace(b'\\"a\\":1', b'\\"\\u0061\\":1', 1),
    "no header": b"",
    "an empty header": b"{}",
    "half a header": GOOD[: len(GOOD) // 2],
}


@pytest.mark.parametrize("name", OTHERS)
def test_headers_of_another_form(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m"
    path.write_bytes(sealed(GOOD, bytes(32)))
    unseal(path).close()  # the padding may be anything from none to seven spaces
    assert OTHERS[name] != GOOD
    path.write_bytes(sealed(OTHERS[name], bytes(32)))
    refused(path, r"no modnet file|name is no text")


def test_a_header_that_is_too_long_is_not_even_read(tmp_path: Path) -> None:
    header = header_of(text_of({"a": "x" * 2**21}))
    (tmp_path / "m").write_bytes(sealed(header, b""))
    refused(tmp_path / "m", f"of a header of {len(header)}; allowed: a header of at most {2**21} bytes, whole$")


def test_a_truth_that_is_neither(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(sealed(header_of(text_of({}), [("a", "BOOL", [2], (0, 2))]), b"\1\2"))
    with unseal(tmp_path / "m") as file, pytest.raises(ModelFileError, match="m: a holds what is neither true nor"):
        file.read("a")


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "\u202eb"])
def test_an_error_of_a_file_with_an_unprintable_name_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelFileError, match=re.escape("\\")) as caught:
        unseal(tmp_path / name)
    assert str(caught.value).isprintable()


def test_what_is_no_file(tmp_path: Path) -> None:
    refused(tmp_path, "cannot be read: Is a directory")
    refused(tmp_path / "none", "cannot be read: No such file")
    refused(Path("/dev/null"), "is not a regular file")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is not a regular file")  # and nobody waits for a writer
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "cannot be read: ")
    with pytest.raises(ModelFileError, match="cannot be read: embedded null"):
        unseal("a\0b")


def test_a_file_that_is_replaced_while_it_is_read_stays_the_one_that_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(seal({"a": np.zeros(4)}, {}, "m"))
    with unseal(path) as file:
        (tmp_path / "new").write_bytes(seal({"a": np.ones(4)}, {}, "m"))
        (tmp_path / "new").replace(path)
        assert file.read("a").tolist() == [0.0] * 4
    with unseal(path) as file:
        assert file.read("a").tolist() == [1.0] * 4


@pytest.mark.parametrize("content", [b"", bytes(500), b"more"])
def test_a_file_that_is_written_to_while_it_is_read_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m"
    path.write_bytes(seal({"a": np.zeros(4)}, {}, "m"))
    with unseal(path) as file:
        os.utime(path, ns=(0, 0))  # so that the clock's grain does not matter
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match="m: was written to while it was read"):
            file.read("a")


def test_no_file_stays_open(tmp_path: Path) -> None:
    """A file that is forgotten open is a ResourceWarning, and so a failure; but not everywhere is it noticed."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    (tmp_path / "m").write_bytes(seal(TENSORS, SAID, "m"))
    (tmp_path / "bad").write_bytes((tmp_path / "m").read_bytes()[:-1])
    for path in (tmp_path / "bad", tmp_path, tmp_path / "none"):
        refused(path)
    with unseal(tmp_path / "m"):
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before
