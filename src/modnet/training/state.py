"""The state of a training in a checkpoint, beside its network, and its schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError

from modnet.config.load import explain
from modnet.core.errors import ModelFileError
from modnet.core.interfaces import UpdateRule
from modnet.core.interfaces.engine import TrainState
from modnet.network.network import Network
from modnet.storage.checkpoint import Checkpoint

__all__ = ["TrainingState", "check_fits"]

Count = Annotated[int, Field(ge=0)]
Array = InstanceOf[np.ndarray[Any, Any]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class AccumulatorState(_Strict):
    """What a `modnet.network.evaluate.MetricAccumulator` has added up."""

    total: float
    weight: float
    samples: Count
    partials: list[Array | None]


class EpochProgress(_Strict):
    """The position within an epoch.

    Attributes:
        first_update: How many updates had been made at the start of the epoch.
        sweep: Which sweep is in progress, from 0.
        rows: How many of its samples have been processed.
        rate: The learning rate of the epoch's first update, or None before it.
        metrics: Cost and metrics of these samples.
        penalties: The sum of the penalties of their updates, each times what its samples weigh.
        seconds: How long the epoch has lasted.
    """

    first_update: Count
    sweep: Count
    rows: Count
    rate: float | None
    metrics: AccumulatorState
    penalties: float
    seconds: float


class ListenerState(_Strict):
    """The state of one callback's listener."""

    kind: str
    state: Any


class TrainingState(_Strict):
    """A training, beside its network: θ and the layers' state are the network's.

    Attributes:
        rule_state: The update rule's state, by name.
        randomness: The states of the random generators that layers draw from.
        updates: How many updates have been made.
        epochs: How many epochs have been completed.
        fingerprint: What the last bits of the results depend on: see `modnet.training.fingerprint`.
        order: The state of the generator of the samples' order: that of the epoch's start where there is ``progress``.
        optimizer_state: What the optimizer keeps, of the same moment.
        learning_rate_factor: What listeners have set the factor on the learning rate to.
        listeners: The states of the callbacks' listeners, in the order of the callbacks.
        seconds: How long the training has lasted.
        stopped: Why it ended before its last epoch, or None.
        progress: The position within an epoch, or None between two.
    """

    rule_state: dict[str, Any]
    randomness: list[dict[str, Any]]
    updates: Count
    epochs: Count
    fingerprint: dict[str, str | int | float]
    order: dict[str, Any]
    optimizer_state: dict[str, Any]
    learning_rate_factor: float
    listeners: list[ListenerState]
    seconds: float
    stopped: str | None
    progress: EpochProgress | None

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as dicts and lists of arrays and plain values, as a checkpoint takes them."""
        return {name: _plain(value) for name, value in self}

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> TrainingState:
        """Return the state in a checkpoint.

        Raises:
            ModelFileError: it is not one.
        """
        try:
            return cls.model_validate(checkpoint.state)
        except ValidationError as error:
            problem = " ".join(explain(error).split())
            raise ModelFileError(f"{checkpoint.path}: {problem} (in its state)") from None

    def train_state(self, network: Network) -> TrainState:
        """Return what an engine restores, with θ and the layers' state of the checkpoint's network."""
        return TrainState(
            parameters=network.parameters,
            rule_state=self.rule_state,
            layer_states=[layer.state for layer in network.layers],
            randomness=self.randomness,
            updates=self.updates,
        )


def _plain(value: Any) -> Any:
    if isinstance(value, _Strict):
        return {name: _plain(item) for name, item in value}
    return [_plain(item) for item in value] if type(value) is list else value


def check_fits(state: TrainState, current: TrainState, rule: UpdateRule, trainable: int) -> None:
    """Refuse a state that is not of the shapes of the current one: NumPy would stretch it, or a rule would fail.

    ``trainable`` is how many leading entries of θ the rule sees.

    Raises:
        ModelFileError: a shape, a dtype or a name differs.
    """
    theta = current.parameters[:trainable]
    initial = rule.init(theta)
    fits = (
        _form(state.parameters) == _form(current.parameters)
        and [_forms(arrays) for arrays in state.layer_states] == [_forms(arrays) for arrays in current.layer_states]
        and len(state.randomness) == len(current.randomness)
    )
    for name, value in initial.items():
        kept = state.rule_state.get(name)
        is_like_theta = _form(value) == _form(theta)
        fits = (
            fits
            and (not is_like_theta or _form(kept) == _form(value))
            and (type(value) is not int or type(kept) is int)
        )
    if not fits:
        raise ModelFileError("the state of rule or layers does not fit the network")


def _form(value: Any) -> tuple[Any, ...] | None:
    return (value.dtype, value.shape) if isinstance(value, np.ndarray) else None


def _forms(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _form(value) for name, value in arrays.items()}
