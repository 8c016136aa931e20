"""What is done with a copy of a network, in this process and in others: every way to its numbers must agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import modnet
from modnet import Trainer
from modnet.network.network import Network

X, Y = np.random.default_rng(7).normal(size=(24, 4)), np.arange(24) % 3
LAYERS: list[Any] = [
    {"kind": "dense", "units": 5, "trainable": False},
    {"kind": "residual", "layers": [5, "batch-norm"]},
    "batch-norm",
    {"kind": "dense", "units": 3, "activation": "softmax"},
]
CONFIG: dict[str, Any] = {"seed": 3, "epochs": 1, "data": {"transforms": ["standard"]}, "network": {"layers": LAYERS}}


def trained(**options: Any) -> modnet.Run:
    return Trainer.from_config({**CONFIG, **options}).fit(X, Y)


def outputs_by_hand(theta: np.ndarray, states: list[dict[str, np.ndarray]], x: np.ndarray) -> np.ndarray:
    """Return the outputs of `LAYERS` at θ, whose order is: weights, what else is trained, what is frozen."""
    shapes = [(5, 5), (3, 5), 5, 5, 5, 5, 5, 3, (5, 4), 5]
    cuts = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    inner, last, b2, gamma2, beta2, gamma3, beta3, b4, first, b1 = (
        part.reshape(shape) for part, shape in zip(np.split(theta, cuts), shapes, strict=True)
    )

    def sigmoid(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    def normalized(a: np.ndarray, mean: Any, variance: Any, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
        return (a - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    a = sigmoid(x @ first.T + b1)
    within = sigmoid(a @ inner.T + b2)
    a = a + normalized(within, states[1]["1.mean"], states[1]["1.variance"], gamma2, beta2)
    a = normalized(a, states[2]["mean"], states[2]["variance"], gamma3, beta3)
    z = np.exp(a @ last.T + b4)
    return z / z.sum(axis=1, keepdims=True)


def use(network: Network, number: int, folder: Path) -> Network:
    """Write to a network in every way, and check that what predicts, is saved and is trained on are these numbers."""
    theta = np.random.default_rng(number).normal(size=network.parameters.size)
    network.parameters[...] = theta
    weights = network.layers[0].weights
    assert weights is not None
    weights[0, 0] = number / 100
    network.layers[2].state["mean"] = np.full(5, 0.25)
    theta[-25] = number / 100  # a frozen layer lies at the end
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = outputs_by_hand(theta, [layer.state for layer in network.layers], scaled)
    np.testing.assert_allclose(network.predict(X), expected, rtol=1e-9)
    np.testing.assert_array_equal(network.parameters, theta)
    file = folder / f"{number}.safetensors"
    modnet.save(network, file)
    started = Trainer.from_config({**CONFIG, "epochs": 0}).fit(X, Y, initial=network)
    for other in (modnet.load(file), started.network):
        np.testing.assert_array_equal(other.parameters, theta)
        np.testing.assert_allclose(other.predict(X), expected, rtol=1e-9)
    return network
