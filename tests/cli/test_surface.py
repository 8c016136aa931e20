"""``modnet surface``: numbers, pictures, and one line for everything that cannot be done."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from cli.running import Flowers, Modnet, table_in
from cli.test_terminal import CONTROL, on_a_terminal

from modnet import load_config, surface

FAST = ("--epochs", 2, "--resolution", 4)


def test_its_numbers_are_those_of_the_library(trained: Modnet, flowers: Flowers) -> None:
    options = (*flowers.train, "--epochs", 3, "--seed", 5)
    printed = json.loads(
        trained("surface", *options, "--optimizers", "mini-batch,batch", "--resolution", 4, "--json").out
    )
    config = load_config(None, [*flowers.train[1::2], "epochs=3", "seed=5"])
    assert printed == surface(config, ["mini-batch", "batch"], resolution=4).to_dict()
    assert [path["optimizer"] for path in printed["paths"]] == ["mini-batch", "batch"]
    assert [path["updates"][-1] for path in printed["paths"]] == [27, 3]


def test_the_text_says_costs_noise_and_share(trained: Modnet, flowers: Flowers) -> None:
    options = ("surface", *flowers.train, *FAST)
    found = json.loads(trained(*options, "--json").out)
    lines = trained(*options).lines
    title, names, rows = table_in(lines, 3)
    assert title == "2 epochs each; cost of 90 training samples"
    assert names == ["optimizer", "updates", "first cost", "last cost", "lowest cost", "cost rose", "path length"]
    assert rows == [
        [
            path["optimizer"],
            f"{path['updates'][-1]:,}",
            *(f"{cost:.6g}" for cost in (path["costs"][0], path["costs"][-1], min(path["costs"]))),
            f"{path['rises']} of {len(path['costs']) - 1}",
            f"{path['detour']:,.1f} x",
        ]
        for path in found["paths"]
    ]
    share = f"{found['views'][0]['share']:.0%}"
    assert lines[-1].startswith(f"The plane of the principal directions captures {share} of the trajectories' variance")


def test_pictures_are_written_beside_the_numbers(
    trained: Modnet, flowers: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modnet.analysis.plots.animation._FRAMES", 3)
    options = (*flowers.train, *FAST, "--directions", "random", "--samples", 40)
    result = trained("surface", *options, "--plot", "way.svg", "--animate", "way.gif")
    assert "cost of 40 of 90 training samples" in result.lines[0]
    assert "The plane of the random directions captures " in result.lines[-1]
    assert Path("way.svg").read_text().startswith("<?xml")
    assert Path("way.gif").read_bytes().startswith(b"GIF89a")


def test_without_matplotlib_a_plot_is_refused_before_any_work(
    modnet: Modnet, flowers: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("surface", *flowers.train, *FAST, "--optimizers", "batch")
    expected = modnet(*options)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert modnet(*options) == expected
    monkeypatch.setattr("modnet.cli.surface.surface", None)
    for picture in (("--plot", "way.png"), ("--animate", "way.gif")):
        result = modnet(*options, *picture)
        assert (result.code, result.out) == (2, "")
        assert result.err == "modnet: pictures need matplotlib: pip install matplotlib\n"
    assert sorted(path.name for path in Path().iterdir()) == ["flowers.csv"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ("--optimizers", "batch,mini-bach"),
            "optimizer: unknown optimizer 'mini-bach'; did you mean 'mini-batch'?",
        ),
        (("--optimizers", ","), "--optimizers ,: no optimizer is given; allowed: one or more kinds"),
        (
            ("--set", "optimizer.batch_size=5000", "--set", "optimizer.drop_last=true"),
            "optimizer.batch_size: 5000 is more than the 1437 training samples",
        ),
        (("--plot", "way.bmp"), "way.bmp: cannot be drawn as 'bmp'; allowed: .pdf, .png, .svg"),
        (("--animate", "way.mp4"), "way.mp4: cannot be drawn as 'mp4'; allowed: .gif"),
        (("--epochs", 0), "epochs: 0 makes no trajectory; allowed: 1 or more"),
        (("--directions", "up"), "Invalid value for '--directions'"),
        (("--samples", 0), "Invalid value for '--samples'"),
        (("nothing.toml",), "nothing.toml: cannot be read"),
    ],
)
def test_everything_is_checked_before_anything_is_trained(
    modnet: Modnet, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], error: str
) -> None:
    swept = []
    monkeypatch.setattr("modnet.training.epoch.EpochRunner.run", lambda *whatever: swept.append(whatever))
    result = modnet("surface", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")
    assert swept == []


def test_an_error_beside_the_data_names_the_file(modnet: Modnet, flowers: Flowers) -> None:
    Path("my.toml").write_text("[optimizer]\nbatch_size = 91\ndrop_last = true\n")
    result = modnet("surface", "my.toml", *flowers.train, *FAST)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert result.err.startswith("modnet: my.toml: optimizer.batch_size: 91 is more than the 90 training samples")


def test_a_training_that_diverges_names_the_optimizer(modnet: Modnet) -> None:
    layers = "network.layers=[{kind='dense', units=10, activation='identity'}]"
    result = modnet("surface", "--set", layers, "--set", "optimizer.learning_rate=1e30", "--optimizers", "mini-batch")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("modnet: optimizer 'mini-batch': epoch 1, update ")


def test_a_picture_that_cannot_be_written_is_one_line(modnet: Modnet, flowers: Flowers) -> None:
    result = modnet("surface", *flowers.train, *FAST, "--optimizers", "batch", "--plot", "nowhere/way.png")
    reason = "cannot be written: No such file or directory"
    assert (result.code, result.out, result.err) == (2, "", f"modnet: --plot nowhere/way.png: {reason}\n")


def test_a_terminal_is_shown_how_far_it_is(tmp_path: Path) -> None:
    code, sent = on_a_terminal(tmp_path, "surface", "--epochs", "2", "--resolution", "9", "--optimizers", "batch")
    assert code == 0
    assert re.search(r"surface +\d/9 ", CONTROL.sub("", sent))
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")  # the cursor is there again
