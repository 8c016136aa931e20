"""Frames, lists and arrays of objects with text and missing values in them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from data.holding import agrees

from modnet import DataError, Trainer
from modnet.data.frames import frame_table
from modnet.data.table import Table

pa = pytest.importorskip("pyarrow")


class NAType:
    """What pandas has for a missing value: it is neither true nor false."""

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = object.__hash__


NA = NAType()


class Pandas:
    """What a frame of pandas offers."""

    class Extension:
        """The type of a column that is none of NumPy's."""

    def __init__(self, **columns: Any) -> None:
        self.columns = list(columns)
        self.arrays = [np.asarray(column) for column in columns.values()]
        self.dtypes = [array.dtype if array.dtype.kind in "biuf" else self.Extension() for array in self.arrays]
        self.shape = (len(self.arrays[0]), len(self.arrays))

    @property
    def iloc(self) -> Any:
        frame = self

        class Locator:
            def __getitem__(self, index: tuple[slice, int]) -> Any:
                return Polars.Series(frame.arrays[index[1]])

        return Locator()

    def __len__(self) -> int:
        return self.shape[0]

    def to_numpy(self) -> np.ndarray:
        return np.column_stack([array.astype(object) for array in self.arrays])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.to_numpy()


class Polars:
    """What a frame of polars offers."""

    class Series:
        def __init__(self, values: Any) -> None:
            self.values = np.asarray(values)
            self.dtype = self

        def is_numeric(self) -> bool:
            return self.values.dtype.kind in "iuf"

        def null_count(self) -> int:
            return sum(value is None for value in self.values.tolist())

        def __str__(self) -> str:
            return "Boolean" if set(self.values.tolist()) <= {True, False, None} else "String"

        def to_numpy(self) -> np.ndarray:
            return self.values

    def __init__(self, **columns: Any) -> None:
        self.columns, self.series = list(columns), list(map(self.Series, columns.values()))

    def get_columns(self) -> list[Any]:
        return self.series

    def to_numpy(self) -> np.ndarray:
        return np.column_stack([series.values.astype(object) for series in self.series])


def objects(*values: Any) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def cells(table: Table) -> list[list[object]]:
    return [
        [None if math.isnan(v) else table.texts[c][int(v)] if c in table.texts else v for c, v in enumerate(row)]
        for row in np.asarray(table.values).tolist()
    ]


EXPECTED = [[1.5, "x", 1.0], [None, None, 0.0], [2.5, "y", None]]
COLUMNS = {
    "a": objects(1.5, None, 2.5),
    "b": objects("x", None, "y"),
    "c": objects(True, False, None),
}
HELD: dict[str, Callable[[], Any]] = {
    "pyarrow": lambda: pa.table({name: pa.array(column.tolist()) for name, column in COLUMNS.items()}),
    "pyarrow, encoded, in pieces": lambda: pa.concat_tables(
        pa.table(
            {
                "a": pa.array([a], "double"),
                "b": pa.array([b], "large_string").dictionary_encode(),
                "c": pa.array([c], "bool"),
            }
        )
        for a, b, c in zip(*(column.tolist() for column in COLUMNS.values()), strict=True)
    ),
    "a batch of pyarrow": lambda: pa.record_batch(
        {name: pa.array(column.tolist()) for name, column in COLUMNS.items()}
    ),
    "pandas": lambda: Pandas(a=np.array([1.5, np.nan, 2.5]), b=objects("x", NA, "y"), c=objects(True, False, NA)),
    "pandas with None": lambda: Pandas(**COLUMNS),
    "polars": lambda: Polars(a=np.array([1.5, np.nan, 2.5]), b=COLUMNS["b"], c=COLUMNS["c"]),
    "lists": lambda: [[1.5, "x", True], [None, None, False], [2.5, "y", None]],
    "tuples with NaN": lambda: ((1.5, "x", 1), (math.nan, None, 0), (2.5, "y", np.float32("nan"))),
    "objects": lambda: np.column_stack(list(COLUMNS.values())),
    "decimals": lambda: [[Decimal("1.5"), "x", 1], [None, math.nan, 0], [Decimal("2.5"), np.str_("y"), None]],
}


@pytest.mark.parametrize("name", HELD)
def test_text_and_missing_values(name: str) -> None:
    table = frame_table(HELD[name](), "x", is_new=True)
    assert table is not None
    assert cells(table) == EXPECTED
    is_frame = name.startswith(("p", "a batch"))
    assert table.names == (("a", "b", "c") if is_frame else None)
    assert table.kinds == ("number", "text", "number")
    assert table.text_places == {1: "row 0 (counted from 0): 'x'"}
    assert table.missing_places == {column: f"row {row} (counted from 0)" for column, row in enumerate((1, 1, 2))}


def test_numbers_alone_are_left_as_they_are() -> None:
    x = np.array([[1.0, np.nan]])
    for plain in (x, x.tolist(), pa.table({"a": [1.0, None]}), pa.table({"a": [1, 2], "b": [True, False]}), "text", 7):
        assert frame_table(plain, "x", is_new=True) is None
    assert frame_table(Pandas(a=np.arange(3), b=np.array([1.0, np.nan, 2.0])), "x", is_new=True) is None
    assert frame_table(Polars(a=np.arange(3), b=[True, False, True]), "x", is_new=True) is None


