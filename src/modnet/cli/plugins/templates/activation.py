"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet
from pydantic import Field


class CLASS(modnet.Activation):
    """a = s · tanh z, with σ′ = s (1 − tanh² z)."""

    kind: Literal["KIND"] = "KIND"
    scale: float = Field(default=1.0, gt=0, le=1000, description="s, the largest output")

    def __call__(self, z):
        """Return s · tanh z."""
        return self.scale * modnet.namespace(z).tanh(z)

    def backward(self, upstream, z, a):
        """Return upstream · s (1 − tanh² z)."""
        t = modnet.namespace(z).tanh(z)
        return upstream * (self.scale * (1.0 - t * t))


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
