"""modnet in a notebook, run by a kernel of Jupyter: what is in its file afterwards, which is what its readers see."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib.image
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from modnet import ConfigError, Run, Trainer

EXAMPLE = Path(__file__).parents[1] / "examples" / "notebook.ipynb"
MORE = {
    "redirected": "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as stream:\n"
    "    Trainer.from_config({'epochs': 2, 'callbacks': ['progress']}).fit()\nprint(stream.getvalue(), end='')",
    "twice": "for seed in (0, 1):\n"
    "    Trainer.from_config({'seed': seed, 'epochs': 3, 'callbacks': ['progress']}).fit()",
    "fails": "def fail(training, row):\n    assert training.epochs < 2\n\n\n"
    "Trainer.from_config({'epochs': 5, 'callbacks': ['progress']}).fit(callbacks=[fail])",
    "no epoch": "Trainer.from_config({'epochs': 0}).fit()",
}
"""Cells that are run after those of the example."""


def executed() -> dict[str, list[Any]]:
    """Return the outputs of every cell, by its source or by its name in ``MORE``."""
    notebook = nbformat.read(EXAMPLE, as_version=4)
    for source in MORE.values():
        cell = nbformat.v4.new_code_cell(source)
        cell.metadata["tags"] = ["raises-exception"]
        notebook.cells.append(cell)
    NotebookClient(notebook, timeout=120).execute()
    nbformat.validate(notebook)
    names = {source: name for name, source in MORE.items()}
    return {names.get(cell.source, cell.source): cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


@pytest.fixture(scope="module")
def run() -> Run:
    """The run of the example, trained here."""
    source = next(cell.source for cell in nbformat.read(EXAMPLE, 4).cells if "fit()" in cell.source)
    config = re.search(r"config = (\{.*?^\})", source, re.MULTILINE | re.DOTALL)
    assert config is not None
    table = json.loads(re.sub(r",(\s*[}\]])", r"\1", config[1]))
    return Trainer.from_config(table | {"callbacks": []}).fit()


def test_the_example_has_no_outputs_of_its_own() -> None:
    cells = [cell for cell in nbformat.read(EXAMPLE, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in cells] == [[]] * 3


def parsed(html: str) -> ET.Element:
    return ET.fromstring(f"<div>{html}</div>")  # noqa: S314 -- our own


def check_progress_is_one_line(outputs: dict[str, list[Any]], run: Run) -> None:
    (output,) = next(each for source, each in outputs.items() if source.startswith("from modnet import Trainer"))
    assert output.output_type == "display_data"
    text = output.data["text/plain"]
    row = run.history[-1]
    assert re.fullmatch(r"Epochs 12/12 ━+ cost [\d.]+, test accuracy [\d.]+% 0:00:00", text)
    assert f"test accuracy {row['test_accuracy']:.2%}" in text
    assert "".join(parsed(output.data["text/html"]).itertext()).rstrip("\n") == text


def check_a_run_shows_its_figures_and_its_layers(outputs: dict[str, list[Any]], run: Run) -> None:
    (output,) = outputs["run"]
    reached, layers = parsed(output.data["text/html"]).findall("table")
    assert "".join(reached.find("caption").itertext()).startswith(f"modnet run: 12 epochs, {run.updates:,} updates, ")
    rows = [["".join(cell.itertext()) for cell in row] for row in reached.iter("tr")]
    assert rows[0] == ["samples", "count", "cost", "accuracy"]
    assert [row[:2] for row in rows[1:]] == [
        ["training, last epoch", "1,150"],
        ["validation, last epoch", "287"],
        ["test", "360"],
    ]
    last = run.history[-1]
    expected = [
        (last["cost"], last["accuracy"]),
        (last["validation_cost"], last["validation_accuracy"]),
        (run.test["cost"], run.test["accuracy"]),
    ]
    for row, (cost, accuracy) in zip(rows[1:], expected, strict=True):
        assert float(row[2]) == pytest.approx(cost, rel=1e-5)
        assert row[3] == f"{accuracy:.2%}"
    assert len(list(layers.iter("tr"))) == 3
    assert output.data["text/plain"].startswith("<modnet run: 12 epochs, ")


def check_a_run_plots_its_curves(outputs: dict[str, list[Any]]) -> None:
    (output,) = outputs["run.plot()"]
    pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(output.data["image/png"])))
    size = output.metadata["image/png"]
    assert pixels.shape[1] / pixels.shape[0] == pytest.approx(size["width"] / size["height"], rel=0.01)
    assert 600 < size["width"] < 1200
    colours = np.round(255 * pixels[..., :3]).astype(int) @ (1 << 16, 1 << 8, 1)
    assert {0x0072B2, 0xD55E00, 0x009E73} <= set(np.unique(colours).tolist())  # a line for each part


def check_what_is_redirected_are_lines(outputs: dict[str, list[Any]]) -> None:
    (output,) = outputs["redirected"]
    assert re.fullmatch(r"Epoch 1/2: \d+ / 360\nEpoch 2/2: \d+ / 360\n", output.text)


def check_each_training_has_a_line(outputs: dict[str, list[Any]]) -> None:
    assert [output.data["text/plain"][:11] for output in outputs["twice"]] == ["Epochs 3/3 "] * 2


def check_a_training_that_fails_leaves_its_line_where_it_was(outputs: dict[str, list[Any]]) -> None:
    bar, error = outputs["fails"]
    assert bar.data["text/plain"].startswith("Epochs 2/5 ")
    assert (error.output_type, error.ename) == ("error", "AssertionError")


def check_a_run_without_epochs_has_a_line(outputs: dict[str, list[Any]]) -> None:
    (output,) = outputs["no epoch"]
    assert "modnet run: 0 epochs" in output.data["text/html"]


def test_what_the_file_shows(run: Run) -> None:
    """All of it in one test, for which one kernel is started."""
    outputs = executed()
    check_progress_is_one_line(outputs, run)
    check_a_run_shows_its_figures_and_its_layers(outputs, run)
    check_a_run_plots_its_curves(outputs)
    check_what_is_redirected_are_lines(outputs)
    check_each_training_has_a_line(outputs)
    check_a_training_that_fails_leaves_its_line_where_it_was(outputs)
    check_a_run_without_epochs_has_a_line(outputs)


def test_a_run_without_epochs_has_no_curves() -> None:
    with pytest.raises(ConfigError, match="there is nothing to plot: no epoch was trained"):
        Trainer.from_config({"epochs": 0}).fit().plot()


def test_the_curves_are_those_of_the_history(run: Run) -> None:
    """Numbers of matplotlib's lines, read from the figure."""
    cost, accuracy = run.plot().axes[:2]
    for axes, name in ((cost, "cost"), (accuracy, "accuracy")):
        for line, prefix in zip(axes.lines, ("", "validation_", "test_"), strict=False):
            assert line.get_xdata().tolist() == list(range(1, 13))
            np.testing.assert_array_equal(line.get_ydata(), [row[f"{prefix}{name}"] for row in run.history])


