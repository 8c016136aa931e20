"""What a trial reached, as it is kept with it in the storage."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from modnet.analysis.comparison.outcome import Statistic
from modnet.analysis.jsonable import jsonable

__all__ = ["ATTRIBUTE", "Outcome", "State", "TrialResult", "is_result"]

ATTRIBUTE = "modnet"
"""The name of the attribute of Optuna's studies and trials that is ours."""
State: TypeAlias = Literal["complete", "pruned", "diverged", "failed"]


class Outcome(BaseModel):
    """What a trial reached.

    Attributes:
        state: ``complete``; ``pruned``; ``diverged``, or ``failed`` for another reason.
        reason: Why it is not complete, in one line.
        figures: The metric of each seed's finished network on the validation samples; of a pruned trial none.
        epochs, updates: How many there were, over all seeds.
        seconds: How long it took.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    state: State
    reason: str | None = None
    figures: tuple[float, ...] = ()
    epochs: NonNegativeInt
    updates: NonNegativeInt
    seconds: float


@dataclass(frozen=True)
class TrialResult:
    """A trial that has ended.

    Attributes:
        number: Its number in Optuna's study, counted from 0.
        settings: Dotted key → value, of the keys that are searched; without those that its configuration does not have.
        state: ``complete``, ``pruned``, ``diverged`` or ``failed``.
        reason: Why it is not complete, or None.
        figures: The metric on the validation samples, of each seed.
        last: The figure at which it was pruned, or None.
        epochs, updates, seconds: How long it was, over all seeds.
    """

    number: int
    settings: Mapping[str, Any]
    state: State
    reason: str | None
    figures: tuple[float, ...]
    last: float | None
    epochs: int
    updates: int
    seconds: float

    @classmethod
    def of(cls, trial: FrozenTrial, settings: Mapping[str, Any]) -> TrialResult:
        """Return the result of one of Optuna's trials, `is_result` of which is true."""
        outcome = Outcome.model_validate_json(trial.user_attrs[ATTRIBUTE])
        kept = outcome.model_dump(exclude={"state", "reason", "figures"})
        last = trial.value if outcome.state == "pruned" else None
        return cls(trial.number, settings, outcome.state, outcome.reason, outcome.figures, last, **kept)

    @cached_property
    def statistic(self) -> Statistic | None:
        """Mean and standard deviation over the seeds; None where the trial is not complete."""
        return Statistic.of(self.figures) if self.state == "complete" else None

    @property
    def value(self) -> float | None:
        """The mean over the seeds, by which trials are compared; None where the trial is not complete."""
        return None if self.statistic is None else self.statistic.mean

    def rank(self, sign: float) -> tuple[int, float, int]:
        """Return what sorts results from the best to the worst; ``sign`` is −1 where higher values are better."""
        order = ("complete", "pruned", "diverged", "failed").index(self.state)
        value = self.value if self.last is None else self.last
        return order, math.inf if value is None else sign * value, self.number

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a JSON-serializable dict."""
        names = ("number", "state", "reason", "value", "last", "epochs", "updates", "seconds")
        kept = {name: getattr(self, name) for name in names}
        sd = None if self.statistic is None else self.statistic.sd
        return {**kept, "sd": sd, "figures": list(self.figures), "settings": jsonable(dict(self.settings))}


def is_result(trial: FrozenTrial) -> bool:
    """Return whether a trial has ended, with an outcome of ours."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and ATTRIBUTE in trial.user_attrs
