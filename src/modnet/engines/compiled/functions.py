"""Gradients and updates as pure functions of arrays of any library: what an engine that compiles them is made of.

Nothing here writes into an array or asks for a value, so all of it can be traced. The arrays are of any library that
follows the array API standard; θ is a sequence of arrays, in their order in the vector θ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import (
    Activation,
    Cost,
    Layer,
    LayerContext,
    Random,
    Regularizer,
    UpdateContext,
    UpdateRule,
)
from modnet.network.network import Network, Vector

__all__ = ["Arrays", "LayerParts", "ParameterArrays", "Pass", "RuleArrays", "join", "penalty", "with_penalties"]

Arrays = tuple[Array, ...]


class ParameterArrays:
    """Which array of θ is which layer's which parameter; all that is trained comes first.

    Attributes:
        trained: How many arrays are trained.
        regularized: How many of them, from the start, the regularizers act on.
        places: Where each one lies in the vector θ.
    """

    def __init__(self, network: Network) -> None:
        self._layout, self._layers, self._dtype = network.parameter_layout(), len(network.layers), network.dtype
        self.trained = sum(spec.trainable for *_, spec, _ in self._layout)
        self.regularized = sum(spec.trainable and spec.regularized for *_, spec, _ in self._layout)
        stops = np.cumsum([0, *(size for *_, size in self._layout)]).tolist()
        self.places = [slice(start, stop) for start, stop in pairwise(stops)]

    def split(self, vector: Array) -> Arrays:
        """Return a vector like θ, or like the first arrays of it, as arrays."""
        xp, size = namespace(vector), vector.shape[0]
        pairs = zip(self.places, self._layout, strict=True)
        return tuple(xp.reshape(vector[place], spec.shape) for place, (*_, spec, _) in pairs if place.stop <= size)

    def by_layer(self, arrays: Sequence[Array]) -> list[dict[str, Array]]:
        """Return every layer's arrays by name."""
        named: list[dict[str, Array]] = [{} for _ in range(self._layers)]
        for array, (layer, name, *_) in zip(arrays, self._layout, strict=True):
            named[layer][name] = array
        return named

    def of_gradients(self, gradients: Sequence[Mapping[str, Array]]) -> Arrays:
        """Return the gradients of what is trained, from those that layers return by name."""
        trained = self._layout[: self.trained]
        return tuple(_cast(gradients[layer][name], self._dtype) for layer, name, *_ in trained)


class LayerParts(NamedTuple):
    """What a pass calls of a layer: its component, and its activation or None."""

    component: Layer
    activation: Activation | None


class Pass:
    """Forward and backward through a network, with everything that a pass produces returned.

    Args:
        parts: The layers.
        cost: The cost.
        trained: For every layer, whether any of its parameters is trained.
    """

    def __init__(self, parts: Sequence[LayerParts], cost: Cost, trained: Sequence[bool]) -> None:
        self._parts, self._cost = parts, cost
        self._lowest = next((index for index, is_trained in enumerate(trained) if is_trained), 0)

    def __call__(
        self,
        parameters: Sequence[Mapping[str, Array]],
        states: Sequence[Mapping[str, Array]],
        x: Array,
        y: Array,
        scale: Array,
        rng: Random,
    ) -> tuple[Array, list[Mapping[str, Array]], list[dict[str, Array]]]:
        """Return the outputs, and by layer the gradients of ``scale`` times the cost and the next state.

        Args:
            parameters: Every layer's parameters.
            states: Every layer's state.
            x: Samples.
            y: Their targets.
            scale: What the cost of each sample is multiplied by, (samples, 1).
            rng: The source of the layers' randomness.
        """
        passes: list[LayerContext] = []
        a = x
        for index, (part, own, state) in enumerate(zip(self._parts, parameters, states, strict=True)):
            component, first = part.component, index == self._lowest
            ctx = LayerContext(own, {}, dict(state), rng, True, first, component, component.trainable)
            ctx.x = a
            ctx.z = component.forward(a, ctx)
            ctx.a = a = ctx.z if part.activation is None else part.activation(ctx.z)
            passes.append(ctx)
        ctx = passes[-1]
        delta = self._cost.delta(self._parts[-1].activation, ctx.z, ctx.a, y) * scale
        gradients: list[Mapping[str, Array]] = [{} for _ in passes]
        for index in range(len(passes) - 1, self._lowest - 1, -1):
            passes[index].delta = delta
            upstream, gradients[index] = self._parts[index].component.backward(delta, passes[index])
            if index > self._lowest:
                activation, below = self._parts[index - 1].activation, passes[index - 1]
                delta = upstream if activation is None else activation.backward(upstream, below.z, below.a)
        after = [
            {name: _cast(ctx.state[name], value.dtype) for name, value in state.items()}
            for ctx, state in zip(passes, states, strict=True)
        ]
        return a, gradients, after

    def outputs(
        self, parameters: Sequence[Mapping[str, Array]], states: Sequence[Mapping[str, Array]], x: Array
    ) -> Array:
        """Return the outputs of samples, as predictions have them."""
        a = x
        for part, own, state in zip(self._parts, parameters, states, strict=True):
            ctx = LayerContext(own, {}, dict(state), layer=part.component, trainable=part.component.trainable, x=a)
            z = part.component.forward(a, ctx)
            a = z if part.activation is None else part.activation(z)
        return a


