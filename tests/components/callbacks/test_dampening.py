"""The callback that warns, once, of a network that does not learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.configurations import DEEP_SIGMOID, SCALED, configured, layers
from training.resuming import interrupting

from modnet import Trainer
from modnet.analysis.gradients.callback import LOG, read_flows
from modnet.core.errors import Interrupted

WATCHED = DEEP_SIGMOID | {"epochs": 8, "callbacks": [{"kind": "dampening", "patience": 3}]}


def test_it_warns_once_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Trainer.from_config(WATCHED).fit()
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    # 144 updates an epoch: from 300 on, after the third, it is found three times in a row.
    assert err.startswith("modnet: epoch 5: δ shrinks ")
    assert err.endswith("layers 1 and 2 hardly learn; what would help: modnet dampening CONFIG\n")


def test_what_begins_to_learn_late_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    late = configured(layers([30, 30, 30, 10], **SCALED)) | {"callbacks": ["dampening"], "seed": 5, "epochs": 20}
    run = Trainer.from_config(late).fit()
    assert run.history[-1]["accuracy"] > 0.9
    assert capsys.readouterr().err == ""


def test_a_class_that_is_not_learnt_is_told_when_little_more_is(capsys: pytest.CaptureFixture[str]) -> None:
    stuck = configured(layers([100, 10])) | {"callbacks": ["dampening"], "seed": 2, "epochs": 20}
    Trainer.from_config(stuck).fit()
    err = capsys.readouterr().err
    assert err.startswith(
        "modnet: epoch 17: in layer 2, the output, neuron 7 (class 7) gives the same output for every sample"
    )
    assert err.count("\n") == 1


@pytest.mark.parametrize(("epochs", "lines"), [(2, 0), (3, 1)])
def test_a_short_training_is_told_at_its_end(epochs: int, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    Trainer.from_config(WATCHED | {"epochs": epochs, "callbacks": ["dampening"]}).fit()
    assert capsys.readouterr().err.count("\n") == lines


def test_early_stopping_does_not_keep_it_from_warning(capsys: pytest.CaptureFixture[str]) -> None:
    stopping = {"kind": "early-stopping", "monitor": "cost", "patience": 4, "minimum_gain": 0.05}
    run = Trainer.from_config(WATCHED | {"callbacks": ["dampening", stopping]}).fit()
    assert run.stopped
    assert capsys.readouterr().err.count("modnet: epoch 5: δ shrinks") == 1


def test_the_training_is_what_it_is_without(tmp_path: Path) -> None:
    table: dict[str, Any] = {"epochs": 2, "network": {"layers": [20, {"kind": "dropout", "rate": 0.2}, 10]}}
    watched = Trainer.from_config(table | {"callbacks": ["dampening"]}).fit(out=tmp_path / "run")
    alone = Trainer.from_config(table).fit()
    np.testing.assert_array_equal(watched.network.parameters, alone.network.parameters)
    assert [row["cost"] for row in watched.history] == [row["cost"] for row in alone.history]
    assert [each.epochs for each in read_flows(tmp_path / "run")] == [0, 1, 2]


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    Trainer.from_config(WATCHED).fit(out=whole)
    told = capsys.readouterr().err
    with interrupting(144 * 3 + 50), pytest.raises(Interrupted):
        Trainer.from_config(WATCHED).fit(out=parts)
    capsys.readouterr()
    Trainer.resume(parts)
    assert capsys.readouterr().err == told.replace(str(whole), str(parts))
    assert read_flows(parts) == read_flows(whole)
    assert (whole / LOG).read_text().count("\n") == 9
