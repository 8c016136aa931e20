"""NeuralNetwork: the teaching document's class, with its methods and letters, on modnet's network and components.

Where the document contradicts itself, the correct reading is implemented: biases are 1-D, the weights (not the
activations) are transposed in the backward pass, and the caller's list is never shuffled.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modnet.components.activations import Sigmoid
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.components.update_rules import Plain
from modnet.core.arrays import Array
from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces import UpdateContext
from modnet.core.messages import short_repr
from modnet.core.output import Output
from modnet.core.random import Stream, generator
from modnet.engines.numpy.workspace import Workspace
from modnet.network.layers import overwrite
from modnet.network.network import Network, Vector

__all__ = ["NeuralNetwork", "sigmoid", "sigmoid_prime"]

Pairs: TypeAlias = Iterable[tuple[Any, Any]]
"""A list, a zip or another iterable of (x, y): as many numbers as there are inputs, and as many as outputs."""

_sigmoid, _quadratic, _plain = Sigmoid(), Quadratic(), Plain()


def sigmoid(z: Array) -> Array:
    """Return σ(z) = 1 / (1 + e⁻ᶻ)."""
    return _sigmoid(np.asarray(z, dtype=np.float64))


def sigmoid_prime(z: Array) -> Array:
    """Return σ′(z) = σ(z)(1 − σ(z)), which lies in (0, ¼]."""
    z = np.asarray(z, dtype=np.float64)
    return _sigmoid.backward(np.ones_like(z), z, _sigmoid(z))


class NeuralNetwork:
    """A network of sigmoid neurons with quadratic cost, as the document's listings define it.

    Attributes:
        num_layers: The number of layers, the input included.
        sizes: The number of neurons in each layer.
        network: The underlying `modnet.Network`.

    Args:
        sizes: The number of neurons in each layer, the input first: ``[784, 30, 10]``.
        seed: The seed of the standard-normal initial parameters and of the order of the samples; None for a random one.

    Raises:
        ConfigError: ``sizes`` has fewer than two layers, or a layer without neurons.

    >>> net = NeuralNetwork([2, 3, 1], seed=0)
    >>> net.feedforward([0.5, -0.5]).shape
    (1,)
    """

    def __init__(self, sizes: Sequence[int], seed: int | None = None) -> None:
        if len(sizes) < 2 or any(size < 1 for size in sizes):
            raise ConfigError(f"sizes: {list(sizes)} should be two or more numbers of neurons, each at least 1")
        self.num_layers = len(sizes)
        self.sizes = list(sizes)
        layers = [Dense(units=units) for units in sizes[1:]]
        self.network = Network(layers, (sizes[0],), _quadratic, rng=generator(seed, Stream.PARAMETERS))
        self._order = generator(seed, Stream.ORDER)
        self._workspace = Workspace(self.network)

    __copy__ = copy.deepcopy

    @property
    def weights(self) -> MutableSequence[Vector]:
        """W of every layer above the input, (n_next, n_current); assigning copies the numbers into the network."""
        return _Views([layer.parameters["weights"] for layer in self.network.layers])

    @weights.setter
    def weights(self, values: Iterable[ArrayLike]) -> None:
        _assign(self.weights, values, "weights")

    @property
    def biases(self) -> MutableSequence[Vector]:
        """The vector b of every layer above the input, (n_next,); columns are accepted too."""
        return _Views([layer.parameters["biases"] for layer in self.network.layers])

    @biases.setter
    def biases(self, values: Iterable[ArrayLike]) -> None:
        _assign(self.biases, values, "biases")

    def feedforward(self, a: ArrayLike) -> Vector:
        """Return the output for the input ``a``: a column for a column, else a 1-D array."""
        given = np.asarray(a, dtype=np.float64)
        if given.shape not in ((self.sizes[0],), (self.sizes[0], 1)):
            raise DataError(f"a: layer 1 expects {self.sizes[0]} inputs, got an array of shape {given.shape}")
        output: Vector = self.network.forward(given.reshape(1, -1))[0]
        return output[:, np.newaxis] if given.ndim == 2 else output

    def SGD(  # noqa: N802 -- the document's name
        self,
        training_data: Pairs,
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Pairs | None = None,
    ) -> None:
        """Train by mini-batch gradient descent, and print the document's line after every epoch.

        Args:
            training_data: The training pairs; unlike in the document, the list itself is not shuffled.
            epochs: Passes over all pairs.
            mini_batch_size: Pairs that feed one update.
            eta: The learning rate η.
            test_data: Pairs on which correct predictions are counted after every epoch, if any.

        The document counts the epochs from 0 in these lines.

        Raises:
            DataError: there are no pairs, also of test data, or one does not fit the network.
            ConfigError: ``mini_batch_size`` or ``eta`` is not positive.
        """
        if mini_batch_size < 1:
            raise ConfigError(f"mini_batch_size: {mini_batch_size} should be at least 1")
        x, y = self._matrices(training_data, "training_data")
        test = None if test_data is None else self._test_matrix(_listed(test_data, "test_data"))
        output = Output(sys.stdout)
        for epoch in range(epochs):
            order = self._order.permutation(len(x))
            for start in range(0, len(x), mini_batch_size):
                rows = order[start : start + mini_batch_size]
                self._update(x[rows], y[rows], eta)
            if test is None:
                print(f"Epoch {epoch} complete", file=output)
            else:
                print(f"Epoch {epoch}: {self._count(*test)} / {len(test[0])}", file=output)

    def update_mini_batch(self, mini_batch: Pairs, eta: float) -> None:
        """Make one update θ ← θ − η∇, with ∇ averaged over the pairs.

        Raises:
            DataError: there are no pairs, or one does not fit the network.
            ConfigError: ``eta`` is not positive.
        """
        self._update(*self._matrices(mini_batch, "mini_batch"), eta)

    def backprop(self, x: ArrayLike, y: ArrayLike) -> tuple[list[Vector], list[Vector]]:
        """Return (∇b, ∇W) of the cost of one pair, a list with an array for every layer above the input."""
        _, gradient = self._workspace.cost_and_gradient(*self._matrices([(x, y)], "(x, y)"))
        views = self.network.views(gradient.copy())
        return [layer["biases"] for layer in views], [layer["weights"] for layer in views]

    def evaluate(self, test_data: Pairs) -> int:
        """Return for how many pairs the class is predicted correctly; y is a class's index or a one-hot vector."""
        pairs = _listed(test_data, "test_data", at_least=0)
        return self._count(*self._test_matrix(pairs)) if pairs else 0

    def cost_derivative(self, output_activations: ArrayLike, y: ArrayLike) -> Vector:
        """Return ∂C/∂a = a − y of the quadratic cost."""
        derivative: Vector = _quadratic.gradient(np.asarray(output_activations, np.float64), np.asarray(y, np.float64))
        return derivative

    def _update(self, x: Vector, y: Vector, eta: float) -> None:
        if not eta > 0:
            raise ConfigError(f"eta: {eta} should be greater than 0")
        _, gradient = self._workspace.cost_and_gradient(x, y)
        theta = self.network.parameters
        step, _ = _plain.update(gradient, {}, UpdateContext(theta, eta))
        theta -= step

    def _test_matrix(self, pairs: list[tuple[Any, Any]]) -> tuple[Vector, Vector]:
        """Return the inputs, and the indices of the classes."""
        x = _matrix([x for x, _ in pairs], self.sizes[0], "test_data", "layer 1 expects", "inputs")
        wanted = [int(np.argmax(y)) if np.size(y) > 1 else int(np.asarray(y).reshape(())) for _, y in pairs]
        return x, np.array(wanted)

    def _count(self, x: Vector, wanted: Vector) -> int:
        return int(np.sum(np.argmax(self.network.forward(x), axis=1) == wanted))

    def _matrices(self, data: Pairs, where: str) -> tuple[Vector, Vector]:
        pairs = _listed(data, where)
        x = _matrix([x for x, _ in pairs], self.sizes[0], where, "layer 1 expects", "inputs")
        return x, _matrix([y for _, y in pairs], self.sizes[-1], where, "the output layer has", "neurons")


