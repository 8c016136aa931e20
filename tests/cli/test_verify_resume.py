"""``modnet verify-resume``, and ``modnet train --resume`` where it cannot go on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from cli.running import ENVIRONMENT, Flowers, Modnet, history_of, process
from training.resuming import interrupting

FORGETFUL = '''
from typing import Literal
import modnet

class Forgetful(modnet.Optimizer):
    """Orders its samples with a generator of its own, which no seed and no checkpoint restores."""

    kind: Literal["forgetful"] = "forgetful"

    def sweeps(self, data, rng, state):
        import numpy
        return [modnet.Sweep(numpy.random.default_rng().permutation(len(data)), 10)]

@modnet.hookimpl
def modnet_components():
    return [Forgetful]
'''


def test_the_sentence_says_what_was_compared(modnet: Modnet, flowers: Flowers) -> None:
    result = modnet("verify-resume", *flowers.train, "--epochs", 2, "--times", 1, "--seed", 3)
    assert (result.code, result.err) == (0, "")
    start, _, end = result.out.partition(" of 18 and resumed in new processes: ")
    assert 1 <= int(start.removeprefix("Interrupted after update ")) <= 18
    assert end == "every bit of θ, the states of rule, optimizer and callbacks, and the history is the same.\n"
    assert [path.name for path in Path().iterdir()] == ["flowers.csv"]


def test_one_file_in_three_parts(modnet: Modnet) -> None:
    rng = np.random.default_rng(0)
    np.savez("visits.npz", x=rng.normal(size=(60, 2)), y=np.arange(60) % 2, patient=np.arange(60) // 4)
    shares = ("data.kind=npz", "data.path=visits.npz", "data.group=patient", "data.test_share=0.2",
              "data.validation_share=0.25", "network.layers=[3, 2]")  # fmt: skip
    settings = [part for setting in shares for part in ("--set", setting)]
    report = json.loads(modnet("verify-resume", *settings, "--epochs", 2, "--times", 1, "--json").out)
    assert (report["same"], report["updates"]) == (True, 8)  # of 36 samples in batches of 10
    modnet("train", *settings, "--epochs", 1, "--quiet", "--out", "run")
    assert {name[:4] for name in history_of("run")[0]} >= {"vali", "test"}
    assert json.loads(modnet("evaluate", "run", "--json").out)["samples"] == 12
    error = modnet("train", *settings, "--set", "data.test_share=1.0")
    assert (error.code, error.err) == (2, "modnet: data.test_share: 1.0 should be less than 1\n")


def test_what_differs_is_named_and_the_status_is_1(tmp_path: Path) -> None:
    (tmp_path / "forgetful.py").write_text(FORGETFUL)
    information = tmp_path / "modnet_forgetful-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: modnet-forgetful\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[modnet]\nforgetful = forgetful\n")
    paths = os.pathsep.join([ENVIRONMENT["PYTHONPATH"], str(tmp_path)])
    arguments = ("verify-resume", "--epochs", "2", "--times", "1", "--set", "optimizer.kind=forgetful", "--json")
    result = process(tmp_path, *arguments, PYTHONPATH=paths)
    assert result.returncode == 1, result.stderr
    report = json.loads(result.stdout)
    assert report["same"] is False
    assert report["updates"] == 288
    assert {"θ", "model θ", "history.1.cost"} <= set(report["differences"])
    assert not {"updates", "epochs", "history.1.epoch"} & set(report["differences"])
    refused = process(tmp_path, *arguments, "--no-plugin", "modnet-forgetful", PYTHONPATH=paths)
    assert refused.returncode == 2
    assert "modnet-forgetful 1.0 is disabled" in refused.stderr


def test_a_disabled_plug_in_is_not_imported_by_the_trainings_either(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('was imported')")
    information = tmp_path / "modnet_broken-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: modnet-broken\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[modnet]\nbroken = broken\n")
    environment = {
        "PYTHONPATH": os.pathsep.join([ENVIRONMENT["PYTHONPATH"], str(tmp_path)]),
        "MODNET_STRICT_PLUGINS": "1",
    }
    arguments = ("verify-resume", "--epochs", "2", "--times", "1")
    result = process(tmp_path, *arguments, "--no-plugin", "modnet-broken", **environment)
    assert (result.returncode, result.stderr) == (0, "")
    refused = process(tmp_path, *arguments, **environment)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "was imported" in refused.stderr


def test_what_cannot_be_verified_is_one_line(modnet: Modnet) -> None:
    for arguments, match in [
        (("--epochs", 0), "modnet: epochs: 0 leaves no point at which to interrupt; allowed: more epochs\n"),
        (
            ("--set", "optimizer.batch_size=9999", "--set", "optimizer.drop_last=true"),
            "modnet: optimizer.batch_size: 9999 is more than the",
        ),
        (("--set", "seeds=1"), "modnet: seeds: "),
    ]:
        result = modnet("verify-resume", *arguments)
        assert (result.code, result.out) == (2, "")
        assert match in result.err
        assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--resume", "nowhere"), "nowhere: no run folder or checkpoint is here"),
        (("--resume", "run", "run/config.toml"), "--resume run: cannot be combined with CONFIG; allowed: --epochs"),
        (("--resume", "run", "--set", "epochs=9"), "--resume run: cannot be combined with --set; allowed: --epochs"),
        (("--resume", "run", "--seed", "9"), "--resume run: cannot be combined with --seed; allowed: --epochs"),
        (("--resume", "run", "--dtype", "float32"), "--resume run: cannot be combined with --dtype; allowed: --epochs"),
        (("--resume", "run", "--out", "other"), "--resume run: cannot be combined with --out; allowed: --epochs"),
        (("--resume", "run", "--epochs", "few"), "epochs: 'few' should be"),
        (("--resume", "run", "--epochs", "1"), "epochs: 1 is fewer than the 2 completed epochs of run/checkpoints/"),
        (("--resume", "run"), "run: the run has ended after 2 epochs; pass a larger number of epochs to continue"),
    ],
)
def test_a_resume_that_cannot_be_is_one_line(modnet: Modnet, arguments: tuple[str, ...], error: str) -> None:
    kept = ("--set", 'callbacks=["checkpoint"]', "--set", "network.layers=[10]")
    modnet("train", "--epochs", 2, "--out", "run", "--quiet", *kept)
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    result = modnet("train", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"modnet: {error}"), result.err
    assert result.err.count("\n") == 1
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before


def test_a_resumed_run_shows_its_progress_and_its_sentence(modnet: Modnet) -> None:
    with interrupting(200):
        interrupted = modnet("train", "--epochs", 3, "--out", "run", "--quiet")
    assert (interrupted.code, interrupted.out) == (130, "")
    assert interrupted.err == "modnet: interrupted after 288 updates; resume with: modnet train --resume run\n"
    result = modnet("train", "--resume", "run", "--epochs", 4)
    assert (result.code, result.err) == (0, "")
    assert [line.partition(":")[0] for line in result.lines[:-1]] == ["Epoch 2/4", "Epoch 3/4", "Epoch 4/4"]
    assert " after 4 epochs and 576 updates in " in result.lines[-1]
    quiet = modnet("train", "--epochs", 4, "--out", "whole", "--quiet")
    assert quiet.out.split(" in ")[0] == result.lines[-1].split(" in ")[0]
    ours, theirs = ([{**row, "seconds": 0} for row in history_of(folder)] for folder in ("run", "whole"))
    assert ours == theirs
