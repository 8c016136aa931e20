"""The layers that normalize: over the samples of a batch, and over the entries of a sample."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from modnet.components.initializers import Ones, Zeros
from modnet.core.arrays import Array, namespace
from modnet.core.component import Slot, default_part
from modnet.core.interfaces import Activation, Layer, LayerContext, ParameterSpec

__all__ = ["BatchNorm", "LayerNorm"]


class _Normalization(Layer):
    activation: Annotated[Activation, Slot()] = default_part("identity", "σ, applied to z")
    epsilon: float = Field(default=1e-5, gt=0, description="ε, which keeps the division finite")

    def activation_function(self) -> Activation:
        """Return σ."""
        return self.activation

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, ParameterSpec]:
        """Return γ, which starts at 1, and β, which starts at 0; neither is regularized."""
        return {"gamma": ParameterSpec(input_shape, Ones(), 1, 1), "beta": ParameterSpec(input_shape, Zeros(), 1, 1)}


class BatchNorm(_Normalization):
    """z = γ (x − μ) / √(s² + ε) + β, with mean μ and variance s² of each feature over the samples of a batch.

    Predictions use running averages of μ and s² instead (of s² times m/(m − 1), for m samples), as does a frozen layer,
    in training too. Backward pass, with x̂ = (x − μ) / √(s² + ε) and means over the batch:
    ∂C/∂x = (γδ − mean(γδ) − x̂ mean(γδ x̂)) / √(s² + ε), ∇γ = Σ δ x̂, ∇β = Σ δ. Source: Ioffe and Szegedy, "Batch
    Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift" (2015), algorithms 1 and 2.
    """

    kind: Literal["batch-norm"] = "batch-norm"
    also_known_as: ClassVar[tuple[str, ...]] = ("batch-normalization", "batch-norm-1d")
    needs_full_batch: ClassVar[bool] = True
    momentum: float = Field(
        default=0.9,
        ge=0,
        lt=1,
        description="how much of the running averages an update keeps; its batch gives the rest",
    )

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return ``input_shape``; samples must be vectors."""
        if len(input_shape) != 1:
            raise ValueError(f"takes samples that are vectors, got samples of shape {input_shape}")
        return input_shape

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Array]:
        """Return the running averages: mean 0 and variance 1."""
        return {"mean": np.zeros(input_shape), "variance": np.ones(input_shape)}

    def check_batch(self, rows: int) -> None:
        """Refuse one sample, whose variance is 0."""
        if rows < 2:
            raise ValueError(f"takes batches of at least 2 samples, got {rows}")

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return γ x̂ + β."""
        xp, of_batch = namespace(x), ctx.training and ctx.trainable
        if of_batch:
            rows, kept = x.shape[0], self.momentum
            mean = xp.mean(x, axis=0)
            variance = xp.mean((x - mean) ** 2, axis=0)
            unbiased = rows / max(rows - 1, 1) * variance
            ctx.state["mean"] = kept * ctx.state["mean"] + (1.0 - kept) * mean
            ctx.state["variance"] = kept * ctx.state["variance"] + (1.0 - kept) * unbiased
        else:
            mean, variance = ctx.state["mean"], ctx.state["variance"]
        deviation = xp.sqrt(variance + self.epsilon)
        unit = (x - mean) / deviation
        ctx.saved = unit, deviation, of_batch
        return unit * ctx.parameters["gamma"] + ctx.parameters["beta"]

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return ∂C/∂x, and the gradients of γ and β."""
        xp, (unit, deviation, of_batch) = namespace(delta), ctx.saved
        gradients = {"gamma": xp.sum(delta * unit, axis=0), "beta": xp.sum(delta, axis=0)}
        inner = delta * ctx.parameters["gamma"]
        if of_batch:
            inner = inner - xp.mean(inner, axis=0) - unit * xp.mean(inner * unit, axis=0)
        return inner / deviation, gradients


class LayerNorm(_Normalization):
    """z = γ (x − μ) / √(s² + ε) + β, with mean μ and variance s² over the entries of each sample.

    Backward pass, with x̂ = (x − μ) / √(s² + ε) and means over the entries of a sample:
    ∂C/∂x = (γδ − mean(γδ) − x̂ mean(γδ x̂)) / √(s² + ε), ∇γ = Σ δ x̂, ∇β = Σ δ, the sums over the samples. Source: Ba,
    Kiros and Hinton, "Layer Normalization" (2016), equation (3).
    """

    kind: Literal["layer-norm"] = "layer-norm"
    also_known_as: ClassVar[tuple[str, ...]] = ("layer-normalization",)

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return γ x̂ + β."""
        xp, entries = namespace(x), tuple(range(1, x.ndim))
        centred = x - xp.mean(x, axis=entries, keepdims=True)
        deviation = xp.sqrt(xp.mean(centred * centred, axis=entries, keepdims=True) + self.epsilon)
        ctx.saved = centred / deviation, deviation
        return ctx.saved[0] * ctx.parameters["gamma"] + ctx.parameters["beta"]

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return ∂C/∂x, and the gradients of γ and β."""
        xp, entries, (unit, deviation) = namespace(delta), tuple(range(1, delta.ndim)), ctx.saved
        gradients = {"gamma": xp.sum(delta * unit, axis=0), "beta": xp.sum(delta, axis=0)}
        inner = delta * ctx.parameters["gamma"]
        centred = inner - xp.mean(inner, axis=entries, keepdims=True)
        return (centred - unit * xp.mean(inner * unit, axis=entries, keepdims=True)) / deviation, gradients
