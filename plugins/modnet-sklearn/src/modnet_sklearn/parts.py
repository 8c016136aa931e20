"""The parts that give scikit-learn's numbers: its order of samples, values of costs, and L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr
from scipy.optimize import OptimizeResult, minimize

from modnet import Activation, Optimizer, Problem, Solver, Sweep, TrainingData
from modnet.components.activations import Softmax
from modnet.components.costs import BinaryCrossEntropy, CategoricalCrossEntropy, Quadratic

__all__ = [
    "Batches",
    "BinaryLogLoss",
    "Lbfgs",
    "LogLoss",
    "OnEpoch",
    "SquaredError",
]

Vector = NDArray[Any]
OnEpoch: TypeAlias = Callable[[list[float], list[int]], None]
"""What is told, before each epoch, what the samples of its batches weigh, and how many they are, batch by batch."""
_PRINTS = tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15)
"""Whether SciPy's L-BFGS-B can print its iterations; newer versions warn where they are asked to."""


def _clipped(a: Vector) -> Vector:
    """Return probabilities as scikit-learn's losses see them, at least ε and at most 1 − ε of the dtype."""
    epsilon = np.finfo(a.dtype).eps
    return np.clip(a, epsilon, 1.0 - epsilon)


class BinaryLogLoss(BinaryCrossEntropy):
    """Binary cross-entropy, whose value is computed from probabilities clipped to [ε, 1 − ε]."""

    kind: Literal["sklearn-binary-log-loss"] = "sklearn-binary-log-loss"  # type: ignore[assignment] # another kind

    def __call__(self, a: Vector, y: Vector) -> Vector:
        """Return −Σ (y ln a + (1 − y) ln(1 − a)) for each sample."""
        a = _clipped(a)
        values: Vector = -np.sum(y * np.log(a) + (1.0 - y) * np.log(1.0 - a), axis=-1)
        return values


class LogLoss(CategoricalCrossEntropy):
    """Categorical cross-entropy, whose value is computed from probabilities clipped to [ε, 1 − ε]."""

    kind: Literal["sklearn-log-loss"] = "sklearn-log-loss"  # type: ignore[assignment] # another kind

    def __call__(self, a: Vector, y: Vector) -> Vector:
        """Return −Σ y ln a for each sample."""
        values: Vector = -np.sum(y * np.log(_clipped(a)), axis=-1)
        return values

    def delta(self, activation: Activation | None, z: Vector, a: Vector, y: Vector) -> Vector:
        """Return a − y for a softmax output: the targets are those of classes, and sum to 1."""
        delta: Vector = a - y if isinstance(activation, Softmax) else super().delta(activation, z, a, y)
        return delta


class SquaredError(Quadratic):
    """½ (a − y)²: its value is the mean over the outputs and its gradient that of the sum, as in scikit-learn."""

    kind: Literal["sklearn-squared-error"] = "sklearn-squared-error"  # type: ignore[assignment] # another kind

    def __call__(self, a: Vector, y: Vector) -> Vector:
        """Return half the mean of (a − y)² for each sample."""
        values: Vector = 0.5 * np.mean((a - y) ** 2, axis=-1)
        return values


class Batches(Optimizer):
    """Mini-batches in scikit-learn's order: each epoch shuffles the order of the one before."""

    kind: Literal["sklearn-mini-batch"] = "sklearn-mini-batch"
    batch_size: int = Field(default=200, gt=0, description="how many samples feed one update")
    shuffle: bool = Field(default=True, description="whether each epoch has a new random order")
    _random: np.random.RandomState = PrivateAttr()
    _on_epoch: OnEpoch | None = PrivateAttr(default=None)

    def drawing_from(self, random: np.random.RandomState, on_epoch: OnEpoch | None) -> Batches:
        """Return the optimizer with a source of randomness, and with what is told of the weights of each batch."""
        self._random, self._on_epoch = random, on_epoch
        return self

    def updates(self, samples: int) -> int:
        """Return the number of batches."""
        return -(-samples // self.batch_size)

    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        """Return the batches of one epoch."""
        del rng
        samples, size = len(data), self.batch_size
        order = None
        if self.shuffle:
            permutation = np.arange(samples)
            self._random.shuffle(permutation)
            order = state["order"][permutation] if "order" in state else permutation
            state["order"] = order
        if self._on_epoch is not None and data.weights is not None:
            starts = np.arange(0, samples, size)
            in_order = data.weights if order is None else data.weights[order]
            weights = np.add.reduceat(in_order, starts).tolist()
            self._on_epoch(weights, np.minimum(size, samples - starts).tolist())
        return [Sweep(order, size)]


class Lbfgs(Solver):
    """L-BFGS-B of SciPy, which runs to its end in one epoch.

    Source: Liu and Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization" (1989).
    """

    kind: Literal["sklearn-lbfgs"] = "sklearn-lbfgs"
    max_iter: int = Field(default=200, ge=1, description="how many iterations there are at most")
    max_fun: int = Field(default=15000, ge=1, description="how many times the cost is asked for at most")
    tolerance: float = Field(default=1e-4, ge=0, description="the largest entry of the gradient at which it ends")
    verbose: bool = Field(default=False, description="whether SciPy prints each iteration, where it still can")
    _result: list[OptimizeResult] = PrivateAttr(default_factory=list)

    @property
    def result(self) -> OptimizeResult:
        """What SciPy returned."""
        return self._result[-1]

    def solve(self, problem: Problem) -> None:
        """Minimise the cost with its penalties, over all samples."""
        theta = problem.parameters

        def value_and_gradient(point: Vector) -> tuple[float, Vector]:
            theta[...] = point
            value, gradient = problem.value_and_grad()
            return value, gradient.astype(np.float64, copy=False)

        options: dict[str, Any] = {"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tolerance}
        if _PRINTS:
            options["iprint"] = 1 if self.verbose else -1
        start = theta.astype(np.float64)
        result = minimize(value_and_gradient, start, method="L-BFGS-B", jac=True, options=options)
        theta[...] = result.x
        self._result.append(result)
