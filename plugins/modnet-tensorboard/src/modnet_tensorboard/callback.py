"""The callback and its options; what writes is imported when a training begins."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from modnet import LogCallback, LogWriter

__all__ = ["TensorBoard"]


class TensorBoard(LogCallback):
    """Writes a training to event files, which TensorBoard shows: ``tensorboard --logdir runs``.

    The files lie in the run folder. Where they cannot be written, a line on standard error says so, and the training
    goes on.
    """

    kind: Literal["tensorboard"] = "tensorboard"
    unique: ClassVar[bool] = True
    also_known_as: ClassVar[tuple[str, ...]] = ("tensor-board", "summary-writer", "tensorboardx")
    folder: str | None = Field(
        default=None, min_length=1, description="the folder of this run's event files; by default the run folder"
    )

    def writer(self) -> LogWriter:
        """Return a writer of event files."""
        from modnet_tensorboard.writer import TensorBoardWriter

        return TensorBoardWriter(self, self.folder)
