"""Targets in which each value says whether a label applies: rows of 0 and 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import modnet
from modnet import DataError, Trainer, load, save
from modnet.components.metrics import Accuracy, BinaryAccuracy
from modnet.core.interfaces import Task
from modnet.data.labels import Targets
from modnet.testing import check_component

RNG = np.random.default_rng(4)
X = RNG.normal(size=(200, 3))
Y = np.stack([X[:, 0] > 0, X[:, 1] > 0.3, X[:, 0] + X[:, 2] > 0], axis=1).astype(int)
CONFIG: dict[str, Any] = {
    "epochs": 30,
    "network": {"layers": [6, 3], "cost": "binary-cross-entropy"},
    "optimizer": {"rule": "adam", "learning_rate": 0.02},
}
SEVERAL = Task(3, classes=False, multi_label=True)


@pytest.mark.parametrize(
    ("y", "multi_label"),
    [
        (Y, True),
        (Y.astype(bool), True),
        (Y.astype(np.uint8), True),
        (Y.tolist(), True),
        ([tuple(row) for row in Y.tolist()], True),
        (Y[:, :1], True),
        (Y.astype(float), False),
        (Y + 1, False),
        (-Y, False),
        (np.where(np.arange(200)[:, None] == 199, 2, Y), False),
    ],
)
def test_integers_and_bools_that_are_all_0_or_1_are_labels(y: Any, multi_label: bool) -> None:
    targets = Targets.fit(y, 200, "y")
    assert (targets.multi_label, targets.classes) == (multi_label, None)
    assert targets.values.dtype == np.float64
    assert targets.values.tolist() == np.asarray(y, float).tolist()
    again = Targets.fit(targets.take(np.arange(5)).as_given(), 5, "y")
    assert again.multi_label is multi_label
    assert targets.astype(np.float32, "y").multi_label is multi_label


def test_one_column_of_0_and_1_stays_two_classes() -> None:
    assert Targets.fit(Y[:, 0], 200, "y").classes.tolist() == [0, 1]


def test_training_prediction_and_figures(tmp_path: Path) -> None:
    run = Trainer.from_config(CONFIG).fit(X[:150], Y[:150], test=(X[150:], Y[150:].astype(float)))
    outputs, labels = run.network.predict(X[150:]), run.network.classify(X[150:])
    assert labels.dtype == np.int64
    assert labels.tolist() == (outputs > 0.5).astype(int).tolist()
    # What scikit-learn's accuracy_score and Keras' binary_accuracy say.
    assert run.test["accuracy"] == np.mean([list(row) == list(true) for row, true in zip(labels, Y[150:], strict=True)])
    assert run.test["binary_accuracy"] == pytest.approx(np.mean(labels == Y[150:]), rel=1e-15)
    assert run.test["accuracy"] < run.test["binary_accuracy"]
    assert run.test["binary_accuracy"] > 0.85
    assert list(run.history[0])[2:5] == ["cost", "accuracy", "binary_accuracy"]
    save(run.network, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    assert loaded.multi_label is True
    assert loaded.classify(X).tolist() == run.network.classify(X).tolist()
    numbers = Trainer.from_config(CONFIG | {"epochs": 0}).fit(X, Y.astype(float))
    save(numbers.network, tmp_path / "numbers.safetensors")
    assert load(tmp_path / "numbers.safetensors").multi_label is False
    assert b"multi_label" not in (tmp_path / "numbers.safetensors").read_bytes()


def test_other_samples_must_have_labels_too() -> None:
    trainer = Trainer.from_config(CONFIG | {"epochs": 1})
    with pytest.raises(DataError) as caught:
        trainer.fit(X, Y, validation=(X[:4], [[0, 1, 0], [1, 0, 0], [0, 0, 2], [0, 0, 0]]))
    place, problem = "validation y: row 2, column 2 (counted from 0)", "is 2; labels are 0 or 1, as in training"
    assert str(caught.value) == f"{place} {problem} (where numbers are floats)"
    run = trainer.fit(X, Y.astype(float), validation=(X[:2], np.array([[0, 1, 0], [1, 0, 0]])))
    assert "validation_r2" in run.history[0]


def test_the_metrics_by_hand() -> None:
    a = np.array([[0.9, 0.1, 0.6], [0.4, 0.6, 0.2], [0.7, 0.2, 0.1], [0.2, 0.2, 0.2]])
    y = np.array([[1.0, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]])
    exact, share = Accuracy().for_task(SEVERAL), BinaryAccuracy().for_task(SEVERAL)
    assert exact.value(exact.partial(a, y, None)) == 3 / 4
    assert share.value(share.partial(a, y, None)) == 11 / 12
    weights = np.array([1.0, 2.0, 0.0, 1.0])
    assert exact.value(exact.partial(a, y, weights)) == 2 / 4
    assert share.value(share.partial(a, y, weights)) == 10 / 12
    assert (exact.label, exact.kind_name()) == ("accuracy", "accuracy")
    assert Accuracy().for_task(Task(3, classes=True)) == Accuracy()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task(3, classes=True), "the targets are one of several classes; allowed: accuracy, cost"),
        (Task(3, classes=False), "the targets are numbers; allowed: mean-squared-error, r2, cost"),
    ],
)
def test_binary_accuracy_refuses_other_targets(task: Task, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BinaryAccuracy().check(task)


def test_the_kit_takes_both() -> None:
    for metric in (Accuracy, BinaryAccuracy):
        report = check_component(metric)
        assert not report.failures, report.failures


def test_two_classes_with_one_output_have_a_binary_accuracy() -> None:
    config = CONFIG | {"network": {"layers": [4, 1]}, "metrics": ["accuracy", "binary-accuracy"]}
    run = Trainer.from_config(config).fit(X, Y[:, 0])
    assert run.history[-1]["accuracy"] == run.history[-1]["binary_accuracy"] > 0.9


def test_weights_and_a_validation_share() -> None:
    config = CONFIG | {"epochs": 2, "optimizer": {"kind": "batch", "learning_rate": 0.5}}
    counts = np.resize([2, 0, 1], 200)
    weighted = Trainer.from_config(config).fit(X, Y, counts)
    repeated = Trainer.from_config(config).fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0))
    np.testing.assert_allclose(weighted.network.parameters, repeated.network.parameters, rtol=1e-12, atol=1e-12)
    for name in ("accuracy", "binary_accuracy"):
        assert weighted.history[-1][name] == pytest.approx(repeated.history[-1][name], rel=1e-12)
    shared = Trainer.from_config(config | {"data": {"validation_share": 0.25}}).fit(X, Y)
    assert shared.samples["validation"].targets.multi_label
    with pytest.raises(modnet.ConfigError, match=r"data\.class_weight: the targets are not classes"):
        Trainer.from_config(config | {"data": {"class_weight": "balanced"}}).fit(X, Y)


def test_a_function_sees_labels() -> None:
    seen = []

    def exact(y: Any, predicted: Any) -> float:
        seen.append((y, predicted))
        return float(np.mean((y == predicted).all(axis=1)))

    config = CONFIG | {"epochs": 1}
    run = Trainer.from_config(config).fit(X, Y, validation=(X[:9], Y[:9]), metrics=[exact])
    assert run.history[0]["validation_exact"] == run.history[0]["validation_accuracy"]
    assert seen[0][0].tolist() == Y[:9].tolist()


def test_the_results_of_a_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=X[:150], y=Y[:150], x_test=X[150:], y_test=Y[150:])
    config = CONFIG | {"epochs": 3, "data": {"kind": "npz", "path": str(tmp_path / "data.npz")}}
    run = Trainer.from_config(config).fit(out=tmp_path / "run")
    found = modnet.results(tmp_path / "run")
    assert found.confusion is found.prediction_error is None
    wrong = np.flatnonzero((run.network.classify(X[150:]) != Y[150:]).any(axis=1))
    assert found.errors == len(wrong)
    assert found.predictions.metrics["accuracy"] == (50 - len(wrong)) / 50
    assert {mistake.sample for mistake in found.mistakes} <= set(wrong.tolist())
    assert found.mistakes[0].true == Y[150 + found.mistakes[0].sample].tolist()
    assert found.sentence.startswith("Reached test accuracy")
    assert found.mistakes_title.startswith(f"The worst {min(12, len(wrong))} of {len(wrong)} mistakes")
    report = modnet.report(tmp_path / "run", suggest=False)
    json.dumps(report.to_dict())
    assert modnet.dampening(tmp_path / "run", suggest=True).to_dict()