def test_numbers_beside_text_are_text() -> None:
    table = frame_table([["x"], [1], [2.0], [2.5], [True], [None]], "x", is_new=True)
    assert table is not None
    assert [row[0] for row in cells(table)] == ["x", "1", "2", "2.5", "True", None]


def test_the_dtype_holds_all_numbers() -> None:
    narrow, wide = np.array([0.1, 0.2], np.float32), np.array([2**24 + 1, 1])
    assert frame_table(Pandas(a=narrow, b=objects("x", "y")), "x", is_new=True).values.dtype == np.float32
    table = frame_table(Pandas(a=wide, b=objects("x", "y")), "x", is_new=True)
    assert (table.values.dtype, table.values[:, 0].tolist()) == (np.float64, [2**24 + 1, 1])


DATES = "remedies: numbers in its place (year, month, days since a day), or leave the column out"
DAY = dt.date(2024, 3, 1)
FINITE, NEITHER = "values must be finite", "values must be numbers or text"
X, XY = objects("x"), objects("x", "y")
REFUSED: dict[str, tuple[Any, str]] = {
    "dates": (Pandas(a=X, b=np.zeros(1, "M8[ns]")), f"column 'b' holds datetime64[ns] values; {DATES}"),
    "spans": (Polars(a=np.array([3], "m8[us]")), f"column 'a' holds timedelta64[us] values; {DATES}"),
    "dates of pyarrow": (pa.table({"a": [DAY]}), f"column 'a' holds datetime64[s] values; {DATES}"),
    "times of pyarrow": (pa.table({"a": [None, dt.time(3)]}), f"column 'a' holds datetime64[s] values; {DATES}"),
    "objects that are dates": (
        [[1, None], [2, DAY]],
        f"column 1 holds dates or times (row 1 (counted from 0): datetime.date(2024, 3, 1)); {DATES}",
    ),
    "texts that are dates": (
        pa.table({"a": [None, "2024-03-01"]}),
        f"column 'a' holds dates (row 1 (counted from 0): '2024-03-01'); {DATES}",
    ),
    "infinity": (Pandas(a=np.array([1, -np.inf]), b=XY), f"row 1, column 0 (counted from 0) is -inf; {FINITE}"),
    "infinity among objects": ([["x", 1.0], ["y", math.inf]], f"row 1, column 1 (counted from 0) is inf; {FINITE}"),
    "ragged": ([["x", None], ["y"]], "is ragged: row 0 has 2 values, row 1 (counted from 0) has 1 values"),
    "lists": (pa.table({"a": [[1.0], [2.0]]}), f"row 0, column 0 (counted from 0) is array([1.]); {NEITHER}"),
    "bytes": ([[b"x", None]], f"row 0, column 0 (counted from 0) is b'x'; {NEITHER}"),
    "bytes beside text": ([["x"], [b"x"]], f"row 1, column 0 (counted from 0) is b'x'; {NEITHER}"),
    "complex": (Pandas(a=X, b=np.array([1j])), "column 'b' holds complex128 values; allowed are integers, bools, …"),
    "a long text": ([["x" * 1001]], f"row 0, column 0 (counted from 0): '{'x' * 59}… is too long; allowed are 1000…"),
    "no rows": (pa.table({"a": pa.array([], "string")}), "is empty, shape (0, 1); at least one row and one column …"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    x, message = REFUSED[name]
    with pytest.raises(DataError) as caught:
        frame_table(x, "training x", is_new=True)
    assert agrees(str(caught.value).replace("training x: ", "").replace("training x ", ""), message), str(caught.value)


def test_dates_among_the_rows_to_predict_for() -> None:
    assert frame_table([["2024-03-01"]], "x", is_new=False) is not None


@pytest.mark.parametrize("name", HELD)
def test_trains_as_numbers_by_hand_do(name: str) -> None:
    y = ["p", "q", "p"]
    by_hand = [[1.5, 1.0, 1.0, 0.0], [2.0, 0.0, 1.0, 0.0], [2.5, 0.5, 0.0, 1.0]]  # medians, and the first of the texts
    config = {"epochs": 3, "network": {"layers": [3, 2]}, "optimizer": {"batch_size": 3}}
    trained = Trainer.from_config(config | {"data": {"transforms": [{"kind": "impute", "columns": "all"}, "one-hot"]}})
    run = trained.fit(HELD[name](), y)
    plain = Trainer.from_config(config).fit(by_hand, y)
    assert run.network.parameters.tobytes() == plain.network.parameters.tobytes()
    assert run.network.predict(HELD[name]()).tolist() == plain.network.predict(by_hand).tolist()


def test_the_place_of_a_text_is_that_of_the_first_among_numbers() -> None:
    table = frame_table([[1, 2.0], [None, "many"], [3, "few"]], "x", is_new=True)
    assert table is not None
    assert table.text_places == {1: "row 1 (counted from 0): 'many'"}
    config = {"epochs": 1, "network": {"layers": [2]}, "data": {"kind": "memory", "transforms": ["standard"]}}
    run = Trainer.from_config(config).fit([[0.0, 1.0], [1.0, 2.0]] * 5, ["a", "b"] * 5)
    with pytest.raises(
        DataError, match=r"holds text \(row 1 \(counted from 0\): 'many'\); in training it held numbers"
    ):
        run.network.predict([[1, 2.0], [1, "many"]])
