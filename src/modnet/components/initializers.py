"""The initializers: the initial values of W and b, as float64 arrays. ``fan_in`` is n_current, ``fan_out`` n_next."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from modnet.core.arrays import Array
from modnet.core.interfaces import Initializer

__all__ = ["GlorotNormal", "GlorotUniform", "HeNormal", "ScaledNormal", "StandardNormal", "Zeros"]


class StandardNormal(Initializer):
    """N(0, 1), independent of the layer's size. Source: the document, "Understanding Dimensions at Initialization"."""

    kind: Literal["standard-normal"] = "standard-normal"

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return samples of the standard normal distribution."""
        del fan_in, fan_out
        return rng.standard_normal(shape)


class ScaledNormal(Initializer):
    """N(0, 1/n_in), so that z starts near N(0, 1) and sigmoid units are not saturated.

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), equation (16).
    """

    kind: Literal["scaled-normal"] = "scaled-normal"

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

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return samples of the uniform distribution between −r and r."""
        r = math.sqrt(6.0 / (fan_in + fan_out))
        return rng.uniform(-r, r, shape)


class GlorotNormal(Initializer):
    """N(0, 2 / (n_in + n_out)).

    Source: Glorot and Bengio (2010), equation (12), as a normal distribution with that variance.
    """

    kind: Literal["glorot-normal"] = "glorot-normal"

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return samples of a normal distribution with standard deviation √(2 / (n_in + n_out))."""
        return rng.standard_normal(shape) * math.sqrt(2.0 / (fan_in + fan_out))


class HeNormal(Initializer):
    """N(0, 2/n_in), for relu and similar activations.

    Source: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers" (2015), equation (10).
    """

    kind: Literal["he-normal"] = "he-normal"

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return samples of a normal distribution with standard deviation √(2/n_in)."""
        del fan_out
        return rng.standard_normal(shape) * math.sqrt(2.0 / fan_in)


class Zeros(Initializer):
    """0 everywhere: usual for biases. Units whose weights are all 0 stay identical."""

    kind: Literal["zeros"] = "zeros"

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Array:
        """Return zeros."""
        del rng, fan_in, fan_out
        return np.zeros(shape)
