"""Searching for a configuration: the function behind ``modnet tune``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from modnet.analysis.comparison.plan import ArgumentError
from modnet.config.load import ConfigSource, read_table
from modnet.config.overrides import apply_override
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError
from modnet.core.messages import did_you_mean, short_repr
from modnet.training.interruption import Interruption
from modnet_optuna.ledger import Ledger
from modnet_optuna.making import trained_config
from modnet_optuna.outcome import TrialResult
from modnet_optuna.parameters import read_parameters
from modnet_optuna.plan import Plan, Prune, join, make_plan
from modnet_optuna.pool import work_in_processes
from modnet_optuna.reporter import Reporter
from modnet_optuna.search import Search
from modnet_optuna.storage import Place, quiet
from modnet_optuna.work import PRUNERS, SAMPLERS, Work, open_ledger, work

__all__ = ["MOST_TRIALS", "tune"]

MOST_TRIALS = 100_000
"""How many trials a search may have: more are a mistake, and Optuna's samplers would be slow with them."""


def tune(
    config: ConfigSource = None,
    search: Mapping[str, Any] | Iterable[str] = (),
    *,
    trials: int = 50,
    storage: str | PathLike[str] | None = None,
    study: str = "modnet",
    seeds: int = 1,
    metric: str | None = None,
    prune: Prune = "none",
    sampler: str | BaseSampler = "tpe",
    workers: int = 1,
    heartbeat: int = 10,
    data: Data | None = None,
    out: str | PathLike[str] | None = None,
    settings: Iterable[str] = (),
    reporter: Reporter | None = None,
) -> Search:
    """Search for the values of some keys with which a configuration is best on the validation samples.

    The test samples are divided off, and never looked at. Where there are no validation samples, a fifth of the
    training samples is divided off for them. Each run has one thread, unless the configuration sets
    ``engine.threads``; with that, ``modnet.Trainer`` makes the same run of a trial's configuration, bit by bit.

    Args:
        config: A configuration: a TOML file's path, a dict with its keys, the model, or None for the defaults.
        search: Dotted key → range as text (``"8..128"``, ``"0.1..0.9:0.1"``, ``"log:1e-3..10"``), a list of values,
            or one of Optuna's distributions; or ``KEY=RANGE`` texts, as on the command line.
        trials: How many results are wanted, those of earlier calls with the same study and of other processes included.
        storage: Where the trials are kept: an SQLite file's path, or the URL of a database. The same call goes on
            there, and several processes share the trials. None: a temporary file.
        study: The name of Optuna's study; a storage may hold several.
        seeds: With how many seeds each trial is trained, from that of the configuration on. Its value is their mean.
        metric: ``cost`` or the name of a metric; None for the first metric.
        prune: ``none``, ``median``, ``successive-halving``, ``hyperband``, or a pruner of Optuna's: which trials are
            ended early, by the validation figure after each epoch of their first seed.
        sampler: ``tpe``, ``random``, or a sampler of Optuna's.
        workers: The number of processes. With more than one, a script must guard what it does by
            ``if __name__ == "__main__"``, as for Python's multiprocessing.
        heartbeat: Seconds between two signs of life of a trial; after three of them without one, another process takes
            the trial up.
        data: The samples, instead of those that the configuration names.
        out: A folder for the best configuration, the table of trials, and a page with Optuna's pictures.
        settings: ``KEY=VALUE`` texts that change the configuration.
        reporter: What is told of the search.

    Raises:
        ConfigError: a key, a range, a value or an argument is not valid, or the first configuration does not fit.
        DataError: samples or labels cannot be used.
        Interrupted: a signal came; the same call goes on.
        ModelFileError: the study is of another search, or ``out`` cannot be written.
        ModnetError: the storage cannot be used, or the processes cannot go on.
    """
    _check_arguments(trials=trials, seeds=seeds, workers=workers, heartbeat=heartbeat)
    _check_names(prune=(prune, PRUNERS, BasePruner), sampler=(sampler, SAMPLERS, BaseSampler))
    parameters = read_parameters(search)
    table, source = read_table(config)
    for setting in settings:
        table = apply_override(table, setting)
    with tempfile.TemporaryDirectory() as temporary:
        file = str(Path(temporary, "search.db")) if storage is None else fspath(storage)
        place = Place(file, is_temporary=storage is None)
        with _error_prefix(source):
            plan = make_plan(table, parameters, seeds=seeds, metric=metric, prune=prune, sampler=sampler, data=data)
        todo = Work(plan, place, study, trials, heartbeat, data)
        with quiet(), place.errors():
            opened = place.open(heartbeat)
            try:
                join(opened, place.name, study, plan)
            finally:
                opened.engine.dispose()
        interruption, teller = Interruption(), _Teller(plan, reporter or Reporter())
        with interruption.on_signals():
            if workers == 1:
                work(todo, interruption, teller.look)
            else:
                work_in_processes(todo, workers, interruption, teller.look)
        return _result(todo, out)


@contextmanager
def _error_prefix(file: str | None) -> Iterator[None]:
    """Let an error of the configuration name its file."""
    try:
        yield
    except ArgumentError:
        raise
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}" if file else str(error)) from None


def _result(todo: Work, out: str | PathLike[str] | None) -> Search:
    plan, space = todo.plan, todo.plan.space
    with quiet(), todo.place.errors():
        ledger = open_ledger(todo)
        try:
            kept = ledger.results()
        finally:
            ledger.close()
    results = {trial.number: (trial, TrialResult.of(trial, space.settings(trial.params))) for trial in kept}
    ordered = sorted((result for _, result in results.values()), key=lambda each: each.rank(plan.sign))
    best = None
    if ordered and ordered[0].state == "complete":
        best = trained_config(space.config(results[ordered[0].number][0].params), in_memory=plan.in_memory)
    search = Search(plan, todo.place.name, todo.study, tuple(ordered), best)
    if out is not None:
        from modnet_optuna.output import write_results  # imports matplotlib, which the processes need not

        write_results(search, kept, Path(out))
    return search


class _Teller:
    """Tells a reporter of each trial once, as it ends."""

    def __init__(self, plan: Plan, reporter: Reporter) -> None:
        self._plan, self._reporter, self._space = plan, reporter, plan.space
        self._told: set[int] | None = None

    def look(self, ledger: Ledger) -> None:
        """Tell what has ended since the last look."""
        results, counts = ledger.look()
        if self._told is None:
            self._reporter.begin(self._plan, counts)
            self._told = {trial.number for trial in results}
        for trial in results:
            if trial.number not in self._told:
                self._told.add(trial.number)
                self._reporter.finished(self._result(trial), counts)
        self._reporter.waiting(counts)

    def _result(self, trial: FrozenTrial) -> TrialResult:
        return TrialResult.of(trial, self._space.settings(trial.params))


def _check_arguments(**given: Any) -> None:
    most = {"trials": MOST_TRIALS}
    for name, value in given.items():
        if type(value) is not int or not 1 <= value <= most.get(name, 10_000):
            allowed = f"an integer from 1 to {most.get(name, 10_000):,}"
            raise ArgumentError(f"{name} {short_repr(value)}: should be {allowed}")


def _check_names(**given: Any) -> None:
    for name, (value, known, base) in given.items():
        if not isinstance(value, base) and value not in known:
            hint = did_you_mean(str(value), known)
            raise ArgumentError(f"{name} {short_repr(value)}: is not known{hint} (allowed: {', '.join(known)})")
