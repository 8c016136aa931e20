"""The comparison of configurations: every combination of a grid, trained for several seeds and folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

from modnet.analysis.comparison.folder import ComparisonFolder
from modnet.analysis.comparison.grid import Combination, combine, grid_axes
from modnet.analysis.comparison.outcome import Outcome, Statistic
from modnet.analysis.comparison.plan import ArgumentError, DataCache, Plan, make_plan
from modnet.analysis.comparison.pool import run_all
from modnet.analysis.jsonable import jsonable
from modnet.config.load import ConfigSource
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.messages import counted, log_warning, short_repr
from modnet.core.numbers import format_number
from modnet.training.result import part_name

__all__ = ["Comparison", "Reporter", "Row", "compare", "compare_combinations"]


_FIGURES = ("metrics", "test", "seconds", "epoch_seconds", "epochs", "updates")


@dataclass(frozen=True)
class Row:
    """One combination of a comparison.

    Attributes:
        settings: Dotted key → value, of the keys that are varied.
        config: Its configuration, of which the runs have other seeds.
        runs: What each of its runs reached, by seed and fold.
        is_best: Whether it is the best of all.
    """

    settings: Mapping[str, Any]
    config: RunConfig
    runs: tuple[Outcome, ...]
    is_best: bool = False

    @property
    def diverged(self) -> int:
        """How many of its runs diverged; where one did, there are no metrics."""
        return sum(run.diverged is not None for run in self.runs)

    @cached_property
    def metrics(self) -> dict[str, Statistic]:
        """Cost and metrics on the samples that the comparison judges by."""
        return {} if self.diverged else _statistics([run.metrics for run in self.runs])

    @cached_property
    def test(self) -> dict[str, Statistic]:
        """The same on the test samples, where they are not what the comparison judges by."""
        return {} if self.diverged else _statistics([run.test for run in self.runs])

    @property
    def seconds(self) -> Statistic:
        """How long its runs took."""
        return Statistic.of([run.seconds for run in self.runs])

    @property
    def epoch_seconds(self) -> Statistic | None:
        """How long their epochs took, as `Outcome.epoch_seconds` says; None where a run has none."""
        values = [run.epoch_seconds for run in self.runs if run.epoch_seconds is not None]
        return Statistic.of(values) if len(values) == len(self.runs) else None

    @property
    def epochs(self) -> Statistic:
        """How many epochs its runs had."""
        return Statistic.of([run.epochs for run in self.runs])

    @property
    def updates(self) -> Statistic:
        """How many updates its runs made."""
        return Statistic.of([run.updates for run in self.runs])

    def to_dict(self) -> dict[str, Any]:
        """Return the combination as a JSON-serializable dict."""
        return {
            "settings": jsonable(dict(self.settings)),
            "best": self.is_best,
            "diverged": self.diverged,
            **{name: jsonable(getattr(self, name)) for name in _FIGURES},
            "runs": [run.model_dump(exclude={"combination"}) for run in self.runs],
        }


@dataclass(frozen=True, repr=False)
class Comparison:
    """Configurations, and what each of them reaches.

    Attributes:
        rows: One for each combination, in the order of the grid.
        part: The samples that they are judged by: ``validation``, else ``test``, else ``train``.
        metric: The metric that decides which is best, by its mean over the runs.
        better: Whether ``higher`` or ``lower`` values of it are better.
        seeds, folds: How many seeds each combination was trained with, and folds, or None.
    """

    rows: tuple[Row, ...]
    part: str
    metric: str
    better: str
    seeds: int
    folds: int | None

    def __repr__(self) -> str:
        best, part = self.best_row, part_name(self.part)
        found = "all diverged"
        if best is not None:
            found = f"best {dict(best.settings)}, {format_number(best.metrics[self.metric].mean, 6)}"
        return f"<modnet comparison: {counted(len(self.rows), 'combination')} by {part} {self.metric}; {found}>"

    @property
    def best_row(self) -> Row | None:
        """The best row, of equal ones the first; None where every combination diverged."""
        return next((row for row in self.rows if row.is_best), None)

    @property
    def best(self) -> RunConfig | None:
        """The configuration of the best row."""
        return None if self.best_row is None else self.best_row.config

    @property
    def keys(self) -> list[str]:
        """The keys that are varied."""
        return list(dict.fromkeys(key for row in self.rows for key in row.settings))

    @property
    def varies_engine(self) -> bool:
        """Whether engines are compared, or options of one, so that it is their time that counts."""
        return any(key.split(".")[0] == "engine" for key in self.keys)

    @property
    def caution(self) -> str | None:
        """What it means that the best was chosen without validation samples; None where there were some."""
        advice = "folds, or data.validation_share, make validation samples to choose by"
        if self.part == "validation" or len(self.rows) == 1 or self.best is None:
            return None
        if self.part == "test":
            return f"The best was chosen by the test samples, so on new samples it will be worse than here; {advice}."
        return f"The best was chosen by the training samples, which says little about new ones; {advice}."

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as a JSON-serializable dict; combinations and folds are counted from 0."""
        best = next((index for index, row in enumerate(self.rows) if row.is_best), None)
        judged = {name: getattr(self, name) for name in ("part", "metric", "better", "seeds", "folds")}
        config = None if self.best is None else self.best.to_config()
        rows = [row.to_dict() for row in self.rows]
        return {**judged, "rows": rows, "best": best, "best_config": config, "caution": self.caution}


