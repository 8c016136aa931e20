"""What a checkpoint says of a training beside its network, checked when it is read."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError

from modnet.config.load import explain
from modnet.core.errors import ModelFileError
from modnet.data.files import display_path
from modnet.storage.checkpoint import Checkpoint

__all__ = ["AccumulatorState", "CallbackState", "EpochProgress", "State", "TrainState"]

Count = Annotated[int, Field(ge=0)]
Array = InstanceOf[np.ndarray[Any, Any]]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def plain(self) -> dict[str, Any]:
        """Return the fields as dicts and lists; arrays and what others keep stay the objects that they are."""
        return {name: _plain(value) for name, value in self}


def _plain(value: Any) -> Any:
    if isinstance(value, _Checked):
        return value.plain()
    return [_plain(item) for item in value] if type(value) is list else value


class TrainState(_Checked):
    """Everything that an update changes."""

    parameters: Array
    rule_state: dict[str, Any]
    layer_states: list[dict[str, Array]]
    layer_randomness: list[dict[str, Any]]
    updates: Count


class AccumulatorState(_Checked):
    """What a tally has added up."""

    total: float
    samples: Count
    partials: list[Array | None]


class EpochProgress(_Checked):
    """Where in an epoch a training is, and what the epoch began with.

    Attributes:
        start: What an update changes, as it was at the epoch's start.
        sweep: Which sweep of the epoch is in progress, counted from 1; 0 where none is.
        rows: How many of the sweep's samples are in ``sums``.
        outputs: The outputs of the samples after these, as their updates saw them; None where there are none.
        sums: The tally's.
        seconds: How long the epoch has lasted.
    """

    start: TrainState
    sweep: Count
    rows: Count
    outputs: Array | None
    sums: AccumulatorState
    seconds: float


class CallbackState(_Checked):
    """What the listener of one callback keeps."""

    kind: str
    memory: Any


class State(_Checked):
    """A training, beside its network.

    Attributes:
        now: What an update changes; in a file, θ and the layers' state are the network's.
        epochs: How many epochs have ended.
        heard: Of how many updates the listeners have heard.
        lanes: Among how many lanes the samples of an update are shared.
        order: The state of the generator of the samples' order: that of the epoch's start where there is a ``place``.
        memory: What the optimizer keeps, of the same moment.
        history: The rows of the epochs that ended.
        listeners: What the listeners keep, in the order of their callbacks.
        data: A SHA-256 of the samples of each part.
        seconds: How long the training has lasted.
        stopped: Why it ended before its last epoch, or None.
        place: Where in an epoch it is; None between two.
    """

    now: TrainState
    epochs: Count
    heard: Count
    lanes: Annotated[int, Field(ge=1)]
    order: dict[str, Any]
    memory: dict[Any, Any]
    history: list[dict[str, Any]]
    listeners: list[CallbackState]
    data: dict[str, str]
    seconds: float
    stopped: str | None
    place: EpochProgress | None

    def to_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds beside its network: plain values and arrays, without θ and layers' states."""
        nothing = np.empty(0, dtype=self.now.parameters.dtype)
        now = self.now.model_copy(update={"parameters": nothing, "layer_states": []})
        return self.model_copy(update={"now": now}).plain()

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> State:
        """Return the state in a checkpoint.

        Raises:
            ModelFileError: it is not one.
        """
        network = checkpoint.network
        try:
            state = cls.model_validate(checkpoint.state)
        except ValidationError as error:
            problem = " ".join(explain(error).split())
            raise ModelFileError(f"{display_path(checkpoint.path)}: {problem} (in its state)") from None
        layer_states = [layer.state for layer in network.layers]
        now = state.now.model_copy(update={"parameters": network.parameters, "layer_states": layer_states})
        return state.model_copy(update={"now": now})
