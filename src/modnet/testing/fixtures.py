"""Small trainings and problems that parts are tried in."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from modnet.config.run_config import RunConfig
from modnet.core import registry
from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Layer, LayerContext
from modnet.testing.numeric import normal
from modnet.training.run import Run
from modnet.training.trainer import Trainer

__all__ = ["Flatten", "QuadraticProblem", "train"]


class Flatten(Layer):
    """The samples as vectors, so that a dense layer can follow a part whose samples are none."""

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


def train(
    layers: Sequence[Any] = (4, 3),
    shape: tuple[int, ...] = (5,),
    epochs: int = 3,
    samples: int = 24,
    network: dict[str, Any] | None = None,
    **config: Any,
) -> Run:
    """Train a small network on three classes around their corners, with samples to validate and to test."""
    table = {
        "epochs": epochs,
        "network": {"layers": layers, **(network or {})},
        "optimizer": {"kind": "mini-batch", "batch_size": 8, "learning_rate": 0.05},
        **config,
    }
    parts = [_classes(part, samples if part == 0 else 12, shape) for part in range(3)]
    run_config = RunConfig.model_validate(table)
    found = all(registry.active().provider_of(type(callback)) for callback in run_config.callbacks)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        TemporaryDirectory() as folder,
    ):  # a callback may write what it likes
        out = (
            Path(folder, "run") if found and len(run_config.callbacks) > 1 else None
        )  # no file names what is not found
        return Trainer(run_config).fit(*parts[0], validation=parts[1], test=parts[2], out=out)


def _classes(part: int, samples: int, shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    labels = np.arange(samples) % 3
    corners = normal(31, 3, *shape)
    return corners[labels] + 0.3 * normal(32 + part, samples, *shape), labels


class QuadraticProblem:
    """Least squares in three unknowns, as an optimizer sees it (`modnet.Problem`), with notes of what it does.

    Attributes:
        orders: The orders in which it swept over the samples, one array for each sweep.
        updates: How many updates were made, by sweeps or one by one.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.optimizer_state: dict[str, Any] = {}
        self.rng = np.random.default_rng(33)
        self.learning_rate = 0.02
        self.orders: list[NDArray[Any]] = []
        self.updates = 0
        self._theta: NDArray[np.float64] = np.zeros(3)
        self._x = normal(34, samples, 3)
        self._y = self._x @ np.array([1.0, -2.0, 0.5])

    @property
    def parameters(self) -> NDArray[np.float64]:
        """θ."""
        return self._theta

    def run_sweep(self, order: Any, length: int) -> None:
        """Note the order, and update once per ``length`` samples."""
        rows = np.arange(self.samples) if order is None else np.asarray(order)
        self.orders.append(rows.copy())
        for start in range(0, len(rows), length):
            self.apply_gradient(self._of(rows[start : start + length])[1])

    def value_and_grad(self) -> tuple[float, NDArray[np.float64]]:
        """Return the mean cost over all samples, and its gradient."""
        return self._of(np.arange(self.samples))

    def apply_gradient(self, gradient: Array) -> None:
        """Make one plain update."""
        self._theta -= self.learning_rate * gradient
        self.updates += 1

    def _of(self, rows: NDArray[Any]) -> tuple[float, NDArray[np.float64]]:
        error = self._x[rows] @ self._theta - self._y[rows]
        return 0.5 * float(np.mean(error * error)), self._x[rows].T @ error / len(rows)
