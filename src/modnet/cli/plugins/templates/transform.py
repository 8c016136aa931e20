"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet
import numpy as np
from pydantic import Field


class CLASS(modnet.Transform):
    """z = x within bounds: what is below or above most of the training rows becomes the bound."""

    kind: Literal["KIND"] = "KIND"
    share: float = Field(default=0.01, ge=0, lt=0.5, description="share of training rows below, and above the bounds")

    def fit(self, rows):
        """Return the bounds of each column."""
        values = np.concatenate(list(rows))
        low, high = np.quantile(values / 4.0, [self.share, 1.0 - self.share], axis=0) * 4.0  # nothing overflows
        return {"low": low, "high": high}

    def __call__(self, rows, state):
        """Return a new array; each row is transformed by itself."""
        return modnet.namespace(rows).clip(rows, state["low"], state["high"])


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
