"""A good plug-in: an activation, and a schedule whose option has no default."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

import modnet

__all__ = ["Wave", "Waves", "modnet_components"]


class Wave(modnet.Activation):
    """σ(z) = s · sin z, with σ′ = s · cos z."""

    kind: Literal["wave"] = "wave"
    height: float = Field(default=1.0, gt=0, le=10, description="s, how high a wave is")

    def __call__(self, z: modnet.Array) -> modnet.Array:
        return self.height * modnet.namespace(z).sin(z)

    def backward(self, upstream: modnet.Array, z: modnet.Array, a: modnet.Array) -> modnet.Array:
        del a
        return upstream * (self.height * modnet.namespace(z).cos(z))


class Waves(modnet.Schedule):
    """½ + ½ · (p mod n)/n: from ½ up to 1, again and again."""

    kind: Literal["waves"] = "waves"
    every: int = Field(gt=0, description="n, the epochs from one fall to the next")
    conformance: ClassVar[dict[str, Any]] = {"examples": [{"every": 1}, {"every": 3}]}

    def __call__(self, at: modnet.Position) -> float:
        return 0.5 + 0.5 * (at.epoch % self.every) / self.every


@modnet.hookimpl
def modnet_components() -> list[type[Any]]:
    return [Wave, Waves]
