"""The network: its layers, and θ, all parameters as one flat vector with every W and b as a view into it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Names
from modnet.core.errors import DataError
from modnet.core.interfaces import Cost, Layer, Regularizer
from modnet.core.interfaces.metric import Task
from modnet.data.labels import Targets
from modnet.data.prepared import PartRecord
from modnet.data.preprocessing import Preprocessing, narrowed_rows, transformed_targets
from modnet.data.raw import check_shape, raw_rows
from modnet.data.row_source import ArrayOrSource, made_dense
from modnet.data.sparse_rows import SparseRows
from modnet.data.table import Rows, Table
from modnet.data.validation import all_finite, check_finite
from modnet.network.decoding import predict_labels, target_width
from modnet.network.layer_stack import LayerStack, Vector
from modnet.network.layers import Prediction

__all__ = ["CHUNK", "CHUNK_BYTES", "Network", "Vector"]

CHUNK = 1024
"""Rows that go through the network in one piece at most: few enough for their activations to stay in the cache."""
CHUNK_BYTES = 32 << 20
"""How many bytes one layer's activations of these rows have at most, and the outputs of a block of updates."""


class Network(LayerStack):
    """A feedforward neural network: layers, θ, the cost, and how raw rows enter and outputs are read.

    Attributes:
        layers, parameters, trainable, regularized, dtype, input_shape: As in `LayerStack`.
        cost: What training minimises.
        regularizers: The penalties on the weights that are added to it.
        chunk: How many rows go through in one piece: `CHUNK`, or fewer where a layer has thousands of units.
        target_width: How many values a target has, which follows from the number of outputs and the cost.
        classes: The labels that the outputs stand for, or None where targets are numbers.
        multi_label: Whether each value of a target says whether a label applies, 0 or 1; there are no ``classes`` then.
        preprocessing: The transforms that make the rows that enter of raw ones, or None.
        target_transform: The transforms of targets that are numbers, undone in predictions, or None.
        features: The names of the columns of raw rows, or None.
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
        super().__init__(layers, input_shape, dtype, rng)
        self.cost = cost
        self.regularizers = tuple(regularizers)
        self.classes: NDArray[Any] | None = None
        self.multi_label = False
        self.preprocessing: Preprocessing | None = None
        self.target_transform: Preprocessing | None = None
        self.features: Names | None = None
        self.config: RunConfig | None = None
        self.data_record: Mapping[str, PartRecord] | None = None
        self.target_width = target_width(cost, self.outputs) or self.outputs
        self.chunk = max(1, min(CHUNK, CHUNK_BYTES // (max(self.sizes[1:]) * self.dtype.itemsize)))
        self._steps = [
            (layer.component, layer.component.forward, layer.activation, layer.parameters, layer.state)
            for layer in self.layers
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made: anew, with views into its own θ, since a view is copied as an array by itself."""
        components = [layer.component for layer in self.layers]
        made_from = components, self.input_shape, self.cost, self.regularizers, self.dtype.name
        made = ("layers", "_layout", "_parameters", "_steps")
        rest = {name: value for name, value in vars(self).items() if name not in made}
        return type(self), made_from, (self.parameters, self.layer_states(), rest)

    def __setstate__(self, state: tuple[Vector, list[dict[str, Vector]], dict[str, Any]]) -> None:
        self.parameters, layer_states, rest = state
        self.load_layer_states(layer_states)
        vars(self).update(rest)

    __copy__ = copy.deepcopy

    @property
    def task(self) -> Task:
        """What it is trained to do, as metrics ask."""
        return Task(self.target_width, self.classes is not None, self.multi_label)

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.sizes))
        kinds = ", ".join(layer.component.kind for layer in self.layers)
        return f"<Network {sizes} ({kinds}), {self.parameters.size} parameters, {self.dtype}>"

    def penalty(self, total: float) -> float:
        """Return what the regularizers add at θ to the mean cost of samples that weigh ``total``: their number, or Σ w.

        Where it is 0, penalties that are divided by it are 0.
        """
        weights, penalty = self._parameters[: self.regularized], 0.0
        for regularizer in self.regularizers:
            if not regularizer.divide_by_batch:
                penalty += float(regularizer(weights))
            elif total:
                penalty += float(regularizer(weights)) / total
        return penalty

    def add_penalty_gradient(self, gradient: Vector, total: float) -> None:
        """Add the gradient of `penalty` to ∇θ."""
        count = self.regularized
        weights, place = self._parameters[:count], gradient[:count]
        for regularizer in self.regularizers:
            if not regularizer.divide_by_batch:
                place += regularizer.gradient(weights)
            elif total:
                place += regularizer.gradient(weights) * (1.0 / total)  # a product is faster than a quotient

    def predict(self, x: ArrayLike) -> Vector:
        """Return predictions, (samples, values of a target), for raw rows ``x``, (samples, features).

        They are the outputs, unless the cost says otherwise (the mean of a `gaussian-nll`, the median of a `quantile`),
        or the targets were transformed: they are in the units of the targets.

        Raises:
            DataError: as `predict_outputs`.
        """
        return _in_pieces(x, self, self.to_predictions)

    def predict_outputs(self, x: ArrayLike) -> Vector:
        """Return the outputs, (samples, units), for raw rows ``x``, (samples, features).

        Columns of a data frame are matched by name if the network was trained with names, and those of an array by
        position; rows of a file that is memory-mapped, and of h5py, zarr and the like, are read in blocks, and sparse
        rows, a CSR matrix of scipy, are multiplied as they are by a first layer that is dense. Any number of threads
        may predict at once: θ is only read, and nothing is kept between calls.

        Raises:
            DataError: ``x`` has another number of features, lacks a named one, or holds NaN or infinity.
        """
        return _in_pieces(x, self, lambda outputs: outputs)

    def classify(self, x: ArrayLike) -> NDArray[Any]:
        """Return the class label predicted for each row of ``x``.

        With one value, the second label is predicted above ½, with several that of the largest, the first of equals. A
        network without labels returns the index. Where a sample may have several labels, these are rows of 0 and 1: 1
        above ½.

        Raises:
            DataError: as `predict`; or the network predicts numbers that were transformed, which are no classes.
        """
        if self.target_transform is not None:
            raise DataError("the network was trained with numbers, which are no classes; predict returns them")
        return _in_pieces(x, self, lambda outputs: self.decode(self.to_predictions(outputs)))

    def to_predictions(self, outputs: Vector) -> Vector:
        """Return what outputs predict, (samples, values of a target), in the units of the targets."""
        return self.to_target_units(self.cost.predictions(outputs))

    def to_target_units(self, values: Vector) -> Vector:
        """Return predictions, or targets as the cost takes them, with the transform of the targets undone."""
        return values if self.target_transform is None else self.target_transform.inverse(values)

    def decode(self, predictions: Vector) -> NDArray[Any]:
        """Return the labels for predictions, as `predict` returns them."""
        return predict_labels(predictions, self.classes, multi_label=self.multi_label)

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """The shape of one raw sample."""
        return self.input_shape if self.preprocessing is None else self.preprocessing.raw_shape

    def preprocess(self, rows: Rows, where: str = "x") -> ArrayOrSource:
        """Return raw rows as they enter the first layer: transformed, and of the network's dtype.

        Raises:
            DataError: a value is missing or cannot be transformed, or a number becomes infinite by it or in the
                network's dtype; of a source, when it is read.
        """
        if self.preprocessing is not None:
            return self.preprocessing.apply(rows, self.dtype, where)
        narrowed = narrowed_rows(rows.values if isinstance(rows, Table) else rows, self.dtype, where)
        if isinstance(narrowed, SparseRows) and not self.layers[0].component.takes_sparse():
            return made_dense(narrowed, where)
        return narrowed

    def preprocess_targets(self, targets: Targets, where: str = "y") -> Targets:
        """Return targets as the cost takes them: transformed, and of the network's dtype.

        Raises:
            DataError: a number cannot be transformed, becomes infinite in the dtype, or is none that the cost allows.
        """
        prepared = transformed_targets(targets, self.target_transform, where).astype(self.dtype, where)
        if prepared.values is not None:
            try:
                self.cost.check(prepared.values)
            except ValueError as error:
                raise DataError(f"{where}: the cost {self.cost.kind} {error}") from None
        return prepared

    def forward_in_pieces(self, x: ArrayOrSource) -> Iterator[Vector]:
        """Yield the outputs of preprocessed rows, of at most `chunk` of them at a time."""
        for start in range(0, len(x), self.chunk):
            yield self.forward(x[start : start + self.chunk])

    def forward(self, a: Vector) -> Vector:
        """Return the outputs of preprocessed rows, in one piece."""
        for layer, net_input, activation, parameters, state in self._steps:
            ctx = Prediction(layer, parameters, state)
            ctx.x = a
            a = net_input(a, ctx)
            if activation is not None:
                a = activation(a)
        return a


