"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet
from pydantic import Field


class CLASS(modnet.Optimizer):
    """Mini-batches in the order of the samples, without shuffling."""

    kind: Literal["KIND"] = "KIND"
    batch_size: int = Field(default=10, gt=0, description="number of samples for one update")

    def updates(self, samples):
        """Return the number of batches."""
        return -(-samples // self.batch_size)

    def check(self, samples):
        """Refuse a batch that is larger than the data."""
        if self.batch_size > samples:
            raise ValueError(f"batch_size: {self.batch_size} is too large; allowed: 1 to {samples}, the samples")

    def sweeps(self, data, rng, state):
        """Return the batches of one epoch."""
        return [modnet.Sweep(None, self.batch_size)]


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
