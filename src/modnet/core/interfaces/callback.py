"""Callback, and the view of a training that its listener is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from modnet.core.arrays import Array
from modnet.core.component import Component
from modnet.core.interfaces.metric import Metric

__all__ = ["Callback", "TrainingView"]


class TrainingView(Protocol):
    """A training in progress, as the hooks of `modnet.core.plugins.hookspecs.Events` see it.

    Everything is read-only, with two exceptions: a listener may write to ``parameters`` (``parameters[...] = θ``), and
    may call `restore`.

    Attributes:
        epoch: The epoch in progress, counted from 0.
        epochs: How many epochs are completed.
        updates: How many updates have been made since the start of the training.
        history: One row for each completed epoch, as in ``history.jsonl``: epoch, learning rate, cost and metrics.
        stopped: Why the training stops before its last epoch, or None.
    """

    epoch: int
    epochs: int
    updates: int
    history: list[dict[str, Any]]
    stopped: str | None

    @property
    def config(self) -> Any:
        """The configuration, a `modnet.RunConfig`."""

    @property
    def network(self) -> Any:
        """The `modnet.Network` that is being trained; predicting with it disturbs nothing."""

    @property
    def parameters(self) -> Array:
        """All parameters θ as one vector, a view."""

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update: η times the schedule's factor."""

    @property
    def rule_state(self) -> Mapping[str, Any]:
        """The state of the update rule, as its ``init`` and ``update`` returned it."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """The metrics that are computed beside the cost."""

    @property
    def train(self) -> Any:
        """The training samples as they enter the network, a `modnet.data.prepared.Samples`."""

    @property
    def held_out(self) -> Mapping[str, Any]:
        """The samples that are evaluated after every epoch: ``validation`` and ``test``, where there are any."""

    @property
    def within_epoch(self) -> bool:
        """Whether an epoch is in progress."""

    @property
    def ended(self) -> bool:
        """Whether no further epoch follows."""

    @property
    def folder(self) -> Path | None:
        """The run folder, or None; it is there at every event, so that a listener may keep files in it."""

    @property
    def checkpoint_path(self) -> Path | None:
        """The file that a checkpoint would be written to now, or None without a run folder."""

    @property
    def checkpoints(self) -> Sequence[Path]:
        """The checkpoints in the run folder, the latest last."""

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of all that an update changes (θ, the states of rule and layers, randomness), for `restore`.

        It is made of arrays and plain values, so a listener may return it from its ``state_dict``.
        """

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Restore a snapshot; only the number of updates is left as it is."""


class Callback(Component):
    """Holds a callback's options; its ``listener`` makes the object with the hooks."""

    family: ClassVar[str] = "callback"

    def listener(self) -> object:
        """Return a new object whose methods implement hooks of `modnet.core.plugins.hookspecs.Events`."""
        raise NotImplementedError
