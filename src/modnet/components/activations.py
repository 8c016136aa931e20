"""The activations: a = σ(z), elementwise except for softmax. Shapes: z, a and upstream are (samples, units)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from modnet.core.arrays import Array, kept_where, namespace
from modnet.core.interfaces import Activation

__all__ = ["Exp", "Identity", "LeakyRelu", "Relu", "Sigmoid", "Softmax", "Tanh"]


class Sigmoid(Activation):
    """σ(z) = 1 / (1 + e⁻ᶻ), with σ′ = a(1 − a) in (0, ¼].

    Computed as e/(1 + e) with e = eᶻ, so that a small a is accurate. z is clipped at 40, beyond which a is 1 in every
    dtype, so nothing overflows. Source: the document, "Feedforward" and "Backpropagation".
    """

    kind: Literal["sigmoid"] = "sigmoid"
    also_known_as: ClassVar[tuple[str, ...]] = ("logistic", "expit")
    usual_initializer: ClassVar[str] = "standard-normal"  # the document's
    usual_bias_initializer: ClassVar[str] = "standard-normal"
    output_range: ClassVar[Literal["real", "unit", "simplex"]] = "unit"

    def __call__(self, z: Array) -> Array:
        """Return e / (1 + e), e = e^{min(z, 40)}."""
        xp = namespace(z)
        e = xp.exp(xp.minimum(z, 40.0))
        return e / (1.0 + e)

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream · a(1 − a)."""
        del z
        return upstream * a * (1.0 - a)


class Tanh(Activation):
    """σ(z) = tanh z, with σ′ = 1 − a².

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), section 4.4.
    """

    kind: Literal["tanh"] = "tanh"

    def __call__(self, z: Array) -> Array:
        """Return tanh z."""
        return namespace(z).tanh(z)

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream · (1 − a)(1 + a), which is more accurate than 1 − a² if a is nearly ±1."""
        del z
        return upstream * ((1.0 - a) * (1.0 + a))


class Relu(Activation):
    """σ(z) = max(0, z), with σ′ = 1 for z > 0 and 0 elsewhere (also at the kink).

    Source: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines" (2010).
    """

    kind: Literal["relu"] = "relu"
    usual_initializer: ClassVar[str] = "he-normal"

    def __call__(self, z: Array) -> Array:
        """Return max(0, z)."""
        return namespace(z).maximum(z, 0.0)

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream where z > 0, and 0 elsewhere."""
        del a
        return kept_where(z > 0.0, upstream)


class LeakyRelu(Activation):
    """σ(z) = z for z > 0 and αz elsewhere, with σ′ = 1 or α.

    Source: Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models" (2013).
    """

    kind: Literal["leaky-relu"] = "leaky-relu"
    also_known_as: ClassVar[tuple[str, ...]] = ("lrelu",)
    usual_initializer: ClassVar[str] = "he-normal"
    slope: float = Field(default=0.01, ge=0, lt=1, description="α, the slope for z ≤ 0")

    def __call__(self, z: Array) -> Array:
        """Return z where z > 0, and αz elsewhere: the larger of the two."""
        return namespace(z).maximum(z, self.slope * z)

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream where z > 0, and α · upstream elsewhere."""
        del a
        xp = namespace(z)
        return upstream * xp.maximum(xp.astype(z > 0.0, z.dtype), self.slope)


class Softmax(Activation):
    """aᵢ = e^{zᵢ} / Σⱼ e^{zⱼ} over the units of a sample: probabilities that sum to 1.

    Computed from z − max z, so that no exponential overflows; both are halved, so that the difference does not either.
    Its derivative is a matrix, ∂aᵢ/∂zⱼ = aᵢ(δᵢⱼ − aⱼ); ``backward`` multiplies by it without forming it. Source:
    Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs" (1990).
    """

    kind: Literal["softmax"] = "softmax"
    output_range: ClassVar[Literal["real", "unit", "simplex"]] = "simplex"

    def __call__(self, z: Array) -> Array:
        """Return e^{z − max z} divided by its sum over each sample's units."""
        xp = namespace(z)
        half = 0.5 * z
        root = xp.exp(half - xp.max(half, axis=-1, keepdims=True))
        e = root * root
        return e / xp.sum(e, axis=-1, keepdims=True)

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream · a − a Σ upstream · a, the sum over each sample's units."""
        del z
        weighted = upstream * a
        return weighted - a * namespace(a).sum(weighted, axis=-1, keepdims=True)


class Identity(Activation):
    """σ(z) = z, with σ′ = 1: for outputs without bounds (regression)."""

    kind: Literal["identity"] = "identity"
    also_known_as: ClassVar[tuple[str, ...]] = ("linear", "none")

    def __call__(self, z: Array) -> Array:
        """Return z."""
        return z

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream."""
        del z, a
        return upstream


class Exp(Activation):
    """σ(z) = eᶻ, with σ′ = a: for outputs that are rates or counts, above 0, with the cost `poisson`.

    z is clipped where its exponential would be infinite, above 709.78 (88.72 in float32), so nothing overflows. Source:
    McCullagh and Nelder, "Generalized Linear Models" (1989), section 2.2: the inverse of the log link.
    """

    kind: Literal["exp"] = "exp"
    also_known_as: ClassVar[tuple[str, ...]] = ("exponential", "log-link")

    def __call__(self, z: Array) -> Array:
        """Return eᶻ."""
        xp = namespace(z)
        limits = xp.finfo(z.dtype)
        largest = math.log(limits.max) * (1.0 - float(limits.eps))  # of ln max itself, a float32 would be rounded up
        return xp.exp(xp.minimum(z, largest))

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream · a."""
        del z
        return upstream * a
