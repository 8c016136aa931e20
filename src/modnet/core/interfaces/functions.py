"""Activation, cost, regularizer and initializer: components that are functions of arrays."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from modnet.core.arrays import Array
from modnet.core.component import Component

__all__ = ["Activation", "Cost", "Initializer", "Regularizer"]


class Activation(Component):
    """a = σ(z), and how δ passes back through it."""

    family: ClassVar[str] = "activation"
    usual_initializer: ClassVar[str] = "glorot-uniform"
    """The kind of initializer that a layer's weights take with this activation where none is configured."""
    usual_bias_initializer: ClassVar[str] = "zeros"
    """The same of its biases."""
    output_range: ClassVar[Literal["real", "unit", "simplex"]] = "real"
    """Where outputs lie: anywhere, each in [0, 1], or so that they also sum to 1 over the units of a sample."""

    @abstractmethod
    def __call__(self, z: Array) -> Array:
        """Return a = σ(z), of z's shape and dtype."""

    @abstractmethod
    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return ∂C/∂z from ``upstream`` = ∂C/∂a; elementwise functions return upstream · σ′(z)."""


class Cost(Component):
    """C(a, y), the cost of one sample, summed over its outputs."""

    family: ClassVar[str] = "cost"

    def outputs(self, width: int) -> int:
        """Return how many outputs a network needs for targets of ``width`` values: as many, unless overridden.

        Other widths need other numbers, so that the width follows from the number of outputs.

        Raises:
            ValueError: targets of this width are not possible; the message says what is.
        """
        return width

    def predictions(self, a: Array) -> Array:
        """Return what outputs ``a``, (samples, outputs), predict, (samples, width): the outputs, unless overridden.

        `Network.predict` returns it, metrics compare it with targets, and classes follow from it.
        """
        return a

    def check(self, y: Array) -> None:
        """Refuse targets that are numbers, (samples, width), for which the cost is not defined; by default none is.

        Raises:
            ValueError: with a message that says what is allowed.
        """
        del y

    @abstractmethod
    def __call__(self, a: Array, y: Array) -> Array:
        """Return each sample's cost, shape (samples,), of outputs ``a`` and targets ``y``, (samples, width)."""

    @abstractmethod
    def gradient(self, a: Array, y: Array) -> Array:
        """Return ∂C/∂a, of the shape of ``a``."""

    def delta(self, activation: Activation | None, z: Array, a: Array, y: Array) -> Array:
        """Return δ^L = ∂C/∂z at the output (BP1); a cost that knows its activation may return a simpler form."""
        gradient = self.gradient(a, y)
        return gradient if activation is None else activation.backward(gradient, z, a)


class Regularizer(Component):
    """A penalty R(w) on the weights (never the biases) that is added to the mean cost of an update.

    With ``divide_by_batch`` the engine adds R(w)/n, where n is the total weight of the samples of the update.

    Attributes:
        elementwise: Whether every number of the gradient depends only on the weight at its own position. An engine may
            then put the weights into another order.
    """

    family: ClassVar[str] = "regularizer"
    elementwise: ClassVar[bool] = False
    divide_by_batch: bool = Field(
        default=False,
        description="whether the penalty is divided by the number of samples of an update, or the sum of their "
        "weights, as in scikit-learn; else it is the same whatever the batch is",
    )

    @abstractmethod
    def __call__(self, weights: Array) -> Array:
        """Return R(w), one number, of the vector of all weights."""

    @abstractmethod
    def gradient(self, weights: Array) -> Array:
        """Return ∂R/∂w, of the shape of ``weights``."""


class Initializer(Component):
    """The initial parameters of a layer."""

    family: ClassVar[str] = "initializer"

    @abstractmethod
    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return a new float64 NumPy array of ``shape``; a unit has ``fan_in`` inputs and feeds ``fan_out`` units."""
