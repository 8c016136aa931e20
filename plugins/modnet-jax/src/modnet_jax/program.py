"""What is compiled: forward and backward through the parts as they are, and many updates one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from modnet import LayerContext, TrainingPlan
from modnet.network.network import Network
from modnet_jax.layout import ParameterArrays, RuleArrays
from modnet_jax.randomness import KeyRandom

__all__ = ["Carry", "Program"]


class Carry(NamedTuple):
    """What updates change, on the device; the number of updates is counted beside it.

    Attributes:
        theta: The arrays of θ that are trained.
        rule: The rule's state.
        states: The layers' states.
    """

    theta: Any
    rule: Any
    states: Any


class Piece(NamedTuple):
    """Samples that go through the network together.

    Attributes:
        x: Rows, as many as the program was compiled for.
        y: Their targets.
        scale: What each one's cost is multiplied by, a column: 0 for those that do not count.
        first: The position in the batch of the first of them.
    """

    x: Any
    y: Any
    scale: Any
    first: Any


class Program:
    """The functions of one training that are compiled. All numbers of rows below are those of this process."""

    def __init__(self, plan: TrainingPlan) -> None:
        self._network: Network = plan.network
        self._targets, self._sums_penalties = plan.samples.targets, plan.config.cost_with_penalty
        self.parameters = ParameterArrays(plan.network)
        self.rule = RuleArrays(plan.config.optimizer.rule, plan.network, self.parameters)
        layers = plan.network.layers
        self._lowest = next((index for index, layer in enumerate(layers) if layer.is_trained), 0)

    def updates(
        self, carry: Carry, fixed: Any, data: Any, start: Any, stop: Any, rates: Any, momenta: Any, totals: Any,
        first: Any, key: Any, batch: int,
    ) -> Any:  # fmt: skip
        """Make the updates with the rows from ``start`` to ``stop``, ``batch`` in each.

        Args:
            carry: The state before them.
            fixed: The arrays of θ that are frozen.
            data: Rows, targets and perhaps weights.
            start: The first row.
            stop: The row after the last.
            rates: The learning rates, as many as there are updates at most.
            momenta: The momenta, or None.
            totals: The sums of the weights of the updates' samples.
            first: How many updates have been made before.
            key: The key of all randomness.
            batch: How many rows feed an update; the last may have fewer.

        Returns:
            The state after them, the outputs as the updates saw them, (updates, batch, outputs), the sum of penalties,
            and whether all numbers are finite.
        """
        width = self._network.outputs
        outputs = jnp.zeros((rates.shape[0], batch, width), self.parameters.dtype)

        def update(index: Any, loop: Any) -> Any:
            carry, outputs, penalties = loop
            piece = self._piece(data, start + index * batch, stop, totals[index], 0, batch)
            a, gradients, states = self._gradient(carry, fixed, piece, jax.random.fold_in(key, first + index))
            outputs = jax.lax.dynamic_update_index_in_dim(outputs, a.astype(outputs.dtype), index, 0)
            momentum = None if momenta is None else momenta[index]
            carry, penalty = self.apply(
                carry, gradients, states, rates[index], momentum, totals[index], first + index
            )
            return carry, outputs, penalties + penalty

        count = (stop - start + batch - 1) // batch
        carry, outputs, penalties = jax.lax.fori_loop(0, count, update, (carry, outputs, jnp.zeros((), jnp.float64)))
        return carry, outputs, penalties, self._is_finite(carry)

    def accumulate(
        self, sums: Any, carry: Carry, fixed: Any, data: Any, start: Any, stop: Any, first: Any, total: Any, key: Any,
        pieces: int, rows: int,
    ) -> Any:  # fmt: skip
        """Add the gradients of a part of a batch to ``sums``: a pair of gradients and layers' states.

        Args:
            sums: What earlier parts gave.
            carry: The state before the update.
            fixed: The arrays of θ that are frozen.
            data: Rows, targets and perhaps weights.
            start: The first row of the part.
            stop: The row after its last.
            first: The position in the batch of the first row.
            total: The sum of the weights of the batch.
            key: The key of the update.
            pieces: How many pieces there are at most.
            rows: How many rows a piece has.

        Returns:
            The sums, and the outputs, (pieces, rows, outputs).
        """
        outputs = jnp.zeros((pieces, rows, self._network.outputs), self.parameters.dtype)

        def add(index: Any, loop: Any) -> Any:
            (gradients, states), outputs = loop
            piece = self._piece(data, start + index * rows, stop, total, first + index * rows, rows)
            a, more, states = self._gradient(carry._replace(states=states), fixed, piece, key)
            outputs = jax.lax.dynamic_update_index_in_dim(outputs, a.astype(outputs.dtype), index, 0)
            return (tuple(old + new for old, new in zip(gradients, more, strict=True)), states), outputs

        return jax.lax.fori_loop(0, (stop - start + rows - 1) // rows, add, (sums, outputs))

    def apply(
        self, carry: Carry, gradients: Any, states: Any, rate: Any, momentum: Any, total: Any, updates: Any
    ) -> tuple[Carry, Any]:
        """Return the state after an update with the gradients of the mean cost, and what penalties were, summed."""
        theta, penalty = carry.theta, jnp.zeros((), jnp.float64)
        if self._sums_penalties:
            penalty = total * self._penalty(theta, total)
        gradients = self.with_penalties(theta, gradients, total)
        new, rule = self.rule.update(theta, gradients, carry.rule, rate, momentum, updates)
        return Carry(new, rule, states), penalty

    def with_penalties(self, theta: Any, gradients: Any, total: Any) -> Any:
        """Return gradients with those of the regularizers added."""
        count, regularizers = self.parameters.regularized, self._network.regularizers
        if not regularizers or not count:
            return gradients
        weights = jnp.concatenate([array.reshape(-1) for array in theta[:count]])
        added = sum(self._divided(part.gradient(weights), part, total) for part in regularizers)
        split = self.parameters.split(added)[:count]
        return (*(old + new.astype(old.dtype) for old, new in zip(gradients, split, strict=False)), *gradients[count:])

    def apply_once(self, carry: Carry, gradients: Any, states: Any, rate: Any, momentum: Any, updates: Any) -> Carry:
        """Return the state after an update with gradients that have their penalties."""
        theta, rule = self.rule.update(carry.theta, gradients, carry.rule, rate, momentum, updates)
        return Carry(theta, rule, states)

    def _penalty(self, theta: Any, total: Any) -> Any:
        count, regularizers = self.parameters.regularized, self._network.regularizers
        if not regularizers or not count:
            return jnp.zeros(())
        weights = jnp.concatenate([array.reshape(-1) for array in theta[:count]])
        return sum(self._divided(part(weights), part, total) for part in regularizers)

    @staticmethod
    def _divided(value: Any, regularizer: Any, total: Any) -> Any:
        if not regularizer.divide_by_batch:
            return value
        return jnp.where(total > 0, value / jnp.where(total > 0, total, 1).astype(value.dtype), 0)

    def _piece(self, data: Any, start: Any, stop: Any, total: Any, first: Any, rows: int) -> Piece:
        """Return the rows from ``start``, fewer where ``stop`` comes before: others stand in, and do not count."""
        begin = jnp.minimum(start, data["x"].shape[0] - rows)  # as slices beyond the end do
        x, y = (jax.lax.dynamic_slice_in_dim(data[name], begin, rows) for name in ("x", "y"))
        position = begin + jnp.arange(rows)
        counts = (position >= start) & (position < stop)
        weights = jax.lax.dynamic_slice_in_dim(data["w"], begin, rows) if "w" in data else 1.0
        scale = jnp.where(counts, weights / jnp.where(total > 0, total, 1), 0).astype(self.parameters.dtype)
        return Piece(x, self._one_hot(y), scale[:, None], first + begin - start)

    def _one_hot(self, y: Any) -> Any:
        """Return targets as rows: those of classes are 1 at the class, or a column of 0 and 1."""
        classes = self._targets.classes
        if classes is None:
            return y
        if len(classes) <= 2 and self._network.target_width == 1:
            return y[:, None].astype(self.parameters.dtype)
        return (y[:, None] == jnp.arange(len(classes), dtype=y.dtype)).astype(self.parameters.dtype)

    def _gradient(self, carry: Carry, fixed: Any, piece: Piece, key: Any) -> Any:
        """Return outputs, gradients of what is trained, and the layers' states after a pass."""
        layers, rng = self._network.layers, KeyRandom(key, piece.first)
        named = self.parameters.by_layer((*carry.theta, *fixed))
        passes: list[LayerContext] = []
        a = piece.x
        for index, (layer, own) in enumerate(zip(layers, named, strict=True)):
            ctx = LayerContext(
                own,
                state=dict(carry.states[index]),
                rng=rng,
                training=True,
                is_first=index == self._lowest,
                layer=layer.component,
                trainable=layer.component.trainable,
            )
            ctx.x = a
            ctx.z = a = layer.component.forward(a, ctx)
            if layer.activation is not None:
                a = layer.activation(a)
            ctx.a = a
            passes.append(ctx)
        last = layers[-1]
        delta = self._network.cost.delta(last.activation, passes[-1].z, a, piece.y) * piece.scale
        gradients: list[Mapping[str, Any]] = [{} for _ in layers]
        for index in range(len(layers) - 1, self._lowest - 1, -1):
            ctx = passes[index]
            ctx.delta = delta
            delta, gradients[index] = layers[index].component.backward(delta, ctx)
            if index > self._lowest:
                below = layers[index - 1].activation
                delta = delta if below is None else below.backward(delta, passes[index - 1].z, passes[index - 1].a)
        states = [
            {name: jnp.asarray(ctx.state[name]).astype(value.dtype) for name, value in old.items()}
            for ctx, old in zip(passes, carry.states, strict=True)
        ]
        return a, self.parameters.of_gradients(gradients), states

    @staticmethod
    def _is_finite(carry: Carry) -> Any:
        floats = [leaf for leaf in jax.tree.leaves(carry[:2]) if jnp.issubdtype(leaf.dtype, jnp.floating)]
        return jnp.stack([jnp.isfinite(leaf).all() for leaf in floats]).all()