class _Views(MutableSequence[NDArray[Any]]):
    """Views into θ that keep their length and shapes: assigning to one copies the numbers."""

    def __init__(self, views: list[Vector]) -> None:
        self._views = views

    def __len__(self) -> int:
        return len(self._views)

    @overload
    def __getitem__(self, index: int) -> Vector: ...
    @overload
    def __getitem__(self, index: slice) -> MutableSequence[Vector]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return _Views(self._views[index]) if isinstance(index, slice) else self._views[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            _assign(_Views(self._views[index]), value, "values")
        else:
            _copy(self._views[index], value, f"layer {index % len(self) + 1}")

    def __delitem__(self, index: Any) -> None:
        raise TypeError("a network keeps its layers")

    def insert(self, index: int, value: Any) -> None:
        del index, value
        raise TypeError("a network keeps its layers")

    def __iter__(self) -> Iterator[Vector]:
        return iter(self._views)

    def __repr__(self) -> str:
        return repr(self._views)


def _listed(data: Pairs, where: str, at_least: int = 1) -> list[tuple[Any, Any]]:
    """Return the pairs as a list, since an iterator can be read only once."""
    if not isinstance(data, Iterable):
        raise DataError(f"{where}: {short_repr(data)} is no list of pairs (x, y)")
    pairs: list[tuple[Any, Any]] = []
    for item in data:
        try:
            x, y = item
        except (TypeError, ValueError):
            problem = f"{short_repr(item)} is no pair (x, y); zip(x, y) makes pairs of two arrays"
            raise DataError(f"{where}: item {len(pairs)} (counted from 0): {problem}") from None
        pairs.append((x, y))
    if len(pairs) < at_least:
        raise DataError(f"{where}: is empty, or an iterator that was read before; at least one pair (x, y) is needed")
    return pairs


def _assign(views: MutableSequence[Vector], values: Iterable[ArrayLike], what: str) -> None:
    listed = list(values)
    if len(listed) != len(views):
        raise DataError(f"{what}: got {len(listed)} arrays, the network has {len(views)} layers above the input")
    for number, (view, value) in enumerate(zip(views, listed, strict=True), 1):
        _copy(view, value, f"{what} of layer {number}")


def _copy(view: Vector, value: ArrayLike, what: str) -> None:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 2 and view.ndim == 1 and array.shape[1] == 1:
        array = array[:, 0]
    overwrite(view, array, what)


def _matrix(vectors: Sequence[Any], size: int, where: str, expects: str, what: str) -> Vector:
    """Return 1-D arrays or columns as the rows of one matrix."""
    matrix = np.empty((len(vectors), size))
    for index, vector in enumerate(vectors):
        row = np.asarray(vector, dtype=np.float64)
        if row.size != size or row.ndim > 2 or (row.ndim == 2 and row.shape[1] != 1):
            raise DataError(f"{where}: pair {index}: {expects} {size} {what}, got an array of shape {row.shape}")
        matrix[index] = row.reshape(size)
    return matrix
