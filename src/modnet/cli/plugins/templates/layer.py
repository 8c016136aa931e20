"""The FAMILY KIND for modnet."""

from typing import Annotated, Literal

import modnet


class CLASS(modnet.Layer):
    """z = (1 + g) x: each input has a gain. Backwards: ∂C/∂x = (1 + g) δ and ∇g = Σ δ x."""

    kind: Literal["KIND"] = "KIND"
    initializer: Annotated[modnet.Initializer, modnet.Slot()] = modnet.default_part("zeros", "initializes the gains g")

    def parameters(self, input_shape):
        """Return g, one for each input."""
        return {"gains": modnet.ParameterSpec(input_shape, self.initializer, 1, 1)}

    def forward(self, x, ctx):
        """Return (1 + g) x."""
        return x * (1.0 + ctx.parameters["gains"])

    def backward(self, delta, ctx):
        """Return (1 + g) δ, and Σ δ x."""
        gains = modnet.namespace(delta).sum(delta * ctx.x, axis=0)
        return delta * (1.0 + ctx.parameters["gains"]), {"gains": gains}


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
