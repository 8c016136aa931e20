"""Five more activations for modnet: elu, gelu, silu, softplus and mish."""

from __future__ import annotations

from modnet import Activation, hookimpl
from modnet_activations.activations import Elu, Gelu, Mish, Silu, Softplus

__all__ = ["Elu", "Gelu", "Mish", "Silu", "Softplus", "modnet_components"]


@hookimpl
def modnet_components() -> list[type[Activation]]:
    """Return the classes of the parts, for modnet to find."""
    return [Elu, Gelu, Silu, Softplus, Mish]
