"""Configurations on the digits: those that learn, and those that do not."""

from __future__ import annotations

from typing import Any


def layers(
    units: list[int], activation: str = "sigmoid", last: str = "sigmoid", **options: str
) -> list[dict[str, Any]]:
    """Return dense layers: hidden ones with ``activation``, the output with ``last``."""
    kinds = [*[activation] * (len(units) - 1), last]
    return [
        {"kind": "dense", "units": count, "activation": kind, **options}
        for count, kind in zip(units, kinds, strict=True)
    ]


def configured(parts: list[dict[str, Any]], cost: str = "quadratic", **optimizer: Any) -> dict[str, Any]:
    """Return a configuration; without a kind the optimizer is mini-batch."""
    return {"network": {"layers": parts, "cost": cost}, "optimizer": {"kind": "mini-batch", **optimizer}}


FIVE_HIDDEN = [30, 30, 30, 30, 30, 10]
GLOROT = {"initializer": "glorot-normal", "bias_initializer": "zeros"}
HE = {"initializer": "he-normal", "bias_initializer": "zeros"}
SCALED = {"initializer": "scaled-normal"}
BINARY, CATEGORICAL = "binary-cross-entropy", "categorical-cross-entropy"

DEEP_SIGMOID = configured(layers(FIVE_HIDDEN, **SCALED))
HIGH_RATE = configured(layers([30, 10]), learning_rate=300.0)
DEAD_RELU = configured(layers([64, 32, 10], "relu", "softmax", **HE), CATEGORICAL, learning_rate=5.0)

README = {
    "epochs": 10,
    "network": {"layers": [30, {"kind": "dense", "units": 10, "activation": "softmax"}], "cost": CATEGORICAL},
    "optimizer": {"kind": "mini-batch", "batch_size": 32, "rule": "adam"},
}
BEHIND: dict[str, dict[str, Any]] = {
    "adam's own rate, ten epochs": README,
    "a low rate": configured(layers([30, 10]), learning_rate=0.05),
    "batch, thirty updates": configured(layers([30, 10]), kind="batch"),
}
"""Configurations that learn, and are far behind what another rate or more epochs give."""

HEALTHY: dict[str, dict[str, Any]] = {
    "the document's": {},
    "one layer": configured(layers([10]), BINARY, learning_rate=0.5),
    "three layers": configured(layers([30, 30, 10])),
    "four layers": configured(layers([30, 30, 30, 10])),
    "scaled": configured(layers([30, 10], **SCALED)),
    "scaled, three layers": configured(layers([30, 30, 10], **SCALED)),
    "scaled, four layers, eight epochs of nothing": configured(layers([30, 30, 30, 10], **SCALED)),
    "glorot": configured(layers([30, 30, 10], initializer="glorot-uniform"), BINARY, learning_rate=0.5),
    "tanh, four layers": configured(layers([30, 30, 30, 10], "tanh", **GLOROT), learning_rate=0.5),
    "tanh, softmax": configured(layers([50, 30, 10], "tanh", "softmax", **GLOROT), CATEGORICAL, learning_rate=0.1),
    "relu, softmax": configured(layers([64, 32, 10], "relu", "softmax", **HE), CATEGORICAL, learning_rate=0.1),
    "relu, four layers, adam": configured(
        layers([64, 64, 32, 10], "relu", "softmax", **HE), CATEGORICAL, rule="adam", batch_size=32
    ),
    "relu, a third of a layer dead": configured(
        layers([100, 50, 10], "relu", "softmax", initializer="glorot-normal"), CATEGORICAL, learning_rate=0.05
    ),
    "relu, sigmoid": configured(layers([30, 10], "relu", **HE), learning_rate=0.5),
    "leaky, momentum": configured(
        layers([40, 20, 10], "leaky-relu", "softmax", **HE), CATEGORICAL, rule="momentum", learning_rate=0.05
    ),
    "momentum": configured(layers([30, 10]), BINARY, rule="momentum", learning_rate=0.05),
    "adam, seven epochs of nothing": configured(
        layers([30, 30, 10], **GLOROT), rule="adam", learning_rate=0.003, batch_size=32
    ),
    "rmsprop": configured(layers([30, 10], "tanh", **SCALED), BINARY, rule="rmsprop", batch_size=32),
    "batch": configured(layers([30, 10]), kind="batch") | {"epochs": 300},
    "stochastic": configured(layers([30, 10]), kind="stochastic", learning_rate=0.5),
    "standard normal, six layers": configured(layers(FIVE_HIDDEN)),
}
