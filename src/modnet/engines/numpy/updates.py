"""θ ← θ − step, by the configured rule: of all of θ at once, or piece by piece where the rule allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from modnet.core.interfaces import UpdateContext, UpdateRule
from modnet.network.network import Network, Vector

__all__ = ["Updater"]

PIECE_BYTES = 1 << 17
"""How much of θ an elementwise rule updates at a time: little enough for its temporary arrays to stay in the cache."""
IN_PIECES_FROM = 3 << 20
"""How many bytes θ, ∇θ and the rule's arrays have from which pieces pay; with fewer, all of them stay there anyway."""


class Updater:
    """Applies the update rule to what is trained of a network's θ.

    Attributes:
        context: What the rule sees; its ``updates`` counts the updates made.
        state: The rule's state; where θ is updated piece by piece, its arrays are written in place.
    """

    def __init__(self, rule: UpdateRule, network: Network) -> None:
        self._theta = network.parameters[: network.trainable]
        self._update = rule.update
        self.context = UpdateContext(self._theta, layout=network.layout, regularized=network.regularized)
        self.state = rule.init(self._theta)
        size, names = self._theta.size, self._names_like_theta()
        step = PIECE_BYTES // self._theta.itemsize
        # Without arrays in the state there is little to keep in the cache.
        in_pieces = rule.elementwise and names and self._theta.nbytes * (2 + len(names)) >= IN_PIECES_FROM
        starts = range(0, size, step) if in_pieces else ()
        self._slices = [slice(start, min(start + step, size)) for start in starts]
        self._pieces: list[_Piece] = []
        self.restore(self.state, 0)

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
        names, regularized = self._names_like_theta(), self.context.regularized
        self._pieces = [
            _Piece(
                where,
                UpdateContext(
                    self._theta[where], regularized=min(max(regularized, where.start), where.stop) - where.start
                ),
                {name: self.state[name][where] for name in names},
            )
            for where in self._slices
        ]

    def _apply_pieces(self, gradient: Vector) -> None:
        whole, state = self.context, self.state
        for where, context, arrays in self._pieces:
            context.learning_rate, context.momentum = whole.learning_rate, whole.momentum
            context.updates = whole.updates
            step, updated = self._update(gradient[where], {**state, **arrays}, context)
            theta = context.parameters
            theta -= step
            for name, array in arrays.items():
                array[...] = updated[name]
        self.state = {name: state[name] if name in arrays else value for name, value in updated.items()}

    def _names_like_theta(self) -> list[str]:
        return [name for name, value in self.state.items() if np.shape(value) == self._theta.shape]


class _Piece(NamedTuple):
    """A piece of θ: where it lies, what the rule sees of it, and the views of the state's arrays."""

    where: slice
    context: UpdateContext
    arrays: dict[str, Vector]
