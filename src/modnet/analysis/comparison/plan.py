"""The runs of a comparison, planned and checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from modnet.analysis.comparison.grid import MOST_RUNS, Combination
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Dataset
from modnet.core.messages import counted, did_you_mean, short_repr
from modnet.core.random import Stream, generator
from modnet.data.prepared import PartRecord
from modnet.data.splitting import folds
from modnet.training.callbacks import CallbackRunner
from modnet.training.given import given_in_memory
from modnet.training.sanity_checks import sanity_checks
from modnet.training.setup import Setup, build, check_held_out, split_data
from modnet.training.trainer import with_progress

__all__ = [
    "ArgumentError",
    "DataCache",
    "Plan",
    "Task",
    "choose_metric",
    "make_plan",
    "metric_directions",
    "run_config",
]

Records: TypeAlias = Mapping[str, PartRecord]
HeldOut: TypeAlias = Mapping[str, NDArray[np.intp]]
"""``validation``, and perhaps ``test`` → the numbers of the training rows that are held out for it."""


class ArgumentError(ConfigError):
    """An argument of the comparison cannot be used; the message begins with its name, as that of an option does."""


class DataCache:
    """The samples of the last configuration that asked for some: configurations mostly have the same dataset.

    Args:
        data: Samples that all configurations use, instead of those that they name.
    """

    def __init__(self, data: Data | None = None) -> None:
        self._given = data
        self._loaded: tuple[Dataset, Data] | None = None

    def get(self, config: RunConfig) -> Data:
        """Return the samples of a configuration.

        Raises:
            DataError: they cannot be read.
        """
        if self._given is not None:
            return self._given
        dataset = config.data.model_copy(update={"validation_share": 0.0})  # which is sampled after the loading
        if self._loaded is None or self._loaded[0] != dataset:
            self._loaded = None  # so that they need not be in memory both
            self._loaded = dataset, config.data.load()
        return self._loaded[1]


class Task(NamedTuple):
    """One run: its combination, seed and fold, counted from 0, its configuration, and which rows it holds out."""

    combination: int
    seed: int
    fold: int | None
    config: RunConfig
    held_out: HeldOut | None

    @property
    def key(self) -> tuple[int, int, int | None]:
        """What tells the runs of a comparison apart."""
        return self.combination, self.seed, self.fold

    @property
    def name(self) -> str:
        """The name of the run's folder; combinations and folds are counted from 1."""
        fold = "" if self.fold is None else f"-fold-{self.fold + 1}"
        return f"combination-{self.combination + 1:03d}-seed-{self.seed}{fold}"

    def data(self, cache: DataCache) -> Data:
        """Return the run's samples."""
        data = cache.get(self.config)
        return data if self.held_out is None else replace(data, held_out={**data.held_out, **self.held_out})


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        combinations: The configurations.
        tasks: The runs, those of one combination together.
        part: The samples that the combinations are judged by: ``validation``, else ``test``, else ``train``.
        better: Name of a metric → whether ``higher`` or ``lower`` values are better.
        metric: The metric that decides which combination is best.
        samples: The records of the samples of each combination's first run; empty where they were not asked for.
        warnings: What cannot learn → the combinations of which that is true.
    """

    combinations: tuple[Combination, ...]
    tasks: tuple[Task, ...]
    part: str
    better: Mapping[str, str]
    metric: str
    samples: tuple[Records, ...]
    warnings: Mapping[str, Sequence[int]]


def make_plan(
    combinations: Sequence[Combination],
    seeds: int,
    fold_count: int | None,
    metric: str | None,
    cache: DataCache,
    *,
    in_memory: bool,
    with_records: bool,
) -> Plan:
    """Return the runs of a comparison, each of whose configurations fits its samples.

    Raises:
        ConfigError: a configuration does not fit, there is no such metric, there are too many runs or folds, or the
            combinations are judged by different parts of the data.
        DataError: samples or labels cannot be used.
    """
    total = len(combinations) * seeds * (fold_count or 1)
    if total > MOST_RUNS:
        raise ConfigError(f"the comparison has {total:,} runs; allowed: up to {MOST_RUNS:,}")
    cuts: dict[Any, list[HeldOut]] = {}
    records: dict[Any, Records] = {}
    checked = set[Any]()
    warnings: dict[str, list[int]] = {}
    tasks: list[Task] = []
    parts, found, samples = [], [], []
    one_thread = len({config.engine for _, config in combinations}) == 1  # else it is how fast they are that counts
    for index, (_, config) in enumerate(combinations):
        first = len(tasks)
        for seed in range(config.seed, config.seed + seeds):
            seeded = config.model_copy(update={"seed": seed})
            if fold_count is not None and (config.data, seed) not in cuts:
                cuts[config.data, seed] = _folds(seeded, cache.get(config), fold_count)
            final = run_config(seeded, fold_count, in_memory=in_memory, one_thread=one_thread)
            tasks += [Task(index, seed, None, final, None)] if fold_count is None else [
                Task(index, seed, fold, final, rows) for fold, rows in enumerate(cuts[config.data, seed])
            ]  # fmt: skip
        is_new = (config.data, config.dtype) not in checked
        setup = _check(tasks[first:] if is_new else tasks[first : first + (fold_count or 1)], cache, each=is_new)
        checked.add((config.data, config.dtype))
        parts.append(next(part for part in ("validation", "test", "train") if part in setup.samples))
        found.append(metric_directions(setup))
        for text in sanity_checks(setup.network, setup.samples["train"]):
            warnings.setdefault(text, []).append(index)
        if with_records:
            key = config.data, config.dtype, config.seed
            if key not in records:
                records[key] = {part: each.record() for part, each in setup.samples.items()}
            samples.append(records[key])
    if len(set(parts)) > 1:
        raise ConfigError(f"the combinations would be judged by different samples: {' and '.join(sorted(set(parts)))}")
    better = {name: way for known in found for name, way in known.items()}
    return Plan(
        tuple(combinations), tuple(tasks), parts[0], better, choose_metric(metric, found), tuple(samples), warnings
    )


def run_config(config: RunConfig, fold_count: int | None, *, in_memory: bool, one_thread: bool = True) -> RunConfig:
    """Return the configuration of a run: without progress, perhaps in one thread unless it says in how many."""
    config = with_progress(given_in_memory(config) if in_memory else config, shown=False)
    update: dict[str, Any] = {}
    has_threads = "threads" in type(config.engine).model_fields
    if one_thread and has_threads and getattr(config.engine, "threads", None) is None:
        update["engine"] = config.engine.model_copy(update={"threads": 1})
    if fold_count is not None:
        update["data"] = config.data.model_copy(update={"validation_share": 1.0 / fold_count})
    return config.model_copy(update=update)


def _folds(config: RunConfig, data: Data, count: int) -> list[HeldOut]:
    """Return which of the training rows each fold holds out for validation; none of them is a test sample."""
    if data.validation is not None:
        problem = "the data has validation samples of its own; folds are made of the training samples"
        raise ArgumentError(f"folds {count}: {problem}")
    dataset = config.data.model_copy(update={"validation_share": 0.0})
    parts = split_data(config.model_copy(update={"data": dataset}), data)
    train, test = parts["train"], parts["test"].held_out if "test" in parts else None
    if train.groups is None and train.targets.codes is not None and train.targets.classes is not None:
        sizes = np.bincount(train.targets.codes)
        if sizes.min() < count:
            label, size = train.targets.classes[int(sizes.argmin())], counted(int(sizes.min()), "sample")
            raise ArgumentError(f"folds {count}: class {short_repr(label)} has {size}; allowed: 2 to {sizes.min()}")
    known: HeldOut = {} if test is None else {"test": test}
    rows = np.delete(np.arange(len(train.x) + (0 if test is None else len(test))), [] if test is None else test)
    cut = folds(train.targets, count, generator(config.seed, Stream.SPLIT), train.groups)
    return [{"validation": rows[numbers], **known} for numbers in cut]


def _check(tasks: Sequence[Task], cache: DataCache, *, each: bool) -> Setup:
    """Build what runs of one combination train, and return the first.

    Without ``each``, one run of each number of samples is enough: transforms were fitted to these samples before.
    """
    first, sizes = None, set[int]()
    for task in tasks:
        size = 0 if task.held_out is None else len(task.held_out["validation"])
        if each or size not in sizes:
            sizes.add(size)
            CallbackRunner(task.config)
            setup = build(task.config, task.data(cache), None)
            check_held_out(setup)
            first = first or setup
    if first is None:
        raise ValueError("a combination has no run")
    return first


def metric_directions(setup: Setup) -> dict[str, str]:
    """Return name → whether ``higher`` or ``lower`` is better, of the cost and each metric."""
    task, better = setup.network.task, {"cost": "lower"}
    return better | {name: metric.better for metric in setup.metrics for name in metric.history_names(task)}


def choose_metric(wanted: str | None, directions: Sequence[Mapping[str, str]]) -> str:
    """Return the metric that is wanted, which all combinations must have; by default the first beside the cost."""
    shared = [name for name in directions[0] if all(name in known for known in directions)]
    if wanted is None:
        return shared[1] if len(shared) > 1 else shared[0]
    if wanted not in shared:
        plain = wanted
        for part in ("validation_", "test_", "train_"):
            plain = plain.removeprefix(part)
        problem = "not all combinations have it" if any(wanted in known for known in directions) else "there is none"
        raise ArgumentError(f"metric {wanted}: {problem}{did_you_mean(plain, shared)} (allowed: {', '.join(shared)})")
    return wanted
