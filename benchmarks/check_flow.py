"""The figures of `modnet dampening` against those of torch's autograd: python benchmarks/check_flow.py

Networks of several depths, activations and costs get the same parameters in both libraries, in float64. Each layer's
mean ‖δ‖, mean σ′, ‖W‖₂ of the next layer and ‖∇θ‖/‖θ‖ must agree to 1e-10, relative; the status is 1 where one does not.
"""

from __future__ import annotations

import itertools
import sys

import numpy as np
import torch

from modnet import load_config
from modnet.analysis.gradients.gradient_flow import GradientFlow, flow_through, subsample
from modnet.data.prepared import Samples
from modnet.network.network import Network
from modnet.training.setup import build

LIMIT = 1e-10
ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky-relu": lambda z: torch.nn.functional.leaky_relu(z, 0.01),
    "identity": lambda z: z,
    "softmax": lambda z: torch.softmax(z, dim=1),
}
# The cross-entropies from z, as torch has them too: from a, autograd loses δ where an output rounds to 0 or 1.
COSTS = {
    "quadratic": lambda _, a, y: 0.5 * ((a - y) ** 2).sum(),
    "binary-cross-entropy": lambda z, _, y: torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum"),
    "categorical-cross-entropy": lambda z, _, y: torch.nn.functional.cross_entropy(z, y, reduction="sum"),
}
ENDS = (("sigmoid", "quadratic"), ("sigmoid", "binary-cross-entropy"), ("softmax", "categorical-cross-entropy"),
        ("softmax", "quadratic"), ("identity", "quadratic"))  # fmt: skip
SIZES = ([10], [30, 10], [30, 20, 10], [64, 30, 30, 30, 30, 30, 10])
INITIALIZERS = ("standard-normal", "glorot-normal")
BOUNDED = ("sigmoid", "tanh")
"""What the others make of standard-normal weights in seven layers saturates every output: σ′ there is rounding alone."""


def theirs(network: Network, samples: Samples) -> dict[str, list[float]]:
    """Return the figures of each layer from autograd."""
    x = torch.tensor(samples.x)
    y = torch.tensor(samples.targets.batch(slice(0, len(samples)), network.dtype, network.outputs))
    weights = [torch.tensor(layer.weights, requires_grad=True) for layer in network.layers]
    biases = [torch.tensor(layer.biases, requires_grad=True) for layer in network.layers]
    zs, slopes, a = [], [], x
    for layer, w, b in zip(network.layers, weights, biases, strict=True):
        function = ACTIVATIONS[layer.activation.kind]
        z = a @ w.T + b
        z.retain_grad()
        a = function(z)
        jacobian = torch.func.vmap(torch.func.jacrev(lambda row, function=function: function(row[None])[0]))(z.detach())
        slopes.append(float(torch.diagonal(jacobian, dim1=1, dim2=2).mean()))
        zs.append(z)
    COSTS[network.cost.kind](zs[-1], a, y).backward()
    deltas = [float(torch.linalg.vector_norm(z.grad, dim=1).mean()) for z in zs]
    relative = []
    for w, b in zip(weights, biases, strict=True):
        gradient, theta = (
            torch.cat([one.flatten(), other]) for one, other in ((w.grad, b.grad), (w.detach(), b.detach()))
        )
        relative.append(float(torch.linalg.vector_norm(gradient) / len(x) / torch.linalg.vector_norm(theta)))
    return {
        "delta": deltas,
        "ratio": [one / other for one, other in itertools.pairwise(deltas)],
        "slope": slopes,
        "weights": [float(torch.linalg.matrix_norm(w.detach(), 2)) for w in weights[1:]],
        "gradient": relative,
    }


def ours(flow: GradientFlow) -> dict[str, list[float]]:
    inner = flow.layers[:-1]
    return {
        "delta": [layer.delta for layer in flow.layers],
        "ratio": [layer.ratio for layer in inner],
        "slope": [layer.slope for layer in flow.layers],
        "weights": [layer.weights for layer in inner],
        "gradient": [layer.gradient for layer in flow.layers],
    }


def main() -> None:
    worst: dict[str, float] = {}
    hidden = [name for name in ACTIVATIONS if name != "softmax"]
    every = itertools.product(hidden, ENDS, SIZES, INITIALIZERS)
    cases = [case for case in every if case[0] in BOUNDED or case[-1] != "standard-normal" or len(case[2]) < 7]
    for activation, (last, cost), sizes, initializer in cases:
        kinds = [*[activation] * (len(sizes) - 1), last]
        layers = [
            {"kind": "dense", "units": units, "activation": kind, "initializer": initializer}
            for units, kind in zip(sizes, kinds, strict=True)
        ]
        config = load_config(
            {"network": {"layers": layers, "cost": cost}, "data": {"kind": "digits", "transforms": ["min-max"]}}
        )
        network, parts, _ = build(config, config.data.load(), None)
        samples = subsample(parts["train"], 256, 0)
        mine = ours(flow_through(network, samples, config.optimizer.rule, 1.0))
        for name, expected in theirs(network, samples).items():
            difference = np.max(
                np.abs(np.array(mine[name]) - expected) / np.maximum(np.abs(expected), 1e-300), initial=0.0
            )
            worst[name] = max(worst.get(name, 0.0), float(difference))
    print(f"{len(cases)} networks; largest relative difference from torch {torch.__version__}:")
    for name, difference in worst.items():
        print(f"  {name:10}{difference:.1e}")
    if max(worst.values()) > LIMIT:
        print(f"not within {LIMIT}")
        sys.exit(1)


if __name__ == "__main__":
    main()