def _can_enter(x: NDArray[Any], network: Network) -> bool:
    """Whether rows can enter as they are: the fast path for predictions one by one."""
    fits = x.dtype is network.dtype and x.shape[1:] == network.input_shape and len(x) > 0
    return fits and network.preprocessing is None and x.flags.c_contiguous


def _in_pieces(x: ArrayLike, network: Network, convert: Callable[[Vector], NDArray[Any]]) -> NDArray[Any]:
    """Return what the outputs of raw rows are converted to, of each piece by itself: the outputs may be large."""
    rows: ArrayOrSource
    if type(x) is np.ndarray and _can_enter(x, network):
        if len(x) <= network.chunk and all_finite(x):
            return np.ascontiguousarray(convert(network.forward(x)))
        rows, checked = x, False
    else:
        rows, checked = _rows_of(x, network), True
    result: NDArray[Any] = np.empty(0)
    for start in range(0, len(rows), network.chunk):
        piece = rows[start : start + network.chunk]
        if not (checked or all_finite(piece)):
            check_finite(rows[:], "x")  # says where
        converted = convert(network.forward(piece))
        if not start:
            result = np.empty((len(rows), *converted.shape[1:]), converted.dtype)
        result[start : start + network.chunk] = converted
    return result


def _rows_of(x: ArrayLike, network: Network) -> ArrayOrSource:
    rows = raw_rows(x, None, network.features, "x", transforms=network.preprocessing is not None)
    check_shape(rows, network.raw_shape, "x", "layer 1" if network.preprocessing is None else "the first transform")
    return network.preprocess(rows)
