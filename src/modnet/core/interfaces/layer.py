"""Layer, the specification of its parameters, and the context of one pass through it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, TypeAlias

from pydantic import Field

from modnet.core.arrays import Array, namespace
from modnet.core.component import Component
from modnet.core.interfaces.functions import Activation, Initializer

__all__ = ["InnerLayer", "Layer", "LayerContext", "ParameterSpec", "Random"]

Shape: TypeAlias = tuple[int, ...]


class Random(Protocol):
    """A source of random numbers, in arrays of the engine's own library; every call draws new ones."""

    def random(self, shape: Shape, dtype: Any) -> Array:
        """Return numbers that are uniform in [0, 1)."""

    def standard_normal(self, shape: Shape, dtype: Any) -> Array:
        """Return numbers of the standard normal distribution."""


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

    shape: Shape
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
        state: Arrays that are not trained by gradients, by name. While ``training`` a layer may assign new ones
            (``ctx.state[name] = value``), of the same shape and dtype; it never writes into one.
        rng: The source of all randomness of the layers, or None where nothing may be random.
        training: Whether this is a training pass; predictions are not.
        is_first: Whether no δ has to be passed on, as in the first layer.
        layer: The layer; needed by one with layers within.
        trainable: Whether neither the layer nor one that it lies within is frozen.
        x: The layer's input, (samples, ...).
        z: Its net input, as `Layer.forward` returned it.
        a: Its output.
        delta: δ = ∂C/∂z.
        saved: Whatever the forward pass saves for the backward pass.
        inner: The layers within this one, once `child` was asked for one.
    """

    parameters: Mapping[str, Array]
    gradients: Mapping[str, Array] = field(default_factory=dict)
    state: MutableMapping[str, Array] = field(default_factory=dict)
    rng: Random | None = None
    training: bool = False
    is_first: bool = False
    layer: Layer | None = None
    trainable: bool = True
    x: Array = None
    z: Array = None
    a: Array = None
    delta: Array = None
    saved: Any = None
    inner: tuple[InnerLayer, ...] = ()

    def child(self, index: int) -> InnerLayer:
        """Return a layer within this one, from 0, to go forward and backward through, each once in a pass."""
        if not self.inner and self.layer is not None:
            layers = [layer for layer, _ in self.layer.children(tuple(self.x.shape[1:]))]
            self.inner = tuple(InnerLayer(self, layer, f"{number}.") for number, layer in enumerate(layers))
        return self.inner[index]

    def nested(self, layer: Layer, names: Callable[[Any], Any]) -> LayerContext:
        """Return the context of a layer within this one; ``names`` returns its part of a mapping of this one."""
        return LayerContext(
            names(self.parameters),
            names(self.gradients),
            names(self.state),
            self.rng,
            self.training,
            layer=layer,
            trainable=self.trainable and layer.trainable,
        )

    def begin(self, x: Array, is_first: bool) -> None:
        """Start a pass of a nested context."""
        self.x, self.is_first = x, is_first

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


class InnerLayer:
    """A layer within another one, as `LayerContext.child` returns it: run with its activation."""

    def __init__(self, outer: LayerContext, layer: Layer, prefix: str) -> None:
        self._outer, self._layer, self._prefix = outer, layer, prefix
        self._activation = layer.activation_function()
        self._ctx = outer.nested(layer, lambda mapping: _Prefixed(mapping, prefix))

    def forward(self, x: Array) -> Array:
        """Return its output a for the samples ``x``."""
        ctx, activation = self._ctx, self._activation
        ctx.begin(x, self._outer.is_first and x is self._outer.x)
        ctx.z = self._layer.forward(x, ctx)
        ctx.a = ctx.z if activation is None else activation(ctx.z)
        return ctx.a

    def backward(self, upstream: Array) -> tuple[Array | None, dict[str, Array]]:
        """Return ∂C/∂x and the gradients of its parameters, by their names in the outer layer, from ∂C/∂a.

        ∂C/∂x is None where the outer layer is the first one and ``x`` was its own input.
        """
        ctx, activation = self._ctx, self._activation
        ctx.delta = upstream if activation is None else activation.backward(upstream, ctx.z, ctx.a)
        below, gradients = self._layer.backward(ctx.delta, ctx)
        return below, {f"{self._prefix}{name}": gradient for name, gradient in gradients.items()}


class _Prefixed(MutableMapping[str, Array]):
    """The entries of a mapping whose names begin with a prefix, by the rest of their names."""

    def __init__(self, mapping: Any, prefix: str) -> None:
        self._mapping, self._prefix = mapping, prefix

    def __getitem__(self, name: str) -> Array:
        return self._mapping[self._prefix + name]

    def __setitem__(self, name: str, value: Array) -> None:
        self._mapping[self._prefix + name] = value

    def __delitem__(self, name: str) -> None:
        del self._mapping[self._prefix + name]

    def __iter__(self) -> Iterator[str]:
        start = len(self._prefix)
        return (name[start:] for name in self._mapping if name.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Layer(Component):
    """Parameters and the net input z, with the activation that follows."""

    family: ClassVar[str] = "layer"
    needs_full_batch: ClassVar[bool] = False
    """True for a layer that needs all samples of an update at once, not in micro-batches (normalisation)."""

    trainable: bool = Field(default=True, description="whether training changes the layer's parameters")

    @classmethod
    def shorthand(cls, value: Any) -> dict[str, Any] | None:
        """Return the table that ``value`` stands for: an integer is a dense layer, and a list of layers is a chain."""
        if isinstance(value, int) and not isinstance(value, bool):
            return {"kind": "dense", "units": value}
        if isinstance(value, list | tuple):
            return {"kind": "chain", "layers": value}
        return super().shorthand(value)

    def activation_function(self) -> Activation | None:
        """Return σ of this layer, or None where its output is its net input."""
        return None

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one sample after this layer.

        Raises:
            ValueError: the layer does not accept samples of ``input_shape``; the message says what it accepts.
        """
        return input_shape

    def children(self, input_shape: Shape) -> tuple[tuple[Layer, Shape], ...]:
        """Return the layers within this one, each with the shape of a sample that enters it."""
        del input_shape
        return ()

    def walk(self, input_shape: Shape) -> Iterator[Layer]:
        """Yield this layer and all layers within it, however deep."""
        yield self
        for layer, shape in self.children(input_shape):
            yield from layer.walk(shape)

    def parameters(self, input_shape: Shape) -> dict[str, ParameterSpec]:
        """Return the specifications of the parameters, by name; ``weights`` and ``biases`` are W and b.

        By default they are those of the layers within: ``0.weights`` is W of the first. A layer that has some of its
        own beside them adds these to what the base class returns.
        """
        return {
            f"{index}.{name}": spec if layer.trainable else replace(spec, trainable=False)
            for index, (layer, shape) in enumerate(self.children(input_shape))
            for name, spec in layer.parameters(shape).items()
        }

    def initial_state(self, input_shape: Shape) -> dict[str, Array]:
        """Return the initial arrays of state that no gradient trains, such as running means, by name.

        By default they are those of the layers within, named as in `parameters`.
        """
        return {
            f"{index}.{name}": value
            for index, (layer, shape) in enumerate(self.children(input_shape))
            for name, value in layer.initial_state(shape).items()
        }

    def check_batch(self, rows: int) -> None:
        """Refuse a number of samples that feed one update; every one is asked about before a training begins.

        Raises:
            ValueError: the layer cannot be trained with so few or many samples; the message says what it takes.
        """
        del rows

    def takes_sparse(self) -> bool:
        """Whether x, where this is the first layer, may be sparse rows, which only the context's products take.

        Else they are made dense.
        """
        return False

    @abstractmethod
    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return z for the samples ``x``, (samples, *output_shape)."""

    @abstractmethod
    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return ∂C/∂x (None where ``ctx.is_first``) and the gradients of the parameters by name, from δ = ∂C/∂z.

        Gradients are summed over the samples: δ already contains the factor 1/m of the mean.
        """
