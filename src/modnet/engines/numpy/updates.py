"""θ ← θ − step, by the configured rule: of all of θ at once, or piece by piece where the rule allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from modnet.core.interfaces import UpdateContext, UpdateRule
from modnet.network.network import Network, Vector

__all__ = ["Updater"]

PIECE = 16_384
"""How many numbers an elementwise rule updates at a time: few enough for all its arrays to stay in the cache."""


class Updater:
    """Applies the update rule to a network's θ.

    Attributes:
        context: What the rule sees; its ``updates`` counts the updates made.
        state: The rule's state; where θ is updated piece by piece, its arrays are written in place.
    """

    def __init__(self, rule: UpdateRule, network: Network) -> None:
        self._theta = network.parameters
        self._update = rule.update
        self._regularized = network.regularized
        self.context = UpdateContext(self._theta, layout=network.layout, regularized=network.regularized)
        self.state = rule.init(self._theta)
        size = self._theta.size
        starts = range(0, size, PIECE) if rule.elementwise and size >= 2 * PIECE else ()
        self._pieces = [slice(start, min(start + PIECE, size)) for start in starts]

    def apply(self, gradient: Vector, rate: float, momentum: float | None) -> None:
        """Make one update."""
        context = self.context
        context.learning_rate, context.momentum = rate, momentum
        if self._pieces:
            self._apply_pieces(gradient)
        else:
            step, self.state = self._update(gradient, self.state, context)
            theta = self._theta
            theta -= step
        context.updates += 1

    def copy_state(self) -> dict[str, Any]:
        """Return a copy of the rule's state."""
        return {name: np.array(value) if isinstance(value, np.ndarray) else value for name, value in self.state.items()}

    def restore(self, state: Mapping[str, Any], updates: int) -> None:
        """Go to a state of the rule and a number of updates."""
        self.state, self.context.updates = dict(state), updates
        self.state = self.copy_state()

    def _apply_pieces(self, gradient: Vector) -> None:
        whole, arrays = self.context, self._arrays_like_theta()
        updated: dict[str, Any] = {}
        for piece in self._pieces:
            theta = self._theta[piece]
            regularized = min(max(self._regularized - piece.start, 0), len(theta))
            context = UpdateContext(theta, whole.learning_rate, whole.momentum, whole.updates, regularized=regularized)
            state = {name: value[piece] if name in arrays else value for name, value in self.state.items()}
            step, updated = self._update(gradient[piece], state, context)
            theta -= step
            for name in arrays:
                arrays[name][piece] = updated[name]
        self.state = {name: arrays.get(name, value) for name, value in updated.items()}

    def _arrays_like_theta(self) -> dict[str, Vector]:
        return {name: value for name, value in self.state.items() if np.shape(value) == self._theta.shape}
