"""What several test files share: configurations of small trainings, and how two runs compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from modnet import Run, Trainer
from modnet.core import registry
from modnet.core.component import Component
from modnet.core.registry import Provider

Data = tuple[np.ndarray, np.ndarray]


def table(engine: Any = "jax", **changes: Any) -> dict[str, Any]:
    """Return a small configuration; options of the optimizer are given beside the others."""
    optimizer = {"kind": "mini-batch", "batch_size": 8, "learning_rate": 0.1, "rule": "momentum"}
    for name in ("kind", "batch_size", "rule", "schedule", "shuffle", "learning_rate"):
        if name in changes:
            optimizer[name] = changes.pop(name)
    if optimizer["kind"] != "mini-batch":
        del optimizer["batch_size"]
    network = {"layers": changes.pop("layers", [4, 2]), "cost": changes.pop("cost", "quadratic")}
    network["regularizers"] = changes.pop("regularizers", [])
    return {"epochs": 2, "engine": engine, "network": network, "optimizer": optimizer, **changes}


def fit(data: Data, engine: Any = "jax", **changes: Any) -> Run:
    passed = {name: changes.pop(name) for name in ("out", "callbacks_given", "sample_weight") if name in changes}
    passed |= {"callbacks": passed.pop("callbacks_given", ())}
    return Trainer.from_config(table(engine, **changes)).fit(*data, **passed)


def bits(run: Run) -> list[bytes]:
    """Return every bit of θ, of the layers' states, and of the history but for its seconds."""
    states = [value.tobytes() for state in run.network.layer_states() for value in state.values()]
    history = [repr({name: value for name, value in row.items() if name != "seconds"}).encode() for row in run.history]
    return [run.network.parameters.tobytes(), *states, *history]


def agree(data: Data, tolerance: float = 1e-10, **changes: Any) -> Run:
    """Train on both engines, and see that they come to the same; return the run of this one."""
    ours, theirs = fit(data, **changes), fit(data, "numpy", **changes)
    np.testing.assert_allclose(ours.network.parameters, theirs.network.parameters, rtol=tolerance, atol=tolerance)
    for one, other in zip(ours.network.layer_states(), theirs.network.layer_states(), strict=True):
        for name, value in one.items():
            np.testing.assert_allclose(value, other[name], rtol=tolerance, atol=tolerance)
    for row, expected in zip(ours.history, theirs.history, strict=True):
        assert row.keys() == expected.keys()
        np.testing.assert_allclose(row["cost"], expected["cost"], rtol=max(tolerance, 1e-9))
    return ours


@contextmanager
def installed(*parts: type[Component]) -> Iterator[None]:
    """Let the process's registry have more parts for a while, as if a distribution gave them."""
    with registry.using(_with(parts)):
        yield


def _with(parts: tuple[type[Component], ...]) -> registry.Registry:
    own = registry.Registry()
    for part in registry.active():
        own.add([part.component], part.provider)
    own.add(parts, Provider("modnet-strange", "0.3"))
    return own
