"""Layers, and θ: all their parameters as one flat vector, with every W and b as a view into it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from modnet.core.errors import ConfigError
from modnet.core.interfaces import Layer, ParameterSlice
from modnet.network.layers import (
    BoundLayer,
    Layout,
    Vector,
    allocate,
    build_layers,
    overwrite,
    parameter_layout,
    trained_slices,
    views_into,
)

__all__ = ["LayerStack", "Vector"]


class LayerStack:
    """Layers, one on the other, and θ.

    Attributes:
        layers: The layers from the first above the input to the output, each a `BoundLayer`.
        parameters: θ, one flat vector: first all that is regularized (the weights), layer by layer, then the rest of
            what is trained, then what is frozen. Assigning a vector copies its numbers into θ.
        trainable: How many of its entries, from the start, training changes.
        regularized: How many of its entries, from the start, the regularizers act on.
        dtype: The dtype of θ, and of everything that is computed with it.
        input_shape: The shape of one sample as it enters the first layer.

    Args:
        layers: The layer components, from the first above the input to the output.
        input_shape: The shape of one sample, ``(features,)`` for vectors.
        dtype: ``float64`` or ``float32``.
        rng: The random generator of the initial parameters; with None they are 0.

    Raises:
        ConfigError: a layer cannot take samples of the shape that the layer below it produces.
    """

    def __init__(
        self, layers: Sequence[Layer], input_shape: tuple[int, ...], dtype: str, rng: np.random.Generator | None
    ) -> None:
        self.input_shape = tuple(input_shape)
        self.layers: tuple[BoundLayer, ...] = tuple(build_layers(layers, self.input_shape))
        if len(self.layers[-1].output_shape) != 1:
            shape = self.layers[-1].output_shape
            raise ConfigError(f"network.layers: the output layer gives samples of shape {shape}; allowed: vectors")
        self._layout = parameter_layout(self.layers)
        self._parameters: Vector = allocate(sum(size for *_, size in self._layout), np.dtype(dtype))
        trained = [(spec, size) for *_, spec, size in self._layout if spec.trainable]
        self.trainable = sum(size for _, size in trained)
        self.regularized = sum(size for spec, size in trained if spec.regularized)
        for layer, views in zip(self.layers, self.views(self.parameters), strict=True):
            layer.begin(views, dtype, rng)
        self.dtype: np.dtype[np.floating[Any]] = self.parameters.dtype

    @property
    def parameters(self) -> Vector:
        """θ."""
        return self._parameters

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        overwrite(self._parameters, values, "parameters")

    def parameter_layout(self) -> Layout:
        """Return (layer, name, specification, size) of all parameters in their order in θ; layers count from 0."""
        return self._layout

    @property
    def layout(self) -> tuple[ParameterSlice, ...]:
        """Which part of what is trained is which layer's which parameter, in order."""
        return trained_slices(self._layout)

    def views(self, vector: Vector) -> list[dict[str, Vector]]:
        """Return, for every layer, views of its parameters into a vector like θ, or like its trained part, by name."""
        return views_into(vector, self._layout, len(self.layers))

    def layer_states(self) -> list[dict[str, Vector]]:
        """Return copies of every layer's state."""
        return [{name: value.copy() for name, value in layer.state.items()} for layer in self.layers]

    def load_layer_states(self, states: Sequence[Mapping[str, Vector]]) -> None:
        """Take over copies of what `layer_states` of a network of the same layers returned."""
        for layer, state in zip(self.layers, states, strict=True):
            layer.state.update((name, value.astype(self.dtype)) for name, value in state.items())

    @property
    def outputs(self) -> int:
        """How many outputs a sample has."""
        return self.layers[-1].output_shape[0]

    @property
    def sizes(self) -> list[int]:
        """How many units each layer has, the input first: 64, 30, 10."""
        shapes = [self.input_shape, *(layer.output_shape for layer in self.layers)]
        return [math.prod(shape) for shape in shapes]
