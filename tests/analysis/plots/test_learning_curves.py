"""Learning curves of any values that a history may hold."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from modnet import Metric
from modnet.analysis.html_table import html_table
from modnet.analysis.plots.figure import figure_bytes, new_figure
from modnet.analysis.plots.learning_curves import _HEIGHT, _WIDTH, _draw
from modnet.analysis.results.learning_curves import learning_curves
from modnet.core.interfaces import Task


@pytest.mark.parametrize(
    "costs", [(1e308, -1e308), (1e308, 1.0, 0.5), (-1e308, -1e308), (1e-308, 1e308), (5e-324, 1.0), (1e150, 1e-150)]
)
def test_costs_of_any_size_are_drawn(costs: tuple[float, ...]) -> None:
    history = [{"epoch": epoch, "cost": cost, "test_cost": cost} for epoch, cost in enumerate(costs)]
    (curve,) = learning_curves(history, [], "classes")
    with new_figure(4.0, 3.0) as figure:
        _draw(curve, figure)
    page = ET.fromstring(figure_bytes(figure, "svg"))  # noqa: S314 -- our own
    assert page.tag.endswith("svg")


@pytest.mark.parametrize("name", ["cost", "mean_absolute_error", "matthews_correlation", "balanced_accuracy"])
def test_a_title_is_inside_its_figure(name: str) -> None:
    history = [{"epoch": epoch, name: 0.5, f"validation_{name}": 23_939.1 / (epoch + 1)} for epoch in range(104)]
    history = [{"cost": 1.0, "validation_cost": 1.0 / (row["epoch"] + 1), **row} for row in history]
    metrics = [] if name == "cost" else [Metric.resolve(name.replace("_", "-"))]
    curve = learning_curves(history, metrics, Task(2, classes=name != "mean_absolute_error"))[-1]
    with new_figure(_WIDTH, _HEIGHT) as figure:
        _draw(curve, figure)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        title = axes.title if axes.title.get_text() else axes._left_title
        assert title.get_text().replace("\n", " ") == f"★ {curve.best_sentence}"
        assert title.get_window_extent().x1 <= figure.bbox.x1


def test_a_column_of_numbers_may_have_missing_ones() -> None:
    text = html_table("t", ["a", "b", "c"], [["1,903", "missing", "missing"], ["missing", "Rome", "missing"]])
    assert text.count('<th scope="col" class="number">') == 1
    assert text.count('<td class="number">') == 2
