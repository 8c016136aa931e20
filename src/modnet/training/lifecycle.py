"""From a training's start to its end: the run folder, the events around the epochs, and where it is resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError, DivergenceError, ModelFileError
from modnet.core.interfaces import ProcessGroup, TrainingPlan
from modnet.core.messages import counted, log_warning
from modnet.network.evaluate import evaluate
from modnet.storage.checkpoint import Checkpoint
from modnet.storage.run_folder import RunFolder
from modnet.training.callbacks import CallbackRunner
from modnet.training.checkpointing import CheckpointManager
from modnet.training.continuation import restore_rule_state
from modnet.training.fingerprint import check_fingerprint, fingerprint_of
from modnet.training.identity import Identity
from modnet.training.loop import TrainingLoop
from modnet.training.result import Run
from modnet.training.sanity_checks import sanity_checks
from modnet.training.setup import Setup
from modnet.training.state import TrainingState

__all__ = ["Resumption", "prepare_resume", "train"]

_NO_STATE: Mapping[str, Any] = MappingProxyType({})


class Resumption(NamedTuple):
    """What a training is resumed from."""

    checkpoint: Checkpoint
    state: TrainingState
    allow_other_engine: bool

    def load(self, loop: TrainingLoop) -> None:
        """Put a training at the position of the checkpoint.

        Raises:
            DataError: the samples are not those of the interrupted run.
            ModelFileError: the checkpoint does not fit, or the engine is another one.
        """
        network, path, state, engine = self.checkpoint.network, self.checkpoint.path, self.state, loop.engine
        loop.view.network.features = network.features  # whatever the samples are held in now
        loop.identity.check_samples(network, path)
        fingerprint = fingerprint_of(loop.view.config, engine)
        if not self.allow_other_engine:
            check_fingerprint(state.fingerprint, fingerprint, path)
        engines = {state.fingerprint.get("engine"), fingerprint["engine"]}
        others = len(engines) > 1 or len(state.randomness) != len(engine.state().randomness)
        reseed = self.allow_other_engine and others
        try:
            loop.load_state(state, self.checkpoint, reseed=reseed)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from None
        loop.group.last_checkpoint = str(path)


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


def _warn_of_what_cannot_learn(loop: TrainingLoop, warnings: list[str]) -> None:
    """Log what cannot learn, before the first update and after the first ones, and add it to the warnings."""

    def warn(text: str) -> None:
        warnings.append(text)
        log_warning(text)

    for problem in sanity_checks(loop.view.network, loop.view.train):
        warn(problem)
    loop.watch_first_updates(warn)


def train(
    config: RunConfig,
    setup: Setup,
    callbacks: CallbackRunner,
    store: RunFolder | None,
    group: ProcessGroup,
    handling: Callable[[Callable[[str, int], None]], AbstractContextManager[None]],
    started: float,
    resumption: Resumption | None = None,
    *,
    rule_state: Mapping[str, Any] = _NO_STATE,
    checks: bool = False,
) -> Run:
    """Train a network that was set up, and return the run.

    Args:
        config: The configuration.
        setup: Network, samples and metrics.
        callbacks: The listeners.
        store: The run folder, or None: without one, and in a process that is not the primary one.
        group: The processes that train together.
        handling: What signals are handled by, given what they call.
        started: When the training began, by `time.perf_counter`.
        resumption: What it is resumed from, or None.
        rule_state: The state of the update rule to start with, if any.
        checks: Whether to look for what cannot learn.

    Raises:
        as `modnet.Trainer.fit`.
    """
    network, samples, metrics = setup
    warnings: list[str] = []
    identity = Identity(config, network, samples)
    identity.check_alike(group, callbacks)
    fingerprint = {} if resumption is None else resumption.state.fingerprint
    engine = config.engine.start(TrainingPlan(config, network, samples["train"], fingerprint))
    try:
        with closing(engine), np.errstate(all="ignore"):  # a non-finite number is an error of ours
            restore_rule_state(config, network, engine, rule_state)
            loop = TrainingLoop(identity, metrics, callbacks, engine, store, group)
            loop.started = started
            if checks:
                _warn_of_what_cannot_learn(loop, warnings)
            checkpoints = None if store is None else CheckpointManager(loop, callbacks, store)
            with handling(loop.request_stop):
                test = _train_to_end(loop, callbacks, checkpoints, resumption)
    except DivergenceError as error:
        if store is not None and store.checkpoints():
            error.args = (f"{error}; the last good checkpoint is {store.checkpoints()[-1]}",)
        raise
    finally:
        if store is not None:
            store.release()
    view, seconds = loop.view, time.perf_counter() - loop.started
    return Run(
        config=config,
        network=network,
        history=view.history,
        updates=view.updates,
        seconds=seconds,
        test=test,
        metrics=metrics,
        samples=samples,
        stopped=view.stopped,
        folder=view.folder,
        warnings=tuple(warnings),
        rule_state=view.rule_state,
        engine={"engine": config.engine.kind, **engine.fingerprint},
    )


def _train_to_end(
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
        test: dict[str, float] = {}
        if "test" in held_out:
            outputs = loop.engine.outputs(held_out["test"].x)
            test = evaluate(network, held_out["test"], loop.view.metrics, outputs).compute()
        test = dict(loop.group.broadcast(test))
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
    if resumption is not None:
        resumption.load(loop)
    if checkpoints is not None:
        if resumption is None:
            checkpoints.store.begin(view.config, view.network)
        else:
            checkpoints.store.set_apart(view.epochs, view.updates)  # before a listener changes its files
    has_begun = False
    try:
        with loop.agreement.changes_told():
            callbacks.call("fit_start", training=view)
            if resumption is not None:
                resumption.load(loop)  # again, because a listener may have written to θ
                callbacks.load_state_dicts([state.model_dump() for state in resumption.state.listeners])
                if checkpoints is not None:
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
    with loop.agreement.changes_told():
        callbacks.call_all("fit_end", training=view)