def test_the_figures_of_the_test_samples_are_those_of_the_finished_network() -> None:
    stopping = {"kind": "early-stopping", "monitor": "test_cost", "patience": 1, "minimum_gain": 9.0}
    run = Trainer.from_config({"epochs": 5, "callbacks": [stopping]}).fit()  # the first epoch is restored
    rows = [["".join(cell.itertext()) for cell in row] for row in parsed(run._repr_html_()).iter("tr")]
    (row,) = (row for row in rows if row[0] == "test")
    assert float(row[2]) == pytest.approx(run.history[0]["test_cost"], rel=1e-5)
    assert run.history[-1]["test_cost"] != run.history[0]["test_cost"]


def test_uneven_classes_are_told_beside_an_accuracy(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(100, 2)), np.repeat([0, 1], [90, 10])
    html = Trainer.from_config({"epochs": 1, "network": {"layers": [2]}}).fit(x, y)._repr_html_()
    assert "always answering 0 would give 90.00%" in html


def test_a_run_of_numbers_has_a_table_too(rng: np.random.Generator) -> None:
    x = rng.normal(size=(40, 2))
    html = (
        Trainer.from_config({"epochs": 1, "network": {"layers": [1]}}).fit(x, x[:, 0], test=(x, x[:, 1]))._repr_html_()
    )
    rows = parsed(html).find("table")
    assert rows is not None
    assert ["".join(row[0].itertext()) for row in rows.iter("tr")] == [
        "samples",
        "training, last epoch",
        "test",
    ]
