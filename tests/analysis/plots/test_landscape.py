"""The pictures of the surface: what stands on them, and that they are the same every time."""

from __future__ import annotations

import io
import re
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import modnet
from modnet.analysis.landscape.landscape import Surface, surface
from modnet.analysis.plots.animation import animation
from modnet.analysis.plots.figure import COLOURS, figure_bytes
from modnet.analysis.plots.landscape import surface_figure

CONFIG = {"epochs": 4, "network": {"layers": [10]}}


@pytest.fixture(scope="module")
def found() -> Surface:
    return surface(CONFIG, resolution=9)


def drawn(figure: Figure) -> FigureCanvasAgg:
    """Return the canvas of a figure that is drawn small."""
    figure.set_dpi(50)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


def axes_of(figure: Figure) -> list:
    """Return the axes in their order: for each view flat and in space, then the costs; without colour bars."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def paths_on(axes: object) -> dict[str, np.ndarray]:
    """Return colour → data of the lines that are more than one marker."""
    lines = [line for line in axes.lines if line.get_linestyle() != "None"]
    return {line.get_color(): np.array(getattr(line, "get_data_3d", line.get_data)()) for line in lines}


def test_paths_lie_where_the_data_says_and_in_space_on_the_surface(found: Surface) -> None:
    panels = axes_of(surface_figure(found))
    assert len(panels) == 2 * len(found.views) + 2
    for index, view in enumerate(reversed(found.views)):
        flat, space = (paths_on(axes) for axes in panels[2 * index : 2 * index + 2])
        assert list(flat) == list(space) == list(COLOURS[:3])
        for colour, places, costs in zip(COLOURS[:3], view.plane.coordinates, view.projected_costs, strict=True):
            assert np.array_equal(flat[colour], places.T)
            assert np.array_equal(space[colour][:2], places.T)
            height = np.log10(costs) if view.costs.max() > 2.5 * view.costs.min() else costs
            assert space[colour][2] == pytest.approx(height, abs=1e-12)
    updates, passes = (paths_on(axes) for axes in panels[-2:])
    for colour, path in zip(COLOURS[:3], found.paths, strict=True):
        assert np.array_equal(updates[colour], [path.updates, path.costs])
        assert np.array_equal(passes[colour], [path.passes, path.costs])
    assert panels[-2].get_xscale() == "symlog"


def test_the_share_of_the_variance_and_the_samples_are_written(found: Surface) -> None:
    figure = surface_figure(found)
    far, near = found.views
    for part, view, name in zip(figure.subfigs, (near, far), ("Near the start", "All paths"), strict=False):
        assert part.get_suptitle().startswith(f"{name}: ")
        assert f"holds {round(100 * view.plane.share)}% of the variance" in part.get_suptitle()
    first, second = (part.get_suptitle() for part in figure.subfigs[:2])
    shown = re.search(r"updates shown: batch 4 of 4, stochastic (\d+) of 5,748, mini-batch (\d+) of 576$", first)
    assert shown is not None
    for path, points, count in zip(found.paths[1:], near.plane.coordinates[1:], map(int, shown.groups()), strict=True):
        assert path.updates.tolist().index(count) == len(points) - 1
    assert "updates shown" not in second
    assert figure.get_suptitle() == (
        "Batch, stochastic and mini-batch from the same start (★), 4 passes over the data each"
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["batch", "stochastic", "mini-batch"]
    assert axes_of(figure)[-2].get_ylabel() == "cost C of the 1,437 training samples"
    for axes in axes_of(figure)[:-2]:
        assert axes.get_xlabel().startswith("u")


def test_nothing_is_clipped_and_no_two_panels_overlap(found: Surface) -> None:
    figure = surface_figure(found)
    renderer = drawn(figure).get_renderer()
    boxes = [axes.get_tightbbox(renderer) for axes in axes_of(figure) if not hasattr(axes, "get_zlim")]
    for index, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


@pytest.mark.parametrize("directions", ["principal", "random"])
def test_one_path_or_a_random_plane_can_be_drawn_too(directions: str) -> None:
    one = surface({**CONFIG, "epochs": 1}, ["batch"], directions=directions, samples=99, resolution=4)
    figure = surface_figure(one)
    assert figure.get_suptitle() == "Batch from the start (★), 1 pass over the data"
    drawn(figure)
    assert axes_of(figure)[-2].get_ylabel() == "cost C of 99 of 1,437 training samples"


def test_costs_that_are_not_finite_leave_a_hole(found: Surface) -> None:
    view = found.views[0]
    before = view.costs.copy()
    try:
        view.costs[:2, :3] = np.inf, np.nan, np.inf
        drawn(surface_figure(found))
        view.costs[...] = np.nan
        drawn(surface_figure(found))
    finally:
        view.costs[...] = before


def test_the_same_surface_is_the_same_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modnet.analysis.plots.animation._FRAMES", 3)
    one = surface({**CONFIG, "epochs": 1}, ["batch"], resolution=4)
    assert figure_bytes(surface_figure(one), "svg") == figure_bytes(surface_figure(one), "svg")
    assert animation(one) == animation(one)


def test_the_animation_is_small_and_grows(found: Surface) -> None:
    content = animation(found)
    assert len(content) < 3_000_000
    film = Image.open(io.BytesIO(content))
    assert film.format == "GIF"
    assert film.info["loop"] == 0
    blue = [int(colour, 16) for colour in (COLOURS[0][1:3], COLOURS[0][3:5], COLOURS[0][5:7])]
    counts, seconds = [], 0.0
    for number in range(film.n_frames):
        film.seek(number)
        seconds += film.info["duration"] / 1000
        counts.append(int(np.sum(np.all(np.array(film.convert("RGB")) == blue, axis=2))))
    assert 5 < seconds < 15
    assert film.n_frames > 20
    assert counts[-1] > 2 * counts[0] > 0


def test_without_matplotlib_one_line_says_so(found: Surface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (surface_figure, animation):
        with pytest.raises(modnet.ConfigError, match=r"^pictures need matplotlib: pip install"):
            draw(found)
