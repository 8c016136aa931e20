"""What all pictures share: how numbers are written on axes, and figures within a page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from modnet.analysis.plots.figure import COLOURS, figure_bytes, inline_svg, new_figure


def written(axis: object) -> list[str]:
    return [label.get_text() for label in [*axis.get_ticklabels(), *axis.get_ticklabels(minor=True)]]


def test_numbers_on_axes_are_written_as_people_write_them() -> None:
    with new_figure(4, 4) as figure:
        linear, logarithmic = figure.subplots(2)
        linear.plot([0, 2.5e5], [1e-3, 2e-3])
        logarithmic.plot([0, 1], [0.03, 0.7])
        logarithmic.set_yscale("log")
        logarithmic.set_xlim(1.0, 1.0001)
    FigureCanvasAgg(figure).draw()
    assert {"0", "50,000", "250,000"} <= set(written(linear.xaxis))
    assert "0.0012" in written(linear.yaxis)
    assert {"0.1", "0.2"} <= set(written(logarithmic.yaxis))
    texts = [text for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for text in written(axis)]
    assert not [text for text in texts if re.search(r"[e$×]", text)]
    assert {axis.get_offset_text().get_text() for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)} == {""}


def test_very_large_and_small_numbers_have_an_exponent() -> None:
    with new_figure(4, 4) as figure:
        axes = figure.subplots()
        axes.plot([1e-9, 1e12], [1e-12, 5e-12])
        axes.set_xscale("log")
    FigureCanvasAgg(figure).draw()
    assert {"0.001", "1", "1,000", r"$\mathdefault{10^{-6}}$"} <= set(written(axes.xaxis))
    assert axes.yaxis.get_offset_text().get_text() == "1e−12"


def test_a_figure_within_a_page_is_the_same_drawing_in_the_pages_colours() -> None:
    with new_figure(4, 3) as figure:
        axes = figure.subplots()
        axes.plot([0.0, 1.0], [1.0, 2.0], color=COLOURS[0], label="a line")
        axes.imshow(np.eye(3), gid="ink-0")
        axes.set_title("--> <!-- a title")
        axes.legend()
    inline = inline_svg(figure, "one", 'what "it" <shows>')
    page, file = ET.fromstring(inline), ET.fromstring(figure_bytes(figure, "svg"))  # noqa: S314 -- our own
    assert (page.attrib["role"], page.attrib["aria-label"]) == ("img", 'what "it" <shows>')
    assert page.attrib["viewBox"] == file.attrib["viewBox"]
    scales = [re.findall(r"scale\([^)]*\)", ET.tostring(root, "unicode")) for root in (page, file)]
    assert scales[0] == scales[1]
    identifiers = [element.attrib["id"] for element in page.iter() if "id" in element.attrib]
    assert all(name.startswith("one-") for name in identifiers)
    assert "one-ink-0" in identifiers
    for place in re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', inline):
        assert "".join(place) in identifiers
    assert "<style" not in inline
    assert "<metadata" not in inline
    assert "<!--" not in inline
    assert COLOURS[0].lower() in inline
    assert not re.search("#333333|fill: #ffffff", inline)
    assert "#333333" in figure_bytes(figure, "svg").decode()
