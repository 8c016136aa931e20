"""Comparisons of trees of numbers, and of numbers within a tolerance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from modnet.testing.numeric import close, first_difference, tree_diff


@pytest.mark.parametrize(
    ("first", "second", "paths"),
    [
        ({"a": 0.0}, {"a": -0.0}, ["a"]),
        ({"a": 1}, {"a": True}, ["a"]),
        ({"a": [1, {"b": np.zeros(2)}]}, {"a": [1, {"b": np.array([0.0, -0.0])}]}, ["a.1.b"]),
        ({"a": np.zeros(2)}, {"a": np.zeros((2, 1))}, ["a"]),
        ({"a": np.zeros(2)}, {"a": np.zeros(2, dtype="float32")}, ["a"]),
        ({"a": np.float64(1.0)}, {"a": 1.0}, ["a"]),
        ({"a": 1, "b": 2, "c": 3}, {"a": 0, "b": 2, "c": 4}, ["a", "c"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a"]),
        ({"a": [1]}, {"a": (1,)}, ["a"]),
        ({"a": 1}, {"b": 1}, [""]),
        ({"a": math.nan}, {"a": math.nan}, []),
        (np.array(["red", 1.0], dtype=object), np.array(["red", 1.0], dtype=object), []),
        (np.array(["red", 1.0], dtype=object), np.array(["red", 2.0], dtype=object), ["1"]),
    ],
)
def test_trees_are_compared_bit_by_bit(first: Any, second: Any, paths: list[str]) -> None:
    assert tree_diff(first, second) == paths


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        ([1.0, 2.0], [1.0, 2.05], ""),
        ([[1.0, 2.0]], [[1.0, 2.2]], "at [0, 1] expected 2.2, got 2"),
        (1.0, 2.0, "at the number expected 2, got 1"),
        ([1.0], [[1.0]], "expected the shape (1, 1), got (1,)"),
        ([math.inf], [math.inf], ""),
        ([math.nan], [math.nan], "at [0] expected nan, got nan"),
    ],
)
def test_the_first_difference_is_named_with_its_place(actual: Any, expected: Any, message: str) -> None:
    assert first_difference(actual, expected, 0.1) == message


def test_close_is_relative_to_the_largest_expected_number() -> None:
    assert close([100.0, 0.5], [100.0, 0.0], 0.01) == ""
    assert close([10.0, 0.5], [10.0, 0.0], 0.01) == "at [1] expected 0, got 0.5"
