"""Whatever callers hold their samples in: it trains as plain arrays do, or one line says what is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.holding import ALLOWED, AWAY, MASK, MASKED, NAMES, NOT_FINITE, TEXT, X, Y, agrees, fit

from modnet import ModnetError


class Frame:
    """What a frame or a series of pandas offers: ``__array__`` beside ``to_numpy``."""

    def __init__(self, values: Any, dtypes: Any = ()) -> None:
        self._values = np.asanyarray(values)
        self.columns = [f"c{number}" for number in range(self._values.shape[-1])]
        self.dtypes = dtypes

    def __len__(self) -> int:
        return len(self._values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._values

    def to_numpy(self) -> np.ndarray:
        return self._values


class Exporting:
    """What has ``to_numpy`` alone."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def to_numpy(self) -> Any:
        return self._values


class Sparse:
    """What the matrices of SciPy do: no length, and no array without a call."""

    def __len__(self) -> int:
        raise TypeError("sparse array length is ambiguous")

    def toarray(self) -> np.ndarray:
        return X


class Dates:
    """The type of a polars column of dates."""

    def is_temporal(self) -> bool:
        return True

    def __repr__(self) -> str:
        return "Date"


def on_disk(array: np.ndarray, path: Path) -> np.ndarray:
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def spread(array: np.ndarray) -> np.ndarray:
    """The same values, apart from each other in memory."""
    return np.repeat(np.repeat(array, 2, axis=0), 3, axis=-1)[::2, ::3] if array.ndim > 1 else np.repeat(array, 2)[::2]


def masked_cells(x: np.ndarray, mask: np.ndarray) -> list[list[Any]]:
    pairs = zip(x.tolist(), mask.tolist(), strict=True)
    return [[np.ma.masked if hidden else value for value, hidden in zip(*pair, strict=True)] for pair in pairs]


def locked(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


RIGHT: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "lists": lambda array, _: array.tolist(),
    "tuple of arrays": lambda array, _: tuple(array),
    "columns first": lambda array, _: np.asfortranarray(array),
    "not contiguous": lambda array, _: spread(array),
    "negative strides": lambda array, _: array[::-1].copy()[::-1],
    "big-endian": lambda array, _: array.astype(array.dtype.newbyteorder(">")),
    "read-only": lambda array, _: locked(array),
    "mapped": lambda array, path: on_disk(array, path / "a.npy"),
    "objects": lambda array, _: array.astype(object),
    "masked array without a mask": lambda array, _: np.ma.masked_array(array),
    "masked array with nothing masked": lambda array, _: np.ma.masked_array(array, mask=np.zeros(array.shape, bool)),
    "frame": lambda array, _: Frame(array),
    "frame of objects": lambda array, _: Frame(array.astype(object)),
    "to_numpy": lambda array, _: Exporting(array),
    "memoryview": lambda array, _: memoryview(array),
    "subclass": lambda array, _: array.view(np.recarray),
}


@pytest.mark.parametrize("name", RIGHT)
def test_trains_as_plain_arrays_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "x").mkdir()
    held_x, held_y = RIGHT[name](X, tmp_path / "x"), RIGHT[name](Y, tmp_path)
    plain, run = fit(X, Y), fit(held_x, held_y)
    assert run.network.parameters.tobytes() == plain.network.parameters.tobytes()
    assert run.network.classes is not None
    assert run.network.classes.tolist() == [0, 1]
    assert (run.network.predict(held_x) == plain.network.predict(X)).all()


@pytest.mark.parametrize(
    ("x", "same"),
    [
        (X.astype(np.float32), X),
        (X.astype(np.float16), X),
        (X.astype(np.longdouble), X),
        ((8 * X).astype(np.int8), 8 * X),
        ((8 * X).astype(np.int64).tolist(), 8 * X),
        (X > 0, 1.0 * (X > 0)),
        ([[Decimal(value) for value in row] for row in X.tolist()], X),
    ],
)
def test_types_of_numbers(x: Any, same: np.ndarray) -> None:
    assert fit(x, Y).network.parameters.tobytes() == fit(same, Y).network.parameters.tobytes()


