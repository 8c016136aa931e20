"""Values and suggestions in error messages."""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import unicodedata
from typing import Any

import numpy as np
import pytest

from modnet.core.errors import ConfigError, DivergenceError
from modnet.core.messages import (
    LISTED,
    LONGEST,
    as_python,
    did_you_mean,
    error_text,
    list_values,
    printable,
    shell_word,
    short_repr,
    truncate,
)


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("sigmod", ["tanh", "sigmoid"], "; did you mean 'sigmoid'?"),
        ("step", ["steps", "stop", "ste"], "; did you mean 'steps' or 'ste'?"),
        ("mish", ["sigmoid"], ""),
        ("mish", [], ""),
    ],
)
def test_the_nearest_known_words_are_suggested(word: str, known: list[str], expected: str) -> None:
    assert did_you_mean(word, known) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "3"),
        ("text", "'text'"),
        ("two\nlines", r"'two\nlines'"),
        (np.float64(0.5), "0.5"),
        (np.array(3), "array(3)"),
        (np.bool_(True), "True"),
        (np.datetime64("2020-01-01"), "2020-01-01"),
        (np.str_("a"), "'a'"),
        (np.zeros((2, 2)), "array([[0., 0.], [0., 0.]])"),
    ],
)
def test_a_value_is_shown_as_python_writes_it_in_one_line(value: Any, expected: str) -> None:
    assert short_repr(value) == expected


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, 10**6])
def test_what_is_long_is_truncated(length: int) -> None:
    text = truncate("x" * length)
    assert text == ("x" * length if length <= LONGEST else "x" * LONGEST + "…")
    assert len(short_repr("x" * length)) <= LONGEST + 1


def test_numbers_and_text_of_numpy_become_those_of_python() -> None:
    values = [np.float32(0.5), np.int8(3), np.bool_(False), np.str_("a"), np.bytes_(b"a"), np.complex64(1j)]
    assert [type(as_python(value)) for value in values] == [float, int, bool, str, bytes, complex]
    for same in (np.array(3), np.datetime64("2020-01-01"), None, [np.int8(3)]):
        assert as_python(same) is same


@pytest.mark.parametrize("count", [0, 1, LISTED, LISTED + 1, 1000])
def test_of_many_values_the_first_are_listed(count: int) -> None:
    listed = list_values(range(count))
    assert listed.startswith(", ".join(map(str, range(min(count, LISTED)))) or "none")
    assert listed.endswith(f", … ({count} in all)") == (count > LISTED)


def test_a_reason_is_one_line() -> None:
    assert error_text(OSError(2, "No such\nfile")) == "No such file"
    assert error_text(ValueError("one\n  two")) == "one two"
    assert error_text(MemoryError()) == "MemoryError"
    assert error_text(OSError("no room", 4)) == "4"  # of a library that has its own idea of these arguments


def test_what_a_terminal_would_obey_or_hide_is_escaped() -> None:
    for code in range(0x3000):
        letter = chr(code)
        category = unicodedata.category(letter)
        text = printable(f"a{letter}b")
        assert text.isprintable()
        if letter == " " or category[0] in "LMNPS":
            assert text == f"a{letter}b"
        else:
            assert text.isascii()
            assert ast.literal_eval(f"'{text}'") == f"a{letter}b"
    assert printable("caf\udcff") == r"caf\udcff"
    assert printable(printable("a\u202eb\n")) == r"a\u202eb\n"


def test_a_word_of_a_command_is_printable_and_the_shell_reads_what_it_was() -> None:
    names = [
        "run",
        "a b",
        "it's",
        "$HOME",
        "tab\t'x\\",
        "line\nbreak\r0",
        "\u202efed",
        "\udcff\udc80f",
        "ü\x1b[1m",
        "~",
        "",
    ]
    words = [shell_word(name) for name in names]
    assert all(word.isprintable() for word in words)
    shell = subprocess.run(["bash", "-c", f"printf '%s\\0' {' '.join(words)}"], capture_output=True, check=True)  # noqa: S607 -- any bash
    assert shell.stdout.split(b"\0")[:-1] == [os.fsencode(name) for name in names]


def test_every_error_of_modnet_is_one_line() -> None:
    error = ConfigError("a\nb\u202ec")
    assert str(error) == str(pickle.loads(pickle.dumps(error))) == r"a\nb\u202ec"  # noqa: S301
    assert str(DivergenceError("a\x1bb", epoch=0, update=0, layer=1)) == r"a\x1bb"
