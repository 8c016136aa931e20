"""Arrays without values: they compute what NumPy computes, and refuse what a compiler cannot record."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest

from modnet import namespace
from modnet.testing.report import FailedError, NoteError
from modnet.testing.tracing import TracedArray

X = np.arange(6.0).reshape(2, 3) - 2.5


@pytest.fixture
def x() -> TracedArray:
    return TracedArray(X, object())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 2.0 * x - x / 4.0 + 1.0,
        lambda x: 1.0 - x,
        lambda x: abs(-x) ** 2 % 3,
        lambda x: 2.0**x,
        lambda x: x @ x.T,
        lambda x: x[:, 1:] * x[0, :-1],
        lambda x: (x > 0.0) & (x <= 2.0) | ~(x != x),
        lambda x: namespace(x).where(x > 0.0, x, namespace(x).zeros_like(x)),
        lambda x: namespace(x).concat([x, namespace(x).ones((1, 3), dtype=x.dtype)]),
        lambda x: namespace(x).linalg.vector_norm(x),
        lambda x: namespace(x).astype(x, namespace(x).float32),
        lambda x: np.float64(2.0) * x + np.ones(3),
        lambda x: sum(row for row in x),
    ],
)
def test_operations_are_those_of_numpy(function, x):
    result, expected = function(x), np.asarray(function(X))
    assert isinstance(result, TracedArray)
    assert (result.shape, result.dtype, result.ndim, result.size) == (
        expected.shape, expected.dtype, expected.ndim, expected.size
    )  # fmt: skip
    np.testing.assert_array_equal(result.hidden, expected)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x if namespace(x).max(x) > 0 else -x, r"asks for a value \(bool\)"),
        (lambda x: math.sqrt(namespace(x).sum(x * x)), r"asks for a value \(float\)"),
        (lambda x: range(namespace(x).sum(x)), r"asks for a value \(index\)"),
        (lambda x: x[x > 0.0], "selects by a condition"),
        (lambda x: operator.setitem(x, 0, 1.0), "writes into an array"),
        (lambda x: x + TracedArray(X, object()), "uses an array of an earlier call"),
        (lambda x: namespace(x).stack([x, TracedArray(X, object())]), "uses an array of an earlier call"),
    ],
)
def test_what_depends_on_values_fails(function, words, x):
    with pytest.raises(FailedError, match=words):
        function(x)


def test_numpy_itself_is_noted(x):
    with pytest.raises(NoteError, match="gives an array to NumPy itself"):
        np.zeros_like(x)
    with pytest.raises(TypeError, match="ufunc"):
        np.tanh(x)
    with pytest.raises(AttributeError, match="an array of the standard has no 'sum'"):
        x.sum()
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
