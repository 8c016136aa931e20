"""Sigmoid and relu compared at 2 to 8 layers, on the digits: python docs/hooks/depths.py prints the tables of the page.

`docs/hooks/figures.py` draws ‖δ‖ of the same networks when the site is built.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from modnet import Data, DivergenceError, Trainer, load_config
from modnet.analysis.gradients.gradient_flow import GradientFlow, flow_through, subsample
from modnet.training.setup import build

DEPTHS = range(2, 9)
"""The number of layers above the input."""
STARTS = {
    "sigmoid": ("sigmoid", "scaled-normal", 0.3),
    "relu": ("relu", "he-normal", 0.3),
    "sigmoid, η = 3": ("sigmoid", "scaled-normal", 3.0),
    "sigmoid, standard-normal": ("sigmoid", "standard-normal", 0.3),
}
"""Activation of the hidden layers, initializer, and learning rate."""
COMPARED = ("sigmoid", "relu")
CURED = "sigmoid, η = 3", 6
"""The network to improve."""
CURES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "`standard-normal` weights": {"layer": {"initializer": "standard-normal"}},
    "`tanh`, η = 0.3": {"hidden": {"activation": "tanh"}, "optimizer": {"learning_rate": 0.3}},
    "`relu`, η = 0.3": {"hidden": {"activation": "relu"}, "optimizer": {"learning_rate": 0.3}},
    "`adam`, η = 0.003": {"optimizer": {"rule": "adam", "learning_rate": 0.003}},
    "`momentum`, η = 0.3": {"optimizer": {"rule": "momentum", "learning_rate": 0.3}},
    "`glorot-normal` weights": {"layer": {"initializer": "glorot-normal"}},
    "`binary-cross-entropy`, η = 1": {"cost": "binary-cross-entropy", "optimizer": {"learning_rate": 1.0}},
}
"""What is changed, in all layers, in the hidden ones, or elsewhere."""
SEEDS = range(5)
SAMPLES = 512


def configuration(start: str, depth: int, seed: int = 0) -> dict[str, Any]:
    """Return 64-30-…-30-10 with an output layer of sigmoids, the document's biases, and all else by default."""
    activation, initializer, rate = STARTS[start]
    start_of = {"initializer": initializer, "bias_initializer": "standard-normal"}
    hidden = {"kind": "dense", "units": 30, "activation": activation, **start_of}
    output = {"kind": "dense", "units": 10, **start_of}
    return {
        "seed": seed,
        "network": {"layers": [*[hidden] * (depth - 1), output]},
        "optimizer": {"learning_rate": rate},
    }


def flow_at_start(start: str, depth: int, data: Data, seed: int = 0) -> GradientFlow:
    """Return how δ gets through the network before the first update."""
    config = load_config(configuration(start, depth, seed))
    network, parts, _ = build(config, data, None)
    samples = subsample(parts["train"], SAMPLES, seed)
    return flow_through(network, samples, config.optimizer.rule, STARTS[start][2], seed=seed)


def cured(cure: str, seed: int = 0) -> dict[str, Any]:
    """Return the network that is to be helped, with a change."""
    config, change = configuration(*CURED, seed), CURES[cure]
    layers = [layer | change.get("layer", {}) for layer in config["network"]["layers"]]
    layers[:-1] = [layer | change.get("hidden", {}) for layer in layers[:-1]]
    config["network"] = {"layers": layers, "cost": change.get("cost", "quadratic")}
    return config | {"optimizer": config["optimizer"] | change.get("optimizer", {})}


def accuracy(configs: Iterable[dict[str, Any]], data: Data) -> str:
    """Return the accuracy on the test samples after the training: the median of these configurations.

    It is 0 where the numbers leave the finite ones.
    """
    reached = []
    for config in configs:
        try:
            run = Trainer.from_config(config).fit(*data.train, test=data.test)
        except DivergenceError:
            reached.append(0.0)
        else:
            reached.append(run.test["accuracy"])
    return f"{100 * statistics.median(reached):.1f} %"


def shrinks(start: str, depth: int, data: Data) -> str:
    """Return how many times smaller ‖δ‖ is in layer 1 than in layer L at the start: the median of the seeds."""
    return _figure(statistics.median(1 / flow_at_start(start, depth, data, seed).delta_ratio for seed in SEEDS))


def table() -> str:
    """Return for every depth how δ shrinks, and what is reached: medians of the seeds."""
    data = load_config().data.load()
    head = ["layers", *(f"‖δᴸ‖ / ‖δ¹‖, {start}" for start in COMPARED), *(f"accuracy, {start}" for start in STARTS)]
    lines = [head, ["---:"] * len(head)]
    for depth in DEPTHS:
        shares = [accuracy((configuration(start, depth, seed) for seed in SEEDS), data) for start in STARTS]
        lines.append([str(depth), *(shrinks(start, depth, data) for start in COMPARED), *shares])
    return _lines(lines)


def cures() -> str:
    """Return what helps the six layers: the same medians."""
    data = load_config().data.load()
    rows = [[cure, accuracy((cured(cure, seed) for seed in SEEDS), data)] for cure in CURES]
    return _lines([["change", "accuracy"], ["---", "---:"], *rows])


def _lines(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figure(value: float) -> str:
    """Return a number with two digits that count."""
    digits = max(0, 1 - math.floor(math.log10(value)))
    return f"{round(value, 1 - math.floor(math.log10(value))):,.{digits}f}"


if __name__ == "__main__":
    print(table(), cures(), sep="\n\n")
