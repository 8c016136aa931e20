"""The layers. A sample is a vector; x is (samples, n_current), z and a are (samples, n_next)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from modnet.core.arrays import Array, namespace
from modnet.core.component import Slot, default_part, usual_part
from modnet.core.interfaces import Activation, Initializer, Layer, LayerContext, ParameterSpec

__all__ = ["Dense", "Dropout"]


class Dense(Layer):
    """z = x Wᵀ + b and a = σ(z): every unit sees every input. W is (n_next, n_current), b is (n_next,).

    Backward pass (BP2 to BP4): ∂C/∂x = δ W, ∇W = δᵀ x, ∇b = Σ δ. Source: the document, "Feedforward" and
    "Backpropagation".
    """

    kind: Literal["dense"] = "dense"
    also_known_as: ClassVar[tuple[str, ...]] = ("linear", "fully-connected", "fc")
    units: int = Field(gt=0, description="n_next, the number of neurons")
    activation: Annotated[Activation, Slot()] = default_part("sigmoid", "σ, the activation function")
    bias: bool = Field(default=True, description="whether the layer has biases b")
    initializer: Annotated[Initializer, Slot()] = usual_part(
        "activation",
        "usual_initializer",
        "zeros",
        "initial values of the weights W; where none is given, what is usual with the activation: `standard-normal` "
        "for sigmoid, `he-normal` for the relus, else `glorot-uniform`",
    )
    bias_initializer: Annotated[Initializer, Slot()] = usual_part(
        "activation",
        "usual_bias_initializer",
        "zeros",
        "initial values of the biases b; where none is given, `standard-normal` for sigmoid, else `zeros`",
    )

    def activation_function(self) -> Activation:
        """Return σ."""
        return self.activation

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (units,); samples must be vectors."""
        if len(input_shape) != 1:
            raise ValueError(f"takes samples that are vectors, got samples of shape {input_shape}")
        return (self.units,)

    def parameters(self, input_shape: tuple[int, ...]) -> dict[str, ParameterSpec]:
        """Return W, (units, inputs), and b, (units,)."""
        (inputs,) = input_shape
        shapes = {
            "weights": ParameterSpec((self.units, inputs), self.initializer, inputs, self.units, regularized=True)
        }
        if self.bias:
            shapes["biases"] = ParameterSpec((self.units,), self.bias_initializer, inputs, self.units)
        return shapes

    def takes_sparse(self) -> bool:
        """Whether x only goes into the products below."""
        return type(self).forward is Dense.forward and type(self).backward is Dense.backward

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return x Wᵀ + b."""
        return ctx.affine(x, ctx.parameters["weights"], ctx.parameters.get("biases"))

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return δ W, and the gradients δᵀ x and Σ δ."""
        gradients = {"weights": ctx.weight_gradient(delta, ctx.x)}
        if self.bias:
            gradients["biases"] = ctx.bias_gradient(delta)
        return ctx.input_gradient(delta, ctx.parameters["weights"]), gradients


class Dropout(Layer):
    """During training, every input is 0 with probability p and divided by 1 − p otherwise; z = x when predicting.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A Simple Way to Prevent Neural
    Networks from Overfitting" (2014), in the form that scales during training ("inverted dropout", section 10).
    """

    kind: Literal["dropout"] = "dropout"
    rate: float = Field(default=0.5, ge=0, lt=1, description="p, the probability that an input is set to 0")

    def forward(self, x: Array, ctx: LayerContext) -> Array:
        """Return x times a random mask during training, and x otherwise."""
        if not ctx.training or ctx.rng is None:
            return x
        draw = ctx.rng.random(x.shape, x.dtype) >= self.rate
        ctx.saved = namespace(x).astype(draw, x.dtype) * (1.0 / (1.0 - self.rate))
        return x * ctx.saved

    def backward(self, delta: Array, ctx: LayerContext) -> tuple[Array | None, dict[str, Array]]:
        """Return δ times the same mask."""
        return delta if ctx.saved is None else delta * ctx.saved, {}
