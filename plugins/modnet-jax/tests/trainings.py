"""``trainings.py OUT NAME...``: make trainings of the table, one after the other, in as many processes as there are."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet import Run, Trainer

ROWS, WIDTH, CLASSES = 67, 6, 3


def data() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(ROWS, WIDTH))
    return x, np.argmax(x[:, :CLASSES] + rng.normal(size=(ROWS, CLASSES)), axis=1), rng.uniform(0.2, 2.0, ROWS)


def _of(layers: list[Any], batch: int = 8, **changes: Any) -> dict[str, Any]:
    optimizer = {"kind": "mini-batch", "batch_size": batch, "learning_rate": 0.05, "rule": "momentum"}
    table = {
        "epochs": 6,
        "network": {"layers": [*layers, {"kind": "dense", "units": CLASSES, "activation": "softmax"}]},
    }
    table["network"] |= {"cost": "categorical-cross-entropy"} | changes.pop("network", {})
    return table | {"optimizer": optimizer | changes.pop("optimizer", {})} | changes


RELU = {"kind": "dense", "units": 7, "activation": "relu"}
BLOCK = {"kind": "residual", "layers": [{"kind": "dense", "units": 7, "activation": "tanh"}, {"kind": "batch-norm"}]}
CONFIGS: dict[str, dict[str, Any]] = {
    "dense": _of([RELU, RELU]),
    "divides nothing": _of([RELU], batch=7),
    "batches of one": _of([RELU], batch=1, epochs=1),
    "all rows": {**_of([RELU], epochs=50), "optimizer": {"kind": "batch", "learning_rate": 0.5}},
    "weights": _of(
        [RELU], batch=9, network={"regularizers": [{"kind": "l2", "strength": 0.1}]}, cost_with_penalty=True
    ),
    "dropout": _of([RELU, {"kind": "dropout", "rate": 0.4}, RELU], batch=9),
    "batch-norm": _of([RELU, {"kind": "batch-norm"}, RELU]),
    "batch-norm, divides nothing": _of([{"kind": "batch-norm"}, RELU], batch=9),
    "in a container": _of([RELU, {"kind": "dropout", "rate": 0.2}, BLOCK, {"kind": "dropout", "rate": 0.2}], batch=13),
    "a rule that is not elementwise": _of(
        [RELU], optimizer={"rule": {"kind": "clip-by-norm", "maximum": 0.5, "rule": "adam"}}
    ),
    "numbers": {
        **_of([RELU], batch=10, network={"cost": "quadratic"}),
        "network": {"layers": [RELU, {"kind": "dense", "units": 1, "activation": "identity"}], "cost": "quadratic"},
    },
    "a schedule of the rate and momentum": _of([RELU], optimizer={"schedule": "one-cycle"}),
    "early stopping": _of(
        [RELU],
        epochs=30,
        data={"validation_share": 0.3},
        callbacks=[{"kind": "early-stopping", "patience": 1, "minimum_gain": 0.02}],
    ),
}


def train(name: str, engine: Any, **more: Any) -> Run:
    x, y, weights = data()
    given = (x, x[:, :1] - x[:, 1:2]) if name == "numbers" else (x, y)
    if name == "weights":
        more["sample_weight"] = weights
    return Trainer.from_config({**CONFIGS[name], "engine": engine}).fit(*given, **more)


def state_of(run: Run) -> NDArray[Any]:
    """Return θ and the layers' states."""
    states = [value for layer in run.network.layer_states() for value in layer.values()]
    return np.concatenate([run.network.parameters, *states])


def main() -> None:
    out, *names = sys.argv[1:]
    found = {}
    for name in names:
        run = train(name, "jax")
        found[name] = state_of(run).tolist(), [{**row, "seconds": 0} for row in run.history]
    text = json.dumps(found)
    group = Trainer.from_config({"engine": "jax"}).config.engine.process_group()
    print(hashlib.sha256(text.encode()).hexdigest())
    if group.primary:
        Path(out).write_text(text)


if __name__ == "__main__":
    main()
