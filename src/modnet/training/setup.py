"""How a network, the samples and the metrics are made to fit each other, before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data, Pair
from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces import Metric, Task
from modnet.core.random import Stream, generator
from modnet.data.scaling import Scaling, Targets, as_samples, split
from modnet.data.validation import column_names, column_selector
from modnet.network.evaluate import Samples
from modnet.network.network import Network

__all__ = ["Setup", "build", "check_optimizer", "configs_per_optimizer", "resolve_metrics", "split_data"]


class Setup(NamedTuple):
    """A network, the samples as they enter it (``train``, ``validation``, ``test``), and the metrics."""

    network: Network
    samples: dict[str, Samples]
    metrics: tuple[Metric, ...]


def build(config: RunConfig, data: Data, initial: Network | None) -> Setup:
    """Return the network that fits the data, the samples as they enter it, and the metrics.

    With an ``initial`` network its parameters, state and scaling are taken over.

    Raises:
        ConfigError: the configured parts do not fit the data, or each other.
        DataError: samples or labels cannot be used.
    """
    parts = split_data(config, data)
    x, targets = parts["train"]
    network = _network(config, x.shape[1:], targets)
    network.features = feature_names(data)
    if config.data.scaling != "none":
        network.scaling = Scaling.fit(config.data.scaling, x)
    if initial is not None:
        _continue_from(initial, network)
    check_optimizer(config, len(x))
    samples = {}
    for name, (rows, labels) in parts.items():
        place = data.place(name)
        samples[name] = Samples(network.preprocess(rows, f"{place} x"), labels.astype(network.dtype, f"{place} y"))
    return Setup(network, samples, resolve_metrics(config, network))


def split_data(config: RunConfig, data: Data, like: Network | None = None) -> dict[str, tuple[NDArray[Any], Targets]]:
    """Return raw rows and targets of ``train``, ``validation`` and ``test``, as far as there are any.

    Where the data has no validation part and ``data.validation_share`` asks for one, it is drawn by the run's seed.
    With a network to be ``like``, columns go by its names and labels by its classes.

    Raises:
        DataError: samples or labels cannot be used.
    """
    learnt = feature_names(data) if like is None else like.features

    def rows_of(pair: Pair, place: str) -> NDArray[Any]:
        picked = column_selector(data.features or column_names(pair[0]), learnt, f"{place} x")
        return np.ascontiguousarray(as_samples(pair[0], f"{place} x")[picked])

    place = data.place("train")
    x = rows_of(data.train, place)
    if like is None:
        targets = Targets.fit(data.train[1], len(x), f"{place} y")
    else:
        targets = Targets.transform(data.train[1], len(x), f"{place} y", like.classes, like.outputs)
    shape = x.shape[1:] if like is None else like.input_shape
    _check_shape(x, shape, place)
    parts = {"train": (x, targets)}
    for name, pair in (("validation", data.validation), ("test", data.test)):
        if pair is not None:
            place = data.place(name)
            rows = rows_of(pair, place)
            _check_shape(rows, shape, place)
            parts[name] = (
                rows,
                Targets.transform(pair[1], len(rows), f"{place} y", targets.classes, targets.width or 0),
            )
        elif name == "validation" and config.data.validation_share:
            kept, drawn = split(targets, config.data.validation_share, generator(config.seed, Stream.SPLIT))
            parts |= {"train": (x[kept], targets.take(kept)), "validation": (x[drawn], targets.take(drawn))}
    return parts


def feature_names(data: Data) -> tuple[str, ...] | None:
    """Return the names of the training columns, where there are any and no two are the same."""
    names = data.features or column_names(data.train[0])
    return names if names is not None and len(set(names)) == len(names) else None


def _check_shape(rows: NDArray[Any], shape: tuple[int, ...], place: str) -> None:
    if rows.shape[1:] != shape:
        raise DataError(f"{place} x: layer 1 expects {math.prod(shape)} inputs, got {rows[0].size}")


def check_optimizer(config: RunConfig, samples: int) -> None:
    """Refuse a number of training samples that the configured optimizer cannot work with.

    Raises:
        ConfigError: naming the key, the value and what is allowed.
    """
    try:
        config.optimizer.check(samples)
    except ValueError as error:
        raise ConfigError(f"optimizer.{error}") from None


def configs_per_optimizer(config: RunConfig, kinds: Sequence[str], data: Data) -> list[RunConfig]:
    """Return the configuration once with each kind of optimizer, checked against the data.

    Learning rate, rule and schedule stay, and every other option that a kind has too.

    Raises:
        ConfigError: a kind is not known, or does not fit the data.
        DataError: samples or labels cannot be used.
    """
    configs = [load_config(config, [f"optimizer.kind={kind}"]) for kind in kinds]
    samples = len(split_data(config, data)["train"][0])
    for each in configs:
        check_optimizer(each, samples)
    return configs


def resolve_metrics(config: RunConfig, network: Network) -> tuple[Metric, ...]:
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
    theirs, ours = ([layer.specs for layer in some.layers] for some in (initial, network))
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


def _network(config: RunConfig, input_shape: tuple[int, ...], targets: Targets) -> Network:
    parts = config.network
    rng = generator(config.seed, Stream.PARAMETERS)
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
