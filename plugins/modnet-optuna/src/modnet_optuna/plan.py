"""A search, planned and checked before anything is trained, and what of it is kept with the study."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage

from modnet.analysis.comparison.folder import first_difference
from modnet.analysis.comparison.plan import DataCache, choose_metric, metric_directions
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ModelFileError
from modnet.core.messages import log_warning, short_repr
from modnet.training.callbacks import CallbackRunner
from modnet.training.sanity_checks import sanity_checks
from modnet.training.setup import Setup, build, check_held_out
from modnet_optuna.outcome import ATTRIBUTE
from modnet_optuna.parameters import Parameter
from modnet_optuna.samples import SHARE, TEST, record_of, with_one_test
from modnet_optuna.space import Space

__all__ = ["Plan", "Prune", "join", "make_plan"]

Prune: TypeAlias = Literal["none", "median", "successive-halving", "hyperband"] | BasePruner
"""A pruner by its name, or one of Optuna's."""

_DIVIDING = {"data.validation_share", "data.test_share"}
_WAIT = 10.0
"""For how many seconds a process waits for another one that has made the study, and not yet said of what."""


@dataclass(frozen=True)
class Plan:
    """What is searched, and by what.

    Attributes:
        table: The configuration, without defaults, with what is the same in all trials.
        parameters: What is searched.
        seeds: How many seeds each trial is trained with, from that of its configuration on.
        metric: The metric of the validation samples whose mean over the seeds is the value of a trial.
        better: Whether ``higher`` or ``lower`` values of it are better.
        prune: Which trials are ended early, or a pruner of Optuna's.
        sampler: What draws the values: ``tpe``, ``random``, or a sampler of Optuna's.
        seed: The seed of the first configuration, which seeds the sampler and divides off the test samples.
        in_memory: Whether the samples were given in Python.
        samples: The records of the samples of the first configuration.
    """

    table: dict[str, Any]
    parameters: tuple[Parameter, ...]
    seeds: int
    metric: str
    better: str
    prune: Prune
    sampler: str | BaseSampler
    seed: int
    in_memory: bool
    samples: Mapping[str, Mapping[str, Any]]

    @property
    def space(self) -> Space:
        """The search space."""
        return Space(self.table, self.parameters)

    @property
    def sign(self) -> float:
        """−1 where higher values are better: what makes them costs."""
        return -1.0 if self.better == "higher" else 1.0

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """The same, as Optuna says it."""
        return "maximize" if self.better == "higher" else "minimize"

    def record(self) -> dict[str, Any]:
        """Return what tells this search from another one, as JSON would give it back."""
        record = {
            "config": self.table,
            "search": {parameter.key: parameter.to_dict() for parameter in self.parameters},
            "seeds": self.seeds,
            "metric": self.metric,
            "prune": self.prune if isinstance(self.prune, str) else type(self.prune).__name__,
            "sampler": self.sampler if isinstance(self.sampler, str) else type(self.sampler).__name__,
            "samples": self.samples,
        }
        kept: dict[str, Any] = json.loads(json.dumps(record, default=str))
        return kept


def make_plan(
    table: Mapping[str, Any],
    parameters: Sequence[Parameter],
    *,
    seeds: int,
    metric: str | None,
    prune: Prune,
    sampler: str | BaseSampler,
    data: Data | None,
) -> Plan:
    """Return a search whose first configuration fits its samples.

    Where there are no validation samples, a share of the training samples is divided off for all trials, and a line
    says so.

    Raises:
        ArgumentError: a parameter or the metric cannot be used.
        ConfigError: the configuration is not valid, or does not fit the samples.
        DataError: samples or labels cannot be used.
    """
    cache = DataCache(data)
    space = Space(table, parameters)
    setup, config = _setup(space, cache)
    if "validation" not in setup.samples:
        table = {**table, "data": {**_data_table(table), "validation_share": SHARE}}
        space = Space(table, parameters)
        setup, config = _setup(space, cache)
        share = f"{SHARE:.0%} of the training samples judge the trials (data.validation_share = {SHARE})"
        log_warning(f"there are no validation samples: {share}")
    for parameter in space.parameters:
        _check_judges(parameter, config)
    better = metric_directions(setup)
    chosen = choose_metric(metric, [better])
    varied = [parameter for parameter in space.parameters if parameter.key.startswith("network.cost")]
    if chosen == "cost" and varied:
        raise varied[0].error("costs of trials with other cost functions cannot be compared; allowed: another --metric")
    for text in sanity_checks(setup.network, setup.samples["train"]):
        log_warning(text)
    samples = {part: record_of(each) for part, each in setup.samples.items()}
    in_order = {parameter.key: parameter for parameter in space.parameters}
    kept = tuple(in_order[parameter.key] for parameter in parameters)
    return Plan(
        dict(table), kept, seeds, chosen, better[chosen], prune, sampler, config.seed, data is not None, samples
    )


def _setup(space: Space, cache: DataCache) -> tuple[Setup, RunConfig]:
    """Return the network and the samples of the first configuration, which is built to see that it can be."""
    config = space.first()
    CallbackRunner(config)
    data = cache.get(config)
    setup = build(config, with_one_test(config, data, config.seed), None, TEST)
    check_held_out(setup)
    return setup, config


def _data_table(table: Mapping[str, Any]) -> dict[str, Any]:
    found = table.get("data", {})
    return dict(found) if isinstance(found, Mapping) else {"kind": found}


def _check_judges(parameter: Parameter, config: RunConfig) -> None:
    """Refuse to search what would change which samples judge a trial, or which are kept for the test."""
    if parameter.key in _DIVIDING:
        raise parameter.error("would judge the trials by different samples; allowed: --set, for all trials")
    if parameter.key == "seed" and config.data.test_share:
        share = f"data.test_share = {config.data.test_share:g}"
        raise parameter.error(
            f"would train on other trials' test samples ({share}); allowed: --seeds, or no such share"
        )


def join(storage: RDBStorage, place: str, name: str, plan: Plan) -> None:
    """Make the study, or find that it is of the same search.

    Raises:
        ModelFileError: it is of another search, or none of ours.
    """
    ours = plan.record()
    try:
        study = optuna.create_study(study_name=name, storage=storage, direction=plan.direction)
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=storage)
    else:
        study.set_user_attr(ATTRIBUTE, ours)
        return
    deadline = time.monotonic() + _WAIT
    while (kept := study.user_attrs.get(ATTRIBUTE)) is None and not study.get_trials(deepcopy=False):
        if time.monotonic() > deadline:  # who made it was killed
            study.set_user_attr(ATTRIBUTE, ours)
            return
        time.sleep(0.1)
    if not isinstance(kept, dict):
        raise ModelFileError(f"{place}: the study '{name}' was not made by modnet tune; allowed: another --study")
    key = first_difference(kept, ours)
    if key is not None:
        there, here = (_text_at(record, key) for record in (kept, ours))
        what = f"{key.removeprefix('config.')} is {there} there, and {here} here"
        if key.startswith("samples"):
            what = "its samples are others"
        problem = f"the study '{name}' is of another search: {what}"
        raise ModelFileError(f"{place}: {problem}; allowed: the same search, another --study or another --storage")


def _text_at(record: Any, key: str) -> str:
    """Return the value at a dotted key, of which a part may itself have dots, as a message shows it."""
    if not key:
        return short_repr(record)
    if isinstance(record, list):
        first, _, rest = key.partition(".")
        return _text_at(record[int(first)], rest)
    for name in record if isinstance(record, dict) else ():
        if key == name or key.startswith(f"{name}."):
            return _text_at(record[name], key[len(name) + 1 :])
    return "not set"
