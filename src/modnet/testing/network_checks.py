"""The checks of a component in a network: the gradient of all parameters, and the model file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.components.activations import Tanh
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network
from modnet.storage.model_file import load, save
from modnet.testing.case import Case, temporarily_registered
from modnet.testing.fixtures import Flatten, flattened, train
from modnet.testing.gradient_checks import check_derivative
from modnet.testing.numeric import normal, targets, tree_diff
from modnet.testing.probes import width_of
from modnet.testing.report import require
from modnet.testing.transform_probes import columns_of, network_of


def network_gradient(case: Case) -> None:
    """Check that the gradient of a whole network is right, with the layer at the bottom and above another layer."""
    shape, x = case.shape(), normal(5, 4, *case.shape())
    layers = [*flattened(case.component, shape), Dense(units=3, activation=Tanh())]
    _check_network(layers, x, "as the first layer")
    if len(shape) == 1:
        _check_network([Dense(units=shape[0], activation=Tanh()), *layers], x, "above another layer")


def _check_network(layers: list[Any], x: NDArray[Any], position: str) -> None:
    rng, y = np.random.default_rng(27), targets(5, len(x), 3)
    network = Network(layers, x.shape[1:], Quadratic(), rng=rng)
    network.parameters[...] += 0.1 * rng.standard_normal(network.parameters.size)

    def workspace(theta: NDArray[Any]) -> Workspace:
        network.parameters[...] = theta
        return Workspace(network, np.random.default_rng(5))

    def cost(theta: NDArray[Any]) -> float:
        return float(np.mean(network.cost(workspace(theta).forward(x), y)))

    inputs = {"theta": network.parameters.copy()}
    gradient = workspace(**inputs).cost_and_gradient(x, y)[1]
    check_derivative(f"the network's gradient, {position},", gradient, cost, inputs, "theta")


def save_and_load(case: Case) -> None:
    """Check that a network makes the same predictions, to the last bit, after it was saved and loaded."""
    if case.cls.family == "transform":
        for name, rows in columns_of(case).items():
            _require_same_when_loaded(*network_of(case, rows), f" from {name}")
        return
    component, shape = case.component, case.shape() if case.cls.family == "layer" else (5,)
    network: dict[str, Any] = {}
    width = None
    if case.cls.family == "cost":
        width = width_of(component)
        network = {"cost": component, "layers": [4, component.outputs(width)]}
    elif case.cls.family == "activation":
        network = {"layers": [Dense(units=4, activation=component), 3]}
    elif case.cls.family == "layer":
        network = {"layers": [*flattened(component, shape), 3]}
    elif case.cls.family == "regularizer":
        network = {"regularizers": [component]}
    with temporarily_registered(Flatten):
        _require_same_when_loaded(train(network, shape=shape, width=width).network, normal(51, 6, *shape))


def _require_same_when_loaded(network: Network, x: Any, inputs: str = "") -> None:
    with tempfile.TemporaryDirectory() as folder:
        save(network, Path(folder, "model.safetensors"))
        loaded = load(Path(folder, "model.safetensors"))
        same = not tree_diff(network.predict(x), loaded.predict(x))
        require(same, f"the network predicts something else{inputs} after it was saved and loaded")
