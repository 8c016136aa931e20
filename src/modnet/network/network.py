"""The network: its layers, and θ, all parameters as one flat vector with every W and b as a view into it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Names
from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces import Cost, Layer, ParameterSlice, Regularizer
from modnet.core.interfaces.metric import Task
from modnet.data.columns import column_names, column_selector
from modnet.data.prepared import PartRecord
from modnet.data.row_source import ArrayOrSource, as_rows
from modnet.data.scaling import Scaling, prepare
from modnet.data.validation import check_finite
from modnet.network.decoding import predict_labels, target_width
from modnet.network.layers import (
    BoundLayer,
    Layout,
    Prediction,
    Vector,
    build_layers,
    overwrite,
    parameter_layout,
    trained_slices,
    views_into,
)

__all__ = ["CHUNK", "CHUNK_BYTES", "Network", "Vector"]

CHUNK = 1024
"""Rows that go through the network in one piece at most: few enough for their activations to stay in the cache."""
CHUNK_BYTES = 32 << 20
"""How many bytes one layer's activations of these rows have at most, and the outputs of a block of updates."""


class Network:
    """A feedforward neural network: layers, and θ.

    Attributes:
        layers: The layers from the first above the input to the output, each a `BoundLayer`.
        cost: What training minimises.
        regularizers: The penalties on the weights that are added to it.
        parameters: θ, one flat vector: first all that is regularized (the weights), layer by layer, then the rest of
            what is trained, then what is frozen. Assigning a vector copies its numbers into θ.
        trainable: How many of its entries, from the start, training changes.
        regularized: How many of its entries, from the start, the regularizers act on.
        dtype: The dtype of θ, and of everything that is computed with it.
        chunk: How many rows go through in one piece: `CHUNK`, or fewer where a layer has thousands of units.
        input_shape: The shape of one sample.
        target_width: How many values a target has, which follows from the number of outputs and the cost.
        classes: The labels that the outputs stand for, or None where targets are numbers.
        multi_label: Whether each value of a target says whether a label applies, 0 or 1; there are no ``classes`` then.
        scaling: How raw rows are scaled before they enter, or None.
        features: The names of the columns of x, or None.
        config: The configuration of the run that made it, or None.

    Args:
        layers: The layer components, from the first above the input to the output.
        input_shape: The shape of one sample, ``(features,)`` for vectors.
        cost: The cost.
        regularizers: Penalties.
        dtype: ``float64`` or ``float32``.
        rng: The random generator of the initial parameters; with None they are 0.

    Raises:
        ConfigError: a layer cannot take samples of the shape that the layer below it produces.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: tuple[int, ...],
        cost: Cost,
        regularizers: Sequence[Regularizer] = (),
        dtype: str = "float64",
        rng: np.random.Generator | None = None,
    ) -> None:
        self.input_shape = tuple(input_shape)
        self.cost = cost
        self.regularizers = tuple(regularizers)
        self.classes: NDArray[Any] | None = None
        self.multi_label = False
        self.scaling: Scaling | None = None
        self.features: Names | None = None
        self.config: RunConfig | None = None
        self.data_record: Mapping[str, PartRecord] | None = None
        self.layers: tuple[BoundLayer, ...] = tuple(build_layers(layers, self.input_shape))
        if len(self.layers[-1].output_shape) != 1:
            shape = self.layers[-1].output_shape
            raise ConfigError(f"network.layers: the output layer gives samples of shape {shape}; allowed: vectors")
        self.target_width = target_width(cost, self.outputs) or self.outputs
        self._parameters: Vector = _allocate(sum(size for *_, size in self.parameter_layout()), np.dtype(dtype))
        trained = [(spec, size) for *_, spec, size in self.parameter_layout() if spec.trainable]
        self.trainable = sum(size for _, size in trained)
        self.regularized = sum(size for spec, size in trained if spec.regularized)
        for layer, views in zip(self.layers, self.views(self.parameters), strict=True):
            layer.begin(views, dtype, rng)

        self.dtype: np.dtype[np.floating[Any]] = self.parameters.dtype
        self.chunk = max(1, min(CHUNK, CHUNK_BYTES // (max(self.sizes[1:]) * self.dtype.itemsize)))
        self._steps = [
            (layer.component, layer.component.forward, layer.activation, layer.parameters, layer.state)
            for layer in self.layers
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made: anew, with views into its own θ, since a view is copied as an array by itself."""
        components = [layer.component for layer in self.layers]
        made_from = components, self.input_shape, self.cost, self.regularizers, self.dtype.name
        rest = {name: value for name, value in vars(self).items() if name not in ("layers", "_parameters", "_steps")}
        return type(self), made_from, (self.parameters, self.layer_states(), rest)

    def __setstate__(self, state: tuple[Vector, list[dict[str, Vector]], dict[str, Any]]) -> None:
        self.parameters, layer_states, rest = state
        self.load_layer_states(layer_states)
        vars(self).update(rest)

    __copy__ = copy.deepcopy

    @property
    def parameters(self) -> Vector:
        """θ."""
        return self._parameters

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        overwrite(self._parameters, values, "parameters")

    def parameter_layout(self) -> Layout:
        """Return (layer, name, specification, size) of all parameters in their order in θ; layers count from 0."""
        return parameter_layout(self.layers)

    @property
    def layout(self) -> tuple[ParameterSlice, ...]:
        """Which part of what is trained is which layer's which parameter, in order."""
        return trained_slices(self.parameter_layout())

    def views(self, vector: Vector) -> list[dict[str, Vector]]:
        """Return, for every layer, views of its parameters into a vector like θ, or like its trained part, by name."""
        return views_into(vector, self.parameter_layout(), len(self.layers))

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
    def task(self) -> Task:
        """What it is trained to do, as metrics ask."""
        return Task(self.target_width, self.classes is not None, self.multi_label)

    @property
    def sizes(self) -> list[int]:
        """How many units each layer has, the input first: 64, 30, 10."""
        shapes = [self.input_shape, *(layer.output_shape for layer in self.layers)]
        return [int(np.prod(shape)) for shape in shapes]

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.sizes))
        kinds = ", ".join(layer.component.kind for layer in self.layers)
        return f"<Network {sizes} ({kinds}), {self.parameters.size} parameters, {self.dtype}>"

    def penalty(self) -> float:
        """Return what the regularizers add to the mean cost at θ."""
        weights = self.parameters[: self.regularized]
        return sum(float(regularizer(weights)) for regularizer in self.regularizers)

    def predict(self, x: ArrayLike) -> Vector:
        """Return predictions, (samples, values of a target), for raw rows ``x``, (samples, features).

        They are the outputs, unless the cost says otherwise: the mean of a `gaussian-nll`, the median of a `quantile`.

        Raises:
            DataError: as `predict_outputs`.
        """
        return _in_pieces(x, self, self.cost.predictions)

    def predict_outputs(self, x: ArrayLike) -> Vector:
        """Return the outputs, (samples, units), for raw rows ``x``, (samples, features).

        Columns of a data frame are matched by name if the network was trained with names, and those of an array by
        position; rows of a file that is memory-mapped, and of h5py, zarr and the like, are read in blocks. Any number
        of threads may predict at once: θ is only read, and nothing is kept between calls.

        Raises:
            DataError: ``x`` has another number of features, lacks a named one, or holds NaN or infinity.
        """
        return _in_pieces(x, self, lambda outputs: outputs)

    def classify(self, x: ArrayLike) -> NDArray[Any]:
        """Return the class label predicted for each row of ``x``.

        With one value, the second label is predicted from ½ on, with several that of the largest. A network without
        labels returns the index. Where a sample may have several labels, these are rows of 0 and 1: 1 from ½ on.

        Raises:
            DataError: as `predict`.
        """
        return _in_pieces(x, self, lambda outputs: self.decode(self.cost.predictions(outputs)))

    def decode(self, predictions: Vector) -> NDArray[Any]:
        """Return the labels for predictions, as `predict` returns them."""
        return predict_labels(predictions, self.classes, multi_label=self.multi_label)

    def preprocess(self, rows: ArrayOrSource, where: str = "x") -> ArrayOrSource:
        """Return raw rows as they enter the first layer: scaled, and of the network's dtype.

        Args:
            rows: Raw rows, (samples, features).
            where: What an error calls them.

        Raises:
            DataError: a number becomes infinite by the scaling or in the network's dtype; of a source, when it is read.
        """
        return prepare(rows, self.scaling, self.dtype, where)

    def forward(self, a: Vector) -> Vector:
        """Return the outputs of preprocessed rows, in one piece."""
        for layer, net_input, activation, parameters, state in self._steps:
            ctx = Prediction(layer, parameters, state)
            ctx.x = a
            a = net_input(a, ctx)
            if activation is not None:
                a = activation(a)
        return a


