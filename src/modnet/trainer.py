"""The Trainer: composes the parts that a configuration names, and runs the epochs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
from numpy.typing import ArrayLike, NDArray

from modnet import registry
from modnet.components.families import Metric, Task
from modnet.config import ConfigSource, RunConfig, load_config
from modnet.data.dataset import Data, Pair
from modnet.data.preparation import Scaling, Targets, as_samples, split
from modnet.errors import ConfigError, DataError
from modnet.network import Network
from modnet.plugins.hookspecs import Events
from modnet.randomness import Purpose, generator
from modnet.storage.run_folder import RunFolder
from modnet.tally import Samples, judge
from modnet.threads import one_blas_thread
from modnet.training import Training

__all__ = ["Run", "Trainer", "check_optimizer", "metrics_for", "partition"]


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
        network, samples, metrics = self._compose(data, initial)
        folder = None if out is None else RunFolder.claim(out, self.config)
        watched = {name: some for name, some in samples.items() if name != "train"}
        training = Training(self.config, network, samples["train"], watched, metrics, _relay(self.config), folder)
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
            with _naming(events, "fit_start"):
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
        with _naming(events, "fit_end"):
            events.modnet_fit_end(training=training)
        return stopped

    def _epochs(self, training: Training, events: pluggy.HookRelay) -> str | None:
        for epoch in range(self.config.epochs):
            began = time.perf_counter()
            training.epoch = epoch
            with _naming(events, "epoch_start"):
                events.modnet_epoch_start(training=training)
            rate = training.rate
            with _naming(events, "batch_end"):
                figures = training.run_epoch(epoch)
            row: dict[str, Any] = {"epoch": epoch, "learning_rate": rate, **figures}
            for name, samples in training.watched.items():
                row |= judge(training.network, samples, training.metrics).figures(f"{name}_")
            training.check_figures(row)
            row["seconds"] = time.perf_counter() - began
            with _naming(events, "epoch_end"):
                events.modnet_epoch_end(training=training, row=row)
            with _naming(events, "should_stop"):
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

    def _compose(self, data: Data, initial: Network | None) -> tuple[Network, dict[str, Samples], tuple[Metric, ...]]:
        """Return the network that fits the data, the samples as they enter it, and the metrics."""
        config = self.config
        parts = partition(config, data)
        x, targets = parts["train"]
        network = self._network(x.shape[1:], targets)
        network.features = data.features
        if config.data.scaling != "none":
            network.scaling = Scaling.fit(config.data.scaling, x)
        if initial is not None:
            _continue_from(initial, network)
        check_optimizer(config, len(x))
        samples = {
            name: Samples(network.prepare(rows), labels.narrowed(network.dtype, f"{data.place(name)} y"))
            for name, (rows, labels) in parts.items()
        }
        return network, samples, metrics_for(config, network)

    def _network(self, input_shape: tuple[int, ...], targets: Targets) -> Network:
        parts, config = self.config.network, self.config
        rng = generator(config.seed, Purpose.PARAMETERS)
        network = Network(parts.layers, input_shape, parts.cost, parts.regularizers, config.dtype, rng)
        units, last = network.outputs, f"network.layers.{len(parts.layers) - 1}"
        if targets.classes is not None:
            count = len(targets.classes)
            if units != count and not (units == 1 and count == 2):
                allowed = "1 or 2" if count == 2 else str(count)
                raise ConfigError(
                    f"{last}: the output layer has {units} units, the data has {count} classes; allowed: {allowed}"
                )
        elif targets.width != units:
            raise ConfigError(f"{last}: the output layer has {units} units, the targets have {targets.width} outputs; "
                              f"allowed: {targets.width}")  # fmt: skip
        network.classes = targets.classes
        network.config = config
        return network


def partition(config: RunConfig, data: Data, like: Network | None = None) -> dict[str, tuple[NDArray[Any], Targets]]:
    """Return raw rows and targets of ``train``, ``validation`` and ``test``, as far as there are any.

    Where the data has no validation part and ``data.validation_share`` asks for one, it is drawn by the run's seed.
    With a network to be ``like``, columns go by its names and labels by its classes.

    Raises:
        DataError: samples or labels cannot be used.
    """
    columns, place = _columns(data, like), data.place("train")
    x = as_samples(data.train[0], f"{place} x")[columns]
    if like is None:
        targets = Targets.learn(data.train[1], len(x), f"{place} y")
    else:
        targets = Targets.follow(data.train[1], len(x), f"{place} y", like.classes, like.outputs)
    shape = x.shape[1:] if like is None else like.input_shape
    _check_shape(x, shape, place)
    parts = {"train": (x, targets)}
    for name, pair in (("validation", data.validation), ("test", data.test)):
        if pair is not None:
            place = data.place(name)
            rows = as_samples(pair[0], f"{place} x")[columns]
            _check_shape(rows, shape, place)
            parts[name] = (rows, Targets.follow(pair[1], len(rows), f"{place} y", targets.classes, targets.width or 0))
        elif name == "validation" and config.data.validation_share:
            kept, drawn = split(targets, config.data.validation_share, generator(config.seed, Purpose.SPLIT))
            parts |= {"train": (x[kept], targets.take(kept)), "validation": (x[drawn], targets.take(drawn))}
    return parts


def _check_shape(rows: NDArray[Any], shape: tuple[int, ...], place: str) -> None:
    if rows.shape[1:] != shape:
        raise DataError(f"{place} x: layer 1 expects {math.prod(shape)} inputs, got {rows[0].size}")


def _columns(data: Data, like: Network | None) -> Any:
    """Return what picks the network's columns, in its order, from the data's."""
    if like is None or like.features is None or data.features is None:
        return slice(None)
    missing = sorted(set(like.features) - set(data.features))
    if missing:
        raise DataError(
            f"{data.place('train')} x: there is no column '{missing[0]}', which the network was trained with"
        )
    return np.s_[:, [data.features.index(name) for name in like.features]]


def check_optimizer(config: RunConfig, samples: int) -> None:
    """Refuse a number of training samples that the configured optimizer cannot work with.

    Raises:
        ConfigError: naming the key, the value and what is allowed.
    """
    try:
        config.optimizer.check(samples)
    except ValueError as error:
        raise ConfigError(f"optimizer.{error}") from None


def metrics_for(config: RunConfig, network: Network) -> tuple[Metric, ...]:
    """Return the configured metrics; ``"auto"`` is accuracy for classes and r2 for other targets.

    Raises:
        ConfigError: a metric has no meaning for the network's task, or two would have one name.
    """
    task = Task(network.outputs, network.classes is not None)
    if config.metrics is None:
        return (Metric.resolve("accuracy" if task.classes else "r2"),)
    labels = {"cost"}
    for index, metric in enumerate(config.metrics):
        try:
            metric.check(task)
        except ValueError as error:
            raise ConfigError(f"metrics.{index}: {error}") from None
        if metric.label in labels:
            raise ConfigError(f"metrics.{index}: two figures would be called '{metric.label}' in the history")
        labels.add(metric.label)
    return config.metrics


def _continue_from(initial: Network, network: Network) -> None:
    """Give ``network`` the parameters, state and scaling of ``initial``, which must be of its shape."""
    theirs, ours = ([layer.specification for layer in some.layers] for some in (initial, network))
    shapes = [[{name: spec.shape for name, spec in layer.items()} for layer in some] for some in (theirs, ours)]
    if shapes[0] != shapes[1]:
        raise ConfigError(f"network.layers: initial is {_sizes(initial)}, the configuration asks for {_sizes(network)}")
    if initial.classes is not None and not _same_labels(initial.classes, network.classes):
        raise DataError("training y: its classes are not those of the initial network")
    network.parameters[...] = initial.parameters
    for mine, other in zip(network.layers, initial.layers, strict=True):
        for name, value in other.state.items():
            mine.state[name][...] = value
    if initial.scaling is not None:
        network.scaling = initial.scaling


def _same_labels(one: NDArray[Any], other: NDArray[Any] | None) -> bool:
    return other is not None and one.tolist() == other.tolist()


def _sizes(network: Network) -> str:
    return "-".join(map(str, network.sizes))


def _relay(config: RunConfig) -> pluggy.HookRelay:
    """Return the events, heard by the listeners of the configured callbacks in their order."""
    manager = pluggy.PluginManager("modnet")
    manager.add_hookspecs(Events)
    for index, callback in reversed(list(enumerate(config.callbacks))):  # pluggy calls the latest first
        owner = registry.active().owner_of(type(callback)) or type(callback).__module__
        name = f"{owner}: callback '{callback.kind}' (callbacks.{index})"
        manager.register(callback.listener(), name=name)
    manager.check_pending()
    return manager.hook


@contextmanager
def _naming(events: pluggy.HookRelay, event: str) -> Iterator[None]:
    """Let a listener's error go on with a note that names the listener and the event."""
    try:
        yield
    except Exception as error:
        heard = getattr(events, f"modnet_{event}").get_hookimpls()
        names = {(getattr(each.function, "__code__", None), id(each.plugin)): each.plugin_name for each in heard}
        trace = error.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            name = names.get((frame.f_code, id(frame.f_locals.get("self"))))
            if name is not None:
                error.add_note(f"raised by {name} in the event '{event}'")
                break
            trace = trace.tb_next
        raise
