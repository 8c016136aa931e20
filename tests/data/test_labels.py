from __future__ import annotations

import enum
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modnet.core.errors import DataError
from modnet.data.labels import Targets
from modnet.data.validation import BLOCK


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("y", "classes", "dtype", "codes"),
    [
        ([3, 1, 3], [1, 3], np.int64, [1, 0, 1]),
        (range(2), [0, 1], np.int64, [0, 1]),
        (np.array([3, 1, 3], np.uint8), [1, 3], np.uint8, [1, 0, 1]),
        (np.array([3, 1, 3], ">i4"), [1, 3], np.int32, [1, 0, 1]),
        (np.array([3, 1, 3], object), [1, 3], np.int64, [1, 0, 1]),
        (list(np.array([3, 1, 3])), [1, 3], np.int64, [1, 0, 1]),
        ([True, False], [False, True], bool, [1, 0]),
        (np.array([True, False]), [False, True], bool, [1, 0]),
        (("cat", "ant"), ["ant", "cat"], np.dtype("<U3"), [1, 0]),
        (np.array(["cat", "ant"], object), ["ant", "cat"], np.dtype("<U3"), [1, 0]),
        (np.array([b"cat", b"ant"]), [b"ant", b"cat"], np.dtype("S3"), [1, 0]),
        (["a\0", "a"], ["a", "a\0"], object, [1, 0]),
        ([2**70, 1], [1, 2**70], object, [1, 0]),
        (["1", 1, "1"], ["1", 1], object, [0, 1, 0]),
        ([True, 1, 2], [True, 1, 2], object, [0, 1, 2]),
        ([Colour.RED, Colour.BLUE], [Colour.RED, Colour.BLUE], object, [0, 1]),
        ([("a", 1), ("a",)], [("a",), ("a", 1)], object, [1, 0]),
        ([("b", 1), ("a", 1)], [("a", 1), ("b", 1)], object, [1, 0]),
        ([Fraction(n, 9) for n in (4, 7, 1)], [Fraction(n, 9) for n in (1, 4, 7)], object, [1, 2, 0]),
    ],
)
def test_labels(y: Any, classes: list[Any], dtype: Any, codes: list[int]) -> None:
    targets = Targets.fit(y, len(y), "training y")
    assert targets.values is None
    assert targets.classes is not None
    assert targets.codes is not None
    assert targets.codes.dtype == np.uint8
    assert targets.classes.dtype == dtype
    assert [(type(a), a) for a in targets.classes.tolist()] == [(type(a), a) for a in classes]
    assert targets.codes.tolist() == codes
    assert targets.classes[targets.codes].tolist() == list(y)
    assert len(targets) == len(y)


