"""What is compiled: the parts as they are, gradients of pieces of a batch, and many updates one after the other."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from modnet import TrainingPlan
from modnet.engines.compiled.functions import Arrays, ParameterArrays, Pass, RuleArrays, penalty, with_penalties
from modnet.engines.compiled.parts import Parts
from modnet.engines.compiled.programs import Carry
from modnet_jax.randomness import KeyRandom, key_of

__all__ = ["Program"]


class Program:
    """The functions of one training that are compiled, and what they are made of.

    ``data`` are rows x, targets y and perhaps weights w of this process. Samples lie in it one after the other from
    ``start``. An update's gradient is that of the mean cost, so ``total`` is what all samples of its batch weigh.
    """

    def __init__(self, plan: TrainingPlan, parts: Parts) -> None:
        self._network, self._parts = plan.network, parts
        self._classes, self._sums_penalties = plan.samples.targets.classes, plan.config.cost_with_penalty
        self.parameters = ParameterArrays(plan.network)
        self.rule = RuleArrays(parts.rule, plan.network, self.parameters)
        self.calls = parts.calls
        self._pass = Pass(parts.layers, parts.cost, [layer.is_trained for layer in plan.network.layers])

    def updates(
        self, carry: Carry, frozen: Arrays, data: Any, start: Any, first: Any, key: Any, updates: Any, batch: int,
        size: int,
    ) -> Any:  # fmt: skip
        """Make updates, each with the ``batch`` samples after those of the one before.

        Args:
            carry: The state before them.
            frozen: The arrays of θ that are not trained.
            data: See above.
            start: Where the samples begin.
            first: The number of updates made before.
            key: The key of all randomness.
            updates: Of each update, as many as there may be: how many of its samples count, what its batch weighs,
                its learning rate and its momentum or None. One without samples, and all after it, are not made.
            batch: How many samples lie in data for each.
            size: How many its batch has, in all processes.

        Returns:
            The state after them, the outputs as the updates saw them, (updates, batch, outputs), the sum of penalties,
            and whether all numbers are finite.
        """
        counts, totals, rates, momenta = updates
        outputs = jnp.zeros((len(counts), batch, self._network.outputs), self._network.dtype)

        def update(index: Any, loop: Any) -> Any:
            carry, outputs, penalties = loop
            total, number = totals[index], first + index
            piece = data, start + index * batch, counts[index], total, 0, batch, size
            a, gradients, states = self._gradients(carry, frozen, key_of(key, number), *piece)
            outputs = jax.lax.dynamic_update_index_in_dim(outputs, a.astype(outputs.dtype), index, 0)
            momentum = None if momenta is None else momenta[index]
            after, added = self.apply(carry, self.summed(gradients), states, number, total, rates[index], momentum)
            return after, outputs, penalties + added

        begin = carry, outputs, jnp.zeros((), jnp.float64)
        # the number of updates is no constant, so that every block runs the same instructions
        carry, outputs, penalties = jax.lax.fori_loop(0, jnp.count_nonzero(counts), update, begin)
        return carry, outputs, penalties, self._is_finite(carry)

    def accumulate(
        self, sums: Any, carry: Carry, frozen: Arrays, data: Any, start: Any, position: Any, key: Any, update: Any,
        counts: Any, total: Any, rows: int, size: int,
    ) -> Any:  # fmt: skip
        """Add the gradients of pieces of one batch to ``sums``, a pair of gradients and of layers' states.

        Args:
            sums: What the pieces before gave.
            carry: The state before the update.
            frozen: The arrays of θ that are not trained.
            data: See above.
            start: Where the samples begin.
            position: How many samples of the batch come before them.
            key: The key of all randomness.
            update: The number of updates made before.
            counts: How many samples of each piece count, as many as there may be.
            total: What the batch weighs.
            rows: How many samples lie in data for each piece.
            size: How many a piece has, in all processes.

        Returns:
            The sums, and the outputs, (pieces, rows, outputs).
        """
        outputs = jnp.zeros((len(counts), rows, self._network.outputs), self._network.dtype)
        key = key_of(key, update)

        def add(index: Any, loop: Any) -> Any:
            (gradients, states), outputs = loop
            piece = data, start + index * rows, counts[index], total, position + index * size, rows, size
            a, more, states = self._gradients(carry._replace(states=states), frozen, key, *piece)
            outputs = jax.lax.dynamic_update_index_in_dim(outputs, a.astype(outputs.dtype), index, 0)
            return (tuple(old + new for old, new in zip(gradients, more, strict=True)), states), outputs

        return jax.lax.fori_loop(0, jnp.count_nonzero(counts), add, (sums, outputs))

    def apply(
        self, carry: Carry, gradients: Arrays, states: Any, number: Any, total: Any, rate: Any, momentum: Any
    ) -> tuple[Carry, Any]:
        """Return the state after an update with gradients of the mean cost, and its penalty, times the total."""
        weights = carry.theta[: self.parameters.regularized]
        added = total * penalty(self._parts.regularizers, weights, total) if self._sums_penalties else jnp.float64(0)
        return self.step(carry, self.penalized(carry, gradients, total), states, number, rate, momentum), added

    def finish(self, *args: Any) -> Any:
        """Return what `apply` does, and whether all numbers are finite."""
        carry, added = self.apply(*args)
        return carry, added, self._is_finite(carry)

    def penalized(self, carry: Carry, gradients: Arrays, total: Any) -> Arrays:
        """Return gradients with those of the penalties."""
        weights = carry.theta[: self.parameters.regularized]
        return with_penalties(gradients, self._parts.regularizers, weights, total)

    def step(self, carry: Carry, gradients: Arrays, states: Any, number: Any, rate: Any, momentum: Any) -> Carry:
        """Return the state after an update with gradients that include those of the penalties."""
        theta, rule = self.rule.update(carry.theta, gradients, carry.rule, rate, momentum, number)
        return Carry(theta, rule, states)

    def summed(self, gradients: Arrays) -> Arrays:
        """Return the sums of gradients over all processes."""
        return gradients

    @staticmethod
    def gather(data: Any, rows: Any) -> Any:
        """Return some rows of data, one after the other."""
        return {name: values.at[rows].get(mode="promise_in_bounds") for name, values in data.items()}

    def _gradients(
        self, carry: Carry, frozen: Arrays, key: Any, data: Any, start: Any, count: Any, total: Any, position: Any,
        rows: int, size: int,
    ) -> Any:  # fmt: skip
        """Return outputs, gradients and layers' states of ``count`` samples from ``start``, in a slice of ``rows``.

        Where the data ends before the slice does, the slice begins earlier. What does not count is multiplied by 0.
        """
        del size
        begin = jnp.minimum(start, data["x"].shape[0] - rows)
        piece = {name: jax.lax.dynamic_slice_in_dim(values, begin, rows) for name, values in data.items()}
        index = begin - start + jnp.arange(rows)
        scale = jnp.where((index >= 0) & (index < count), piece.get("w", 1.0) / jnp.where(total > 0, total, 1), 0)
        parameters = self.parameters.by_layer((*carry.theta, *frozen))
        targets, rng = self._targets(piece["y"]), KeyRandom(key, position + begin - start)
        column = scale.astype(self._network.dtype)[:, None]
        a, gradients, states = self._pass(parameters, carry.states, piece["x"], targets, column, rng)
        return a, self.parameters.of_gradients(gradients), states

    def _targets(self, y: Any) -> Any:
        """Return targets as the cost takes them: of classes, 1 at the class, or a column of 0 and 1."""
        if self._classes is None:
            return y
        if len(self._classes) <= 2 and self._network.target_width == 1:
            return y[:, None].astype(self._network.dtype)
        return (y[:, None] == jnp.arange(len(self._classes), dtype=y.dtype)).astype(self._network.dtype)

    @staticmethod
    def _is_finite(carry: Carry) -> Any:
        floats = [leaf for leaf in jax.tree.leaves(carry[:2]) if jnp.issubdtype(leaf.dtype, jnp.floating)]
        return jnp.stack([jnp.isfinite(leaf).all() for leaf in floats]).all()
