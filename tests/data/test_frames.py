"""Frames of pandas and polars, which are no dependencies: the suite has stand-ins, and the soak has the real ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from data.holding import ALLOWED, MASK, NOT_FINITE, TEXT, X, Y, agrees, fit

from modnet import DataError, ModnetError
from modnet.data.frames import frame_table


def pandas_cases(pd: Any) -> dict[str, tuple[Any, Any, str | None]]:
    """What is held, as x and y, and what is wrong with it."""
    x, hole = pd.DataFrame(X, columns=list("abc")), pd.array([1, None] * 6, dtype="Int64")
    days = pd.Series(pd.date_range("2026-01-01", periods=12))
    return {
        "frame": (x, Y, None),
        "frame with another index": (x.set_index(pd.Index(range(30, 42))), pd.Series(Y, index=range(50, 62)), None),
        "float32": (x.astype("float32"), Y, None),
        "nullable floats": (x.astype("Float64"), pd.Series(Y, dtype="Int64"), None),
        "nullable labels": (x, pd.Series(TEXT, dtype="string"), None),
        "categories": (x, pd.Series(TEXT, dtype="category"), None),
        "categories in another order": (x, pd.Categorical(TEXT, categories=["yes", "other", "no"]), None),
        "objects": (x.astype(object), pd.Series(TEXT, dtype=object), None),
        "an index": (x, pd.Index(TEXT), None),
        "sparse columns": (x.astype(pd.SparseDtype(float)), Y, None),
        "columns of two types": (x.assign(a=x["a"].astype("float32")), Y, None),
        "NA": (x.assign(a=hole), Y, "training x: row 1, column 0 (counted from 0) is <NA>; values must be numbers"),
        "NA alone": (pd.DataFrame({"a": hole}), Y, "training x: row 1, column 0 (counted from 0) is nan; values must…"),
        "NaN": (x.where(~MASK), Y, NOT_FINITE),
        "text": (x.assign(b=TEXT), Y, "training x: row 0, column 1 (counted from 0) is 'no'; values must be numbers"),
        "dates": (x.assign(b=days), Y, "training x: row 0, column 1 (counted from 0) is Timestamp('2026-01-01 00:00:…"),
        "dates alone": (days.to_frame(), Y, "training x holds datetime64[…"),
        "spans": ((days - days[0]).to_frame(), Y, "training x holds timedelta64[…"),
        "categories as features": (x.assign(c=pd.Categorical(TEXT)), Y, "training x: row 0, column 2 (counted fro…"),
        "a series as x": (x["a"], Y, "training x expects samples × features, got shape (12,)"),
        "no rows": (x[:0], Y, "training x is empty, shape (0, 3); at least…"),
        "no columns": (x[[]], Y, "training x is empty, shape (12, 0); at least one row…"),
        "a label that is NA": (x, pd.Series([None, *TEXT[1:]], dtype="string"), "training y: row 0 (counted from…"),
        "a label that is NaN": (x, pd.Series([None, *TEXT[1:]]), "training y: row 0 (counted from 0) is nan, which…"),
        "a category that is NaN": (x, pd.Categorical([None, *TEXT[1:]]), "training y: row 0 (counted from 0) is n…"),
        "an integer that is NA": (x, pd.Series(hole), "training y: row 1, column 0 (counted from 0) is nan; value…"),
        "a bool that is NA": (x, pd.Series([None, *[True, False] * 5, True], dtype="boolean"), "training y: row 0…"),
        "a date that is NaT": (x, days.where(days.index > 3), "training y: row 0 (counted from 0) is NaT, which c…"),
    }  # fmt: skip


def polars_cases(pl: Any) -> dict[str, tuple[Any, Any, str | None]]:
    """What is held, as x and y, and what is wrong with it."""
    x, hole = pl.DataFrame(X, schema=list("abc")), pl.Series("a", [1, None] * 6)
    days = pl.Series("b", [dt.date(2026, 1, 1 + day) for day in range(12)])
    return {
        "frame": (x, pl.Series(Y), None),
        "float32": (x.cast(pl.Float32), Y, None),
        "text": (x, pl.Series(TEXT.tolist()), None),
        "categories": (x, pl.Series(TEXT.tolist(), dtype=pl.Categorical), None),
        "an enumeration": (x, pl.Series(TEXT.tolist(), dtype=pl.Enum(["yes", "no"])), None),
        "two chunks": (pl.concat([x[:5], x[5:]], rechunk=False), pl.concat([pl.Series(Y[:5]), pl.Series(Y[5:])]), None),
        "null": (x.with_columns(hole), Y, "training x: row 1, column 0 (counted from 0) is nan; values must be finite"),
        "text as features": (x.with_columns(a=pl.lit("1")), Y, "training x: row 0, column 0 (counted from 0) is '1';…"),
        "dates beside numbers": (x.with_columns(days), Y, f"training x: column 'b' holds Date values; {ALLOWED}"),
        "spans": (x.with_columns(b=days - days[0]), Y, "training x: column 'b' holds Duration(…"),
        "lists": (pl.DataFrame({"a": X.tolist()}, schema={"a": pl.List(pl.Float64)}), Y, "training x: row 0, colu…"),
        "lazy": (x.lazy(), Y, "training x expects samples × features, got one value of type LazyFrame"),
        "a series as x": (x["a"], Y, "training x expects samples × features, got shape (12,)"),
        "a label that is null": (x, pl.Series([None, *TEXT[1:].tolist()]), "training y: row 0 (counted from 0) is…"),
        "a bool that is null": (x, pl.Series([None, *[True, False] * 5, True]), "training y: row 0 (counted from…"),
        "an integer that is null": (
            x, hole,
            "training y: row 1, column 0 (counted from 0) is nan; values must be finite",
        ),
        "a date that is null": (x, pl.Series([None, *days[1:]]), "training y: row 0 (counted from 0) is NaT, which…"),
    }  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize(("library", "cases"), [("pandas", pandas_cases), ("polars", polars_cases)])
def test_real_frames(library: str, cases: Callable[[Any], dict[str, tuple[Any, Any, str | None]]]) -> None:
    frames = pytest.importorskip(library, reason=f"{library} is no dependency of modnet or its tests")
    plain = fit(X, Y).network
    for name, (x, y, expected) in cases(frames).items():
        if expected is None:
            network = fit(x, y).network
            assert network.parameters.tobytes() == plain.parameters.tobytes(), name
            assert network.classify(x).tolist() == network.classes[np.argmax(plain.predict(X), axis=1)].tolist(), name
        else:
            with pytest.raises(ModnetError) as caught:
                fit(x, y)
            assert agrees(str(caught.value), expected), (name, str(caught.value))


def pandas_tables(pd: Any) -> dict[str, tuple[Any, Any]]:
    """Columns with text and missing values: what is held, and what it is as numbers and texts."""
    days = pd.Series(pd.date_range("2026-01-01", periods=3))
    texts, numbers = ["x", None, "y"], [1, None, 2]
    return {
        "objects": (pd.Series(texts, dtype=object), texts),
        "strings": (pd.Series(texts, dtype="string"), texts),
        "text": (pd.Series(texts), texts),
        "text of pyarrow": (pd.Series(texts, dtype="string[pyarrow]"), texts),
        "categories": (pd.Series(texts, dtype="category"), texts),
        "categories that are numbers": (pd.Series(numbers, dtype="category"), numbers),
        "nullable integers": (pd.Series(numbers, dtype="Int64"), numbers),
        "nullable floats": (pd.Series([0.5, None, 2], dtype="Float32"), [0.5, None, 2]),
        "nullable bools": (pd.Series([True, None, False], dtype="boolean"), [1, None, 0]),
        "integers of pyarrow": (pd.Series(numbers, dtype="int32[pyarrow]"), numbers),
        "objects that are numbers": (pd.Series([1, pd.NA, 2.0], dtype=object), numbers),
        "numbers and text": (pd.Series([1, "x", 2.5], dtype=object), ["1", "x", "2.5"]),
        "sparse": (pd.Series(pd.arrays.SparseArray([1.0, np.nan, 2.0])), numbers),
        "dates": (days, "column 'a' holds datetime64[…"),
        "dates with a zone": (
            days.dt.tz_localize("UTC"),
            "column 'a' holds dates or times (row 0 (counted from 0): Ti…",
        ),
        "spans": (days - days[0], "column 'a' holds timedelta64[…"),
        "periods": (
            days.dt.to_period("M"),
            "row 0, column 0 (counted from 0) is Period('2026-01', 'M'); values must be …",
        ),
    }


def polars_tables(pl: Any) -> dict[str, tuple[Any, Any]]:
    """The same of polars."""
    texts, numbers = ["x", None, "y"], [1, None, 2]
    days = [dt.date(2026, 1, day) for day in (1, 2, 3)]
    return {
        "text": (pl.Series(texts), texts),
        "categories": (pl.Series(texts, dtype=pl.Categorical), texts),
        "an enumeration": (pl.Series(texts, dtype=pl.Enum(["y", "x"])), texts),
        "integers": (pl.Series(numbers), numbers),
        "bools": (pl.Series([True, None, False]), [1, None, 0]),
        "decimals": (pl.Series(["0.5", None, "2"]).cast(pl.Decimal(4, 2)), [0.5, None, 2]),
        "nothing": (pl.Series([None, None, None]), [None, None, None]),
        "dates": (pl.Series(days), "column 'a' holds datetime64[D] values; remedies: …"),
        "times": (
            pl.Series([dt.time(3), None, dt.time(4)]),
            "column 'a' holds dates or times (row 0 (counted from 0): …",
        ),
        "lists": (
            pl.Series([[1.0], [2.0], [3.0]]),
            "row 0, column 0 (counted from 0) is array([1.]); values must be …",
        ),
    }


@pytest.mark.soak
@pytest.mark.parametrize(("library", "cases"), [("pandas", pandas_tables), ("polars", polars_tables)])
def test_real_frames_with_text_and_missing_values(library: str, cases: Callable[[Any], dict[str, Any]]) -> None:
    frames = pytest.importorskip(library, reason=f"{library} is no dependency of modnet or its tests")
    for name, (column, expected) in cases(frames).items():
        x = frames.DataFrame({"a": column, "b": ["p", "q", "r"], "c": [1.5, 2.5, 3.5]})
        if isinstance(expected, str):
            with pytest.raises(DataError) as caught:
                frame_table(x, "x", is_new=True)
            assert agrees(str(caught.value).removeprefix("x: "), expected), (name, str(caught.value))
            continue
        table = frame_table(x, "x", is_new=True)
        assert table is not None, name
        assert table.names == ("a", "b", "c"), name
        assert table.values[:, 2].tolist() == [1.5, 2.5, 3.5], name
        texts = table.texts.get(0)
        found = [None if np.isnan(v) else v if texts is None else texts[int(v)] for v in table.values[:, 0]]
        assert found == expected, (name, found)
