"""The gradient of one sample's cost by central differences, in float64 whatever the network computes in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from modnet.analysis.trace.abbreviate import shown
from modnet.core.random import Stream, generator
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network, Vector

__all__ = ["STEP", "differences", "twin"]

STEP = float(np.cbrt(np.finfo(np.float64).eps))
"""h for a parameter of size 1: central differences err by about h² and by ε/h, which add up to least at ∛ε."""
COMPARED = 5000
"""Up to how many parameters are all compared with differences; of more, those that are shown and as many others as
``_OTHERS`` says, spread over θ."""
_OTHERS = 500


def twin(network: Network, dtype: str) -> Network:
    """Return a network of the same parts, with copies of all numbers, that computes with ``dtype``."""
    parts = [layer.component for layer in network.layers]
    other = Network(parts, network.input_shape, network.cost, network.regularizers, dtype)
    other.parameters[...] = network.parameters
    for mine, theirs in zip(other.layers, network.layers, strict=True):
        for name, value in theirs.state.items():
            mine.state[name][...] = value
    return other


def differences(network: Network, x: Vector, y: Vector, seed: int) -> tuple[Vector, int]:
    """Return ∂C/∂θ by central differences in float64, NaN where they are not asked for, and how many were."""
    moved, rng = twin(network, "float64"), generator(seed, Stream.LAYERS)
    workspace, drawn = Workspace(moved, rng), rng.bit_generator.state
    states = [(place, place.copy()) for layer in moved.layers for place in layer.state.values()]
    x, y, theta = x.astype(np.float64), y.astype(np.float64), moved.parameters

    def cost_at(index: int, value: float) -> float:
        kept, theta[index] = theta[index], value
        rng.bit_generator.state = drawn
        for place, start in states:
            place[...] = start
        cost = float(network.cost(workspace.forward(x), y)[0])
        theta[index] = kept
        return cost

    numeric = np.full(theta.size, np.nan)
    chosen = sorted(_chosen(network))
    for index in chosen:
        step = STEP * max(1.0, abs(theta[index]))
        above, below = theta[index] + step, theta[index] - step
        numeric[index] = (cost_at(index, above) - cost_at(index, below)) / (above - below)
    return numeric, len(chosen)


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
