"""Which columns a transform is applied to, where its results stand, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from components.tables import NAN, apply, fit, table, transformed
from numpy.typing import NDArray

from modnet import ColumnBlocks, ColumnChoice, ConfigError, Transform, TransformState, columns_field, load_config
from modnet.core.errors import DataError
from modnet.data.table import Table

MIXED = table(age=[20.0, 40.0, 60.0], city=["Rome", "Oslo", "Rome"], kilos=[1.0, 2.0, 4.0], size=["b", "a", "c"])


@pytest.mark.parametrize(
    ("transforms", "names"),
    [
        (["one-hot"], "age kilos city=Oslo city=Rome size=a size=b size=c"),
        (["ordinal"], "age city kilos size"),
        (["standard", "ordinal"], "age city kilos size"),
        ([{"kind": "one-hot", "columns": ["size"]}, "one-hot"], "age kilos size=a size=b size=c city=Oslo city=Rome"),
        ([{"kind": "one-hot", "columns": ["size", "city"]}], "age kilos size=a size=b size=c city=Oslo city=Rome"),
        ([{"kind": "one-hot", "columns": [1]}, {"kind": "ordinal", "columns": [3]}],
         "age kilos size city=Oslo city=Rome"),
        ([{"kind": "one-hot", "columns": "all"}],
         "age=20 age=40 age=60 city=Oslo city=Rome kilos=1 kilos=2 kilos=4 size=a size=b size=c"),
        ([{"kind": "one-hot", "columns": "number"}, "ordinal"],
         "city size age=20 age=40 age=60 kilos=1 kilos=2 kilos=4"),
        (["passthrough", "impute", "one-hot"], "age kilos city=Oslo city=Rome size=a size=b size=c"),
    ],
)  # fmt: skip
def test_where_the_results_stand(transforms: list[Any], names: str) -> None:
    fitted = fit(MIXED, *transforms)
    assert fitted.output_names == tuple(names.split())
    assert apply(fitted, MIXED).shape == (3, len(names.split()))
    assert fitted.sample_shape == (len(names.split()),)


def test_results_are_in_the_places_of_their_columns() -> None:
    expected = [[20.0, 1.0, 0.0, 1.0], [40.0, 0.0, 0.5, 0.0], [60.0, 1.0, 1.0, 2.0]]
    kilos = {"kind": "passthrough", "columns": ["kilos"]}, {"kind": "log", "columns": ["kilos"]}
    assert transformed(MIXED, kilos[0], "ordinal")[0] == [20.0, 1.0, 1.0, 1.0]
    found = np.array(transformed(MIXED, kilos[1], {"kind": "min-max", "columns": [2]}, "ordinal"))
    np.testing.assert_allclose(
        found, [[*row[:2], logarithm, row[3]] for row, logarithm in zip(expected, [0, 0.5, 1], strict=True)]
    )
    several = {"kind": "min-max", "columns": ["kilos", 0]}  # in the order that is given, which changes no place
    third = 1 / 3
    np.testing.assert_allclose(transformed(MIXED, several, "ordinal")[1], [0.5, 0.0, third, 0.0])


def test_transforms_are_applied_in_their_order() -> None:
    x = np.array([[1.0], [10.0], [100.0]])
    np.testing.assert_allclose(transformed(x, "log", "min-max"), [[0.0], [0.5], [1.0]], atol=1e-15)
    np.testing.assert_allclose(transformed(x, "min-max", {"kind": "log", "offset": 1.0})[2], np.log(2.0))
    gaps = table(a=[1.0, NAN, 3.0])
    assert transformed(gaps, {"kind": "impute", "strategy": "constant", "value": 8.0}, "min-max")[1] == [1.0]


def test_a_transform_is_fitted_to_what_those_before_it_give() -> None:
    fitted = fit(MIXED, "one-hot", {"kind": "standard", "columns": ["city=Rome"]})
    assert fitted.steps[1].state["shift"] == pytest.approx(2 / 3)
    later = fit(MIXED, "ordinal", "min-max")
    assert later.steps[1].columns == (0, 1, 2, 3)
    both = fit(table(a=[1.0, NAN], city=["x", None]), {"kind": "impute", "indicator": True}, "one-hot")
    assert both.output_names == ("city=x", "a", "a=missing")  # one column of text becomes one


def test_all_columns_in_another_order_keep_their_places() -> None:
    x = np.array([[1.0, 10.0], [3.0, 30.0], [2.0, 50.0]])
    assert transformed(x, {"kind": "min-max", "columns": [1, 0]}) == [[0.0, 0.0], [1.0, 0.5], [0.5, 1.0]]


def test_inverses_are_made_from_the_last_transform_to_the_first() -> None:
    x = np.array([[1.0, 10.0], [3.0, 30.0], [2.0, 50.0]])
    fitted = fit(x, "log", {"kind": "standard", "columns": [1]}, "min-max")
    np.testing.assert_allclose(fitted.inverse(apply(fitted, x)), x, rtol=1e-12)


class Words(Transform):
    """The first and the last word of each text."""

    kind: Literal["words"] = "words"
    takes: ClassVar[Literal["number", "text", "all"]] = "text"
    columns: ColumnChoice = columns_field("text")

    def fit(self, rows: ColumnBlocks) -> dict[str, NDArray[Any]]:
        del rows
        return {}

    def __call__(self, rows: NDArray[Any], state: TransformState) -> NDArray[Any]:
        del state
        words = [[word for text in row for word in (text.split()[0], text.split()[-1])] for row in rows.tolist()]
        return np.array(words, dtype=object).reshape(len(rows), 2 * rows.shape[1])

    def output_names(self, names: Sequence[str], state: TransformState) -> list[str]:
        del state
        return [f"{name} {end}" for name in names for end in ("first", "last")]


def test_text_may_become_more_columns_of_text() -> None:
    x = table(who=["Ada King", "Bob Kahn"], age=[1.0, 2.0])
    fitted = fit(x, Words(), {"kind": "one-hot", "columns": ["who last"]}, "ordinal")
    assert fitted.output_names == ("age", "who first", "who last=Kahn", "who last=King")
    assert apply(fitted, x).tolist() == [[1.0, 0.0, 0.0, 1.0], [2.0, 1.0, 1.0, 0.0]]


def test_the_callers_data_is_not_written_to() -> None:
    x = np.array([[1.0, NAN], [3.0, 4.0]])
    x.flags.writeable = False
    frozen = Table(x, ("a", "b"))
    for transforms in (["impute", "standard"], ["impute", "passthrough"], [{"kind": "impute", "columns": ["b"]}]):
        apply(fit(frozen, *transforms), frozen)
    assert np.array_equal(x, [[1.0, NAN], [3.0, 4.0]], equal_nan=True)


def test_a_table_with_fewer_columns() -> None:
    some = MIXED.select([3, 0])
    assert (some.names, some.kinds, some.shape) == (("size", "age"), ("text", "number"), (3, 2))
    assert some.row(1).tolist() == ["a", 40.0]
    assert some.text_places == {0: "line 2: 'b'"}
    assert transformed(some, "ordinal") == [[1.0, 20.0], [0.0, 40.0], [2.0, 60.0]]
    assert MIXED[1:].row(0).tolist() == [40.0, "Oslo", 2.0, "a"]
    assert table(city=["x", None]).row(1).tolist() == [None]


def test_texts_are_compared_by_what_they_say() -> None:
    fitted = fit(table(city=["Rome", "Oslo"]), "ordinal")
    assert apply(fitted, table(city=["Oslo", "Rome", "Rome"])).tolist() == [[0.0], [1.0], [1.0]]
    numbers = fit(table(code=["1", "2.5", "x"]), "ordinal")
    assert apply(numbers, table(code=[2.5, 1.0])).tolist() == [[1.0], [0.0]]  # a column without text, in other rows


ERRORS: list[tuple[Any, list[Any], str]] = [
    (table(a=[1.0, NAN], b=[1.0, 2.0]), ["standard"],
     ('x: line 3, column \'a\' is missing; standard (data.transforms.0) takes none: the transform "impute" '
     "(data.transforms) fills values in, and data.exclude leaves columns out")),
    (np.array([[1.0, 2.0], [3.0, NAN]]), ["min-max"], "x: row 1, column 1 (counted from 0) is missing; min-max"),
    (table(city=["x", None]), ["one-hot"], "x: line 3, column 'city' is missing; one-hot (data.transforms.0) takes"),
    (table(a=[1.0, NAN]), ["passthrough"], None),
    (MIXED, ["standard"], ("x: column 'city' holds text (line 2: 'Rome'); numbers are needed: "
     'data.transforms = ["one-hot"] makes numbers of it, data.exclude = ["city"] leaves it out')),
    (MIXED, [{"kind": "standard", "columns": "all"}],
     "x: data.transforms.0: standard takes numbers; column 'city' holds text (line 2: 'Rome')"),
    (MIXED, [{"kind": "log", "columns": [3]}],
     "x: data.transforms.0: log takes numbers; column 'size' holds text (line 2: 'b')"),
    (MIXED, ["ordinal", {"kind": "log", "columns": ["size"]}],
     ("x: log (data.transforms.1): row 1 (counted from 0), column 'size' is 0; "
     "the logarithm is taken of numbers above 0; `offset` moves that")),
    (np.array([[1.0], [-3.0]]), [{"kind": "log", "offset": 3.0}],
     "x: log (data.transforms.0): row 1, column 0 (counted from 0) is -3; the logarithm is taken of numbers above -3;"),
    (table(a=[NAN, NAN], b=[1.0, 2.0]), ["impute"],
     "x: impute (data.transforms.0): column 'a' has no values at all in the training rows"),
    (MIXED, [{"kind": "impute", "strategy": "constant", "value": 3.0}],
     "x: impute (data.transforms.0): column 'city' holds text, and value = 3 is a number; columns = "),
    (MIXED, [{"kind": "impute", "strategy": "constant", "value": "none"}],
     "x: impute (data.transforms.0): column 'age' holds numbers, and value = 'none' is text; columns = "),
    (MIXED, [{"kind": "ordinal", "columns": ["size"], "categories": ["a", "b"]}, "one-hot"],
     ("x: ordinal (data.transforms.0): row 2 (counted from 0), column 'size' is 'c', which is none of `categories`; "
     "known are 'a', 'b'")),
    (np.array([[1.0], [2.0]]), ["one-hot"], "data.transforms.0: one-hot: there are no columns of type text"),
    (table(city=["x", "y"]), ["standard", "one-hot"],
     "data.transforms.0: standard: there are no columns of type number"),
    (MIXED, [{"kind": "standard", "columns": ["Age"]}],
     "data.transforms.0.columns: there is no column 'Age'; the columns are 'age', "),
    (MIXED, ["one-hot", {"kind": "standard", "columns": ["city"]}],
     "data.transforms.1.columns: there is no column 'city'"),
    (MIXED, [{"kind": "standard", "columns": [4]}],
     ("data.transforms.0.columns: 4: there is no column of this number; columns are counted from 0, up to 3, and are "
     "those that are not replaced yet")),
    (MIXED, ["one-hot", {"kind": "standard", "columns": [1]}],
     "data.transforms.1.columns: 1: there is no column of this number"),
]  # fmt: skip


@pytest.mark.parametrize(("x", "transforms", "message"), ERRORS, ids=[str(index) for index in range(len(ERRORS))])
def test_errors_are_one_line_that_says_where(x: Any, transforms: list[Any], message: str | None) -> None:
    if message is None:
        fitted = fit(x, *transforms)
        message = "x: line 3, column 'a' is missing; the transform \"impute\""
        with pytest.raises(DataError) as caught:
            apply(fitted, x)
    else:
        with pytest.raises(ConfigError if message.startswith("data.") else DataError) as caught:
            apply(fit(x, *transforms), x)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_other_rows_are_refused_with_their_place() -> None:
    fitted = fit(table(a=[1.0, 2.0], city=["x", "y"]), "log", "one-hot")
    many = table(a=[*[1.0] * 5000, -2.0], city=["x"] * 5001)
    with pytest.raises(
        DataError, match=r"^x: log \(data.transforms.0\): row 5000 \(counted from 0\), column 'a' is -2;"
    ):
        apply(fitted, many)
    unknown = "column 'city' is 'z', which the training rows have not; known are 'x', 'y' "
    with pytest.raises(DataError, match=rf"^x: one-hot \(data.transforms.1\): row 1 \(counted from 0\), {unknown}"):
        apply(fitted, table(a=[1.0, 1.0], city=["x", "z"]))
    with pytest.raises(DataError, match=r"column 'a' holds text \(line 2: 'one'\); in training it held numbers"):
        apply(fitted, table(a=["one"], city=["x"]))


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({"kind": "standard", "columns": []}, "data.transforms.0.standard.columns"),
        ({"kind": "standard", "columns": ["a", "a"]}, "names a column twice"),
        ({"kind": "standard", "columns": [-1]}, "is no choice of columns; allowed: \"number\", \"text\", \"all\""),
        ({"kind": "standard", "columns": "age"}, "is no choice of columns; allowed"),
        ({"kind": "standard", "columns": [True]}, "is no choice of columns"),
        ({"kind": "impute", "value": 1.0}, 'strategy = "median": value is needed for "constant", and only there'),
        ({"kind": "impute", "strategy": "constant"}, 'strategy = "constant": value is needed for "constant"'),
        ({"kind": "ordinal", "categories": []}, "data.transforms.0.ordinal.categories"),
        ("onehot", "data.transforms.0: unknown transform 'onehot'; did you mean 'one-hot'?"),
        ("simple-imputer", "did you mean 'impute'?"),
    ],
)  # fmt: skip
def test_configurations_that_are_refused(transform: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"data": {"transforms": [transform]}})
    assert message.replace(".standard.", ".").replace(".ordinal.", ".") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_single_number_of_a_column_is_a_list_of_one() -> None:
    config = load_config({"data": {"transforms": [{"kind": "standard", "columns": 2}]}})
    assert config.data.transforms[0].columns == (2,)
