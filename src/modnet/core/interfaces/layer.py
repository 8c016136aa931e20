"""Layer, and what a layer works with: its parameters' specifications and the context of a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from modnet.core.arrays import Array, namespace
from modnet.core.component import Component
from modnet.core.interfaces.functions import Activation, Initializer

__all__ = ["Layer", "LayerContext", "ParameterSpec"]


@dataclass(frozen=True)
class ParameterSpec:
    """What a layer says of one of its arrays of parameters.

    Attributes:
        shape: Its shape; weights are (n_next, n_current).
        initializer: What it starts with.
        fan_in: How many inputs one unit has.
        fan_out: How many units one input feeds.
        regularized: Whether a regularizer acts on it: weights yes, biases no.
    """

    shape: tuple[int, ...]
    initializer: Initializer
    fan_in: int
    fan_out: int
    regularized: bool = False


@dataclass(slots=True, eq=False)
class LayerContext:
    """What one layer works with while a batch goes through it, there and back.

    Attributes:
        parameters: The layer's parameters by name.
        gradients: Where their gradients belong, by name (the layer returns them; these are only places to write to).
        state: Arrays that no gradient trains, by name; a layer may write to them while ``training``.
        rng: The source of all randomness of the layers.
        training: Whether this is a training pass; predictions are not.
        is_first: Whether nothing lies below, so that no error needs to be passed on.
        x: The layer's input, (samples, ...).
        z: Its net input, as ``net_input`` returned it.
        a: Its output.
        delta: δ = ∂C/∂z.
        saved: Whatever the layer wants to remember from its forward to its backward pass.
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
        """Return δ W, the error at the layer's input (BP2), or None where nothing lies below."""
        return None if self.is_first else delta @ weights


class Layer(Component):
    """Parameters and the net input z, with the activation that follows."""

    family: ClassVar[str] = "layer"
    needs_full_batch: ClassVar[bool] = False
    """True for a layer that must see an update's samples in one piece and not in chunks (normalisation)."""

    @classmethod
    def shorthand(cls, value: Any) -> dict[str, Any] | None:
        """Return what a value stands for: an integer is a dense layer of so many units."""
        if isinstance(value, int) and not isinstance(value, bool):
            return {"kind": "dense", "units": value}
        return super().shorthand(value)

    def activation_function(self) -> Activation | None:
        """Return σ of this layer, or None where its output is its net input."""
        return None

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one sample after this layer.

        Raises:
            ValueError: the layer cannot take samples of ``input_shape``; the message says what it takes.
        """
        return input_shape

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, ParameterSpec]:
        """Return what the layer trains, by name; ``weights`` and ``biases`` are W and b."""
        del input_shape
        return {}

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Array]:
        """Return what the layer keeps and no gradient trains (running means, say), by name."""
        del input_shape
        return {}

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return z for the samples ``x``, (samples, *output_shape)."""
        raise NotImplementedError

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return ∂C/∂x (None where ``ctx.is_first``) and the gradients of the parameters by name, from δ = ∂C/∂z.

        Gradients are summed over the samples: δ already carries the mean's 1/m.
        """
        raise NotImplementedError