@pytest.mark.parametrize(
    "y",
    [
        TEXT,
        TEXT.tolist(),
        TEXT.astype(">U3"),
        TEXT.astype(object),
        TEXT.astype(np.dtypes.StringDType()),
        Frame(TEXT.astype(object)),
        np.ma.masked_array(TEXT),
        dict(enumerate(TEXT.tolist())).values(),
    ],
)
def test_labels_of_text(y: Any) -> None:
    run = fit(X, y)
    assert run.network.parameters.tobytes() == fit(X, Y).network.parameters.tobytes()
    assert run.network.classify(X).tolist() == [NAMES[code] for code in np.argmax(run.network.predict(X), axis=1)]


WRONG_X: dict[str, tuple[Any, str]] = {
    "no samples": (X[:0], "training x is empty, shape (0, 3); at…"),
    "no features": (X[:, :0], "training x is empty, shape (12, 0); at least one row and one column are needed"),
    "one dimension": (X[:, 0], "training x expects samples × features, got shape (12,)"),
    "three dimensions": (X.reshape(12, 3, 1), "network.layers.0: …"),
    "a number": (1.5, "training x expects samples × features, got one value of type float"),
    "a number of NumPy": (np.float32(1.5), "training x expects samples × features, got one value of type float32"),
    "text": ("x.csv", "training x expects samples × features, got one value of type str"),
    "a set": ({1, 2}, "training x expects samples × features, got one value of type set"),
    "a dict": ({"a": X}, "training x expects samples × features, got one value of type dict"),
    "a generator": ((row for row in X), "training x expects samples × features, got one value of type generator"),
    "sparse": (Sparse(), "training x is sparse, a Sparse; allowed are CSR, as its tocsr() gives, and dense arrays"),
    "ragged": (
        [*X.tolist()[:-1], [1.0]],
        "training x is ragged: row 0 has 3 values, row 11 (counted from 0) has 1 values",
    ),
    "ragged arrays": (
        [X[0], X[1, :2]],
        "training x is ragged: row 0 has 3 values, row 1 (counted from 0) has 2 values",
    ),
    "a row that is none": ([[1.0], None], "training x is ragged: row 0 has 1 values, row 1 (counted from 0) has n…"),
    "complex": (X * 1j, f"training x holds complex128 values; {ALLOWED}"),
    "dates": (X.astype("M8[D]"), f"training x holds datetime64[D] values; {ALLOWED}"),
    "spans of time": (X.astype("m8[s]"), f"training x holds timedelta64[s] values; {ALLOWED}"),
    "raw bytes": (X.view("V8"), f"training x holds |V8 values; {ALLOWED}"),
    "a structure": (np.zeros(12, [("a", "f8")]), "training x expects samples × features, got shape (12,)"),
    "numbers as text": (
        X.astype(str),
        "training x: row 0, column 0 (counted from 0) is '0.625'; values must be numbers",
    ),
    "a cell of text": ([[1.0, 2.0], [3.0, "?"]], "training x: row 1, column 1 (counted from 0) is '?'; values mus…"),
    "a cell that is none": (
        Frame([[1.0, 2.0], [3.0, None]]),
        "training x: row 1, column 1 (counted from 0) is None; values must be numbers",
    ),
    "a date among objects": (
        [[1.0, 2.0], [3.0, dt.date(2026, 1, 1)]],
        "training x: row 1, column 1 (counted from 0) is datetime.date(2026, 1, 1); values must be numbers",
    ),
    "a column of dates that turn into numbers": (
        Frame(X, [np.dtype(float), Dates(), np.dtype(float)]),
        f"training x: column 'c1' holds Date values; {ALLOWED}",
    ),
    "nan": (AWAY, NOT_FINITE),
    "nan among objects": (AWAY.astype(object), NOT_FINITE),
    "infinity": (np.where(MASK, -np.inf, X), NOT_FINITE.replace("nan", "-inf")),
    "an integer beyond floats": ([[1, 10**400]], "training x: row 0, column 1 (counted from 0) is 1000000…"),
    "a mask": (np.ma.masked_array(X, MASK), MASKED),
    "a mask, columns first": (np.ma.masked_array(np.asfortranarray(X), MASK), MASKED),
    "a frame with a mask": (Frame(np.ma.masked_array(X, MASK)), MASKED),
    "to_numpy with a mask": (Exporting(np.ma.masked_array(X, MASK)), MASKED),
    "a masked cell": (masked_cells(X, MASK), "training x is not an array: Warning: converting a masked…"),
    "rows with masks": ([np.ma.masked_array(*pair) for pair in zip(X, MASK, strict=True)], MASKED),
}  # fmt: skip


