"""The result of a search: its trials, the best first, and the best configuration."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modnet.analysis.comparison.grid import short_names
from modnet.analysis.comparison.text import statistic_text, value_text
from modnet.config.run_config import RunConfig
from modnet.core.messages import counted, truncate
from modnet.core.numbers import format_number
from modnet.training.result import metric_text
from modnet_optuna.outcome import TrialResult
from modnet_optuna.plan import Plan

__all__ = ["Search", "drawn_text", "settings_text"]

DIGITS = 4
"""With how many digits people read a number that was drawn; files have them all."""


@dataclass(frozen=True, repr=False)
class Search:
    """A search that has ended.

    Attributes:
        plan: What was searched.
        place: Where Optuna's study is: a file's path, or a URL without its password.
        study: The study's name.
        trials: What each trial reached, the best first: then those that were pruned, diverged or failed.
        best: The configuration of the best trial; None where none is complete.
    """

    plan: Plan
    place: str
    study: str
    trials: tuple[TrialResult, ...]
    best: RunConfig | None

    def __repr__(self) -> str:
        return f"<modnet search: {counted(len(self.trials), 'trial')} by validation {self.metric}; {self.best_text}>"

    @property
    def metric(self) -> str:
        """The metric that trials are compared by."""
        return self.plan.metric

    @property
    def best_trial(self) -> TrialResult | None:
        """The best trial, of equal ones the first; None where none is complete."""
        return self.trials[0] if self.trials and self.trials[0].state == "complete" else None

    @property
    def best_text(self) -> str:
        """What is best, and what it reaches."""
        best = self.best_trial
        if best is None:
            return "no trial is complete"
        reached = f"validation {self.metric.replace('_', ' ')} {self.figure_text(best)}"
        return f"best: trial {best.number}, {settings_text(best.settings)}; {reached}"

    def figure_text(self, trial: TrialResult) -> str:
        """Return what a trial reached as people read it: the mean over the seeds with its standard deviation."""
        if trial.statistic is not None:
            return statistic_text(self.metric, trial.statistic)
        return trial.state if trial.last is None else metric_text(self.metric, trial.last)

    def table(self, longest: int = 60) -> tuple[list[str], list[list[str]]]:
        """Return the names of the columns and the rows of a table of all trials, as people read them."""
        keys = [parameter.key for parameter in self.plan.parameters]
        columns = ["trial", *short_names(keys), self.metric.replace("_", " "), "epochs", "seconds", "note"]
        rows = [
            [
                str(trial.number),
                *(drawn_text(trial.settings[key]) if key in trial.settings else "" for key in keys),
                self.figure_text(trial),
                str(trial.epochs),
                f"{trial.seconds:.2f}",
                truncate(trial.reason or ("best" if trial is self.best_trial else ""), longest),
            ]
            for trial in self.trials
        ]
        return columns, rows

    def to_csv(self) -> str:
        """Return all trials as CSV: numbers with all their digits, reasons whole."""
        keys = [parameter.key for parameter in self.plan.parameters]
        seeds = [f"seed_{number}" for number in range(self.plan.seeds)] if self.plan.seeds > 1 else []
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["trial", "state", *keys, f"validation_{self.metric}", *seeds, "epochs", "updates", "seconds", "reason"]
        )
        for trial in self.trials:
            value = trial.value if trial.last is None else trial.last
            figures = [*trial.figures, *[None] * len(seeds)][: len(seeds)]
            settings = (value_text(trial.settings[key], 10**6) if key in trial.settings else None for key in keys)
            length = (trial.epochs, trial.updates, trial.seconds)
            writer.writerow([trial.number, trial.state, *settings, value, *figures, *length, trial.reason])
        return file.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """Return the search as a JSON-serializable dict."""
        judged: Mapping[str, Any] = {
            "metric": self.metric,
            "better": self.plan.better,
            "seeds": self.plan.seeds,
            "study": self.study,
            "search": {parameter.key: parameter.to_dict() for parameter in self.plan.parameters},
        }
        best = None if self.best is None else self.best.to_config()
        return {**judged, "trials": [trial.to_dict() for trial in self.trials], "best_config": best}


def drawn_text(value: Any) -> str:
    """Return a value of a key as people read it."""
    return format_number(value, DIGITS) if isinstance(value, float) else value_text(value)


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return the values of a trial in one line: ``rule adam, learning rate 0.1017``."""
    names = short_names([*settings])
    return ", ".join(f"{name} {drawn_text(value)}" for name, value in zip(names, settings.values(), strict=True))
