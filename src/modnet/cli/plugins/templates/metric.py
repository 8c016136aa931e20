"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet


class CLASS(modnet.Metric):
    """Σ |a − y| / (samples · outputs)."""

    kind: Literal["KIND"] = "KIND"
    better = "lower"

    def partial(self, a, y):
        """Return the sum of the absolute errors, and their number."""
        xp = modnet.namespace(a)
        sizes = xp.abs(xp.astype(a, xp.float64) - xp.astype(y, xp.float64))
        return xp.stack([xp.sum(sizes), xp.sum(xp.ones_like(sizes))])

    def value(self, total):
        """Return the mean."""
        return float(total[0] / total[1])


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
