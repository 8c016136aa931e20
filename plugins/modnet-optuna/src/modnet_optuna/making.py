"""One trial: its networks, trained with each seed, judged by the validation samples, and perhaps pruned."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from optuna.trial import Trial

from modnet.analysis.comparison.plan import DataCache, run_config
from modnet.config.run_config import RunConfig
from modnet.core.dataset import Data
from modnet.core.errors import ConfigError, DataError, DivergenceError
from modnet.core.interfaces import TrainingView
from modnet.core.messages import epoch_number
from modnet.core.plugins.hookspecs import hookimpl
from modnet.training.result import metric_text
from modnet.training.trainer import Trainer
from modnet_optuna.interruption import Interruption
from modnet_optuna.outcome import Outcome
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
        interruption: Which waits while the storage is used.

    Attributes:
        reason: Why the trial is pruned, or None.
    """

    def __init__(self, trial: Trial, metric: str, reported: dict[int, float], interruption: Interruption) -> None:
        self._trial, self._metric, self._interruption = trial, metric, interruption
        self._reported = reported
        self.reason: str | None = None

    @hookimpl
    def modnet_epoch_end(self, training: TrainingView, row: dict[str, Any]) -> None:
        """Report the epoch's figure, and ask whether the trial goes on."""
        if self.reason is not None or training.epochs >= training.config.epochs:  # it ends anyway
            return
        epoch, figure = training.epoch, row[f"validation_{self._metric}"]
        with self._interruption.allowed(now=False):
            if epoch not in self._reported:
                self._trial.report(figure, epoch)
            elif epoch < max(self._reported):
                return
            if self._trial.should_prune():
                name = self._metric.replace("_", " ")
                reached = f"validation {name} {metric_text(self._metric, figure)}"
                self.reason = f"pruned after epoch {epoch_number(epoch)}: {reached}"
        if self.reason is not None:
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

        A trial that diverges, or whose values do not go together, has the worst value. Only the first seed is pruned:
        its epochs are compared with those of the other trials' first seeds.

        Args:
            trial: The trial.
            reported: Epoch → figure, of an earlier attempt.

        Raises:
            Interrupted: a signal came.
            ModnetError: the samples cannot be read, or a plug-in is missing.
        """
        self._space.suggest(trial)
        plan, started = self._plan, time.perf_counter()
        epochs = updates = 0
        figures: list[float] = []

        def outcome(state: Any, reason: str | None = None) -> tuple[Outcome, float | None]:
            value = {"complete": sum(figures) / max(len(figures), 1), "pruned": None}.get(state, plan.sign * math.inf)
            seconds, kept = time.perf_counter() - started, tuple(figures) if state == "complete" else ()
            return Outcome(
                state=state, reason=reason, figures=kept, epochs=epochs, updates=updates, seconds=seconds
            ), value

        try:
            config = self._space.config(trial.params)
        except ConfigError as error:
            return outcome("failed", str(error))
        data = self._cache.get(config)
        for number in range(plan.seeds):
            seeded = run_config(
                config.model_copy(update={"seed": config.seed + number}), None, in_memory=plan.in_memory
            )
            pruning = PruningListener(trial, plan.metric, reported, self._interruption)
            listens = plan.prune != "none" and number == 0
            try:
                with self._interruption.allowed():
                    samples = with_one_test(seeded, data, plan.seed)
                    trainer = Trainer(seeded, checks=False)
                    run = trainer.fit_data(samples, callbacks=[pruning] if listens else [], omit=TEST)
                    with np.errstate(all="ignore"):  # a figure that is not finite has a line of its own
                        figure = run.evaluate("validation").get(plan.metric)
            except DivergenceError as error:
                epochs, updates = epochs + error.epoch, updates + error.update
                return outcome("diverged", str(error))
            except (ConfigError, DataError) as error:
                return outcome("failed", str(error))
            epochs, updates = epochs + len(run.history), updates + run.updates
            if pruning.reason is not None:
                return outcome("pruned", pruning.reason)
            if figure is None:
                return outcome("failed", f"it has no metric '{plan.metric}'")
            if not math.isfinite(figure):
                return outcome("diverged", f"the metric '{plan.metric}' is not finite")
            figures.append(figure)
        return outcome("complete")
