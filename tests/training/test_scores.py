"""Scores against scikit-learn's, and whether they say that a network has learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, r2_score

from modnet import Trainer
from modnet.training.problem import find_problem
from modnet.training.result import Run
from modnet.training.scores import ClassScores, Scores, score


def fit(x: Any, y: Any, layers: Any, weights: Any = None, **config: Any) -> Run:
    network = {"layers": layers, "cost": config.pop("cost", "quadratic")}
    return Trainer.from_config({"network": network, "epochs": 5, **config}).fit(x, y, weights)


def flowers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Iris with few of one kind, and weights."""
    x, y = load_iris(return_X_y=True)
    kept = np.flatnonzero((y != 2) | (np.arange(150) % 5 == 0))
    return (
        x[kept],
        np.array(["setosa", "versicolor", "virginica"])[y[kept]],
        rng.integers(0, 4, len(kept)).astype(float),
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
def test_scores_of_classes_are_those_of_scikit_learn(last: str, weighted: bool, rng: np.random.Generator) -> None:
    x, y, weights = flowers(rng)
    w = weights if weighted else None
    cost = "categorical-cross-entropy" if last == "softmax" else "quadratic"
    last_layer = {"kind": "dense", "units": 3, "activation": last}
    run = fit(x, y, [6, last_layer], w, cost=cost, optimizer={"learning_rate": 0.1})
    network = run.network
    network.chunk = 7  # several pieces
    scores, predicted = run.scores("train"), network.classify(x)
    assert scores.classes is not None
    assert scores.samples == 110
    assert scores.classes.accuracy == pytest.approx(accuracy_score(y, predicted, sample_weight=w))
    assert scores.classes.balanced_accuracy == pytest.approx(balanced_accuracy_score(y, predicted, sample_weight=w))
    adjusted = balanced_accuracy_score(y, predicted, sample_weight=w, adjusted=True)
    assert scores.classes.skill == pytest.approx(adjusted)
    dummy = DummyClassifier(strategy="most_frequent").fit(x, y, w)
    assert scores.classes.baseline == pytest.approx(dummy.score(x, y, w))
    assert network.classes is not None
    assert network.classes[scores.classes.largest] == dummy.predict(x[:1])[0]
    assert scores.cost == pytest.approx(run.evaluate("train")["cost"])
    if last == "softmax":  # the constant prediction is the classes' shares
        shares = DummyClassifier(strategy="prior").fit(x, y, w).predict_proba(x)
        assert scores.constant_cost == pytest.approx(log_loss(y, shares, sample_weight=w))


def test_scores_of_numbers(rng: np.random.Generator) -> None:
    x, y = load_diabetes(return_X_y=True)
    y, w = y / 100.0, rng.random(len(y))
    run = fit(x, y, [{"kind": "dense", "units": 1, "activation": "identity"}], w, optimizer={"learning_rate": 0.1})
    scores, a = run.scores("train"), run.network.predict(x)[:, 0]
    assert scores.classes is None
    assert scores.r2 == pytest.approx(r2_score(y, a, sample_weight=w))
    assert scores.constant_cost == pytest.approx(np.average((y - np.average(y, weights=w)) ** 2 / 2, weights=w))
    assert scores.explained == pytest.approx(scores.r2)  # of a squared error it is the same
    assert run.problem() is None


def test_two_classes_may_have_one_output(rng: np.random.Generator) -> None:
    x = rng.normal(size=(60, 2))
    y = x[:, 0] > 0.5
    run = fit(x, y, [1], cost="binary-cross-entropy", optimizer={"learning_rate": 1.0})
    classes, predicted = run.scores("train").classes, run.network.classify(x)
    assert classes is not None
    assert classes.balanced_accuracy == pytest.approx(balanced_accuracy_score(y, predicted))
    assert classes.skill == pytest.approx(balanced_accuracy_score(y, predicted, adjusted=True))


def test_by_how_much_guessing_differs_from_chance(rng: np.random.Generator) -> None:
    y = np.repeat([0, 1, 2], [30, 50, 20])
    guesses = rng.choice(3, (4000, 100), p=[0.5, 0.3, 0.2])
    spread = np.std([balanced_accuracy_score(y, guess, adjusted=True) for guess in guesses])
    true = np.array([30.0, 50.0, 20.0])
    classes = ClassScores.of(true, np.array([50.0, 30.0, 20.0]), true, 100)
    assert classes.skill_error == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize(
    ("counts", "uneven"),
    [
        ([50, 50, 50], False),
        ([59, 71, 48], False),  # scikit-learn's wine
        ([64, 36], True),
        ([60, 40], True),
        ([59, 41], False),
        ([44, 33, 23], True),  # 10.7 points above a third
        ([49, 49, 2], True),  # the largest is no larger than others, and one is hardly there
        ([8, 10, 10, 10, 10, 12, 10, 10, 10, 10], False),
        ([8, 10, 10, 10, 10, 16, 9, 9, 9, 9], True),  # more than 1.5 times a tenth
        ([0, 30, 30], True),
    ],
)
def test_which_classes_are_uneven(counts: list[int], uneven: bool) -> None:
    true = np.array(counts, float)
    classes = ClassScores.of(true, true, true, round(true.sum()))
    assert classes.uneven is uneven
    assert bool(classes.remark(None)) is uneven


def test_what_stands_beside_an_accuracy() -> None:
    true, predicted = np.array([352.0, 8.0]), np.array([360.0, 0.0])
    classes = ClassScores.of(np.array([352.0, 0.0]), predicted, true, 360)
    assert classes.remark(np.array(["no", "yes"])) == "balanced 50.00%; always answering 'no' would give 97.78%"
    assert (classes.answer, classes.skill) == (0, 0.0)
    assert ClassScores.of(true, true, true, round(true.sum())).answer is None


def of_classes(right: list[float], predicted: list[float], true: list[float], explained: float) -> Scores:
    classes = ClassScores.of(np.array(right), np.array(predicted), np.array(true), round(sum(true)))
    return Scores(round(sum(true)), 1.0 - explained, 1.0, classes)


LABELS = np.array(["no", "yes"])
NO_SKILL, SKILL = ([25.0, 25.0], [50.0, 50.0], [50.0, 50.0]), ([40.0, 40.0], [50.0, 50.0], [50.0, 50.0])


@pytest.mark.parametrize(
    ("scores", "kind"),
    [
        (of_classes(*NO_SKILL, 0.04), "nothing-learnt"),
        (of_classes(*NO_SKILL, 0.06), None),
        (of_classes(*SKILL, -3.0), None),  # overconfident, and right
        (of_classes(*NO_SKILL, float("nan")), "nothing-learnt"),
        (of_classes([3.0, 3.0], [5.0, 5.0], [5.0, 5.0], 0.0), "nothing-learnt"),  # 6 of 10, by chance
        (of_classes([97.0, 0.0], [100.0, 0.0], [97.0, 3.0], 0.2), None),  # three samples prove nothing
        (of_classes([95.0, 0.0], [100.0, 0.0], [95.0, 5.0], 0.2), "one-class"),
        (of_classes([0.0, 5.0], [0.0, 100.0], [95.0, 5.0], -9.0), "one-class"),
        (Scores(10, 0.99, 1.0, r2=0.01), "nothing-learnt"),
        (Scores(10, 0.99, 1.0, r2=0.5), None),  # by another cost than squares
        (Scores(10, -3.0, -1.0, r2=0.0), None),
        (Scores(10, 0.97, 1.0), "nothing-learnt"),  # several labels
    ],
)
def test_whether_a_network_has_learnt(scores: Scores, kind: str | None) -> None:
    problem = find_problem(scores, LABELS)
    assert (None if problem is None else problem.kind) == kind


def test_a_problem_in_words() -> None:
    one = find_problem(of_classes([0.0, 8.0], [0.0, 360.0], [352.0, 8.0], 0.0), LABELS, "test")
    assert one is not None
    assert one.text == "all 360 test samples are classified as 'yes', which 2.22% of them are"
    texts = {
        0.0: "that of the best constant prediction",
        0.042: "4.2% below that of the best constant prediction",
        -0.5: "50% above that of the best constant prediction",
        float("nan"): "not finite",
    }
    for explained, text in texts.items():
        problem = find_problem(of_classes(*NO_SKILL, explained), LABELS)
        assert problem is not None
        assert problem.text == f"nothing is learnt: on the 100 training samples the cost is {text}"
        by_heart = find_problem(of_classes(*NO_SKILL, explained), LABELS, "test")
        assert by_heart is not None
        assert by_heart.text == f"nothing is learnt that holds for the 100 test samples: their cost is {text}"


def test_a_run_says_balanced_accuracy_where_classes_are_uneven(rng: np.random.Generator) -> None:
    x, y, _ = flowers(rng)
    run = Trainer.from_config({"epochs": 1, "network": {"layers": [3]}}).fit(x, y, test=(x, y))
    classes = run.scores("test").classes
    assert classes is not None
    beside = f"(balanced {classes.balanced_accuracy:.2%}; always answering 'setosa' would give 45.45%)"
    assert f"test accuracy {run.test['accuracy']:.2%} {beside}" in repr(run)
    even = Trainer.from_config({"epochs": 1, "network": {"layers": [3]}}).fit(*load_iris(return_X_y=True))
    assert "balanced" not in repr(even)


def test_a_network_of_one_answer_has_not_learnt() -> None:
    """97.8 to 2.2: what an accuracy of 97.8 % may be."""
    x = np.zeros((900, 2))
    y = np.where(np.arange(900) % 45 == 0, "yes", "no")
    run = fit(x, y, [2], optimizer={"learning_rate": 0.1})
    problem = run.problem()
    assert run.history[-1]["accuracy"] > 0.97
    assert problem is not None
    assert problem.text == "all 900 training samples are classified as 'no', which 97.78% of them are"
    assert score(run.network, run.samples["train"]) == run.scores("train")


def test_that_all_are_classified_the_same_is_said_of_samples_not_of_their_weights() -> None:
    x, y = np.zeros((900, 2)), np.where(np.arange(900) % 45 == 0, "yes", "no")
    run = fit(x, y, [2], np.where(y == "yes", 22.0, 0.5), optimizer={"learning_rate": 0.1})  # 440 to 440
    problem, classes = run.problem(), run.scores("train").classes
    assert problem is not None
    assert classes is not None
    assert classes.baseline == 0.5
    assert problem.text in [
        f"all 900 training samples are classified as {label!r}, which {np.mean(y == label):.2%} of them are"
        for label in ("no", "yes")
    ]


def test_few_samples_of_others_prove_nothing_however_much_they_weigh() -> None:
    x, y = np.zeros((900, 2)), np.where(np.arange(900) < 4, "yes", "no")
    run = fit(x, y, [2], np.where(y == "yes", 100.0, 1.0), optimizer={"learning_rate": 0.1})
    problem = run.problem()
    assert problem is None or problem.kind == "nothing-learnt"
