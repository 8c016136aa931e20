"""Draw the figures of the chapter on the document when the site is built.

A page contains ``<!-- figure: NAME -->`` on a line of its own. Every figure has a caption, and an alternative text that
describes it in words and numbers. Both take their numbers from the data that is drawn. Figures are SVG elements of the
page, so that they have its colours, the light or the dark ones; only the animation is a file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.utils import get_relative_url

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))  # the tree that this site belongs to
sys.path.insert(0, str(Path(__file__).resolve().parent))

import depths
import numpy as np
import sketches
from customers import customers
from trained import trained

import modnet
from modnet.analysis.landscape.landscape import Surface, SurfacePath, SurfaceView, surface
from modnet.analysis.plots.animation import animation
from modnet.analysis.plots.confusion_matrix import confusion_picture
from modnet.analysis.plots.figure import PIXELS, inline_svg, render, width_style
from modnet.analysis.plots.gradients import flow_figure
from modnet.analysis.plots.landscape import surface_figure
from modnet.analysis.plots.learning_curves import curves_picture
from modnet.analysis.plots.network import draw_network
from modnet.analysis.plots.results import mistakes_picture
from modnet.core.numbers import format_number

_MARK = re.compile(r"^<!-- figure: ([\w-]+) -->$", re.MULTILINE)
_SHADES = 16
"""The largest shade in the files of the digits."""


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        name: Its name; that of its file where it is one.
        content: The SVG element, or its file's content.
        width: Its width in CSS pixels.
        height: Its height in CSS pixels.
        text: The alternative text.
        caption: The caption, as plain text.
        folded: Whether it is collapsed at first, as an animation should be.
    """

    name: str
    content: str | bytes
    width: int
    height: int
    text: str
    caption: str
    folded: bool = False

    @classmethod
    def of(cls, name: str, picture: Any, text: str, caption: str) -> Figure:
        """Return what matplotlib has drawn."""
        width, height = (round(float(inches) * PIXELS) for inches in picture.get_size_inches())
        return cls(name, inline_svg(picture, name, text), width, height, text, caption)

    def to_html(self, place: str) -> str:
        """Return the figure as HTML; ``place`` is the path of its file, relative to the page."""
        caption, image = escape(self.caption), self.content
        if isinstance(image, bytes):
            image = (
                f'<img src="{place}" width="{self.width}" height="{self.height}" alt="{escape(self.text)}" '
                f'loading="lazy" style="{width_style(self.width)}">'
            )
        card = f'<div class="card" tabindex="0" role="group" aria-label="{caption}">{image}</div>'
        if self.folded:
            return f'<details class="drawn"><summary>{caption}</summary>{card}</details>'
        return f'<figure class="drawn">{card}<figcaption>{caption}</figcaption></figure>'


def on_files(files: Files, *, config: Any) -> Files:
    for name in FIGURES:
        figure = drawn(name)
        if isinstance(figure.content, bytes):
            files.append(File.generated(config, _place(figure), content=figure.content))
    return files


def on_page_content(content: str, *, page: Any, **_: Any) -> str:
    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name not in FIGURES:
            raise PluginError(f"{page.file.src_uri}: no figure is called {name!r}; there are {', '.join(FIGURES)}")
        figure = drawn(name)
        return figure.to_html(get_relative_url(_place(figure), page.url))

    return _MARK.sub(fill, content)


def _place(figure: Figure) -> str:
    return f"figures/{figure.name}"


@cache
def drawn(name: str) -> Figure:
    return FIGURES[name]()


def network() -> Figure:
    text = (
        "Four circles for the inputs x, with an arrow from each of them to each of the three net inputs z of layer 1: "
        "the weights W¹, 3 × 4, and the biases b¹. Each z leads to its activation a. The weights W², 2 × 3, connect "
        "layer 1 to the two neurons of layer 2 in the same way, and their activations lead to the cost C."
    )
    figure = draw_network(_small(), ["forward"])
    return Figure.of("network", figure, text, "The network 4-3-2. Every arrow between two layers is one weight.")


def reversed_network() -> Figure:
    text = (
        "The cost C is on the left. ∇C leads to the two neurons of layer 2, where it is multiplied by σ′(z²), which "
        "gives δ². From each δ of layer 2, arrows lead to all three neurons of layer 1, with the transposed weights, "
        "3 × 2. There the sums are multiplied by σ′(z¹), which gives δ¹."
    )
    figure = draw_network(_small(), ["reverse"])
    return Figure.of("reversed-network", figure, text, "The same network, reversed: δ flows from the cost to layer 1.")