def penalty(regularizers: Sequence[Regularizer], weights: Sequence[Array], total: Array) -> Array:
    """Return what the regularizers add to the mean cost of samples that weigh ``total``; see `Network.penalty`."""
    if not regularizers or not weights:
        return 0.0
    vector = _joined(weights)
    return sum(_divided(regularizer(vector), regularizer, total) for regularizer in regularizers)


def with_penalties(
    gradients: Arrays, regularizers: Sequence[Regularizer], weights: Sequence[Array], total: Array
) -> Arrays:
    """Return gradients, those of the weights first, with the gradient of `penalty` added."""
    if not regularizers or not weights:
        return gradients
    vector, start = _joined(weights), 0
    added = sum(_divided(regularizer.gradient(vector), regularizer, total) for regularizer in regularizers)
    sums = []
    for gradient in gradients[: len(weights)]:
        xp, stop = namespace(gradient), start + gradient.size
        sums.append(gradient + xp.reshape(_cast(added[start:stop], gradient.dtype), gradient.shape))
        start = stop
    return (*sums, *gradients[len(weights) :])


class RuleArrays:
    """The update rule, applied to arrays: to each by itself where it is elementwise, else to one vector of all.

    Joining all gradients costs a compiled program of a small network as much as the rest of an update.

    Attributes:
        initial: The state before the first update, as vectors.

    Args:
        rule: The rule.
        network: The network.
        parameters: Its arrays.
    """

    def __init__(self, rule: UpdateRule, network: Network, parameters: ParameterArrays) -> None:
        self._rule, self._parameters = rule, parameters
        self._layout, self._regularized = network.layout, network.regularized
        theta = network.parameters[: network.trainable]
        self.initial = rule.init(theta)
        self._like_theta = [name for name, value in self.initial.items() if np.shape(value) == theta.shape]

    def split(self, state: Mapping[str, Any]) -> Any:
        """Return a state as `update` takes it: its arrays like θ, cut into pieces, and the rest."""
        arrays = {name: np.asarray(state[name]) for name in self._like_theta}
        rest = {name: np.asarray(value) for name, value in state.items() if name not in arrays}
        places = self._parameters.places[: self._parameters.trained] if self._rule.elementwise else [slice(None)]
        return [{name: array[place] for name, array in arrays.items()} for place in places], rest

    def join(self, state: Any) -> dict[str, Any]:
        """Return a state as the rule's own: vectors of NumPy, and integers."""
        pieces, rest = state
        joined = {name: join([piece[name] for piece in pieces]) for name in self._like_theta}
        joined |= {name: np.array(value) for name, value in rest.items()}
        integers = {name: int(joined[name]) for name, value in self.initial.items() if type(value) is int}
        return {name: integers.get(name, joined[name]) for name in self.initial}

    def update(
        self, theta: Arrays, gradients: Arrays, state: Any, rate: Array, momentum: Array | None, updates: Array
    ) -> tuple[Arrays, Any]:
        """Return θ and the state after one update."""
        pieces, rest = state
        if not self._rule.elementwise:
            context = UpdateContext(_joined(theta), rate, momentum, updates, self._layout, self._regularized)
            step, piece, rest = self._step(_joined(gradients), pieces[0], rest, context)
            steps = self._parameters.split(step)
            return tuple(array - part for array, part in zip(theta, steps, strict=True)), ([piece], rest)
        arrays, after, rest_after = [], [], rest
        for index, (array, gradient) in enumerate(zip(theta, gradients, strict=True)):
            xp = namespace(array)
            flat = xp.reshape(array, (-1,))
            context = UpdateContext(flat, rate, momentum, updates)
            context.regularized = array.size if index < self._parameters.regularized else 0
            step, piece, rest_after = self._step(xp.reshape(gradient, (-1,)), pieces[index], rest, context)
            arrays.append(xp.reshape(flat - step, array.shape))
            after.append(piece)
        return tuple(arrays), (after, rest_after)

    def _step(
        self, gradient: Array, piece: Mapping[str, Array], rest: Mapping[str, Array], context: UpdateContext
    ) -> tuple[Array, dict[str, Array], dict[str, Array]]:
        before = {**piece, **rest}
        step, state = self._rule.update(gradient, before, context)
        kept = {name: _cast(state[name], value.dtype) for name, value in before.items()}
        return _cast(step, gradient.dtype), {name: kept.pop(name) for name in piece}, kept


def join(arrays: Sequence[Any]) -> Vector:
    """Return arrays of any library one after the other, as a new vector of NumPy."""
    return np.concatenate([np.asarray(array).reshape(-1) for array in arrays])


def _joined(arrays: Sequence[Array]) -> Array:
    xp = namespace(arrays[0])
    return xp.concat([xp.reshape(array, (-1,)) for array in arrays])


def _divided(value: Array, regularizer: Regularizer, total: Array) -> Array:
    """Return a penalty, or its gradient, divided by what an update's samples weigh; 0 where that is 0."""
    if not regularizer.divide_by_batch:
        return value
    xp = namespace(total)
    return xp.where(total > 0.0, value / _cast(xp.where(total > 0.0, total, 1.0), value.dtype), 0.0)


def _cast(value: Any, dtype: Any) -> Array:
    """Return an array of a dtype; a rule's counters may be numbers."""
    return namespace(value).astype(value, dtype, copy=False) if hasattr(value, "dtype") else np.asarray(value, dtype)
