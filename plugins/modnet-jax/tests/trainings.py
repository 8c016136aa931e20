"""``trainings.py OUT OPTIONS NAME...``: make trainings of the table one by one, in as many processes as there are."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import sys
from contextlib import suppress
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
    "weights and penalties": _of(
        [RELU, RELU], 9, network={"regularizers": ["l2"]}, cost_with_penalty=True, optimizer={"schedule": "one-cycle"}
    ),
    "batches of one": _of([RELU], batch=1, epochs=1),
    "all rows": {**_of([RELU], epochs=50), "optimizer": {"kind": "batch", "learning_rate": 0.5}},
    "dropout": _of([RELU, {"kind": "dropout", "rate": 0.4}, RELU], batch=9),
    "batch-norm": _of([{"kind": "batch-norm"}, RELU], batch=8),
    "in a container": _of(
        [RELU, {"kind": "dropout", "rate": 0.2}, BLOCK, {"kind": "dropout", "rate": 0.2}],
        13,
        optimizer={"drop_last": True},
    ),
    "numbers, and a rule that sees all of θ": {
        **_of([RELU], optimizer={"rule": {"kind": "clip-by-norm", "maximum": 0.5, "rule": "adam"}}),
        "network": {"layers": [RELU, {"kind": "dense", "units": 1, "activation": "identity"}], "cost": "quadratic"},
    },
    "early stopping": _of(
        [RELU],
        epochs=30,
        data={"validation_share": 0.3},
        callbacks=[{"kind": "early-stopping", "patience": 1, "minimum_gain": 0.02}],
    ),
}


def train(name: str, engine: Any, **more: Any) -> Run:
    x, y, weights = data()
    given = (x, x[:, :1] - x[:, 1:2]) if name.startswith("numbers") else (x, y)
    if name.startswith("weights"):
        more["sample_weight"] = weights
    return Trainer.from_config({**CONFIGS[name], "engine": engine}).fit(*given, **more)


def state_of(run: Run) -> NDArray[Any]:
    """Return θ and the layers' states."""
    states = [value for layer in run.network.layer_states() for value in layer.values()]
    return np.concatenate([run.network.parameters, *states])


def addresses() -> list[str] | None:
    """Return the addresses at which this process listens, as the system says."""
    if not Path("/proc/self/net/tcp").exists():
        return None
    sockets = []
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of this listing
            sockets.append(str(path.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[index] for index in (1, 3, 9))
            if state == "0A" and f"socket:[{inode}]" in sockets:
                found.add(str(ipaddress.ip_address(bytes.fromhex(local.split(":")[0])[::-1])))
    return sorted(found)


def main() -> None:
    out, options, *names = sys.argv[1:]
    engine = {"kind": "jax", **json.loads(options)}
    found: dict[str, Any] = {}
    for name in names:
        run = train(name, engine)
        found[name] = state_of(run).tolist(), [{**row, "seconds": 0} for row in run.history]
    group = Trainer.from_config({"engine": engine}).config.engine.process_group()
    found["addresses"] = group.gather(addresses())
    text = json.dumps(found)
    print(hashlib.sha256(text.encode()).hexdigest())
    if group.primary:
        Path(out).write_text(text)


if __name__ == "__main__":
    main()
