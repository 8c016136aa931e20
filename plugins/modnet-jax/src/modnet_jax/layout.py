"""θ and the rule's state as arrays by layer and name, the way programs hold them, and as vectors, as modnet does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from modnet import UpdateContext, UpdateRule
from modnet.network.network import Network

__all__ = ["ParameterArrays", "RuleArrays"]

Arrays = tuple[Any, ...]
Vector = NDArray[np.floating[Any]]


class ParameterArrays:
    """Which array of θ is which layer's which parameter; all that is trained comes first."""

    def __init__(self, network: Network) -> None:
        self._layout = network.parameter_layout()
        self._layers = len(network.layers)
        self.dtype = network.dtype
        self.trained = sum(spec.trainable for *_, spec, _ in self._layout)
        self.regularized = sum(spec.trainable and spec.regularized for *_, spec, _ in self._layout)
        self.places: list[slice] = []
        start = 0
        for *_, size in self._layout:
            self.places.append(slice(start, start + size))
            start += size

    def split(self, vector: Any) -> Arrays:
        """Return θ, or its trained part, as arrays."""
        pairs = zip(self.places, self._layout, strict=True)
        return tuple(
            vector[place].reshape(spec.shape) for place, (*_, spec, _) in pairs if place.stop <= vector.shape[0]
        )

    def by_layer(self, arrays: Sequence[Any]) -> list[dict[str, Any]]:
        """Return every layer's arrays by name."""
        named: list[dict[str, Any]] = [{} for _ in range(self._layers)]
        for array, (layer, name, *_) in zip(arrays, self._layout, strict=True):
            named[layer][name] = array
        return named

    def of_gradients(self, gradients: Sequence[Mapping[str, Any]]) -> Arrays:
        """Return the gradients of what is trained, which layers returned by name."""
        trained = self._layout[: self.trained]
        return tuple(gradients[layer][name].astype(self.dtype) for layer, name, *_ in trained)


class RuleArrays:
    """The update rule, applied to arrays: to each by itself where it is elementwise, else to one vector of all.

    Joining all gradients would cost a small network as much as the rest of its update.
    """

    def __init__(self, rule: UpdateRule, network: Network, parameters: ParameterArrays) -> None:
        self._rule, self._parameters = rule, parameters
        self._places = parameters.places[: parameters.trained]
        self._layout, self._regularized = network.layout, network.regularized
        theta = network.parameters[: network.trainable]
        initial = rule.init(theta)
        self._like_theta = [name for name, value in initial.items() if np.shape(value) == theta.shape]
        self._integers = [name for name, value in initial.items() if type(value) is int]
        self.initial = initial

    def split(self, state: Mapping[str, Any]) -> Any:
        """Return a state as `update` takes it: its arrays like θ, and the rest."""
        arrays = {name: np.asarray(state[name]) for name in self._like_theta}
        rest = {name: np.asarray(value) for name, value in state.items() if name not in arrays}
        if self._rule.elementwise:
            return [{name: array[place] for name, array in arrays.items()} for place in self._places], rest
        return [arrays], rest

    def join(self, state: Any) -> dict[str, Any]:
        """Return what `split` takes, of NumPy arrays and integers."""
        pieces, rest = state
        joined = {name: np.concatenate([np.asarray(piece[name]) for piece in pieces]) for name in self._like_theta}
        joined |= {name: int(value) if name in self._integers else np.array(value) for name, value in rest.items()}
        return {name: joined[name] for name in self.initial}

    def update(self, theta: Arrays, gradients: Arrays, state: Any, rate: Any, momentum: Any, updates: Any) -> Any:
        """Return θ and the state after one update."""
        pieces, rest = state
        if not self._rule.elementwise:
            context = UpdateContext(_joined(theta), rate, momentum, updates, self._layout, self._regularized)
            step, new, rest = self._step(_joined(gradients), pieces[0], rest, context)
            steps: Sequence[Any] = self._parameters.split(step)
            return tuple(array - step for array, step in zip(theta, steps, strict=True)), ([new], rest)
        arrays, states = [], []
        new_rest = rest
        for index, (array, gradient) in enumerate(zip(theta, gradients, strict=True)):
            flat = array.reshape(-1)
            regularized = flat.shape[0] if index < self._parameters.regularized else 0
            context = UpdateContext(flat, rate, momentum, updates, regularized=regularized)
            step, new, new_rest = self._step(gradient.reshape(-1), pieces[index], rest, context)
            arrays.append((flat - step).reshape(array.shape))
            states.append(new)
        return tuple(arrays), (states, new_rest)

    def _step(self, gradient: Any, arrays: Mapping[str, Any], rest: Mapping[str, Any], context: UpdateContext) -> Any:
        step, new = self._rule.update(gradient, {**arrays, **rest}, context)
        like = {**arrays, **rest}
        kept = {name: jnp.asarray(new[name]).astype(like[name].dtype) for name in like}
        arrays = {name: kept.pop(name) for name in arrays}
        return step.astype(gradient.dtype), arrays, kept


def _joined(arrays: Arrays) -> Any:
    return jnp.concatenate([array.reshape(-1) for array in arrays])
