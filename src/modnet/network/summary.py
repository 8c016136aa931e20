"""The dimensions of a network: of every layer the shapes of W, b, z, a and δ, and where its parameters are in θ."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from modnet.core.interfaces import Activation
from modnet.network.network import BoundLayer, Network, Vector

__all__ = ["LayerSummary", "ParameterSummary", "Summary", "acts_elementwise", "lowered", "raised", "summary", "times"]

_LETTERS = {"weights": "W", "biases": "b"}
_LISTED = 10
"""Up to how many sizes are all written in a title."""
_RAISED, _LOWERED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"), str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class ParameterSummary:
    """One array of parameters of a layer.

    Attributes:
        name: What the layer calls it.
        letter: How it is written: W² for the weights of layer 2, b² for the biases, else its name.
        dimensions: Its shape in letters, ``n₂ × n₁``, where it is W or b; else in numbers.
        shape: Its shape.
        size: How many numbers it has.
        start: Where it begins in θ.
        stop: Where it ends there: ``θ[start:stop]``, reshaped.
        regularized: Whether the penalties act on it.
    """

    name: str
    letter: str
    dimensions: str
    shape: tuple[int, ...]
    size: int
    start: int
    stop: int
    regularized: bool


@dataclass(frozen=True)
class LayerSummary:
    """One layer.

    Attributes:
        number: Its number l, from 1 for the first above the input.
        kind: Its kind.
        activation: The kind of its σ, or None where a is z.
        elementwise: Whether each aⱼ depends on its own zⱼ alone, so that σ′ is a vector; softmax has a matrix.
        affine: Whether its parameters are W, (n_l, n_{l−1}), and perhaps b, (n_l,), and nothing else.
        inputs: The shape of one sample below it.
        outputs: The shape of one sample above it: of z, a and δ.
        dimensions: The shape of z, a and δ for m samples in letters, ``m × n₁``; of samples that are no vectors in
            numbers.
        size: How many parameters it has.
        parameters: Its parameters.
        state: What it keeps and no gradient trains: shapes by name.
    """

    number: int
    kind: str
    activation: str | None
    elementwise: bool
    affine: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    dimensions: str
    size: int
    parameters: tuple[ParameterSummary, ...]
    state: dict[str, tuple[int, ...]]

    @property
    def title(self) -> str:
        """Its kind, and that of its activation."""
        return self.kind if self.activation is None else f"{self.kind}, {self.activation}"


@dataclass(frozen=True)
class Summary:
    """The dimensions of a network.

    Attributes:
        inputs: The shape of one sample.
        sizes: How many units each layer has, the input first: n₀, n₁, …
        dtype: The dtype of θ.
        cost: The kind of the cost.
        regularizers: The kinds of the penalties.
        size: How many parameters there are in θ.
        regularized: How many of them, from the start of θ, the penalties act on.
        layers: The layers, from the first above the input.
    """

    inputs: tuple[int, ...]
    sizes: tuple[int, ...]
    dtype: str
    cost: str
    regularizers: tuple[str, ...]
    size: int
    regularized: int
    layers: tuple[LayerSummary, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes by name, as JSON has them."""
        return asdict(self)

    @property
    def title(self) -> str:
        """Sizes, those of many layers abbreviated, number of parameters and dtype."""
        sizes = list(map(str, self.sizes))
        if len(sizes) > _LISTED:
            sizes = [*sizes[:3], "…", sizes[-1]]
        deep = f" ({len(self.layers)} layers)" if len(self.sizes) > _LISTED else ""
        return f"modnet network {'-'.join(sizes)}{deep}, {self.size:,} parameters, {self.dtype}"

    def __str__(self) -> str:
        """Return a line for the network and one for each layer."""
        cells = [
            (
                str(layer.number),
                layer.title,
                f"{times(layer.inputs)} → {times(layer.outputs)}",
                ", ".join(f"{one.letter} {times(one.shape)}" for one in layer.parameters) or "no parameters",
            )
            for layer in self.layers
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            f"  {number:>{widths[0]}}  {title:<{widths[1]}}  {shapes:<{widths[2]}}  {parameters}"
            for number, title, shapes, parameters in cells
        ]
        return "\n".join([f"<{self.title}>", *lines])

    def _repr_html_(self) -> str:
        """Return the table of the layers, for notebooks."""
        rows = []
        for layer in self.layers:
            passed = [f"{letter}{raised(layer.number)}" for letter in "zaδ"]
            rows.append((
                str(layer.number),
                layer.title,
                [f"{one.letter}: {times(one.shape)}" for one in layer.parameters],
                f"{', '.join(passed)}: m × {times(layer.outputs)}",
                f"{layer.size:,}",
                [f"{one.start}:{one.stop}" for one in layer.parameters],
            ))  # fmt: skip
        total = ("", "total", "", "", f"{self.size:,}", f"0:{self.size}")
        return _html_table(self.title, ("l", "layer", "parameters", "for m samples", "count", "in θ"), [*rows, total])


