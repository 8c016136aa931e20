"""What components take from arrays beside their own namespace."""

from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest

from modnet.core.arrays import kept_where

VALUES = [1.5, -2.0, 0.0, np.inf, -np.inf, np.nan, np.finfo(np.float32).max]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [3, len(VALUES)], ids=["finite", "all"])
def test_kept_values_are_those_where_the_condition_holds_and_0_elsewhere(count: int, dtype: type) -> None:
    values = np.array(2 * VALUES[:count], dtype).reshape(2, count)
    condition = np.array([[True] * count, [False] * count])
    expected = [[float(value) for value in values[0]], [0.0] * count]
    with np.errstate(invalid="ignore"):
        found = kept_where(condition, values)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)
    with np.errstate(invalid="ignore"):
        theirs = kept_where(strict.asarray(condition), strict.asarray(values))
    np.testing.assert_array_equal(np.asarray(theirs), expected)


def test_large_numbers_that_are_kept_do_not_overflow() -> None:
    with np.errstate(all="raise"):
        assert kept_where(np.full(9, True), np.full(9, np.finfo(float).max)).max() == np.finfo(float).max
