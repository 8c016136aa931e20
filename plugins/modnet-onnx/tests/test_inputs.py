"""What enters a model and what leaves it: matrices, columns, text, missing values; labels, probabilities, numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnxruntime
import pytest
from exporting import CLOSE, DTYPES, assert_same, dense, exported, network, operators, run, trained

from modnet import Network
from modnet.core import registry
from modnet_onnx import ExportError, to_onnx

RNG = np.random.default_rng(11)
COUNT = 120
CITIES = np.array(["Rome", "Oslo", "Bonn"], dtype=object)
CITY = CITIES[RNG.integers(3, size=COUNT)]
SIZE = np.exp(RNG.standard_normal(COUNT) + 3.0)
ROOMS = RNG.integers(1, 5, COUNT).astype(float)
PRICE = SIZE * 3.0 + ROOMS * 20.0 + np.where(CITY == "Oslo", 50.0, 0.0) + 1.0
TABLE = np.array(list(zip(CITY, SIZE, ROOMS, strict=True)), dtype=object)
NUMBERS = np.stack([SIZE, ROOMS, RNG.standard_normal(COUNT) * 100.0 + 1e4], axis=1)

TRANSFORMS: dict[str, list[tuple[Any, list[dict[str, Any]]]]] = {
    "standard": [(NUMBERS, [{}]), (NUMBERS, [{"columns": [1]}]), (NUMBERS, [{"columns": [2, 0]}])],
    "min-max": [(NUMBERS, [{}])],
    "robust": [(NUMBERS, [{"columns": [0, 2]}])],
    "log": [(NUMBERS[:, :2], [{}]), (NUMBERS[:, :2], [{"offset": 1.0}]), (NUMBERS[:, :2], [{"offset": 0.5}])],
    "passthrough": [(NUMBERS, [{}]), (TABLE, [{}, {"kind": "one-hot"}, {"kind": "standard"}])],
    "impute": [
        (np.where(np.arange(COUNT * 3).reshape(COUNT, 3) % 7 == 3, np.nan, NUMBERS), [{}, {"kind": "standard"}]),
        (np.where(np.arange(COUNT * 3).reshape(COUNT, 3) % 5 == 1, np.nan, NUMBERS), [{"indicator": True}]),
        (np.where(np.arange(COUNT * 3).reshape(COUNT, 3) % 7 == 0, None, TABLE), [{}, {"kind": "one-hot"}]),
        (
            np.where(np.arange(COUNT * 3).reshape(COUNT, 3) % 7 == 0, None, TABLE),
            [
                {"strategy": "constant", "value": "?", "columns": [0]},
                {"strategy": "mean", "columns": "number", "kind": "impute"},
                {"kind": "one-hot"},
                {"kind": "min-max", "columns": [1]},
            ],
        ),
    ],
    "one-hot": [(TABLE, [{}]), (TABLE, [{"columns": [0, 2]}, {"kind": "standard"}]), (NUMBERS, [{"columns": [1]}])],
    "ordinal": [
        (TABLE, [{}]),
        (TABLE, [{"columns": [0], "categories": ["Oslo", "Bonn", "Rome"]}, {"kind": "standard"}]),
        (NUMBERS, [{"columns": [1], "unknown": "ignore"}, {"kind": "standard", "columns": [0, 2]}]),
    ],
}
"""Kind → raw rows and transforms, of which the first is of this kind."""


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", registry.active().kinds("transform"))
def test_transforms(kind: str, dtype: str) -> None:
    assert registry.active().is_builtin("transform", kind)
    for x, transforms in TRANSFORMS[kind]:
        steps = [{"kind": kind, **transforms[0]}, *transforms[1:]]
        made = trained(x, (PRICE > 100).astype(int), [dense(4), dense(2, "softmax")], steps, dtype=dtype)
        assert_same(made, x)


def test_a_matrix_of_numbers_and_its_columns() -> None:
    made = trained(NUMBERS, PRICE, [dense(1, "identity")], ["standard"], dtype="float32")
    model = to_onnx(made)
    (only,) = model.graph.input
    assert only.name == "x"
    assert operators(model) == {"Sub": 1, "Mul": 1, "Cast": 1, "MatMul": 1, "Add": 1}
    made.features = ("size", "rooms", 7)
    columns = to_onnx(made, inputs="columns")
    assert [each.name for each in columns.graph.input] == ["size", "rooms", "7"]
    given = {name: NUMBERS[:, [index]] for index, name in enumerate(["size", "rooms", "7"])}
    np.testing.assert_array_equal(run(columns, given)["predictions"], run(model, {"x": NUMBERS})["predictions"])
    plain = network([dense(2)], 3, "float32")
    found = run(to_onnx(plain, inputs="columns"), {f"column_{i}": NUMBERS[:, [i]].astype(np.float32) for i in range(3)})
    assert np.max(np.abs(found["predictions"] - plain.predict(NUMBERS))) <= CLOSE["float32"]


def test_types_and_shapes_are_stated() -> None:
    made = trained(TABLE, CITY, [dense(3, "softmax")], ["one-hot", "min-max"], dtype="float32")
    session = onnxruntime.InferenceSession(to_onnx(made).SerializeToString())
    assert [(each.name, each.type, each.shape) for each in session.get_inputs()] == [
        ("column_0", "tensor(string)", ["N", 1]),
        ("column_1", "tensor(double)", ["N", 1]),
        ("column_2", "tensor(double)", ["N", 1]),
    ]
    assert [(each.name, each.type, each.shape) for each in session.get_outputs()] == [
        ("label", "tensor(string)", ["N"]),
        ("probabilities", "tensor(float)", ["N", 3]),
    ]


def test_missing_and_unknown_cells() -> None:
    rows = TABLE.copy()
    rows[::9, 0] = None
    rows[::7, 1] = np.nan
    steps = [{"kind": "impute"}, {"kind": "one-hot"}, "standard"]
    made = trained(rows, PRICE, [dense(1, "identity")], steps, data={"target_transform": "log"})
    found = exported(made, rows)["predictions"]
    assert np.max(np.abs(found - made.predict(rows))) <= 1e-12 * np.max(np.abs(found))
    model = to_onnx(made)
    one = {"column_0": np.array([["Rome"]], dtype=object), "column_1": np.array([[3.0]]), "column_2": np.array([[2.0]])}
    assert run(model, one | {"column_0": np.array([[""]], dtype=object)})["predictions"] == pytest.approx(
        made.predict([[None, 3.0, 2.0]]), rel=1e-12
    )
    assert run(model, one | {"column_1": np.array([[np.nan]])})["predictions"] == pytest.approx(
        made.predict([["Rome", None, 2.0]]), rel=1e-12
    )
    with pytest.raises(Exception, match="out of data bounds"):  # a row that predict refuses
        run(model, one | {"column_0": np.array([["Paris"]], dtype=object)})


@pytest.mark.parametrize("kind", ["one-hot", "ordinal"])
def test_unknown_text_that_is_ignored(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    steps = [{"kind": kind, "unknown": "ignore", "columns": [0, 2]}]
    made = trained(TABLE, PRICE > 100, [dense(3), dense(1, "sigmoid")], steps, cost="binary-cross-entropy")
    rows = TABLE[:30].copy()
    rows[::3, 0] = "Paris"
    rows[::4, 2] = 2.5
    assert_same(made, rows)
    assert "'Paris'" in caplog.text


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes", "maybe"]), np.array([3, 1, 2]), np.array([0.5, 1.5, 2.5]),
        np.array(["α", "größe 3", ""]), np.array([False, True]),
    ],
    ids=["text", "integers", "floats", "odd text", "booleans"],
)  # fmt: skip
def test_classes(labels: np.ndarray) -> None:
    options = {"fit": {"classes": labels}} if labels.dtype.kind == "f" else {}
    made = trained(
        NUMBERS, labels[np.arange(COUNT) % len(labels)], [dense(len(labels), "softmax")], ["standard"], **options
    )
    found = assert_same(made, NUMBERS)
    assert set(found) == {"label", "probabilities"}
    assert found["label"].shape == (COUNT,)
    assert json.loads(properties(made)["classes"]) == made.classes.tolist()


def properties(made: Network) -> dict[str, str]:
    return {each.key: each.value for each in to_onnx(made).metadata_props}


def test_two_classes_of_one_output_and_outputs_that_are_no_probabilities() -> None:
    y = np.where(np.median(PRICE) < PRICE, "much", "little")
    made = trained(NUMBERS, y, [dense(1, "sigmoid")], ["standard"], cost="binary-cross-entropy", epochs=5)
    found = assert_same(made, NUMBERS)
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1.0, rtol=1e-15)
    assert set(found["label"].tolist()) == {"much", "little"}
    for layers in ([dense(2, "sigmoid")], [dense(2, "identity")]):
        assert set(assert_same(trained(NUMBERS, y, layers, ["standard"]), NUMBERS)) == {"label", "outputs"}


def test_one_class_alone() -> None:
    made = trained(NUMBERS, ["same"] * COUNT, [dense(1, "sigmoid")], ["standard"], fit={"classes": ["same"]})
    assert exported(made, NUMBERS)["label"].tolist() == ["same"] * COUNT


def test_several_labels() -> None:
    y = np.stack([PRICE > 100, ROOMS > 2, CITY == "Oslo"], axis=1)
    made = trained(TABLE, y, [dense(3, "sigmoid")], ["one-hot", "standard"], cost="binary-cross-entropy")
    assert made.multi_label
    found = assert_same(made, TABLE)
    assert set(found) == {"label", "probabilities"}
    assert found["label"].shape == (COUNT, 3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("transform", ["log", "standard", "min-max", "robust", {"kind": "log", "offset": 1.0}])
@pytest.mark.parametrize("cost", ["quadratic", "gaussian-nll", "quantile"])
def test_predictions_are_in_the_units_of_the_targets(cost: str, transform: Any, dtype: str) -> None:
    y = np.stack([PRICE, 1e-3 * SIZE], axis=1)
    units = {"quadratic": 2, "gaussian-nll": 4, "quantile": 6}[cost]
    made = trained(NUMBERS, y, [dense(6), dense(units, "identity")], ["standard"], cost=cost, dtype=dtype,
                   data={"target_transform": transform}, optimizer={"learning_rate": 0.01})  # fmt: skip
    found = assert_same(made, NUMBERS)
    assert found["predictions"].shape == (COUNT, 2)


def test_a_column_that_is_called_as_an_output() -> None:
    made = trained(TABLE, CITY, [dense(3, "softmax")], ["one-hot"])
    made.features = ("city", "label", "rooms")
    made.preprocessing = made.preprocessing and type(made.preprocessing)(
        **{**vars(made.preprocessing), "names": made.features}
    )
    model = to_onnx(made)
    assert [each.name for each in model.graph.output] == ["output_label", "output_probabilities"]
    assert {each.key for each in model.metadata_props} >= {"output_prefix"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("matrix", "inputs: a matrix holds no text, as the columns 'city' do; allowed: columns"),
        ("rows", "inputs: 'rows' is unknown; allowed: auto, matrix, columns"),
    ],
)
def test_inputs_that_are_not_possible(inputs: Any, message: str) -> None:
    made = trained(TABLE, CITY, [dense(3, "softmax")], ["one-hot"])
    made.features = ("city", "size", "rooms")
    with pytest.raises(ExportError, match=message):
        to_onnx(made, inputs=inputs)


def test_classes_of_several_types() -> None:
    made = network([dense(2, "softmax")])
    made.classes = np.array(["a", 1], dtype=object)
    with pytest.raises(ExportError, match="classes: 'a', 1 are of several types; a model has labels of one"):
        to_onnx(made)


def test_metadata() -> None:
    made = network([dense(2, "softmax")], 2)
    made.features = ("größe", "b")
    model = to_onnx(made, metadata={"who": "me"})
    facts = {each.key: each.value for each in model.metadata_props}
    assert facts.keys() == {"modnet_version", "parameters_sha256", "features", "who"}
    assert json.loads(facts["features"]) == ["größe", "b"]
    assert (model.producer_name, model.opset_import[0].version) == ("modnet-onnx", 21)
