"""What is found in networks that do not learn, what helps them, and no false alarm for those that do."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from analysis.configurations import (
    BEHIND,
    CATEGORICAL,
    DEAD_RELU,
    DEEP_SIGMOID,
    HE,
    HEALTHY,
    HIGH_RATE,
    README,
    configured,
    layers,
)
from components.callbacks.strangers import installed
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

import modnet
from modnet import ConfigError, Data, Initializer, ModelFileError, Trainer, load_config
from modnet.analysis.finished_run import open_run
from modnet.analysis.gradients.callback import LOG, EpochGradientFlow, append_flow, read_flows
from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.analysis.gradients.suggestions import to_overrides
from modnet.analysis.gradients.trials import TrialRunner
from modnet.analysis.gradients.vanishing import Dampening, dampening
from modnet.core.interfaces import Dataset
from modnet.storage.model_file import save

FAST = ["the document's", "scaled, four layers, eight epochs of nothing"]


def kinds(found: Dampening) -> list[str]:
    return [finding.kind for finding in found.diagnoses]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FAST else pytest.mark.soak) for name in HEALTHY]
)
def test_no_false_alarm(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = dampening(HEALTHY[name])
    assert (kinds(found), found.patch) == ([], None)
    assert found.suggestion is not None
    assert found.verdict.startswith("No problem found: ")
    assert found.verdict.endswith(f"none of {len(found.suggestion.tried)} changes is better by a wide margin.")
    for seed in range(1 if name in FAST else 3):
        Trainer.from_config(HEALTHY[name] | {"callbacks": ["dampening"], "seed": seed}).fit()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", BEHIND)
def test_a_network_that_is_far_behind_is_no_success(name: str) -> None:
    config = load_config(BEHIND[name])
    plain = dampening(config, suggest=False)
    assert (kinds(plain), plain.verdict.endswith("and no other settings were tried.")) == ([], True)
    found = dampening(config)
    assert kinds(found) == ["behind"]
    assert found.verdict.startswith("Problem: the network learns, but is far behind: after ")
    assert found.patch is not None
    assert found.suggestion is not None
    assert found.suggestion.after is not None
    assert f"{found.suggestion.before.score:.2%} on 287 held-out samples" in found.verdict
    assert found.verdict.endswith(f"it is {found.suggestion.after.score:.2%}.")
    least = 0.94 if BEHIND[name] is README else 0.9
    before, after = (
        Trainer(each).fit().test["accuracy"] for each in (config, load_config(config, to_overrides(found.patch)))
    )
    assert before < 0.85
    assert after >= least
    assert found.patched_start is not None


def test_the_remedy_for_adam_s_own_rate_is_a_higher_one() -> None:
    found = dampening(README)
    assert found.patch is not None
    assert list(found.patch) == ["optimizer.learning_rate"]
    assert found.patch["optimizer.learning_rate"] > 0.001


def test_flowers_that_too_few_updates_have_not_told_apart() -> None:
    x, y = load_iris(return_X_y=True)
    table = configured(layers([16, 3], "relu", "softmax"), CATEGORICAL, rule="adam")
    config = load_config(table | {"seed": 2, "epochs": 20})
    found = dampening(config, data=Data((x, y)))
    assert kinds(found) == ["behind"]
    assert found.patch is not None
    reached = [Trainer(each).fit(x, y) for each in (config, load_config(config, to_overrides(found.patch)))]
    peer = LogisticRegression(solver="newton-cg", max_iter=1000).fit(x, y).score(x, y)
    before, after = (run.evaluate("train")["accuracy"] for run in reached)
    assert before < 0.9 < after
    assert after == pytest.approx(peer, abs=0.03)


def uneven(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """978 "no" to 22 "yes", hard to tell apart."""
    x, y = make_classification(1800, 10, weights=[0.978], class_sep=0.5, flip_y=0, random_state=seed)
    return x, np.array(["no", "yes"])[y]


@pytest.mark.parametrize(
    "table",
    [
        configured(layers([8, 2]), learning_rate=0.3),
        configured(layers([8, 1]), "binary-cross-entropy", learning_rate=0.05),  # whose cost says that it has learnt
    ],
    ids=["two outputs", "one output"],
)
def test_one_answer_only_is_no_success(table: dict[str, Any]) -> None:
    x, y = uneven()
    found = dampening(table | {"epochs": 5}, data=Data((x, y)))
    assert kinds(found) == ["one-class"]
    assert found.verdict == "Problem: all 1,800 training samples are classified as 'no', which 97.83% of them are."
    assert found.suggestion is not None
    assert found.suggestion.before.metric == "balanced_accuracy"
    assert found.suggestion.before.score == 0.5
    assert found.patch is not None
    assert found.patch["data.class_weight"] == "balanced"
    run = Trainer(load_config(table | {"epochs": 5}, to_overrides(found.patch))).fit(x, y)
    assert balanced_accuracy_score(y, run.network.classify(x)) > 0.6


def test_a_class_that_is_rare_in_a_sample_is_looked_for_in_all_samples(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(3000, 3)), np.arange(3000) % 300 == 0
    x[y] += 0.5
    table = configured(layers([4, 2]), learning_rate=0.3) | {"epochs": 2}
    found = dampening(table, data=Data((x, y)), samples=64, suggest=False)
    assert found.end is not None
    assert found.samples == 64
    assert kinds(found) == ["one-class"]
    assert "all 3,000 training samples are classified as False, which 99.67% of them are" in found.verdict


def test_a_dampened_network_is_named_by_its_layers() -> None:
    found = dampening(DEEP_SIGMOID, suggest=False)
    (finding,) = found.diagnoses
    assert (finding.kind, finding.layers, finding.neurons) == ("dampened", (1, 2), ())
    assert found.verdict == f"Problem: {finding.text}."
    ratio = found.start.layers[-1].delta / found.start.layers[0].delta
    assert finding.text == f"δ shrinks {ratio:,.0f}-fold from layer 6 down to layer 1, so layers 1 and 2 hardly learn"
    assert all(layer.ratio < 0.3 and layer.slope <= 0.25 for layer in found.start.layers[:-1])
    assert found.end is not None
    assert found.end.explained < 0.05
    assert (found.suggestion, found.patch) == (None, None)


@pytest.mark.parametrize(
    ("table", "expected", "layer"),
    [(HIGH_RATE, {"overshoot", "dead"}, 2), (DEAD_RELU, {"overshoot", "dead"}, 3)],
    ids=["rate", "relu"],
)
def test_a_rate_far_too_high_is_named(table: dict[str, Any], expected: set[str], layer: int) -> None:
    found = dampening(table, suggest=False)
    assert set(kinds(found)) == expected
    overshoot = found.diagnoses[0]
    assert (overshoot.kind, overshoot.layers) == ("overshoot", (layer,))
    assert found.end is not None
    for finding in found.diagnoses[1:]:
        flow = found.end.layers[finding.layers[0] - 1]
        assert finding.neurons == flow.dead
        assert len(flow.dead) >= flow.units / 2
        assert "died" in finding.text


class Negative(Initializer):
    """−100 everywhere: no relu above it ever answers."""

    kind: Literal["negative"] = "negative"

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        del rng, fan_in, fan_out
        return np.full(shape, -100.0)


@pytest.fixture
def negative() -> Iterator[dict[str, Any]]:
    """A relu network whose hidden neurons all start dead."""
    parts = layers([20, 10], "relu", "softmax", **HE)
    parts[0]["bias_initializer"] = "negative"
    with installed(Negative):
        yield configured(parts, "categorical-cross-entropy", learning_rate=0.1)


def test_neurons_that_start_dead_are_named(negative: dict[str, Any]) -> None:
    found = dampening(negative, suggest=False)
    (finding,) = found.diagnoses
    assert (finding.kind, finding.layers, finding.neurons) == ("dead", (1,), tuple(range(20)))
    assert "all 20 neurons are dead from the start" in finding.text
    assert found.start.layers[0].delta == 0.0


def test_output_neurons_that_answer_the_same_are_named_with_their_classes() -> None:
    data = Dataset.resolve("digits").load()
    x, y = data.train
    found = dampening(
        configured(layers([100, 10])), data=Data((x, np.array([f"a{label}" for label in y]))), suggest=False
    )
    (finding,) = found.diagnoses
    assert (finding.kind, finding.layers, finding.neurons) == ("stuck", (2,), (0, 6, 8))
    assert "neurons 0, 6 and 8 (classes a0, a6 and a8) give the same output for every sample" in finding.text
    assert found.end is not None
    assert found.end.explained > 0.5


def test_updates_that_are_too_small_are_named() -> None:
    found = dampening(configured(layers([30, 10]), learning_rate=1e-6), suggest=False)
    assert kinds(found) == ["slow"]


def small(rng: np.random.Generator) -> Data:
    """Three clouds of points."""
    sorts = np.arange(240) % 3
    return Data((np.eye(3)[sorts] * 2 + rng.normal(size=(240, 3)) * 0.4, sorts))


def test_a_remedy_is_found_by_trying(rng: np.random.Generator) -> None:
    data, table = small(rng), configured(layers([6, 3]), learning_rate=3000.0)
    heard: list[tuple[str, int, int]] = []
    found = dampening(table, data=data, progress=lambda *told: heard.append(told))
    suggestion, patch = found.suggestion, found.patch
    assert found.diagnoses
    assert suggestion is not None
    assert patch is not None
    assert suggestion.after is not None
    assert (suggestion.held_out, suggestion.before.patch, suggestion.after.patch) == (48, {}, patch)
    assert suggestion.after.score >= suggestion.before.score + 0.02
    assert suggestion.after.diagnoses == ()
    assert suggestion.after in suggestion.tried
    assert len({json.dumps(dict(trial.patch)) for trial in suggestion.tried if trial.updates < 400}) > 20
    assert heard == sorted(heard)
    assert heard[-1][1] == heard[-1][2]
    changed = load_config(table, to_overrides(patch))
    assert changed != load_config(table)
    assert Trainer(changed).fit(*data.train).history[-1]["accuracy"] > 0.9
    assert found.patched_start is not None
    assert dampening(changed, data=data).diagnoses == ()


def test_what_judges_a_trial_has_taught_it_nothing(rng: np.random.Generator) -> None:
    by_heart = Data((rng.normal(size=(200, 20)), rng.permutation(np.arange(200) % 2)))
    config = load_config(configured(layers([40, 2]), rule="adam", learning_rate=0.03))
    runner = TrialRunner(config, by_heart, 512)
    trial, baseline = (runner.trial(config, 1500, {}, hold_out=hold_out) for hold_out in (True, False))
    assert runner.held_out == 40
    assert trial.score < 0.75
    assert baseline.score > 0.95
    for each in (trial, baseline):
        assert each.end is not None
        assert each.end.explained > 0.8
        assert each.updates >= 1500


def test_what_judges_a_trial_is_of_other_groups(rng: np.random.Generator) -> None:
    groups = np.arange(240) % 24
    x = rng.normal(size=(24, 20))[groups] + 0.1 * rng.normal(size=(240, 20))
    labels = rng.permutation(np.arange(24) % 2)[groups]  # to know the group is to know the class
    config = load_config(configured(layers([40, 2]), rule="adam", learning_rate=0.03))
    known = TrialRunner(config, Data((x, labels)), 512).trial(config, 300, {})
    assert known.score > 0.95
    run = Trainer(config.model_copy(update={"epochs": 1})).fit(x, labels, groups=groups)
    for data in (Data((x, labels), groups=groups), open_run(run).data):
        runner = TrialRunner(config, data, 512)
        assert 30 <= runner.held_out <= 60
        assert runner.held_out % 10 == 0
        assert runner.trial(config, 300, {}).score < 0.8
    assert TrialRunner(config, Data((x, labels), groups=labels), 512).held_out == 0


def test_where_nothing_helps_it_says_so(rng: np.random.Generator) -> None:
    noise = Data((rng.normal(size=(300, 3)), np.arange(300) % 3))
    table = configured(layers([3]), learning_rate=1e-5) | {"epochs": 1}
    found = dampening(table, data=noise)
    assert dampening(table, data=noise).to_dict() == found.to_dict()
    assert found.diagnoses
    assert found.suggestion is not None
    assert (found.patch, found.suggestion.after, found.patched_start) == (None, None, None)
    assert len(found.suggestion.tried) > 10


def test_numbers_that_leave_the_finite_are_a_finding(rng: np.random.Generator) -> None:
    x = rng.normal(size=(120, 3))
    table = configured(layers([4, 1], "identity", "identity"), learning_rate=50.0)
    found = dampening(table, data=Data((x, x @ [[1.0], [2.0], [3.0]])))
    assert kinds(found) == ["diverged"]
    assert found.end is None
    assert found.trial is not None
    assert (found.trial.metric, found.trial.value) == ("r2", None)
    assert "became non-finite (NaN or infinity)" in found.verdict
    assert found.patch is not None
    assert list(found.patch) == ["optimizer.learning_rate"]
    assert found.suggestion is not None
    assert found.suggestion.after is not None
    assert found.suggestion.after.score > 0.95
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["trial"]["r2"] is None


def test_few_samples_are_all_learnt_from() -> None:
    data = Data((np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])))
    table = {"epochs": 300, "network": {"layers": [4, 2]}, "optimizer": {"kind": "batch", "learning_rate": 1e5}}
    found = dampening(table, data=data, samples=3)
    assert found.samples == 3
    assert found.diagnoses
    assert found.suggestion is not None
    assert found.suggestion.held_out == 0


def test_a_run_is_judged_as_it_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, table = tmp_path / "run", copy.deepcopy(DEEP_SIGMOID) | {"epochs": 12, "callbacks": ["dampening"]}
    trained = Trainer.from_config(table).fit(out=run)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.endswith(f"what would help: modnet dampening {run}\n")
    found = dampening(run, suggest=False)
    assert kinds(found) == ["dampened"]
    assert found.diagnoses[0].text.partition("-fold")[2] in line
    assert (found.source, found.trial, found.samples) == (str(run), None, 512)
    assert [each.epochs for each in found.epochs] == list(range(13))
    assert found.end is not None
    sample = dampening(run, suggest=False, samples=256)
    assert sample.end is not None
    for flow, expected in ((found.epochs[0].flow, sample.start), (found.epochs[-1].flow, sample.end)):
        assert [layer.delta for layer in flow.layers] == [layer.delta for layer in expected.layers]
    network = modnet.load(run)
    network.layers[0].weights[...] = 0.0
    save(network, run / "model.safetensors")
    after = dampening(run, suggest=False)
    assert after.start == found.start
    assert after.end != found.end
    assert trained.updates >= 300


def test_a_run_of_few_updates_is_judged_by_a_rehearsal(tmp_path: Path) -> None:
    Trainer.from_config({"epochs": 1}).fit(out=tmp_path / "run")
    found = dampening(tmp_path / "run")
    assert found.trial is not None
    assert found.trial.updates == 432
    assert found.end == found.trial.end
    assert found.diagnoses == ()


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"is not a run folder: it has no config\.toml"):
        dampening(tmp_path)
    with pytest.raises(ConfigError, match="samples: 0 is too few"):
        dampening(samples=0)
    run = tmp_path / "run"
    Trainer.from_config({"epochs": 3}).fit(out=run)
    (run / LOG).write_text('{"epochs": 0}\n')
    with pytest.raises(ModelFileError, match=r"dampening\.jsonl: line 1 is not the gradient flow of an epoch"):
        dampening(run)
    (run / LOG).unlink()
    Trainer.from_config({"epochs": 3, "network": {"layers": [5, 10]}}).fit(out=tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").replace(run / "model.safetensors")
    with pytest.raises(ModelFileError, match="are of different networks"):
        dampening(run)
    (run / "model.safetensors").unlink()  # as where a training has diverged: it is judged by its configuration
    assert dampening(run).trial is not None


def test_flows_survive_a_killed_write(tmp_path: Path) -> None:
    flow = dampening({"epochs": 1}, suggest=False).start
    assert isinstance(flow, GradientFlow)
    assert read_flows(tmp_path) == ()
    append_flow(tmp_path, EpochGradientFlow(0, flow))
    file = tmp_path / LOG
    whole = file.read_bytes()
    for cut in (1, len(whole) // 2, len(whole)):
        file.write_bytes(whole + whole[: cut - 1])
        assert read_flows(tmp_path) == (EpochGradientFlow(0, flow),)
        append_flow(tmp_path, EpochGradientFlow(1, flow))
        append_flow(tmp_path, EpochGradientFlow(1, flow))
        assert read_flows(tmp_path) == (EpochGradientFlow(0, flow), EpochGradientFlow(1, flow))


@pytest.mark.soak
@pytest.mark.parametrize(
    ("table", "seed"),
    [(DEEP_SIGMOID, 0), (DEEP_SIGMOID, 1), (HIGH_RATE, 0), (DEAD_RELU, 0), (configured(layers([100, 10])), 0)],
)
def test_the_remedy_holds_for_the_whole_training(table: dict[str, Any], seed: int) -> None:
    config = load_config(table | {"seed": seed})
    assert Trainer(config).fit().test["accuracy"] < 0.8
    found = dampening(config)
    assert found.patch is not None
    assert Trainer(load_config(config, to_overrides(found.patch))).fit().test["accuracy"] >= 0.9


@pytest.mark.soak
def test_dead_neurons_have_a_remedy(negative: dict[str, Any]) -> None:
    found = dampening(negative)
    assert found.patch is not None
    assert Trainer(load_config(negative, to_overrides(found.patch))).fit().test["accuracy"] >= 0.9


MNIST = os.environ.get("MODNET_MNIST")


@pytest.mark.mnist
@pytest.mark.skipif(MNIST is None, reason="MODNET_MNIST names no folder with the MNIST files")
def test_a_digit_that_the_documents_network_never_learns(tmp_path: Path) -> None:
    run = Trainer.from_config({"seed": 12, "epochs": 6, "data": {"kind": "idx", "path": MNIST}}).fit(
        out=tmp_path / "run"
    )
    assert run.test["accuracy"] < 0.88
    found = dampening(tmp_path / "run")
    (finding,) = found.diagnoses
    assert (finding.kind, finding.layers, finding.neurons) == ("stuck", (2,), (3,))
    assert found.suggestion is not None
    assert found.suggestion.after is not None
    assert found.suggestion.after.score > 0.9


def test_a_trial_weights_classes_once_and_samples_too() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(150, 3)), np.arange(150) % 3
    table = {"network": {"layers": [4, 3]}, "optimizer": {"learning_rate": 0.5}}
    of_classes = load_config(table | {"data": {"class_weight": {"0": 3.0, "2": 0.5}}})
    of_samples = load_config(table)
    weights = np.array([3.0, 1.0, 0.5])[y]
    trials = [
        TrialRunner(config, Data(train), 100).trial(config, 30, {})
        for config, train in ((of_classes, (x, y)), (of_samples, (x, y, weights)), (of_samples, (x, y)))
    ]
    figures = [(trial.value, trial.start.cost, trial.end.cost) for trial in trials if trial.end is not None]
    assert figures[0] == figures[1]
    assert figures[0] != figures[2]
