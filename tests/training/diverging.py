"""Trainings that may leave the finite numbers, and a plain loop that shares nothing with modnet and finds where."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from components.callbacks.strangers import Watch

from modnet import DivergenceError, Trainer

OPTIMIZERS: dict[str, dict[str, int]] = {"batch": {}, "stochastic": {}, "mini-batch": {"batch_size": 5}}
RULES = ("plain", "momentum", "nesterov", "rmsprop", "adam")
NETS = {
    "saturating": (["sigmoid", "sigmoid"], "quadratic"),
    "open": (["relu", "identity"], "quadratic"),
    "deep": (["tanh", "leaky-relu", "identity"], "quadratic"),
    "classes": (["tanh", "softmax"], "categorical-cross-entropy"),
    "binary": (["relu", "sigmoid"], "binary-cross-entropy"),
}
SAMPLES, FEATURES, HIDDEN, OUTPUTS, EPOCHS = 23, 4, 5, 3, 3

Theta = list[list[np.ndarray]]


def configuration(
    net: str, optimizer: str, rule: str | dict[str, Any], rate: float, dtype: str = "float64"
) -> dict[str, Any]:
    activations, cost = NETS[net]
    units = [HIDDEN] * (len(activations) - 1) + [OUTPUTS]
    layers = [
        {"kind": "dense", "units": count, "activation": name} for count, name in zip(units, activations, strict=True)
    ]
    return {
        "epochs": EPOCHS,
        "dtype": dtype,
        "metrics": [],
        "callbacks": ["watch"],
        "network": {"layers": layers, "cost": cost},
        "optimizer": {"kind": optimizer, "rule": rule, "learning_rate": rate, **OPTIMIZERS[optimizer]},
    }


def samples(net: str, dtype: str = "float64", seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(SAMPLES, FEATURES)), rng.normal(size=(SAMPLES, OUTPUTS))
    if NETS[net][1] != "quadratic":
        y = np.eye(OUTPUTS)[rng.integers(0, OUTPUTS, SAMPLES)]
    return x.astype(dtype), y.astype(dtype)


def batches(optimizer: str) -> Iterator[tuple[int, np.ndarray]]:
    """Yield epoch and samples of each update."""
    size = {"batch": SAMPLES, "stochastic": 1}.get(optimizer) or OPTIMIZERS[optimizer]["batch_size"]
    order_rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(1,)))
    for epoch in range(EPOCHS):
        order = np.arange(SAMPLES) if optimizer == "batch" else order_rng.permutation(SAMPLES)
        yield from ((epoch, order[start : start + size]) for start in range(0, SAMPLES, size))


def told_by_training(config: dict[str, Any], x: np.ndarray, y: np.ndarray) -> tuple[int, int, int] | None:
    """Train; return epoch, update and layer of the error, or None.

    The error must be told in full, whoever listens, and leave θ with the bits that it had before that update.
    """
    thetas: list[np.ndarray] = []
    Watch.at = {
        "fit_start": lambda training: thetas.append(training.parameters.copy()),
        "batch_end": lambda training: thetas.append(training.parameters.copy()),
        "fit_end": lambda training: thetas.append(training.parameters),
    }
    try:
        run = Trainer.from_config(config).fit(x, y)
    except DivergenceError as told:
        error = told
    else:
        assert all(np.isfinite(value) for row in run.history for value in row.values())
        assert np.isfinite(run.network.parameters).all()
        assert run.updates == len(thetas) - 2 == len(list(batches(config["optimizer"]["kind"])))
        return None
    assert str(error).startswith(f"epoch {error.epoch + 1}, update {error.update + 1}: the ")
    assert f" of layer {error.layer} became non-finite (NaN or infinity); " in str(error)
    with pytest.raises(DivergenceError) as again:
        Trainer.from_config(config | {"callbacks": []}).fit(x, y)
    assert str(again.value) == str(error)
    if "metric" not in str(error):  # which is of a finished network, that nobody gets
        assert thetas[-1].tobytes() == thetas[error.update].tobytes()
    return error.epoch, error.update, error.layer


def agree(config: dict[str, Any], x: np.ndarray, y: np.ndarray) -> bool:
    """Train, and compare with the plain loop; return whether the training diverged."""
    start = Trainer.from_config(config | {"epochs": 0, "callbacks": []}).fit(x, y).network
    theta = [[values.copy() for values in layer.parameters.values()] for layer in start.layers]
    with np.errstate(all="ignore"):
        expected = descend(config, theta, x, y)
        told = told_by_training(config, x, y)
        assert told == expected or hangs_on_last_bits(config, theta, x, y)
    return told is not None


def hangs_on_last_bits(config: dict[str, Any], theta: Theta, x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether the plain loop ends otherwise from a θ whose last bits are others; BLAS libraries differ in them.

    Rates of 1e6 amplify them until they decide whether a number overflows.
    """
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(20):
        to = [[rng.choice(np.array([-np.inf, np.inf], v.dtype), v.shape) for v in values] for values in theta]
        nudged = [list(map(np.nextafter, values, towards)) for values, towards in zip(theta, to, strict=True)]
        outcomes.add(descend(config, nudged, x, y))
    return len(outcomes) > 1