class Reporter:
    """What is told while a comparison is made; this one says nothing."""

    def begin(self, total: int, kept: int) -> None:
        """Say how many runs there are, and how many of them had been finished before."""

    def finished(self, settings: Mapping[str, Any], outcome: Outcome, metric: str, done: int, total: int) -> None:
        """Say what a run has reached, and how many of all are finished."""


def compare(
    config: ConfigSource = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    seeds: int = 1,
    folds: int | None = None,
    metric: str | None = None,
    data: Data | None = None,
    jobs: int = 1,
    out: str | PathLike[str] | None = None,
) -> Comparison:
    """Train every combination of a grid, and return what each reaches.

    The runs of a combination differ in their seed: in the initial parameters, in the order of the samples, and in what
    is held out. Each run has one thread, unless the configuration sets ``engine.threads`` or engines are compared, so
    that the results do not depend on ``jobs``.

    Args:
        config: A configuration: a TOML file's path, a dict with its keys, the model, or None for the defaults.
        grid: Dotted key → its values; None or empty for the configuration alone.
        seeds: The number of seeds of each combination, from that of the configuration on.
        folds: Into how many folds the training samples are divided, class by class and no group of samples divided;
            each is held out for validation in one run. None: the samples are divided as configured.
        metric: What decides which combination is best: ``cost`` or the name of a metric in the history; None for the
            first metric.
        data: The samples, instead of those that the configuration names.
        jobs: The number of processes. With more than one, a script must guard what it does by
            ``if __name__ == "__main__"``, as for Python's multiprocessing.
        out: A folder that keeps every run, and from which a later call with the same arguments goes on.

    Raises:
        ConfigError: a key, a value or an argument is not valid, or a combination does not fit the data.
        DataError: samples or labels cannot be used.
        Interrupted: a signal came; what is finished is in ``out``, and what was running has its checkpoint there.
        ModelFileError: the folder cannot be used, or holds another comparison.
    """
    options: dict[str, Any] = {"seeds": seeds, "folds": folds, "jobs": jobs}
    for name, least in {"seeds": 1, "folds": 2, "jobs": 1}.items():
        value = options[name]
        if not (value is None and name == "folds") and (type(value) is not int or value < least):
            raise ArgumentError(f"{name} {short_repr(value)}: should be an integer from {least}")
    return compare_combinations(combine(config, grid_axes(grid or {})), metric=metric, data=data, out=out, **options)


def compare_combinations(
    combinations: Sequence[Combination],
    *,
    seeds: int,
    folds: int | None,
    metric: str | None,
    data: Data | None = None,
    jobs: int,
    out: str | PathLike[str] | None,
    reporter: Reporter | None = None,
) -> Comparison:
    """Return what all combinations reach; see `compare`."""
    reporter, cache = reporter or Reporter(), DataCache(data)
    memory, records = data is not None, out is not None
    plan = make_plan(combinations, seeds, folds, metric, cache, in_memory=memory, with_records=records)
    store = None if out is None else ComparisonFolder(out, plan, folds)
    wanted = {task.key for task in plan.tasks}
    outcomes = {run.key: run for run in (store.outcomes if store else []) if run.key in wanted}
    for text, concerned in plan.warnings.items():
        some = "" if len(concerned) == len(combinations) else f" ({len(concerned)} of {len(combinations)} combinations)"
        log_warning(f"{text}{some}")
    reporter.begin(len(plan.tasks), len(outcomes))

    def done(outcome: Outcome) -> None:
        if store is not None:
            store.add(outcome)
        outcomes[outcome.key] = outcome
        settings = plan.combinations[outcome.combination].settings
        reporter.finished(settings, outcome, plan.metric, len(outcomes), len(plan.tasks))

    try:
        missing = [task for task in plan.tasks if task.key not in outcomes]
        run_all(missing, plan.part, None if store is None else store.path, jobs, cache, data, done)
    finally:
        if store is not None:
            store.release()
    return _comparison(plan, outcomes, seeds, folds)


def _comparison(
    plan: Plan, outcomes: Mapping[tuple[int, int, int | None], Outcome], seeds: int, folds: int | None
) -> Comparison:
    runs: list[list[Outcome]] = [[] for _ in plan.combinations]
    for task in plan.tasks:
        runs[task.combination].append(outcomes[task.key])
    rows = [Row(*combination, tuple(own)) for combination, own in zip(plan.combinations, runs, strict=True)]
    sign = -1.0 if plan.better[plan.metric] == "higher" else 1.0
    scores = [math.inf if row.diverged else sign * row.metrics[plan.metric].mean for row in rows]
    best = scores.index(min(scores)) if min(scores) < math.inf else None
    rows = [Row(row.settings, row.config, row.runs, index == best) for index, row in enumerate(rows)]
    return Comparison(tuple(rows), plan.part, plan.metric, plan.better[plan.metric], seeds, folds)


def _statistics(values: Sequence[Mapping[str, float]]) -> dict[str, Statistic]:
    return {name: Statistic.of([each[name] for each in values]) for name in values[0]}
