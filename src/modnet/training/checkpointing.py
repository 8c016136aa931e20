"""What becomes of a training in its run folder: its checkpoints, and what it goes on from."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from modnet.core.errors import DataError, ModelFileError
from modnet.network.evaluate import Samples
from modnet.network.network import Network
from modnet.storage.run_folder import RunFolder
from modnet.training.callbacks import CallbackRunner, with_context
from modnet.training.loop import TrainingLoop
from modnet.training.state import State

__all__ = ["CheckpointManager"]


class CheckpointManager:
    """Keeps one training in its run folder."""

    def __init__(
        self, training: TrainingLoop, relay: CallbackRunner, folder: RunFolder, samples: dict[str, Samples]
    ) -> None:
        self._training, self._relay, self._folder, self._samples = training, relay, folder, samples
        self._asked = bool(relay.events.modnet_checkpoint_due.get_hookimpls())
        training.keep = self.keep
        if self._asked:
            training.after_block = self.offer

    @cached_property
    def _data(self) -> dict[str, str]:
        """A SHA-256 of every part of the samples, worked out when the first checkpoint needs it."""
        return {name: samples.digest() for name, samples in self._samples.items()}

    def keep(self) -> Path:
        """Write a checkpoint and return its path.

        Raises:
            ModelFileError: it cannot be written, or something is kept that no file can hold.
        """
        training, events = self._training, self._relay.events
        state = training.state(self._relay.state_dicts(), self._data)
        path = self._folder.write_checkpoint(training.network, state.to_dict(), state.epochs, state.now.updates)
        with with_context(events, "checkpoint_written"):
            events.modnet_checkpoint_written(training=training, path=path)
        return path

    def offer(self) -> None:
        """Write a checkpoint where a listener wants one now."""
        events = self._relay.events
        with with_context(events, "checkpoint_due"):
            due = self._asked and any(events.modnet_checkpoint_due(training=self._training))
        if due:
            self.keep()

    def resume(self, path: Path, state: State) -> None:
        """Put the training where a checkpoint says.

        Raises:
            DataError: its samples are not those of the checkpoint.
            ModelFileError: the checkpoint does not fit.
        """
        for name in sorted(self._data.keys() | state.data.keys(), reverse=True):
            if self._data.get(name) != state.data.get(name):
                part = "training" if name == "train" else name
                raise DataError(f"{part} samples: {path} was made with others")
        try:
            self._training.resume(state)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from None

    def begin(self, *, anew: bool) -> None:
        """Begin the folder, or cut its history back to where the training goes on.

        Raises:
            ModelFileError: it cannot be written.
        """
        if anew:
            self._folder.begin(self._training.config, self._training.network)
        else:
            self._folder.write_config(self._training.config)
            self._folder.write_history(self._training.history)

    def finish(self, network: Network) -> None:
        """Write the model; where nobody asks for checkpoints, those of interruptions have served.

        Raises:
            ModelFileError: it cannot be written.
        """
        self._folder.write_model(network)
        if not self._asked:
            self._folder.remove_checkpoints()