# The plain loop


def logistic(z: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(z))
    return np.where(z > 0, 1, e) / (1 + e)


def normalised(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


FORMULAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": logistic,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky-relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "identity": lambda z: z,
    "softmax": normalised,
}


def back(name: str, error: np.ndarray, z: np.ndarray, a: np.ndarray) -> np.ndarray:
    """δ from ∂C/∂a, which may be too large for a float: where σ′ is 0, δ is 0 all the same."""
    if name in ("relu", "leaky-relu"):
        return np.where(z > 0, error, 0 if name == "relu" else 0.01 * error)
    return error * {"sigmoid": a * (1 - a), "tanh": 1 - a * a, "identity": 1}[name]


def cost_of(kind: str, a: np.ndarray, y: np.ndarray) -> float:
    tiny = np.finfo(a.dtype).smallest_normal
    if kind == "quadratic":
        return float(
            ((a - y) / 2 * (a - y)).sum()
        )  # whose square may be too large for a float, though half of it is not
    total = y * np.log(np.maximum(a, tiny))
    if kind == "binary-cross-entropy":
        total += (1 - y) * np.log(np.maximum(1 - a, tiny))
    return float(-total.sum())


@dataclass
class PlainRule:
    """The rules as their papers write them, each parameter array by itself."""

    rule: str
    rate: float
    theta: Theta
    t: int = 0

    def __post_init__(self) -> None:
        self.first, self.second = ([[np.zeros_like(v) for v in values] for values in self.theta] for _ in range(2))

    def __call__(self, layer: int, place: int, gradient: np.ndarray) -> np.ndarray:
        v, s = self.first[layer][place], self.second[layer][place]
        if self.rule in ("momentum", "nesterov"):
            v[...] = 0.9 * v + gradient
            return self.rate * (v if self.rule == "momentum" else gradient + 0.9 * v)
        if self.rule == "rmsprop":
            s[...] = 0.9 * s + (1 - 0.9) * gradient * gradient
            return self.rate * gradient / (np.sqrt(s) + 1e-8)
        if self.rule == "adam":
            v[...] = 0.9 * v + (1 - 0.9) * gradient
            s[...] = 0.999 * s + (1 - 0.999) * gradient * gradient
            root = np.sqrt(s) / math.sqrt(1 - 0.999**self.t)
            return self.rate / (1 - 0.9**self.t) * v / (root + 1e-8)
        return self.rate * gradient


def forward(names: list[str], theta: Theta, x: np.ndarray) -> tuple[list[Any], int | None]:
    """Return input, z and a of every layer, and the first layer with something not finite."""
    a, passed, bad = x, [], None
    for number, ((weights, biases), name) in enumerate(zip(theta, names, strict=True), 1):
        below, z = a, a @ weights.T + biases
        a = FORMULAS[name](z)
        passed.append((below, z, a))
        if bad is None and not (np.isfinite(z).all() and np.isfinite(a).all()):
            bad = number
    return passed, bad


def first_bad(arrays: Theta) -> int | None:
    return next((n for n, values in enumerate(arrays, 1) if not all(np.isfinite(v).all() for v in values)), None)


def descend(config: dict[str, Any], theta: Theta, x: np.ndarray, y: np.ndarray) -> tuple[int, int, int] | None:
    """Update by update, return epoch, update and layer of the first whose cost, parameters or rule's state fail."""
    optimizer, cost = config["optimizer"], config["network"]["cost"]
    names = [layer["activation"] for layer in config["network"]["layers"]]
    rule = PlainRule(optimizer["rule"], optimizer["learning_rate"], theta)
    epoch = update = 0
    for update, (epoch, rows) in enumerate(batches(optimizer["kind"])):
        passed, bad = forward(names, theta, x[rows])
        a, after = passed[-1][2], []
        if not np.isfinite(cost_of(cost, a, y[rows])):
            return epoch, update, bad or len(names)
        error = (a - y[rows]) / len(rows)
        rule.t += 1
        for index in range(len(names) - 1, -1, -1):
            below, z, a = passed[index]
            matching = index == len(names) - 1 and cost != "quadratic"  # where δ = a − y
            delta = error if matching else back(names[index], error, z, a)
            gradients = enumerate((delta.T @ below, delta.sum(axis=0)))
            after.insert(0, [theta[index][place] - rule(index, place, gradient) for place, gradient in gradients])
            error = delta @ theta[index][0]
        layer = first_bad(after) or first_bad(rule.first) or first_bad(rule.second)
        if layer is not None:
            return epoch, update, layer
        theta = after
    passed, bad = forward(names, theta, x)
    return None if np.isfinite(cost_of(cost, passed[-1][2], y)) else (epoch, update, bad or len(names))
