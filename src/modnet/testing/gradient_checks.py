"""The checks of derivatives, against central differences in float64."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.components.activations import Identity, Sigmoid, Softmax, Tanh
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.core.interfaces import Activation, Cost
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network
from modnet.testing.case import Case
from modnet.testing.fixtures import flattened
from modnet.testing.numeric import check_derivative, close, normal
from modnet.testing.probes import Arrays, layer_inputs, run_layer, targets
from modnet.testing.report import require


def activation_derivative(case: Case) -> None:
    """Check that `backward` is ∂C/∂z, for functions that mix units too."""
    for seed, width in ((1, 0.5), (2, 2.0), (3, 8.0)):
        _check_backward(case.component, width * normal(seed, 6, 5), normal(seed + 100, 6, 5))


def _check_backward(activation: Activation, z: NDArray[Any], upstream: NDArray[Any]) -> None:
    backward = activation.backward(upstream, z, activation(z))
    check_derivative("backward", backward, lambda z: upstream * activation(z), z)


def cost_derivative(case: Case) -> None:
    """Check that `gradient` is ∂C/∂a, for outputs in (0, 1)."""
    cost, y = case.component, targets(1, 8, 3)
    a = np.random.default_rng(25).uniform(0.05, 0.95, y.shape)
    check_derivative("gradient", cost.gradient(a, y), lambda a: cost(a, y), a)


def delta_derivative(case: Case) -> None:
    """Check that `delta` is ∂C/∂z without an activation, and with identity, sigmoid, tanh and softmax."""
    cost, y = case.component, targets(2, 8, 3)
    outputs = np.random.default_rng(26).uniform(0.05, 0.95, y.shape)  # where the logarithms of cross-entropies exist
    net_inputs: list[tuple[Activation | None, NDArray[Any]]] = [
        (None, outputs),
        (Identity(), outputs),
        (Sigmoid(), 2.0 * normal(3, *y.shape)),
        (Tanh(), np.arctanh(outputs)),
        (Softmax(), 2.0 * normal(4, *y.shape)),
    ]
    for activation, z in net_inputs:
        name, function = ("no activation", Identity()) if activation is None else (activation.kind, activation)
        delta = cost.delta(activation, z, function(z), y)
        check_derivative(f"delta ({name})", delta, partial(_cost_after, cost, function, y), z)


def _cost_after(cost: Cost, activation: Activation, y: NDArray[Any], z: NDArray[Any]) -> Any:
    return cost(activation(z), y)


def regularizer_derivative(case: Case) -> None:
    """Check that `gradient` is ∂R/∂w."""
    for seed, width in ((1, 0.5), (2, 5.0)):
        weights = width * normal(seed, 11)
        check_derivative("gradient", case.component.gradient(weights), case.component, weights)


def layer_derivative(case: Case) -> None:
    """Check that `backward` returns ∂C/∂x of a training pass, and None or the same in the first layer."""
    given = layer_inputs(case, 1)
    results = run_layer(case, given)
    _check_gradient(case, given, "x", results)
    for name, value in run_layer(case, given, is_first=True).items():
        difference = close(value, results[name], 1e-12)
        require(not difference, f"backward returns another {name} where ctx.is_first: {difference}")


def parameter_derivative(case: Case) -> None:
    """Check that `backward` returns the gradient of every parameter, summed over the samples."""
    given = layer_inputs(case, 2)
    results = run_layer(case, given)
    for name in (name for name in given if name not in ("x", "δ")):
        _check_gradient(case, given, name, results)


def _check_gradient(case: Case, given: Arrays, name: str, results: Arrays) -> None:
    what = f"gradient of {name}"
    check_derivative(
        what, results[what], lambda value: given["δ"] * run_layer(case, {**given, name: value})["z"], given[name]
    )


def network_gradient(case: Case) -> None:
    """Check that in a network, as the first layer and above another layer, the whole gradient is right."""
    shape, x = case.shape(), normal(5, 4, *case.shape())
    layers = [*flattened(case.component, shape), Dense(units=3, activation=Tanh())]
    _check_network(layers, x, "as the first layer")
    if len(shape) == 1:
        _check_network([Dense(units=shape[0], activation=Tanh()), *layers], x, "above another layer")


def _check_network(layers: list[Any], x: NDArray[Any], position: str) -> None:
    rng, y = np.random.default_rng(27), targets(5, len(x), 3)
    network = Network(layers, x.shape[1:], Quadratic(), rng=rng)
    network.parameters[...] += 0.1 * rng.standard_normal(network.parameters.size)

    def cost_and_gradient(theta: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        network.parameters[...] = theta
        return Workspace(network, np.random.default_rng(5)).cost_and_gradient(x, y)

    theta = network.parameters.copy()
    gradient = cost_and_gradient(theta)[1]
    check_derivative(f"the network's gradient, {position},", gradient, lambda theta: cost_and_gradient(theta)[0], theta)
