"""Layers against PyTorch's autograd: python benchmarks/check_layers.py

Each network makes three passes in float64, in training: outputs, the gradients of all parameters,
running averages, and predictions afterwards must agree to 1e-10, relative to the largest entry; the status is 1 where one
does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from modnet.components.costs import Quadratic
from modnet.config.load import load_config
from modnet.engines.numpy.workspace import Workspace
from modnet.network.network import Network

Tensor = torch.Tensor
Weights = Callable[[str], Tensor]
Model = Callable[[Tensor, Weights, bool], Tensor]
"""The outputs for x, with parameters and state by their names in the network, in training or not."""


def dense(x: Tensor, at: Weights, path: str) -> Tensor:
    return functional.linear(x, at(f"{path}weights"), at(f"{path}biases"))


def batch_norm(x: Tensor, at: Weights, path: str, training: bool) -> Tensor:
    mean, variance = at(f"state.{path}mean"), at(f"state.{path}variance")
    return functional.batch_norm(x, mean, variance, at(f"{path}gamma"), at(f"{path}beta"), training, 0.1, 1e-5)


def layer_norm(x: Tensor, at: Weights, path: str) -> Tensor:
    return functional.layer_norm(x, x.shape[1:], at(f"{path}gamma"), at(f"{path}beta"), 1e-5)


TANH = {"kind": "dense", "units": 5, "activation": "tanh"}
DEEP = {"kind": "residual", "layers": [TANH, ["batch-norm", TANH]], "activation": "relu"}


def deep(x: Tensor, at: Weights, training: bool, path: str = "0.") -> Tensor:
    inner = batch_norm(torch.tanh(dense(x, at, f"{path}0.")), at, f"{path}1.0.", training)
    return torch.relu(x + torch.tanh(dense(inner, at, f"{path}1.1.")))


def branches(x: Tensor, at: Weights, training: bool) -> Tensor:
    first = layer_norm(torch.tanh(dense(x, at, "0.0.0.")), at, "0.0.1.")
    return torch.sigmoid(torch.cat([first, deep(x, at, training, "0.1."), x], dim=-1))


NETWORKS: dict[str, tuple[Any, Model]] = {
    "dense": (TANH, lambda x, at, _: torch.tanh(dense(x, at, "0."))),
    "chain": ([TANH, TANH], lambda x, at, _: torch.tanh(dense(torch.tanh(dense(x, at, "0.0.")), at, "0.1."))),
    "residual": (
        {"kind": "residual", "layers": [TANH], "activation": "tanh"},
        lambda x, at, _: torch.tanh(x + torch.tanh(dense(x, at, "0.0."))),
    ),
    "parallel, added": (
        {"kind": "parallel", "branches": [TANH, [], [TANH]], "merge": "add"},
        lambda x, at, _: torch.tanh(dense(x, at, "0.0.")) + x + torch.tanh(dense(x, at, "0.2.0.")),
    ),
    "batch-norm": ("batch-norm", lambda x, at, training: batch_norm(x, at, "0.", training)),
    "layer-norm": (
        {"kind": "layer-norm", "activation": "softmax"}, lambda x, at, _: torch.softmax(layer_norm(x, at, "0."), -1),
    ),
    "nested": (DEEP, deep),
    "parallel, nested": (
        {"kind": "parallel", "branches": [[TANH, "layer-norm"], DEEP, []], "activation": "sigmoid"}, branches,
    ),
}  # fmt: skip


def difference(layer: Any, model: Model) -> float:
    """Return the largest difference, relative to the largest entry of what is compared."""
    rng = np.random.default_rng(1)
    layers = load_config({"network": {"layers": [layer, {"kind": "dense", "units": 3}]}}).network.layers
    network = Network(layers, (5,), Quadratic(), rng=rng)
    network.parameters[...] += 0.2 * rng.standard_normal(network.parameters.size)
    named = {
        f"{index}.{prefix}{name}": torch.tensor(value, requires_grad=not prefix)
        for index, bound in enumerate(network.layers)
        for prefix, values in (("", bound.parameters), ("state.", bound.state))
        for name, value in values.items()
    }
    layer_of_state = {f"state.0.{name}": f"0.state.{name}" for name in network.layers[0].state}

    def at(name: str) -> Tensor:
        return named[layer_of_state.get(name, name)]

    def outputs(x: Tensor, training: bool) -> Tensor:
        return torch.sigmoid(dense(model(x, at, training), at, "1."))

    workspace, pairs = Workspace(network), []
    for _ in range(3):
        x, y = rng.standard_normal((7, 5)), rng.random((7, 3))
        a = workspace.forward(x)
        workspace.backward(y, 1.0 / len(x))
        theirs = outputs(torch.tensor(x), True)
        cost = 0.5 * ((theirs - torch.tensor(y)) ** 2).sum(dim=1).mean()
        gradients = torch.autograd.grad(cost, [value for value in named.values() if value.requires_grad])
        ours = [value for views in network.views(workspace.gradient.copy()) for value in views.values()]
        pairs += [(a, theirs), *zip(ours, gradients, strict=True)]
    pairs += [(value, at(f"state.0.{name}")) for name, value in network.layers[0].state.items()]
    pairs.append((network.forward(x), outputs(torch.tensor(x), False)))
    arrays = [(one, other.detach().numpy()) for one, other in pairs]
    return max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in arrays)


def main() -> int:
    found = {name: difference(*case) for name, case in NETWORKS.items()}
    for name, value in found.items():
        print(f"{name}: {value:.1e}")
    failed = sum(not value <= 1e-10 for value in found.values())
    print("all agree" if not failed else f"{failed} differ")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
