"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet
import numpy as np
from pydantic import Field


class CLASS(modnet.Dataset):
    """Points of a plane in two classes: opposite quadrants have the same class (exclusive or)."""

    kind: Literal["KIND"] = "KIND"
    samples: int = Field(default=200, ge=4, le=1_000_000, description="number of points")

    def load(self):
        """Return the points, always the same; every fifth is a test sample."""
        rng = np.random.default_rng(0)
        x = rng.uniform(-1.0, 1.0, (self.samples, 2))
        y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
        tests = np.arange(self.samples) % 5 == 0
        return modnet.Data(train=(x[~tests], y[~tests]), test=(x[tests], y[tests]))


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
