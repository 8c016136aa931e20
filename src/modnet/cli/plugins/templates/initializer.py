"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet
from pydantic import Field


class CLASS(modnet.Initializer):
    """Uniform between −r and r."""

    kind: Literal["KIND"] = "KIND"
    radius: float = Field(default=0.5, gt=0, le=1000, description="r, the largest absolute value")

    def __call__(self, rng, shape, fan_in, fan_out):
        """Return an array of this shape, sampled with ``rng``."""
        return rng.uniform(-self.radius, self.radius, shape)


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
