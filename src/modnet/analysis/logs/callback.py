"""The base class of callbacks that write a training to a log."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from pydantic import Field

from modnet.analysis.logs.writer import LogWriter
from modnet.core.interfaces import Callback

__all__ = ["LogCallback"]


class LogCallback(Callback):
    """A callback that writes a training to a log.

    A subclass returns a `modnet.LogWriter`. When what is written, that a log which cannot be written ends no training,
    and that a resumed training continues its curves, is the same for all logs.
    """

    reproducible: ClassVar[bool] = False
    every_updates: int = Field(
        default=0,
        ge=0,
        description="updates between two points of the cost of one update's samples, ‖∇θ‖ and the learning rate; 0 for "
        "none",
    )
    histograms_every_epochs: int = Field(
        default=0,
        ge=0,
        description="epochs between two histograms of every layer's parameters and δ, of at most 256 training samples; "
        "0 for none",
    )
    confusion_every_epochs: int | None = Field(
        default=None,
        ge=0,
        description="epochs between two pictures of the confusion matrix, beside that of the finished network; 0 for "
        "no picture at all",
    )

    @abstractmethod
    def writer(self) -> LogWriter:
        """Return a new writer, for one training."""

    def listener(self) -> object:
        """Return a listener that decides what is written when."""
        from modnet.analysis.logs.listener import LogListener, UpdateListener  # the rest is imported at discovery

        options = self.kind, self.writer(), self.histograms_every_epochs, self.confusion_every_epochs
        if self.every_updates:  # updates are announced one by one only where somebody listens
            return UpdateListener(*options, every_updates=self.every_updates)
        return LogListener(*options)
