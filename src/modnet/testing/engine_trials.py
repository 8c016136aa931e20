"""Trials: the configurations that an engine is tried in, by what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.interfaces import Engine
from modnet.testing.engine_parts import Lookahead, MaskByCount, NormalizedByArray, NumpyScale, NumpyTanh, ThreeSweeps
from modnet.testing.fixtures import Flatten
from modnet.testing.numeric import normal, targets
from modnet.testing.report import SkippedError

__all__ = ["Trial"]


def dense(units: int, activation: Any = "identity", **options: Any) -> dict[str, Any]:
    """Return the table of a dense layer."""
    return {"kind": "dense", "units": units, "activation": activation, **options}


def mini_batch(rule: Any = "plain", rate: float = 0.3, schedule: Any = "constant", size: int = 8) -> dict[str, Any]:
    """Return the table of an optimizer."""
    return {"kind": "mini-batch", "batch_size": size, "rule": rule, "schedule": schedule, "learning_rate": rate}


class LazyRows:
    """An array whose rows are only there when they are asked for, as those of a file."""

    def __init__(self, rows: NDArray[Any]) -> None:
        self._rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        block: NDArray[Any] = self._rows[rows].copy()
        return block


@dataclass(frozen=True, eq=False)
class Trial:
    """A small training: a network, an optimizer and samples.

    Attributes:
        name: What messages call it.
        layers: The layers' tables.
        optimizer: The optimizer's table, or a function that returns the optimizer: importing the kit looks up no part.
        cost: The cost's table or kind.
        targets: What the samples are trained for: three classes, or two; two labels that may both apply; two numbers
            from 0 to 1; two counts.
        regularizers: The regularizers' tables.
        samples: How many samples there are.
        epochs: How many epochs: by default there are 50 updates.
        shape: The shape of a sample.
        rows: How the samples lie: as an array, as rows that are read when they are asked for, or as a sparse matrix.
        weights: Whether samples have weights, of which some are 0.
        options: Further options of the configuration.
    """

    name: str
    layers: tuple[Any, ...] = (dense(3, "tanh"), dense(3, "softmax"))
    optimizer: Any = field(default_factory=mini_batch)
    cost: Any = "categorical-cross-entropy"
    targets: Literal["classes", "two-classes", "labels", "numbers", "counts"] = "classes"
    regularizers: tuple[Any, ...] = ()
    samples: int = 40
    epochs: int = 10
    shape: tuple[int, ...] = (5,)
    rows: Literal["array", "source", "sparse"] = "array"
    weights: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def config(self, engine: Engine) -> RunConfig:
        """Return the configuration, with an engine."""
        network = {"layers": self.layers, "cost": self.cost, "regularizers": self.regularizers}
        optimizer = self.optimizer() if callable(self.optimizer) else self.optimizer
        table = {"epochs": self.epochs, "network": network, "optimizer": optimizer, "engine": engine}
        return RunConfig.model_validate({**table, **self.options})

    def data(self) -> Data:
        """Return the samples, new arrays in every call.

        Raises:
            SkippedError: they cannot be made here.
        """
        which = np.arange(self.samples) % 3
        x = normal(31, 3, *self.shape)[which] + 0.5 * normal(32, self.samples, *self.shape)
        numbers = targets(33, self.samples, 2)
        y: Any = {
            "classes": which,
            "two-classes": which > 0,
            "labels": np.stack([which > 0, which < 2], axis=1),
            "numbers": numbers,
            "counts": np.floor(4.0 * numbers),
        }[self.targets]
        weights = np.abs(normal(34, self.samples)) * (np.arange(self.samples) % 4 > 0) if self.weights else None
        if self.rows == "source":
            return Data((LazyRows(x), y, weights))
        return Data((x if self.rows == "array" else _sparse(np.where(x > 0.5, x, 0.0)), y, weights))

    def but(self, name: str, **changes: Any) -> Trial:
        """Return another trial, which differs in something."""
        return replace(self, name=name, **changes)


def _sparse(x: NDArray[Any]) -> Any:
    try:
        from scipy.sparse import csr_matrix
    except ImportError:
        raise SkippedError("scipy is not installed") from None
    return csr_matrix(x)


PLAIN = Trial("a dense network")
FUNCTIONS = (
    PLAIN.but("tanh, softmax and categorical-cross-entropy"),
    Trial("sigmoid and quadratic", (dense(4, "sigmoid"), dense(3, "sigmoid")), mini_batch(rate=1.0), "quadratic"),
    Trial(
        "relu, sigmoid and binary-cross-entropy", (dense(4, "relu"), dense(3, "sigmoid")), cost="binary-cross-entropy"
    ),
    Trial("softmax and huber", (dense(3, "softmax"), dense(2)), cost="huber", targets="numbers"),
    Trial("leaky-relu and absolute", (dense(4, "leaky-relu"), dense(2)), mini_batch(rate=0.05), "absolute", "numbers"),
    Trial("exp and poisson", (dense(3, "tanh"), dense(2, "exp")), mini_batch(rate=0.05), "poisson", "counts"),
    Trial("gaussian-nll", (dense(3, "tanh"), dense(4)), mini_batch(rate=0.05), "gaussian-nll", "numbers"),
    Trial("quantile", (dense(3, "tanh"), dense(6)), mini_batch(rate=0.05), "quantile", "numbers"),
)
RULES = tuple(
    PLAIN.but(name, optimizer=mini_batch(rule, rate))
    for name, rule, rate in (
        ("plain", "plain", 0.3),
        ("momentum", "momentum", 0.05),
        ("momentum of steps", {"kind": "momentum", "velocity_of": "steps"}, 0.05),
        ("nesterov", "nesterov", 0.05),
        ("rmsprop", "rmsprop", 0.01),
        ("adam", "adam", 0.02),
        ("adamw", {"kind": "adamw", "weight_decay": 0.1}, 0.02),
        ("clip-by-norm of adam", {"kind": "clip-by-norm", "maximum": 0.1, "rule": "adam"}, 0.02),
        ("clip-by-value of momentum", {"kind": "clip-by-value", "maximum": 0.05, "rule": "momentum"}, 0.05),
        ("a rule that uses the layout of θ", NormalizedByArray(), 0.1),
    )
)
SCHEDULES = tuple(
    PLAIN.but(name, optimizer=mini_batch(rule, rate, schedule))
    for name, rule, rate, schedule in (
        ("cosine", "plain", 0.5, "cosine"),
        ("warm-up", "adam", 0.02, {"kind": "warm-up", "updates": 12, "then": "step"}),
        ("one-cycle with momentum", "momentum", 0.1, "one-cycle"),
        ("one-cycle with adam", "adam", 0.02, "one-cycle"),
    )
)
PENALIZED = PLAIN.but("l1 and l2", regularizers=({"kind": "l1", "strength": 0.01}, {"kind": "l2", "strength": 0.1}))
DECAYING = PLAIN.but("l2", regularizers=({"kind": "l2", "strength": 0.1},))
DIVIDED = PLAIN.but("l2 with divide_by_batch", regularizers=({"kind": "l2", "strength": 1.0, "divide_by_batch": True},))
CONTAINERS = (
    PLAIN.but("chain and residual", layers=([3, {"kind": "residual", "layers": [[2, 3]]}], dense(3, "softmax"))),
    PLAIN.but(
        "parallel",
        layers=(
            {"kind": "parallel", "branches": [dense(2, "tanh"), [2, 1]], "activation": "sigmoid"},
            dense(3, "softmax"),
        ),
    ),
    PLAIN.but(
        "parallel with merge = add",
        layers=(dense(3, "tanh"), {"kind": "parallel", "branches": [3, []], "merge": "add"}, dense(3, "softmax")),
    ),
)
BATCH_NORM = PLAIN.but(
    "batch-norm", layers=(dense(4), {"kind": "batch-norm", "activation": "tanh"}, dense(3, "softmax"))
)
NORMALIZATIONS = (
    BATCH_NORM,
    PLAIN.but(
        "batch-norm in a chain", layers=([dense(4), {"kind": "batch-norm", "momentum": 0.5}], dense(3, "softmax"))
    ),
    PLAIN.but("layer-norm", layers=(dense(4), {"kind": "layer-norm", "activation": "relu"}, dense(3, "softmax"))),
)
FROZEN = (
    PLAIN.but(
        "a frozen first layer",
        layers=(dense(4, "tanh", trainable=False), dense(3, "softmax")),
        optimizer=mini_batch("adam", 0.02),
    ),
    PLAIN.but("a frozen last layer", layers=(dense(4, "tanh"), dense(3, "softmax", trainable=False))),
    PLAIN.but(
        "a frozen layer in a chain",
        layers=([dense(4, "tanh"), dense(4, "tanh", trainable=False)], dense(3, "softmax")),
        regularizers=({"kind": "l2", "strength": 0.1},),
    ),
    PLAIN.but(
        "a frozen batch-norm", layers=(dense(4), {"kind": "batch-norm", "trainable": False}, dense(3, "softmax"))
    ),
)
WEIGHTED = (
    PLAIN.but("weights", weights=True),
    DIVIDED.but("weights and divide_by_batch", weights=True),
    PLAIN.but("batches that weigh nothing", weights=True, optimizer=mini_batch(rate=0.05, size=1), epochs=2),
)
SINGLE = tuple(
    trial.but(f"{name} in float32", options={"dtype": "float32"})
    for name, trial in (
        ("momentum", RULES[1]),
        ("binary-cross-entropy", FUNCTIONS[2]),
        ("gaussian-nll", FUNCTIONS[6]),
        ("batch-norm", BATCH_NORM),
        ("rmsprop", RULES[4]),
    )
)
BATCHES = (
    DIVIDED.but("a short last batch", samples=37),
    PLAIN.but("one sample an update", optimizer={"kind": "stochastic", "learning_rate": 0.05}, epochs=2),
    PLAIN.but("all samples in one update", optimizer={"kind": "batch", "learning_rate": 0.5}, epochs=50),
    DIVIDED.but(
        "1,300 samples in one update", samples=1300, optimizer={"kind": "batch", "learning_rate": 0.5}, epochs=3
    ),
    PLAIN.but("samples in their order", optimizer={**mini_batch(), "shuffle": False}, samples=37),
)
MASKED = (
    PLAIN.but("masks", layers=(dense(6, "tanh"), MaskByCount(), dense(3, "softmax"))),
    PLAIN.but(
        "masks in a residual", layers=([6, {"kind": "residual", "layers": [MaskByCount(), 6]}], dense(3, "softmax"))
    ),
)
KINDS = (
    PLAIN.but("two classes", layers=(dense(1, "sigmoid"),), cost="binary-cross-entropy", targets="two-classes"),
    PLAIN.but("several labels", layers=(dense(2, "sigmoid"),), cost="binary-cross-entropy", targets="labels"),
    PLAIN.but("images", layers=(Flatten(), dense(3, "softmax")), shape=(2, 3)),
)
NUMPY = (
    PLAIN.but("an activation of NumPy", layers=(dense(4, NumpyTanh()), dense(3, "softmax"))),
    PLAIN.but("a layer of NumPy", layers=(dense(4, "tanh"), NumpyScale(), dense(3, "softmax"))),
)
SOURCES = (
    PLAIN.but("rows that are read", rows="source"),
    WEIGHTED[0].but("weighted rows that are read", rows="source"),
)
SPARSE = (PLAIN.but("sparse rows", rows="sparse"),)

DROPOUT = PLAIN.but(
    "dropout",
    layers=(dense(6, "tanh"), {"kind": "dropout", "rate": 0.3}, dense(3, "softmax")),
    optimizer=mini_batch("adam", 0.02, "one-cycle"),
)
MIXED = DROPOUT.but(
    "batch-norm and dropout",
    layers=(
        dense(6),
        {"kind": "batch-norm", "activation": "tanh"},
        {"kind": "dropout", "rate": 0.3},
        dense(3, "softmax"),
    ),
)
BITS = (MIXED, SCHEDULES[3])
"""Of these the bits are compared: randomness, layers with a state, a rule with one; without what may be refused."""
RESUMED = tuple(
    tuple(trial.but(f"{name}, {trial.name}", optimizer=optimizer, epochs=3) for trial in BITS)
    for name, optimizer in (
        ("mini-batches", partial(ThreeSweeps.model_validate, {"rule": "adam", "schedule": "one-cycle", "eta": 0.02})),
        ("a solver", partial(Lookahead.model_validate, {"rule": "momentum", "eta": 0.05})),
    )
)
DIVERGING = (
    PLAIN.but(
        "a cost that becomes infinite",
        layers=(dense(3), dense(2)),
        cost="quadratic",
        targets="numbers",
        optimizer=mini_batch(rate=1e160),
    ),
    PLAIN.but(
        "parameters that become infinite",
        layers=(dense(2),),
        cost="absolute",
        targets="numbers",
        regularizers=({"kind": "l2", "strength": 1e3},),
        optimizer=mini_batch(rate=1e308, schedule={"kind": "one-cycle", "start_divisor": 1e308}),
    ),
    PLAIN.but(
        "a rule's state that becomes infinite",
        layers=(dense(2),),
        cost="absolute",
        targets="numbers",
        regularizers=({"kind": "l2", "strength": 1e200},),
        optimizer=mini_batch("rmsprop"),
    ),
    PLAIN.but(
        "divergence with dropout",
        layers=(dense(3), {"kind": "dropout", "rate": 0.3}, dense(2)),
        cost="quadratic",
        targets="numbers",
        optimizer=mini_batch("momentum", 1e160),
    ),
)
