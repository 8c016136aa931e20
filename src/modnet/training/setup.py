"""Before training: the network, the samples and the metrics that a configuration and data make, checked together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modnet.config.load import load_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data, Names, Pair
from modnet.core.errors import ConfigError, DataError
from modnet.core.interfaces import Metric
from modnet.core.messages import counted, log_warning
from modnet.core.random import Stream, generator
from modnet.data.columns import feature_names, targets_like
from modnet.data.distinct import MANY, group_codes, numbers_hint
from modnet.data.labels import Targets, labels_hint
from modnet.data.prepared import Samples
from modnet.data.raw import check_shape, raw_rows
from modnet.data.row_source import RowSource, made_dense
from modnet.data.sparse_rows import MADE_DENSE, SparseRows, is_csr
from modnet.data.splitting import divide
from modnet.data.table import Rows, rows_at
from modnet.data.weights import as_weights, require_weight, with_class_weights
from modnet.network.decoding import outputs_for
from modnet.network.network import Network
from modnet.training.batch_sizes import check_batch_sizes
from modnet.training.transforms import fit_transforms

__all__ = [
    "Part",
    "Setup",
    "build",
    "check_held_out",
    "check_optimizer",
    "configs_per_optimizer",
    "resolve_metrics",
    "split_data",
]


class Part(NamedTuple):
    """Raw rows of one part of the data, their targets, their weights or None; see `Samples` for the others."""

    x: Rows
    targets: Targets
    weights: NDArray[np.float64] | None
    held_out: NDArray[np.intp] | None = None
    groups: NDArray[np.intp] | None = None

    def take(self, rows: NDArray[np.intp], held_out: NDArray[np.intp] | None = None) -> Part:
        """Return the rows with these numbers, which increase."""
        weights = None if self.weights is None else self.weights[rows]
        groups = None if self.groups is None else self.groups[rows]
        return Part(rows_at(self.x, rows), self.targets.take(rows), weights, held_out, groups)

    def prepared(self, network: Network, place: str) -> Samples:
        """Return the samples as they enter the network; ``place`` is what errors call them."""
        x, targets = network.preprocess(self.x, f"{place} x"), network.preprocess_targets(self.targets, f"{place} y")
        is_raw = network.preprocessing is None and network.target_transform is None
        raw = None if is_raw else (self.x, self.targets)
        return Samples(x, targets, self.weights, self.held_out, raw, self.groups)


class Setup(NamedTuple):
    """A network, the samples as they enter it (``train``, ``validation``, ``test``), and the metrics."""

    network: Network
    samples: dict[str, Samples]
    metrics: tuple[Metric, ...]


def build(config: RunConfig, data: Data, initial: Network | None, omit: Collection[str] = ()) -> Setup:
    """Return the network that fits the data, the samples as they enter it, and the metrics.

    The parameters, state, transforms and feature names of an ``initial`` network are taken over.

    Raises:
        ConfigError: the configured components do not fit the data, or each other.
        DataError: samples or labels cannot be used.
    """
    names = feature_names(data)
    if initial is not None:
        names = initial.features or names  # an array's columns go by position
    parts = split_data(config, data, names=names, omit=omit)
    x, targets, *_ = parts["train"]
    preprocessing, target_transform = fit_transforms(config, x, targets, names, data.place("train"), initial)
    network = _network(config, x.shape[1:] if preprocessing is None else preprocessing.sample_shape, targets)
    network.features, network.preprocessing, network.target_transform = names, preprocessing, target_transform
    if initial is not None:
        _start_from(initial, network)
    check_optimizer(config, len(x))
    metrics = resolve_metrics(config, network)
    samples = {}
    for name, part in parts.items():
        prepared = part.prepared(network, data.place(name))
        x = prepared.x
        if isinstance(x, SparseRows) and not config.engine.takes_sparse:
            x = made_dense(x, f"{data.place(name)} x")
        samples[name] = replace(prepared, x=x.validated()) if isinstance(x, RowSource) else prepared
    if is_csr(data.train[0]) and not isinstance(samples["train"].x, SparseRows):
        log_warning(f"{data.place('train')} x: {MADE_DENSE}")
    check_batch_sizes(network, config.optimizer, samples["train"], config.seed)
    return Setup(network, samples, metrics)


def split_data(
    config: RunConfig, data: Data, like: Network | None = None, names: Names | None = None, omit: Collection[str] = ()
) -> dict[str, Part]:
    """Return raw rows, targets and weights of ``train``, ``validation`` and ``test``, where there are any.

    Rows of a source stay where they are, and are checked when they are read. Without a validation or a test part, the
    share that ``data.validation_share`` or ``data.test_share`` asks for is held out of the training samples: `divide`.
    ``data.class_weight`` applies to the training samples that are left. With a network to be ``like``, columns are
    matched by its names and labels by its classes. Otherwise they are matched by ``names``, by default those of the
    training samples. Parts to ``omit`` (``test``) are divided off, and not looked at.

    Raises:
        ConfigError: ``data.class_weight`` does not fit the targets.
        DataError: samples, labels, weights or groups cannot be used.
    """
    names = like.features if like is not None else names or feature_names(data)

    has_transforms = bool(config.data.transforms) if like is None else like.preprocessing is not None

    def rows_of(pair: Pair, part: str) -> Rows:
        where, exactly = f"{data.place(part)} x", part == "train" and like is None
        return raw_rows(pair[0], data.features, names, where, transforms=has_transforms, exactly=exactly)

    x = rows_of(data.train, "train")
    shape = x.shape[1:] if like is None else like.raw_shape
    expecting = "the first transform" if has_transforms else "layer 1"
    check_shape(x, shape, f"{data.place('train')} x", expecting)
    if like is None and names is not None and shape != (len(names),):
        raise DataError(f"{data.place('train')} x: samples of shape {shape}, but {len(names)} names of columns")
    where = f"{data.place('train')} y"
    if like is None:
        targets = Targets.fit(data.train[1], len(x), where, data.classes)
    else:
        targets = Targets.transform(data.train[1], len(x), where, like.classes, like.target_width, like.multi_label)
    place = data.place("train")
    groups = None if data.groups is None else group_codes(data.groups, len(x), f"{place} groups")
    whole = Part(x, targets, _weights_of(data, "train", len(x)), groups=groups)
    parts = {"train": whole}
    wanted = {"validation": config.data.validation_share, "test": config.data.test_share}
    shares = {part: share for part, share in wanted.items() if share and getattr(data, part) is None}
    if shares:
        divided = divide(targets, shares, data.held_out, groups, config.seed, f"{place} samples")
        parts = {part: whole.take(rows, None if part == "train" else rows) for part, rows in divided.items()}
    train = parts["train"]
    if config.data.class_weight is not None:
        weights = with_class_weights(config.data.class_weight, train.targets, train.weights)
        parts["train"] = train._replace(weights=weights)
    for name, part in parts.items():
        require_weight(part.weights, f"{data.place(name)} sample_weight")
    for name, pair in (("validation", data.validation), ("test", data.test)):
        if pair is not None and name not in omit:
            rows = rows_of(pair, name)
            check_shape(rows, shape, f"{data.place(name)} x", expecting)
            where = f"{data.place(name)} y"
            form = targets.classes, targets.width or 0, targets.multi_label
            labels = Targets.transform(targets_like(data.train[1], pair[1], where), len(rows), where, *form)
            parts[name] = Part(rows, labels, _weights_of(data, name, len(rows)))
    return {part: parts[part] for part in ("train", "validation", "test") if part in parts and part not in omit}


def _weights_of(data: Data, part: str, count: int) -> NDArray[np.float64] | None:
    _, _, weights = (*getattr(data, part), None)[:3]
    return None if weights is None else as_weights(weights, count, f"{data.place(part)} sample_weight")


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

    Learning rate, rule, schedule, and every other option that a kind has too, stay.

    Raises:
        ConfigError: a kind is not known, or does not fit the data.
        DataError: samples or labels cannot be used.
    """
    configs = [load_config(config, [f"optimizer.kind={kind}"]) for kind in kinds]
    samples = len(split_data(config, data)["train"][0])
    for optimizer_config in configs:
        check_optimizer(optimizer_config, samples)
    return configs


