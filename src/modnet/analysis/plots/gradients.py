"""Pictures of `modnet.analysis.gradients.vanishing`: the norms of δ from layer to layer, and over the epochs of a run."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modnet.analysis.gradients.gradient_flow import GradientFlow
from modnet.analysis.gradients.vanishing import Dampening
from modnet.analysis.plots.style import COLOURS, MARKERS, SEQUENCE, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["picture"]

_MARKED = 40
"""Up to how many points a line has a marker at each."""
_NAMED = 12
"""Up to how many layers a legend names."""


def picture(found: Dampening) -> Figure:
    """Return a figure with ‖δ‖ at every layer, before and after, and over the epochs where they are known.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    epochs = len(found.epochs) > 1
    with drawing(12.0 if epochs else 7.0, 5.0) as figure:
        figure.suptitle("\n".join(textwrap.wrap(found.verdict, 120 if epochs else 75)), fontsize="medium")
        axes = figure.subplots(1, 2, sharey=True) if epochs else [figure.subplots()]
        lines = _lines(found)
        scale = _Scale([layer.delta for _, flow in [*lines, *_flows(found)] for layer in flow.layers])
        _by_layer(axes[0], lines, scale)
        axes[0].set_ylabel(f"‖δ‖, cost per unit of z (mean of {found.samples} samples)")
        figure.legend(loc="outside lower left", ncols=2, fontsize="small")
        if epochs:
            _by_epoch(axes[1], found, scale)
    return figure


def _lines(found: Dampening) -> list[tuple[str, GradientFlow]]:
    """Return the flows to compare, each with what the legend says: as it is before and after, then the remedy's."""
    ended = "at the end of the run" if found.trial is None else f"after {found.trial.updates:,} updates"
    lines: list[tuple[str, GradientFlow | None]] = [
        ("as it is, at the start", found.start),
        (f"as it is, {ended}", found.end),
    ]
    if found.remedy is not None and found.remedy.after is not None:
        after = found.remedy.after
        lines.append(("with what would help, at the start", found.remedied))
        lines.append((f"with what would help, after {after.updates:,} updates", after.end))
    return [(label, flow) for label, flow in lines if flow is not None]


def _flows(found: Dampening) -> list[tuple[int, GradientFlow]]:
    return [(each.epochs, each.flow) for each in found.epochs]


class _Scale:
    """A logarithmic axis with a place for 0, a power of ten below all that is larger."""

    def __init__(self, norms: Sequence[float]) -> None:
        values = np.array(norms, dtype=np.float64)
        above = values[(values > 0) & np.isfinite(values)]
        lowest = float(above.min()) if above.size else 1.0
        self._has_zero = bool((values == 0).any())
        self._floor = 10.0 ** (np.floor(np.log10(lowest)) - 1)
        self._top = float(above.max()) if above.size else 1.0

    def draw(self, axes: Axes, places: Sequence[int], norms: Sequence[float], **style: Any) -> None:
        values = np.array(norms, dtype=np.float64)
        axes.plot(places, np.where(values == 0, self._floor, values), **style)

    def set_on(self, axes: Axes) -> None:
        from matplotlib.ticker import FixedLocator, FuncFormatter

        axes.set_yscale("log")
        if not self._has_zero:
            return
        decades = np.arange(np.log10(self._floor) + 1, np.ceil(np.log10(self._top)) + 1)
        shown = decades[:: -(-len(decades) // 8)]
        axes.yaxis.set_major_locator(FixedLocator([self._floor, *10.0**shown]))
        axes.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: "0" if value < 2 * self._floor else f"$10^{{{round(np.log10(value))}}}$")
        )
        axes.set_ylim(0.6 * self._floor, 2 * self._top)


def _by_layer(axes: Axes, lines: Sequence[tuple[str, GradientFlow]], scale: _Scale) -> None:
    for index, (label, flow) in enumerate(lines):
        numbers, norms = [layer.number for layer in flow.layers], [layer.delta for layer in flow.layers]
        colour = COLOURS[label.startswith("with")]
        dashes = "-" if label.endswith("start") else "--"
        scale.draw(axes, numbers, norms, label=label, color=colour, marker=MARKERS[index], linestyle=dashes)
    scale.set_on(axes)
    axes.set_xlabel("layer (1 is the first above the input)")
    axes.set_xticks(numbers[:: -(-len(numbers) // 20)])
    axes.margins(x=0.08)


def _by_epoch(axes: Axes, found: Dampening, scale: _Scale) -> None:
    import matplotlib as mpl

    passes = [each.epochs for each in found.epochs]
    layers = found.start.layers
    shades = mpl.colormaps[SEQUENCE](np.linspace(0.0, 0.9, len(layers)))
    step = -(-len(layers) // _NAMED)
    for place, layer in reversed(list(enumerate(layers))):
        norms = [each.flow.layers[place].delta for each in found.epochs]
        marker = MARKERS[place % len(MARKERS)] if len(passes) <= _MARKED else ""
        label = f"layer {layer.number}" if place % step == 0 or place == len(layers) - 1 else None
        scale.draw(axes, passes, norms, label=label, color=shades[place], marker=marker, markersize=4)
    scale.set_on(axes)
    axes.set_xlabel("epochs of the run")
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize="small")
