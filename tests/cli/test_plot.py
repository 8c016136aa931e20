"""``modnet plot``: what it says, what it draws, and what it refuses."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.running import Flowers, Modnet, history_of, outputs_of

from modnet import Results, Trainer, results
from modnet.analysis.plots.figure import distinct_names, legible, render
from modnet.analysis.plots.results import result_pictures, results_figure
from modnet.data.datasets.arrays import Digits

HOSTILE = [f"a class with a long name {i}: $x_{i}$ <script>" for i in range(9)] + ["中文 \n név"]
SVG = "{http://www.w3.org/2000/svg}"


def train_on(x: np.ndarray, y: Any, **settings: Any) -> str:
    """Train on these arrays in the current folder, and return the run's name."""
    np.savez("some.npz", x=x, y=y)
    config = {"epochs": 2, "data": {"kind": "npz", "path": "some.npz", "validation_share": 0.3}} | settings
    Trainer.from_config(config).fit(out="run")
    return "run"


def is_whole(figure: Any) -> bool:
    """Return whether all that is drawn lies within the figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box, (width, height) = figure.get_tightbbox(canvas.get_renderer()), figure.get_size_inches()
    most = 1e-6  # of an inch, for rounding
    return bool(min(box.x0, box.y0) >= -most and box.x1 <= width + most and box.y1 <= height + most)


@pytest.fixture
def run(trained: Modnet) -> str:
    trained("train", "--epochs", 3, "--quiet", "--out", "run")
    return "run"


def test_the_text_says_what_was_reached_and_where_the_pictures_are(trained: Modnet, run: str) -> None:
    lines = trained("plot", run, "--mistakes", 2).lines
    x, y = Digits().load().test
    a = outputs_of(run, x)
    costs, wrong = 0.5 * np.sum((a - np.eye(10)[y]) ** 2, axis=1), np.flatnonzero(a.argmax(axis=1) != y)
    worst = wrong[np.argsort(-costs[wrong])][:2]
    best = min(history_of(run), key=lambda row: row["test_cost"])
    right = 360 - len(wrong)
    assert lines[0].startswith(f"Reached test accuracy {right / 3.6:.2f}% ({right} of 360 test samples are correct)")
    assert lines[1] == f"best test cost {best['test_cost']:.4g} in epoch {best['epoch'] + 1}"
    assert lines[4] == f"The worst 2 of {len(wrong)} mistakes among 360 test samples:"
    assert lines[5:7] == [
        f"  sample {at}: true {y[at]}, predicted {a[at].argmax()}, cost {costs[at]:.3g}" for at in worst.tolist()
    ]
    assert lines[7:] == [f"drawn: run/pictures/{name}.svg" for name in ("curves", "confusion", "mistakes")]
    for line in lines[7:]:
        assert ET.parse(line.removeprefix("drawn: ")).getroot().tag == f"{SVG}svg"  # noqa: S314 -- our own


def test_every_mistake_is_drawn_as_an_image_of_its_pixels(run: str) -> None:
    found = results(run, mistakes=5)
    figure = render([one for one in result_pictures(found) if one.name == "mistakes"])
    images = [axes.images[0].get_array() for axes in figure.findobj(lambda one: bool(getattr(one, "images", ())))]
    assert [image.shape for image in images] == [(8, 8)] * 5
    x = Digits().load().test[0]
    largest = max(x[mistake.sample].max() for mistake in found.mistakes)
    for image, mistake in zip(images, found.mistakes, strict=True):
        np.testing.assert_allclose(np.asarray(image) * largest, x[mistake.sample].reshape(8, 8))


def test_the_numbers_come_as_json_and_without_matplotlib(
    modnet: Modnet, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = modnet("plot", run, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    x, y = Digits().load().test
    predicted = outputs_of(run, x).argmax(axis=1)
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (y, predicted), 1)
    assert found["confusion"]["counts"] == counts.tolist()
    assert found["curves"][0]["values"]["test"] == [row["test_cost"] for row in history_of(run)]
    assert (found["part"], found["samples"], found["known"], found["image"]) == ("test", 360, True, [8, 8])
    assert not Path(run, "pictures").exists()
    monkeypatch.setattr("modnet.cli.plot.results", None)
    result = modnet("plot", run)
    assert (result.code, result.err) == (2, "modnet: pictures need matplotlib: pip install matplotlib\n")
    assert result.out == ""
    assert not Path(run, "pictures").exists()


def test_all_in_one_picture_and_folders_of_ones_own(trained: Modnet, run: str) -> None:
    assert trained("plot", run, "--json", "--plot", "all.png", "--out", "a/b").out.count("\n") == 1
    assert Path("all.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in Path("a/b").iterdir()) == ["confusion.svg", "curves.svg", "mistakes.svg"]
    assert not Path(run, "pictures").exists()


def on_classes(rng: np.random.Generator, classes: int) -> Results:
    y = rng.integers(0, classes, 400)
    x = rng.normal(size=(400, 4)) + y[:, None]
    labels = np.array([f"{name} {i}" for i, name in enumerate((HOSTILE * 4)[:classes])])
    return results(train_on(x, labels[y], network={"layers": [classes]}))


def on_numbers(rng: np.random.Generator, outputs: int) -> Results:
    x = rng.normal(size=(50, 9))
    layer = {"kind": "dense", "units": outputs, "activation": "identity"}
    return results(train_on(x, x[:, :outputs] * 1e3, network={"layers": [layer]}, optimizer={"learning_rate": 0.01}))


@pytest.mark.usefixtures("modnet")
def test_nothing_is_cut_off(rng: np.random.Generator) -> None:
    for one in result_pictures(on_classes(rng, 10)):
        assert is_whole(render([one])), one.name


@pytest.mark.usefixtures("modnet")
def test_numbers_are_drawn_against_each_other(rng: np.random.Generator) -> None:
    found = on_numbers(rng, 2)
    assert [one.name for one in result_pictures(found)] == ["curves", "fit", "mistakes"]
    assert is_whole(results_figure(found))


@pytest.mark.soak
@pytest.mark.usefixtures("modnet")
@pytest.mark.parametrize("make", [on_classes, on_numbers])
@pytest.mark.parametrize("count", [2, 3, 8, 13, 30, 35])
def test_nothing_is_cut_off_whatever_there_is(
    rng: np.random.Generator, make: Callable[[np.random.Generator, int], Results], count: int
) -> None:
    found = make(rng, min(count, 8) if make is on_numbers else count)
    for one in result_pictures(found):
        assert is_whole(render([one])), one.name
    assert is_whole(results_figure(found))


@pytest.mark.usefixtures("modnet")
def test_of_more_than_thirty_classes_those_with_the_most_mistakes_are_shown(rng: np.random.Generator) -> None:
    text = next(one.text for one in result_pictures(on_classes(rng, 35)) if one.name == "confusion")
    assert "the 29 classes with the most mistakes, of 35" in text


def test_a_run_of_no_epoch_and_a_run_without_mistakes(trained: Modnet, rng: np.random.Generator) -> None:
    trained("train", "--epochs", 0, "--quiet", "--out", "none")
    assert [one.name for one in result_pictures(results("none"))] == ["confusion", "mistakes"]
    y = np.arange(60) % 2
    train_on(rng.normal(size=(60, 2)) + 20.0 * y[:, None] - 10.0, y, network={"layers": [2]}, epochs=30)
    lines = trained("plot", "run").lines
    assert lines[-4:] == [
        "No class was confused with another.",
        "No mistakes: all 18 validation samples are correct.",
        "drawn: run/pictures/curves.svg",
        "drawn: run/pictures/confusion.svg",
    ]


def test_names_are_short_legible_and_distinct() -> None:
    shown = distinct_names(HOSTILE)
    assert len(set(shown)) == 10
    assert all(len(name.replace("\\", "")) <= 18 for name in shown)
    assert shown[-1] == "?? név"
    assert shown[3] == "…3: \\$x_3\\$ <script>"
    assert distinct_names(["same", "same", "other"]) == ["same [0]", "same [1]", "other"]
    assert legible("$") == "\\$"
    assert legible(" \n ") == "(empty)"


def test_a_changed_file_is_refused(modnet: Modnet, flowers: Flowers) -> None:
    share = ("--set", "data.validation_share=0.2")
    assert modnet("train", *flowers.train, *share, "--epochs", 2, "--quiet", "--out", "run").code == 0
    assert "is not the cost of any epoch" not in modnet("plot", "run").out
    flowers.write("flowers.csv", rows=slice(0, 60))
    result = modnet("plot", "run")
    assert (result.code, result.out) == (2, "")
    assert "validation samples: are not those of run: 12 rows, 18 at the training; allowed: --data FILE" in result.err


@pytest.mark.parametrize("command", ["plot", "report"])
@pytest.mark.parametrize(
    ("damage", "arguments", "error"),
    [
        (None, ("none",), "none: is not a run folder"),
        (None, ("flowers.csv",), "flowers.csv: is not a run folder"),
        ("model.safetensors", (), "run: no model file or run folder with model.safetensors is here"),
        ("history.jsonl", (), "run: is not a run folder: it has no history.jsonl"),
        ("flowers.csv", (), "flowers.csv: cannot be read: No such file or directory"),
        (None, ("run", "--part", "test"), "--part test: the data has none; allowed: train"),
        (
            None,
            ("run", "--image", "2 by 2"),
            "--image 2 by 2: is not a size; allowed: auto, none, or ROWSxCOLUMNS ",
        ),
        (None, ("run", "--image", "3x3"), "--image 3 × 3: a sample has 4 features; "),
        (None, ("run", "--mistakes", "-1"), "Invalid value for '--mistakes'"),
    ],
)
def test_what_cannot_be_drawn(
    modnet: Modnet, flowers: Flowers, command: str, damage: str | None, arguments: tuple[str, ...], error: str
) -> None:
    assert modnet("train", *flowers.train, "--epochs", 1, "--quiet", "--out", "run").code == 0
    if damage is not None:
        (Path(damage) if damage.startswith("flowers") else Path("run", damage)).unlink()
    result = modnet(command, *(arguments or ("run",)))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")


@pytest.mark.parametrize("command", ["plot", "report"])
def test_a_damaged_history_is_one_line(modnet: Modnet, run: str, command: str) -> None:
    with Path(run, "history.jsonl").open("a") as file:
        file.write('{"epoch": 3, "co')
    result = modnet(command, run)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "modnet: run/history.jsonl: line 4 is damaged; a JSON object with epoch and cost is expected\n"
    )


@pytest.mark.parametrize(
    ("option", "place", "error"),
    [
        ("--plot", "a.gif", "a.gif: cannot be drawn as 'gif'"),
        ("--plot", "none/a.png", "--plot none/a.png: cannot be written: No such file or directory"),
        ("--out", "run/config.toml", "--out run/config.toml: cannot be written: Not a directory"),
    ],
)
def test_where_no_picture_can_go(modnet: Modnet, run: str, option: str, place: str, error: str) -> None:
    result = modnet("plot", run, option, place)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert result.err.startswith(f"modnet: {error}")
