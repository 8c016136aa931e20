"""From a training's start to its end: the run folder, the events around the epochs, and where it is resumed."""

from __future__ import annotations

from typing import NamedTuple

from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError, DivergenceError, ModelFileError
from modnet.core.messages import counted, log_warning
from modnet.network.evaluate import evaluate
from modnet.storage.checkpoint import Checkpoint
from modnet.storage.run_folder import RunFolder
from modnet.training.callbacks import CallbackRunner
from modnet.training.checkpointing import CheckpointManager
from modnet.training.loop import TrainingLoop
from modnet.training.sanity_checks import sanity_checks
from modnet.training.state import TrainingState

__all__ = ["Resumption", "prepare_resume", "train_to_end", "warn_of_what_cannot_learn"]


class Resumption(NamedTuple):
    """What a training is resumed from."""

    checkpoint: Checkpoint
    state: TrainingState
    allow_other_engine: bool

    def load(self, checkpoints: CheckpointManager) -> None:
        """Put a training at the position of the checkpoint."""
        checkpoints.load(self.checkpoint, self.state, allow_other_engine=self.allow_other_engine)


def prepare_resume(store: RunFolder, checkpoint: Checkpoint, epochs: int | None) -> tuple[RunConfig, TrainingState]:
    """Return the configuration and the state with which a training is resumed, for so many epochs in all.

    Raises:
        ConfigError: ``epochs`` is less than the number of completed epochs.
        ModelFileError: the checkpoint holds no training, or the run has ended.
    """
    config, state = checkpoint.network.config, TrainingState.of(checkpoint)
    if config is None:
        raise ModelFileError(f"{checkpoint.path}: holds no configuration")
    extended = config
    if epochs is not None:
        if epochs < state.epochs:
            raise ConfigError(
                f"epochs: {epochs} is fewer than the {state.epochs} completed epochs of {checkpoint.path}"
            )
        if epochs > state.epochs:
            state = state.model_copy(update={"stopped": None})
        extended = config.model_copy(update={"epochs": epochs})
    if state.stopped is not None or state.epochs >= extended.epochs:
        model = store.model()
        if model is not None and model.config == config:
            reason = f", because {state.stopped}" if state.stopped else ""
            raise ModelFileError(
                f"{store.path}: the run has ended after {counted(state.epochs, 'epoch')}{reason}; "
                "pass a larger number of epochs to continue"
            )
    return extended, state


def warn_of_what_cannot_learn(loop: TrainingLoop, warnings: list[str]) -> None:
    """Log what cannot learn, before the first update and after the first ones, and add it to the warnings."""

    def warn(text: str) -> None:
        warnings.append(text)
        log_warning(text)

    for problem in sanity_checks(loop.view.network, loop.view.train):
        warn(problem)
    loop.watch_first_updates(warn)


def train_to_end(
    loop: TrainingLoop,
    callbacks: CallbackRunner,
    checkpoints: CheckpointManager | None,
    resumption: Resumption | None,
) -> dict[str, float]:
    """Run a training to its end, write its model, and return the metrics on the test samples, if there are any.

    An error after the last epoch, of a listener or of samples that cannot be read any more, does not cost the model.
    """
    network, held_out = loop.view.network, loop.view.held_out
    try:
        _run(loop, callbacks, checkpoints, resumption)
        loop.check_result()
        test = evaluate(network, held_out["test"], loop.view.metrics).compute() if "test" in held_out else {}
    except Exception as error:
        if checkpoints is not None and loop.is_complete and not isinstance(error, DivergenceError):
            checkpoints.close(network)
        raise
    if checkpoints is not None:
        checkpoints.close(network)
    return test


def _run(
    loop: TrainingLoop,
    callbacks: CallbackRunner,
    checkpoints: CheckpointManager | None,
    resumption: Resumption | None,
) -> None:
    """Open the run folder, call ``fit_start``, run the epochs, and call ``fit_end`` whatever happens."""
    view = loop.view
    if checkpoints is not None:
        if resumption is None:
            checkpoints.store.begin(view.config, view.network)
        else:
            resumption.load(checkpoints)
            checkpoints.store.set_apart(view.epochs, view.updates)  # before a listener changes its files
    has_begun = False
    try:
        callbacks.call("fit_start", training=view)
        if resumption is not None and checkpoints is not None:
            resumption.load(checkpoints)  # again, because a listener may have written to θ
            callbacks.load_state_dicts([state.model_dump() for state in resumption.state.listeners])
            checkpoints.store.rewind(view.epochs, view.updates)
            checkpoints.store.write_config(view.config)
        has_begun = True
        loop.run(checkpoints)
    except BaseException as error:
        try:
            callbacks.call_all("fit_end", training=view)
        except Exception as later:  # the first error is the one to raise
            error.add_note(f"then a listener failed in the event 'fit_end': {later!r}")
            for note in getattr(later, "__notes__", ()):
                error.add_note(note)
        if not has_begun and checkpoints is not None:
            if resumption is None:
                checkpoints.store.discard()
            else:
                checkpoints.store.discard_branch()
        raise
    callbacks.call_all("fit_end", training=view)
