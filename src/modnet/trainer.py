"""The Trainer: composes the parts that a configuration names, and runs the epochs."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
from numpy.typing import ArrayLike

from modnet.callbacks.relay import naming, relay
from modnet.composition import compose, metrics_for
from modnet.config import ConfigSource, RunConfig, load_config
from modnet.data.dataset import Data, Pair
from modnet.errors import DataError
from modnet.network import Network
from modnet.storage.run_folder import RunFolder
from modnet.tally import Samples, judge
from modnet.threads import one_blas_thread
from modnet.training import Training

__all__ = ["Run", "Trainer"]


@dataclass(frozen=True)
class Run:
    """One training that ended.

    Attributes:
        config: Its configuration, with every default.
        network: What was trained.
        history: A row for each epoch: epoch, learning_rate (at the epoch's first update), cost and metrics of the
            training samples (as they were met, before their update), the same with ``validation_`` and ``test_``
            before them (after the epoch), and seconds.
        updates: How many updates were made.
        seconds: How long it took.
        test: Cost and metrics of the finished network on the test samples; empty where there are none.
        samples: The samples for ``train``, ``validation`` and ``test``, as they entered the network.
        stopped: Why the training ended before its last epoch, or None.
        folder: The run folder, or None.
    """

    config: RunConfig
    network: Network
    history: list[dict[str, Any]]
    updates: int
    seconds: float
    test: dict[str, float] = field(default_factory=dict)
    samples: dict[str, Samples] = field(default_factory=dict, repr=False)
    stopped: str | None = None
    folder: Path | None = None

    def judge(self, part: str) -> dict[str, float]:
        """Return cost and metrics of the finished network on ``train``, ``validation`` or ``test``.

        Raises:
            KeyError: the run has no such part.
        """
        return judge(self.network, self.samples[part], metrics_for(self.config, self.network)).figures()


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
    ) -> Run:
        """Train a network and return the run.

        Args:
            x: Training samples, (samples, features); with None the configured dataset gives all samples.
            y: Class labels, (samples,), or targets, (samples, outputs).
            validation: x and y to watch the training with; given samples come before ``data.validation_share``.
            test: x and y to judge the network with, after every epoch as the document does, and at the end.
            initial: A network whose parameters (and scaling) the training goes on from; it stays as it is.
            out: A new folder for configuration, history and model.

        Raises:
            ConfigError: the configured network does not fit the data.
            DataError: samples or labels cannot be used.
            DivergenceError: the training left the finite numbers.
            ModelFileError: the run folder cannot be written.
        """
        started = time.perf_counter()
        data = self._data(x, y, validation, test)
        network, samples, metrics = compose(self.config, data, initial)
        folder = None if out is None else RunFolder.claim(out, self.config)
        watched = {name: some for name, some in samples.items() if name != "train"}
        training = Training(self.config, network, samples["train"], watched, metrics, relay(self.config), folder)
        # What leaves the finite numbers is our error, not a warning; lanes end before BLAS gets its threads back.
        with one_blas_thread(), np.errstate(all="ignore"), closing(training):
            stopped = self._run(training)
            training.check_result()
            result = judge(network, samples["test"], metrics).figures() if "test" in samples else {}
        if folder is not None:
            folder.write_model(network)
        return Run(
            self.config,
            network,
            training.history,
            training.updates,
            time.perf_counter() - started,
            result,
            samples,
            stopped,
            None if folder is None else folder.path,
        )

    def _run(self, training: Training) -> str | None:
        events = training.events
        try:
            with naming(events, "fit_start"):
                events.modnet_fit_start(training=training)
            if training.folder is not None:
                training.folder.begin(self.config, training.network)
            stopped = self._epochs(training, events)
        except BaseException as error:
            try:
                events.modnet_fit_end(training=training)
            except Exception as other:  # the first error is the one to be told
                error.add_note(f"then a listener failed in the event 'fit_end': {other!r}")
            raise
        with naming(events, "fit_end"):
            events.modnet_fit_end(training=training)
        return stopped

    def _epochs(self, training: Training, events: pluggy.HookRelay) -> str | None:
        for epoch in range(self.config.epochs):
            began = time.perf_counter()
            training.epoch = epoch
            with naming(events, "epoch_start"):
                events.modnet_epoch_start(training=training)
            rate = training.rate
            with naming(events, "batch_end"):
                figures = training.run_epoch(epoch)
            row: dict[str, Any] = {"epoch": epoch, "learning_rate": rate, **figures}
            for name, samples in training.watched.items():
                row |= judge(training.network, samples, training.metrics).figures(f"{name}_")
            training.check_figures(row)
            row["seconds"] = time.perf_counter() - began
            with naming(events, "epoch_end"):
                events.modnet_epoch_end(training=training, row=row)
            with naming(events, "should_stop"):
                stopped: str | None = events.modnet_should_stop(training=training)
            if stopped:
                return stopped
        return None

    def _data(self, x: ArrayLike | None, y: Any, validation: Pair | None, test: Pair | None) -> Data:
        if x is None:
            if y is not None or validation is not None or test is not None:
                raise DataError("fit: y, validation and test need x; without x the configured dataset gives everything")
            return self.config.data.load()
        if y is None:
            raise DataError("fit: x needs y, class labels (samples,) or targets (samples, outputs)")
        return Data((x, y), validation, test)