def _needs_no_preprocessing(x: NDArray[Any], network: Network) -> bool:
    """Whether rows can enter as they are: the fast path for predictions one by one."""
    if x.dtype is not network.dtype or x.shape[1:] != network.input_shape or not len(x):
        return False
    return network.scaling is None and x.flags.c_contiguous


def _in_pieces(x: ArrayLike, network: Network, convert: Callable[[Vector], NDArray[Any]]) -> NDArray[Any]:
    """Return what the outputs of raw rows are converted to, of each piece by itself: the outputs may be large."""
    rows: ArrayOrSource
    if type(x) is np.ndarray and _needs_no_preprocessing(x, network):
        if len(x) <= network.chunk and _is_finite(x):
            return convert(network.forward(x))
        rows, checked = x, False
    else:
        rows, checked = _rows_of(x, network), True
    result: NDArray[Any] = np.empty(0)
    for start in range(0, len(rows), network.chunk):
        piece = rows[start : start + network.chunk]
        if not (checked or _is_finite(piece)):
            check_finite(rows[:], "x")  # says where
        converted = convert(network.forward(piece))
        if not start:
            result = np.empty((len(rows), *converted.shape[1:]), converted.dtype)
        result[start : start + network.chunk] = converted
    return result


def _rows_of(x: ArrayLike, network: Network) -> ArrayOrSource:
    rows = as_rows(x, "x", column_selector(column_names(x), network.features, "x"))
    if rows.shape[1:] != network.input_shape:
        raise DataError(f"x: layer 1 expects {_size(network.input_shape)} inputs, got {_size(rows.shape[1:])}")
    return network.preprocess(rows)


def _is_finite(rows: Vector) -> bool:
    return int(np.count_nonzero(np.isfinite(rows))) == rows.size


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _allocate(size: int, dtype: np.dtype[np.floating[Any]]) -> Vector:
    try:
        return np.zeros(size, dtype)
    except (MemoryError, ValueError):  # NumPy's ValueError is of a size that no address reaches
        needed = f"{size:,} numbers of {dtype.name}, {size * dtype.itemsize:,} bytes"
        raise ConfigError(f"network.layers: the parameters do not fit into the memory: {needed}") from None
