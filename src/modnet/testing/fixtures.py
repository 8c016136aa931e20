"""Small trainings and problems that components are tried in."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from modnet.config.run_config import RunConfig
from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Layer, LayerContext, Optimizer, ParameterSlice, Solver
from modnet.testing.numeric import normal, targets
from modnet.training.result import Run
from modnet.training.trainer import Trainer

__all__ = ["Flatten", "QuadraticProblem", "flattened", "train"]


class Flatten(Layer):
    """The samples as vectors, so that a dense layer can follow."""

    kind: Literal["conformance-flatten"] = "conformance-flatten"

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of entries of a sample."""
        return (math.prod(input_shape),)

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return the samples, each as a vector."""
        del ctx
        return namespace(x).reshape(x, (x.shape[0], math.prod(x.shape[1:])))

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return δ in the shape of the samples."""
        return None if ctx.is_first else namespace(delta).reshape(delta, ctx.x.shape), {}


def flattened(layer: Layer, input_shape: tuple[int, ...]) -> list[Layer]:
    """Return the layer, followed by `Flatten` if its outputs are not vectors."""
    return [layer] if len(layer.output_shape(input_shape)) == 1 else [layer, Flatten()]


def train(
    network: Mapping[str, Any] = {},
    *,
    shape: tuple[int, ...] = (5,),
    width: int | None = None,
    epochs: int = 3,
    samples: int = 24,
    **config: Any,
) -> Run:
    """Train a small network on three classes of samples of this shape, with validation and test samples.

    With a ``width`` it is trained on so many numbers between 0 and 1 instead.

    With ``callbacks`` there is a run folder, for what they write, and the current folder is that beside it; both are
    deleted, and what they print is discarded.
    """
    table = {
        "epochs": epochs,
        "network": {"layers": [4, 3], **network},
        "optimizer": {"kind": "mini-batch", "batch_size": 8, "learning_rate": 0.05},
        **config,
    }
    centers = normal(31, 3, *shape)
    pairs = [
        (
            centers[np.arange(size) % 3] + 0.3 * normal(seed, size, *shape),
            np.arange(size) % 3 if width is None else targets(seed, size, width),
        )
        for seed, size in ((32, samples), (33, 12), (34, 12))
    ]
    with contextlib.redirect_stdout(io.StringIO()), TemporaryDirectory() as folder:
        out = Path(folder, "run") if "callbacks" in config else None
        with contextlib.nullcontext() if out is None else contextlib.chdir(folder):
            return Trainer(RunConfig.model_validate(table), checks=False).fit(
                *pairs[0], validation=pairs[1], test=pairs[2], out=out
            )


class QuadraticProblem:
    """Least squares in three unknowns: the `modnet.Problem` of a solver, and the `modnet.TrainingData` of an optimizer.

    Attributes:
        orders: The order of the samples in each sweep.
        updates: The number of updates.
    """

    def __init__(self, samples: int) -> None:
        self.samples, self.labels, self.weights = samples, np.arange(samples) % 3, None
        self.state: dict[str, Any] = {}
        self.rng = np.random.default_rng(33)
        self.learning_rate = 0.02
        self.orders: list[NDArray[Any]] = []
        self.updates = 0
        self._theta: NDArray[np.float64] = np.zeros(3)
        self._x = normal(34, samples, 3)
        self._y = self._x @ np.array([1.0, -2.0, 0.5])

    def __len__(self) -> int:
        return self.samples

    @property
    def parameters(self) -> NDArray[np.float64]:
        """θ."""
        return self._theta

    @property
    def layout(self) -> tuple[ParameterSlice, ...]:
        """One array of weights."""
        return (ParameterSlice(0, "weights", 0, 3, (1, 3), regularized=True),)

    def run_epoch(self, optimizer: Optimizer) -> None:
        """Make the updates of one epoch, and record the sweeps."""
        if isinstance(optimizer, Solver):
            list(optimizer.solve(self) or ())
            return
        for order, batch_size in optimizer.sweeps(self, self.rng, self.state):
            rows = np.arange(self.samples) if order is None else np.array(order)
            self.orders.append(rows)
            for start in range(0, len(rows), batch_size):
                self.apply_gradient(self.value_and_grad(rows[start : start + batch_size])[1])

    def value_and_grad(self, rows: Any = None) -> tuple[float, NDArray[np.float64]]:
        """Return the mean cost over some samples, or all, and its gradient."""
        rows = slice(None) if rows is None else rows
        x, error = self._x[rows], self._x[rows] @ self._theta - self._y[rows]
        return 0.5 * float(np.mean(error * error)), x.T @ error / len(x)

    def apply_gradient(self, gradient: Array) -> None:
        """Make one plain update."""
        self._theta -= self.learning_rate * gradient
        self.updates += 1
