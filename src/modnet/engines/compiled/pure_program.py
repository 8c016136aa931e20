"""What the programs of a training have in common: one gradient and one update, as pure functions of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modnet.core.arrays import Array, namespace
from modnet.core.interfaces import Random, TrainingPlan
from modnet.engines.compiled.functions import Arrays, ParameterArrays, Pass, RuleArrays, penalty, with_penalties
from modnet.engines.compiled.parts import Parts
from modnet.engines.compiled.programs import Carry

__all__ = ["PureProgram"]


class PureProgram:
    """The functions that need no loop; a library's program adds those that do, as `Programs` describes them.

    Attributes:
        network: The network, for its sizes and its dtype.
        parameters: The arrays of θ.
        rule: The update rule.
        calls: The calls of Python.
    """

    def __init__(self, plan: TrainingPlan, parts: Parts) -> None:
        self.network, self.calls, self._regularizers = plan.network, parts.calls, parts.regularizers
        self._classes, self._sums_penalties = plan.samples.targets.classes, plan.config.cost_with_penalty
        self.parameters = ParameterArrays(plan.network)
        self.rule = RuleArrays(parts.rule, plan.network, self.parameters)
        self._pass = Pass(parts.layers, parts.cost, [layer.is_trained for layer in plan.network.layers])

    def gradients(
        self, carry: Carry, frozen: Arrays, piece: Mapping[str, Array], counts: Array, total: Array, rng: Random
    ) -> tuple[Array, Arrays, list[dict[str, Array]]]:
        """Return outputs, gradients of the mean cost, and the layers' states after a pass.

        Args:
            carry: The state before the update.
            frozen: The arrays of θ that are not trained.
            piece: Rows x, their targets y, and perhaps their weights w.
            counts: Whether each row counts, bools: others stand in for rows that are missing.
            total: What all samples of the update weigh.
            rng: The source of the layers' randomness.
        """
        xp, dtype = namespace(counts), self.network.dtype
        scale = xp.where(counts, piece.get("w", 1.0) / xp.where(total > 0.0, total, 1.0), 0.0)
        column = xp.astype(xp.reshape(scale, (-1, 1)), dtype)
        parameters = self.parameters.by_layer((*carry.theta, *frozen))
        a, gradients, states = self._pass(parameters, carry.states, piece["x"], self._targets(piece["y"]), column, rng)
        return xp.astype(a, dtype), self.parameters.of_gradients(gradients), states

    def outputs(self, carry: Carry, frozen: Arrays, data: Mapping[str, Array]) -> Array:
        """Return the outputs of rows x."""
        a = self._pass.outputs(self.parameters.by_layer((*carry.theta, *frozen)), carry.states, data["x"])
        return namespace(a).astype(a, self.network.dtype)

    def apply(
        self, carry: Carry, gradients: Arrays, states: Any, number: Any, total: Any, rate: Any, momentum: Any
    ) -> tuple[Carry, Any]:
        """Return the state after an update with gradients of the mean cost, and its penalty, times the total."""
        weights = carry.theta[: self.parameters.regularized]
        added = total * penalty(self._regularizers, weights, total) if self._sums_penalties else 0.0 * total
        return self.step(carry, self.penalized(carry, gradients, total), states, number, rate, momentum), added

    def finish(self, *args: Any) -> tuple[Carry, Any, Any]:
        """Return what `apply` does, and whether all numbers are finite."""
        carry, added = self.apply(*args)
        return carry, added, self.is_finite(carry)

    def penalized(self, carry: Carry, gradients: Arrays, total: Any) -> Arrays:
        """Return gradients with those of the penalties."""
        return with_penalties(gradients, self._regularizers, carry.theta[: self.parameters.regularized], total)

    def step(self, carry: Carry, gradients: Arrays, states: Any, number: Any, rate: Any, momentum: Any) -> Carry:
        """Return the state after an update with gradients that include those of the penalties."""
        theta, rule = self.rule.update(carry.theta, gradients, carry.rule, rate, momentum, number)
        return Carry(theta, rule, states)

    @staticmethod
    def is_finite(carry: Carry) -> Array:
        """Return whether θ, and what the rule keeps of it, are finite."""
        xp, (pieces, _) = namespace(carry.theta[0]), carry.rule
        arrays = [*carry.theta, *(value for piece in pieces for value in piece.values())]
        return xp.all(xp.stack([xp.all(xp.isfinite(array)) for array in arrays]))

    def _targets(self, y: Array) -> Array:
        """Return targets as the cost takes them: of classes, 1 at the class, or a column of 0 and 1."""
        if self._classes is None:
            return y
        xp, count = namespace(y), len(self._classes)
        if count <= 2 and self.network.target_width == 1:
            return xp.astype(y[:, None], self.network.dtype)
        return xp.astype(y[:, None] == xp.arange(count, dtype=y.dtype), self.network.dtype)
