from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modnet.core.errors import DataError
from modnet.data.validation import BLOCK, as_samples


class Frame:
    """The interface of a frame of pandas or polars."""

    def __init__(self, values: object) -> None:
        self.values = np.array(values)

    def to_numpy(self) -> np.ndarray:
        return self.values


class Arrayed:
    def __init__(self, values: object) -> None:
        self.values = values

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.asfortranarray(self.values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_array_is_not_copied(dtype: type) -> None:
    x = np.arange(6, dtype=dtype).reshape(3, 2)
    x.flags.writeable = False
    assert np.shares_memory(as_samples(x, "x"), x)
    assert as_samples(x, "x").dtype == dtype


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ([[1, 2], [3, 4]], np.float64),
        (((1, 2.0), (3, 4)), np.float64),
        (np.array([[1, 2], [3, 4]], np.uint8), np.float64),
        (np.array([[1, 2], [3, 4]], ">f4"), np.float32),
        (np.array([[1, 2], [3, 4]], ">f8"), np.float64),
        (np.array([[1, 2], [3, 4]], ">i2"), np.float64),
        (np.array([[1, 2], [3, 4]], np.float16), np.float32),
        (np.array([[1, 2], [3, 4]], np.longdouble), np.float64),
        (np.array([[1, 2], [3, 4]], object), np.float64),
        (np.array([[4, 3], [2, 1]], float)[::-1, ::-1], np.float64),
        (np.array([[1, 3], [2, 4]], np.float32).T, np.float32),
        (np.ma.masked_array([[1.0, 2], [3, 4]], mask=False), np.float64),
        (Frame([[1, 2], [3, 4]]), np.float64),
        (Arrayed([[1.0, 2], [3, 4]]), np.float64),
    ],
)
def test_whatever_holds_numbers(given: object, dtype: type) -> None:
    x = as_samples(given, "x")
    assert type(x) is np.ndarray
    assert x.dtype == dtype
    assert x.dtype.isnative
    assert x.flags.c_contiguous
    assert x.tolist() == [[1, 2], [3, 4]]


def test_bools_and_more_dimensions() -> None:
    assert as_samples([[True, False]], "x").tolist() == [[1.0, 0.0]]
    assert as_samples(np.zeros((2, 3, 4)), "x").shape == (2, 3, 4)


BEYOND = np.zeros((BLOCK + 7, 3))
BEYOND[BLOCK + 5, 2] = -np.inf
DEEP = np.zeros((2, 3, 4))
DEEP[1, 2, 3] = np.nan


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "training x is empty, shape (0,); at least one row and one column are needed"),
        (np.zeros((0, 3)), "training x is empty, shape (0, 3); at least one row and one column are needed"),
        (np.zeros((3, 0)), "training x is empty, shape (3, 0); at least one row and one column are needed"),
        ([1.0, 2.0], "training x expects samples × features, got shape (2,)"),
        (3.0, "training x expects samples × features, got one value of type float"),
        ({"a": [1]}, "training x expects samples × features, got one value of type dict"),
        (None, "training x expects samples × features, got one value of type NoneType"),
        ([[1, 2], [3]], "training x is ragged: row 0 has 2 values, row 1 (counted from 0) has 1 values"),
        (
            [[1, 2], 3],
            "training x is ragged: row 0 has 2 values, row 1 (counted from 0) has no values",
        ),
        ([[1, 2], [3, "a"]], "training x: row 1, column 1 (counted from 0) is 'a'; values must be numbers"),
        ([["1", "2"]], "training x: row 0, column 0 (counted from 0) is '1'; values must be numbers"),
        (np.array([["1"]]), "training x: row 0, column 0 (counted from 0) is '1'; values must be numbers"),
        (
            np.array([[1, None]]),
            "training x: row 0, column 1 (counted from 0) is None; values must be numbers",
        ),
        (
            np.array([[1, 2j]], object),
            "training x: row 0, column 1 (counted from 0) is 2j; values must be numbers",
        ),
        (
            [[10**400]],
            "training x: row 0, column 0 (counted from 0) is 1" + "0" * 59 + "…; values must be numbers",
        ),
        ([[1j]], "training x holds complex128 values; allowed are integers, bools and floats"),
        (
            np.zeros((2, 2), "M8[s]"),
            "training x holds datetime64[s] values; allowed are integers, bools and floats",
        ),
        ([[1, np.nan]], "training x: row 0, column 1 (counted from 0) is nan; values must be finite"),
        (BEYOND, f"training x: row {BLOCK + 5}, column 2 (counted from 0) is -inf; values must be finite"),
        (DEEP, "training x: row 1, index (2, 3) (counted from 0) is nan; values must be finite"),
        (
            np.ma.masked_array([[1.0, 2], [3, 4]], mask=[[0, 0], [1, 0]]),
            "training x: row 1, column 0 (counted from 0) is masked; every value is needed",
        ),
    ],
)
def test_refused_with_place_and_value(given: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        as_samples(given, "training x")
    assert str(caught.value) == message


def test_a_value_too_large_for_float64_is_infinite() -> None:
    if np.finfo(np.longdouble).max == np.finfo(np.float64).max:
        pytest.skip("long double is double here")
    with pytest.raises(DataError, match="is inf"):
        as_samples(np.array([[np.finfo(np.longdouble).max]]), "x")


def test_a_failing_array_protocol_is_a_data_error() -> None:
    class Failing:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            raise RuntimeError("on\nthe device")

    with pytest.raises(DataError, match=r"^x is not an array: on the device$"):
        as_samples(Failing(), "x")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=2),
    st.complex_numbers(),
)


@given(
    st.one_of(
        VALUES,
        st.lists(st.one_of(VALUES, st.lists(st.one_of(VALUES, st.lists(VALUES, max_size=2)), max_size=3))),
    )
)
def test_anything_is_an_array_or_a_data_error(given: object) -> None:
    try:
        x = as_samples(given, "x")
    except DataError as error:
        message = str(error)
        assert "\n" not in message
    else:
        assert np.isfinite(x).all()
        assert x.ndim >= 2
