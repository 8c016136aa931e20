from __future__ import annotations

import math
import statistics
from fractions import Fraction
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modnet.core.errors import DataError
from modnet.core.interfaces import Transform
from modnet.data.preprocessing import Preprocessing
from modnet.data.validation import BLOCK

FINITE = st.floats(-1e300, 1e300, allow_subnormal=False)


class Scaling:
    """The only transform of some samples."""

    def __init__(self, kind: str, x: np.ndarray) -> None:
        self.fitted = Preprocessing.fit([Transform.resolve(kind)], x, None, "x")
        self.shift, self.factor = (self.fitted.steps[0].state[name] for name in ("shift", "factor"))

    def apply(self, x: np.ndarray) -> np.ndarray:
        return self.fitted.apply(x, x.dtype, "x")


@pytest.mark.parametrize("count", [2, 3, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_standard_is_mean_and_deviation(count: int) -> None:
    x = np.random.default_rng(0).normal(size=(count, 3)) * [1.0, 1e-3, 1e5] + [0.0, 7.0, -3e5]
    scaling = Scaling("standard", x)
    np.testing.assert_allclose(
        scaling.shift, [math.fsum(column) / count for column in x.T.tolist()], rtol=1e-13, atol=1e-15
    )
    np.testing.assert_allclose(scaling.factor, 1 / x.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaling.apply(x).std(axis=0), 1.0)


@given(st.lists(FINITE, min_size=2, max_size=6))
def test_standard_against_exact_arithmetic(values: list[float]) -> None:
    try:
        scaling = Scaling("standard", np.array(values)[:, None])
    except DataError:
        exact = statistics.pvariance(map(Fraction, values))
        assert exact > Fraction(10) ** 614 or exact < Fraction(10) ** -610
        return
    if min(values) == max(values):
        assert scaling.shift[0] == values[0]
        assert scaling.factor[0] == 1.0
        return
    if max(values) - min(values) < 1e-12 * max(map(abs, values)):
        return  # see test_rounding_is_not_scaled_up
    mean = statistics.mean(map(Fraction, values))
    variance = statistics.pvariance(map(Fraction, values))
    largest = max(map(abs, values))
    assert abs(Fraction(scaling.shift[0]) - mean) <= Fraction(largest) * Fraction(1, 2**50)
    assert float(variance * Fraction(scaling.factor[0]) ** 2) == pytest.approx(1.0, rel=1e-9)


@given(st.lists(FINITE, min_size=2, max_size=6))
def test_min_max_reaches_from_0_to_1(values: list[float]) -> None:
    x = np.array(values)[:, None]
    try:
        scaling = Scaling("min-max", x)
    except DataError:
        assert 0 < max(values) - min(values) < 1e-307
        return
    scaled = scaling.apply(x)
    assert scaled.min() == 0.0
    if min(values) == max(values):
        assert scaled.max() == 0.0
    elif max(values) - min(values) > 1e-12 * max(map(abs, values)):
        assert scaled.max() == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["standard", "min-max"])
def test_constant_features_are_only_shifted(kind: str) -> None:
    x = np.array([[0.1, 3.0], [0.1, 4.0], [0.1, 5.0]])
    scaling = Scaling(kind, x)
    assert scaling.shift[0] == 0.1
    assert scaling.factor[0] == 1.0
    assert (scaling.apply(x)[:, 0] == 0.0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_apply_keeps_the_dtype_and_the_callers_data(dtype: type) -> None:
    x = np.array([[1e8], [1e8 + 800], [1e8 + 1600]], dtype)
    scaled = Scaling("min-max", x).apply(x)
    assert scaled.dtype == dtype
    assert scaled.tolist() == [
        [0.0],
        [0.5],
        [1.0],
    ]  # a float32 difference from a float32 shift would be exact only here
    assert x[0, 0] == 1e8


def test_float32_is_scaled_in_float64() -> None:
    fitted = Scaling("min-max", np.array([[0.1], [1.1]]))
    x = np.array([[0.1]], np.float32)
    assert fitted.factor.tolist() == [1.0]
    assert fitted.apply(x)[0, 0] == np.float32(np.float64(np.float32(0.1)) - 0.1) != 0.0


def is_constant(column: list[float]) -> bool:
    """scikit-learn's `_is_constant_feature`, in exact arithmetic."""
    count, eps = len(column), Fraction(1, 2**52)
    mean, variance = statistics.mean(map(Fraction, column)), statistics.pvariance(map(Fraction, column))
    return variance <= count * eps * variance + (count * mean * eps) ** 2


@pytest.mark.parametrize("kind", ["standard", "min-max"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [2, 7, BLOCK + 3])
def test_rounding_is_not_scaled_up(count: int, dtype: type, kind: Literal["standard", "min-max"]) -> None:
    rows = np.resize([0.3, 0.1 + 0.2, 0.6 - 0.3], count)
    x = np.stack([rows, 1e9 * rows, -1e-9 * rows, np.resize([0.7, 0.2], count)], axis=1).astype(dtype)
    if dtype == np.float32:
        x[0, :3] = np.nextafter(x[1, :3], np.float32(1e30))  # in float32 the sums are all rounded to 0.3
    scaling = Scaling(kind, x)
    assert scaling.factor[:3].tolist() == [1.0, 1.0, 1.0]
    assert scaling.factor[3] > 1.9
    if dtype == np.float64:
        assert [is_constant(column) for column in x.T.tolist()] == [True, True, True, False]
    assert np.abs(scaling.apply(x)[:, :3] / x[0, :3]).max() < 1e-6


@given(
    st.lists(st.integers(-9, 9), min_size=10, max_size=40),
    st.floats(0.01, 100.0),
    st.floats(1e-8, 1e8),
)
def test_what_is_constant_agrees_with_scikit_learn(steps: list[int], size: float, mean: float) -> None:
    """Differences of some ulps about its bound, n ε |mean|, but not just at it."""
    values = [mean + size * step * math.ulp(mean) for step in steps]
    deviation = math.sqrt(statistics.pvariance(map(Fraction, values)))
    if 0.9 < deviation / (len(values) * 2.0**-52 * mean) < 1.1:
        return
    factor = Scaling("standard", np.array(values)[:, None]).factor[0]
    assert factor == (1.0 if is_constant(values) else pytest.approx(1 / deviation, rel=1e-6))


@pytest.mark.parametrize("kind", ["standard", "min-max"])
def test_a_small_spread_around_a_large_value_is_scaled(kind: Literal["standard", "min-max"]) -> None:
    seconds = 1.7e9 + np.arange(1000) / 1000
    scaled = Scaling(kind, seconds[:, None]).apply(seconds[:, None])
    exact = np.array([float(Fraction(value) - Fraction(1.7e9)) for value in seconds.tolist()])
    expected = (exact - exact.mean()) / exact.std() if kind == "standard" else exact / exact.max()
    np.testing.assert_allclose(scaled[:, 0], expected, atol=1e-6)


def test_the_largest_floats_are_scaled() -> None:
    x = np.array([[1.0e308], [1.5e308]])
    np.testing.assert_allclose(Scaling("standard", x).apply(x), [[-1.0], [1.0]])


def test_samples_that_are_not_vectors() -> None:
    x = np.random.default_rng(0).random((5, 2, 3))
    scaling = Scaling("standard", x)
    assert scaling.apply(x).shape == x.shape
    np.testing.assert_allclose(scaling.apply(x), (x - x.mean(axis=0)) / x.std(axis=0))


def test_scaling_refuses() -> None:
    huge = np.array([[1.0, -1.7e308], [2.0, 1.7e308]])
    with pytest.raises(
        DataError,
        match=r"^x: min-max \(data.transforms.0\): column 1 \(counted from 0\) ranges from -1.7e",
    ):
        Scaling("min-max", huge)
    with pytest.raises(DataError, match="column 0"):
        Scaling("standard", np.array([[0.0], [5e-324]]))
    scaling = Scaling("standard", np.array([[0.0, 0.0], [1e-300, 1.0]]))
    with pytest.raises(DataError, match=r"transformed x: row 1, column 0 \(counted from 0\) is inf"):
        scaling.apply(np.array([[0.0, 0.0], [1e300, 0.0]]))
