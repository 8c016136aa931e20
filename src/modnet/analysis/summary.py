"""The dimensions of a network: for every layer the shapes of W, b, z, a and δ, and where its parameters are in θ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from modnet.analysis.html_table import html_table
from modnet.core.interfaces import Activation, Layer
from modnet.network.layers import BoundLayer
from modnet.network.network import Network, Vector

__all__ = ["LayerSummary", "ParameterSummary", "Summary", "acts_elementwise", "lowered", "raised", "summary", "times"]

_LETTERS = {"weights": "W", "biases": "b"}
_LISTED = 10
"""The most sizes that are all written in a title."""
_RAISED, _LOWERED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"), str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class ParameterSummary:
    """One array of parameters of a layer.

    Attributes:
        name, letter: The layer's name for it, and W² for the weights of layer 2, b² for its biases, else the name.
        dimensions: Its shape in letters, ``n₂ × n₁``, where it is W or b; else in numbers.
        shape, size: Its shape, and the number of its entries.
        start, stop: Where it is in θ: ``θ[start:stop]``, reshaped.
        regularized: Whether the penalties act on it.
        trainable: Whether training changes it.
    """

    name: str
    letter: str
    dimensions: str
    shape: tuple[int, ...]
    size: int
    start: int
    stop: int
    regularized: bool
    trainable: bool


@dataclass(frozen=True)
class LayerSummary:
    """One layer.

    Attributes:
        number: Its number l, from 1 for the first above the input.
        kind, activation: Its kind, and the kind of its σ, or None where a is z.
        elementwise: Whether each aⱼ depends on its own zⱼ alone, so that σ′ is a vector; softmax has a matrix.
        affine: Whether its parameters are W, (n_l, n_{l−1}), and perhaps b, (n_l,), and nothing else.
        inputs, outputs: The shape of one sample below it, and above it: of z, a and δ.
        dimensions: The shape of z, a and δ for m samples in letters, ``m × n₁``; of samples that are no vectors in
            numbers.
        size, parameters: The number of entries of its parameters, and these.
        state: The shapes of what it keeps and no gradient trains, by name.
        within: The titles of the layers within it, without `identity`, by their places: ``0.1`` for the second within
            the first.
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
    within: dict[str, str]

    @property
    def title(self) -> str:
        """Its kind, and the kind of its activation."""
        return _title(self.kind, self.activation)


@dataclass(frozen=True)
class Summary:
    """The dimensions of a network.

    Attributes:
        inputs: The shape of one sample.
        sizes: The number of units of each layer, the input first: n₀, n₁, …
        dtype, size: The dtype of θ, and the number of its entries.
        cost, regularizers: The kinds of the cost and of the penalties.
        regularized: The number of entries, from the start of θ, that the penalties act on.
        trainable: The number of entries, from the start of θ, that training changes; the others are frozen.
        layers: The layers, from the first above the input.
    """

    inputs: tuple[int, ...]
    sizes: tuple[int, ...]
    dtype: str
    cost: str
    regularizers: tuple[str, ...]
    size: int
    regularized: int
    trainable: int
    layers: tuple[LayerSummary, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes by name; JSON takes it as it is."""
        return asdict(self)

    @property
    def title(self) -> str:
        """Sizes, those of many layers abbreviated, number of parameters and dtype."""
        sizes = list(map(str, self.sizes))
        if len(sizes) > _LISTED:
            sizes = [*sizes[:3], "…", sizes[-1]]
        deep = f" ({len(self.layers)} layers)" if len(self.sizes) > _LISTED else ""
        return f"modnet network {'-'.join(sizes)}{deep}, {self.size:,} parameters, {self.dtype}"

    @property
    def table(self) -> tuple[list[str], list[list[str]]]:
        """A heading for each column, and a row for each layer: shapes, parameters, and where these are in θ."""
        head = ["l", "layer", "inputs", "outputs (z, a, δ)", "parameters", "count", "in θ"]
        rows = []
        for layer in self.layers:
            parameters = ", ".join(f"{parameter.letter} {times(parameter.shape)}" for parameter in layer.parameters)
            places = ", ".join(f"{parameter.start}:{parameter.stop}" for parameter in layer.parameters)
            shapes = times(layer.inputs), times(layer.outputs)
            rows.append([str(layer.number), layer.title, *shapes, parameters, f"{layer.size:,}", places])
        return head, rows

    def __str__(self) -> str:
        """Return a line for the network and one for each layer."""
        cells = [
            (number, title, f"{inputs} → {outputs}", parameters or "no parameters")
            for number, title, inputs, outputs, parameters, *_ in self.table[1]
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            f"  {number:>{widths[0]}}  {title:<{widths[1]}}  {shapes:<{widths[2]}}  {parameters}"
            for number, title, shapes, parameters in cells
        ]
        return "\n".join([f"<{self.title}>", *lines])

    def _repr_html_(self) -> str:
        """Return the table, for notebooks."""
        return html_table(self.title, *self.table)


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
        trainable=network.trainable,
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
        size = stop - start
        flags = spec.regularized and spec.trainable, spec.trainable
        parameters.append(ParameterSummary(name, letter, dimensions, spec.shape, size, start, stop, *flags))
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
        within=dict(_within(layer.component, layer.input_shape)),
    )


def _within(layer: Layer, input_shape: tuple[int, ...], path: str = "") -> Iterator[tuple[str, str]]:
    for index, (child, shape) in enumerate(layer.children(input_shape)):
        activation = child.activation_function()
        kind = None if activation is None or activation.kind == "identity" else activation.kind
        yield f"{path}{index}", _title(child.kind, kind)
        yield from _within(child, shape, f"{path}{index}.")


def _title(kind: str, activation: str | None) -> str:
    return kind if activation is None else f"{kind}, {activation}"


def acts_elementwise(activation: Activation, z: Vector) -> bool:
    """Return whether, at z, each aⱼ depends on its own zⱼ alone, so that ``backward`` returns upstream · σ′(z)."""
    tolerance = 100 * float(np.finfo(z.dtype).eps)
    upstream = np.linspace(1.0, 2.0, z.size, dtype=z.dtype).reshape(z.shape)
    with np.errstate(all="ignore"):  # a network prints itself without warnings, whatever its components are
        a = activation(z)
        slope = activation.backward(np.ones_like(z), z, a)
        back = activation.backward(upstream, z, a)
        return bool(np.allclose(back, upstream * slope, rtol=tolerance, atol=tolerance))


def times(shape: Sequence[int]) -> str:
    """Return a shape as people write it: 30 × 64."""
    return " × ".join(map(str, shape))


def raised(number: int) -> str:
    """Return a number in superscript digits."""
    return str(number).translate(_RAISED)


def lowered(number: int) -> str:
    """Return a number in subscript digits."""
    return str(number).translate(_LOWERED)
