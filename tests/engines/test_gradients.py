"""∇θ against central differences, for every layer × activation × cost; and in pieces against in one piece."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support import numeric_gradient, parts

from modnet.components.activations import Sigmoid
from modnet.components.layers import Dense, Dropout
from modnet.components.regularizers import L1, L2
from modnet.core.interfaces import Activation, Cost, Layer
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network

ACTIVATIONS, COSTS = parts("activation"), parts("cost")
LAYERS = {
    "dense": lambda activation: [Dense(units=4, activation=activation)],
    "dense-without-bias": lambda activation: [Dense(units=4, activation=activation, bias=False)],
    "dropout": lambda activation: [Dense(units=4, activation=activation), Dropout(rate=0.4)],
}


def make(layers: list[Layer], activation: Activation, cost: Cost, rng: np.random.Generator) -> Network:
    last = Dense(units=cost.outputs(3), activation=activation)
    network = Network([*layers, last], (5,), cost, [L2(strength=0.1), L1(strength=0.05)], rng=rng)
    # Outputs in (0, 1), whatever the activation: there the logarithms of the cross-entropies are defined.
    network.layers[-1].weights[...] *= 0.02
    inside = 0.5 + 0.1 * rng.random(last.units)
    network.layers[-1].biases[...] = np.log(inside) if activation.kind == "exp" else inside
    return network


def targets(cost: Cost, rows: int, rng: np.random.Generator) -> np.ndarray:
    if cost.kind == "quadratic":
        return rng.standard_normal((rows, 3))
    return np.eye(3)[rng.integers(0, 3, rows)]


def disagreement(network: Network, x: np.ndarray, y: np.ndarray) -> float:
    """Return the largest difference of the two gradients, relative to the largest entry."""
    numeric = numeric_gradient(network, x, y, seed=5, l2=0.1, l1=0.05)
    cost, exact = Workspace(network, np.random.default_rng(5)).cost_and_gradient(x, y)
    assert np.isfinite(cost)
    return float(np.max(np.abs(exact - numeric)) / np.max(np.abs(numeric)))


@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("activation", "cost"), list(itertools.product(ACTIVATIONS, COSTS)), ids=lambda part: part.kind_name()
)
def test_gradient_is_that_of_central_differences(activation, cost, layer, rows, rng):
    activation, cost = activation(), cost()
    network = make(LAYERS[layer](activation), activation, cost, rng)
    x, y = 0.5 * rng.standard_normal((rows, 5)), targets(cost, rows, rng)
    assert disagreement(network, x, y) < 1e-6


class WrongSign(Sigmoid):
    def backward(self, upstream, z, a):
        return -super().backward(upstream, z, a)


def test_a_planted_sign_error_is_caught(rng):
    network = make([Dense(units=4, activation=WrongSign())], Sigmoid(), COSTS[-1](), rng)
    assert disagreement(network, rng.standard_normal((7, 5)), targets(network.cost, 7, rng)) > 1e-3


@pytest.mark.parametrize(("rows", "chunk"), [(7, 3), (7, 1), (8, 4), (50, 7)])
@pytest.mark.parametrize("cost", COSTS, ids=lambda part: part.kind_name())
def test_a_batch_in_chunks_has_the_gradient_of_one_piece(cost, rows, chunk, rng):
    network = make([Dense(units=4)], Sigmoid(), cost(), rng)
    x, y = rng.standard_normal((rows, 5)), targets(network.cost, rows, rng)
    whole_cost, whole = Workspace(network, micro_batch_rows=rows).cost_and_gradient(x, y)
    pieces_cost, pieces = Workspace(network, micro_batch_rows=chunk).cost_and_gradient(x, y)
    np.testing.assert_allclose(pieces_cost, whole_cost, rtol=1e-12)
    np.testing.assert_allclose(pieces, whole, rtol=1e-12, atol=1e-15)


def test_predicting_does_not_disturb_a_pass(rng):
    network = make([Dense(units=4)], Sigmoid(), COSTS[-1](), rng)
    x, y = rng.standard_normal((6, 5)), targets(network.cost, 6, rng)
    workspace = Workspace(network)
    expected = workspace.cost_and_gradient(x, y)[1].copy()
    workspace.forward(x)
    network.predict(rng.standard_normal((6, 5)))
    workspace.backward(y, 1 / 6)
    network.add_penalty_gradient(workspace.gradient, len(x))
    np.testing.assert_array_equal(workspace.gradient, expected)
