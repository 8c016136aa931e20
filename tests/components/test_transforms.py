"""The built-in transforms against scikit-learn, and against numbers that were worked out by hand."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pytest
from components.tables import NAN, apply, fit, table, transformed
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler

from modnet.components.transforms import statistics
from modnet.core.errors import DataError
from modnet.data import validation

SCALERS = {"standard": StandardScaler, "min-max": MinMaxScaler, "robust": RobustScaler}
CITIES = ["Rome", "Oslo", "Bonn", "Rome", "Rome", "Oslo"]
SIZES = ["small", "large", "small", "huge", "large", "small"]


@pytest.mark.parametrize("kind", SCALERS)
@pytest.mark.parametrize("rows", [1, 2, 3, 50, 5001])
def test_numbers_are_scaled_as_by_scikit_learn(kind: str, rows: int) -> None:
    x = np.random.default_rng(rows).normal(size=(rows, 4)) * [1.0, 1e-4, 1e6, 0.0] + [0.0, 3.0, -7.0, 2.5]
    fitted, peer = fit(x, kind), SCALERS[kind]().fit(x)
    other = np.random.default_rng(0).normal(size=(7, 4))
    np.testing.assert_allclose(apply(fitted, other), peer.transform(other), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(fitted.inverse(apply(fitted, other)), other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gathered", [1, 1 << 28])
def test_quartiles_are_exact_for_few_columns_at_a_time(gathered: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "GATHERED_BYTES", gathered)
    x = np.random.default_rng(3).normal(size=(10_001, 3)) ** 3
    peer = RobustScaler().fit(x)
    (step,) = fit(x, "robust").steps
    np.testing.assert_array_equal(step.state["shift"], peer.center_)
    np.testing.assert_allclose(1.0 / step.state["factor"], peer.scale_, rtol=1e-15)


def test_robust_by_hand() -> None:
    x = np.array([[1.0], [2.0], [3.0], [4.0], [1000.0]])  # quartiles 2 and 4
    assert transformed(x, "robust") == [[-1.0], [-0.5], [0.0], [0.5], [498.5]]
    assert transformed(np.array([[5.0], [5.0], [5.0], [9.0], [5.0]]), "robust") == [[0.0], [0.0], [0.0], [4.0], [0.0]]


def test_logarithms() -> None:
    x = np.array([[1.0, 0.0], [math.e, 99.0]])
    fitted = fit(x, {"kind": "log", "columns": [0]}, {"kind": "log", "columns": [1], "offset": 1.0})
    np.testing.assert_allclose(apply(fitted, x), [[0.0, 0.0], [1.0, math.log(100.0)]], rtol=1e-15)
    np.testing.assert_allclose(fitted.inverse(apply(fitted, x)), x, rtol=1e-14, atol=1e-15)
    tiny = np.array([[1e-12], [5.0]])
    assert apply(fit(tiny, {"kind": "log", "offset": 1.0}), tiny)[0, 0] == pytest.approx(1e-12, rel=1e-12, abs=0.0)
    assert transformed(np.array([[-6.0]]), {"kind": "log", "offset": 7.0}) == [[0.0]]


def test_passthrough_leaves_columns_as_they_are() -> None:
    x = np.array([[1.0, -2.0], [0.1, 1e300]])
    assert transformed(x, "passthrough") == x.tolist()


def test_one_hot_is_that_of_scikit_learn() -> None:
    x = table(city=CITIES, size=SIZES)
    fitted = fit(x, "one-hot")
    cells = np.array([CITIES, SIZES], dtype=object).T
    peer = OneHotEncoder(sparse_output=False).fit(cells)
    np.testing.assert_array_equal(apply(fitted, x), peer.transform(cells))
    assert list(fitted.output_names) == [
        name.replace("_", "=") for name in peer.get_feature_names_out(["city", "size"])
    ]


def test_ordinal_is_that_of_scikit_learn() -> None:
    x, cells = table(city=CITIES, size=SIZES), np.array([CITIES, SIZES], dtype=object).T
    np.testing.assert_array_equal(apply(fit(x, "ordinal"), x), OrdinalEncoder().fit_transform(cells))
    order = ["small", "large", "huge"]
    mine = fit(x, {"kind": "ordinal", "columns": ["size"], "categories": order}, {"kind": "one-hot"})
    peer = OrdinalEncoder(categories=[order]).fit_transform(cells[:, 1:])
    np.testing.assert_array_equal(apply(mine, x)[:, :1], peer)
    assert mine.output_names == ("size", "city=Bonn", "city=Oslo", "city=Rome")


@pytest.mark.parametrize(
    ("kind", "expected", "becomes"),
    [
        ("one-hot", [[0.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0, 1.0]], "0 in all columns"),
        ("ordinal", [[-1.0, 0.0], [2.0, 1.0]], "-1"),
    ],
)
def test_unknown_text_is_ignored_with_a_warning(
    kind: str, expected: list[list[float]], becomes: str, caplog: pytest.LogCaptureFixture
) -> None:
    fitted = fit(table(city=CITIES, size=["small", "large", "large"] * 2), {"kind": kind, "unknown": "ignore"})
    with caplog.at_level(logging.WARNING, logger="modnet"):
        assert apply(fitted, table(city=["Paris", "Rome"], size=["large", "small"])).tolist() == expected
        apply(fitted, table(city=["Rome", "Paris", "Rome", "Bern"], size=["tiny", "small", "tiny", "tiny"]))
    start, unseen = f"modnet: x: {kind} (data.transforms.0): row", "which the training rows have not"
    assert caplog.messages == [
        f"{start} 0 (counted from 0), column 'city' is 'Paris', {unseen}; it becomes {becomes}",
        f"{start} 1 (counted from 0), column 'city' is 'Paris', {unseen}; 2 such cells of the column become {becomes}",
        f"{start} 0 (counted from 0), column 'size' is 'tiny', {unseen}; 3 such cells of the column become {becomes}",
    ]
    caplog.clear()
    apply(fitted, table(city=["Rome", "Oslo"], size=["small", "large"]))
    assert caplog.messages == []


def test_numbers_are_categories_where_they_are_asked_for() -> None:
    x = table(code=[2.0, 10.0, 2.5, 10.0], kilos=[1.0, 2.0, 3.0, 4.0])
    fitted = fit(x, {"kind": "one-hot", "columns": ["code"]})
    assert fitted.output_names == ("kilos", "code=10", "code=2", "code=2.5")
    assert apply(fitted, x)[:, 1:].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]]
    with pytest.raises(
        DataError, match=r"^x: one-hot \(data.transforms.0\): row 1 \(counted from 0\), column 'code' is "
    ):
        apply(fitted, table(code=[2.0, 3.0], kilos=[1.0, 1.0]))


NUMBERS = np.array([[1.0, NAN, 7.0], [NAN, 2.0, 7.0], [4.0, 2.0, NAN], [1.0, 8.0, 9.0], [10.0, 3.0, 9.0]])
STRATEGIES = {"median": "median", "mean": "mean", "most-frequent": "most_frequent", "constant": "constant"}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("indicator", [False, True])
def test_impute_is_that_of_scikit_learn(strategy: str, indicator: bool) -> None:
    value = {"value": -5.0} if strategy == "constant" else {}
    fitted = fit(NUMBERS, {"kind": "impute", "strategy": strategy, "indicator": indicator, **value})
    peer = SimpleImputer(strategy=STRATEGIES[strategy], fill_value=value.get("value"), add_indicator=indicator)
    np.testing.assert_array_equal(apply(fitted, NUMBERS), peer.fit_transform(NUMBERS))
    other = np.array([[NAN, 1.0, NAN], [2.0, NAN, 3.0]])
    np.testing.assert_array_equal(apply(fitted, other), peer.transform(other))


def test_indicators_are_those_of_columns_that_had_missing_values_in_training() -> None:
    x = table(a=[1.0, NAN], b=[2.0, 3.0])
    fitted = fit(x, {"kind": "impute", "indicator": True})
    assert fitted.output_names == ("a", "b", "a=missing")
    assert apply(fitted, table(a=[NAN, 5.0], b=[NAN, 4.0])).tolist() == [[1.0, 2.5, 1.0], [5.0, 4.0, 0.0]]


@pytest.mark.parametrize("strategy", ["median", "most-frequent"])
def test_text_takes_its_most_frequent_value(strategy: str) -> None:
    x = table(city=["Rome", None, "Oslo", "Rome", "Oslo", None], kilos=[1.0, NAN, 3.0, 5.0, 1.0, 1.0])
    fitted = fit(x, {"kind": "impute", "strategy": strategy}, "ordinal")  # Oslo: the lesser of equally frequent ones
    peer = SimpleImputer(strategy="most_frequent", missing_values=None)
    filled = peer.fit_transform(np.array([["Rome", None, "Oslo", "Rome", "Oslo", None]], dtype=object).T)
    assert filled[1] == "Oslo"
    assert apply(fitted, x).tolist() == [[1, 1], [0, 1], [0, 3], [1, 5], [0, 1], [0, 1]]


def test_a_constant_text_is_a_category_of_its_own() -> None:
    x = table(city=["Rome", None, "Oslo"], size=["big", "big", None])
    fitted = fit(x, {"kind": "impute", "columns": "text", "strategy": "constant", "value": "unknown"}, "one-hot")
    assert fitted.output_names == ("city=Oslo", "city=Rome", "city=unknown", "size=big", "size=unknown")
    assert apply(fitted, x)[1].tolist() == [0, 0, 1, 1, 0]


def test_the_mean_of_many_blocks_and_of_the_largest_floats() -> None:
    x = np.random.default_rng(5).normal([0.0, 1e6], size=(20_000, 2))
    x[::7, 0] = NAN
    (step,) = fit(x, {"kind": "impute", "strategy": "mean"}).steps
    exact = [math.fsum(values := column[~np.isnan(column)].tolist()) / len(values) for column in x.T]
    np.testing.assert_allclose(step.state["fill"], exact, rtol=1e-14)
    huge = np.array([[1.7e308], [1.5e308], [NAN]])
    (step,) = fit(huge, {"kind": "impute", "strategy": "mean"}).steps
    assert step.state["fill"][0] == pytest.approx(1.6e308)
    for strategy in ("median", "mean"):
        opposite = np.array([[1.7e308], [-1.7e308], [NAN]])
        assert fit(opposite, {"kind": "impute", "strategy": strategy}).steps[0].state["fill"].tolist() == [0.0]


@pytest.mark.parametrize("transform", ["standard", "robust", {"kind": "impute", "strategy": "mean"}])
@pytest.mark.parametrize("columns", [[0], [2, 0], [0, 1, 2, 3]])
def test_the_bits_do_not_depend_on_how_many_rows_are_read_together(
    transform: Any, columns: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(1).normal(size=(9001, 4)) * [1.0, 1e-3, 1e5, 7.0] + [0.3, 7.0, -3e5, 0.0]
    chosen = {"kind": transform} if isinstance(transform, str) else transform
    states = []
    for most in (1 << 30, 4096, 64, 1):
        monkeypatch.setattr(validation, "BLOCK_BYTES", most)
        (step,) = fit(x, {**chosen, "columns": columns}).steps
        states.append({name: values.tobytes() for name, values in step.state.items()})
    assert all(state == states[0] for state in states)


@given(st.lists(st.one_of(st.just(NAN), st.floats(-1e6, 1e6, width=32)), min_size=1, max_size=12))
def test_impute_of_any_column(values: list[float]) -> None:
    x = np.array(values)[:, None]
    for strategy in ("median", "mean", "most-frequent"):
        transform: dict[str, Any] = {"kind": "impute", "strategy": strategy}
        if np.isnan(x).all():
            with pytest.raises(DataError, match=r"column 0 .* has no values at all in the training rows"):
                fit(x, transform)
        else:
            peer = SimpleImputer(strategy=STRATEGIES[strategy]).fit_transform(x)
            np.testing.assert_allclose(transformed(x, transform), peer, rtol=1e-12, atol=1e-9)