WRONG_Y: dict[str, tuple[Any, str]] = {
    "nothing": (None, "y is required where x is given: class labels (samples,) or targets (samples, outputs)"),
    "no labels": ([], "training y has 0 samples, x has 12"),
    "too few": (Y[:11], "training y has 11 samples, x has 12"),
    "on their side": (Y[None, :], "training y has 1 samples, x has 12"),
    "one class": (np.zeros(12, int), "training y has one class, 0; at least two are needed"),
    "three classes for two units": (
        np.arange(12) % 3,
        "network.layers.0: the output layer has 2 units, the data has 3 classes; allowed: 3",
    ),
    "floats for two units": (
        1.0 * Y,
        "network.layers.0: the output layer has 2 units, the targets have 1 output; allowed: 1; floats are …",
    ),
    "text": ("no yes", "training y expects labels or targets, got one value of type str"),
    "a set": (set(range(12)), "training y expects labels or targets, got one value of type set"),
    "a dict": (dict(enumerate(Y)), "training y expects labels or targets, got one value of type dict"),
    "a generator": ((label for label in Y), "training y expects labels or targets, got one value of type generator"),
    "sparse": (Sparse(), "training y is sparse, a Sparse; allowed are dense arrays, as its toarray() gives"),
    "three dimensions": (Y.reshape(12, 1, 1), "training y expects labels (samples,) or targets (samples, outputs)…"),
    "complex": (Y * 1j, "training y holds complex128 values; allowed are integers, bools, text and floats"),
    "a structure": (np.zeros(12, [("a", "i4")]), "training y holds [('a', '<i4')] values; allowed are integers, b…"),
    "ragged": (
        [[0, 1], [1], *[[0, 1]] * 10],
        "training y is ragged: row 0 has 2 values, row 1 (counted from 0) has 1 values",
    ),
    "text in a column": (
        TEXT[:, None],
        f"training y: class labels are expected in one dimension, ({len(TEXT)},), got ({len(TEXT)}, 1)",
    ),
    "text in columns": (
        np.stack([TEXT, TEXT], axis=1),
        "training y: row 0, column 0 (counted from 0) is 'no'; values must be numbers",
    ),
    "none": ([None, *Y[1:].tolist()], "training y: row 0 (counted from 0) is None, which cannot be a label"),
    "nan among text": ([*TEXT[:-1], np.nan], "training y: row 11 (counted from 0) is nan, which cannot be a label"),
    "nan": (np.where(Y, np.nan, 0.0), "training y: row 1, column 0 (counted from 0) is nan; values must be finite"),
    "no date": (np.array(["NaT", *["2026"] * 11], "M8[D]"), "training y: row 0 (counted from 0) is NaT, which can…"),
    "lists as labels": ([{}, *Y[1:].tolist()], "training y: row 0 (counted from 0) is {}, which cannot be a label"),
    "a mask": (
        np.ma.masked_array(Y, MASK[:, 1]),
        "training y: row 5 (counted from 0) is masked; every value is needed",
    ),
    "a masked label": (
        [0, np.ma.masked, *Y[2:].tolist()],
        "training y: row 1 (counted from 0) is masked; every value is needed",
    ),
    "rows with masks": (
        [np.ma.masked_array(row, hidden) for row, hidden in zip(X, MASK, strict=True)],
        MASKED.replace(" x:", " y:"),
    ),
}  # fmt: skip

