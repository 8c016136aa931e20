"""Epochs are counted from 1 in what a person reads, and from 0 in files and in JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import Flowers, Modnet, history_of

from modnet import DivergenceError, Trainer, results
from modnet.analysis.plots.figure import render
from modnet.analysis.plots.learning_curves import curve_pictures

ZERO = re.compile(r"\bepochs?[ :=]*0\b", re.IGNORECASE)


def test_every_command_counts_from_1_and_every_file_from_0(flowers: Flowers, modnet: Modnet) -> None:
    share = ("--set", "data.validation_share=0.2", "--epochs", 4)
    commands: dict[str, tuple[Any, ...]] = {
        "train": ("train", *flowers.train, *share, "--set", "callbacks=['checkpoint']", "--out", "run"),
        "ended": ("train", "--resume", "run"),
        "fewer": ("train", "--resume", "run", "--epochs", 2),
        "resumed": ("train", "--resume", "run", "--epochs", 5),
        "plot": ("plot", "run"),
        "report": ("report", "run", "--no-suggestion"),
        "dampening": ("dampening", "run", "--no-suggestion"),
        "compare": ("compare", *flowers.train, *share),
        "surface": ("surface", *flowers.train, "--epochs", 2, "--resolution", 3),
    }
    done = {name: modnet(*arguments) for name, arguments in commands.items()}
    assert [name for name, result in done.items() if result.code] == ["ended", "fewer"]
    said = {name: result.out + result.err for name, result in done.items()}
    said["page"] = re.sub(r"<[^>]*>", " ", Path("run/report.html").read_text(encoding="utf-8"))
    assert not [name for name, text in said.items() if ZERO.search(text)]

    assert re.findall(r"^Epoch (\d+/\d+)", said["train"], re.MULTILINE) == ["1/4", "2/4", "3/4", "4/4"]
    assert re.findall(r"^Epoch (\d+/\d+)", said["resumed"], re.MULTILINE) == ["5/5"]
    assert "the run has ended after 4 epochs" in said["ended"]
    assert "2 is fewer than the 4 completed epochs" in said["fewer"]

    rows = history_of("run")
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3, 4]
    names = sorted(path.name.partition("-update")[0] for path in Path("run/checkpoints").iterdir())
    assert names[-1] == "epoch-00005", "a checkpoint's name says how many epochs are complete"
    best = 1 + int(np.argmin([row["validation_cost"] for row in rows]))
    assert re.search(rf"^best validation cost \S+ in epoch {best}$", said["plot"], re.MULTILINE)
    assert f"in epoch {best}" in said["page"]
    curve = json.loads(modnet("plot", "run", "--json").out)["curves"][0]
    assert (curve["name"], curve["epochs"], curve["best"]) == ("cost", [0, 1, 2, 3, 4], best - 1)

    picture = curve_pictures(results("run"))[0]
    (axes,) = render([picture]).findobj(lambda artist: bool(getattr(artist, "lines", ())))
    *curves, _, star = [[*map(float, line.get_xdata())] for line in axes.lines]
    assert curves == [[1.0, 2.0, 3.0, 4.0, 5.0]] * len(curve["values"])
    assert star == [best]
    assert axes.get_xlim() == (0.5, 5.5)
    assert axes.get_title(loc="left").endswith(f" in epoch {best}")


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_a_divergence_says_1_where_its_attributes_say_0(fails_at: int) -> None:
    x, y = np.linspace(-1.0, 1.0, 12)[:, None], np.linspace(0.0, 1.0, 12)

    class Spoil:
        def __call__(self, training: Any, row: dict[str, Any]) -> None:
            if row["epoch"] == fails_at - 1:
                training.parameters[...] = 1e308

    layers = [{"kind": "dense", "units": 1, "activation": "identity"}]
    config = {"epochs": 3, "network": {"layers": layers}, "optimizer": {"kind": "batch", "learning_rate": 0.1}}
    spoilt = x * (1e200 if fails_at == 0 else 1.0)
    with pytest.raises(DivergenceError) as caught:
        Trainer.from_config(config).fit(spoilt, y, callbacks=[Spoil()])
    error = caught.value
    assert (error.epoch, error.update) == (fails_at, fails_at)
    assert str(error).startswith(f"epoch {fails_at + 1}, update {fails_at + 1}: ")
