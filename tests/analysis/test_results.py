"""What a run reached: confusion matrices and best epochs worked by hand, everything else again from the tensors."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli.running import outputs_of

from modnet import ConfigError, Data, ModelFileError, RunConfig, Trainer, confusion_matrix, load, results, save
from modnet.analysis.open_run import OpenRun
from modnet.analysis.plots.confusion_matrix import abridge
from modnet.analysis.report.report import provenance
from modnet.analysis.results.learning_curves import learning_curves
from modnet.analysis.results.results import SCATTERED
from modnet.analysis.results.worst_samples import worst_samples_table
from modnet.components.metrics import R2, Accuracy
from modnet.core.interfaces import Task
from modnet.data.datasets.arrays import Digits

# Ten samples of four classes, of which no sample is the last. By hand: row = true, column = predicted.
TRUE = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
PREDICTED = [0, 0, 1, 3, 1, 1, 0, 2, 0, 0]
COUNTS = [[2, 1, 0, 1], [1, 2, 0, 0], [2, 0, 1, 0], [0, 0, 0, 0]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "run"
    Trainer.from_config({"epochs": 2}).fit(out=folder)
    return folder


def test_a_confusion_matrix_is_that_worked_by_hand() -> None:
    matrix = confusion_matrix(TRUE, PREDICTED, ["a", "b", "c", "d"])
    assert matrix.counts.tolist() == COUNTS
    assert matrix.labels == ("a", "b", "c", "d")
    assert (matrix.correct, matrix.samples) == (5, 10)
    np.testing.assert_allclose(matrix.shares[:3], [[0.5, 0.25, 0, 0.25], [1 / 3, 2 / 3, 0, 0], [2 / 3, 0, 1 / 3, 0]])
    np.testing.assert_allclose(matrix.recall, [0.5, 2 / 3, 1 / 3, math.nan])
    np.testing.assert_allclose(matrix.precision, [0.4, 2 / 3, 1.0, 0.0])
    assert matrix.confusions() == [(2, 0, 2), (0, 1, 1), (0, 3, 1), (1, 0, 1)]
    plain = json.loads(json.dumps(matrix.to_dict()))
    assert plain["recall"][3] is None
    assert plain["row_shares"][3] == [None] * 4
    never = confusion_matrix([0, 1], [0, 0], [False, True])
    np.testing.assert_allclose(never.precision, [0.5, math.nan])


def test_an_abridged_matrix_keeps_the_classes_with_the_most_mistakes_and_loses_no_sample() -> None:
    matrix = confusion_matrix(TRUE, PREDICTED, ["a", "b", "c", "d"])
    short = abridge(matrix, 3)
    assert short.labels == ("a", "b", "2 others")  # 5 mistakes with a in them; b and c have 2 each, and b comes first
    assert short.counts.tolist() == [[2, 1, 1], [1, 2, 0], [2, 0, 1]]
    assert abridge(matrix, 4) is matrix


def row(epoch: int, **figures: float) -> dict[str, float]:
    return {"epoch": epoch, "learning_rate": 1.0, "cost": 1.0, "seconds": 0.1} | figures


def test_the_best_epoch_is_judged_by_validation_then_test_then_training() -> None:
    history = [
        row(0, cost=0.5, accuracy=0.2, test_cost=0.1, test_accuracy=0.9),
        row(1, cost=0.3, accuracy=0.6, test_cost=0.4, test_accuracy=0.8),
        row(2, cost=0.2, accuracy=0.6, test_cost=0.4, test_accuracy=0.9),
    ]
    cost, accuracy = learning_curves(history, [Accuracy()], Task(3, classes=True))
    assert (cost.name, cost.monitored, cost.best, cost.best_value) == ("cost", "test", 0, 0.1)
    assert (accuracy.name, accuracy.monitored, accuracy.best, accuracy.best_value) == ("accuracy", "test", 0, 0.9)
    assert cost.values == {"train": (0.5, 0.3, 0.2), "test": (0.1, 0.4, 0.4)}
    watched = [
        each | {"validation_cost": 1 + each["cost"], "validation_accuracy": each["accuracy"]} for each in history
    ]
    cost, accuracy = learning_curves(watched, [Accuracy()], Task(3, classes=True))
    assert [(curve.monitored, curve.best) for curve in (cost, accuracy)] == [("validation", 2), ("validation", 1)]
    alone = [{key: value for key, value in each.items() if not key.startswith("test")} for each in history]
    assert [(curve.monitored, curve.best) for curve in learning_curves(alone, [Accuracy()], Task(3, classes=True))] == [
        ("train", 2),
        ("train", 1),
    ]


def test_a_figure_that_is_not_finite_is_never_the_best() -> None:
    history = [row(0, r2=math.nan), row(1, r2=0.1), row(2, r2=math.inf)]
    _, r2 = learning_curves(history, [R2()], Task(1, classes=False))
    assert (r2.values["train"], r2.best) == ((None, 0.1, None), 1)
    json.dumps(r2.to_dict(), allow_nan=False)
    assert learning_curves([row(0, r2=math.nan)], [R2()], Task(1, classes=False))[1].best is None
    assert learning_curves([], [R2()], Task(1, classes=False)) == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"epoch": 2, "cost": 0.', "line 3 is damaged; a JSON object with epoch and cost is expected"),
        ("", "line 3 is damaged; a JSON"),
        ("[2, 0.5]", "line 3 is damaged; a JSON"),
        ('{"cost": 0.5}', "line 3 is damaged; a JSON"),
        ('{"epoch": 2}', "line 3 is damaged; a JSON"),
        ('{"epoch": 2, "cost": "low"}', "line 3 is damaged; a JSON"),
        ('{"epoch": true, "cost": 0.5}', "line 3 is damaged; a JSON"),
        ("[" * 100_000, "line 3 is damaged; a JSON"),
        ('{"epoch": 1, "cost": 0.5}', 'line 3 is damaged: "epoch": 1 is out of order'),
    ],
)
def test_a_damaged_line_of_the_history_is_named(tmp_path: Path, line: str, reason: str) -> None:
    good = [json.dumps(row(epoch)) for epoch in range(2)]
    (tmp_path / "history.jsonl").write_text("\n".join([*good, line, ""]))
    with pytest.raises(ModelFileError) as caught:
        _ = OpenRun(tmp_path).history
    assert str(caught.value).startswith(f"{tmp_path / 'history.jsonl'}: {reason}")


def test_bytes_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelFileError, match=r"^\S+history\.jsonl: cannot be read: [^\n]+$"):
        _ = OpenRun(tmp_path).history


def test_the_results_are_those_worked_out_from_the_tensors(run: Path) -> None:
    found = results(run, mistakes=5)
    x, y = Digits().load().test
    a = outputs_of(run, x)
    predicted, costs = a.argmax(axis=1), 0.5 * np.sum((a - np.eye(10)[y]) ** 2, axis=1)
    counts = [[int(np.sum((y == i) & (predicted == j))) for j in range(10)] for i in range(10)]
    assert found.confusion is not None
    assert found.confusion.counts.tolist() == counts
    wrong = [place for place in range(360) if predicted[place] != y[place]]
    worst = sorted(wrong, key=lambda place: -costs[place])[:5]
    assert (found.errors, [each.sample for each in found.mistakes]) == (len(wrong), worst)
    for mistake in found.mistakes:
        place = mistake.sample
        assert (mistake.true, mistake.predicted) == (y[place], predicted[place])
        assert mistake.cost == pytest.approx(costs[place], rel=1e-12)
        assert mistake.outputs == pytest.approx(a[place], rel=1e-12)
        assert mistake.x.tolist() == x[place].tolist()
        assert (mistake.true_output, mistake.predicted_output) == pytest.approx((a[place, y[place]], a[place].max()))
    assert (found.predictions.part, found.part, found.image) == ("test", "test", (8, 8))
    assert (found.matches_history, found.warning) == (True, None)
    right = 360 - len(wrong)
    reached = f"Reached test accuracy {right / 3.6:.2f}% ({right} of 360 test samples are correct)"
    assert found.sentence.startswith(reached)
    history = OpenRun(run).history
    assert [curve.values["test"] for curve in found.curves] == [
        tuple(each[f"test_{name}"] for each in history) for name in ("cost", "accuracy")
    ]
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_part_and_no_mistakes_can_be_asked_for(run: Path) -> None:
    found = results(run, part="train", mistakes=0, image="none")
    assert (len(found.predictions), found.part) == (1437, "training")
    assert (found.mistakes, found.matches_history, found.image) == ((), None, None)
    assert found.errors


def test_data_that_is_not_the_runs_is_called_given(run: Path) -> None:
    data = Digits().load()
    x, y = data.train
    found = results(run, data=Data(train=data.train, test=(x[:200], y[:200])))
    assert (found.part, found.matches_history) == ("given", None)
    assert found.sentence.startswith("Reached accuracy ")


def test_a_network_that_was_changed_is_doubted(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "changed")
    network = load(run)
    network.parameters = network.parameters * 1.1
    save(network, tmp_path / "changed" / "model.safetensors")
    found = results(tmp_path / "changed")
    assert (found.part, found.matches_history) == ("test", False)
    assert found.warning is not None
    assert "is not the cost of any epoch in the history" in found.warning


def test_a_weighted_accuracy_is_not_said_to_be_the_share_of_samples() -> None:
    x, y = Digits().load().test
    config = {"epochs": 1, "network": {"layers": [10]}}
    run = Trainer.from_config(config).fit(x, y, validation=(x[:50], y[:50], np.arange(50) % 3))
    share = f"{run.evaluate('validation')['accuracy']:.2%}"
    sentence = results(run).sentence
    assert sentence.startswith(f"Reached validation accuracy {share} (balanced ")
    assert "are correct" not in sentence


def test_images_are_what_the_dataset_or_the_shape_or_the_caller_says(run: Path) -> None:
    data = Digits().load()
    unsaid = Data(train=data.train, test=data.test)
    assert results(run, data=unsaid).image is None
    assert results(run, data=unsaid, image=(4, 16)).image == (4, 16)
    with pytest.raises(ConfigError, match=r"^--image 8 × 9: a sample has 64 features; allowed: a product of 64, none$"):
        results(run, image=(8, 9))


def test_one_output_for_two_classes(tmp_path: Path, rng: np.random.Generator) -> None:
    x = rng.normal(size=(60, 2))
    y = np.where(x[:, 0] + 0.3 * rng.normal(size=60) > 0, "yes", "no")
    np.savez(tmp_path / "some.npz", x=x, y=y)
    config = {"data": {"kind": "npz", "path": str(tmp_path / "some.npz")}, "network": {"layers": [1]}, "epochs": 5}
    Trainer.from_config(config).fit(out=tmp_path / "run")
    found = results(tmp_path / "run")
    a = outputs_of(tmp_path / "run", x)[:, 0]
    assert found.confusion is not None
    assert found.confusion.labels == ("no", "yes")
    assert found.confusion.counts.tolist() == [
        [int(np.sum((y == name) & (a <= 0.5))), int(np.sum((y == name) & (a > 0.5)))] for name in ("no", "yes")
    ]
    assert all(each.true != each.predicted and len(each.outputs) == 1 for each in found.mistakes)
    head, rows = worst_samples_table(found.mistakes, found.run.network, with_features=True)
    assert head == ["sample", "true", "predicted", "output", "cost", "x0", "x1"]
    assert [row[:4] for row in rows] == [
        [str(each.sample), each.true, each.predicted, f"{a[each.sample]:.3g}"] for each in found.mistakes
    ]
    assert found.part == "training"


def test_numbers_have_a_fit_and_their_largest_costs(tmp_path: Path, rng: np.random.Generator) -> None:
    x = rng.normal(size=(SCATTERED + 500, 3))
    y = np.stack([x[:, 0], x[:, 1] * 2 + rng.normal(size=len(x))], axis=1)
    np.savez(tmp_path / "some.npz", x=x, y=y)
    layer = {"kind": "dense", "units": 2, "activation": "identity"}
    config = {"data": {"kind": "npz", "path": str(tmp_path / "some.npz")}, "network": {"layers": [layer]}, "epochs": 1,
              "optimizer": {"kind": "mini-batch", "learning_rate": 0.1}}  # fmt: skip
    Trainer.from_config(config).fit(out=tmp_path / "run")
    found = results(tmp_path / "run", mistakes=3)
    a = outputs_of(tmp_path / "run", x, last=lambda z: z)
    assert found.prediction_error is not None
    assert found.confusion is found.errors is None
    assert found.prediction_error.samples == len(x)
    assert found.prediction_error.true.tolist() == y[::2].tolist()
    np.testing.assert_allclose(found.prediction_error.predicted, a[::2], rtol=1e-10)
    r2 = 1 - np.sum((a - y) ** 2, axis=0) / np.sum((y - y.mean(axis=0)) ** 2, axis=0)
    assert found.prediction_error.r2 == pytest.approx(r2, rel=1e-10)
    costs = 0.5 * np.sum((a - y) ** 2, axis=1)
    assert [each.sample for each in found.mistakes] == np.argsort(-costs)[:3].tolist()
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_origin_names_parts_versions_and_the_command(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    origin = provenance("run")
    parts = {part["path"]: (part["kind"], part["distribution"]) for part in origin.parts}
    assert parts["network.layers.1.activation"] == ("sigmoid", "modnet-framework")
    assert parts["data"] == ("digits", "modnet-framework")
    assert origin.config == load("run").config.to_toml()
    assert origin.command == "modnet train run/config.toml --out run-again"
    Path("run-again").mkdir()
    assert provenance("run/").command == "modnet train run/config.toml --out run-again-2"


def test_a_configuration_that_was_changed_since_repeats_nothing(tmp_path: Path) -> None:
    Trainer.from_config({"epochs": 1}).fit(out=tmp_path / "run")
    file = tmp_path / "run" / "config.toml"
    file.write_text(RunConfig(epochs=1, seed=3).to_toml())
    assert provenance(tmp_path / "run").command is None
    file.unlink()
    with pytest.raises(ModelFileError, match=r"has no config\.toml"):
        provenance(tmp_path / "run")
