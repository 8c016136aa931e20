"""The work of one process of a search: it takes trials, one after another, until all that are wanted have ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial

from modnet.core.dataset import Data
from modnet.training.interruption import Interruption
from modnet_optuna.ledger import Ledger
from modnet_optuna.making import Maker
from modnet_optuna.plan import Plan
from modnet_optuna.storage import Place, quiet

__all__ = ["PRUNERS", "SAMPLERS", "Work", "open_ledger", "pruner_of", "work"]

OFTEN = 0.2
"""How many seconds a process waits before it looks again for a trial that it could take."""
PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    "median": MedianPruner,
    "successive-halving": SuccessiveHalvingPruner,
    "hyperband": HyperbandPruner,
}
SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, multivariate=True, constant_liar=True),
    "random": lambda seed: RandomSampler(seed=seed),
}
_SEEDS = 2**32


@dataclass(frozen=True)
class Work:
    """What a process has to know of a search.

    Attributes:
        plan: The search.
        place: Where its study is.
        study: The study's name.
        trials: How many results are wanted.
        heartbeat: Seconds between two signs of life.
        data: The samples, if they were given in Python.
    """

    plan: Plan
    place: Place
    study: str
    trials: int
    heartbeat: int
    data: Data | None


def pruner_of(plan: Plan) -> BasePruner:
    """Return the pruner of a search."""
    return PRUNERS[plan.prune]() if isinstance(plan.prune, str) else plan.prune


def open_ledger(todo: Work) -> Ledger:
    """Return the ledger of a search whose study there is."""

    def sampler(number: int) -> BaseSampler:
        # One for each trial: what it draws depends on the number and the results so far, and not on how often the
        # search was interrupted, nor on which process draws it.
        chosen = todo.plan.sampler
        if isinstance(chosen, str):
            return SAMPLERS[chosen]((todo.plan.seed * 1_000_003 + number) % _SEEDS)
        return chosen

    storage = todo.place.open(todo.heartbeat)
    return Ledger(storage, todo.study, todo.trials, sampler, pruner_of(todo.plan))


def work(todo: Work, interruption: Interruption, look: Callable[[Ledger], None]) -> None:
    """Make trials until all have ended; ``look`` is called between them, and while this process waits for others.

    Raises:
        Interrupted: a signal came; the trial waits for another process.
        ModnetError: the storage or the samples cannot be used.
    """
    with quiet(), todo.place.errors():
        ledger, maker = open_ledger(todo), Maker(todo.plan, todo.data, interruption)
        try:
            while True:
                look(ledger)
                interruption.check()
                trial = ledger.claim()
                if trial is not None:
                    _make(ledger, maker, trial)
                elif ledger.counts().done >= todo.trials:
                    look(ledger)
                    return
                else:
                    time.sleep(OFTEN)
        finally:
            ledger.close()


def _make(ledger: Ledger, maker: Maker, trial: Trial) -> None:
    # A process that was held up may find that another one has taken the trial up and finished it.
    with suppress(UpdateFinishedTrialError):
        try:
            with ledger.heartbeat(trial):
                ledger.finish(trial, *maker.make(trial, ledger.reported(trial)))
        except BaseException:
            ledger.give_back(trial)
            raise
