"""Metrics against scikit-learn's functions of the same name, in one piece and in several, with weights and ties."""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from modnet.core.interfaces import Metric, Task

SAMPLES = 60
TWO, ONE_OF_TWO, FOUR = Task(1, classes=True), Task(2, classes=True), Task(4, classes=True)
LABELS, NUMBERS = Task(3, classes=False, multi_label=True), Task(3, classes=False)
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
    return 1 * (values[:, 0] >= 0.5) if values.shape[1] == 1 else values.argmax(axis=1)


def numbers_of(metric: Metric, task: Task, a: Any, y: Any, weights: Any, cuts: tuple[int, ...] = ()) -> Any:
    metric.check(task)
    metric = metric.for_task(task)
    rows = np.split(np.arange(len(a)), cuts)
    pieces = [metric.partial(a[row], y[row], None if weights is None else weights[row]) for row in rows]
    return metric.value(reduce(metric.merge, pieces))


def classified(function: Any) -> Any:
    """Return a function of classes, or of several labels, as one of targets and outputs."""

    def of(task: Task, y: Any, a: Any, weights: Any) -> Any:
        predicted, true = (1 * (a >= 0.5), y) if task.multi_label else (codes_of(a), codes_of(y))
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


BOTH = [*CLASS_TASKS, LABELS]
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
