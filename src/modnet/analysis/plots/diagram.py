"""What the diagrams of a network consist of, as text and as pictures alike: columns of neurons, and links between them.

There are two: the network, from x to the cost, and the reversed network of the document's "Motivation for
Backpropagation", whose input is δ at the output and through which δ flows back to the first layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from modnet.network.summary import LayerSummary, Summary, lowered, raised, times

__all__ = ["Column", "Link", "bands", "forward", "reverse"]

LIMIT = 5
"""Up to how many neurons of a layer are all shown; of more, the first three and the last."""
_LONGEST = 18

Heading = tuple[str, str, str]
Row = tuple[str, ...] | None


@dataclass(frozen=True)
class Link:
    """How one column leads to the next.

    Attributes:
        heading: What stands above it.
        box: The layer's name where it is no product with a matrix, else None.
    """

    heading: Heading
    box: str | None = None


@dataclass(frozen=True)
class Column:
    """One layer.

    Attributes:
        heading: What stands above it.
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

    def again(self) -> Column:
        """Return the column as a new line begins with it: what its neurons gave in the end."""
        rows = tuple(None if row is None else row[-1:] for row in self.rows)
        return Column((self.heading[0], self.heading[1], ""), rows)


def forward(summary: Summary) -> list[Column]:
    """Return the network's columns: the input, every layer with z and a, and the cost."""
    columns = [Column(("input", _units(0, summary.inputs), "a⁰ = x"), _rows(summary.sizes[0], "x"))]
    for layer in summary.layers:
        l = raised(layer.number)  # noqa: E741 -- the document's letter
        if layer.affine:
            weights = layer.parameters[0]
            added = f"+ b{l}" if len(layer.parameters) > 1 else ""
            link = Link((weights.letter, times(weights.shape), added))
        else:
            link = Link(("", _own_parameters(layer), ""), _short(layer.kind))
        letters = ("z", "a") if layer.activation else ("a",)
        columns.append(Column(
            (f"layer {layer.number}", _units(layer.number, layer.outputs), _short(layer.activation or "a = z")),
            _rows(summary.sizes[layer.number], *letters), not layer.elementwise, link,
        ))  # fmt: skip
    cost = Column(("cost", _short(summary.cost), ""), (("C",),), link=Link(("", "", "")))
    return [*columns, cost]


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
        columns.append(Column(
            (f"layer {layer.number}", _units(layer.number, layer.outputs), slope),
            _rows(summary.sizes[layer.number], *letters), not layer.elementwise, link,
        ))  # fmt: skip
        if layer.affine:
            link = Link((f"(W{l})ᵀ", times(layer.parameters[0].shape[::-1]), ""))
        else:
            link = Link(("", "", ""), _short(layer.kind))
    return columns


def bands(columns: Sequence[Column], fits: Callable[[Sequence[Column]], bool]) -> Iterator[list[Column]]:
    """Yield the columns that fit side by side; every band after the first begins with the last column again."""
    band = [columns[0]]
    for column in columns[1:]:
        if len(band) > 1 and not fits([*band, column]):
            yield band
            band = [band[-1].again()]
        band.append(column)
    yield band


def _rows(units: int, *letters: str) -> tuple[Row, ...]:
    shown: list[int | None] = list(range(1, units + 1)) if units <= LIMIT else [1, 2, 3, None, units]
    numbered = [letter not in ("⊙", "Σ′") for letter in letters]
    return tuple(
        None
        if unit is None
        else tuple(
            f"{letter}{lowered(unit) if number else ''}" for letter, number in zip(letters, numbered, strict=True)
        )
        for unit in shown
    )


def _units(number: int, shape: tuple[int, ...]) -> str:
    return f"n{lowered(number)} = {times(shape)}"


def _own_parameters(layer: LayerSummary) -> str:
    return f"{layer.size:,} in θ" if layer.size else ""


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
