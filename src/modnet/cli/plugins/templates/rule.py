"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet
from pydantic import Field


class CLASS(modnet.UpdateRule):
    """v ← μv + (1 − μ)∇ and θ ← θ − ηv."""

    kind: Literal["KIND"] = "KIND"
    usual_rate = 3.0
    elementwise = True
    decay: float = Field(default=0.5, ge=0, lt=1, description="μ, the decay rate of v")

    def init(self, parameters):
        """Return v = 0."""
        return {"average": modnet.namespace(parameters).zeros_like(parameters)}

    def update(self, gradient, state, context):
        """Return ηv with the new v."""
        average = self.decay * state["average"] + (1.0 - self.decay) * gradient
        return context.learning_rate * average, {"average": average}


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
