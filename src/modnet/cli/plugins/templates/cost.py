"""The FAMILY KIND for modnet."""

import math
from typing import Literal

import modnet
from pydantic import Field


class CLASS(modnet.Cost):
    """C = w Σ ln cosh(a − y), with ∂C/∂a = w tanh(a − y), computed without overflow."""

    kind: Literal["KIND"] = "KIND"
    weight: float = Field(default=1.0, gt=0, le=1000, description="w, a factor of the cost")

    def __call__(self, a, y):
        """Return the cost of each sample: ln cosh e = |e| + ln(1 + e^(−2|e|)) − ln 2."""
        xp = modnet.namespace(a)
        size = xp.abs(a - y)
        return xp.sum(self.weight * (size + xp.log1p(xp.exp(-2.0 * size)) - math.log(2.0)), axis=-1)

    def gradient(self, a, y):
        """Return w tanh(a − y)."""
        return self.weight * modnet.namespace(a).tanh(a - y)


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