def _small() -> modnet.Summary:
    return modnet.summary(modnet.NeuralNetwork([4, 3, 2]).network)


def digit() -> Figure:
    data = trained().data
    x, label = data.train[0][0], data.train[1][0]
    first = ", ".join(f"{value:g}" for value in x[:8].round(2))
    text = (
        f"An image of 8 × 8 pixels with a handwritten {label}. In every pixel is its shade, from 0 for white to "
        f"{_SHADES} for black. Beside each row of the image are 8 of the 64 numbers of x: the shades divided by "
        f"{_SHADES}. The first row is {first}. Below, all 64 numbers are one strip, the first row of the image at the "
        "left and the last at the right."
    )
    caption = f"A digit becomes x: the shades of its pixels, divided by {_SHADES}, row by row in one vector."
    return Figure.of("digit", sketches.digit(x, data.image, _SHADES), text, caption)


def weight_rows() -> Figure:
    found, count = trained(), 15
    change = found.end - found.start
    least, most = np.argsort(np.abs(change[:count]).mean(axis=1))[[0, -1]]
    text = (
        f"{count} images of 8 × 8 cells, twice. At the left are rows of W¹ after training: orange for positive weights "
        "and purple for negative ones, in no pattern that the eye can see. At the right is how far the training has "
        "changed them: the columns at both edges are white, because these pixels are 0 in nearly every image, and in "
        f"the middle are strokes and spots in both colours. Unit {most + 1} has changed the most, unit {least + 1} the "
        "least."
    )
    caption = (
        f"The first {count} of the 30 rows of W¹, each as an image of 8 × 8: after training, and minus the initial "
        "weights. Units are counted from the left, row by row."
    )
    rows = {"W¹ after training": found.end[:count], "change of W¹ by the training": change[:count]}
    return Figure.of("weight-rows", sketches.weight_rows(rows, found.data.image), text, caption)


def curves() -> Figure:
    picture = curves_picture(trained().results)
    caption = "Cost and accuracy on the training samples and on the test samples, after each of 30 epochs."
    return Figure.of("curves", render([picture]), picture.text, caption)


def mistakes() -> Figure:
    picture = mistakes_picture(trained().results)
    caption = "The mistakes with the largest costs among the test samples, with the outputs for both classes."
    text = f"{len(trained().results.mistakes)} images of digits with the numbers above them. {picture.text}"
    return Figure.of("mistakes", render([picture]), text, caption)


def chain() -> Figure:
    text = (
        "A chain of four circles: the activation of neuron k below, the net input of neuron j, its activation, and "
        "the cost. The arrow from the first to the second is the weight. Below the arrows are the derivatives of z "
        "with respect to the weight, which is the activation below; of a with respect to z, which is σ′; and of the "
        "cost with respect to a. The product of the last two is δ."
    )
    caption = "A weight affects the cost through one net input only. BP1 and BP2 compute δ, the last two derivatives."
    return Figure.of("chain", sketches.chain(), text, caption)


def slope() -> Figure:
    found = sketches.descent()
    best = found.rates[np.argmin(found.costs)]
    text = (
        f"The cost after one step, plotted over its learning rate η. It starts at {found.costs[0]:.3f}. For small η "
        "it follows the straight line of the first-order prediction; for larger η it decreases less and less than "
        f"predicted. At η = 100 it is {found.costs[-1]:.3f}, and the prediction is far below 0. The lowest cost is at "
        f"η = {best:.0f}."
    )
    caption = "The cost of the three samples after one step, and the first-order prediction C − η‖∇C‖²."
    return Figure.of("slope", sketches.along(found), text, caption)


@cache
def _descents() -> Surface:
    return surface(resolution=35)


def types_of_descent() -> Figure:
    found = _descents()
    ways = "; ".join(
        f"{path.optimizer} makes {path.updates[-1]:,} updates, ends at a cost of {format_number(path.costs[-1], 2)}, "
        f"and its path is {path.detour:.1f} times as long as the distance"
        for path in found.paths
    )
    far, near = found.views
    shown = {path.optimizer: int(path.updates[len(points) - 1]) for path, points in _points_of(near)}
    text = (
        "The cost on two planes in parameter space, each as contours and as a surface, with three paths from the same "
        f"start. The first plane is that near the start, with {_listed(shown)}: batch and mini-batch go down into the "
        "same valley, and stochastic leaves to the side. On the second plane, with all paths whole, batch is hidden by "
        "the star at the start, mini-batch is a short straight line, and stochastic a long smooth one. At the bottom, "
        "the cost over updates and over samples seen: batch hardly gets lower, mini-batch is an even line, and "
        f"stochastic jumps up and down around it. {ways}."
    )
    caption = (
        f"The cost surface on the digits, and the paths of the three types from one start (★), seed 0. Near the start: "
        f"{_listed(shown)}. All paths: {far.plane.share_text} of their variance lies in this plane. Lines are "
        f"projections: the start has a cost of {found.paths[0].costs[0]:.2f}, and on the second plane it is drawn at "
        f"{far.projected_costs[0][0]:.2f}. True costs are in the two panels at the bottom."
    )
    return Figure.of("descent-types", surface_figure(found), text, caption)


