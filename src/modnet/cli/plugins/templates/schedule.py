"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet
from pydantic import Field


class CLASS(modnet.Schedule):
    """max(m, 1 − p/E): linear from 1 at the start to m at the end."""

    kind: Literal["KIND"] = "KIND"
    minimum: float = Field(default=0.1, ge=0, le=1, description="m, the smallest factor")

    def __call__(self, at):
        """Return the factor of the learning rate."""
        return max(self.minimum, 1.0 - at.epoch / at.epochs) if at.epochs > 0 else 1.0


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
