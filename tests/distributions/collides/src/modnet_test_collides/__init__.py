"""A plug-in that claims a kind of another plug-in, and one that is built in."""

from __future__ import annotations

from typing import Any, Literal

import modnet

__all__ = ["Sigmoid", "Wave", "modnet_components"]


class Wave(modnet.Activation):
    """σ(z) = cos z, with σ′ = −sin z."""

    kind: Literal["wave"] = "wave"

    def __call__(self, z: modnet.Array) -> modnet.Array:
        return modnet.namespace(z).cos(z)

    def backward(self, upstream: modnet.Array, z: modnet.Array, a: modnet.Array) -> modnet.Array:
        del a
        return -upstream * modnet.namespace(z).sin(z)


class Sigmoid(Wave):
    """Nothing like the built-in one."""

    kind: Literal["sigmoid"] = "sigmoid"  # type: ignore[assignment] # a kind of its own


@modnet.hookimpl
def modnet_components() -> list[type[Any]]:
    return [Wave, Sigmoid]