def _points_of(view: SurfaceView) -> list[tuple[SurfacePath, Any]]:
    return list(zip(_descents().paths, view.plane.coordinates, strict=True))


def _listed(updates: dict[str, int]) -> str:
    return ", ".join(f"{count:,} updates of {kind}" for kind, count in updates.items())


def growing() -> Figure:
    content = animation(_descents())
    width, height = (int.from_bytes(content[at : at + 2], "little") for at in (6, 8))  # as every GIF's head has them
    text = (
        "The three paths are drawn at the same time. Batch follows a smooth line slowly, stochastic moves away from "
        "the others quickly, and mini-batch goes straight into the valley."
    )
    caption = "Show the same paths as an animation, slow at first"
    return Figure("descent-types.gif", content, width, height, text, caption, folded=True)


def activations() -> Figure:
    text = (
        "Left, σ: the sigmoid rises from 0 to 1 in an S shape; relu is 0 below 0 and z above. Right, σ′: the sigmoid's "
        "is a bell with the maximum ¼ at z = 0, below 0.02 from |z| = 4 on; relu's is 0 below 0 and 1 above."
    )
    caption = "Sigmoid and relu, and their derivatives. The right panel shows what a layer multiplies δ by."
    return Figure.of("activations", sketches.activations(), text, caption)


def sigmoid_or_relu() -> Figure:
    data = modnet.load_config().data.load()
    flows = {
        start: {depth: depths.flow_at_start(start, depth, data) for depth in depths.DEPTHS} for start in depths.COMPARED
    }
    deepest = depths.DEPTHS[-1]
    shrink = {start: 1 / each[deepest].delta_ratio for start, each in flows.items()}
    steps = shrink["sigmoid"] ** (1 / (deepest - 1))
    text = (
        f"Two panels with ‖δ‖ on a logarithmic axis over the layers, for networks of 2 to {deepest} layers. With "
        f"sigmoid, ‖δ‖ decreases {steps:.1f}-fold from each layer to the one below: at {deepest} layers, δ¹ is "
        f"{shrink['sigmoid']:,.0f} times smaller than δ at the output. With relu it is almost constant: "
        f"{shrink['relu']:.1f} times."
    )
    caption = (
        "‖δ‖ before training, from the output down to layer 1, in networks of 2 to 8 layers on the digits; "
        f"mean of {depths.SAMPLES} samples."
    )
    return Figure.of("sigmoid-or-relu", sketches.norms(flows), text, caption)


def dampened() -> Figure:
    found = modnet.dampening(depths.configuration("sigmoid, η = 3", 6), suggest=False)
    norms = ", ".join(format_number(layer.delta, 1) for layer in found.start.layers)
    text = (
        f"‖δ‖ on a logarithmic axis over the layers, before training and after {found.trial.updates:,} updates. Before "
        f"training, from layer 1 up: {norms}. After training the line is lower everywhere, and as steep. The diagnosis "
        f"above it: {found.verdict}"
    )
    return Figure.of(
        "dampened", flow_figure(found), text, "The plot of modnet dampening for five hidden sigmoid layers."
    )


def customers_curves() -> Figure:
    picture = curves_picture(customers())
    caption = "Cost and metrics on the training samples and on the test samples, after each epoch."
    return Figure.of("customers-curves", render([picture]), picture.text, caption)


def customers_confusion() -> Figure:
    picture = confusion_picture(customers())
    caption = "The confusion matrix of the test samples, as in the report."
    return Figure.of("customers-confusion", render([picture]), picture.text, caption)


FIGURES: dict[str, Callable[[], Figure]] = {
    "digit": digit,
    "weight-rows": weight_rows,
    "curves": curves,
    "mistakes": mistakes,
    "network": network,
    "chain": chain,
    "reversed-network": reversed_network,
    "slope": slope,
    "descent-types": types_of_descent,
    "descent-types-growing": growing,
    "activations": activations,
    "sigmoid-or-relu": sigmoid_or_relu,
    "dampened": dampened,
    "customers-curves": customers_curves,
    "customers-confusion": customers_confusion,
}
