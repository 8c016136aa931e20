"""The checks of engines that compare an engine with itself, in every bit: repetition, blocks, states, resuming."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from modnet.core.interfaces import TrainingView
from modnet.core.plugins.hookspecs import hookimpl
from modnet.network.evaluate import evaluate
from modnet.testing import engine_trials as trials
from modnet.testing.case import Case, temporarily_registered
from modnet.testing.engine_parts import PARTS
from modnet.testing.engine_sessions import Opened, block_of, final_state, for_each, go_on, on_first, opened, run_all
from modnet.testing.engine_trials import Trial
from modnet.testing.numeric import tree_diff
from modnet.testing.report import FailedError
from modnet.training.result import Run
from modnet.training.trainer import Trainer


def require_same(what: str, actual: Any, expected: Any) -> None:
    """Fail unless two trees of arrays are the same in every bit."""
    for path in tree_diff(actual, expected):
        raise FailedError(f"{what}: '{path.replace('_', ' ')}' is not the same")


def repeats_exactly(case: Case) -> None:
    """Check that a training comes to the same bits when it is repeated, randomness in layers included."""

    def check(case: Case, trial: Trial) -> None:
        first, second = final_state(case.component, trial), final_state(case.component, trial)
        require_same(f"{trial.name}, trained again", second, first)

    on_first(case, trials.BITS, check)


def blocks_cut_anywhere(case: Case) -> None:
    """Check that a training comes to the same bits however its updates are cut into blocks."""

    def check(case: Case, trial: Trial) -> None:
        short = trial.but(trial.name, samples=37)
        with opened(case.component, short) as one:
            start, whole = one.state(), block_of(one)
            run_all(one, [whole])
            expected = one.state()
        cuts = {
            "two blocks": [whole.part(0, 24), whole.part(24, len(whole))],
            "single updates": whole.single_updates(),
        }
        for name, blocks in cuts.items():
            end = go_on(case.component, short, start, partial(run_all, blocks=blocks))
            require_same(f"{trial.name}: {name} instead of one", end, expected)

    on_first(case, trials.BITS, check)


def state_is_a_copy(case: Case) -> None:
    """Check that `state()` and `restore` copy: later updates do not change a state, nor its user the session."""

    def check(case: Case, trial: Trial) -> None:
        with opened(case.component, trial) as one:
            run_all(one, [block_of(one, 16)])
            given, kept = one.session.state(), one.state()
            run_all(one, [block_of(one, 16)])
            require_same(f"{trial.name}: a state after later updates", given.to_dict(), kept)
            one.session.restore(given)
            require_same(f"{trial.name}: the state that was restored", one.state(), kept)
            run_all(one, [block_of(one, 16)])
            require_same(f"{trial.name}: a state that was restored, after later updates", given.to_dict(), kept)
            one.session.restore(given)
            for array in (given.parameters, *given.rule_state.values()):
                if isinstance(array, np.ndarray):
                    array[...] = 7
            require_same(f"{trial.name}: the session, after its state was written to", one.state(), kept)

    on_first(case, trials.BITS, check)


def data_stays(case: Case) -> None:
    """Check that samples, targets, weights and row numbers are not written to; they are read-only."""

    def check(case: Case, trial: Trial) -> None:
        with opened(case.component, trial) as one:
            block = block_of(one)
            targets = one.samples.targets
            arrays = [one.samples.x, targets.codes, targets.values, one.samples.weights, block.rows]
            given = [array for array in arrays if isinstance(array, np.ndarray)]
            kept = [array.copy() for array in given]
            for array in given:
                array.flags.writeable = False
            try:
                run_all(one, [block])
                one.session.value_and_grad(block.rows)
            except ValueError as error:
                if "read-only" not in str(error):
                    raise
                raise FailedError(f"{trial.name}: samples are written to: {error}") from None
            require_same(f"{trial.name}: samples", given, kept)

    numbers = trials.FUNCTIONS[1].but("numbers", targets="numbers", layers=(trials.dense(2),))
    for_each(case, (trials.PLAIN, numbers, trials.WEIGHTED[0]), check)


def predictions_disturb_nothing(case: Case) -> None:
    """Check that a training comes to the same bits where listeners predict and evaluate, in and between blocks."""

    def train(one: Opened, look: Callable[[Opened], Any]) -> None:
        for block in (block_of(one, 24), block_of(one, 16)):
            run_all(one, [block])
            look(one)
        run_all(one, [block_of(one, 24)], lambda: look(one))
        _, gradient = one.session.value_and_grad(block.rows)
        look(one)
        one.session.apply_gradient(gradient, 0.1)

    def check(case: Case, trial: Trial) -> None:
        def look(one: Opened) -> None:
            one.network.predict(one.samples.x[:3])
            evaluate(one.network, one.samples, (), one.session.outputs(one.samples.x))

        with opened(case.component, trial) as one:
            start = one.state()
            train(one, bool)
            expected = one.state()
        end = go_on(case.component, trial, start, lambda one: train(one, look))
        require_same(f"{trial.name}, with predictions", end, expected)

    on_first(case, trials.BITS, check)


class _CheckpointsAt:
    """Asks for checkpoints at some places.

    Args:
        places: Each after how many updates, and whether within an epoch or after it.
    """

    def __init__(self, places: Collection[tuple[int, bool]]) -> None:
        self._places, self.found = places, dict[tuple[int, bool], Path]()

    @hookimpl
    def modnet_checkpoint_due(self, training: TrainingView) -> bool:
        """Return whether the training is at one of the places."""
        return (training.updates, training.within_epoch) in self._places

    @hookimpl
    def modnet_checkpoint_written(self, training: TrainingView, path: Path) -> None:
        """Keep the checkpoint's path."""
        self.found[training.updates, training.within_epoch] = path


PLACES = {(10, True): "after an epoch's last block", (5, False): "between two epochs", (2, True): "within an epoch"}
"""Where a training is resumed from, the latest place first, since resuming sets apart what is later."""


def resumes_anywhere(case: Case) -> None:
    """Check that a training resumed from a checkpoint has the same bits: between blocks, epochs, steps of a solver."""
    with temporarily_registered(*PARTS):
        for_each(case, trials.RESUMED, lambda case, chosen: on_first(case, chosen, _resumes))


def _resumes(case: Case, trial: Trial) -> None:
    with opened(case.component, trial):  # or it is refused
        pass
    x, y, *_ = trial.data().train
    places, no_more = _CheckpointsAt(PLACES), _CheckpointsAt(())
    with TemporaryDirectory(prefix="modnet-") as folder, contextlib.redirect_stderr(io.StringIO()):  # what it keeps
        trainer = Trainer(trial.config(case.component), checks=False)
        expected = _kept(trainer.fit(x, y, out=Path(folder, "run"), callbacks=[places]))
        for place, where in PLACES.items():
            resumed = Trainer.resume(places.found[place], x, y, callbacks=[no_more])
            require_same(f"{trial.name}, resumed {where}, update {place[0]}", _kept(resumed), expected)


def _kept(run: Run) -> dict[str, Any]:
    """Return what is compared of a run: all but what a clock says."""
    history = [{name: value for name, value in row.items() if name != "seconds"} for row in run.history]
    return {
        "θ": run.network.parameters,
        "layers": run.network.layer_states(),
        "rule state": run.rule_state,
        "updates": run.updates,
        "history": history,
    }
