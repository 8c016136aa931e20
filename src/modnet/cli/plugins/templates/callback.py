"""The FAMILY KIND for modnet."""

from typing import Literal

import modnet
from pydantic import Field


class CLASS(modnet.Callback):
    """Stops as soon as the cost of the training samples is at most ``target``."""

    kind: Literal["KIND"] = "KIND"
    target: float = Field(default=0.01, ge=0, description="the cost at which to stop")

    def listener(self):
        """Return a new listener, whose state belongs to one training."""
        return Listener(self.target)


class Listener:
    """Is called at the events of a training; each method is a hook."""

    def __init__(self, target):
        self.target = target
        self.reached = False

    @modnet.hookimpl
    def modnet_epoch_end(self, training, row):
        """Compare the epoch's cost with the target."""
        self.reached = row["cost"] <= self.target

    @modnet.hookimpl
    def modnet_should_stop(self, training):
        """Return the reason to stop, or None to continue."""
        return f"the cost has fallen to {self.target}" if self.reached else None


@modnet.hookimpl
def modnet_components():
    """Return the components that this plug-in provides."""
    return [CLASS]
