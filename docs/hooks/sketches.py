"""The figures of the chapter that no command draws: small ones, each for one idea."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet import Activation, Cost, NeuralNetwork
from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.analysis.plots.figure import COLOURS, INK, MARKERS, SEQUENCE, SHADES, new_figure

X = np.array([[0.2, -0.1, 0.4, 0.8], [0.0, 0.5, -0.5, 1.0], [1.0, 1.0, 0.0, 0.0]])
Y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
"""The samples of docs/gradient-descent.md."""


@dataclass(frozen=True)
class DescentSketch:
    """The cost after one step against the gradient.

    Attributes:
        rates: The learning rates η, from 0.
        costs: The mean cost after a step with each.
        promise: ‖∇C‖², the predicted decrease of the cost for each unit of a small η.
    """

    rates: NDArray[np.float64]
    costs: NDArray[np.float64]
    promise: float


def descent() -> DescentSketch:
    net, cost = NeuralNetwork([4, 3, 2], seed=0), Cost.resolve("quadratic")
    theta = net.network.parameters
    start = theta.copy()
    net.update_mini_batch(list(zip(X, Y, strict=True)), 1.0)
    gradient = start - theta
    rates = np.linspace(0.0, 100.0, 201)
    costs = np.empty_like(rates)
    for place, rate in enumerate(rates):
        theta[...] = start - rate * gradient
        costs[place] = cost(net.network.predict(X), Y).mean()
    return DescentSketch(rates, costs, float(gradient @ gradient))


def along(found: DescentSketch) -> Any:
    with new_figure(6.4, 3.4) as figure:
        axes = figure.subplots()
        axes.plot(found.rates, found.costs, color=COLOURS[0], label="C(θ − η∇C)")
        line = found.costs[0] - found.rates * found.promise
        axes.plot(found.rates, line, color=COLOURS[1], linestyle="--", label="C(θ) − η‖∇C‖²")
        for rate in (1.0, 30.0, 100.0):
            place = int(np.searchsorted(found.rates, rate))
            axes.plot(rate, found.costs[place], color=COLOURS[0], marker=MARKERS[0])
            axes.annotate(f"η = {rate:g}", (rate, found.costs[place]), (0, 8), textcoords="offset points", ha="center")
        axes.set(xlabel="learning rate η of the one step", ylabel="mean cost C", ylim=(0, 1.15 * found.costs[0]))
        axes.margins(x=0.06)
        axes.legend(loc="lower left")
    return figure


def chain() -> Any:
    labels = ("$a^{l-1}_k$", "$z^l_j$", "$a^l_j$", "$C$")
    links = (("$W^l_{jk}$", r"$\partial z^l_j\,/\,\partial W^l_{jk} = a^{l-1}_k$"),
             (r"$\sigma$", r"$\partial a^l_j\,/\,\partial z^l_j = \sigma'(z^l_j)$"),
             ("next layers", r"$\partial C\,/\,\partial a^l_j$"))  # fmt: skip
    width, height, radius, step = 6.6, 1.9, 0.32, 1.95
    with new_figure(width, height) as figure:
        from matplotlib.patches import Circle

        figure.set_layout_engine("none")  # every place is in inches
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.axis("off")
        y, centres = 1.3, [0.4 + step * place for place in range(len(labels))]
        for x, label in zip(centres, labels, strict=True):
            axes.add_patch(Circle((x, y), radius, facecolor="none", edgecolor=COLOURS[0], linewidth=1.4))
            axes.text(x, y, label, ha="center", va="center", size=12)
        for x, (above, below) in zip(centres, links, strict=False):
            arrow = {"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (x + step - radius, y), (x + radius, y), arrowprops=arrow)
            axes.text(x + step / 2, y + 0.14, above, ha="center", va="bottom", size=10)
            axes.text(x + step / 2, y - 0.46, below, ha="center", va="center", size=10)
        brace = {"arrowstyle": "-", "color": COLOURS[1], "linewidth": 1.6}
        left, right = centres[1] + 0.15, centres[3] + 0.1
        axes.annotate("", (right, 0.5), (left, 0.5), arrowprops=brace)
        axes.text(
            (left + right) / 2, 0.25, r"$\delta^l_j = \partial C\,/\,\partial z^l_j$", ha="center", va="center", size=12
        )
    return figure


def activations() -> Any:
    z = np.linspace(-6.0, 6.0, 601)
    with new_figure(6.6, 3.0) as figure:
        left, right = figure.subplots(1, 2)
        for place, kind in enumerate(("sigmoid", "relu")):
            sigma = Activation.resolve(kind)
            a = sigma(z)
            dashes = {"color": COLOURS[place], "linestyle": ("-", "--")[place], "label": kind}
            left.plot(z, a, **dashes)
            right.plot(z, sigma.backward(np.ones_like(z), z, a), **dashes)
        left.set(xlabel="net input z", ylabel="σ(z)", ylim=(-0.1, 2.0))
        right.set(xlabel="net input z", ylabel="σ′(z)", ylim=(-0.05, 1.1))
        right.annotate("¼", (0, 0.25), (-12, 5), textcoords="offset points", ha="center")
        left.legend(loc="upper left")
    return figure


def digit(x: NDArray[np.float64], image: tuple[int, int], shades: int) -> Any:
    """Return an image with its shades, the numbers of x beside each of its rows, and x as one strip below."""
    rows, columns = image
    with new_figure(7.2, 3.6) as figure:
        panels = figure.subplot_mosaic([["image", "parts"], ["strip", "strip"]], height_ratios=[9, 1])
        cells: Any = {"cmap": "gray_r", "vmin": 0.0, "vmax": 1.0, "edgecolors": "#bbbbbb", "linewidth": 0.5}
        pixels = x.reshape(image)
        panels["image"].pcolormesh(pixels[::-1], **cells)
        panels["image"].set_aspect("equal")
        for (row, column), value in np.ndenumerate(pixels):
            colour = "white" if value > 0.5 else "#222222"  # on the shades, which are the same on a dark page
            place = column + 0.5, rows - row - 0.5
            panels["image"].text(*place, f"{shades * value:.0f}", ha="center", va="center", size=8, color=colour)
        panels["parts"].set(xlim=(0, 1), ylim=(0, rows))
        for row, values in enumerate(pixels):
            numbers = ", ".join(f"{value:g}" for value in values.round(2))
            first = row * columns + 1
            text = f"$x_{{{first}}}$ … $x_{{{first + columns - 1}}}$ = {numbers}"
            panels["parts"].text(0.0, rows - row - 0.5, text, va="center", size=9)
        panels["strip"].pcolormesh(x[None], **cells)
        for row in range(rows):
            panels["strip"].text((row + 0.5) * columns, -0.3, f"row {row + 1}", ha="center", va="top", size=8)
            panels["strip"].axvline(row * columns, color=COLOURS[1], linewidth=2)
        for axes in panels.values():
            axes.axis("off")
    return figure


def weight_rows(weights: Mapping[str, NDArray[np.float64]], image: tuple[int, int], columns: int = 5) -> Any:
    """Return the rows of some matrices as images, a panel for each matrix, all with the same colours."""
    shown: Any = None
    with new_figure(7.4, 2.6) as figure:
        panels = figure.subplots(1, len(weights))
        for axes, (title, rows) in zip(panels, weights.items(), strict=True):
            framed = np.pad(rows.reshape(-1, *image), ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
            lines = framed.reshape(-1, columns, *framed.shape[1:])
            tiles = np.concatenate([np.concatenate(list(line), axis=1) for line in lines])
            shown = axes.imshow(tiles, cmap="PuOr_r", vmin=-3.0, vmax=3.0, interpolation="nearest")
            axes.set_title(title, fontsize=10)
            axes.axis("off")
        figure.colorbar(shown, ax=panels, extend="both")
    return figure


def norms(flows: Mapping[str, Mapping[int, GradientFlow]]) -> Any:
    """Return ‖δ‖ from the output down, a panel for each kind of network and a line for each depth."""
    import matplotlib as mpl

    with new_figure(6.6, 4.0) as figure:
        panels = figure.subplots(1, len(flows), sharey=True)
        for axes, (start, of_depths) in zip(panels, flows.items(), strict=True):
            shades = mpl.colormaps[SEQUENCE](np.linspace(*reversed(SHADES), len(of_depths)))
            deepest = max(of_depths)
            for place, (depth, flow) in enumerate(of_depths.items()):
                below = np.arange(1 - depth, 1)
                sizes = [layer.delta for layer in flow.layers]
                axes.plot(
                    below, sizes, color=shades[place], marker=MARKERS[place], markersize=5, label=f"{depth} layers"
                )
            axes.set_yscale("log")
            axes.set_title(start)
            axes.set_xlabel("layer, from the output L down")
            axes.set_xticks(
                range(1 - deepest, 1), [f"L−{-below}" if below else "L" for below in range(1 - deepest, 1)], size=8
            )
        panels[0].set_ylabel("‖δ‖, cost per unit of z")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize="small")
    return figure
