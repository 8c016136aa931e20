"""What several test files share."""

from __future__ import annotations

import numpy as np

from modnet.core import registry
from modnet.core.interfaces import LayerContext
from modnet.core.random import GeneratorRandom
from modnet.network.network import Network


def parts(family: str) -> list[type]:
    """Return every built-in class of one family, found through the registry as a configuration finds it."""
    return [registry.active().find(family, kind).component for kind in registry.active().kinds(family)]


def numeric_gradient(
    network: Network, x: np.ndarray, y: np.ndarray, seed: int = 0, l2: float = 0.0, l1: float = 0.0
) -> np.ndarray:
    """Return ∂/∂θ of the mean cost with penalties by central differences; the cost is added up here, not there."""

    def cost_at(theta: np.ndarray) -> float:
        network.parameters[...] = theta
        a, randomness = x, GeneratorRandom(np.random.default_rng(seed))
        for layer in network.layers:
            state = dict(layer.state)
            ctx = LayerContext(
                layer.parameters,
                {},
                state,
                randomness,
                training=True,
                layer=layer.component,
                x=a,
                trainable=layer.component.trainable,
            )
            z = layer.component.forward(a, ctx)
            a = z if layer.activation is None else layer.activation(z)
        weights = theta[: network.regularized]
        penalty = 0.5 * l2 * np.sum(weights**2) + l1 * np.sum(np.abs(weights))
        return float(np.mean(network.cost(a, y)) + penalty)

    theta, gradient = network.parameters.copy(), np.empty_like(network.parameters)
    for index in range(len(theta)):
        step = np.zeros_like(theta)
        step[index] = 1e-6 * max(1.0, abs(theta[index]))
        gradient[index] = (cost_at(theta + step) - cost_at(theta - step)) / (2 * step[index])
    network.parameters[...] = theta
    return gradient
