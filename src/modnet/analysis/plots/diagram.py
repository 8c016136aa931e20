"""What the diagrams of a network consist of, as text and as pictures: columns of neurons, and the links between them.

There are two: the network, from x to the cost, and the reversed network of the document's "Motivation for
Backpropagation", whose input is δ at the output and through which δ flows back to the first layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from modnet.analysis.summary import LayerSummary, Summary, lowered, raised, times

__all__ = ["Column", "Link", "bands", "forward", "reverse"]

LIMIT = 5
"""The most neurons of a layer that are all shown; of more, the first three and the last."""
_LONGEST = 18

Heading: TypeAlias = tuple[str, str, str]
Row: TypeAlias = tuple[str, ...] | None


@dataclass(frozen=True)
class Link:
    """How one column leads to the next.

    Attributes:
        heading: The lines above it.
        box: The layer's name where it is not a product with a matrix, else None.
    """

    heading: Heading = ("", "", "")
    box: str | None = None


@dataclass(frozen=True)
class Column:
    """One layer.

    Attributes:
        heading: The lines above it.
        rows: What each neuron that is shown computes, one after the other; None where neurons are left out.
        mixes: Whether what a neuron computes second depends on the first of all neurons of the column.
        link: How the column before it leads here, or None for the first.
    """

    heading: Heading
    rows: tuple[Row, ...]
    mixes: bool = False
    link: Link | None = None

    @property
    def depth(self) -> int:
        """How many values a neuron computes, one after the other."""
        return max(len(row) for row in self.rows if row is not None)

    def repeated(self) -> Column:
        """Return the column as a new line begins with it: what its neurons computed last."""
        rows = tuple(None if row is None else row[-1:] for row in self.rows)
        return Column((self.heading[0], self.heading[1], ""), rows)


def forward(summary: Summary) -> list[Column]:
    """Return the network's columns: the input, every layer with z and a, and the cost."""
    columns = [Column(("input", _units(0, summary.inputs), "a⁰ = x"), _rows(summary.sizes[0], "x"))]
    for layer in summary.layers:
        if layer.affine:
            weights = layer.parameters[0]
            bias = f"+ b{raised(layer.number)}" if len(layer.parameters) > 1 else ""
            link = Link((weights.letter, times(weights.shape), bias))
        else:
            link = Link(("", f"{layer.size:,} in θ" if layer.size else "", ""), _short(layer.kind))
        letters = ("z", "a") if layer.activation else ("a",)
        columns.append(_column(summary, layer, _short(layer.activation or "a = z"), letters, link))
    return [*columns, Column(("cost", _short(summary.cost), ""), (("C",),), link=Link())]


def reverse(summary: Summary) -> list[Column]:
    """Return the columns of the reversed network: the cost, then δ of every layer from the output to the first."""
    columns = [Column(("cost", _short(summary.cost), ""), (("C",),))]
    link = Link(("∇C", "", ""))
    for layer in reversed(summary.layers):
        l = raised(layer.number)  # noqa: E741 -- the document's letter
        letters: tuple[str, ...] = ("δ",)
        slope = ""
        if layer.activation:
            letters, slope = (("⊙", "δ"), f"⊙ σ′(z{l})") if layer.elementwise else (("Σ′", "δ"), f"Σ′(z{l})")
        columns.append(_column(summary, layer, slope, letters, link))
        link = Link(box=_short(layer.kind))
        if layer.affine:
            link = Link((f"(W{l})ᵀ", times(layer.parameters[0].shape[::-1]), ""))
    return columns


def bands(columns: Sequence[Column], fits: Callable[[Sequence[Column]], bool]) -> Iterator[list[Column]]:
    """Yield the columns that fit side by side; every band after the first begins with the last column again."""
    band = [columns[0]]
    for column in columns[1:]:
        if len(band) > 1 and not fits([*band, column]):
            yield band
            band = [band[-1].repeated()]
        band.append(column)
    yield band


def _column(summary: Summary, layer: LayerSummary, function: str, letters: Sequence[str], link: Link) -> Column:
    heading = (f"layer {layer.number}", _units(layer.number, layer.outputs), function)
    return Column(heading, _rows(summary.sizes[layer.number], *letters), not layer.elementwise, link)


def _rows(units: int, *letters: str) -> tuple[Row, ...]:
    shown: list[int | None] = list(range(1, units + 1)) if units <= LIMIT else [1, 2, 3, None, units]
    return tuple(None if unit is None else tuple(_numbered(letter, unit) for letter in letters) for unit in shown)


def _numbered(letter: str, unit: int) -> str:
    return letter if letter in ("⊙", "Σ′") else f"{letter}{lowered(unit)}"


def _units(number: int, shape: tuple[int, ...]) -> str:
    return f"n{lowered(number)} = {times(shape)}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
