"""The gradient of one sample's cost by central differences, in float64 whatever the network computes in."""

from __future__ import annotations

import numpy as np

from modnet.analysis.trace.abbreviate import abbreviate
from modnet.core.numerical_gradient import numerical_gradient
from modnet.core.random import Stream, generator
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network, Vector

__all__ = ["copy_network", "sample_gradient"]

COMPARED = 5000
"""The most parameters that are all compared; of more, those that are shown and so many others, spread over θ:"""
_OTHERS = 500


def copy_network(network: Network, dtype: str) -> Network:
    """Return a network of the same components, with copies of all numbers, that computes with ``dtype``."""
    components = [layer.component for layer in network.layers]
    copy = Network(components, network.input_shape, network.cost, network.regularizers, dtype)
    copy.parameters[...] = network.parameters
    copy.load_layer_states(network.layer_states())
    return copy


def sample_gradient(network: Network, x: Vector, y: Vector, seed: int) -> tuple[Vector, int]:
    """Return ∂C/∂θ by central differences, NaN for parameters that are left out, and for how many it was computed."""
    copy, rng = copy_network(network, "float64"), generator(seed, Stream.LAYERS)
    workspace, start = Workspace(copy, rng, as_frozen=True), rng.bit_generator.state
    states = copy.layer_states()
    x, y = x.astype(np.float64), y.astype(np.float64)

    def cost(_: Vector) -> float:
        rng.bit_generator.state = start
        copy.load_layer_states(states)
        return float(network.cost(workspace.forward(x), y)[0])

    gradient = np.full(copy.parameters.size, np.nan)
    indices = sorted(_indices(network))
    gradient[indices] = numerical_gradient(cost, copy.parameters, indices)
    return gradient, len(indices)


def _indices(network: Network) -> set[int]:
    """Return which parameters are compared, as indices into θ."""
    size = network.parameters.size
    if size <= COMPARED:
        return set(range(size))
    indices = set(np.linspace(0, size - 1, _OTHERS).astype(int).tolist())
    for views in network.views(np.arange(size, dtype=np.float64)):
        for view in views.values():
            indices.update(map(int, abbreviate(view).values.ravel()))
    return indices
