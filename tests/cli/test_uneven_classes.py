"""Where classes are uneven no headline says accuracy alone, and one answer only is called what it is, everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from cli.running import Modnet, process, write_csv
from sklearn.datasets import make_classification

BESIDE = "balanced 50.00%; always answering 'no' would give 97.78%"
PROBLEM = "all 360 validation samples are classified as 'no', which 97.78% of them are"


@pytest.fixture
def uneven(modnet: Modnet) -> tuple[str, ...]:
    """1,761 "no" to 39 "yes", hard to tell apart, of which a fifth is held out."""
    del modnet  # which makes the current folder
    x, y = make_classification(1800, 10, weights=[0.978], class_sep=0.5, flip_y=0, random_state=0)
    assert np.bincount(y).tolist() == [1761, 39]
    names = [f"f{index}" for index in range(10)]
    write_csv(
        "uneven.csv", [*names, "y"], [[*map(repr, row), ["no", "yes"][k]] for row, k in zip(x.tolist(), y, strict=True)]
    )
    settings = (
        "data.kind=csv",
        "data.path=uneven.csv",
        "data.target=y",
        "data.validation_share=0.2",
        "network.layers=[8, 2]",
    )
    return tuple(part for setting in settings for part in ("--set", setting))


def test_one_answer_only_is_told_by_every_command(
    trained: Modnet, uneven: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    result = trained("train", *uneven, "--epochs", 5, "--quiet", "--out", "run")
    assert result.out.startswith(
        f"Reached validation accuracy 97.78% (352 of 360; {BESIDE}) after 5 epochs and 720 updates"
    )
    of_all = "all 1,440 training samples are classified as 'no', which 97.85% of them are"
    assert caplog.messages == [f"modnet: {of_all}; what would help: modnet dampening run"]

    assert f"accuracy: 97.78% ({BESIDE})" in trained("evaluate", "run").lines
    lines = trained("plot", "run").lines
    assert lines[0].startswith(
        f"Reached validation accuracy 97.78% (352 of 360 validation samples are correct; {BESIDE}) after 5 epochs"
    )
    assert lines[1] == f"Problem: {PROBLEM}."
    told = json.loads(trained("plot", "run", "--json").out)
    assert told["problem"] == {"kind": "one-class", "text": PROBLEM}
    assert told["scores"]["classes"]["balanced_accuracy"] == 0.5

    assert f"Problem: {of_all}." in " ".join(trained("dampening", "run", "--no-suggestion").out.split())
    assert f"352 of 360 validation samples are correct; {BESIDE}" in trained("report", "run").out
    page = Path("run/report.html").read_text()
    for text in (PROBLEM, of_all, BESIDE):
        assert text.replace("'", "&#x27;") in page
    assert "No problem" not in page


def test_the_warning_is_on_standard_error(uneven: tuple[str, ...], tmp_path: Path) -> None:
    ended = process(tmp_path, "train", *uneven, "--epochs", "5", "--quiet", "--out", "run")
    assert ended.returncode == 0
    assert ended.stderr.startswith("modnet: all 1,440 training samples are classified as 'no'")
    assert ended.stderr.count("\n") == 1


def test_what_helps_is_balanced_weights(
    trained: Modnet, uneven: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    weighted = ("--set", "data.class_weight=balanced", "--epochs", "5", "--quiet", "--out", "run")
    line = trained("train", *uneven, *weighted).out
    assert "always answering 'no' would give 97.78%) after" in line
    assert "balanced 50.00%" not in line
    assert caplog.messages == []
    assert "Problem" not in trained("plot", "run").out


def test_the_best_of_a_comparison_stands_beside_the_largest_class(trained: Modnet, uneven: tuple[str, ...]) -> None:
    rates = ("--set", "optimizer.learning_rate=0.1,1.0", "--epochs", "1", "--jobs", "1", "--quiet")
    out = " ".join(trained("compare", *uneven, *rates).out.split())
    assert re.search(
        r"Best: .*; validation accuracy [\d.]+% \(always answering the largest class would give 97.78%\)", out
    )
    out = " ".join(trained("compare", *uneven, *rates, "--folds", "2").out.split())
    assert "% (always answering the largest class would give 97.83%)" in out  # 1,761 of 1,800
    out = " ".join(trained("compare", *uneven, *rates, "--metric", "cost").out.split())
    assert "Best: " in out
    assert "always" not in out


def test_even_classes_have_a_plain_headline(trained: Modnet) -> None:
    assert "balanced" not in trained("train", "--epochs", 2, "--quiet", "--out", "run").out
    assert "balanced" not in trained("evaluate", "run").out + trained("plot", "run").out


def test_explain_says_what_cannot_learn(modnet: Modnet, caplog: pytest.LogCaptureFixture) -> None:
    layers = 'network.layers=[30, {kind="dense", units=10, activation="relu"}]'
    assert modnet("explain", "--set", layers, "--set", "network.cost=categorical-cross-entropy").code == 0
    (message,) = caplog.messages
    assert message.startswith("modnet: network.layers.1.activation: relu gives values from 0 upwards")
    caplog.clear()
    assert modnet("explain").code == 0
    assert caplog.messages == []
