"""Values and suggestions in error messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modnet.core.messages import LONGEST, did_you_mean, short_repr, truncate


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
        (np.array(3), "3"),
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
