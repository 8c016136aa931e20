"""Metrics against scikit-learn's functions of the same name, in one piece and in several, with weights and ties."""

from __future__ import annotations

import math
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

import modnet
from modnet import Trainer
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Metric, Task

SAMPLES = 60
TWO, ONE_OF_TWO, FOUR = Task(1, classes=True), Task(2, classes=True), Task(4, classes=True)
LABELS, NUMBERS = Task(3, classes=False, multi_label=True), Task(3, classes=False)
TWO_LABELS = Task(2, classes=False, multi_label=True)
CLASS_TASKS = [TWO, ONE_OF_TWO, FOUR]
MACRO: dict[str, Any] = {"average": "macro", "zero_division": 0}


def samples(task: Task, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outputs with ties, targets as a network sees them, and weights of which some are 0."""
    rng = np.random.default_rng(seed)
    a = rng.integers(1, 20, (SAMPLES, task.outputs)) / 20.0
    weights = rng.integers(0, 4, SAMPLES) * rng.choice([0.3, 1.0, 1.7], SAMPLES)
    if task.multi_label or task == TWO:
        return a, 1.0 * (rng.random(a.shape) < 0.4), weights
    if not task.classes:
        return 10.0 * a, 10.0 * a + rng.integers(-6, 6, a.shape) / 3.0, weights
    a += rng.random(a.shape) * rng.integers(0, 2, (SAMPLES, 1))
    codes = rng.choice(task.outputs, SAMPLES, p=np.arange(1.0, task.outputs + 1) / sum(range(task.outputs + 1)))
    return a / a.sum(axis=1, keepdims=True), np.eye(task.outputs)[codes], weights


def codes_of(values: np.ndarray) -> np.ndarray:
    return 1 * (values[:, 0] > 0.5) if values.shape[1] == 1 else values.argmax(axis=1)


def numbers_of(metric: Metric, task: Task, a: Any, y: Any, weights: Any, cuts: tuple[int, ...] = ()) -> Any:
    metric.check(task)
    metric = metric.for_task(task)
    rows = np.split(np.arange(len(a)), cuts)
    pieces = [metric.partial(a[row], y[row], None if weights is None else weights[row]) for row in rows]
    return metric.value(reduce(metric.merge, pieces))


def classified(function: Any) -> Any:
    """Return a function of classes, or of several labels, as one of targets and outputs."""

    def of(task: Task, y: Any, a: Any, weights: Any) -> Any:
        predicted, true = (1 * (a > 0.5), y) if task.multi_label else (codes_of(a), codes_of(y))
        return function(true, predicted, sample_weight=weights)

    return of


def ranked(function: Any, **several: Any) -> Any:
    def of(task: Task, y: Any, a: Any, weights: Any) -> Any:
        if task.multi_label:
            return function(y, a, average="macro", sample_weight=weights)
        outputs, options = (a[:, -1], {}) if task.outputs <= 2 else (a, several)
        return function(codes_of(y), outputs, sample_weight=weights, **options)

    return of


def of_probabilities(task: Task, y: Any, a: Any, weights: Any) -> Any:
    del task
    return sk.log_loss(codes_of(y), a if a.shape[1] > 1 else a[:, 0], sample_weight=weights)


def top_k(k: int) -> Any:
    return lambda _, y, a, weights: sk.top_k_accuracy_score(codes_of(y), a, k=k, sample_weight=weights)


def of_values(function: Any) -> Any:
    return lambda _, y, a, weights: function(y, a, sample_weight=weights)


BOTH = [*CLASS_TASKS, TWO_LABELS, LABELS]
CASES: list[tuple[str | dict[str, Any], Any, list[Task]]] = [
    ("precision", classified(partial(sk.precision_score, **MACRO)), BOTH),
    ("recall", classified(partial(sk.recall_score, **MACRO)), BOTH),
    ("f1", classified(partial(sk.f1_score, **MACRO)), BOTH),
    *(
        (
            {"kind": kind, "average": average},
            classified(partial(function, **MACRO | {"average": None if average == "none" else average})),
            BOTH,
        )
        for kind, function in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score))
        for average in ("weighted", "none")
    ),
    ("balanced-accuracy", classified(sk.balanced_accuracy_score), CLASS_TASKS),
    ("matthews-correlation", classified(sk.matthews_corrcoef), CLASS_TASKS),
    ("log-loss", of_probabilities, CLASS_TASKS),
    ("roc-auc", ranked(sk.roc_auc_score, multi_class="ovr"), BOTH),
    ("average-precision", ranked(sk.average_precision_score), BOTH),
    ("top-k-accuracy", top_k(2), [FOUR]),
    ({"kind": "top-k-accuracy", "k": 3}, top_k(3), [FOUR]),
    ({"kind": "top-k-accuracy", "k": 1}, top_k(1), [FOUR]),
    ("mean-absolute-error", of_values(sk.mean_absolute_error), [NUMBERS]),
    ("mean-squared-error", of_values(sk.mean_squared_error), [NUMBERS]),
    ("root-mean-squared-error", of_values(sk.root_mean_squared_error), [NUMBERS]),
    ("median-absolute-error", of_values(sk.median_absolute_error), [NUMBERS]),
    ("explained-variance", of_values(sk.explained_variance_score), [NUMBERS]),
    ("r2", of_values(sk.r2_score), [NUMBERS]),
]
EACH = [(config, function, task) for config, function, tasks in CASES for task in tasks]


@pytest.mark.parametrize(("config", "function", "task"), EACH, ids=[f"{config}-{task}" for config, _, task in EACH])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_a_metric_is_that_of_scikit_learn(config: Any, function: Any, task: Task, weighted: bool) -> None:
    metric = Metric.resolve(config)
    for seed in range(5):
        a, y, weights = samples(task, seed)
        given = weights if weighted else None
        expected = function(task, y, a, given)
        for cuts in ((),) if metric.needs_all_outputs else ((), (7, 30)):
            value = numbers_of(metric, task, a, y, given, cuts)
            if isinstance(value, dict):
                assert tuple(value) == metric.names(task)
                value = list(value.values())
            np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)


def test_a_class_that_a_part_lacks_counts_as_zero() -> None:
    a, y, _ = samples(FOUR, 7)
    a, y = a[y[:, 2] == 0], y[y[:, 2] == 0]
    for kind, function in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        expected = function(codes_of(y), codes_of(a), labels=range(4), **MACRO)
        assert numbers_of(Metric.resolve(kind), FOUR, a, y, None) == pytest.approx(expected, rel=1e-12)
    others = np.mean([sk.roc_auc_score(y[:, code], a[:, code]) for code in (0, 1, 3)])
    assert numbers_of(Metric.resolve("roc-auc"), FOUR, a, y, None) == pytest.approx(others, rel=1e-12)
    recall = sk.recall_score(codes_of(y), codes_of(a), labels=[0, 1, 3], average="macro", zero_division=0)
    assert numbers_of(Metric.resolve("balanced-accuracy"), FOUR, a, y, None) == pytest.approx(recall, rel=1e-12)
    precisions = [sk.average_precision_score(y[:, code], a[:, code]) for code in (0, 1, 3)]
    expected = pytest.approx(sum(precisions) / 4, rel=1e-12)
    assert numbers_of(Metric.resolve("average-precision"), FOUR, a, y, None) == expected


ONE_CLASS_ONLY = {
    "precision": (0.5, 0.25),
    "recall": (0.25, 0.125),
    "f1": (1 / 3, 1 / 6),
    "balanced-accuracy": (0.5, 0.5),
    "matthews-correlation": (0.0, 0.0),
    "roc-auc": (0.5, 0.5),
    "average-precision": (0.0, 0.25),
}


@pytest.mark.parametrize("kind", ONE_CLASS_ONLY)
def test_a_part_of_one_class_only_has_finite_numbers(kind: str) -> None:
    two, four = ONE_CLASS_ONLY[kind]
    metric, a, y = Metric.resolve(kind), np.array([[0.2], [0.8]]), np.zeros((2, 1))
    assert numbers_of(metric, TWO, a, y, None) == pytest.approx(two, rel=1e-12)
    a, y = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1]]), np.array([[1.0, 0, 0, 0]] * 2)
    assert numbers_of(metric, FOUR, a, y, None) == pytest.approx(four, rel=1e-12)


@pytest.mark.parametrize(
    "config", [config for config, _, _ in CASES if config not in ("mean-squared-error", "r2")], ids=str
)
def test_samples_without_weight_give_finite_numbers(config: Any) -> None:
    metric, task = Metric.resolve(config), next(tasks[-1] for other, _, tasks in CASES if other == config)
    a, y, weights = samples(task, 3)
    value = numbers_of(metric, task, a, y, 0.0 * weights)
    assert all(map(math.isfinite, value.values() if isinstance(value, dict) else [value]))


def test_what_is_right_throughout_is_exactly_one() -> None:
    codes = np.eye(3)[[0] * 4 + [1] * 5 + [2] * 13]
    for kind in ("precision", "recall", "f1", "balanced-accuracy", "matthews-correlation", "roc-auc"):
        assert numbers_of(Metric.resolve(kind), Task(3, classes=True), codes, codes, None) == 1.0


def test_outputs_that_are_no_probabilities_have_a_finite_log_loss() -> None:
    a, y = np.array([[-0.5, 1.5], [2.0, 0.0]]), np.eye(2)
    rounding = np.finfo(np.float64).eps
    expected = -(math.log(rounding) + math.log(rounding)) / 2
    assert numbers_of(Metric.resolve("log-loss"), ONE_OF_TWO, a, y, None) == pytest.approx(expected, rel=1e-12)
    single = numbers_of(Metric.resolve("log-loss"), ONE_OF_TWO, a.astype(np.float32), y, None)
    assert single == pytest.approx(-math.log(np.finfo(np.float32).eps), rel=1e-6)


@pytest.mark.parametrize(
    ("config", "task", "message"),
    [
        ("f1", NUMBERS, "f1 needs classes, and the targets are numbers; allowed: mean-squared-error, mean-abs"),
        ("roc-auc", NUMBERS, "roc-auc needs classes, and the targets are numbers; allowed: mean-squared-error, "),
        ("log-loss", LABELS, "log-loss needs one class for each sample, and the targets are labels; allowed: acc"),
        ("matthews-correlation", LABELS, "matthews-correlation needs one class for each sample, and the targets"),
        ("top-k-accuracy", TWO, "k = 2 of 2 classes would always give 1; allowed: from 1 to 1"),
        ({"kind": "top-k-accuracy", "k": 4}, FOUR, "k = 4 of 4 classes would always give 1; allowed: from 1 to 3"),
    ],
)
def test_a_task_that_has_no_such_metric_is_refused(config: Any, task: Task, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Metric.resolve(config).check(task)


X = np.random.default_rng(0).normal(size=(90, 3))
FROM_CLASSES = [
    "precision",
    {"kind": "precision", "average": "weighted"},
    {"kind": "f1", "average": "none"},
    "roc-auc",
    "average-precision",
    "log-loss",
    "balanced-accuracy",
]


@pytest.mark.parametrize("layers", [[4, 1], [4, 2]], ids=["one output", "two outputs"])
def test_a_training_of_two_classes_by_name(layers: list[int]) -> None:
    labels = np.where(X[:, 0] + X[:, 1] > 0.5, "yes", "no")
    stopping = {"kind": "early-stopping", "monitor": "validation_roc_auc", "patience": 1}
    layer = {"kind": "dense", "units": layers[1], "activation": "softmax" if layers[1] == 2 else "sigmoid"}
    config = {"epochs": 4, "network": {"layers": [4, layer]}, "metrics": FROM_CLASSES, "callbacks": [stopping]}
    run = Trainer.from_config(config).fit(
        X[:50], labels[:50], validation=(X[50:70], labels[50:70]), test=(X[70:], labels[70:])
    )
    true, predicted, outputs = labels[70:], run.network.classify(X[70:]), run.network.predict(X[70:])[:, -1]
    expected = {
        "precision": sk.precision_score(true, predicted, **MACRO),
        "precision_weighted": sk.precision_score(true, predicted, average="weighted", zero_division=0),
        "f1_class_0": sk.f1_score(true, predicted, pos_label="no", zero_division=0),
        "f1_class_1": sk.f1_score(true, predicted, pos_label="yes", zero_division=0),
        "roc_auc": sk.roc_auc_score(true, outputs),
        "average_precision": sk.average_precision_score(true, outputs, pos_label="yes"),
        "log_loss": sk.log_loss(true, outputs),
        "balanced_accuracy": sk.balanced_accuracy_score(true, predicted),
    }
    assert {name: value for name, value in run.test.items() if name != "cost"} == pytest.approx(expected, rel=1e-12)
    assert not {"roc_auc", "average_precision"} & {*run.history[0]}


def test_a_training_of_several_labels_and_of_numbers_by_name() -> None:
    y = 1 * (X > 0.3)
    config: dict[str, Any] = {"epochs": 1, "network": {"layers": [4, 3]}, "metrics": ["f1", "roc-auc"]}
    run = Trainer.from_config(config | {"metrics": ["f1", "roc-auc"]}).fit(X, y, test=(X, y))
    outputs = run.network.predict(X)
    assert run.test["f1"] == pytest.approx(sk.f1_score(y, 1 * (outputs > 0.5), **MACRO), rel=1e-12)
    assert run.test["roc_auc"] == pytest.approx(sk.roc_auc_score(y, outputs), rel=1e-12)
    errors = ["mean-absolute-error", "root-mean-squared-error", "median-absolute-error", "explained-variance"]
    stopping = {"kind": "early-stopping", "monitor": "validation_median_absolute_error", "patience": 1}
    config |= {"metrics": errors, "callbacks": [stopping]}
    run = Trainer.from_config(config).fit(X, X, validation=(X[:9], X[:9]), test=(X, X))
    assert run.test["median_absolute_error"] == sk.median_absolute_error(X, run.network.predict(X))
    assert list(run.test)[1:] == [kind.replace("-", "_") for kind in errors]


def test_top_k_is_named_by_k_and_refused_with_the_place() -> None:
    both = [{"kind": "top-k-accuracy", "k": k} for k in (1, 2)]
    codes = np.digitize(X[:, 0], [-0.5, 0.5])
    config: dict[str, Any] = {"epochs": 1, "network": {"layers": [4, 3]}, "metrics": ["accuracy", *both]}
    run = Trainer.from_config(config).fit(X, codes)
    assert [name for name in run.history[0] if name.endswith("accuracy")] == [
        "accuracy",
        "top_1_accuracy",
        "top_2_accuracy",
    ]
    config["metrics"].append({"kind": "top-k-accuracy", "k": 3})
    with pytest.raises(
        ConfigError, match=r"^metrics\.3: k = 3 of 3 classes would always give 1; allowed: from 1 to 2$"
    ):
        Trainer.from_config(config).fit(X, codes)


def test_every_picture_and_advice_of_a_run_goes_with_them(tmp_path: Path) -> None:
    config = {"epochs": 2, "network": {"layers": [4, 3]}, "metrics": [*FROM_CLASSES, "top-k-accuracy"]}
    codes = np.digitize(X[:, 0], [-0.5, 0.5])
    run = Trainer.from_config(config).fit(X, codes, test=(X[:30], codes[:30]), out=tmp_path / "run")
    assert modnet.dampening(run, suggest=True).to_dict()
    assert modnet.dampening(tmp_path / "run", data=modnet.Data((X, codes)), suggest=False).to_dict()
    found = modnet.results(tmp_path / "run")
    assert found.predictions.metrics == pytest.approx(run.test, rel=1e-12)
