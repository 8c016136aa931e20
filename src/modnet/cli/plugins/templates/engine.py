"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet
from modnet.engines.numpy.session import NumpySession
from pydantic import Field


class CLASS(modnet.Engine):
    """NumPy in this process, with a fixed number of threads: replace the session by your own."""

    kind: Literal["KIND"] = "KIND"
    threads: int = Field(default=1, gt=0, description="threads that share the samples of one update")

    def start(self, plan):
        """Begin a training: return an object with the methods of modnet.EngineSession."""
        return NumpySession(plan, self.threads)


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
