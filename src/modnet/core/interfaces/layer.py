"""Layer, the specification of its parameters, and the context of one pass through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from modnet.core.arrays import Array, namespace
from modnet.core.component import Component
from modnet.core.interfaces.functions import Activation, Initializer

__all__ = ["Layer", "LayerContext", "ParameterSpec"]


@dataclass(frozen=True)
class ParameterSpec:
    """The specification of one of a layer's arrays of parameters.

    Attributes:
        shape: Its shape; weights are (n_next, n_current).
        initializer: What fills it initially.
        fan_in: How many inputs one unit has.
        fan_out: How many units one input feeds.
        regularized: Whether a regularizer acts on it: weights yes, biases no.
        trainable: Whether training changes it; a network clears it for all parameters of a frozen layer.
    """

    shape: tuple[int, ...]
    initializer: Initializer
    fan_in: int
    fan_out: int
    regularized: bool = False
    trainable: bool = True


@dataclass(slots=True, eq=False)
class LayerContext:
    """What one layer works with while a batch passes through it, forward and backward.

    Attributes:
        parameters: The layer's parameters by name.
        gradients: Arrays for their gradients, by name; a layer may write into them, and returns its gradients anyway.
        state: Arrays that are not trained by gradients, by name; a layer may write to them while ``training``.
        rng: The source of all randomness of the layers.
        training: Whether this is a training pass; predictions are not.
        is_first: Whether this is the first layer, so that no δ has to be passed on.
        x: The layer's input, (samples, ...).
        z: Its net input, as `Layer.forward` returned it.
        a: Its output.
        delta: δ = ∂C/∂z.
        saved: Whatever the forward pass saves for the backward pass.
    """

    parameters: Mapping[str, Array]
    gradients: Mapping[str, Array] = field(default_factory=dict)
    state: Mapping[str, Array] = field(default_factory=dict)
    rng: np.random.Generator | None = None
    training: bool = False
    is_first: bool = False
    x: Array = None
    z: Array = None
    a: Array = None
    delta: Array = None
    saved: Any = None

    def affine(self, x: Array, weights: Array, biases: Array | None) -> Array:
        """Return x Wᵀ + b."""
        z = x @ weights.T
        return z if biases is None else z + biases

    def weight_gradient(self, delta: Array, x: Array) -> Array:
        """Return δᵀ x, the gradient of the parameter ``weights`` summed over the samples (BP4); once in a pass."""
        return delta.T @ x

    def bias_gradient(self, delta: Array) -> Array:
        """Return Σ δ over the samples, the gradient of the parameter ``biases`` (BP3); once in a pass."""
        return namespace(delta).sum(delta, axis=0)

    def input_gradient(self, delta: Array, weights: Array) -> Array | None:
        """Return δ W, the error at the layer's input (BP2), or None in the first layer."""
        return None if self.is_first else delta @ weights


class Layer(Component):
    """Parameters and the net input z, with the activation that follows."""

    family: ClassVar[str] = "layer"
    needs_full_batch: ClassVar[bool] = False
    """True for a layer that needs all samples of an update at once, not in micro-batches (normalisation)."""

    trainable: bool = Field(default=True, description="whether training changes the layer's parameters")

    @classmethod
    def shorthand(cls, value: Any) -> dict[str, Any] | None:
        """Return the table that ``value`` stands for: an integer is a dense layer with that many units."""
        if isinstance(value, int) and not isinstance(value, bool):
            return {"kind": "dense", "units": value}
        return super().shorthand(value)

    def activation_function(self) -> Activation | None:
        """Return σ of this layer, or None where its output is its net input."""
        return None

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one sample after this layer.

        Raises:
            ValueError: the layer does not accept samples of ``input_shape``; the message says what it accepts.
        """
        return input_shape

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, ParameterSpec]:
        """Return the specifications of the trained parameters, by name; ``weights`` and ``biases`` are W and b."""
        del input_shape
        return {}

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Array]:
        """Return the initial arrays of state that is not trained by gradients, such as running means, by name."""
        del input_shape
        return {}

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return z for the samples ``x``, (samples, *output_shape)."""
        raise NotImplementedError

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return ∂C/∂x (None where ``ctx.is_first``) and the gradients of the parameters by name, from δ = ∂C/∂z.

        Gradients are summed over the samples: δ already contains the factor 1/m of the mean.
        """
        raise NotImplementedError
