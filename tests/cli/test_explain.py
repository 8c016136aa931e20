"""``modnet explain``: the table, both diagrams, the picture, and what it refuses."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from analysis.test_summary import NETWORKS
from cli.running import Flowers, Modnet, process
from safetensors.numpy import load_file

import modnet as tested
from modnet.analysis.plots.network import draw_network


def test_the_documents_network_is_explained_without_anything_given(trained: Modnet) -> None:
    lines = trained("explain").lines
    text = "\n".join(lines)
    assert lines[0].strip() == "modnet network 64-30-10, 2,260 parameters, float64"
    assert next(line.split() for line in lines if "W¹" in line) == (
        ["1", "dense", "W¹", "n₁", "×", "n₀", "30", "×", "64", "1,920", "0:1920"]
    )
    assert next(line.split() for line in lines if "δ²" in line) == ["z²", "a²", "δ²", "m", "×", "n₂", "m", "×", "10"]
    assert "C ───────┼─▶ ⊙──▶ δ₃  ─┼──────┼─▶ ⊙──▶ δ₃" in text
    assert text.index("The network\n") < text.index("The reversed network\n")
    assert max(map(len, lines)) <= 80


def test_a_pipe_gets_no_control_characters(tmp_path: Path) -> None:
    done = process(tmp_path, "explain", "--set", "network.layers=[512, 512, 10]")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "z₅₁₂" in done.stdout


@pytest.mark.parametrize("settings", ["network.layers=[10]", f"network.layers={[12] * 19 + [10]}"])
def test_one_layer_and_twenty(trained: Modnet, settings: str) -> None:
    lines = trained("explain", "--set", settings).lines
    assert max(map(len, lines)) <= 80
    assert not any("modnet network" in line and "float64" not in line for line in lines)  # the title is one line
    count = json.loads(trained("explain", "--set", settings, "--json").out)["layers"]
    assert sum("a" in line and "δ" in line and "m × n" in line for line in lines) == len(count)


def test_json_has_what_the_library_gives(trained: Modnet) -> None:
    settings = ("--set", "network.layers=[{kind='dropout'}, {kind='dense', units=10, activation='softmax'}]")
    found = json.loads(trained("explain", *settings, "--dtype", "float32", "--json").out)
    assert found["dtype"] == "float32"
    assert [layer["kind"] for layer in found["layers"]] == ["dropout", "dense"]
    assert [(layer["affine"], layer["elementwise"]) for layer in found["layers"]] == [(False, True), (True, False)]
    assert found["layers"][1]["parameters"][0]["shape"] == [10, 64]
    text = trained("explain", *settings).out
    assert "┤ dropout ├" in text
    assert "Σ′(z)ᵀ instead of ⊙ σ′(z)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_run_needs_no_data(trained: Modnet, flowers: Flowers) -> None:
    trained("train", *flowers.train, "--epochs", 1, "--quiet", "--out", "run")
    Path("flowers.csv").unlink()
    tensors = load_file("run/model.safetensors")
    for source in ("run", "run/model.safetensors"):
        found = json.loads(trained("explain", source, "--json").out)
        shapes = {
            f"layers.{layer['number'] - 1}.{one['name']}": tuple(one["shape"])
            for layer in found["layers"]
            for one in layer["parameters"]
        }
        assert shapes == {name: values.shape for name, values in tensors.items() if name.startswith("layers.")}
        assert found == tested.summary(tested.load(source)).to_dict() | json.loads(json.dumps(found))


def test_nothing_is_trained_and_nothing_written(trained: Modnet, tmp_path: Path) -> None:
    trained("explain", "--epochs", 100000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.toml"], "nowhere.toml: cannot be read"),
        (["empty"], "no model file or run folder"),
        (["none.safetensors"], "no model file"),
        (["--set", "data.kind=nonsense"], "unknown dataset 'nonsense'"),
        (["--set", "network.layers=[30, 9]"], "the output layer has 9 units, the data has 10 classes"),
        (["empty", "--set", "epochs=1"], "empty: is a run; --set only applies to a configuration"),
        (["--plot", "net.gif"], "net.gif: cannot be drawn as 'gif'"),
        (["--plot", "missing/net.svg"], "missing/net.svg: cannot be written"),
    ],
)
def test_refused_in_one_line(modnet: Modnet, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    if "missing/net.svg" in arguments:
        pytest.importorskip("matplotlib")
    result = modnet("explain", *arguments)
    assert result.code == 2
    assert said in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("form", ["svg", "png"])
def test_the_picture_is_written(trained: Modnet, tmp_path: Path, form: str) -> None:
    pytest.importorskip("matplotlib")
    out = trained("explain", "--plot", f"net.{form}").out
    assert "The reversed network" in out
    content = (tmp_path / f"net.{form}").read_bytes()
    assert content.startswith({"svg": b"<?xml", "png": b"\x89PNG"}[form])
    if form == "svg":
        ET.fromstring(content)  # noqa: S314 -- our own


def test_without_matplotlib_a_plot_is_refused_before_any_work(modnet: Modnet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    result = modnet("explain", "--plot", "net.svg")
    assert (result.code, result.out) == (2, "")
    assert result.err == "modnet: pictures need matplotlib: pip install matplotlib\n"


@pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)
def test_no_label_is_clipped_or_lies_on_another(net: tested.Network) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = draw_network(tested.summary(net))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.texts]
    boxes = np.array([text.get_window_extent(canvas.get_renderer()).get_points() for text in axes.texts])
    assert len(boxes) > 10
    low, high = boxes[:, 0], boxes[:, 1]
    clipped = (low < 0).any(axis=1) | (high > figure.bbox.get_points()[1]).any(axis=1)
    assert not clipped.any(), np.array(labels)[clipped]
    overlapping = ((low[:, None] < high[None]) & (low[None] < high[:, None])).all(axis=-1)
    assert [(labels[one], labels[other]) for one, other in np.argwhere(overlapping) if one < other] == []
    radii = np.array([patch.get_radius() for patch in axes.patches if hasattr(patch, "get_radius")])
    centres = np.array([patch.center for patch in axes.patches if hasattr(patch, "get_radius")])
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + np.eye(len(centres))
    assert gaps.min() > 2 * radii.max()
