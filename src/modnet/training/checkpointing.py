"""CheckpointManager: when checkpoints of a training are written, and what a training is resumed from."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from modnet.core.errors import DataError, ModelFileError
from modnet.core.interfaces import EngineSession
from modnet.core.messages import display_path
from modnet.data.prepared import Samples
from modnet.network.network import Network
from modnet.storage.checkpoint import Checkpoint
from modnet.storage.run_folder import RunFolder
from modnet.training.callbacks import CallbackRunner
from modnet.training.fingerprint import Fingerprint, check_fingerprint, fingerprint_of
from modnet.training.loop import TrainingLoop
from modnet.training.state import TrainingState

__all__ = ["CheckpointManager"]


class CheckpointManager:
    """Writes one training to its run folder."""

    def __init__(
        self,
        loop: TrainingLoop,
        callbacks: CallbackRunner,
        store: RunFolder,
        samples: dict[str, Samples],
        engine: EngineSession,
    ) -> None:
        self._loop, self._callbacks, self._store, self._samples = loop, callbacks, store, samples
        self._engine = engine
        self._view = loop.view
        self._wanted = callbacks.listens_to("checkpoint_due")

    @cached_property
    def _digests(self) -> dict[str, str]:
        """A SHA-256 of every part of the samples, computed when the first checkpoint needs it."""
        return {part: samples.digest() for part, samples in self._samples.items()}

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        return fingerprint_of(self._view.config, self._engine)

    def save(self) -> Path:
        """Write a checkpoint and return its path.

        Raises:
            ModelFileError: it cannot be written, or a state holds something that no file can hold.
        """
        state = self._loop.state(self._digests, self._fingerprint)
        path = self._store.write_checkpoint(self._view.network, state.to_dict(), state.epochs, state.updates)
        self._callbacks.call("checkpoint_written", training=self._view, path=path)
        return path

    def save_if_due(self) -> None:
        """Write a checkpoint if a listener asks for one."""
        if self._wanted and any(self._callbacks.call("checkpoint_due", training=self._view)):
            self.save()

    def load(self, checkpoint: Checkpoint, state: TrainingState, *, allow_other_engine: bool) -> None:
        """Put the training at the position of a checkpoint.

        Raises:
            DataError: the samples are not those of the interrupted run.
            ModelFileError: the checkpoint does not fit, or the engine is another one.
        """
        path = display_path(checkpoint.path)
        self._view.network.features = checkpoint.network.features  # whatever the samples are held in now
        for part in sorted(self._digests.keys() | state.data.keys(), reverse=True):
            if self._digests.get(part) != state.data.get(part):
                name = "training" if part == "train" else part
                raise DataError(f"{name} samples: must be those of the interrupted run, {path}")
        if not allow_other_engine:
            check_fingerprint(state.fingerprint, self._fingerprint, path)
        engines = {state.fingerprint.get("engine"), self._fingerprint["engine"]}
        reseed = allow_other_engine and (
            len(engines) > 1 or len(state.randomness) != len(self._engine.state().randomness)
        )
        try:
            self._loop.load_state(state, checkpoint, reseed=reseed)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from None

    def begin(self) -> None:
        """Begin the run folder.

        Raises:
            ModelFileError: it cannot be written.
        """
        self._store.begin(self._view.config, self._view.network)

    def discard(self) -> None:
        """Remove the run folder of a training that did not begin; what a listener wrote there stays."""
        self._store.discard()

    def rewind(self, checkpoint: Checkpoint) -> None:
        """Take the run folder back to the checkpoint at which the training is resumed.

        Raises:
            ModelFileError: it cannot be written.
        """
        self._store.write_config(self._view.config)
        self._store.rewind(checkpoint.path)

    def close(self, network: Network) -> None:
        """Write the model; without a callback that asks for checkpoints, remove those of interruptions.

        Raises:
            ModelFileError: it cannot be written.
        """
        self._store.write_model(network)
        if not self._wanted:
            self._store.remove_checkpoints()
