"""The Trainer: builds what a configuration names, trains it, and resumes interrupted trainings."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from modnet.config.load import ConfigSource, load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data, Pair
from modnet.core.errors import ConfigError, DataError, ModelFileError
from modnet.core.interfaces import Callback
from modnet.data.files import is_folder
from modnet.network.network import Network
from modnet.storage.data_record import DataRecord
from modnet.storage.run_folder import RunFolder
from modnet.training.callbacks import CallbackRunner
from modnet.training.continuation import resuming, starting_point
from modnet.training.functions import CallbackFunction, MetricFunction, add_metrics
from modnet.training.given import given_in_memory, given_or_loaded
from modnet.training.lifecycle import Resumption, prepare_resume, train
from modnet.training.processes import failures_told
from modnet.training.result import Run
from modnet.training.setup import build, check_held_out
from modnet.training.signals import handle_signals, without_signals

__all__ = ["Trainer", "with_progress"]


class Trainer:
    """Trains networks by a configuration.

    Before the first epoch the logger ``modnet`` warns of what cannot learn: of outputs that cannot be the targets, of
    features of very different ranges; and after ten updates of a learning rate that has raised the cost far.

    Args:
        config: The configuration.
        checks: Whether to look for what cannot learn.

    >>> from modnet import Trainer
    >>> run = Trainer.from_config({"epochs": 1, "network": {"layers": [16, 10]}}).fit()
    >>> run.network.sizes
    [64, 16, 10]
    """

    def __init__(self, config: RunConfig, *, checks: bool = True) -> None:
        self.config, self._checks = config, checks

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
        sample_weight: ArrayLike | None = None,
        *,
        groups: Any = None,
        validation: Pair | None = None,
        test: Pair | None = None,
        initial: Network | Run | None = None,
        classes: Any = None,
        out: str | PathLike[str] | None = None,
        callbacks: Sequence[CallbackFunction | object] = (),
        metrics: Sequence[MetricFunction] = (),
    ) -> Run:
        """Train a network and return the run.

        With a run folder, the first SIGINT (Ctrl-C), SIGTERM or SIGHUP stops the training after the current block of
        updates and writes a checkpoint, from which `resume` continues; a second one has its usual effect. Signals are
        handled in Python's main thread only.

        Args:
            x: Training samples, (samples, features), perhaps a CSR matrix of scipy; with None the configured dataset
                provides all samples. Where they are given, the configuration of the run says that its dataset is
                ``memory``.
            y: Class labels, (samples,), or targets, (samples, outputs).
            sample_weight: How much each training sample counts, (samples,), at least 0: a weight of 2 is the sample
                twice, one of 0 its absence. None: all count the same.
            groups: The group of each training sample, (samples,), integers, text or other hashable objects: where
                ``data.validation_share`` or ``data.test_share`` hold out samples, no group is divided.
            validation: x and y, or x, y and sample_weight, to evaluate after every epoch; they take precedence over
                ``data.validation_share``.
            test: The same, after every epoch, as the document does, and at the end, instead of a ``data.test_share``.
            initial: What the training starts from, which is not changed: a network, whose parameters, layers' states
                and transforms it takes over, or a run, whose state of the update rule (momentum, say) goes on, too.
            classes: The class labels, in the order of the outputs, where not all of them need be in y; y is then
                labels, whatever their dtype.
            out: A new folder for configuration, history, checkpoints and model.
            callbacks: What is called after the configured callbacks: functions ``f(training, row)``, called after every
                epoch with a `modnet.TrainingView` and the epoch's row of the history, and callbacks or objects with
                hooks. Like ``metrics``, they are no part of the configuration.
            metrics: Functions ``g(y, predictions)`` that return a number, or several by name, as those of
                ``sklearn.metrics`` do: called with all validation, then all test samples. Where the targets are
                classes, both arguments are labels; else they are numbers, (samples,) for one output. A function that
                takes ``sample_weight`` gets the weights, where there are any. The name in the history is the
                function's; its values should be low where it ends in error, loss or deviance.

        Raises:
            ConfigError: the configured network does not fit the data, or a callback or metric cannot be used.
            DataError: samples or labels cannot be used.
            DivergenceError: a number became non-finite (NaN or infinity).
            Interrupted: the training was interrupted; with a run folder it can be resumed.
            ModelFileError: the run folder cannot be written, or another training is writing to it. What cannot be
                written later does not end the training: at the end, the error names the folder that holds the run.
        """
        started, trainer = time.perf_counter(), self
        with failures_told(self.config.engine.process_group()):
            data = given_or_loaded(self.config.data, x, y, sample_weight, groups, validation, test)
        if classes is not None:
            data = replace(data, classes=classes)
        if x is not None:
            trainer = Trainer(given_in_memory(self.config), checks=self._checks)
        return trainer.fit_data(data, initial, out, callbacks, metrics, started)

    def fit_data(
        self,
        data: Data,
        initial: Network | Run | None = None,
        out: str | PathLike[str] | None = None,
        callbacks: Sequence[CallbackFunction | object] = (),
        metrics: Sequence[MetricFunction] = (),
        started: float | None = None,
        *,
        omit: Collection[str] = (),
    ) -> Run:
        """Train as `fit` does, with samples that the configured dataset has loaded: once for several trainings.

        Parts to ``omit`` (``test``) are divided off as ever, and then never looked at.
        """
        started = time.perf_counter() if started is None else started
        group = self.config.engine.process_group()
        with failures_told(group):
            network, rule_state = starting_point(initial)
            setup = build(self.config, data, network, omit)
            check_held_out(setup)
            setup = add_metrics(setup, metrics)
            runner = CallbackRunner(self.config, callbacks, muted=not group.primary)
            store = RunFolder.claim(out, self.config) if out is not None and group.primary else None
            handling = without_signals if out is None else handle_signals
            checks, config = self._checks and group.primary, self.config
            return train(config, setup, runner, store, group, handling, started, rule_state=rule_state, checks=checks)

    @classmethod
    def resume(
        cls,
        path: str | PathLike[str],
        x: ArrayLike | None = None,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: Any = None,
        validation: Pair | None = None,
        test: Pair | None = None,
        classes: Any = None,
        epochs: int | None = None,
        engine: Any = None,
        allow_other_engine: bool = False,
        progress: bool | None = None,
        callbacks: Sequence[CallbackFunction | object] = (),
        metrics: Sequence[MetricFunction] = (),
    ) -> Run:
        """Resume an interrupted training; the result has the same bits as without the interruption.

        What the run folder holds after an earlier checkpoint is kept there as a run of its own, in ``abandoned/``.

        Args:
            path: A run folder, whose latest checkpoint is used, or one of its checkpoints.
            x: The training samples of the interrupted run; with None the configured dataset provides them again.
            y: Its labels or targets.
            sample_weight: Its weights, if it had any.
            groups: Its groups, if it had any.
            validation: Its validation samples, if it was given any.
            test: Its test samples, if it was given any.
            classes: Its classes, if it was given any.
            epochs: The total number of epochs; None leaves it as it was.
            engine: The engine to continue on, by its kind or a table; None leaves it as it was.
            allow_other_engine: Whether engine, number of threads and versions (of libraries, modnet and plug-ins) may
                differ from those of the checkpoint; the result then differs too, at least in its last bits.
            progress: Whether to show the progress; None leaves it as configured.
            callbacks: As in `fit`; they may be others than those of the interrupted run, or none.
            metrics: As in `fit`; they may be others, too.

        Raises:
            ConfigError: a component is not installed, a callback or metric cannot be used, or ``epochs`` is less than
                the number of completed epochs.
            DataError: the samples are not those of the interrupted run.
            DivergenceError: a number became non-finite (NaN or infinity).
            Interrupted: the training was interrupted again.
            ModelFileError: there is no checkpoint, it is damaged, the run has ended, its results would have other bits
                here, or another training is writing to the run folder.
        """
        started = time.perf_counter()
        store = RunFolder.holding(path)
        if engine is not None:
            engine = load_config({"engine": engine}).engine
        with resuming(store, engine) as group:
            checkpoint = store.latest() if is_folder(path) else store.read_checkpoint(Path(path))
            config, state = prepare_resume(store, checkpoint, epochs)
            if progress is not None:
                config = with_progress(config, shown=progress)
            if engine is not None:
                config = config.model_copy(update={"engine": engine})
            if config.engine.process_group() is not group and group.count > 1:
                raise ModelFileError(f"{store.path / store.CONFIG}: its engine is not that of {checkpoint.path}")
            if x is None and config.data.kind == "memory":
                given = "its samples were given in memory; give them again, in Python"
                raise DataError(f"{path}: {given}: Trainer.resume({str(path)!r}, x, y)")
            record = DataRecord.read(store.path)
            dataset = config.data if record is None else record.locate(config.data)
            samples = given_or_loaded(dataset, x, y, sample_weight, groups, validation, test)
            data = replace(samples, classes=classes)
            if record is not None:
                data = replace(data, held_out=record.held_out_rows())
            try:
                setup = build(config, data, checkpoint.network)
                check_held_out(setup)
            except ConfigError as error:  # the configuration fits the samples of the interrupted run
                problem = f"must be those of the interrupted run, {checkpoint.path}"
                raise DataError(f"{data.place('train')} samples: {problem}; {error}") from None
            setup, runner = add_metrics(setup, metrics), CallbackRunner(config, callbacks, muted=not group.primary)
            mine, resumption = store if group.primary else None, Resumption(checkpoint, state, allow_other_engine)
            return train(config, setup, runner, mine, group, handle_signals, started, resumption)


def with_progress(config: RunConfig, *, shown: bool) -> RunConfig:
    """Return a configuration whose callbacks show the progress, or do not."""
    callbacks = [callback for callback in config.callbacks if shown or callback.kind != "progress"]
    if shown and all(callback.kind != "progress" for callback in callbacks):
        callbacks.append(Callback.resolve("progress"))
    return config.model_copy(update={"callbacks": tuple(callbacks)})
