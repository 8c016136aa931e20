"""The checks of engines about what solvers ask for: costs, gradients, and updates with gradients of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.core.interfaces import Engine
from modnet.engines.numpy.engine import NumpyEngine
from modnet.testing import engine_trials as trials
from modnet.testing.case import Case
from modnet.testing.engine_bit_checks import require_same
from modnet.testing.engine_sessions import (
    Opened,
    block_of,
    for_each,
    on_first,
    opened,
    order_of,
    require_close,
    run_all,
)
from modnet.testing.engine_trials import Trial
from modnet.testing.report import require


def value_and_gradient(case: Case) -> None:
    """Check that cost, with penalties, and gradient are those of the NumPy engine, of all samples and of some."""

    def values(engine: Engine, trial: Trial) -> list[tuple[float, Any]]:
        with opened(engine, trial) as one:
            order = order_of(one)
            found = [one.session.value_and_grad(rows) for rows in (None, order[:11], slice(3, 20))]
            one.network.parameters[: one.network.trainable] *= 0.5  # as a line search does
            found.append(one.session.value_and_grad(None))
            return found

    def check(case: Case, trial: Trial) -> None:
        pairs = zip(values(case.component, trial), values(NumpyEngine(threads=1), trial), strict=True)
        for which, (actual, expected) in zip(("all", "some", "a slice", "all, at another θ"), pairs, strict=True):
            where = f"{trial.name}: value_and_grad of samples ({which}):"
            require(isinstance(actual[0], float), f"{where} the cost should be a float, got {type(actual[0]).__name__}")
            require_close(f"{where} the cost", actual[0], expected[0], case)
            require_close(f"{where} the gradient", actual[1], expected[1], case)

    for_each(case, (trials.FROZEN[2], trials.WEIGHTED[1], trials.BATCHES[3]), check)


def asked_twice(case: Case) -> None:
    """Check that `value_and_grad` repeats its randomness, leaves the state alone, and returns a new array."""

    def check(case: Case, trial: Trial) -> None:
        with opened(case.component, trial) as one:
            run_all(one, [block_of(one, 16)])
            before, rows = one.state(), order_of(one)[16:32]
            first = one.session.value_and_grad(rows)
            kept = first[0], np.array(first[1])
            require_same(f"{trial.name}: the state after value_and_grad", one.state(), before)
            one.session.value_and_grad(rows[:7])
            second = one.session.value_and_grad(rows)
            require_same(f"{trial.name}: value_and_grad, asked again,", (second[0], np.array(second[1])), kept)
            require_same(
                f"{trial.name}: the gradient, after value_and_grad was asked again,", np.array(first[1]), kept[1]
            )

    on_first(case, trials.BITS, check)


def gradient_is_applied(case: Case) -> None:
    """Check that `apply_gradient` makes one update, after which the layers' state and randomness have advanced."""

    def updated(engine: Engine, trial: Trial) -> dict[str, Any]:
        with opened(engine, trial) as one:
            for count, rows in enumerate(np.split(order_of(one), 5)):
                _apply(one, rows, 0.1 / (count + 1), None if count < 3 else 0.5)
            return one.state()

    def check(case: Case, trial: Trial) -> None:
        actual, expected = updated(case.component, trial), updated(NumpyEngine(threads=1), trial)
        require(actual["updates"] == 5, f"{trial.name}: 5 gradients should be 5 updates, got {actual['updates']}")
        require_close(f"{trial.name}: θ", actual["parameters"], expected["parameters"], case)
        for layer, states in enumerate(expected["layer_states"]):
            for name, value in states.items():
                what = f"{trial.name}: '{name}' of layer {layer + 1} after five updates"
                require_close(what, actual["layer_states"][layer][name], value, case)

    def draws(case: Case, trial: Trial) -> None:
        with opened(case.component, trial) as one:
            rows = order_of(one)[:8]
            before, _ = one.session.value_and_grad(rows)
            one.session.apply_gradient(np.zeros(one.network.trainable), 0.1)
            after, _ = one.session.value_and_grad(rows)
        require(before != after, f"{trial.name}: the mask is the same after an update; randomness should have advanced")

    momentum = trials.RULES[1]
    plain = trials.DROPOUT.but("dropout", optimizer=trials.mini_batch())
    chosen = (momentum, trials.BATCH_NORM, trials.MASKED[0], plain)
    for_each(case, chosen, lambda case, trial: (draws if trial is plain else check)(case, trial))


def _apply(one: Opened, rows: Any, rate: float, momentum: float | None) -> None:
    one.session.apply_gradient(one.session.value_and_grad(rows)[1], rate, momentum)
