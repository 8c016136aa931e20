"""Learning curves of any values that a history may hold."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from modnet.analysis.plots.figure import figure_bytes, new_figure
from modnet.analysis.plots.learning_curves import _draw
from modnet.analysis.results.learning_curves import learning_curves


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
