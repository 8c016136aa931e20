"""θ ← θ − step, by the configured rule: of all of θ at once, or piece by piece where the rule allows it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from modnet.core.interfaces import UpdateContext, UpdateRule
from modnet.network.network import Network, Vector

__all__ = ["Updater"]

PIECE_BYTES = 1 << 18
"""How much of θ an elementwise rule updates at a time: little enough for its temporary arrays to stay in the cache."""
IN_PIECES_FROM = 1 << 20
"""How many bytes θ, ∇θ and the rule's arrays have from which pieces pay; with fewer, all of them stay there anyway."""


class Updater:
    """Applies the update rule to what is trained of a network's θ.

    Attributes:
        context: What the rule sees; its ``updates`` counts the updates made.
    """

    def __init__(self, rule: UpdateRule, network: Network) -> None:
        self._theta = network.parameters[: network.trainable]
        self._update = rule.update
        self.context = UpdateContext(self._theta, layout=network.layout, regularized=network.regularized)
        state = rule.init(self._theta)
        self._names = [name for name, value in state.items() if np.shape(value) == self._theta.shape]
        size, step = self._theta.size, PIECE_BYTES // self._theta.itemsize
        # Without arrays in the state there is little to keep in the cache.
        in_pieces = rule.elementwise and self._theta.nbytes * (2 + len(self._names)) >= IN_PIECES_FROM and self._names
        starts = range(0, size, step) if in_pieces else ()
        self._slices = [slice(start, min(start + step, size)) for start in starts]
        self._pieces: list[_Piece] = []
        self._state: dict[str, Any] = {}
        self.restore(state, 0)

    @property
    def state(self) -> dict[str, Any]:
        """The rule's state; where θ is updated piece by piece, a copy."""
        if not self._pieces:
            return self._state
        return {
            name: np.concatenate([piece.state[name] for piece in self._pieces]) if name in self._names else value
            for name, value in self._pieces[-1].state.items()
        }

    def apply(self, gradient: Vector, rate: float, momentum: float | None) -> None:
        """Make one update."""
        context = self.context
        context.learning_rate, context.momentum = rate, momentum
        if self._pieces:
            self._apply_pieces(gradient)
        else:
            step, self._state = self._update(gradient, self._state, context)
            theta = self._theta
            theta -= step
        context.updates += 1

    def copy_state(self) -> dict[str, Any]:
        """Return a copy of the rule's state."""
        return _copied(self.state, but=self._names if self._pieces else ())

    def restore(self, state: Mapping[str, Any], updates: int) -> None:
        """Go to a state of the rule and a number of updates."""
        self.context.updates, regularized = updates, self.context.regularized
        self._state = {} if self._slices else _copied(state)
        self._pieces = [
            _Piece(
                where,
                UpdateContext(
                    self._theta[where], regularized=min(max(regularized, where.start), where.stop) - where.start
                ),
                _copied({name: value[where] if name in self._names else value for name, value in state.items()}),
            )
            for where in self._slices
        ]

    def arrays(self) -> Iterator[Vector]:
        """Yield what the state has for every number of θ, perhaps piece by piece."""
        for state in (piece.state for piece in self._pieces) if self._pieces else (self._state,):
            for name in self._names:
                yield state[name]

    def _apply_pieces(self, gradient: Vector) -> None:
        whole = self.context
        for piece in self._pieces:
            context = piece.context
            context.learning_rate, context.momentum = whole.learning_rate, whole.momentum
            context.updates = whole.updates
            step, piece.state = self._update(gradient[piece.where], piece.state, context)
            theta = context.parameters
            theta -= step


@dataclass
class _Piece:
    """A piece of θ: where it lies, what the rule sees of it, and the rule's state of it."""

    where: slice
    context: UpdateContext
    state: dict[str, Any]


def _copied(state: Mapping[str, Any], but: Collection[str] = ()) -> dict[str, Any]:
    return {
        name: np.array(value) if isinstance(value, np.ndarray) and name not in but else value
        for name, value in state.items()
    }