TRAINED = fit(X, TEXT).network
LATER: dict[str, tuple[Callable[[], Any], str]] = {
    "too few features": (lambda: TRAINED.predict(X[:, :2]), "x: layer 1 expects 3 inputs, got 2"),
    "too many features": (lambda: TRAINED.classify(np.hstack([X, X])), "x: layer 1 expects 3 inputs, got 6"),
    "one sample, no list": (lambda: TRAINED.predict(X[0]), "x expects samples × features, got shape (3,)"),
    "no samples": (
        lambda: TRAINED.predict(X[:0]),
        "x is empty, shape (0, 3); at least one row and one column are needed",
    ),
    "nan": (lambda: TRAINED.predict(AWAY), NOT_FINITE.removeprefix("training ")),
    "a mask": (lambda: TRAINED.predict(np.ma.masked_array(X, MASK)), MASKED.removeprefix("training ")),
    "rows with masks": (
        lambda: TRAINED.classify([np.ma.masked_array(X[0], True)]),
        "x: row 0, column 0 (counted from 0) is masked; every value is needed",
    ),
    "validation of other features": (
        lambda: fit(X, Y, validation=(X[:, :2], Y)),
        "validation x: layer 1 expects 3 inputs, got 2",
    ),
    "a label out of range": (
        lambda: fit(X, Y, validation=(X, Y + 1)),
        "validation y: row 1 (counted from 0) is 2, unseen in training; the labels there are 0, 1",
    ),
    "a label of another type": (
        lambda: fit(X, Y, test=(X, Y.astype(str))),
        "test y: row 0 (counted from 0) is '0', unseen in training; the labels there are 0, 1",
    ),
    "validation without labels": (
        lambda: fit(X, Y, validation=X),
        "validation: expects a pair of x and y, or x, y and sample_weight, got a ndarray of length 12",
    ),
    "validation with more than weights": (
        lambda: fit(X, Y, validation=(X, Y, Y, Y)),
        "validation: expects a pair of x and y, or x, y and sample_weight, got a tuple of length 4",
    ),
    "numbers beside labels": (
        lambda: fit(X, Y, test=(X, np.eye(2)[Y])),
        "test y expects class labels, shape (12,), as in training; got (12, 2)",
    ),
}
CASES = (
    {f"x: {name}": (partial(fit, x, Y), message) for name, (x, message) in WRONG_X.items()}
    | {f"y: {name}": (partial(fit, X, y), message) for name, (y, message) in WRONG_Y.items()}
    | {f"later: {name}": case for name, case in LATER.items()}
)


@pytest.mark.parametrize("name", CASES)
def test_one_line_says_what_is_wrong(name: str) -> None:
    attempt, expected = CASES[name]
    with pytest.raises(ModnetError) as caught:
        attempt()
    assert agrees(str(caught.value), expected)


def test_columns_of_frames_go_by_name() -> None:
    frame, turned, lacking, twice = Frame(X), Frame(X[:, ::-1]), Frame(X), Frame(np.hstack([X[:, :1], X]))
    turned.columns = frame.columns[::-1]
    lacking.columns = ["other", *frame.columns[1:]]
    twice.columns = [frame.columns[0], *frame.columns]
    run = fit(frame, Y)
    assert run.network.features == tuple(frame.columns)
    expected = run.network.predict(X)
    assert run.network.predict(turned).tobytes() == expected.tobytes() == run.network.predict(frame).tobytes()
    wider = Frame(np.hstack([X[:, :1], X]))
    wider.columns = ["more", *frame.columns]
    assert run.network.predict(wider).tobytes() == expected.tobytes()
    again = fit(frame, Y, validation=(turned, Y))
    assert again.history[-1]["validation_cost"] == fit(X, Y, validation=(X, Y)).history[-1]["validation_cost"]
    for invalid, message in ((lacking, "there is no column 'c0'"), (twice, "there is more than one column 'c0'")):
        with pytest.raises(
            ModnetError, match=f"^x: {message}; the columns are .*, and were 'c0', 'c1', 'c2' in training$"
        ):
            run.network.predict(invalid)
    with pytest.raises(ModnetError, match=r"^validation x: there is no column 'c0'"):
        fit(frame, Y, validation=(lacking, Y))