def summary(network: Network) -> Summary:
    """Return the dimensions of a network: the document's "Understanding Dimensions at Initialization".

    Wˡ is (n_l, n_{l−1}), a row for each neuron of layer l and a column for each of the layer below; bˡ is (n_l,), and
    zˡ, aˡ and δˡ of m samples are (m, n_l). The document writes W^{l−1,l} for Wˡ.

    >>> import modnet
    >>> print(modnet.summary(modnet.NeuralNetwork([3, 2, 1]).network))
    <modnet network 3-2-1, 11 parameters, float64>
      1  dense, sigmoid  3 → 2  W¹ 2 × 3, b¹ 2
      2  dense, sigmoid  2 → 1  W² 1 × 2, b² 1
    """
    places: list[dict[str, tuple[int, int]]] = [{} for _ in network.layers]
    start = 0
    for index, name, _, size in network.parameter_layout():
        places[index][name] = (start, start + size)
        start += size
    return Summary(
        inputs=network.input_shape,
        sizes=tuple(network.sizes),
        dtype=str(network.dtype),
        cost=network.cost.kind,
        regularizers=tuple(regularizer.kind for regularizer in network.regularizers),
        size=network.parameters.size,
        regularized=network.regularized,
        layers=tuple(_layer(number, layer, places[number - 1]) for number, layer in enumerate(network.layers, 1)),
    )


def _layer(number: int, layer: BoundLayer, places: dict[str, tuple[int, int]]) -> LayerSummary:
    units, below = f"n{lowered(number)}", f"n{lowered(number - 1)}"
    matrix = (*layer.output_shape, *layer.input_shape)
    vectors = len(layer.input_shape) == len(layer.output_shape) == 1
    parameters = []
    for name, spec in layer.specs.items():
        dimensions = times(spec.shape)
        if vectors and name == "weights" and spec.shape == matrix:
            dimensions = f"{units} × {below}"
        elif vectors and name == "biases" and spec.shape == layer.output_shape:
            dimensions = units
        start, stop = places[name]
        letter = f"{_LETTERS[name]}{raised(number)}" if name in _LETTERS else name
        parameters.append(
            ParameterSummary(name, letter, dimensions, spec.shape, stop - start, start, stop, spec.regularized)
        )
    lettered = {parameter.name for parameter in parameters if "n" in parameter.dimensions}
    return LayerSummary(
        number=number,
        kind=layer.component.kind,
        activation=None if layer.activation is None else layer.activation.kind,
        elementwise=layer.activation is None or acts_elementwise(layer.activation, np.linspace(-1.5, 2.0, 4)[None]),
        affine="weights" in lettered and lettered == set(layer.specs),
        inputs=layer.input_shape,
        outputs=layer.output_shape,
        dimensions=f"m × {units}" if len(layer.output_shape) == 1 else f"m × {times(layer.output_shape)}",
        size=sum(parameter.size for parameter in parameters),
        parameters=tuple(parameters),
        state={name: value.shape for name, value in layer.state.items()},
    )


def acts_elementwise(activation: Activation, z: Vector) -> bool:
    """Return whether at z each neuron's activation depends on its own net input alone: upstream · σ′(z) goes back."""
    close = 100 * float(np.finfo(z.dtype).eps)
    upstream = np.linspace(1.0, 2.0, z.size, dtype=z.dtype).reshape(z.shape)
    with np.errstate(all="ignore"):  # a network prints itself without warnings, whatever its parts are
        a = activation(z)
        slope = activation.backward(np.ones_like(z), z, a)
        back = activation.backward(upstream, z, a)
        return bool(np.allclose(back, upstream * slope, rtol=close, atol=close))


def times(shape: Sequence[int]) -> str:
    """Return a shape as people write it: 30 × 64."""
    return " × ".join(map(str, shape))


def raised(number: int) -> str:
    """Return a number in superscript digits."""
    return str(number).translate(_RAISED)


def lowered(number: int) -> str:
    """Return a number in subscript digits."""
    return str(number).translate(_LOWERED)


def _html_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str | list[str]]]) -> str:
    """Return a table, all text escaped; the lines of a list stand below each other."""

    def row(tag: str, cells: Sequence[str | list[str]]) -> str:
        lines = [[cell] if isinstance(cell, str) else cell for cell in cells]
        inner = (f"<{tag}>{'<br>'.join(html.escape(line) for line in cell)}</{tag}>" for cell in lines)
        return f"<tr>{''.join(inner)}</tr>"

    body = "".join(row("td", cells) for cells in rows)
    caption = f"<caption>{html.escape(title)}</caption>"
    return f"<table>{caption}<thead>{row('th', head)}</thead><tbody>{body}</tbody></table>"
