"""The checks of derivatives, against central differences in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.components.activations import Identity, Sigmoid, Softmax, Tanh
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.core.interfaces import Activation
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network
from modnet.testing.case import Case
from modnet.testing.fixtures import Flatten
from modnet.testing.numeric import as_numpy, close, derivative, matches, normal
from modnet.testing.probes import Arrays, forward_and_back, layer_inputs, targets
from modnet.testing.report import FailedError

__all__ = [
    "activation_derivative",
    "cost_gradient",
    "delta_derivative",
    "layer_input_derivative",
    "network_gradient",
    "parameter_derivative",
    "regularizer_gradient",
]

_ENTRIES = 60
"""How many entries of a large array are moved, one at a time; they are drawn, the same ones every time."""


def activation_derivative(case: Case) -> None:
    """Check that `backward` is upstream times the derivative of a = σ(z), for functions that mix units too."""
    part = case.part
    for seed, width in ((1, 0.5), (2, 2.0), (3, 8.0)):
        z, upstream = width * normal(seed, 6, 5), normal(seed + 100, 6, 5)

        def weighted(at: NDArray[Any], upstream: NDArray[Any] = upstream) -> NDArray[Any]:
            return as_numpy(upstream * part(at))

        slopes = derivative(weighted, z, _columns(z), -1).by_row()
        matches(part.backward(upstream, z, part(z)), slopes, "backward")


def cost_gradient(case: Case) -> None:
    """Check that the gradient is that of the cost, for outputs in (0, 1)."""
    part, y = case.part, targets(1, 8, 3)
    a = np.random.default_rng(25).uniform(0.05, 0.95, y.shape)
    matches(part.gradient(a, y), derivative(lambda at: part(at, y), a, _columns(a), ()).by_row(), "gradient")


def delta_derivative(case: Case) -> None:
    """Check that `delta` is the cost's derivative through no activation, identity, sigmoid, tanh and softmax."""
    part, y = case.part, targets(2, 8, 3)
    outputs = np.random.default_rng(26).uniform(0.05, 0.95, y.shape)  # where a cross-entropy has its logarithms
    through: list[tuple[Activation | None, NDArray[Any]]] = [
        (None, outputs),
        (Identity(), outputs),
        (Sigmoid(), 2.0 * normal(3, *y.shape)),
        (Tanh(), np.arctanh(outputs)),
        (Softmax(), 2.0 * normal(4, *y.shape)),
    ]
    for activation, z in through:
        a = z if activation is None else activation(z)

        def cost(at: NDArray[Any], activation: Activation | None = activation) -> Any:
            return part(at if activation is None else activation(at), y)

        name = "no activation" if activation is None else activation.kind
        matches(part.delta(activation, z, a, y), derivative(cost, z, _columns(z), ()).by_row(), f"delta ({name})")


def regularizer_gradient(case: Case) -> None:
    """Check that the gradient is that of the penalty."""
    part = case.part
    for seed, width in ((1, 0.5), (2, 5.0)):
        weights = width * normal(seed, 11)
        matches(part.gradient(weights), derivative(part, weights, range(11), ()), "gradient")


def layer_input_derivative(case: Case) -> None:
    """Check that `backward` gives ∂C/∂x of a training pass, and None or the same where nothing lies below."""
    given, _ = layer_inputs(case, 1)
    results = forward_and_back(case, given)
    _compare(case, given, "x", results["∂C/∂x"], "backward: ∂C/∂x")
    as_first = forward_and_back(case, given, is_first=True)
    for name, value in as_first.items():
        if difference := close(value, results[name], 1e-12):
            raise FailedError(f"backward gives another {name} where ctx.is_first: {difference}")


def parameter_derivative(case: Case) -> None:
    """Check that `backward` gives the gradient of every parameter, summed over the samples."""
    given, _ = layer_inputs(case, 2)
    results = forward_and_back(case, given)
    for name in case.part.parameters(case.shape()):
        _compare(case, given, f"parameter {name!r}", results[f"gradient of {name!r}"], f"gradient of {name!r}")


def network_gradient(case: Case) -> None:
    """Check that in a network, as the first layer and above another one, the whole gradient is right."""
    shape = case.shape()
    below = [[]] if len(shape) != 1 else [[], [Dense(units=shape[0], activation=Tanh())]]
    for layers in below:
        rng = np.random.default_rng(27)
        flat = [Flatten()] if len(case.part.output_shape(shape)) != 1 else []
        build_layers = [*layers, case.part, *flat, Dense(units=3, activation=Tanh())]
        network = Network(build_layers, shape, Quadratic(), rng=rng)
        network.parameters[...] += 0.1 * rng.standard_normal(network.parameters.size)
        x, y = normal(5, 4, *shape), targets(5, 4, 3)
        exact, theta = _cost_and_gradient(network, x, y)[1].copy(), network.parameters.copy()
        drawn = rng.permutation(len(theta))[:_ENTRIES]

        def cost(at: NDArray[Any], network: Network = network, x: Any = x, y: Any = y) -> float:
            network.parameters[...] = at
            return _cost_and_gradient(network, x, y)[0]

        place = "as the first layer" if not layers else "above another layer"
        matches(exact[drawn], derivative(cost, theta, drawn, ()), f"the network's gradient, {place},")


def _cost_and_gradient(network: Network, x: Any, y: Any) -> tuple[float, NDArray[Any]]:
    return Workspace(network, np.random.default_rng(5)).cost_and_gradient(x, y)


def _compare(case: Case, given: Arrays, name: str, exact: Any, what: str) -> None:
    values = given[name]
    places = list(np.ndindex(values.shape))
    if len(places) > _ENTRIES:
        drawn = np.random.default_rng(28).permutation(len(places))[:_ENTRIES]
        places = [places[index] for index in sorted(drawn)]

    def weighted(at: NDArray[Any]) -> NDArray[Any]:
        return as_numpy(given["δ"] * forward_and_back(case, {**given, name: at})["z"])

    exact = as_numpy(exact)
    if exact.shape != values.shape:
        raise FailedError(f"{what} should have the shape {values.shape}, got {exact.shape}")
    came = np.array([exact[index] for index in places])
    matches(came, derivative(weighted, values, places, None), what)


def _columns(x: NDArray[Any]) -> Iterator[tuple[Any, ...]]:
    return ((slice(None), column) for column in range(x.shape[1]))
