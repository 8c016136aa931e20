"""The page "Your own table": what it says of its run is what a reader gets."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from docs.test_figures import hook, written

import modnet
from modnet.analysis.recipe.files import configuration_for

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own-table.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page() -> ModuleType:
    return hook("customers")


@pytest.fixture
def table(page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table and its configuration, in the current folder."""
    monkeypatch.chdir(tmp_path)
    page.make_table()
    Path("customers.toml").write_text(configuration_for("customers.csv"), encoding="utf-8")


def test_the_last_line_of_the_training_is_reached(page: ModuleType) -> None:
    found = re.search(
        r"Reached test accuracy (\S+)% \((\d+) of 200; balanced (\S+)%; always answering 'no' would give (\S+)%\)", PAGE
    )
    assert found is not None
    accuracy, correct, balanced, majority = map(float, found.groups())
    results = page.customers()
    matrix = results.confusion
    assert (matrix.labels, matrix.samples) == (("no", "yes"), 200)
    assert accuracy == pytest.approx(correct / 2, abs=0.005)
    assert matrix.correct == pytest.approx(correct, abs=4)  # the last bits differ from machine to machine
    assert 100 * np.diagonal(matrix.shares).mean() == pytest.approx(balanced, abs=4)
    assert 100 * matrix.counts[0].sum() / 200 == majority
    (cost,) = (curve.values for curve in results.curves if curve.name == "cost")
    test, train = np.array(cost["test"]), np.array(cost["train"])
    assert test.argmin() < 10
    assert test[-1] > test.min()
    assert train[-1] == pytest.approx(train.min(), rel=0.01)


@pytest.mark.usefixtures("table")
def test_new_rows_are_predicted_as_written() -> None:
    block = re.search(r"^```text title=\"new\.csv\"\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert block is not None
    rows = [line.split(",") for line in block[1].splitlines()[1:]]
    network = modnet.Trainer.from_config("customers.toml").fit().network
    assert network.features == ("months", "plan", "region", "bill", "complaints")
    x = [[float(m), p, r, None if b == "?" else float(b), float(c)] for _, m, p, r, b, c in rows]
    outputs = network.predict_outputs(x)
    for (name, *_), label, (no, yes) in zip(rows, network.classify(x), outputs, strict=True):
        printed = re.search(rf"^{name},(no|yes),(\S+),(\S+)$", PAGE, re.MULTILINE)
        assert printed is not None
        assert printed[1] == label
        assert (float(printed[2]), float(printed[3])) == pytest.approx((no, yes), abs=0.05)


@pytest.mark.usefixtures("table")
def test_rare_class_and_marks_are_found() -> None:
    config = modnet.load_config("customers.toml")
    assert config.data.exclude == ("customer",)  # type: ignore[attr-defined]
    assert config.data.missing[-1] == "?"  # type: ignore[attr-defined]
    assert config.data.class_weight == "balanced"


@pytest.mark.soak
@pytest.mark.usefixtures("table")
def test_the_comparison_is_as_written() -> None:
    rows = next(found for found in written(PAGE) if found[0][0] == "hidden units")[1:]
    assert len(rows) == 4
    for units, strength, reached in rows:
        scores = []
        for seed in range(3):
            settings = [
                f"seed={seed}",
                "data.validation_share=0.2",
                f"network.layers.0.units={units}",
                f"network.regularizers.0.strength={strength}",
            ]
            run = modnet.Trainer(modnet.load_config("customers.toml", settings)).fit()
            scores.append(100 * run.history[-1]["validation_balanced_accuracy"])
        mean, deviation = map(float, re.findall(r"[\d.]+", reached))
        assert np.mean(scores) == pytest.approx(mean, abs=2)
        assert np.std(scores, ddof=1) == pytest.approx(deviation, abs=2)
