"""``modnet dampening``: the text, the JSON, the picture, and a patch that can be used as it is."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from cli.running import Flowers, Modnet, history_of
from matplotlib.figure import Figure

from modnet.analysis.gradients.vanishing import dampening
from modnet.analysis.plots.gradients import flow_figure

TOO_FAST = ("--set", "optimizer.learning_rate=5000", "--seed", 1)


def test_a_network_that_learns_is_well(trained: Modnet) -> None:
    told = json.loads(trained("dampening", "--json").out)
    assert (told["source"], told["samples"], told["well"], told["findings"]) == (None, 512, True, [])
    assert (told["patch"], told["remedy"]["after"], told["remedied"], told["epochs"]) == (None, None, None, [])
    text = trained("dampening").out
    assert " ".join(text.partition("\n\n")[0].split()) == told["verdict"]
    assert text.endswith("None of the changes is better by a wide margin.\n")
    assert max(map(len, text.splitlines())) <= 80
    assert "Suggested fix" not in text
    for title, key in (("At the start", "start"), (f"After {told['trial']['updates']:,} updates", "end")):
        rows = text.splitlines()[text.splitlines().index(title) + 3 :][:2]
        for row, layer in zip(rows, told[key]["layers"], strict=True):
            figures = [layer["delta"], layer["ratio"], layer["slope"], layer["weights"], layer["update"]]
            shown = [f"{figure:.2g}" for figure in figures if figure is not None]
            saturated = f"{layer['saturated']:.0%}"
            assert row.split() == [str(layer["number"]), "sigmoid", str(layer["units"]), *shown, saturated, "0"]


def test_the_patch_is_used_as_it_is_printed(trained: Modnet, flowers: Flowers) -> None:
    options = (*flowers.train, *TOO_FAST)
    told = json.loads(trained("dampening", *options, "--json").out)
    assert not told["well"]
    assert told["remedy"]["held_out"] == 0
    assert len(told["remedy"]["tried"]) > 20
    text = trained("dampening", *options).out
    assert max(map(len, text.splitlines())) <= 80
    command = text.partition("Suggested fix:\n\n")[2].replace("\\\n", " ")
    arguments = shlex.split(command)
    assert arguments[:2] == ["modnet", "train"]
    settings = dict(setting.split("=", 1) for setting in arguments[3::2])
    assert {key: str(value) for key, value in told["patch"].items()}.items() <= settings.items()
    assert settings["seed"] == "1"
    trained(*arguments[1:], "--quiet", "--out", "run")
    assert history_of("run")[-1]["accuracy"] > 0.9


def test_of_a_run_its_epochs_are_told_and_drawn(modnet: Modnet) -> None:
    result = modnet("train", "--epochs", 3, "--set", 'callbacks=["dampening"]', "--quiet", "--out", "run")
    assert (result.code, result.err) == (0, "")
    result = modnet("dampening", "run", "--plot", "flow.svg", "--json")
    assert (result.code, result.err) == (0, "")
    told = json.loads(result.out)
    assert (told["source"], told["trial"], [each["epochs"] for each in told["epochs"]]) == ("run", None, [0, 1, 2, 3])
    assert Path("flow.svg").read_bytes().startswith(b"<?xml")
    assert "At the end of the run" in modnet("dampening", "run").out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--samples", "0"), "Invalid value for '--samples': 0 is not in the range x>=1."),
        (("--plot", "flow.txt"), "flow.txt: cannot be drawn as 'txt'; allowed: .pdf, .png, .svg"),
        (("run", "--epochs", "3"), "run: is a run; --epochs only applies to a configuration"),
        (("run",), "run: is not a run folder: it has no config.toml"),
        (("--set", "network.layers=[30, 9]"), "network.layers.1: the output layer has 9 units"),
        (("missing.toml",), "missing.toml: cannot be read: No such file"),
        (
            ("run/model.safetensors",),
            "run/model.safetensors: is a model file, without a history; allowed: a run folder",
        ),
    ],
)
def test_bad_input_is_one_line(modnet: Modnet, arguments: tuple[str, ...], error: str) -> None:
    Path("run").mkdir()
    result = modnet("dampening", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")


def test_without_matplotlib_a_plot_is_refused_before_any_work(modnet: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    monkeypatch.setattr("modnet.cli.dampening.dampening", None)
    result = modnet("dampening", "--set", "network.layers=[10]", "--no-suggestion", "--plot", "flow.png", "--json")
    assert (result.code, result.out) == (2, "")
    assert result.err == "modnet: pictures need matplotlib: pip install matplotlib\n"


def lines_of(figure: Figure, place: int) -> dict[str, tuple[list[float], list[float]]]:
    axes = figure.axes[place]
    return {str(line.get_label()): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


def test_the_picture_shows_the_numbers(flowers: Flowers, trained: Modnet) -> None:
    trained("train", *flowers.train, *TOO_FAST, "--epochs", 40, "--quiet", "--out", "run")
    found = dampening("run")
    figure = flow_figure(found)
    assert figure.axes[0].get_yscale() == "log"
    drawn = lines_of(figure, 0)
    assert list(drawn)[:2] == ["as it is, at the start", "as it is, at the end of the run"]
    assert found.patched_start is not None
    for label, flow in (
        ("as it is, at the start", found.start),
        ("with what would help, at the start", found.patched_start),
    ):
        assert drawn[label] == ([1, 2], [layer.delta for layer in flow.layers])
    assert re.sub(r"\s+", " ", figure.get_suptitle()) == found.verdict


def test_a_norm_of_0_has_a_place_on_the_axis(modnet: Modnet) -> None:
    del modnet  # which makes the current folder
    parts = [{"kind": "dense", "units": units, "initializer": "zeros"} for units in (5, 10)]
    found = dampening({"network": {"layers": parts}, "epochs": 1}, suggest=False)
    assert found.start.layers[0].delta == 0.0
    figure = flow_figure(found)
    figure.canvas.draw()
    axes = figure.axes[0]
    foot = lines_of(figure, 0)["as it is, at the start"][1][0]
    assert axes.get_ylim()[0] < foot == 0.0 < found.start.layers[1].delta
    labels = {tick: label.get_text() for tick, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)}
    assert "0" in labels[foot]
