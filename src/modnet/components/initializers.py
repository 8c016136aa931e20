"""The initializers: the initial values of W and b, as float64 arrays. ``fan_in`` is n_current, ``fan_out`` n_next."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from modnet.core.arrays import Array
from modnet.core.interfaces import Initializer

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "Ones",
    "Orthogonal",
    "ScaledNormal",
    "StandardNormal",
    "Zeros",
]


class StandardNormal(Initializer):
    """N(0, 1), independent of the layer's size. Source: the document, "Understanding Dimensions at Initialization"."""

    kind: Literal["standard-normal"] = "standard-normal"
    also_known_as: ClassVar[tuple[str, ...]] = ("normal", "random-normal", "gaussian", "randn")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return samples of the standard normal distribution."""
        del fan_in, fan_out
        return rng.standard_normal(shape)


class ScaledNormal(Initializer):
    """N(0, 1/n_in), so that z starts near N(0, 1) and sigmoid units are not saturated.

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), equation (16).
    """

    kind: Literal["scaled-normal"] = "scaled-normal"
    also_known_as: ClassVar[tuple[str, ...]] = ("lecun", "lecun-normal")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return samples of a normal distribution with standard deviation 1/√n_in."""
        del fan_out
        return rng.standard_normal(shape) / math.sqrt(fan_in)


class GlorotUniform(Initializer):
    """U(−r, r) with r = √(6 / (n_in + n_out)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010),
    equation (16).
    """

    kind: Literal["glorot-uniform"] = "glorot-uniform"
    also_known_as: ClassVar[tuple[str, ...]] = ("xavier", "glorot", "xavier-uniform")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return samples of the uniform distribution between −r and r."""
        r = math.sqrt(6.0 / (fan_in + fan_out))
        return rng.uniform(-r, r, shape)


class GlorotNormal(Initializer):
    """N(0, 2 / (n_in + n_out)).

    Source: Glorot and Bengio (2010), equation (12), as a normal distribution with that variance.
    """

    kind: Literal["glorot-normal"] = "glorot-normal"
    also_known_as: ClassVar[tuple[str, ...]] = ("xavier", "glorot", "xavier-normal")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return samples of a normal distribution with standard deviation √(2 / (n_in + n_out))."""
        return rng.standard_normal(shape) * math.sqrt(2.0 / (fan_in + fan_out))


class HeNormal(Initializer):
    """N(0, 2/n_in), for relu and similar activations.

    Source: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers" (2015), equation (10).
    """

    kind: Literal["he-normal"] = "he-normal"
    also_known_as: ClassVar[tuple[str, ...]] = ("he", "kaiming", "kaiming-normal")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return samples of a normal distribution with standard deviation √(2/n_in)."""
        del fan_out
        return rng.standard_normal(shape) * math.sqrt(2.0 / fan_in)


class Orthogonal(Initializer):
    """A random matrix with W Wᵀ = g² I, or Wᵀ W = g² I where it has more rows than columns: lengths stay, times g.

    It is Q of the QR decomposition of standard-normal numbers, each column with the sign that makes every such matrix
    equally likely. An array of more axes is a matrix with a row for each index of the first. Source: Saxe, McClelland
    and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks" (2014); the
    signs: Mezzadri, "How to Generate Random Matrices from the Classical Compact Groups" (2007).
    """

    kind: Literal["orthogonal"] = "orthogonal"
    gain: float = Field(default=1.0, gt=0, description="g, by which the matrix stretches a vector")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return g times rows, or columns, that are orthonormal."""
        del fan_in, fan_out
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.where(np.diagonal(r) < 0.0, -self.gain, self.gain)
        return (q if rows >= columns else q.T).reshape(shape)


class Constant(Initializer):
    """The same value everywhere. Units with the same weights stay identical."""

    kind: Literal["constant"] = "constant"
    value: float = Field(description="the value")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return the value everywhere."""
        del rng, fan_in, fan_out
        return np.full(shape, self.value)


class Ones(Initializer):
    """1 everywhere: usual for factors, as in a normalisation."""

    kind: Literal["ones"] = "ones"
    also_known_as: ClassVar[tuple[str, ...]] = ("one",)

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return ones."""
        del rng, fan_in, fan_out
        return np.ones(shape)


class Zeros(Initializer):
    """0 everywhere: usual for biases. Units whose weights are all 0 stay identical."""

    kind: Literal["zeros"] = "zeros"
    also_known_as: ClassVar[tuple[str, ...]] = ("zero",)

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return zeros."""
        del rng, fan_in, fan_out
        return np.zeros(shape)