@pytest.mark.parametrize(
    ("y", "values"),
    [
        ([1.0, 2.0], [[1.0], [2.0]]),
        ([1, 2.5], [[1.0], [2.5]]),
        (np.array([1, 2], np.float32), [[1.0], [2.0]]),
        (np.array([1.5, 2], object), [[1.5], [2.0]]),
        ([[1, 0], [0, 1]], [[1.0, 0.0], [0.0, 1.0]]),
        ([(0, 1), (1, 0)], [[0.0, 1.0], [1.0, 0.0]]),
        ([np.array([1, 0]), np.array([0, 1])], [[1.0, 0.0], [0.0, 1.0]]),
        (np.array([[True], [False]]), [[1.0], [0.0]]),
    ],
)
def test_numbers(y: Any, values: list[list[float]]) -> None:
    targets = Targets.fit(y, 2, "training y")
    assert targets.classes is None
    assert targets.codes is None
    assert targets.values is not None
    assert targets.values.tolist() == values
    assert targets.width == len(values[0])
    assert targets.take(np.array([1])).batch(slice(None), np.float32).tolist() == values[1:]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([], "training y has 0 samples, x has 3"),
        ([1, 2], "training y has 2 samples, x has 3"),
        ("abc", "training y expects labels or targets, got one value of type str"),
        ({"a", "b", "c"}, "training y expects labels or targets, got one value of type set"),
        (5, "training y expects labels or targets, got one value of type int"),
        (["x", "x", "x"], "training y has one class, 'x'; at least two are needed"),
        ([7, 7, 7], "training y has one class, 7; at least two are needed"),
        (
            np.zeros((3, 2, 2)),
            "training y expects labels (samples,) or targets (samples, outputs), got shape (3, 2, 2)",
        ),
        ([1.0, np.nan, 2], "training y: row 1, column 0 (counted from 0) is nan; values must be finite"),
        (
            [[1, 0], [0, np.inf], [1, 1]],
            "training y: row 1, column 1 (counted from 0) is inf; values must be finite",
        ),
        (["a", float("nan"), "b"], "training y: row 1 (counted from 0) is nan, which cannot be a label"),
        (["a", None, "b"], "training y: row 1 (counted from 0) is None, which cannot be a label"),
        (["a", {}, "b"], "training y: row 1 (counted from 0) is {}, which cannot be a label"),
        (
            np.array(["1999", "NaT", "2001"], "M8[Y]"),
            "training y: row 1 (counted from 0) is NaT, which cannot be a label",
        ),
        (
            [[1, 2], [3], [4, 5]],
            "training y is ragged: row 0 has 2 values, row 1 (counted from 0) has 1 values",
        ),
        (
            [["a"], ["b"], ["a"]],
            "training y: class labels are expected in one dimension, (3,), got (3, 1)",
        ),
        (
            np.zeros(3, complex),
            "training y holds complex128 values; allowed are integers, bools, text and floats",
        ),
        (
            [0.5, 1, 10**400],
            f"training y: row 2, column 0 (counted from 0) is 1{'0' * 59}…; values must be numbers",
        ),
    ],
)
def test_fit_refuses(y: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        Targets.fit(y, 3, "training y")
    assert str(caught.value) == message


def test_transform_uses_the_classes_of_training() -> None:
    classes = Targets.fit(["b", "a", "c"], 3, "training y").classes
    targets = Targets.transform(np.array(["c", "c", "b"], object), 3, "validation y", classes, 3)
    assert targets.classes is classes
    assert targets.codes is not None
    assert targets.codes.tolist() == [2, 2, 1]
    assert Targets.transform([1.0, 0.0], 2, "y", np.array([0, 1]), 2).codes.tolist() == [1, 0]  # type: ignore[union-attr]
    assert Targets.transform(["a"], 1, "y", np.array(["a", "b"], object), 2).codes.tolist() == [0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        (
            ["a", "z", "y"],
            np.array(["a", "b"]),
            "test y: row 1 (counted from 0) is 'z', unseen in training; the labels there are 'a', 'b'",
        ),
        (
            [1, 2, 99],
            np.arange(12),
            (
                "test y: row 2 (counted from 0) is 99, unseen in training; "
                "the labels there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … (12 in all)"
            ),
        ),
        (
            ["1", "0", "1"],
            np.array([0, 1]),
            "test y: row 0 (counted from 0) is '1', unseen in training; the labels there are 0, 1",
        ),
        (
            [True, True, False],
            np.array([0, 1]),
            "test y: row 0 (counted from 0) is True, unseen in training; the labels there are 0, 1",
        ),
        (
            [[1, 0]] * 3,
            np.array([0, 1]),
            "test y expects class labels, shape (3,), as in training; got (3, 2)",
        ),
        (
            [0.0, np.nan, 1.0],
            np.array([0, 1]),
            "test y: row 1 (counted from 0) is nan, which cannot be a label",
        ),
        (["a", "b", "c"], None, "test y: row 0, column 0 (counted from 0) is 'a'; values must be numbers"),
        ([1.0, 2.0, 3.0], None, "test y has 1 outputs a sample, the training has 2"),
        ([1, 2], None, "test y has 2 samples, x has 3"),
    ],
)
def test_transform_refuses(y: Any, classes: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        Targets.transform(y, 3, "test y", classes, 2)
    assert str(caught.value) == message


def test_transform_converts_integers_to_numbers() -> None:
    values = Targets.transform([1, 2], 2, "y", None, 1).values
    assert values is not None
    assert values.tolist() == [[1.0], [2.0]]
    assert Targets.transform(["b"], 1, "y", np.array(["a", "b"]), 2).codes is not None  # one class is enough here


@pytest.mark.parametrize("count", [2, 3, 1024, 1025])
@pytest.mark.parametrize("selection", [slice(1, 4), np.array([4, 0, 0])])
def test_rows_are_one_hot(count: int, selection: Any) -> None:
    codes = np.arange(count).repeat(2)[:: max(count // 3, 1)]
    codes = np.resize(np.concatenate([codes, [count - 1]]), 6)
    rows = Targets(classes=np.arange(count), codes=codes).batch(selection, np.float32)
    assert rows.dtype == np.float32
    assert rows.shape == (3, count)
    assert (rows == (codes[selection][:, None] == np.arange(count))).all()


def test_two_classes_and_one_output_make_a_column() -> None:
    targets = Targets.fit(["no", "yes", "no"], 3, "y")
    assert targets.batch(slice(None), np.float64, 1).tolist() == [[0.0], [1.0], [0.0]]
    assert targets.batch(slice(None), np.float64, 2).tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


def test_rows_cannot_spoil_the_next_ones() -> None:
    targets = Targets.fit([0, 1, 2], 3, "y")
    targets.batch(slice(None), np.float64)[:] = 7.0
    assert targets.batch(slice(None), np.float64).tolist() == np.eye(3).tolist()


@pytest.mark.parametrize(
    "y",
    [
        np.arange(2 * BLOCK + 7) // 3,
        np.random.default_rng(0).integers(-300, 300, 3 * BLOCK).astype(">i2"),
        np.random.default_rng(1).integers(0, 2, BLOCK + 1) > 0,
        np.random.default_rng(2).integers(0, 10**6, 2 * BLOCK).astype(str),
        np.random.default_rng(3).integers(0, 300, 2 * BLOCK).astype("M8[D]"),
        np.resize(np.arange(256), BLOCK + 256)[::-1],
        np.resize(np.arange(257), 3 * BLOCK)[::2],
    ],
)
def test_labels_of_many_blocks(y: np.ndarray) -> None:
    """NumPy encodes the whole column at once."""
    classes, codes = np.unique(y, return_inverse=True)
    targets = Targets.fit(y, len(y), "y")
    assert targets.classes is not None
    assert targets.codes is not None
    assert targets.classes.tolist() == classes.tolist()
    assert (targets.classes.dtype, targets.classes.dtype.isnative) == (y.dtype.newbyteorder("="), True)
    assert (targets.codes == codes).all()
    assert targets.codes.dtype == (np.uint8 if len(classes) <= 256 else np.uint16)
    later = Targets.transform(y[BLOCK:], len(y) - BLOCK, "y", targets.classes, 0)
    assert (later.codes == codes[BLOCK:]).all()


def test_a_missing_label_and_an_unseen_one_beyond_the_first_block() -> None:
    days = np.arange(2 * BLOCK).astype("M8[D]")
    days[BLOCK + 5] = "NaT"
    with pytest.raises(DataError, match=rf"^y: row {BLOCK + 5} \(counted from 0\) is NaT"):
        Targets.fit(days, len(days), "y")
    codes = np.zeros(2 * BLOCK, int)
    codes[BLOCK + 6 :] = 8
    with pytest.raises(DataError, match=rf"^y: row {BLOCK + 6} \(counted from 0\) is 8, unseen"):
        Targets.transform(codes, len(codes), "y", np.array([0, 7]), 2)


@pytest.mark.parametrize("kind", ["i8", ">i4", "u1", "U6"])
def test_a_label_costs_little_memory(kind: str) -> None:
    """A byte is kept for each sample, and another one on the way, whatever the labels are made of."""

    def peak(samples: int) -> int:
        y = np.resize(np.arange(10), samples).astype(kind)
        tracemalloc.start()
        try:
            Targets.transform(y, samples, "y", Targets.fit(y, samples, "y").classes, 10)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(60 * BLOCK) - peak(10 * BLOCK) < 3 * 50 * BLOCK


LABELS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=2), st.tuples(st.integers()))


@given(st.lists(st.one_of(LABELS, st.lists(LABELS, max_size=2))))
def test_anything_is_understood_or_a_data_error(y: list[Any]) -> None:
    try:
        targets = Targets.fit(y, len(y), "training y")
    except DataError as error:
        message = str(error)
        assert "\n" not in message
    else:
        assert len(targets) == len(y)
        if targets.classes is not None:
            assert targets.classes[targets.codes].tolist() == y
            again = Targets.transform(y, len(y), "y", targets.classes, 0)
            assert (again.codes == targets.codes).all()
