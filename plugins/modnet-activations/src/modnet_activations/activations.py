"""The activations, all elementwise: z, a and upstream are (samples, units), and backward is upstream · σ′(z).

Each is finite for every finite z. Where a formula would overflow, z is limited first, at a point from which
on the limited formula gives the same float as the whole one.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from modnet import Activation, Array, namespace

__all__ = ["Elu", "Gelu", "Mish", "Silu", "Softplus"]

_LARGEST = 1e30
"""The largest option: far above any use, and float32 still holds it and what the formulas make of it."""


class Elu(Activation):
    """σ(z) = z for z > 0 and α(eᶻ − 1) elsewhere, with σ′ = 1 or σ(z) + α (α at z = 0).

    Source: Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential
    Linear Units (ELUs)" (2016), section 3.
    """

    kind: Literal["elu"] = "elu"
    alpha: float = Field(default=1.0, gt=0, le=_LARGEST, description="α; −α is what the output falls to")

    def __call__(self, z: Array) -> Array:
        """Return max(z, 0) + α(e^min(z, 0) − 1), of which one summand is always 0."""
        xp = namespace(z)
        return xp.maximum(z, 0.0) + self.alpha * xp.expm1(xp.minimum(z, 0.0))

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream where z > 0, and upstream · (a + α) elsewhere."""
        xp = namespace(z)
        return xp.where(z > 0.0, upstream, upstream * (xp.minimum(a, 0.0) + self.alpha))


class Gelu(Activation):
    """σ(z) = ½ z (1 + tanh v), v = √(2/π)(z + 0.044715 z³): the Gaussian error linear unit in its tanh form.

    With s = ½(1 + tanh v), σ′ = s + 2 z s(1 − s) v′ and v′ = √(2/π)(1 + 3 · 0.044715 z²). The unit itself is
    z Φ(z) with the standard normal distribution function Φ; the array API standard has no error function to
    compute it with, and the tanh form differs from it by less than 0.0005 everywhere.
    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)" (2016), section 2.
    """

    kind: Literal["gelu"] = "gelu"

    @staticmethod
    def _gate(z: Array) -> tuple[Array, Array]:
        """Return s, and z limited to ±10: v(10) is above 43, and its tanh is 1 in float64."""
        xp = namespace(z)
        c = xp.clip(z, -10.0, 10.0)
        v = math.sqrt(2.0 / math.pi) * (c + 0.044715 * c * c * c)
        return 0.5 * (1.0 + xp.tanh(v)), c

    def __call__(self, z: Array) -> Array:
        """Return z s."""
        return z * self._gate(z)[0]

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream · (s + 2 z s(1 − s) v′)."""
        del a
        s, c = self._gate(z)
        slope = math.sqrt(2.0 / math.pi) * (1.0 + 3.0 * 0.044715 * c * c)
        return upstream * (s + 2.0 * c * s * (1.0 - s) * slope)


class Silu(Activation):
    """σ(z) = z s with s = 1 / (1 + e^(−βz)), and σ′ = s + βz s(1 − s).

    β = 1 is the sigmoid-weighted linear unit; with other β it is also called Swish. As β grows it nears relu.
    Source: Elfwing, Uchibe and Doya, "Sigmoid-Weighted Linear Units for Neural Network Function Approximation
    in Reinforcement Learning" (2017). β is from Ramachandran, Zoph and Le, "Searching for Activation
    Functions" (2017).
    """

    kind: Literal["silu"] = "silu"
    also_known_as: ClassVar[tuple[str, ...]] = ("swish",)
    beta: float = Field(default=1.0, gt=0, le=_LARGEST, description="β, how steep the gate at z = 0 is")

    def _gate(self, z: Array) -> tuple[Array, Array]:
        """Return s as ½(1 + tanh(βz/2)), and βz limited to ±50: from ±40 on, s is 0 or 1 in float64."""
        xp = namespace(z)
        limit = min(50.0 / self.beta, float(xp.finfo(z.dtype).max))  # of z, because βz itself might overflow
        t = self.beta * xp.clip(z, -limit, limit)
        return 0.5 * (1.0 + xp.tanh(0.5 * t)), t

    def __call__(self, z: Array) -> Array:
        """Return z s."""
        return z * self._gate(z)[0]

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream · (s + βz s(1 − s))."""
        del a
        s, t = self._gate(z)
        return upstream * (s + t * s * (1.0 - s))


class Softplus(Activation):
    """σ(z) = ln(1 + eᶻ), with σ′ = 1 / (1 + e⁻ᶻ) = 1 − e^(−σ(z)).

    Computed as max(z, 0) + ln(1 + e^(−|z|)), whose exponential is never above 1.
    Source: Dugas, Bengio, Bélisle, Nadeau and Garcia, "Incorporating Second-Order Functional Knowledge for
    Better Option Pricing" (2001).
    """

    kind: Literal["softplus"] = "softplus"

    def __call__(self, z: Array) -> Array:
        """Return max(z, 0) + ln(1 + e^(−|z|))."""
        xp = namespace(z)
        return xp.maximum(z, 0.0) + xp.log1p(xp.exp(-xp.abs(z)))

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream · (1 − e⁻ᵃ)."""
        del z
        return upstream * -namespace(a).expm1(-a)


class Mish(Activation):
    """σ(z) = z tanh(ln(1 + eᶻ)).

    With e = eᶻ and n = e(e + 2), tanh(ln(1 + e)) = ((1 + e)² − 1) / ((1 + e)² + 1) = n / (n + 2): one
    exponential, and no difference of nearly equal numbers. Its derivative is 4e(1 + e) / (n + 2)², so that
    σ′ = n / (n + 2) + 4e(1 + e) / (n + 2)² · z.
    Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).
    """

    kind: Literal["mish"] = "mish"

    @staticmethod
    def _terms(z: Array) -> tuple[Array, Array, Array]:
        """Return z, e and n, z limited to 22: there σ′ is 1 in float64, and (n + 2)² still fits a float32."""
        xp = namespace(z)
        c = xp.minimum(z, 22.0)
        e = xp.exp(c)
        return c, e, e * (e + 2.0)

    def __call__(self, z: Array) -> Array:
        """Return z n / (n + 2)."""
        _, _, n = self._terms(z)
        return z * (n / (n + 2.0))

    def backward(self, upstream: Array, z: Array, a: Array) -> Array:
        """Return upstream · (n / (n + 2) + 4e(1 + e) / (n + 2)² · z)."""
        del a
        c, e, n = self._terms(z)
        d = n + 2.0
        return upstream * (n / d + 4.0 * e * (1.0 + e) / (d * d) * c)
