"""Where a training is: what an update changes, what an epoch began with, and the samples in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modnet.core.errors import ModelFileError
from modnet.core.interfaces import UpdateRule
from modnet.network.network import Network, Vector
from modnet.training.state import TrainState

__all__ = ["Block", "EpochStart", "capture", "restore", "validate"]


@dataclass(frozen=True)
class EpochStart:
    """What an epoch began with."""

    snapshot: TrainState
    order: dict[str, Any]
    memory: dict[str, Any]


@dataclass(frozen=True)
class Block:
    """Samples whose figures are not added up yet; ``before`` is of when ``done`` of them had been gone through."""

    x: Vector
    y: Vector
    outputs: Vector
    length: int
    before: TrainState
    done: int

    def rows(self, updates: int) -> slice:
        """Return the samples that have gone through since then, when there have been so many updates."""
        return slice(self.done, min(self.done + (updates - self.before.updates) * self.length, len(self.x)))


def capture(
    network: Network, rule_state: dict[str, Any], sources: Sequence[np.random.Generator], updates: int
) -> TrainState:
    """Return all that an update changes. A rule's state is never written to, so it is only kept."""
    return TrainState.model_construct(  # what is known to hold need not be checked
        parameters=network.parameters.copy(),
        rule_state=rule_state,
        layer_states=[{name: value.copy() for name, value in layer.state.items()} for layer in network.layers],
        layer_randomness=[dict(source.bit_generator.state) for source in sources],
        updates=updates,
    )


def restore(snapshot: TrainState, network: Network, sources: Sequence[np.random.Generator]) -> None:
    """Give a network and its sources of randomness what a snapshot has of them."""
    network.parameters[...] = snapshot.parameters
    for layer, state in zip(network.layers, snapshot.layer_states, strict=True):
        for name, value in state.items():
            layer.state[name][...] = value
    for source, randomness in zip(sources, snapshot.layer_randomness, strict=True):
        source.bit_generator.state = randomness


def validate(snapshot: TrainState, network: Network, rule: UpdateRule, sources: Sequence[np.random.Generator]) -> None:
    """Refuse what is not of the network's and the rule's shape: NumPy would stretch it, or fail in somebody's step.

    Raises:
        ModelFileError: a shape, a dtype or a name is another.
    """
    start = rule.init(network.parameters)
    like_theta = {name for name, value in start.items() if _form(value) == _form(network.parameters)}
    counts = {name for name, value in start.items() if type(value) is int}
    held = snapshot.rule_state
    if not (
        _form(snapshot.parameters) == _form(network.parameters)
        and [_forms(state) for state in snapshot.layer_states] == [_forms(layer.state) for layer in network.layers]
        and len(snapshot.layer_randomness) == len(sources)
        and all(_form(held.get(name)) == _form(network.parameters) for name in like_theta)
        and all(type(held.get(name)) is int for name in counts)
    ):
        raise ModelFileError("the state of rule or layers is not of the network's shape")


def _form(value: Any) -> tuple[Any, ...] | None:
    return (value.dtype, value.shape) if isinstance(value, np.ndarray) else None


def _forms(state: dict[str, Any]) -> dict[str, Any]:
    return {name: _form(value) for name, value in state.items()}
