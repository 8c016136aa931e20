"""Weights of samples: what is taken and what is refused, weights of classes, and weights in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modnet import ConfigError, DataError, RunConfig, Trainer, load_config
from modnet.core.interfaces import Dataset
from modnet.data.labels import Targets
from modnet.data.weights import as_weights, with_class_weights
from modnet.training.setup import split_data

X = np.random.default_rng(0).normal(size=(6, 2))
Y = np.array([0, 1, 0, 1, 0, 0])
SMALL: dict[str, Any] = {"epochs": 1, "network": {"layers": [2]}, "optimizer": "batch"}


@pytest.mark.parametrize(
    "given", [[1, 2, 0], (1.0, 2.0, 0.0), np.array([1, 2, 0], np.uint8), np.array([1, 2, 0], np.float32), [True, 2, 0]]
)
def test_weights_of_any_numeric_dtype(given: Any) -> None:
    weights = as_weights(given, 3, "w")
    assert weights.dtype == np.float64
    assert weights.tolist() == [1.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 1, -0.5, 1, 1, 1], "row 2 (counted from 0) is -0.5; weights are at least 0"),
        ([1, np.nan, 1, 1, 1, 1], "row 1, column 0 (counted from 0) is nan; values must be finite"),
        ([1, 1, np.inf, 1, 1, 1], "row 2, column 0 (counted from 0) is inf; values must be finite"),
        ([1.0] * 5, "has the shape (5,); one weight for each of the 6 samples is needed"),
        (np.ones((6, 1)), "has the shape (6, 1); one weight for each of the 6 samples is needed"),
        (2.0, "has the shape (); one weight for each of the 6 samples is needed"),
        ([0.0] * 6, "the sum of the weights is 0; a positive, finite sum is needed"),
        ([1e308] * 6, "the sum of the weights is inf; a positive, finite sum is needed"),
        (["a"] * 6, "row 0, column 0 (counted from 0) is 'a'; values must be numbers"),
        ([1, None, 1, 1, 1, 1], "row 1, column 0 (counted from 0) is None; values must be numbers"),
    ],
)
@pytest.mark.parametrize("part", ["training", "validation", "test"])
def test_what_is_no_weight_is_refused_in_one_line(given: Any, message: str, part: str) -> None:
    keywords = {"sample_weight": given} if part == "training" else {part: (X, Y, given)}
    with pytest.raises(DataError) as caught:
        Trainer.from_config(SMALL).fit(X, Y, **keywords)
    text = str(caught.value)
    assert text.startswith(f"{part} sample_weight")
    assert message in text
    assert "\n" not in text


def test_weights_without_x_and_triples_of_another_length() -> None:
    with pytest.raises(DataError, match="sample_weight, groups, validation and test need x"):
        Trainer.from_config(SMALL).fit(sample_weight=[1.0])
    with pytest.raises(DataError, match="x, y and sample_weight, got a tuple of length 4"):
        Trainer.from_config(SMALL).fit(X, Y, validation=(X, Y, None, None))  # type: ignore[arg-type] # the point


def class_weights(option: Any, y: Any, weights: Any = None) -> list[float]:
    dataset = Dataset.resolve({"kind": "digits", "class_weight": option})
    column = np.asarray(y)
    given = None if weights is None else np.asarray(weights, float)
    return with_class_weights(dataset.class_weight, Targets.fit(column, len(column), "y"), given).tolist()


def test_balanced_is_n_over_k_times_n_c() -> None:
    # By hand, and what scikit-learn's compute_class_weight("balanced", ...) gives: 6 / (2 · 4) and 6 / (2 · 2).
    assert class_weights("balanced", Y) == [0.75, 1.5, 0.75, 1.5, 0.75, 0.75]
    # 7 samples, of three classes with 1, 2 and 4.
    expected = {"a": 7 / 3, "b": 7 / 6, "c": 7 / 12}
    labels = list("cabccbc")
    assert class_weights("balanced", labels) == pytest.approx([expected[label] for label in labels], rel=1e-15)


def test_balanced_with_weights_is_of_the_repeated_samples() -> None:
    counts = [2, 1, 0, 3, 1, 1]  # class 0 four times, class 1 four times
    weighted = class_weights("balanced", Y, counts)
    repeated = class_weights("balanced", np.repeat(Y, counts))
    assert weighted == pytest.approx([2.0, 1.0, 0.0, 3.0, 1.0, 1.0], rel=1e-15)
    assert repeated == pytest.approx([1.0] * 8, rel=1e-15)


@pytest.mark.parametrize(
    ("table", "labels", "expected"),
    [
        ({"cat": 3, "dog": 0.5}, ["dog", "cat", "cow"], [0.5, 3.0, 1.0]),
        ({0: 2.0}, [1, 0], [1.0, 2.0]),
        ({"0": 2.0}, [1, 0], [1.0, 2.0]),
        ({"True": 4.0}, [True, False], [4.0, 1.0]),
        ({"007": 2.0}, ["7", "007", "+7"], [1.0, 2.0, 1.0]),
    ],
)
def test_a_table_by_label(table: Any, labels: Any, expected: Any) -> None:
    assert class_weights(table, labels) == expected
    assert class_weights(table, labels, range(len(labels))) == [i * w for i, w in enumerate(expected)]


@pytest.mark.parametrize(
    ("option", "y", "message"),
    [
        ({"2": 1.0}, Y, "data.class_weight: '2' is not a label; the labels are '0', '1'"),
        ("balanced", [0.5, 1.5, 2.5, 3, 4, 5], "data.class_weight: the targets are not classes"),
        ({"a": -1.0}, Y, "data.class_weight: a: -1.0 should be a finite number from 0"),
        ({"a": float("nan")}, Y, "data.class_weight: a: nan should be a finite number from 0"),
        ({"a": "heavy"}, Y, "data.class_weight: a: 'heavy' should be a finite number from 0"),
        ("heavy", Y, "data.class_weight: 'heavy' should be \"balanced\", or a table with a weight for each label"),
        ({}, Y, 'data.class_weight: {} should be "balanced", or a table'),
        ({7: 1.0, "7": 2.0}, Y, "data.class_weight: {7: 1.0, '7': 2.0} has two labels that are the same as text"),
        ({"1": 2.0}, [1, "1", 1, "1", 1, "1"], "data.class_weight: '1' is the text of two labels"),
    ],
)
def test_what_is_no_weight_of_classes_is_refused(option: Any, y: Any, message: str) -> None:
    config = SMALL | {"data": {"class_weight": option}, "network": {"layers": [2 if len(set(y)) == 2 else 1]}}
    with pytest.raises(ConfigError) as caught:
        Trainer.from_config(config).fit(X, y)
    text = str(caught.value)
    assert "\n" not in text
    assert message in text


def test_classes_that_weigh_nothing_together_are_refused() -> None:
    config = SMALL | {"data": {"class_weight": {"0": 0, "1": 0}}}
    with pytest.raises(DataError, match=r"^training sample_weight: the sum of the weights is 0"):
        Trainer.from_config(config).fit(X, Y)


def test_they_are_of_the_training_samples_that_are_left_alone() -> None:
    y = np.arange(40) % 5 == 0
    config = SMALL | {"data": {"class_weight": "balanced", "validation_share": 0.5}}
    run = Trainer.from_config(config).fit(np.arange(40.0)[:, None], y, test=(X[:, :1], Y == 1))
    assert run.samples["train"].weights is not None
    labels = run.samples["train"].labels
    n, ones = len(labels), int(np.count_nonzero(labels))
    expected = np.where(labels == 1, n / (2 * ones), n / (2 * (n - ones)))
    np.testing.assert_allclose(run.samples["train"].weights, expected, rtol=1e-15)
    assert run.samples["validation"].weights is run.samples["test"].weights is None
    rates = np.where(labels == 1, 1 / ones, 1 / (n - ones)) / 2
    costs = run.network.cost(run.network.forward(run.samples["train"].x), np.eye(2)[labels])
    assert run.evaluate("train")["cost"] == pytest.approx(float(rates @ costs), rel=1e-13)


def test_the_table_is_kept_in_the_configuration(tmp_path: Path) -> None:
    config = load_config({"data": {"kind": "digits", "class_weight": {3: 2, "4": 0.5}}})
    assert config.to_config()["data"]["class_weight"] == {"3": 2.0, "4": 0.5}
    (tmp_path / "again.toml").write_text(config.to_toml(), encoding="utf-8")
    again = load_config(tmp_path / "again.toml")
    assert again == config
    assert hash(again.data) == hash(config.data)
    assert load_config(config, ["data.class_weight=balanced"]).data.class_weight == "balanced"
    assert "class_weight" not in load_config(None).to_config()["data"]


def parts_of(table: dict[str, Any]) -> dict[str, Any]:
    config = RunConfig.model_validate({"data": table})
    return split_data(config, config.data.load())


def test_a_column_of_weights(tmp_path: Path) -> None:
    path, held_out = tmp_path / "train.csv", tmp_path / "held-out.csv"
    path.write_text("a,w,b,y\n1,2,3,yes\n4,0.5,6,no\n7,0,9,yes\n")
    held_out.write_text("b,a,y\n3,1,yes\n")
    table = {"kind": "csv", "path": str(path), "target": "y", "weight": "w"}
    parts = parts_of(table | {"validation_path": str(held_out), "test_path": str(path)})
    rows, _, weights, *_ = parts["train"]
    assert rows.tolist() == [[1, 3], [4, 6], [7, 9]]
    assert weights.tolist() == [2.0, 0.5, 0.0]
    assert parts["validation"][0].tolist() == [[1, 3]]
    assert parts["validation"][2] is None
    assert parts["test"][2].tolist() == [2.0, 0.5, 0.0]
    run = Trainer.from_config(SMALL | {"data": table}).fit()
    assert run.network.features == ("a", "b")


@pytest.mark.parametrize(
    ("text", "weight", "message"),
    [
        ("a,w,y\n1,1,0\n2,-3,1\n", "w", "line 3, column 'w': -3; a weight of at least 0 is expected"),
        ("a,w,y\n1,1,0\n2,heavy,1\n", "w", "line 3, column 'w': 'heavy'; a finite number is expected"),
        ("a,w,y\n1,nan,0\n2,1,1\n", "w", "line 2, column 'w': 'nan'; a finite number is expected"),
        ("a,w,y\n1,0,0\n2,0,1\n", "w", "training sample_weight: the sum of the weights is 0"),
        ("a,w,y\n1,1,0\n2,1,1\n", "v", "no column 'v', which is to hold the weights; the columns are 'a', 'w', 'y'"),
        ("a,w,y\n1,1,0\n2,1,1\n", "y", "column 'y' cannot be both target and weight"),
        ("w,y\n1,0\n2,1\n", "w", "no column besides 'y' and 'w'; at least one feature is needed"),
    ],
)
def test_a_bad_column_of_weights_is_refused(tmp_path: Path, text: str, weight: str, message: str) -> None:
    path = tmp_path / "train.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        parts_of({"kind": "csv", "path": str(path), "target": "y", "weight": weight})
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_an_array_of_weights(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    arrays = {"x": X, "y": Y, "mass": np.arange(6), "x_test": X, "y_test": Y, "x_validation": X, "y_validation": Y}
    np.savez(path, **arrays, mass_validation=np.ones(6))
    parts = parts_of({"kind": "npz", "path": str(path), "weight": "mass"})
    assert parts["train"][2].tolist() == [0, 1, 2, 3, 4, 5]
    assert parts["validation"][2].tolist() == [1.0] * 6
    assert parts["test"][2] is None
    assert parts_of({"kind": "npz", "path": str(path)})["train"][2] is None
    with pytest.raises(DataError, match="no array 'heft'; the arrays in it are"):
        parts_of({"kind": "npz", "path": str(path), "weight": "heft"})
    np.savez(path, x=X, y=Y, mass=-np.arange(6))
    with pytest.raises(DataError, match=r"data\.npz: training sample_weight: row 1 .* is -1\.0; weights are"):
        parts_of({"kind": "npz", "path": str(path), "weight": "mass"})