def resolve_metrics(config: RunConfig, network: Network) -> tuple[Metric, ...]:
    """Return the configured metrics; ``"auto"`` is accuracy for classes, and r2 for other targets.

    For several labels it is accuracy and binary-accuracy.

    Raises:
        ConfigError: a metric does not apply to the network's task, or two have one name.
    """
    task = network.task
    if config.metrics is None:
        kinds = ("accuracy", "binary-accuracy") if task.multi_label else ("accuracy",) if task.classes else ("r2",)
        return tuple(Metric.resolve(kind).for_task(task) for kind in kinds)
    taken = {"cost"}
    for index, metric in enumerate(config.metrics):
        try:
            metric.check(task)
        except ValueError as error:
            raise ConfigError(f"metrics.{index}: {error}") from None
        for name in metric.history_names(task):
            if name in taken:
                raise ConfigError(f"metrics.{index}: two metrics would be called '{name}' in the history")
            taken.add(name)
    return tuple(metric.for_task(task) for metric in config.metrics)


def check_held_out(setup: Setup) -> None:
    """Refuse to train with metrics that need all outputs at once where there are training samples only.

    Raises:
        ConfigError: no samples are held out.
    """
    for index, metric in enumerate(setup.metrics):
        if metric.needs_all_outputs and setup.samples.keys() == {"train"}:
            raise ConfigError(
                f"metrics.{index}: {metric.kind} needs all outputs at once, so validation or test samples; "
                "there are none (data.validation_share = 0.2 would sample some)"
            )


