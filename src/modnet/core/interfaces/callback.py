"""Callback, and the view of a training that its listener is given."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

from modnet.core.arrays import Array
from modnet.core.component import Component
from modnet.core.interfaces.metric import Metric

__all__ = ["Callback", "TrainingView", "first_repeated"]


class TrainingView(Protocol):
    """A training in progress, as the hooks of `modnet.core.plugins.hookspecs.Events` see it.

    It is to be read. What a listener may change is θ (``parameters[...] = θ``) and ``learning_rate_factor``, and it may
    call `stop` and `restore`; all of this is in checkpoints.

    Attributes:
        epoch: The epoch in progress, counted from 0, in ``modnet_epoch_end`` the one that ends. What people read should
            count from 1.
        epochs: How many epochs are completed.
        updates: How many updates have been made since the start of the training.
        history: One row for each completed epoch, as in ``history.jsonl``: epoch (from 0), learning rate, cost and
            metrics.
        stopped: Why the training stops before its last epoch, or None.
        learning_rate_factor: What η and the schedule's factor are multiplied by, 1 at the start. It may be set at any
            event, and holds from the next update on; anything but a finite number above 0 is a ValueError.
    """

    epoch: int
    epochs: int
    updates: int
    history: list[dict[str, Any]]
    stopped: str | None
    learning_rate_factor: float

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
        """The learning rate of the next update: η times the schedule's factor and ``learning_rate_factor``."""

    @property
    def last_cost(self) -> float:
        """The mean cost of the last update's samples, as that update saw them, without penalties.

        It is computed when it is read, and is there in ``modnet_batch_end`` only; elsewhere it is a RuntimeError.
        """

    @property
    def gradient_norm(self) -> float:
        """The Euclidean norm of the last update's gradient ∇θ, penalties included; there as ``last_cost`` is."""

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

    def open_file(self, name: str, mode: str = "a", **options: Any) -> IO[Any]:
        """Open a file in the run folder for writing, by its name; ``options`` are those of Python's ``open``.

        Raises:
            ModelFileError: it cannot be opened, or a symbolic link leads out of the run folder.
            RuntimeError: there is no run folder.
        """

    def stop(self, reason: str) -> None:
        """End the training early, from any event; the first reason is kept as ``stopped``.

        As with Keras's ``model.stop_training``, the rest of the epoch is left out. The updates that are under way
        together with the present one (some thousand samples) are still made. Then the epoch ends as every epoch does:
        its row in the history is of the samples so far, and ``modnet_epoch_end`` and ``modnet_fit_end`` run. A run that
        stopped can be resumed with a larger number of epochs.

        Raises:
            ValueError: the reason is not a text, or empty.
        """

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of all that an update changes (θ, the states of rule and layers, randomness), for `restore`.

        It is made of arrays and plain values, so a listener may return it from its ``state_dict``.
        """

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Restore a snapshot; only the number of updates is left as it is."""

    def update_bn(self) -> None:
        """Estimate the layers' states (running means of normalisations) anew at the present θ.

        As ``torch.optim.swa_utils.update_bn``: the training samples go forward as in training, in batches, at least
        once. It is for callbacks that write to θ; without a layer that has a state nothing is done.
        """


class Callback(Component):
    """Holds a callback's options; its ``listener`` makes the object with the hooks."""

    family: ClassVar[str] = "callback"
    unique: ClassVar[bool] = False
    """True where a training has at most one callback of this kind, whatever its options: two would write one file, say.
    Where it is False, there may be several whose options differ."""
    reproducible: ClassVar[bool] = True
    """False where the state of its listener names what it has written (files, say), so that no second training has the
    same; `modnet verify-resume` does not compare it then."""

    @abstractmethod
    def listener(self) -> object:
        """Return a new object whose methods implement hooks of `modnet.core.plugins.hookspecs.Events`."""


def first_repeated(callbacks: Sequence[object]) -> tuple[int, str] | None:
    """Return the index of the first callback that repeats an earlier one, and what is wrong; None where none does."""
    for index, callback in enumerate(callbacks):
        for earlier, other in enumerate(callbacks[:index]):
            if isinstance(callback, Callback) and type(callback) is type(other) and callback.unique:
                return index, f"'{callback.kind}' is there already, callbacks.{earlier}; allowed: one of this kind"
            if callback is other or (isinstance(callback, Callback) and callback == other):
                return index, f"is the same as callbacks.{earlier}; allowed: each once, or with other options"
    return None
