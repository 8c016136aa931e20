"""Metrics of several names, and metrics that need all outputs at once."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from modnet import Interrupted, Trainer
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Callback, Metric
from modnet.core.plugins.hookspecs import hookimpl
from modnet.testing import check_component
from modnet.testing.case import temporarily_registered


class RankArea(Metric):
    """The area under the ROC curve: how often a positive sample is above a negative one (Hanley and McNeil, 1982)."""

    kind: Literal["rank-area"] = "rank-area"
    needs_all_outputs: ClassVar[bool] = True

    def check(self, task: Any) -> None:
        if not task.classes or task.outputs != 1:
            raise ValueError("needs two classes and one output")

    def partial(self, a: Any, y: Any, weights: Any) -> Any:
        weights = np.ones(len(a)) if weights is None else weights
        positive = y[:, 0] > 0.5
        pairs = np.outer(weights[positive], weights[~positive])
        higher = a[positive] > a[~positive].T
        even = a[positive] == a[~positive].T
        return np.array([np.sum(pairs * (higher + 0.5 * even)), np.sum(pairs)])

    def value(self, total: Any) -> float:
        return float(total[0] / total[1])


class FoundShare(Metric):
    """The share of each class that is found, by the class's number."""

    kind: Literal["found-share"] = "found-share"

    def names(self, task: Any) -> tuple[str, ...]:
        return tuple(f"of_{code}" for code in range(task.outputs))

    def check(self, task: Any) -> None:
        if not task.classes or task.outputs == 1:
            raise ValueError("needs an output for each class")

    def partial(self, a: Any, y: Any, weights: Any) -> Any:
        counts = y if weights is None else y * weights[:, None]
        right = np.argmax(a, axis=1) == np.argmax(y, axis=1)
        return np.stack([np.sum(counts * right[:, None], axis=0), np.sum(counts, axis=0)])

    def value(self, total: Any) -> dict[str, float]:
        return {f"of_{code}": float(share) for code, share in enumerate(total[0] / total[1])}


X = np.random.default_rng(0).normal(size=(40, 3))
LABELS = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)
VALIDATION = (X[:7], LABELS[:7])
ONE = {"epochs": 2, "network": {"layers": [4, 1]}}


@pytest.mark.parametrize("metric", [RankArea, FoundShare])
def test_the_kit_takes_both(metric):
    report = check_component(metric)
    assert not report.failures, report.failures


def test_all_outputs_at_once_and_for_held_out_samples_only():
    seen = []

    class Watched(RankArea):
        kind: Literal["watched"] = "watched"

        def partial(self, a: Any, y: Any, weights: Any) -> Any:
            seen.append(len(a))
            return super().partial(a, y, weights)

    x = np.random.default_rng(1).normal(size=(3000, 3))
    test = (x, (x[:, 0] > 0).astype(int))
    config = ONE | {"metrics": ["accuracy", Watched()]}
    run = Trainer.from_config(config).fit(X, LABELS, validation=VALIDATION, test=test)
    assert seen == [7, 3000, 7, 3000, 3000]
    assert [name for name in run.history[0] if "watched" in name] == ["validation_watched", "test_watched"]
    outputs = run.network.predict(VALIDATION[0])[:, 0]
    above = [p > n for p in outputs[VALIDATION[1] == 1] for n in outputs[VALIDATION[1] == 0]]
    assert run.history[-1]["validation_watched"] == pytest.approx(np.mean(above), rel=1e-12)
    assert run.evaluate("test")["watched"] == run.history[-1]["test_watched"]


def test_one_that_needs_all_outputs_is_refused_without_held_out_samples():
    config = ONE | {"metrics": ["accuracy", RankArea()]}
    with pytest.raises(ConfigError, match=r"^metrics\.1: rank-area needs all outputs at once.*validation or test"):
        Trainer.from_config(config).fit(X, LABELS)


def test_several_numbers_by_name_in_history_and_callbacks():
    stopping = {"kind": "early-stopping", "monitor": "validation_found_share_of_1", "patience": 1}
    config = {"epochs": 3, "network": {"layers": [4, 2]}, "metrics": [FoundShare()], "callbacks": [stopping]}
    run = Trainer.from_config(config).fit(X, LABELS, validation=VALIDATION)
    predicted = run.network.classify(VALIDATION[0])
    for code in (0, 1):
        share = np.mean(predicted[VALIDATION[1] == code] == code)
        best = max(row["validation_found_share_of_1"] for row in run.history)
        found = [row for row in run.history if row["validation_found_share_of_1"] == best]
        assert found[0][f"validation_found_share_of_{code}"] == pytest.approx(share, rel=1e-12)
        assert f"found_share_of_{code}" in run.history[0]


def test_a_callback_that_watches_a_number_without_name_is_told_the_names():
    stopping = {"kind": "early-stopping", "monitor": "found_share"}
    config = {"epochs": 1, "network": {"layers": [4, 2]}, "metrics": [FoundShare()], "callbacks": [stopping]}
    with pytest.raises(ConfigError, match=r"allowed: cost, found_share_of_0, found_share_of_1\)"):
        Trainer.from_config(config).fit(X, LABELS)
    stopping["monitor"] = "rank_area"
    config = ONE | {"metrics": [RankArea()], "callbacks": [stopping]}
    with pytest.raises(ConfigError, match=r"allowed: cost, validation_cost, validation_rank_area\)"):
        Trainer.from_config(config).fit(X, LABELS, validation=VALIDATION)


def test_two_numbers_of_one_name_are_refused():
    class Same(RankArea):
        kind: Literal["found-share-of-1"] = "found-share-of-1"

        def check(self, task: Any) -> None:
            pass

    with pytest.raises(ConfigError, match=r"metrics\.1: two metrics would be called 'found_share_of_1'"):
        Trainer.from_config({"network": {"layers": [4, 2]}, "metrics": [FoundShare(), Same()]}).fit(X, LABELS)


def test_a_resumed_training_has_the_same_numbers(tmp_path):
    class Interrupts(Callback):
        """Interrupts the training within an epoch, in the run that asks for it."""

        kind: Literal["interrupts"] = "interrupts"
        armed: ClassVar[list[bool]] = [True]

        def listener(self) -> object:
            return _Interrupting()

    class _Interrupting:
        @hookimpl
        def modnet_batch_end(self, training: Any) -> None:
            if training.updates == 13 and Interrupts.armed:
                Interrupts.armed.clear()
                import signal

                signal.raise_signal(signal.SIGINT)

    x = np.random.default_rng(2).normal(size=(9000, 3))
    y = (x[:, 0] > 0).astype(int)
    config = {
        "epochs": 2,
        "network": {"layers": [4, 2]},
        "optimizer": {"batch_size": 500},
        "metrics": [FoundShare()],
        "callbacks": [Interrupts()],
    }
    with temporarily_registered(FoundShare, Interrupts):
        with pytest.raises(Interrupted):
            Trainer.from_config(config).fit(x, y, validation=VALIDATION, out=tmp_path / "run")
        resumed = Trainer.resume(tmp_path / "run", x, y, validation=VALIDATION)
        whole = Trainer.from_config(config).fit(x, y, validation=VALIDATION)
    for row, expected in zip(resumed.history, whole.history, strict=True):
        assert {k: v for k, v in row.items() if k != "seconds"} == {k: v for k, v in expected.items() if k != "seconds"}
