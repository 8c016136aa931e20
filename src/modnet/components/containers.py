"""The layers made of layers: in a row, in a row with a shortcut, and side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from modnet.core.arrays import Array, namespace
from modnet.core.component import Slot, default_part
from modnet.core.interfaces import Activation, Layer, LayerContext

__all__ = ["Chain", "Parallel", "Residual"]

Shape: TypeAlias = tuple[int, ...]


def _output_shape(layer: Layer, name: str, input_shape: Shape) -> Shape:
    try:
        return layer.output_shape(input_shape)
    except ValueError as error:
        raise ValueError(f"has a layer within, {name} ({layer.kind}), that {error}") from None


def _in_a_row(layers: Sequence[Layer], shape: Shape) -> tuple[tuple[tuple[Layer, Shape], ...], Shape]:
    """Return the layers, each with the shape of a sample that enters it, and the shape after the last."""
    children = []
    for index, layer in enumerate(layers):
        children.append((layer, shape))
        shape = _output_shape(layer, f"layers.{index}", shape)
    return tuple(children), shape


class _InARow(Layer):
    layers: tuple[Annotated[Layer, Slot()], ...] = Field(description="the layers, from the first")
    activation: Annotated[Activation, Slot()] = default_part("identity", "σ, applied to what the last layer gives")

    def activation_function(self) -> Activation:
        """Return σ."""
        return self.activation

    def children(self, input_shape: Shape) -> tuple[tuple[Layer, Shape], ...]:
        """Return the layers, from the first."""
        return _in_a_row(self.layers, input_shape)[0]

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of a sample after the last layer."""
        return _in_a_row(self.layers, input_shape)[1]

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return what the last layer gives."""
        for index in range(len(self.layers)):
            x = ctx.child(index).forward(x)
        return x

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return what the first layer passes back, and the gradients of all."""
        below: Array | None = delta
        gradients: dict[str, Array] = {}
        for index in reversed(range(len(self.layers))):
            below, more = ctx.child(index).backward(below)
            gradients |= more
        return below, gradients


class Chain(_InARow):
    """z = f_n(… f_1(x)), the layers one after the other; without any, z = x. A list of layers is a chain.

    Backward pass: δ passes back through them in reverse order. Where a chain is the output, its own ``activation``
    is the one that the cost knows.
    """

    kind: Literal["chain"] = "chain"
    also_known_as: ClassVar[tuple[str, ...]] = ("sequential",)


class Residual(_InARow):
    """z = x + f(x), with f the layers one after the other; f(x) must have x's shape.

    Backward pass: ∂C/∂x = δ + f′(x)ᵀ δ, so that δ reaches the layers below whatever f does. Source: He, Zhang, Ren and
    Sun, "Deep Residual Learning for Image Recognition" (2016), equation (1).
    """

    kind: Literal["residual"] = "residual"
    also_known_as: ClassVar[tuple[str, ...]] = ("skip",)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``."""
        shape = super().output_shape(input_shape)
        if shape != input_shape:
            raise ValueError(f"adds its input, of shape {input_shape}, to what its layers give, of shape {shape}")
        return shape

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return x + f(x)."""
        return x + super().forward(x, ctx)

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return δ plus what f passes back of it, and the gradients of all layers."""
        below, gradients = super().backward(delta, ctx)
        return None if below is None else delta + below, gradients


class Parallel(Layer):
    """Branches that all take x, and what they give side by side (along the last axis of a sample) or added up.

    Backward pass: every branch gets its part of δ, or all of it, and ∂C/∂x is the sum of what they pass back. Source:
    Szegedy et al., "Going Deeper with Convolutions" (2015), section 4, for branches that are concatenated.
    """

    kind: Literal["parallel"] = "parallel"
    also_known_as: ClassVar[tuple[str, ...]] = ("concatenate", "concat", "add")
    branches: tuple[Annotated[Layer, Slot()], ...] = Field(
        min_length=1, description="the branches, each a layer; a list of layers is a chain, an empty one passes x on"
    )
    merge: Literal["concatenate", "add"] = Field(
        default="concatenate", description="whether what the branches give is put side by side, or added up"
    )
    activation: Annotated[Activation, Slot()] = default_part("identity", "σ, applied to what was merged")

    def activation_function(self) -> Activation:
        """Return σ."""
        return self.activation

    def children(self, input_shape: Shape) -> tuple[tuple[Layer, Shape], ...]:
        """Return the branches."""
        return tuple((branch, input_shape) for branch in self.branches)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of a sample after the merge."""
        shapes = self._shapes(input_shape)
        fixed = {shape if self.merge == "add" else shape[:-1] for shape in shapes}
        if len(fixed) > 1 or () in shapes:
            how = "adds up" if self.merge == "add" else "puts side by side"
            raise ValueError(f"{how} what its branches give, of shapes that do not fit: {', '.join(map(str, shapes))}")
        return shapes[0] if self.merge == "add" else (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return what the branches give, merged."""
        outputs = [ctx.child(index).forward(x) for index in range(len(self.branches))]
        if self.merge == "add":
            return sum(outputs[1:], outputs[0])
        return namespace(x).concat(outputs, axis=-1)

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return the sum of what the branches pass back, and the gradients of all."""
        below, start = None, 0
        gradients: dict[str, Array] = {}
        for index, shape in enumerate(self._shapes(tuple(ctx.x.shape[1:]))):
            stop = start + shape[-1]
            own, more = ctx.child(index).backward(delta if self.merge == "add" else delta[..., start:stop])
            below = own if below is None or own is None else below + own
            gradients |= more
            start = stop
        return None if ctx.is_first else below, gradients

    def _shapes(self, input_shape: Shape) -> list[Shape]:
        return [_output_shape(branch, f"branches.{index}", input_shape) for index, branch in enumerate(self.branches)]
