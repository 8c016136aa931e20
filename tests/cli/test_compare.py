"""``modnet compare``: the types of gradient descent from the same start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.running import Flowers, Modnet, history_of, table_in


def test_each_has_the_figures_of_a_run_of_its_own(trained: Modnet) -> None:
    listed = json.loads(trained("compare", "--epochs", 2, "--json").out)
    assert [result["optimizer"] for result in listed] == ["batch", "stochastic", "mini-batch"]
    assert [result["updates"] for result in listed] == [2, 2 * 1437, 2 * 144]
    for result in listed:
        kind = result["optimizer"]
        trained("train", "--set", f"optimizer.kind={kind}", "--epochs", 2, "--quiet", "--out", kind)
        last = history_of(kind)[-1]
        assert (result["epochs"], result["part"]) == (2, "test")
        assert (result["cost"], result["accuracy"]) == (last["test_cost"], last["test_accuracy"])
        assert result["seconds"] > 0


def test_the_table_has_a_row_for_each(trained: Modnet) -> None:
    options = ("compare", "--epochs", 1, "--optimizers", "mini-batch, batch")
    listed = json.loads(trained(*options, "--json").out)
    title, names, rows = table_in(trained(*options).lines, 2)
    assert title == "1 epoch each, evaluated on the test samples"
    assert names == ["optimizer", "updates", "seconds", "cost", "accuracy"]
    assert [[cell for index, cell in enumerate(row) if index != 2] for row in rows] == [
        [result["optimizer"], f"{result['updates']:,}", f"{result['cost']:.6g}", f"{result['accuracy']:.2%}"]
        for result in listed
    ]


def test_a_file_and_settings_say_what_is_compared(trained: Modnet, flowers: Flowers) -> None:
    Path("my.toml").write_text('[optimizer]\nkind = "mini-batch"\nbatch_size = 30\nrule = "momentum"\n')
    options = ("my.toml", *flowers.train, "--epochs", 4, "--seed", 2)
    listed = json.loads(trained("compare", *options, "--optimizers", "mini-batch,batch", "--json").out)
    assert [(result["part"], result["updates"]) for result in listed] == [("train", 4 * 3), ("train", 4)]
    trained("train", *options, "--quiet", "--out", "run")
    found = json.loads(trained("evaluate", "run", "--json").out)
    assert listed[0]["cost"] == found["cost"]


def test_no_kind_at_all_is_refused(modnet: Modnet) -> None:
    result = modnet("compare", "--epochs", 1, "--optimizers", ",")
    assert (result.code, len(result.err.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--optimizers", "batch,mini-bach"), "optimizer: unknown optimizer 'mini-bach'; did you mean 'mini-batch'?"),
        (("--set", "optimizer.batch_size=5000"), "optimizer.batch_size: 5000 is more than the 1437 training samples"),
    ],
)
def test_everything_is_checked_before_anything_is_trained(
    modnet: Modnet, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], error: str
) -> None:
    swept = []
    monkeypatch.setattr("modnet.training.epoch.EpochRunner.run", lambda *whatever: swept.append(whatever))
    result = modnet("compare", "--epochs", 1, *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")
    assert swept == []
