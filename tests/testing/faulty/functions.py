"""Faulty activations, costs and regularizers."""

# ruff: noqa: ARG002 -- faulty components ignore their arguments

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import PrivateAttr
from testing.faulty.record import found_by

from modnet import Activation, namespace
from modnet.components.activations import Identity, Sigmoid, Softmax, Tanh
from modnet.components.costs import BinaryCrossEntropy, Quadratic
from modnet.components.regularizers import L2


@found_by("derivative", "backward: gradient of z against central differences")
class WrongDerivative(Tanh):
    """tanh z, with σ′ = 2(1 − a²)."""

    kind: Literal["wrong-derivative"] = "wrong-derivative"

    def backward(self, upstream, z, a):
        return 2.0 * super().backward(upstream, z, a)


@found_by("derivative", "backward: gradient of z against central differences")
class DiagonalSoftmax(Softmax):
    """Softmax, with the diagonal of its derivative only."""

    kind: Literal["diagonal-softmax"] = "diagonal-softmax"

    def backward(self, upstream, z, a):
        return upstream * a * (1.0 - a)


@found_by("output-range", "output_range is 'unit', but for z of the size 1 an output is")
class CenteredSigmoid(Tanh):
    """tanh z, which is said to lie in [0, 1]."""

    kind: Literal["centered-sigmoid"] = "centered-sigmoid"
    output_range: ClassVar[Literal["real", "unit", "simplex"]] = "unit"


@found_by("output-range", "output_range is 'simplex', but for z of the size 1 the outputs of a sample sum to")
class UnscaledSoftmax(Sigmoid):
    """A sigmoid, whose outputs are said to sum to 1."""

    kind: Literal["unscaled-softmax"] = "unscaled-softmax"
    output_range: ClassVar[Literal["real", "unit", "simplex"]] = "simplex"


@found_by("derivative", "expected")
class SlightlyWrong(Tanh):
    """tanh z, with a derivative that is wrong by a hundred thousandth."""

    kind: Literal["slightly-wrong"] = "slightly-wrong"

    def backward(self, upstream, z, a):
        return upstream * (1.0 - a * a) * (1.0 + 1e-5)


@found_by("derivative", "has no derivative at")
class Rough(Activation):
    """z + 10⁻³ sin(10⁹ z), with the derivative of z."""

    kind: Literal["rough"] = "rough"

    def __call__(self, z):
        return z + 1e-3 * namespace(z).sin(1e9 * z)

    def backward(self, upstream, z, a):
        return upstream


@found_by("derivative", "gradient of z should have the shape (6, 5), got (5, 6)")
class TransposedDerivative(Tanh):
    """tanh z, with a derivative of the transposed shape."""

    kind: Literal["transposed-derivative"] = "transposed-derivative"

    def backward(self, upstream, z, a):
        return super().backward(upstream, z, a).T


@found_by("shape-preserved", "should have the shape (6, 5), got (6, 1)")
class WrongShape(Identity):
    """The sum over the units."""

    kind: Literal["wrong-shape"] = "wrong-shape"

    def __call__(self, z):
        return namespace(z).sum(z, axis=-1, keepdims=True)


@found_by("dtype-preserved", "should be float32, got float64")
class WrongDtype(Tanh):
    """tanh z, always float64."""

    kind: Literal["wrong-dtype"] = "wrong-dtype"

    def __call__(self, z):
        return np.tanh(z) * np.float64(1.0)


@found_by("float32-agrees-with-float64", "in float32 differs from float64")
class HalfPrecise(Activation):
    """z + 10,000 − 10,000, which loses four digits in float32."""

    kind: Literal["half-precise"] = "half-precise"

    def __call__(self, z):
        return (z + 10_000.0) - 10_000.0

    def backward(self, upstream, z, a):
        return upstream


@found_by("inputs-not-modified", "modifies its input")
class WritesToInput(Activation):
    """max(0, z), computed in place."""

    kind: Literal["writes-to-input"] = "writes-to-input"

    def __call__(self, z):
        z[z < 0.0] = 0.0
        return z

    def backward(self, upstream, z, a):
        return upstream * (z > 0.0)


@found_by("inputs-not-modified", "backward modifies its input")
class WritesToOutput(Tanh):
    """tanh z, with a derivative that is computed in a's place."""

    kind: Literal["writes-to-output"] = "writes-to-output"

    def backward(self, upstream, z, a):
        a *= -a
        a += 1.0
        return upstream * a


@found_by("extreme-inputs", "a should be finite, got nan at z = ")
class NanAtLargeZ(Sigmoid):
    """The sigmoid as eᶻ / (1 + eᶻ), which is ∞/∞ for a large z."""

    kind: Literal["nan-at-large-z"] = "nan-at-large-z"

    def __call__(self, z):
        e = namespace(z).exp(z)
        return e / (1.0 + e)


@found_by("extreme-inputs", "overflow encountered in exp, though its results are finite")
class OverflowsOnTheWay(Sigmoid):
    """The sigmoid as 1 / (1 + e⁻ᶻ), whose exponential is ∞ for z far below 0."""

    kind: Literal["overflows-on-the-way"] = "overflows-on-the-way"

    def __call__(self, z):
        return 1.0 / (1.0 + namespace(z).exp(-z))


