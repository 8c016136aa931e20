"""Sessions with sparse rows: W of the first layer lies as features × units, as a product with sparse rows wants it.

Where θ has it as units × features, every product copies all of W, or of its gradient. So such a session has a θ of its
own, and exchanges numbers with the network's where somebody else sees or writes them: around every block of updates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from modnet.core.interfaces import Block, TrainingPlan, TrainState
from modnet.core.interfaces.engine import OnOutputs, OnUpdate, Rows
from modnet.data.row_source import ArrayOrSource
from modnet.data.sparse_rows import SparseRows
from modnet.engines.numpy.session import NumpySession
from modnet.network.network import Network, Vector

__all__ = ["SidewaysSession"]


class _SidewaysNetwork(Network):
    """A network whose first layer's W lies on its side in θ, and in every vector like it."""

    @classmethod
    def of(cls, network: Network) -> Self:
        """Return a network of the same layers, with their states."""
        layers = [layer.component for layer in network.layers]
        made = cls(layers, network.input_shape, network.cost, network.regularizers, network.dtype.name)
        for layer, other in zip(made.layers, network.layers, strict=True):
            layer.state = other.state
        return made

    def views(self, vector: Vector) -> list[dict[str, Vector]]:
        """Return views of the parameters, with their usual shapes."""
        views = super().views(vector)
        for name, view in views[0].items():
            if view.ndim == 2:
                views[0][name] = view.reshape(view.shape[::-1]).T
        return views


class SidewaysSession(NumpySession):
    """A session with sparse rows.

    Args:
        plan: As of `NumpySession`.
        threads: As of `NumpySession`.
    """

    @staticmethod
    def suits(plan: TrainingPlan) -> bool:
        """Return whether rows are sparse, and rule and penalties do not depend on the order of θ."""
        parts = plan.config.optimizer.rule, *plan.network.regularizers
        return isinstance(plan.samples.x, SparseRows) and all(part.elementwise for part in parts)

    def __init__(self, plan: TrainingPlan, threads: int | None = None) -> None:
        self._upright: Network = plan.network
        self._sideways = _SidewaysNetwork.of(plan.network)
        super().__init__(replace(plan, network=self._sideways), threads)

    @property
    def rule_state(self) -> dict[str, Any]:
        """The update rule's state."""
        return self._turned(super().rule_state, self._sideways, self._upright)

    def state(self) -> TrainState:
        """Return a copy of everything that an update changes."""
        state = super().state()
        rule_state = self._turned(state.rule_state, self._sideways, self._upright)
        return replace(state, parameters=self._upright.parameters.copy(), rule_state=rule_state)

    def restore(self, state: TrainState) -> None:
        """Go to a state."""
        theta = _turn(state.parameters, self._upright, self._sideways)
        rule_state = self._turned(state.rule_state, self._upright, self._sideways)
        super().restore(replace(state, parameters=theta, rule_state=rule_state))
        self._push()

    def run(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None = None) -> bool:
        """Make a block's updates, and return whether costs, θ and the rule's state are finite."""

        def announce() -> None:
            self._push()
            if on_update is not None:
                on_update()
            self._pull()  # a listener may have written to θ

        self._pull()
        try:
            return super().run(block, on_outputs, None if on_update is None else announce)
        finally:
            self._push()

    def value_and_grad(self, rows: Rows | None = None) -> tuple[float, Vector]:
        """Return the mean cost at θ, penalties included, and its gradient, a new array."""
        self._pull()
        cost, gradient = super().value_and_grad(rows)
        return cost, _turn(gradient, self._sideways, self._upright)

    def apply_gradient(self, gradient: Vector, rate: float, momentum: float | None = None) -> None:
        """Make one update by the configured rule; randomness and the layers' state advance."""
        self._pull()
        super().apply_gradient(_turn(gradient, self._upright, self._sideways), rate, momentum)
        self._push()

    def outputs(self, x: ArrayOrSource) -> Iterator[Vector]:
        """Yield the network's outputs at θ."""
        self._pull()
        return super().outputs(x)

    def _pull(self) -> None:
        """Take the network's θ."""
        self._sideways.parameters[...] = _turn(self._upright.parameters, self._upright, self._sideways)

    def _push(self) -> None:
        """Give the network this session's θ."""
        self._upright.parameters[...] = _turn(self._sideways.parameters, self._sideways, self._upright)

    def _turned(self, state: Mapping[str, Any], source: Network, target: Network) -> dict[str, Any]:
        """Return a rule's state in which what lies as θ in one network lies as in the other."""
        trained = (self._upright.trainable,)
        return {
            name: _turn(value, source, target) if np.shape(value) == trained else value for name, value in state.items()
        }


def _turn(vector: Vector, source: Network, target: Network) -> Vector:
    """Return a vector like θ, or like its trained part, of one network as it lies in another."""
    turned = np.empty_like(vector)
    for given, wanted in zip(source.views(vector), target.views(turned), strict=True):
        for name, values in given.items():
            wanted[name][...] = values
    return turned
