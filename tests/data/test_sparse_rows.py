"""CSR rows: they are recognised, checked and multiplied as the same rows in a dense array, and never written to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from modnet import DataError
from modnet.data.row_source import RowSource, as_rows, row_bytes, subset
from modnet.data.sparse_rows import SparseRows, is_csr

DENSE = np.array([[0.0, 2.0, 0.0], [1.5, 0.0, -3.0], [0.0, 0.0, 0.0], [4.0, 0.0, 0.0]])


def rows_of(x: Any, dtype: Any = np.float64) -> SparseRows:
    rows = as_rows(sp.csr_array(x.astype(dtype)), "x")
    assert isinstance(rows, SparseRows)
    return rows


@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix])
def test_rows_are_those_of_the_dense_array(make: Callable[..., Any]) -> None:
    rows = as_rows(make(DENSE), "x")
    assert isinstance(rows, SparseRows)
    assert (rows.shape, rows.dtype, len(rows), rows.filled) == ((4, 3), np.float64, 4, 4 / 12)
    for selection in (slice(1, 3), slice(None), np.array([3, 0, 3])):
        np.testing.assert_array_equal(np.asarray(rows[selection]), DENSE[selection])
    np.testing.assert_array_equal(rows[1], DENSE[1])
    np.testing.assert_array_equal(np.asarray(subset(rows, np.array([1, 3]))), DENSE[[1, 3]])


def test_a_row_has_the_bytes_that_are_stored_of_it() -> None:
    sparse = sp.csr_array(DENSE)
    stored = sparse.data.nbytes + sparse.indices.nbytes + sparse.indptr.nbytes
    assert row_bytes(rows_of(DENSE)) == -(-stored // 4)
    assert row_bytes(DENSE) == 24


@pytest.mark.parametrize("units", [1, 3, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_those_of_the_dense_array(units: int, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modnet.data.sparse_rows.PRODUCT_BYTES", 1)
    monkeypatch.setattr("modnet.data.sparse_rows.COPIED_ROWS", 2)
    rng = np.random.default_rng(0)
    rows, dense = rows_of(DENSE, dtype), DENSE.astype(dtype)
    weights, delta = rng.integers(-5, 5, (units, 3)).astype(dtype), rng.integers(-5, 5, (4, units)).astype(dtype)
    for given, expected in (
        ((rows, weights.T), dense @ weights.T),
        ((weights, rows.T), weights @ dense.T),
        ((delta.T, rows), delta.T @ dense),
    ):
        out = np.full(expected.shape, np.nan, dtype)
        assert np.dot(*given, out=out) is out
        product = given[0] @ given[1]
        assert product.dtype == out.dtype == dtype
        np.testing.assert_array_equal(out, expected)
        np.testing.assert_array_equal(product, expected)


@pytest.mark.parametrize("use", [lambda x: x * 2.0, lambda x: np.ones((4, 3)) + x, np.exp, np.sum, np.vdot])
def test_anything_else_is_an_error_and_not_slow(use: Callable[..., Any]) -> None:
    with pytest.raises(TypeError):
        use(rows_of(DENSE), *([rows_of(DENSE)] if use is np.vdot else []))


def test_values_of_one_cell_are_added_and_the_callers_matrix_stays_as_it_is() -> None:
    given = np.array([1.0, 2.0, 5.0, 7.0]), np.array([2, 0, 2, 1]), np.array([0, 3, 4])
    before = [array.copy() for array in given]
    x = sp.csr_array(given, shape=(2, 3))
    rows = as_rows(x, "x")
    np.testing.assert_array_equal(np.asarray(rows), [[2.0, 0.0, 6.0], [0.0, 7.0, 0.0]])
    for array, kept in zip((x.data, x.indices, x.indptr), before, strict=True):
        np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize(("given", "kept"), [("f4", "f4"), ("f8", "f8"), ("i8", "f8"), ("?", "f8")])
def test_numbers_are_converted_as_those_of_dense_arrays(given: str, kept: str) -> None:
    rows = rows_of(DENSE, given)
    assert rows.dtype == as_rows(DENSE.astype(given), "x").dtype == kept
    np.testing.assert_array_equal(np.asarray(rows), DENSE.astype(given).astype(kept))


def flawed(row: int, column: int, value: float) -> Any:
    x = DENSE.copy()
    x[row, column] = value
    return sp.csr_array(x)


def out_of_range() -> Any:
    x = sp.csr_array(DENSE)
    x.indices[2] = 9
    return x


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (flawed(2, 1, np.nan), "x: row 2, column 1 (counted from 0) is nan; values must be finite"),
        (flawed(3, 2, -np.inf), "x: row 3, column 2 (counted from 0) is -inf; values must be finite"),
        (sp.csr_array(DENSE * 1j), "x holds complex128 values; allowed are integers, bools and floats"),
        (sp.csr_array((0, 3)), "x is empty, shape (0, 3); at least one row and one column are needed"),
        (out_of_range(), "x is no CSR matrix: "),
        (sp.csc_array(DENSE), "x is sparse, a csc_array; allowed are CSR, as its tocsr() gives, and dense arrays"),
    ],
)
def test_what_is_wrong_is_named(x: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        as_rows(x, "x")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_number_that_a_dtype_cannot_hold_is_named() -> None:
    with pytest.raises(DataError, match=r"x: row 1, column 2 \(counted from 0\) is 1e\+300, which float32 cannot hold"):
        rows_of(np.where(DENSE == -3.0, 1e300, DENSE)).astype(np.dtype(np.float32), "x")


def test_for_transforms_rows_are_dense_and_may_lack_values() -> None:
    rows = as_rows(flawed(2, 1, np.nan), "x", missing=True)
    assert isinstance(rows, RowSource)
    np.testing.assert_array_equal(rows[1:3], [[1.5, 0.0, -3.0], [0.0, np.nan, 0.0]])
    with pytest.raises(DataError, match=r"x: row 0, column 0 \(counted from 0\) is inf"):
        as_rows(flawed(0, 0, np.inf), "x", missing=True)


def test_columns_are_selected() -> None:
    rows = as_rows(sp.csr_array(DENSE), "x", np.s_[:, [2, 0]])
    np.testing.assert_array_equal(np.asarray(rows), DENSE[:, [2, 0]])


def test_only_csr_is_recognised() -> None:
    assert is_csr(sp.csr_matrix(DENSE))
    for other in (DENSE, sp.csc_array(DENSE), sp.coo_array(DENSE), "csr", type("Frame", (), {"format": "csr"})()):
        assert not is_csr(other)
