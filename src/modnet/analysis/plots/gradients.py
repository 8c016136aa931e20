"""The norms of δ from layer to layer, and over the epochs of a run, as a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.analysis.gradients.vanishing import Dampening
from modnet.analysis.plots.figure import COLOURS, MARKERS, SEQUENCE, SHADES, Axes, Figure, new_figure

__all__ = ["flow_figure"]

_MARKED = 40
"""The most points of a line that each have a marker."""
_NAMED = 12
"""The most layers that a legend names."""


def flow_figure(dampening: Dampening) -> Figure:
    """Return a figure with ‖δ‖ in every layer, before and after, and over the epochs where they are known."""
    epochs = len(dampening.epochs) > 1
    with new_figure(12.0 if epochs else 6.4, 5.0) as figure:
        figure.suptitle("\n".join(textwrap.wrap(dampening.verdict, 120 if epochs else 70)), fontsize="medium")
        axes = figure.subplots(1, 2, sharey=True) if epochs else [figure.subplots()]
        lines = _lines(dampening)
        _set_scale(axes[0], dampening, lines)
        _by_layer(axes[0], lines)
        axes[0].set_ylabel(f"‖δ‖, cost per unit of z (mean of {dampening.samples:,} samples)")
        figure.legend(loc="outside lower left", ncols=2, fontsize="small")
        if epochs:
            _by_epoch(axes[1], dampening)
    return figure


def _lines(dampening: Dampening) -> list[tuple[str, GradientFlow]]:
    """Return the flows to compare, with their labels: before and after as it is, then with the suggestion."""
    ended = "at the end of the run"
    if dampening.trial is not None:
        ended = f"after {dampening.trial.updates:,} updates"
    lines = [("as it is, at the start", dampening.start), (f"as it is, {ended}", dampening.end)]
    if dampening.suggestion is not None and dampening.suggestion.after is not None:
        after = dampening.suggestion.after
        lines.append(("with what would help, at the start", dampening.patched_start))
        lines.append((f"with what would help, after {after.updates:,} updates", after.end))
    return [(label, flow) for label, flow in lines if flow is not None]


def _set_scale(axes: Axes, dampening: Dampening, lines: Sequence[tuple[str, GradientFlow]]) -> None:
    """Make the axis logarithmic; where a norm is 0, linear below the power of ten under all others."""
    flows = [*(flow for _, flow in lines), *(epoch.flow for epoch in dampening.epochs)]
    norms = np.array([layer.delta for flow in flows for layer in flow.layers])
    positive = norms[(norms > 0) & np.isfinite(norms)]
    if (norms != 0).all() or not positive.size:
        axes.set_yscale("log")
        return
    floor = 10.0 ** np.floor(np.log10(positive.min()))
    axes.set_yscale("symlog", linthresh=floor, linscale=0.5)
    axes.set_ylim(-0.1 * floor, 2 * positive.max())


def _by_layer(axes: Axes, lines: Sequence[tuple[str, GradientFlow]]) -> None:
    numbers = [layer.number for layer in lines[0][1].layers]
    for (label, flow), marker in zip(lines, MARKERS, strict=False):
        norms = [layer.delta for layer in flow.layers]
        dashes = "-" if label.endswith("start") else "--"
        colour = COLOURS[label.startswith("with")]
        axes.plot(numbers, norms, label=label, color=colour, marker=marker, linestyle=dashes)
    axes.set_xlabel("layer (1 is the first above the input)")
    axes.set_xticks(numbers[:: -(-len(numbers) // 20)])
    axes.margins(x=0.08)


def _by_epoch(axes: Axes, dampening: Dampening) -> None:
    import matplotlib as mpl
    from matplotlib.ticker import MaxNLocator

    epochs, layers = [epoch.epochs for epoch in dampening.epochs], dampening.start.layers
    shades = mpl.colormaps[SEQUENCE](np.linspace(*SHADES, len(layers)))
    step = -(-len(layers) // _NAMED)
    for index, layer in reversed(list(enumerate(layers))):
        norms = [epoch.flow.layers[index].delta for epoch in dampening.epochs]
        marker = MARKERS[index % len(MARKERS)] if len(epochs) <= _MARKED else ""
        label = f"layer {layer.number}" if index % step == 0 or index == len(layers) - 1 else None
        axes.plot(epochs, norms, label=label, color=shades[index], marker=marker, markersize=4)
    axes.set_xlabel("completed epochs of the run")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize="small")
