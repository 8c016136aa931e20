"""One trial: its networks, trained with each seed, judged by the validation samples, and perhaps pruned."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.trial import Trial

from modnet.analysis.comparison.outcome import Statistic
from modnet.analysis.comparison.plan import DataCache, run_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError, DataError, DivergenceError
from modnet.core.interfaces import TrainingView
from modnet.core.messages import epoch_number
from modnet.core.plugins.hookspecs import hookimpl
from modnet.training.interruption import Interruption
from modnet.training.result import Run, metric_text
from modnet.training.trainer import Trainer
from modnet_optuna.outcome import Outcome, State
from modnet_optuna.plan import Plan
from modnet_optuna.samples import TEST, with_one_test

__all__ = ["Maker", "PruningListener", "trained_config"]


def trained_config(config: RunConfig, *, in_memory: bool) -> RunConfig:
    """Return a configuration as the trials have it, but for what it shows: with one thread, unless it says how many."""
    as_run = run_config(config, None, in_memory=in_memory)
    return config.model_copy(update={"engine": as_run.engine, "data": as_run.data})


class PruningListener:
    """Reports the figure of the validation samples after each epoch, and stops the training when Optuna says so.

    What a trial that is taken up again has reported before is not asked about twice, up to its last figure.

    Args:
        trial: The trial.
        metric: The metric.
        reported: Epoch → figure, of an earlier attempt.

    Attributes:
        reason: Why the trial is pruned, or None.
    """

    def __init__(self, trial: Trial, metric: str, reported: dict[int, float]) -> None:
        self._trial, self._metric, self._reported = trial, metric, reported
        self.reason: str | None = None

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        """Report the epoch's figure, and ask whether the trial goes on."""
        if training.ended:  # or it was interrupted within the epoch, whose figure is then none
            return
        epoch, figure = training.epoch, row[f"validation_{self._metric}"]
        if epoch not in self._reported:
            self._trial.report(figure, epoch)
        elif epoch < max(self._reported):
            return
        if self._trial.should_prune():
            name = self._metric.replace("_", " ")
            reached = f"validation {name} {metric_text(self._metric, figure)}"
            self.reason = f"pruned after epoch {epoch_number(epoch)}: {reached}"
            training.stop(self.reason)


class Maker:
    """Makes the trials of a search, in this process.

    Args:
        plan: The search.
        data: The samples, instead of those that the configuration names.
        interruption: What may end a training.
    """

    def __init__(self, plan: Plan, data: Data | None, interruption: Interruption) -> None:
        self._plan, self._interruption = plan, interruption
        self._space, self._cache = plan.space, DataCache(data)

    def make(self, trial: Trial, reported: dict[int, float]) -> tuple[Outcome, float | None]:
        """Draw the trial's values, unless it has some, train it, and return its outcome and its value.

        A trial that diverges, or whose values do not go together, has the worst value; a pruned one has none of ours.

        Args:
            trial: The trial.
            reported: Epoch → figure, of an earlier attempt.

        Raises:
            Interrupted: a signal came.
            ModnetError: the samples cannot be read, or a plug-in is missing.
        """
        self._space.suggest(trial)
        progress, started = _Progress(), time.perf_counter()
        state, reason = self._train(trial, reported, progress)
        self._interruption.check()  # what was cut short is no outcome
        is_complete = state == "complete"
        outcome = Outcome(
            state=state,
            reason=reason,
            figures=tuple(progress.figures) if is_complete else (),
            epochs=progress.epochs,
            updates=progress.updates,
            seconds=time.perf_counter() - started,
        )
        worst = None if state == "pruned" else self._plan.sign * math.inf
        return outcome, Statistic.of(progress.figures).mean if is_complete else worst

    def _train(self, trial: Trial, reported: dict[int, float], progress: _Progress) -> tuple[State, str | None]:
        """Train with each seed, and return how that ended, and why.

        Only the first seed is pruned: its epochs are compared with those of the other trials' first seeds.
        """
        plan = self._plan
        try:
            config = self._space.config(trial.params)
        except ConfigError as error:
            return "failed", str(error)
        data = self._cache.get(config)
        for number in range(plan.seeds):
            self._interruption.check()
            pruning = PruningListener(trial, plan.metric, reported)
            listeners = [self._interruption, pruning] if plan.prune != "none" and number == 0 else [self._interruption]
            seeded = config.model_copy(update={"seed": config.seed + number})
            try:
                run = self._run(run_config(seeded, None, in_memory=plan.in_memory), data, listeners)
            except DivergenceError as error:
                progress.add(error.epoch, error.update)
                return "diverged", str(error)
            except (ConfigError, DataError) as error:
                return "failed", str(error)
            progress.add(len(run.history), run.updates)
            if pruning.reason is not None:
                return "pruned", pruning.reason
            with np.errstate(all="ignore"):  # a figure that is not finite has a line of its own
                figure = run.evaluate("validation").get(plan.metric)
            if figure is None:
                return "failed", f"it has no metric '{plan.metric}'"
            if not math.isfinite(figure):
                return "diverged", f"the metric '{plan.metric}' is not finite"
            progress.figures.append(figure)
        return "complete", None

    def _run(self, config: RunConfig, data: Data, listeners: Sequence[object]) -> Run:
        samples = with_one_test(config, data, self._plan.seed)
        return Trainer(config.alone(), checks=False).fit_data(samples, callbacks=listeners, omit=TEST)


@dataclass
class _Progress:
    """How far a trial has come, over its seeds."""

    figures: list[float] = field(default_factory=list)
    epochs: int = 0
    updates: int = 0

    def add(self, epochs: int, updates: int) -> None:
        self.epochs += epochs
        self.updates += updates
