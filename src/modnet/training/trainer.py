"""The Trainer: composes the parts that a configuration names, and runs the epochs."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from modnet.config.load import ConfigSource, load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data, Pair
from modnet.core.errors import ConfigError, DataError, DivergenceError, ModelFileError
from modnet.core.interfaces import Callback, Metric
from modnet.engines.numpy.threads import one_blas_thread
from modnet.network.evaluate import Samples, evaluate
from modnet.network.network import Network
from modnet.storage.checkpoint import Checkpoint, read
from modnet.storage.run_folder import RunFolder
from modnet.training.callbacks import CallbackRunner, with_context
from modnet.training.checkpointing import CheckpointManager
from modnet.training.loop import TrainingLoop
from modnet.training.run import Run
from modnet.training.setup import build
from modnet.training.signals import handle_signals
from modnet.training.state import State

__all__ = ["Trainer", "with_progress"]


class Trainer:
    """Trains networks by a configuration.

    >>> from modnet import Trainer
    >>> run = Trainer.from_config({"epochs": 1, "network": {"layers": [16, 10]}}).fit()
    >>> run.network.sizes
    [64, 16, 10]
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config

    @classmethod
    def from_config(cls, config: ConfigSource = None) -> Trainer:
        """Return a trainer for a configuration: a TOML file's path, a dict with its keys, the model, or None.

        Raises:
            ConfigError: as `modnet.load_config`.
        """
        return cls(load_config(config))

    def fit(
        self,
        x: ArrayLike | None = None,
        y: Any = None,
        *,
        validation: Pair | None = None,
        test: Pair | None = None,
        initial: Network | None = None,
        out: str | PathLike[str] | None = None,
        interrupt_after: int | None = None,
    ) -> Run:
        """Train a network and return the run.

        With a run folder, the first SIGINT (Ctrl-C) or SIGTERM has a checkpoint written at the next update, from which
        `resume` goes on; a second one does what it always does. Signals are only heeded in Python's main thread.

        Args:
            x: Training samples, (samples, features); with None the configured dataset gives all samples.
            y: Class labels, (samples,), or targets, (samples, outputs).
            validation: x and y to watch the training with; given samples come before ``data.validation_share``.
            test: x and y to judge the network with, after every epoch as the document does, and at the end.
            initial: A network whose parameters (and scaling) the training goes on from; it stays as it is.
            out: A new folder for configuration, history, checkpoints and model.
            interrupt_after: After so many updates the training is interrupted, as by a signal.

        Raises:
            ConfigError: the configured network does not fit the data.
            DataError: samples or labels cannot be used.
            DivergenceError: the training left the finite numbers.
            Interrupted: it was interrupted, and can be gone on with where there is a run folder.
            ModelFileError: the run folder cannot be written, or somebody else writes to it.
        """
        began = time.perf_counter()
        composed = build(self.config, self._data(x, y, validation, test), initial)
        folder = None if out is None else RunFolder.claim(out, self.config)
        return self._train(composed, folder, began, interrupt_after)

    @classmethod
    def resume(
        cls,
        path: str | PathLike[str],
        x: ArrayLike | None = None,
        y: Any = None,
        *,
        validation: Pair | None = None,
        test: Pair | None = None,
        epochs: int | None = None,
        progress: bool | None = None,
        interrupt_after: int | None = None,
    ) -> Run:
        """Go on with an interrupted training, so that it ends in every bit as if it had not been interrupted.

        Args:
            path: A run folder, whose latest checkpoint is taken, or one of its checkpoints.
            x: The same training samples as before; with None the configured dataset gives them again.
            y: The same labels or targets.
            validation: The same, as far as there were any.
            test: The same.
            epochs: How many passes over the data there are to be in all; None leaves it at what it was.
            progress: Whether to show the progress; None leaves it as configured.
            interrupt_after: As in `fit`; updates are counted from the start of the training.

        Raises:
            ConfigError: a part is not installed, or fewer epochs are wanted than there were.
            DataError: the samples are not those of before.
            DivergenceError: the training left the finite numbers.
            Interrupted: it was interrupted once more.
            ModelFileError: there is no checkpoint, it is damaged, the run has ended, or somebody writes to its folder.
        """
        began = time.perf_counter()
        folder = RunFolder.holding(path)
        folder.lock()
        try:
            found = folder.latest() if Path(path).is_dir() else read(path)
            trainer, state = cls._prepare_resume(folder, found, epochs)
            if progress is not None:
                trainer = cls(with_progress(trainer.config, shown=progress))
            data = trainer._data(x, y, validation, test)
            try:
                composed = build(trainer.config, data, found.network)
            except ConfigError as error:  # the configuration fitted the samples of then
                raise DataError(f"{data.place('train')} samples: {found.path} was made with others; {error}") from None
            return trainer._train(composed, folder, began, interrupt_after, found.path, state)
        finally:
            folder.release()

    @classmethod
    def _prepare_resume(cls, folder: RunFolder, found: Checkpoint, epochs: int | None) -> tuple[Trainer, State]:
        """Return the trainer that goes on from a checkpoint, and what it goes on from."""
        config, state = found.network.config, State.of(found)
        if config is None:
            raise ModelFileError(f"{found.path}: holds no configuration")
        if epochs is not None:
            if epochs < state.epochs:
                raise ConfigError(f"epochs: {epochs} is fewer than the {state.epochs} of {found.path}")
            if epochs > state.epochs:
                state = state.model_copy(update={"stopped": None})
            extended = config.model_copy(update={"epochs": epochs})
        else:
            extended = config
        if state.stopped is not None or state.epochs >= extended.epochs:
            model = folder.model()
            if model is not None and model.config == config:
                why = f", because {state.stopped}" if state.stopped else ""
                raise ModelFileError(
                    f"{folder.path}: the run has ended, after {state.epochs} epochs{why}; more epochs can be asked for"
                )
        return cls(extended), state

    def _train(
        self,
        composed: tuple[Network, dict[str, Samples], tuple[Metric, ...]],
        folder: RunFolder | None,
        began: float,
        interrupt_after: int | None,
        source: Path | None = None,
        state: State | None = None,
    ) -> Run:
        network, samples, metrics = composed
        relay = CallbackRunner(self.config)
        held_out = {name: some for name, some in samples.items() if name != "train"}
        training = TrainingLoop(
            self.config,
            network,
            samples["train"],
            held_out,
            metrics,
            relay.events,
            folder,
            lanes=None if state is None else state.lanes,
            interrupt_after=interrupt_after,
        )
        training.began = began
        keeper = None if folder is None else CheckpointManager(training, relay, folder, samples)
        signals = nullcontext() if folder is None else handle_signals(training.interrupt)
        try:
            with signals:
                # What leaves the finite numbers is an error of ours; lanes end before BLAS gets its threads back.
                with one_blas_thread(), np.errstate(all="ignore"), closing(training):
                    self._run(training, relay, keeper, source, state)
                    training.check_result()
                    result = evaluate(network, samples["test"], metrics).compute() if "test" in samples else {}
                if keeper is not None:
                    keeper.finish(network)
        except DivergenceError as error:
            if folder is not None and folder.checkpoints():
                error.args = (f"{error}; the last good checkpoint is {folder.checkpoints()[-1]}",)
            raise
        finally:
            if folder is not None:
                folder.release()
        return Run(
            self.config,
            network,
            training.history,
            training.updates,
            time.perf_counter() - training.began,
            result,
            samples,
            training.stopped,
            None if folder is None else folder.path,
        )

    def _run(
        self,
        training: TrainingLoop,
        relay: CallbackRunner,
        keeper: CheckpointManager | None,
        source: Path | None,
        state: State | None,
    ) -> None:
        events = relay.events
        try:
            if source is not None and state is not None and keeper is not None:
                keeper.resume(source, state)
            with with_context(events, "fit_start"):
                events.modnet_fit_start(training=training)
            if source is not None and state is not None and keeper is not None:
                keeper.resume(source, state)  # once more, because a listener may begin with the network as it likes
                relay.load_state_dicts(state.listeners)
            if keeper is not None:
                keeper.begin(anew=state is None)
            self._epochs(training, relay, keeper, within=state is not None and state.place is not None)
        except BaseException as error:
            try:
                relay.call_all("fit_end", training=training)
            except Exception as other:  # the first error is the one to be told
                for note in (
                    f"then a listener failed in the event 'fit_end': {other!r}",
                    *getattr(other, "__notes__", ()),
                ):
                    error.add_note(note)
            raise
        relay.call_all("fit_end", training=training)

    def _epochs(
        self, training: TrainingLoop, relay: CallbackRunner, keeper: CheckpointManager | None, *, within: bool
    ) -> None:
        events = relay.events
        while not training.ended:
            epoch = training.epochs
            if not within:
                training.epoch, training.epoch_began = epoch, time.perf_counter()
                with with_context(events, "epoch_start"):
                    events.modnet_epoch_start(training=training)
            within = False
            with with_context(events, "batch_end"):
                figures = training.run_epoch(epoch)
            row: dict[str, Any] = {"epoch": epoch, **figures}
            for name, samples in training.held_out.items():
                row |= evaluate(training.network, samples, training.metrics).compute(f"{name}_")
            training.check_figures(row)
            row["seconds"] = time.perf_counter() - training.epoch_began
            training.history.append(row)
            if training.store is not None:
                training.store.append_history(row)
            with with_context(events, "epoch_end"):
                events.modnet_epoch_end(training=training, row=row)
            with with_context(events, "should_stop"):
                training.stopped = events.modnet_should_stop(training=training) or None
            if keeper is not None:
                keeper.offer()
            if not training.ended:
                training.raise_if_interrupted()

    def _data(self, x: ArrayLike | None, y: Any, validation: Pair | None, test: Pair | None) -> Data:
        if x is None:
            if y is not None or validation is not None or test is not None:
                raise DataError("fit: y, validation and test need x; without x the configured dataset gives everything")
            return self.config.data.load()
        if y is None:
            raise DataError("fit: x needs y, class labels (samples,) or targets (samples, outputs)")
        return Data((x, y), validation, test)


def with_progress(config: RunConfig, *, shown: bool) -> RunConfig:
    """Return a configuration whose callbacks show the progress, or do not."""
    callbacks = [callback for callback in config.callbacks if shown or callback.kind != "progress"]
    if shown and all(callback.kind != "progress" for callback in callbacks):
        callbacks.append(Callback.resolve("progress"))
    return config.model_copy(update={"callbacks": tuple(callbacks)})
