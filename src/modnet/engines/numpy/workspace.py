"""Forward and backward through a network, with everything that a pass produces in one place that is reused.

The matrix products of a layer write into buffers and into ∇θ; nothing of this is seen by the parts, which are plain
functions. A workspace belongs to one training; predictions have nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from modnet.core.interfaces import Layer, LayerContext
from modnet.core.random import GeneratorRandom
from modnet.network.network import Network, Vector

__all__ = ["Workspace"]

_LENGTHS = 4
"""For how many batch lengths buffers are kept: a training needs two, the usual length and that of the last batch."""


class _BufferedPass(LayerContext):
    """A layer's pass whose products write into buffers that the next pass of as many rows uses again.

    Args:
        ones: As many ones as there are rows.
        trained_only: Whether the gradients of a frozen layer are left out: their places in ∇θ stay as they are.
        options: What `LayerContext` takes.
    """

    __slots__ = ("_ones", "_places", "_trained_only", "turn")

    def __init__(self, ones: Vector, trained_only: bool, **options: Any) -> None:
        super().__init__(**options, training=True)
        self._ones, self._trained_only = ones, trained_only
        self._places: list[tuple[Vector, Vector]] = []
        self.turn = 0

    def nested(self, layer: Layer, names: Callable[[Any], Any]) -> _BufferedPass:
        """Return the pass of a layer within this one."""
        return _BufferedPass(
            self._ones,
            self._trained_only,
            parameters=names(self.parameters),
            gradients=names(self.gradients),
            state=names(self.state),
            rng=self.rng,
            layer=layer,
            trainable=self.trainable and layer.trainable,
        )

    def begin(self, x: Vector, is_first: bool) -> None:
        """Start a pass."""
        self.x, self.is_first, self.turn = x, is_first, 0

    def _place(self, rows: int, units: int) -> tuple[Vector, Vector]:
        """Return where this turn's product is written, and the same as rows × units.

        A layer that asks for two products in one pass gets two places. Where it pays, a product lies on its side:
        its place is units × rows, as that of every other product of so many units, because arrays that lie
        differently are slow to combine.
        """
        turn = self.turn
        self.turn = turn + 1
        if turn == len(self._places):
            dtype = self._ones.dtype
            if _transposed_is_faster(rows, units, dtype):
                side = np.empty((units, rows), dtype=dtype)
                self._places.append((side, side.T))
            else:
                place = np.empty((rows, units), dtype=dtype)
                self._places.append((place, place))
        return self._places[turn]

    def affine(self, x: Vector, weights: Vector, biases: Vector | None) -> Vector:
        place, z = self._place(len(x), len(weights))
        if place is z:
            np.dot(x, weights.T, out=place)
        else:
            np.dot(weights, x.T, out=place)
        if biases is not None:
            z += biases
        return z

    def weight_gradient(self, delta: Vector, x: Vector) -> Vector:
        place: Vector = self.gradients["weights"]
        return np.dot(delta.T, x, out=place) if self.trainable or not self._trained_only else place

    def bias_gradient(self, delta: Vector) -> Vector:
        place: Vector = self.gradients["biases"]
        return np.dot(self._ones, delta, out=place) if self.trainable or not self._trained_only else place

    def input_gradient(self, delta: Vector, weights: Vector) -> Vector | None:
        if self.is_first:
            return None
        place, upstream = self._place(len(delta), weights.shape[1])
        if place is upstream:
            np.dot(delta, weights, out=place)
        else:
            np.dot(weights.T, delta.T, out=place)
        return upstream


def _transposed_is_faster(rows: int, units: int, dtype: np.dtype[Any]) -> bool:
    """Whether rows × units are better computed as units × rows; measured with OpenBLAS on one thread."""
    return 4 < rows <= 128 and units >= 64 if dtype.itemsize == 4 else rows >= 16 and units <= 128


class Workspace:
    """Reusable buffers for forward and backward passes through one network.

    Attributes:
        gradient: ∇θ, of the last batch.
        micro_batch_rows: How many rows go through in one piece.
        needs_full_batch: Whether a layer must see a whole batch in one piece.

    Args:
        network: The network.
        rng: The source of all randomness of the layers.
        micro_batch_rows: How many rows go through in one piece; None for the network's ``chunk``.
        trained_only: Whether the gradients of frozen parameters may be left out.
        as_frozen: Whether all layers work as frozen ones do: what normalizes a batch uses its running averages.
    """

    def __init__(
        self,
        network: Network,
        rng: np.random.Generator | None = None,
        micro_batch_rows: int | None = None,
        *,
        trained_only: bool = False,
        as_frozen: bool = False,
    ) -> None:
        self.network = network
        self._made_from = network, rng, micro_batch_rows
        self._random = None if rng is None else GeneratorRandom(rng)
        self.micro_batch_rows = network.chunk if micro_batch_rows is None else micro_batch_rows
        self.gradient: Vector = np.zeros_like(network.parameters)
        self.needs_full_batch = any(layer.needs_full_batch for layer in network.layers)
        self._views = network.views(self.gradient)
        trained = (index for index, layer in enumerate(network.layers) if layer.is_trained)
        self._trained_only, self._lowest = trained_only, next(trained, 0) if trained_only else 0
        self._as_frozen = as_frozen
        self._net_inputs = [layer.component.forward for layer in network.layers]
        self._activations = [layer.activation for layer in network.layers]
        self._backwards = [layer.component.backward for layer in network.layers]
        self._passes: dict[int, list[_BufferedPass]] = {}
        self._current: list[_BufferedPass] = []

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made: anew, since its buffers are views into each other and into θ."""
        return partial(Workspace, trained_only=self._trained_only, as_frozen=self._as_frozen), self._made_from

    def micro_batches(self, rows: int) -> Iterator[slice]:
        """Yield the slices in which a batch of so many rows is worked through."""
        step = rows if self.needs_full_batch else self.micro_batch_rows
        return (slice(start, min(start + step, rows)) for start in range(0, rows, step))

    @property
    def passes(self) -> list[_BufferedPass]:
        """The layers' passes of the last piece that went forward: their x, z, a and δ."""
        return self._current

    def forward(self, x: Vector) -> Vector:
        """Return the outputs of the rows ``x``, which must fit the network, keeping what `backward` needs."""
        passes = self._passes.get(len(x))
        if passes is None:
            if len(self._passes) == _LENGTHS:
                self._passes.clear()
            passes = self._passes[len(x)] = self._make(len(x))
        self._current = passes
        a = x
        for ctx, net_input, activation in zip(passes, self._net_inputs, self._activations, strict=True):
            ctx.turn = 0
            ctx.x = a
            ctx.z = a = net_input(a, ctx)
            if activation is not None:
                a = activation(a)
            ctx.a = a
        return a

    def backward(self, y: Vector, scale: float | Vector) -> None:
        """Write ∇θ of ``scale`` times the cost of the last rows forward, against their targets ``y``."""
        passes = self._current
        index = len(passes) - 1
        ctx = passes[index]
        delta = self.network.cost.delta(self._activations[index], ctx.z, ctx.a, y) * scale
        while True:
            ctx.delta = delta
            upstream, gradients = self._backwards[index](delta, ctx)
            places = ctx.gradients
            for name, gradient in gradients.items():
                if gradient is not places[name]:
                    places[name][...] = gradient
            if index == self._lowest:
                return
            index -= 1
            ctx, activation = passes[index], self._activations[index]
            delta = upstream if activation is None else activation.backward(upstream, ctx.z, ctx.a)

    def cost_and_gradient(self, x: Vector, y: Vector) -> tuple[float, Vector]:
        """Return the mean cost of rows and targets, penalties included, and its gradient, worked through in pieces."""
        network, rows = self.network, len(x)
        total, gradient = 0.0, np.zeros_like(self.gradient)
        for piece in self.micro_batches(rows):
            a = self.forward(x[piece])
            total += float(np.sum(network.cost(a, y[piece]), dtype=np.float64))
            self.backward(y[piece], 1.0 / rows)
            gradient += self.gradient
        self.gradient[...] = gradient
        network.add_penalty_gradient(self.gradient, rows)
        return total / rows + network.penalty(rows), self.gradient

    def _make(self, rows: int) -> list[_BufferedPass]:
        ones = np.ones(rows, dtype=self.network.dtype)
        return [
            _BufferedPass(
                ones,
                self._trained_only,
                parameters=layer.parameters,
                gradients=gradients,
                state=layer.state,
                rng=self._random,
                is_first=index == self._lowest,
                layer=layer.component,
                trainable=layer.component.trainable and not self._as_frozen,
            )
            for index, (layer, gradients) in enumerate(zip(self.network.layers, self._views, strict=True))
        ]
