"""The layers of a network, each bound to its place, and the context in which they predict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces import Activation, Layer, LayerContext, ParameterSlice, ParameterSpec
from modnet.data.validation import as_array, float_dtype

__all__ = [
    "BoundLayer",
    "Layout",
    "Prediction",
    "Vector",
    "build_layers",
    "overwrite",
    "parameter_layout",
    "trained_slices",
    "views_into",
]

Vector: TypeAlias = NDArray[np.floating[Any]]
Layout: TypeAlias = list[tuple[int, str, ParameterSpec, int]]
"""(layer, name, specification, size) of all parameters in their order in θ; layers count from 0."""


FEW_UNITS, MANY_ROWS = 128, 16
"""Up to how many units, and from how many rows, z is better computed as units × rows: sums over the units are then sums
of whole rows. Measured with OpenBLAS on one thread."""


class Prediction(LayerContext):
    """The context of a prediction: a forward pass only. Each call has its own, so that threads share nothing."""

    __slots__ = ()

    def __init__(self, layer: Layer, parameters: Mapping[str, Vector], state: MutableMapping[str, Vector]) -> None:
        self.layer = layer
        self.parameters = parameters
        self.state = state
        self.training = self.is_first = False
        self.trainable = True
        self.rng = None
        self.saved = None
        self.inner = ()

    def affine(self, x: Vector, weights: Vector, biases: Vector | None) -> Vector:
        """Return x Wᵀ + b, which lies on its side where that is faster: see `FEW_UNITS`."""
        on_its_side = len(weights) <= FEW_UNITS and len(x) >= MANY_ROWS
        z: Vector = np.dot(weights, x.T).T if on_its_side else np.dot(x, weights.T)
        if biases is not None:
            z += biases
        return z

    def nested(self, layer: Layer, names: Callable[[Any], Any]) -> Prediction:
        """Return the context of a layer within this one."""
        return Prediction(layer, names(self.parameters), names(self.state))


class BoundLayer:
    """A layer component bound to its place in a network.

    Attributes:
        component: The layer component.
        activation: Its activation σ, or None.
        input_shape: The shape of one sample that enters it.
        output_shape: The shape of one sample that leaves it.
        specs: Its parameters' specifications by name, those of a frozen layer marked as not trainable.
        state: Its arrays that are not trained (running means, say), by name.
        needs_full_batch: Whether it, or a layer within it, must see a whole batch in one piece.
    """

    def __init__(self, component: Layer, input_shape: tuple[int, ...], number: int) -> None:
        try:
            self.output_shape = component.output_shape(input_shape)
        except ValueError as error:
            raise ConfigError(f"network.layers.{number - 1}: layer {number} ({component.kind}) {error}") from None
        self.component = component
        self.activation: Activation | None = component.activation_function()
        self.input_shape = input_shape
        self.specs: dict[str, ParameterSpec] = {
            name: spec if component.trainable else replace(spec, trainable=False)
            for name, spec in component.parameters(input_shape).items()
        }
        self._parameters: dict[str, Vector] = {}
        self.state: dict[str, Vector] = {}
        self.needs_full_batch = any(part.needs_full_batch for part in component.walk(input_shape))

    def begin(self, parameters: dict[str, Vector], dtype: str, rng: np.random.Generator | None) -> None:
        """Take these views as the parameters, and fill them and the state as they are initially."""
        self._parameters = parameters
        initial = self.component.initial_state(self.input_shape)
        self.state = {name: np.array(value, dtype=dtype) for name, value in initial.items()}
        if rng is not None:
            for name, spec in self.specs.items():
                parameters[name][...] = spec.initializer(rng, spec.shape, spec.fan_in, spec.fan_out)

    @property
    def parameters(self) -> Mapping[str, Vector]:
        """Its parameters by name, views into θ: they are written to, and not replaced."""
        return MappingProxyType(self._parameters)

    @property
    def weights(self) -> Vector | None:
        """W, (n_next, n_current), a view into θ; None for a layer without weights. Assigning copies the numbers."""
        return self._parameters.get("weights")

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        overwrite(self.weights, values, "weights")

    @property
    def biases(self) -> Vector | None:
        """The vector b, (n_next,), a view into θ; None for a layer without biases. Assigning copies the numbers."""
        return self._parameters.get("biases")

    @biases.setter
    def biases(self, values: ArrayLike) -> None:
        overwrite(self.biases, values, "biases")

    @property
    def is_trained(self) -> bool:
        """Whether training changes any of its parameters."""
        return any(spec.trainable for spec in self.specs.values())

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {view.shape}" for name, view in self.parameters.items())
        return f"<{self.component.kind} layer {self.input_shape} → {self.output_shape}: {shapes or 'no parameters'}>"


def build_layers(layers: Sequence[Layer], shape: tuple[int, ...]) -> Iterator[BoundLayer]:
    """Yield the layers bound to their places, without parameters.

    Raises:
        ConfigError: a layer cannot take samples of the shape that the layer below it produces.
    """
    for number, component in enumerate(layers, 1):
        layer = BoundLayer(component, shape, number)
        shape = layer.output_shape
        yield layer


def parameter_layout(layers: Sequence[BoundLayer]) -> Layout:
    """Return (layer, name, specification, size) of all parameters in their order in θ; layers count from 0."""
    entries = [
        (index, name, spec, math.prod(spec.shape))
        for index, layer in enumerate(layers)
        for name, spec in layer.specs.items()
    ]
    return sorted(entries, key=lambda entry: (not entry[2].trainable, not entry[2].regularized))


def trained_slices(layout: Layout) -> tuple[ParameterSlice, ...]:
    """Return which part of what is trained is which layer's which parameter."""
    slices, start = [], 0
    for layer, name, spec, size in layout:
        if spec.trainable:
            slices.append(ParameterSlice(layer, name, start, start + size, spec.shape, spec.regularized))
        start += size
    return tuple(slices)


def views_into(vector: Vector, layout: Layout, layers: int) -> list[dict[str, Vector]]:
    """Return, for every layer, views of its parameters into a vector like θ, or like its trained part, by name."""
    views: list[dict[str, Vector]] = [{} for _ in range(layers)]
    start = 0
    for layer, name, spec, size in layout:
        if start + size <= len(vector):
            views[layer][name] = vector[start : start + size].reshape(spec.shape)
        start += size
    return views


def overwrite(view: Vector | None, values: ArrayLike, what: str) -> None:
    """Write numbers into a view, which must have their shape.

    Raises:
        DataError: there is no view, or they have another shape or are no numbers; ``what`` is what it calls them.
    """
    if view is None:
        raise DataError(f"{what}: the layer has none")
    array = as_array(values, what)
    float_dtype(array.dtype, what)  # refuses text, and what has an imaginary part
    if array.shape != view.shape:
        raise DataError(f"{what}: got the shape {array.shape}, expected {view.shape}")
    view[...] = array


def allocate(size: int, dtype: np.dtype[np.floating[Any]]) -> Vector:
    """Return a vector of zeros; one that does not fit into the memory is a ConfigError."""
    try:
        return np.zeros(size, dtype)
    except (MemoryError, ValueError):  # NumPy's ValueError is of a size that no address reaches
        needed = f"{size:,} numbers of {dtype.name}, {size * dtype.itemsize:,} bytes"
        raise ConfigError(f"network.layers: the parameters do not fit into the memory: {needed}") from None
