"""CheckpointManager: what a training writes to its run folder, and when."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from modnet.core.errors import DataError, ModelFileError
from modnet.core.messages import warn
from modnet.network.network import Network
from modnet.storage.atomic import is_refused_by_system
from modnet.storage.data_record import write_outputs
from modnet.storage.run_folder import RunFolder
from modnet.training.callbacks import CallbackRunner
from modnet.training.fingerprint import Fingerprint, fingerprint_of
from modnet.training.loop import TrainingLoop

__all__ = ["CheckpointManager"]

Saved = TypeVar("Saved")


class CheckpointManager:
    """Writes one training to its run folder.

    What the system refuses to write while the training goes on (the disk is full) is told in one line and tried again
    later. What is still missing at the end, or at an interruption, is written to a temporary folder.

    Attributes:
        store: The run folder.
    """

    def __init__(
        self,
        loop: TrainingLoop,
        callbacks: CallbackRunner,
        store: RunFolder,
    ) -> None:
        self._loop, self._callbacks, self.store = loop, callbacks, store
        self._view = loop.view
        self._wanted = callbacks.listens_to("checkpoint_due")
        self._failing: set[str] = set()
        self._problem: ModelFileError | None = None
        self._rescue: RunFolder | None = None

    def _write_record(self, store: RunFolder, network: Network) -> None:
        """Write what is kept of the samples to a run folder, and let the network's file hold the digests too."""
        record = self._loop.identity.record
        network.data_record = record.parts
        record.write(store.locked_path)

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        return fingerprint_of(self._view.config, self._loop.engine)

    def record(self, row: dict[str, Any]) -> None:
        """Add a row to the history's file."""
        self._try("the history", lambda: self.store.history.append(row))

    def save_if_due(self) -> None:
        """Write a checkpoint if a listener asks for one.

        Raises:
            ModelFileError: a state holds something that no file can hold.
        """
        what = "the next checkpoint"
        is_due = self._wanted and any(self._callbacks.call("checkpoint_due", training=self._view))
        if is_due and self._view.ended:
            try:
                self.save_last()
            except ModelFileError as error:
                if error is not self._problem:  # which `close` tells, after it has tried to write the model
                    raise
        elif is_due and not (self._view.within_epoch and what in self._failing):  # not at every block
            self._try(what, self.save)

    def save_last(self) -> Path:
        """Write the checkpoint of an interruption or of the end, if need be to a temporary folder, and return its path.

        Raises:
            ModelFileError: it cannot be written there either, or a state holds something that no file can hold.
        """
        try:
            return self.save()
        except ModelFileError as error:
            if not is_refused_by_system(error):
                raise
            path = self._save_elsewhere(error, self._write_checkpoint)
            warn(f"{error}; the checkpoint is {path}")
            return path

    def save(self) -> Path:
        """Write a checkpoint and return its path.

        Raises:
            ModelFileError: it cannot be written, or a state holds something that no file can hold.
        """
        path = self._write_checkpoint(self.store)
        self._loop.group.last_checkpoint = str(path)
        self._callbacks.call("checkpoint_written", training=self._view, path=path)
        return path

    def _write_checkpoint(self, store: RunFolder) -> Path:
        self._write_record(store, self._view.network)
        state = self._loop.state(self._fingerprint)
        return store.write_checkpoint(self._view.network, state.to_dict(), state.epochs, state.updates)

    def _last_writes(self, store: RunFolder, network: Network) -> list[Callable[[], Any]]:
        """Return what writes the files of a training that has ended, the model last."""
        kept: list[Callable[[], Any]] = [lambda: self._write_record(store, network)]
        if self._view.config.data.kind == "memory":  # whose samples nobody can load again
            kept.append(lambda: write_outputs(store.locked_path, network, self._loop.identity.samples))
        return [*kept, lambda: store.write_model(network)]

    def _try(self, what: str, write: Callable[[], object]) -> None:
        """Write something that the training can go on without while the system refuses it."""
        try:
            write()
        except ModelFileError as error:
            if not is_refused_by_system(error):
                raise
            if what not in self._failing:
                warn(f"{error}; the training goes on, and {what} is written when that is possible")
            self._failing.add(what)
        else:
            self._failing.discard(what)

    def _save_elsewhere(self, problem: ModelFileError, write: Callable[[RunFolder], Saved]) -> Saved:
        """Write to a temporary folder what cannot be written to the run folder."""
        self._problem = problem
        try:
            if self._rescue is None:
                self._rescue = self.store.elsewhere(self._view.config, self._view.history)
            return write(self._rescue)
        except ModelFileError as error:
            self._problem = ModelFileError(f"{problem}; {error}")
            raise self._problem from None

    def close(self, network: Network) -> None:
        """Write the model; without a callback that asks for checkpoints, remove those of interruptions.

        Raises:
            ModelFileError: something cannot be written; the error names what holds the run, or at least the model.
        """
        problem, model = _try_each(self.store.history.write, *self._last_writes(self.store, network))
        problem = problem or self._problem  # of the checkpoint
        if problem is not None:
            try:
                written = self._save_elsewhere(problem, lambda to: [save() for save in self._last_writes(to, network)])
            except ModelFileError as error:
                saved = "" if model is None else f"; the model is saved: {model}"
                raise ModelFileError(f"{error}{saved}") from None
            raise ModelFileError(f"{problem}; the run is saved in {written[-1].parent}")
        if not self._wanted:
            try:
                self.store.remove_checkpoints()
            except ModelFileError as error:  # the run is complete all the same
                warn(str(error))


def _try_each(*writes: Callable[[], Any]) -> tuple[ModelFileError | None, Path | None]:
    """Call each, and return the last error of the system, and what the last one has written.

    Raises:
        DataError: the samples cannot be read any more.
    """
    problem = unread = path = None
    for write in writes:
        path = None
        try:
            path = write()
        except DataError as error:
            unread = error
        except ModelFileError as error:
            if not is_refused_by_system(error):
                raise
            problem = error
    if unread is not None:
        raise DataError(f"{unread}; the model is {f'saved: {path}' if path else f'not saved: {problem}'}")
    return problem, path
