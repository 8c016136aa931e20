"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet


class CLASS(modnet.Metric):
    """Σ |a − y| / (samples · outputs)."""

    kind: Literal["KIND"] = "KIND"
    better = "lower"

    def partial(self, a, y, weights):
        """Return the sum of the absolute errors, and their number; each counts with its sample's weight."""
        xp = modnet.namespace(a)
        sizes = xp.abs(xp.astype(a, xp.float64) - xp.astype(y, xp.float64))
        counts = xp.ones_like(sizes) if weights is None else xp.ones_like(sizes) * weights[:, None]
        return xp.stack([xp.sum(counts * sizes), xp.sum(counts)])

    def value(self, total):
        """Return the mean."""
        return float(total[0] / total[1])


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
