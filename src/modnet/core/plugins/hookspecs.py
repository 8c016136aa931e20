"""The hooks: what a plug-in's module returns, and the events of a training at which a callback's listener is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pluggy

from modnet.core.component import Component
from modnet.core.interfaces import TrainingView

__all__ = ["ComponentHooks", "Events", "hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("modnet")
hookimpl = pluggy.HookimplMarker("modnet")
"""The decorator of a function or method that implements a hook."""


class ComponentHooks:
    """The hook that a plug-in's module implements."""

    @hookspec
    def modnet_components(self) -> list[type[Component]]:  # type: ignore[empty-body] # a specification
        """Return the component classes that this plug-in provides.

        Each derives from the base class of one family (`modnet.Activation`, `modnet.Layer`, …) and sets ``kind``.
        """


class Events:
    """The events at which a listener is called, in their order; ``training`` is the training in progress.

    At every event the listeners are called in the order of the configured callbacks. An error that a listener raises
    ends the training.

    A listener that must survive an interruption has two plain methods beside its hooks: ``state_dict()`` returns its
    state, made of plain values, arrays, and lists and dicts of them, which goes into checkpoints;
    ``load_state_dict(state)`` restores it after ``modnet_fit_start`` where a training is resumed.
    """

    @hookspec
    def modnet_fit_start(self, training: TrainingView) -> None:
        """Run before the first update, or before the next one where a training is resumed.

        The run folder is there, with the configuration and an empty history. After an error here it is removed, unless
        a listener has put a file into it. Where a training is resumed, its position and history are those of the
        checkpoint, and listeners get their states next; what a listener has changed in the training is undone.
        """

    @hookspec
    def modnet_epoch_start(self, training: TrainingView) -> None:
        """Run at the start of an epoch, before its samples are ordered; ``training.epoch`` is its number.

        Where a training is resumed within an epoch, it does not run again for that epoch.
        """

    @hookspec
    def modnet_batch_end(self, training: TrainingView) -> None:
        """Run after every update.

        ``training.parameters`` are those after it, ``training.last_cost`` and ``training.gradient_norm`` what it was
        made from. Without a listener that implements this, updates are not announced one by one.
        """

    @hookspec
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        """Run at the end of an epoch, with its row of the history.

        The validation and test samples have been evaluated, and the row is in ``training.history`` and the run folder.
        """

    @hookspec(firstresult=True)
    def modnet_should_stop(self, training: TrainingView) -> str | None:
        """Return a reason to stop after this epoch, or None to continue.

        It runs after all listeners have heard ``modnet_epoch_end``. The first reason counts: the listeners that follow
        are not asked, and none is where one has called ``training.stop``.
        """

    @hookspec
    def modnet_checkpoint_due(self, training: TrainingView) -> bool | None:
        """Return whether a checkpoint is to be written now.

        It runs, in a training with a run folder, at the end of an epoch after all other events, and within an epoch
        (``training.within_epoch``) after every block of some thousand samples.
        """

    @hookspec
    def modnet_checkpoint_written(self, training: TrainingView, path: Path) -> None:
        """Run after a checkpoint was written to ``path``."""

    @hookspec
    def modnet_fit_end(self, training: TrainingView) -> None:
        """Run at the end of the training, whatever ended it: the last epoch, a listener, an interruption or an error.

        All listeners are called, even if one of them fails. Then the test samples are evaluated and the model is
        written, with the parameters that the listeners leave. ``training.ended`` is false where an interruption or an
        error came before the end.
        """
