"""What is compiled: many updates one after the other, and the gradient of a batch piece by piece."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from modnet.engines.compiled.functions import Arrays
from modnet.engines.compiled.programs import Carry
from modnet.engines.compiled.pure_program import PureProgram
from modnet_jax.randomness import KeyRandom, key_of

__all__ = ["Program"]


class Program(PureProgram):
    """The functions of one training; `modnet.engines.compiled.programs.Programs` says what they do.

    The number of updates or pieces is no constant in them, so that a block of any length runs the same instructions.
    """

    def updates(
        self, carry: Carry, frozen: Arrays, data: Any, start: Any, number: Any, key: Any, updates: Any, batch: int,
        size: int,
    ) -> Any:  # fmt: skip
        """Make updates."""
        counts, totals, rates, momenta = updates

        def update(index: Any, loop: Any) -> Any:
            carry, outputs, penalties = loop
            piece = data, start + index * batch, counts[index], totals[index], 0, batch, size
            a, gradients, states = self._gradients(carry, frozen, key_of(key, number + index), *piece)
            outputs = jax.lax.dynamic_update_index_in_dim(outputs, a, index, 0)
            rate, momentum = rates[index], None if momenta is None else momenta[index]
            more = number + index, totals[index], rate, momentum
            carry, added = self.apply(carry, self.summed(gradients), states, *more)
            return carry, outputs, penalties + added

        begin = carry, self._no_outputs(counts, batch), jnp.zeros((), jnp.float64)
        carry, outputs, penalties = jax.lax.fori_loop(0, jnp.count_nonzero(counts), update, begin)
        return carry, outputs, penalties, self.is_finite(carry)

    def accumulate(
        self, sums: Any, carry: Carry, frozen: Arrays, data: Any, start: Any, position: Any, key: Any, number: Any,
        counts: Any, total: Any, rows: int, size: int,
    ) -> Any:  # fmt: skip
        """Add the gradients of pieces of one batch to those of the pieces before."""
        key = key_of(key, number)

        def add(index: Any, loop: Any) -> Any:
            (gradients, states), outputs = loop
            piece = data, start + index * rows, counts[index], total, position + index * size, rows, size
            a, more, states = self._gradients(carry._replace(states=states), frozen, key, *piece)
            outputs = jax.lax.dynamic_update_index_in_dim(outputs, a, index, 0)
            return (tuple(old + new for old, new in zip(gradients, more, strict=True)), states), outputs

        return jax.lax.fori_loop(0, jnp.count_nonzero(counts), add, (sums, self._no_outputs(counts, rows)))

    def summed(self, gradients: Arrays) -> Arrays:
        """Return the sums of gradients over all processes."""
        return gradients

    @staticmethod
    def gather(data: Any, rows: Any) -> Any:
        """Return some rows of data."""
        return {name: values.at[rows].get(mode="promise_in_bounds") for name, values in data.items()}

    @staticmethod
    def place(data: Any, more: Any) -> Any:
        """Return data with others in place of its first rows."""
        return {name: jax.lax.dynamic_update_slice_in_dim(data[name], more[name], 0, 0) for name in data}

    def _gradients(
        self, carry: Carry, frozen: Arrays, key: Any, data: Any, start: Any, count: Any, total: Any, position: Any,
        rows: int, size: int,
    ) -> Any:  # fmt: skip
        """Return outputs, gradients and layers' states of ``rows`` of which ``count`` count, ``position`` in a batch.

        In all processes there are ``size``.
        """
        del size
        piece = {name: jax.lax.dynamic_slice_in_dim(values, start, rows) for name, values in data.items()}
        return self.gradients(carry, frozen, piece, jnp.arange(rows) < count, total, KeyRandom(key, position))

    def _no_outputs(self, counts: Any, rows: int) -> Any:
        return jnp.zeros((len(counts), rows, self.network.outputs), self.network.dtype)
