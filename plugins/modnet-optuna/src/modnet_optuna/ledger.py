"""The ledger of a search: which trials there are, who makes them, and what they reached, in the shared storage.

A trial is first waiting, then running, then complete or pruned, and it is never another one that has its result: the
trial of a process that was killed is waiting again, with the values that it had. So there are as many results as
trials, whoever was killed when. A process that was only held up, and whose trial another one has taken, reaches the
same result as that one, and whichever is later is not written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from modnet_optuna.outcome import ATTRIBUTE, Outcome, is_result

__all__ = ["Counts", "Ledger"]


@dataclass(frozen=True)
class Counts:
    """How many of the trials that are wanted have ended, run, and are left."""

    done: int
    running: int
    left: int


class Ledger:
    """The trials of one study.

    Args:
        storage: Where they are.
        name: The study's name.
        trials: How many results are wanted.
        sampler: Returns what draws the values of the trial with this number.
        pruner: What says which trials are pruned.
    """

    def __init__(
        self,
        storage: RDBStorage,
        name: str,
        trials: int,
        sampler: Callable[[int], BaseSampler],
        pruner: BasePruner | None = None,
    ) -> None:
        self.study: Study = optuna.load_study(study_name=name, storage=storage, pruner=pruner)
        self._storage, self._wanted, self._sampler = storage, trials, sampler
        self._id = storage.get_study_id_from_name(name)

    def close(self) -> None:
        """Close the connections to the storage."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def look(self) -> tuple[list[FrozenTrial], Counts]:
        """Return the trials that have ended, in the order of their numbers, and how far the search is."""
        trials = self._trials()
        results = [trial for trial in trials if is_result(trial)]
        running = sum(trial.state == TrialState.RUNNING for trial in trials)
        return results, Counts(len(results), running, self._wanted - len(results) - running)

    def counts(self) -> Counts:
        """Return how far the search is."""
        return self.look()[1]

    def results(self) -> list[FrozenTrial]:
        """Return the trials that have ended, in the order of their numbers."""
        return self.look()[0]

    def claim(self) -> Trial | None:
        """Return a trial for this process to make, or None where none is left: all have ended, or run elsewhere."""
        self._take_up_stale()
        while True:
            trials = self._trials()
            for number in [trial.number for trial in trials if trial.state == TrialState.WAITING]:
                if (trial := self._claimed(number)) is not None:
                    return trial
            if len(trials) >= self._wanted:
                return None
            # Not made as running: who is killed before the first heartbeat would keep it for ever. Several processes
            # may make one too many, which is not among the wanted and waits for a search of more trials.
            self.study.add_trial(optuna.create_trial(state=TrialState.WAITING))

    def reported(self, trial: Trial) -> dict[int, float]:
        """Return epoch → figure, of what an earlier attempt at a trial has reported."""
        return dict(self._storage.get_trial(self._id_of(trial.number)).intermediate_values)

    def finish(self, trial: Trial, outcome: Outcome, value: float | None) -> None:
        """Write what a trial reached: of a complete one the value; a pruned one has the last that it reported."""
        state = TrialState.PRUNED if outcome.state == "pruned" else TrialState.COMPLETE
        with suppress(UpdateFinishedTrialError):  # another process has taken it up, and was earlier
            trial.set_user_attr(ATTRIBUTE, outcome.model_dump_json())
            while True:
                try:
                    self.study.tell(trial, None if state == TrialState.PRUNED else value, state, skip_if_finished=True)
                except ValueError:  # it waits again, because this process had no heartbeat
                    if self._storage.get_trial(self._id_of(trial.number)).state != TrialState.WAITING:
                        raise
                    self._storage.set_trial_state_values(self._id_of(trial.number), TrialState.RUNNING)
                else:
                    return

    def give_back(self, trial: Trial) -> None:
        """Let a trial wait for another process."""
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_state_values(self._id_of(trial.number), TrialState.WAITING)

    @contextmanager
    def heartbeat(self, trial: Trial) -> Iterator[None]:
        """Within the block, say again and again that the trial's process lives."""
        number, interval, ended = self._id_of(trial.number), self._storage.get_heartbeat_interval(), threading.Event()

        def beat() -> None:
            while not ended.wait(interval):
                with suppress(Exception):  # a database that is away for a moment; too long, and the trial is taken up
                    self._storage.record_heartbeat(number)
            self._storage.remove_session()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _trials(self) -> list[FrozenTrial]:
        """Return the first trials, as many as are wanted; what others have ended in this study does not count."""
        trials = self.study.get_trials(deepcopy=False)
        return [trial for trial in trials if is_result(trial) or not trial.state.is_finished()][: self._wanted]

    def _claimed(self, number: int) -> Trial | None:
        """Return a waiting trial as this process's own, or None where another one was faster."""
        trial_id = self._id_of(number)
        self._storage.record_heartbeat(trial_id)  # first, so that there is no running trial without any
        with suppress(UpdateFinishedTrialError):
            if self._storage.set_trial_state_values(trial_id, TrialState.RUNNING):
                self.study.sampler = self._sampler(number)
                return Trial(self.study, trial_id)
        return None

    def _take_up_stale(self) -> None:
        """Let the trials wait whose processes have been silent for too long.

        Optuna's own `fail_stale_trials` makes failures of them, and other trials in their place.
        """
        for trial_id in self._storage._get_stale_trial_ids(self._id):  # noqa: SLF001 -- see above
            with suppress(UpdateFinishedTrialError):
                self._storage.set_trial_state_values(trial_id, TrialState.WAITING)

    def _id_of(self, number: int) -> Any:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