def _start_from(initial: Network, network: Network) -> None:
    """Give ``network`` the parameters, and state of ``initial``, which must be of its shape."""
    shapes = [
        [{name: spec.shape for name, spec in layer.specs.items()} for layer in source.layers]
        for source in (initial, network)
    ]
    if shapes[0] != shapes[1]:
        sizes = ["-".join(map(str, source.sizes)) for source in (initial, network)]
        raise ConfigError(f"network.layers: initial is {sizes[0]}, the configuration asks for {sizes[1]}")
    if initial.classes is not None:
        classes = None if network.classes is None else network.classes.tolist()
        if initial.classes.tolist() != classes:
            raise DataError("training y: its classes are not those of the initial network")
    for layer, source in zip(network.layers, initial.layers, strict=True):
        for name, values in source.parameters.items():  # what is frozen in one may be trained in the other
            layer.parameters[name][...] = values
    network.load_layer_states(initial.layer_states())


def _network(config: RunConfig, input_shape: tuple[int, ...], targets: Targets) -> Network:
    parts = config.network
    rng = generator(config.seed, Stream.PARAMETERS)
    network = Network(parts.layers, input_shape, parts.cost, parts.regularizers, config.dtype, rng)
    _check_outputs(network, targets)
    network.classes, network.multi_label = targets.classes, targets.multi_label
    network.config = config
    return network


def _check_outputs(network: Network, targets: Targets) -> None:
    """Refuse an output layer that has not as many units as the cost wants for these targets."""
    if targets.classes is None:
        hint = labels_hint(targets.values) if targets.values is not None and network.outputs > 1 else ""
        widths, described = {targets.width or 0}, f"the targets have {counted(targets.width or 0, 'output')}"
    else:
        count = len(targets.classes)
        hint = numbers_hint(targets.classes, 2 if network.outputs == 1 else MANY)
        widths, described = (
            ({1, 2} if count == 2 else {count}),
            f"the data has {count} {'class' if count == 1 else 'classes'}",
        )
    cost = network.cost
    wanted = {width: outputs for width in widths if (outputs := outputs_for(cost, width)) is not None}
    if not wanted:
        try:
            cost.outputs(max(widths))
        except ValueError as error:
            raise ConfigError(f"network.cost: {cost.kind}: {error}; {described}{hint}") from None
    if network.outputs not in wanted.values():
        choices = " or ".join(map(str, sorted(wanted.values())))
        if any(width != outputs for width, outputs in wanted.items()):
            choices += f", which the cost {cost.kind} needs"
        last = f"network.layers.{len(network.layers) - 1}"
        raise ConfigError(
            f"{last}: the output layer has {counted(network.outputs, 'unit')}, {described}; allowed: {choices}{hint}"
        )
