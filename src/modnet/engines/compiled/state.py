"""The state of a training on a device, in step with that of its network on the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from modnet.core.interfaces import TrainingPlan, TrainState
from modnet.core.random import Stream, generator
from modnet.engines.compiled.functions import ParameterArrays, RuleArrays, join
from modnet.engines.compiled.programs import Carry, Programs
from modnet.network.network import Network

__all__ = ["DeviceState"]


class DeviceState:
    """θ, the states of rule and layers, and randomness.

    θ and the layers' states are on the device, and after `publish` in the network, too. What is written to them there
    is noticed by `take_over`.

    Attributes:
        carry: What updates change.
        frozen: The arrays of θ that are not trained.
        key: The two numbers from which all randomness follows.
        updates: How many updates have been made.
    """

    def __init__(self, plan: TrainingPlan, programs: Programs, parameters: ParameterArrays, rule: RuleArrays) -> None:
        self._network: Network = plan.network
        self._programs, self._parameters, self._rule = programs, parameters, rule
        self.key = generator(plan.config.seed, Stream.LAYERS).integers(0, 1 << 32, 2, np.uint32)
        self.updates = 0
        self._seen: list[Any] = []
        self._upload(rule.split(rule.initial))

    @property
    def rule_state(self) -> dict[str, Any]:
        """The rule's state, on the host."""
        return self._rule.join(self.carry.rule)

    def copy(self) -> TrainState:
        """Return a copy of it all."""
        network, randomness = self._network, {"kind": "key", "key": self.key.copy()}
        return TrainState(
            network.parameters.copy(), self.rule_state, network.layer_states(), [randomness], self.updates
        )

    def restore(self, state: TrainState) -> None:
        """Go to a state.

        Raises:
            KeyError: its randomness is another engine's.
            ValueError: its key has another shape.
        """
        (randomness,) = state.randomness
        key = np.array(randomness["key"], np.uint32)
        if key.shape != self.key.shape:
            raise ValueError(f"a key of shape {key.shape}; expected {self.key.shape}")
        self._network.parameters[...] = state.parameters
        self._network.load_layer_states(state.layer_states)
        self._upload(self._rule.split({name: np.array(value) for name, value in state.rule_state.items()}))  # copies
        self.key, self.updates = key, state.updates

    def take_over(self) -> None:
        """Take over what was written to the network since `publish`."""
        pairs = zip(self._seen, self._on_host(), strict=True)
        if not all(np.array_equal(_bytes(seen), _bytes(now)) for seen, now in pairs):
            self._upload(self.carry.rule)

    def publish(self) -> None:
        """Write θ and the layers' states to the network."""
        network = self._network
        network.parameters[: network.trainable] = join(self.carry.theta)
        states: list[Mapping[str, Any]] = [
            {name: np.asarray(value) for name, value in state.items()} for state in self.carry.states
        ]
        network.load_layer_states(states)
        self._seen = [value.copy() for value in self._on_host()]

    def _upload(self, rule: Any) -> None:
        self._seen = [value.copy() for value in self._on_host()]
        arrays, count = self._parameters.split(self._seen[0]), self._parameters.trained
        states = self._network.layer_states()
        self.frozen = self._programs.put(arrays[count:])
        self.carry = Carry(*self._programs.put((arrays[:count], rule, states)))

    def _on_host(self) -> list[Any]:
        states = [value for layer in self._network.layers for value in layer.state.values()]
        return [self._network.parameters, *states]


def _bytes(array: Any) -> Any:
    return array.reshape(-1).view(np.uint8)
