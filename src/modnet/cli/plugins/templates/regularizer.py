"""The FAMILY KIND for modnet."""

import math
from typing import Literal

import modnet
from pydantic import Field


class CLASS(modnet.Regularizer):
    """R = λ Σ ln cosh w, with ∂R/∂w = λ tanh w, computed without overflow."""

    kind: Literal["KIND"] = "KIND"
    strength: float = Field(default=0.001, ge=0, le=1000, description="λ")

    def __call__(self, weights):
        """Return R: ln cosh w = |w| + ln(1 + e^(−2|w|)) − ln 2."""
        xp = modnet.namespace(weights)
        size = xp.abs(weights)
        return self.strength * xp.sum(size + xp.log1p(xp.exp(-2.0 * size)) - math.log(2.0))

    def gradient(self, weights):
        """Return λ tanh w."""
        return self.strength * modnet.namespace(weights).tanh(weights)


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
