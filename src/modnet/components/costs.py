"""The costs: C(a, y) of one sample, summed over its outputs. Shapes: a is (samples, outputs), y (samples, width)."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from modnet.components.activations import Exp, Sigmoid, Softmax
from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Activation, Cost

__all__ = [
    "Absolute",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "GaussianNegativeLogLikelihood",
    "Huber",
    "Poisson",
    "Quadratic",
    "Quantile",
]


class Quadratic(Cost):
    """C = ½ Σ (a − y)², with ∂C/∂a = a − y.

    Source: the document's 𝓛, with its factor ½ and with the output activations (a class is not differentiable).
    """

    kind: Literal["quadratic"] = "quadratic"
    also_known_as: ClassVar[tuple[str, ...]] = ("mse", "mean-squared-error", "squared-error", "least-squares", "l2")

    def __call__(self, a: Array, y: Array) -> Array:
        """Return ½ Σ (a − y)² for each sample."""
        difference = a - y
        return namespace(a).sum(0.5 * difference * difference, axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return a − y, the document's ``cost_derivative``."""
        return a - y


class Absolute(Cost):
    """C = Σ |a − y|, with ∂C/∂a = sign(a − y): outliers among the targets count less than with squares.

    The derivative is 0 where a = y. The best constant is the median. Source: Bloomfield and Steiger, "Least Absolute
    Deviations" (1983), chapter 1.
    """

    kind: Literal["absolute"] = "absolute"
    also_known_as: ClassVar[tuple[str, ...]] = ("mae", "mean-absolute-error", "absolute-error", "l1", "laplace")

    def __call__(self, a: Array, y: Array) -> Array:
        """Return Σ |a − y| for each sample."""
        xp = namespace(a)
        return xp.sum(xp.abs(a - y), axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return the sign of a − y, and 0 where they are equal."""
        return namespace(a).sign(a - y)


class Huber(Cost):
    """C = Σ ½e² where |e| ≤ c, and Σ c(|e| − ½c) beyond, e = a − y: squares near the target, absolute errors far away.

    Source: Huber, "Robust Estimation of a Location Parameter" (1964).
    """

    kind: Literal["huber"] = "huber"
    also_known_as: ClassVar[tuple[str, ...]] = ("smooth-l1", "huber-loss")
    threshold: float = Field(default=1.0, gt=0, description="c, the error beyond which the cost is linear")

    def __call__(self, a: Array, y: Array) -> Array:
        """Return Σ min(|e|, c)(|e| − ½ min(|e|, c)) for each sample, which is the same."""
        xp = namespace(a)
        error = xp.abs(a - y)
        near = xp.minimum(error, self.threshold)
        return xp.sum(near * (error - 0.5 * near), axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return e, limited to [−c, c]."""
        return namespace(a).clip(a - y, -self.threshold, self.threshold)


class Poisson(Cost):
    """C = Σ (y ln(y/a) − y + a), half the Poisson deviance: outputs are the means of counts or rates, at least 0.

    With `exp`, δ^L = a − y. It differs from the negative log-likelihood by what does not depend on a, and is 0 where
    a = y; 0 ln 0 is 0. Outputs are at least the smallest normal number of the dtype, and as large a share of their
    target. Source: McCullagh and Nelder, "Generalized Linear Models" (1989), section 2.3.
    """

    kind: Literal["poisson"] = "poisson"
    also_known_as: ClassVar[tuple[str, ...]] = ("poisson-nll", "poisson-deviance", "poisson-loss")

    def check(self, y: Array) -> None:
        """Refuse targets below 0."""
        xp = namespace(y)
        lowest = float(xp.min(y)) if y.shape[0] else 0.0
        if lowest < 0.0:
            raise ValueError(f"needs targets of at least 0; the lowest is {lowest:g}")

    def __call__(self, a: Array, y: Array) -> Array:
        """Return Σ (y ln(y/a) − y + a) for each sample."""
        xp = namespace(a)
        counts = xp.where(y > 0.0, y, xp.ones_like(y))
        return xp.sum(y * xp.log(_floored(counts / _above(a, counts))) - y + a, axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return 1 − y/a as one fraction, (a − y)/a."""
        a = _above(a, y)
        return (a - y) / a

    def delta(self, activation: Activation | None, z: Array, a: Array, y: Array) -> Array:
        """Return a − y for an `exp` output, whose σ′ cancels the gradient's a."""
        return a - y if isinstance(activation, Exp) else super().delta(activation, z, a, y)


class BinaryCrossEntropy(Cost):
    """C = −Σ (y ln a + (1 − y) ln(1 − a)): every output is an independent probability.

    With sigmoid, δ^L = a − y. Outputs are clipped to [0, 1], and a and 1 − a are at least the smallest normal number of
    the dtype, so that cost and gradient stay finite. Source: Nielsen, "Neural Networks and Deep
    Learning" (2015), chapter 3, equations (57) and (63).
    """

    kind: Literal["binary-cross-entropy"] = "binary-cross-entropy"
    also_known_as: ClassVar[tuple[str, ...]] = ("bce", "bce-with-logits", "cross-entropy", "log-loss")

    def __call__(self, a: Array, y: Array) -> Array:
        """Return −Σ (y ln a + (1 − y) ln(1 − a)) for each sample."""
        xp = namespace(a)
        a = xp.clip(a, 0.0, 1.0)
        # 1 − a loses the digits of a small a; log1p does not.
        log_of_rest = xp.where(a < 0.5, xp.log1p(-xp.minimum(a, 0.5)), xp.log(_floored(1.0 - a)))
        return -xp.sum(y * xp.log(_floored(a)) + (1.0 - y) * log_of_rest, axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return (1 − y)/(1 − a) − y/a as one fraction, (a − y) / a(1 − a), because the two may cancel."""
        a = namespace(a).clip(a, 0.0, 1.0)
        one, rest = _floored(a), _floored(1.0 - a)
        return (one - y - (rest - (1.0 - a))) / (one * rest)

    def delta(self, activation: Activation | None, z: Array, a: Array, y: Array) -> Array:
        """Return a − y for a sigmoid output, whose σ′ cancels the gradient's a(1 − a)."""
        return a - y if isinstance(activation, Sigmoid) else super().delta(activation, z, a, y)


class CategoricalCrossEntropy(Cost):
    """C = −Σ y ln a: the outputs are the probabilities of mutually exclusive classes.

    With softmax and targets that sum to 1, δ^L = a − y. Outputs are at least the smallest normal number of the dtype.
    Source: Bishop, "Pattern Recognition and Machine Learning" (2006), equations (4.108) and (4.109).
    """

    kind: Literal["categorical-cross-entropy"] = "categorical-cross-entropy"
    also_known_as: ClassVar[tuple[str, ...]] = (
        "cce",
        "sparse-categorical-cross-entropy",
        "softmax-cross-entropy",
        "cross-entropy",
        "log-loss",
        "nll",
        "negative-log-likelihood",
    )

    def __call__(self, a: Array, y: Array) -> Array:
        """Return −Σ y ln a for each sample."""
        xp = namespace(a)
        return -xp.sum(y * xp.log(_floored(a)), axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return −y/a."""
        return -y / _floored(a)

    def delta(self, activation: Activation | None, z: Array, a: Array, y: Array) -> Array:
        """Return a Σy − y for a softmax output; Σy is 1 for classes."""
        if isinstance(activation, Softmax):
            return a * namespace(y).sum(y, axis=-1, keepdims=True) - y
        return super().delta(activation, z, a, y)


class GaussianNegativeLogLikelihood(Cost):
    """C = ½ Σ (ln 2πv + (y − μ)²/v), v = e^s + ε: outputs are a mean μ and a log-variance s for each value of a target.

    The outputs are all means first, then all log-variances, unbounded: use `identity`. The prediction is μ; an interval
    of about 95 % is μ ± 2 √v. C may be negative. Source: Nix and Weigend, "Estimating the Mean and Variance of the
    Target Probability Distribution" (1994), equation (4); ε as in PyTorch.
    """

    kind: Literal["gaussian-nll"] = "gaussian-nll"
    minimum_variance: float = Field(
        default=1e-6, gt=0, le=1, description="ε, what the variance is at least, so that exact targets keep C finite"
    )

    def outputs(self, width: int) -> int:
        """Return two for each value of a target."""
        return 2 * width

    def predictions(self, a: Array) -> Array:
        """Return the means."""
        return a[:, : a.shape[1] // 2]

    def __call__(self, a: Array, y: Array) -> Array:
        """Return ½ Σ (ln 2πv + (y − μ)²/v) for each sample."""
        error, variance, _ = self._parts(a, y)
        xp = namespace(a)
        return 0.5 * xp.sum(xp.log(variance) + math.log(2.0 * math.pi) + error * error / variance, axis=-1)

    def gradient(self, a: Array, y: Array) -> Array:
        """Return (μ − y)/v for the means, ½ (1 − (μ − y)²/v) e^s/v for the log-variances."""
        error, variance, power = self._parts(a, y)
        by_variance = 0.5 * (1.0 - error * error / variance) * (power / variance)
        return namespace(a).concat([error / variance, by_variance], axis=-1)

    def _parts(self, a: Array, y: Array) -> tuple[Array, Array, Array]:
        """Return μ − y, v and e^s."""
        width = y.shape[1]
        power = namespace(a).exp(a[:, width:])
        return a[:, :width] - y, power + self.minimum_variance, power


class Quantile(Cost):
    """C = Σ max(q e, (q − 1) e), e = y − a (pinball loss): outputs are the quantiles of each value of a target.

    The outputs are the first quantile of all values, then the second, and so on; nothing keeps them in order. The
    prediction is the quantile nearest to the median; `Network.predict_outputs` returns all. Source: Koenker and
    Bassett, "Regression Quantiles" (1978).
    """

    kind: Literal["quantile"] = "quantile"
    also_known_as: ClassVar[tuple[str, ...]] = ("pinball",)
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        default=(0.1, 0.5, 0.9), strict=False, min_length=1, description="q, the quantiles in increasing order"
    )

    @field_validator("quantiles")
    @classmethod
    def _increasing(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError(f"{list(value)} should be in increasing order, without repetition")
        return value

    def outputs(self, width: int) -> int:
        """Return one for each quantile of each value of a target."""
        return width * len(self.quantiles)

    def predictions(self, a: Array) -> Array:
        """Return the quantile nearest to the median."""
        nearest = min(range(len(self.quantiles)), key=lambda index: abs(self.quantiles[index] - 0.5))
        width = a.shape[1] // len(self.quantiles)
        return a[:, nearest * width : (nearest + 1) * width]

    def __call__(self, a: Array, y: Array) -> Array:
        """Return Σ max(q e, (q − 1) e) for each sample."""
        error, q = self._parts(a, y)
        return namespace(a).sum(namespace(a).maximum(q * error, (q - 1.0) * error), axis=(1, 2))

    def gradient(self, a: Array, y: Array) -> Array:
        """Return −q where the target is above the output, 1 − q where it is below, and 0 where it is equal."""
        error, q = self._parts(a, y)
        xp = namespace(a)
        slopes = xp.where(error > 0, -q, xp.where(error < 0, 1.0 - q, xp.zeros_like(error)))
        return xp.reshape(slopes, a.shape)

    def _parts(self, a: Array, y: Array) -> tuple[Array, Array]:
        """Return e, (samples, quantiles, width), and q, in a shape to be multiplied with it."""
        xp, count = namespace(a), len(self.quantiles)
        q: Any = xp.reshape(xp.asarray(self.quantiles, dtype=a.dtype), (1, count, 1))
        return y[:, None, :] - xp.reshape(a, (a.shape[0], count, y.shape[1])), q


def _floored(p: Array) -> Array:
    """Return ``p``, at least the dtype's smallest normal number."""
    xp = namespace(p)
    return xp.maximum(p, xp.asarray(xp.finfo(p.dtype).smallest_normal, dtype=p.dtype))


def _above(a: Array, y: Array) -> Array:
    """Return ``a``, at least so large that y/a is a float."""
    xp = namespace(a)
    return xp.maximum(_floored(a), xp.finfo(a.dtype).smallest_normal * y)