@found_by("extreme-inputs", "a should be finite, got inf at z = 8.98846567e+307")
class OverflowsEarly(Activation):
    """z² / (1 + |z|), whose square is ∞ long before the quotient is."""

    kind: Literal["overflows-early"] = "overflows-early"

    def __call__(self, z):
        return z * z / (1.0 + namespace(z).abs(z))

    def backward(self, upstream, z, a):
        size = namespace(z).abs(z)
        return upstream * namespace(z).sign(z) * (1.0 - 1.0 / (1.0 + size)) * (1.0 + 1.0 / (1.0 + size))


@found_by("derivative", "backward at z near 35: z · gradient of z against central differences")
class WrongFarOut(Identity):
    """z, with the derivative 0 where |z| is over 30."""

    kind: Literal["wrong-far-out"] = "wrong-far-out"

    def backward(self, upstream, z, a):
        xp = namespace(z)
        return xp.where(xp.abs(z) > 30.0, xp.zeros_like(upstream), upstream)


@found_by("interleaved-passes", "backward: gradient of z is not the same when two passes are interleaved")
class KeepsItsDerivative(Tanh):
    """tanh z, with σ′ kept on the class until the backward pass."""

    kind: Literal["keeps-its-derivative"] = "keeps-its-derivative"
    kept: ClassVar[dict[str, Any]] = {}

    def __call__(self, z):
        a = super().__call__(z)
        self.kept["derivative"] = 1.0 - a * a
        return a

    def backward(self, upstream, z, a):
        return upstream * self.kept["derivative"]


@found_by("traces", "asks for a value (bool)")
class LooksAtValues(Identity):
    """z, by way of a Python condition on its values."""

    kind: Literal["looks-at-values"] = "looks-at-values"

    def __call__(self, z):
        return z if namespace(z).max(z) > 0.0 else 1.0 * z


@found_by("traces", "selects by a condition")
class SelectsPositive(L2):
    """½λ Σ w² over w ≥ 0 and w < 0, one after the other."""

    kind: Literal["selects-positive"] = "selects-positive"

    def __call__(self, weights):
        xp = namespace(weights)
        return super().__call__(weights[weights >= 0.0]) + super().__call__(weights[xp.abs(weights) + weights <= 0.0])


@found_by("traces", "a of traced arrays differs from that of NumPy arrays")
class TellsArraysApart(Identity):
    """z, or 2z for arrays that are not NumPy's."""

    kind: Literal["tells-arrays-apart"] = "tells-arrays-apart"

    def __call__(self, z):
        return z if isinstance(z, np.ndarray) else 2.0 * z


@found_by("no-global-randomness", "the global state of numpy.random was changed")
class GlobalNoise(Identity):
    """z with noise from NumPy's global generator."""

    kind: Literal["global-noise"] = "global-noise"

    def __call__(self, z):
        return z + 1e-9 * np.random.standard_normal()  # noqa: NPY002 -- the fault


@found_by("deterministic", "is not the same")
class FreshNoise(Identity):
    """z with noise from a generator without a seed."""

    kind: Literal["fresh-noise"] = "fresh-noise"

    def __call__(self, z):
        return z + 1e-9 * np.random.default_rng().standard_normal()


@found_by("deterministic", "is not the same when it is called again")
class RemembersCalls(Identity):
    """z divided by the largest z of all calls."""

    kind: Literal["remembers-calls"] = "remembers-calls"
    seen: ClassVar[list[float]] = [1.0]

    def __call__(self, z):
        self.seen.append(float(namespace(z).max(namespace(z).abs(z))))
        return z / max(self.seen)


@found_by("deterministic", "a = σ(z): a is not the same from an equal component")
@found_by("frozen", "should equal a component with the same options")
class NoiseOfItsOwn(Identity):
    """z plus a number that every instance samples for itself."""

    kind: Literal["noise-of-its-own"] = "noise-of-its-own"
    _noise: float = PrivateAttr(default_factory=lambda: float(np.random.default_rng().standard_normal()))

    def __call__(self, z):
        return z + self._noise


@found_by("batch-equals-row-by-row", "of row 0 is not the same alone")
class MixesSamples(Activation):
    """z less its mean over the samples."""

    kind: Literal["mixes-samples"] = "mixes-samples"

    def __call__(self, z):
        return z - namespace(z).mean(z, axis=0)

    def backward(self, upstream, z, a):
        return upstream - namespace(upstream).mean(upstream, axis=0)


@found_by("shape-preserved", "C should have the shape (6,), got ()")
class SumOfSamples(Quadratic):
    """½ Σ (a − y)² over samples and outputs."""

    kind: Literal["sum-of-samples"] = "sum-of-samples"

    def __call__(self, a, y):
        return 0.5 * namespace(a).sum((a - y) ** 2)


@found_by("derivative", "gradient: gradient of a against central differences")
class MeanGradient(Quadratic):
    """½ Σ (a − y)², with a gradient that is divided by the samples."""

    kind: Literal["mean-gradient"] = "mean-gradient"

    def gradient(self, a, y):
        return (a - y) / a.shape[0]


@found_by("delta-derivative", "delta (tanh)")
class ShortDeltaForAll(BinaryCrossEntropy):
    """Binary cross-entropy, with δ = a − y through tanh too."""

    kind: Literal["short-delta-for-all"] = "short-delta-for-all"

    def delta(self, activation, z, a, y):
        return a - y if isinstance(activation, Tanh) else super().delta(activation, z, a, y)


@found_by("derivative", "gradient: gradient of weights against central differences")
class TwiceThePenalty(L2):
    """½λ Σ w², with the gradient 2λw."""

    kind: Literal["twice-the-penalty"] = "twice-the-penalty"

    def gradient(self, weights):
        return 2.0 * self.strength * weights
