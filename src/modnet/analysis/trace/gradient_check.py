"""The gradient of one sample's cost by central differences, in float64 whatever the network computes in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from modnet.analysis.trace.abbreviate import shown
from modnet.core.numerical_gradient import numerical_gradient
from modnet.core.random import Stream, generator
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network, Vector

__all__ = ["copy_network", "sample_gradient"]

COMPARED = 5000
"""Up to how many parameters are all compared with differences; of more, those that are shown and as many others as
``_OTHERS`` says, spread over θ."""
_OTHERS = 500


def copy_network(network: Network, dtype: str) -> Network:
    """Return a network of the same components, with copies of all numbers, that computes with ``dtype``."""
    components = [layer.component for layer in network.layers]
    copy = Network(components, network.input_shape, network.cost, network.regularizers, dtype)
    copy.parameters[...] = network.parameters
    for layer, original in zip(copy.layers, network.layers, strict=True):
        for name, value in original.state.items():
            layer.state[name][...] = value
    return copy


def sample_gradient(network: Network, x: Vector, y: Vector, seed: int) -> tuple[Vector, int]:
    """Return ∂C/∂θ by central differences in float64, NaN where it is not computed, and for how many entries it is."""
    copy, rng = copy_network(network, "float64"), generator(seed, Stream.LAYERS)
    workspace, rng_state = Workspace(copy, rng), rng.bit_generator.state
    states = [(value, value.copy()) for layer in copy.layers for value in layer.state.values()]
    x, y = x.astype(np.float64), y.astype(np.float64)

    def cost(_: Vector) -> float:
        rng.bit_generator.state = rng_state
        for state, initial in states:
            state[...] = initial
        return float(network.cost(workspace.forward(x), y)[0])

    indices = sorted(_chosen(network))
    gradient = np.full(copy.parameters.size, np.nan)
    gradient[indices] = numerical_gradient(cost, copy.parameters, indices)
    return gradient, len(indices)


def _chosen(network: Network) -> set[int]:
    if network.parameters.size <= COMPARED:
        return set(range(network.parameters.size))
    chosen = set(np.linspace(0, network.parameters.size - 1, _OTHERS).astype(int).tolist())
    return chosen.union(*_shown_places(network))


def _shown_places(network: Network) -> Iterator[list[int]]:
    start = 0
    for _, _, spec, size in network.parameter_layout():
        places = np.meshgrid(*map(shown, spec.shape), indexing="ij")
        yield (start + np.ravel_multi_index(tuple(places), spec.shape).ravel()).tolist()
        start += size
