"""The hooks: what a plug-in implements to give parts, and what a callback's listener implements to hear of events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from modnet.core.component import Component
    from modnet.training.loop import TrainingLoop

__all__ = ["Events", "Parts", "hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("modnet")
hookimpl = pluggy.HookimplMarker("modnet")


class Parts:
    """What a plug-in's module implements."""

    @hookspec
    def modnet_components(self) -> list[type[Component]]:  # type: ignore[empty-body] # a specification
        """Return the classes of the parts that this plug-in gives."""


class Events:
    """What a listener hears of: ``training`` is the Trainer's view of the run in progress.

    A listener that keeps something from one event to the next may have two plain methods beside these:
    ``state_dict()`` returns it, as plain values, arrays, and lists, tuples and dicts of them; a checkpoint holds it, and
    ``load_state_dict(state)`` takes it back, after ``modnet_fit_start``, where a training is gone on with.
    """

    @hookspec
    def modnet_fit_start(self, training: TrainingLoop) -> None:
        """Hear that the network stands and no update was made yet, or that a training is gone on with."""

    @hookspec
    def modnet_epoch_start(self, training: TrainingLoop) -> None:
        """Hear that an epoch begins."""

    @hookspec
    def modnet_batch_end(self, training: TrainingLoop) -> None:
        """Hear that an update was made; asked for only where somebody listens."""

    @hookspec
    def modnet_epoch_end(self, training: TrainingLoop, row: dict[str, Any]) -> None:
        """Hear that an epoch ended, with its row of the history."""

    @hookspec(firstresult=True)
    def modnet_should_stop(self, training: TrainingLoop) -> str | None:
        """Return a reason to stop after this epoch, or None to go on; the first reason given holds."""

    @hookspec
    def modnet_checkpoint_due(self, training: TrainingLoop) -> bool | None:
        """Return whether a checkpoint should be written now.

        It is asked for after an epoch, when all have heard of it, and within an epoch (``training.within_epoch``)
        after every block of some thousand samples; only where there is a run folder.
        """

    @hookspec
    def modnet_checkpoint_written(self, training: TrainingLoop, path: Path) -> None:
        """Hear that a checkpoint was written."""

    @hookspec
    def modnet_fit_end(self, training: TrainingLoop) -> None:
        """Hear that the training ended, for whatever reason."""
