"""The checks of engines about what the training loop counts on: listeners, figures, divergence, the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import DivergenceError
from modnet.core.interfaces import Block, Engine, TrainState
from modnet.core.random import Stream, generator
from modnet.engines.numpy.engine import NumpyEngine
from modnet.testing import engine_trials as trials
from modnet.testing.case import Case
from modnet.testing.engine_bit_checks import require_same
from modnet.testing.engine_sessions import Opened, block_of, for_each, go_on, opened, order_of, require_close, run_all
from modnet.testing.engine_trials import Trial
from modnet.testing.report import FailedError, require
from modnet.training.epoch import EpochRunner

PATIENCE = 5.0
"""Seconds that threads may take to end."""


def _step_by_step(case: Case, trial: Trial, state: dict[str, Any], block: Block) -> list[dict[str, Any]]:
    """Return the states after each update of a block, made one by one from a state."""
    states = []

    def run(one: Opened) -> None:
        for single in block.single_updates():
            run_all(one, [single])
            states.append(one.state())

    go_on(case.component, trial, state, run)
    return states


def listens_to_every_update(case: Case) -> None:
    """Check that `on_update` is called once after every update, with θ, rule and count as they are at that moment."""

    def check(case: Case, trial: Trial) -> None:
        seen: list[dict[str, Any]] = []
        with opened(case.component, trial) as one:
            block, start = block_of(one), one.state()

            def look() -> None:
                rule, theta = one.session.rule_state, np.array(one.network.parameters)
                seen.append({"θ": theta, "updates": one.session.updates, "rule": {**rule}, "state": one.state()})

            run_all(one, [block], look)
        states = _step_by_step(case, trial, start, block)
        require(
            len(seen) == len(states), f"{trial.name}: on_update is called {len(seen)} times in {len(states)} updates"
        )
        for number, (at, state) in enumerate(zip(seen, states, strict=True), 1):
            expected = {"θ": state["parameters"], "updates": number, "rule": state["rule_state"], "state": state}
            require_same(f"{trial.name}: what a listener sees after update {number}", at, expected)

    for_each(case, (trials.BITS[1], trials.BATCH_NORM), check)


def rates_replaced(case: Case) -> None:
    """Check that rates that a listener replaces within a block hold from the next update on."""

    def check(case: Case, trial: Trial) -> None:
        rates = [0.1, 0.05, 0.2, 0.01, 0.15]
        with opened(case.component, trial) as one:
            block, start = block_of(one), one.state()
            expected, given = Block(block.rows, 8, rates, block.momenta), [rates[0]] * len(rates)

            def replace_rates() -> None:
                left = len(rates) - one.session.updates
                if left:
                    given[-left:] = [rates[-left]] * left

            run_all(one, [Block(block.rows, 8, given, block.momenta)], replace_rates)
            end = one.state()
        require_same(f"{trial.name}: rates set one by one", end, _step_by_step(case, trial, start, expected)[-1])

    for_each(case, trials.BITS[1:], check)


def parameters_written(case: Case) -> None:
    """Check that what a listener writes to θ, or restores, is what the next update begins with, in a block too."""

    def check(case: Case, trial: Trial) -> None:
        with opened(case.component, trial) as one:
            block, start = block_of(one, 32), one.state()
            first, second, *_ = block.single_updates()
            run_all(one, [first])
            written = 0.5 * one.network.parameters + 0.1
            one.network.parameters[...] = written
            run_all(one, [second])
            expected = one.state()
        rest = block.part(16, 32)
        states = {
            "θ is written to after an update": {**expected, "updates": 2},
            "a state is restored after an update": {**start, "updates": 2},
        }

        def write(one: Opened) -> None:
            if one.session.updates == 1:
                one.network.parameters[...] = written

        def restore(one: Opened) -> None:
            if one.session.updates == 2:
                one.session.restore(TrainState(**{**start, "updates": 2}))

        def run_heard(listener: Callable[[Opened], None], one: Opened) -> None:
            run_all(one, [block], lambda: listener(one))

        for (name, state), listener in zip(states.items(), (write, restore), strict=True):
            end = go_on(case.component, trial, state, lambda one: run_all(one, [rest]))
            heard = go_on(case.component, trial, start, partial(run_heard, listener))
            require_same(f"{trial.name}: {name}", heard, end)

    for_each(case, trials.BITS[1:], check)


def outputs_as_seen(case: Case) -> None:
    """Check that outputs, targets and weights of a block are handed on in order, as the updates saw them."""

    def collect(engine: Engine, trial: Trial) -> tuple[Opened, list[NDArray[Any]]]:
        pieces: list[tuple[Any, Any, Any]] = []

        def keep(a: Any, y: Any, weights: Any) -> bool:
            pieces.append((np.array(a), np.array(y), np.ones(len(a)) if weights is None else np.array(weights)))
            return True

        with opened(engine, trial) as one:
            one.session.run(block_of(one, rate=0.5), keep)
        return one, [np.concatenate(arrays) for arrays in zip(*pieces, strict=True)]

    def check(case: Case, trial: Trial) -> None:
        one, actual = collect(case.component, trial)
        expected = collect(NumpyEngine(threads=1), trial)[1]
        for name, array, other in zip(("outputs", "targets", "weights"), actual, expected, strict=True):
            require(array.dtype == other.dtype, f"{trial.name}: {name} should be {other.dtype}, got {array.dtype}")
            require_close(f"{trial.name}: {name} of a block, in order,", array, other, case, one.network.dtype)

    gaussian = trials.FUNCTIONS[6].but("gaussian-nll", samples=37)
    for_each(case, (trials.PLAIN.but("a short last batch", samples=37), gaussian, trials.WEIGHTED[0]), check)


def figures_of_updates(case: Case) -> None:
    """Check that `last_cost` and `gradient_norm` are those of the last update, without and with the penalties."""

    def figures(engine: Engine, trial: Trial) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        with opened(engine, trial) as one:

            def look() -> None:
                figures = one.session.last_cost(), one.session.gradient_norm()
                plain = all(type(figure) is float for figure in figures)
                require(plain, f"{trial.name}: last_cost and gradient_norm should be Python floats, got {figures!r}")
                found.append(figures)

            run_all(one, [block_of(one)], look)
            for rows in np.split(order_of(one), [16]):
                one.session.apply_gradient(one.session.value_and_grad(rows)[1], 0.1)
                look()
        return found

    def check(case: Case, trial: Trial) -> None:
        actual, expected = (figures(engine, trial) for engine in (case.component, NumpyEngine(threads=1)))
        for name, ours, theirs in zip(
            ("last_cost", "gradient_norm"), np.transpose(actual).tolist(), np.transpose(expected).tolist(), strict=True
        ):
            require_close(f"{trial.name}: {name} of each update", ours, theirs, case)

    for_each(case, (trials.DECAYING, trials.WEIGHTED[1]), check)


def sums_of_penalties(case: Case) -> None:
    """Check that `take_penalties` is the sum of penalties, each times the weight of its update's samples, then 0."""

    def sums(engine: Engine, trial: Trial) -> list[float]:
        with opened(engine, trial) as one:
            blocks = [block_of(one), block_of(one, 16)]
            found = []
            for block in blocks:
                run_all(one, [block])
                found.append(one.session.take_penalties())
            return [*found, one.session.take_penalties()]

    def check(case: Case, trial: Trial) -> None:
        actual, expected = (sums(engine, trial) for engine in (case.component, NumpyEngine(threads=1)))
        require(actual[-1] == 0.0, f"{trial.name}: take_penalties, asked again, should be 0, got {actual[-1]}")
        require_close(f"{trial.name}: take_penalties after each block", actual, expected, case)

    options = {"cost_with_penalty": True}
    chosen = (trials.DECAYING, trials.WEIGHTED[1], trials.DIVIDED.but("a short last batch", samples=37))
    for_each(case, [trial.but(trial.name, options=options) for trial in chosen], check)


def divergence_is_found(case: Case) -> None:
    """Check that divergence names epoch, update and layer, and goes back to the very state before that update."""
    for_each(case, trials.DIVERGING, _diverges)


def _diverges(case: Case, trial: Trial) -> None:
    (expected, _, _), (actual, start, left) = (
        _divergence(it, trial) for it in (NumpyEngine(threads=1), case.component)
    )
    places = [
        f"epoch {error.epoch + 1}, update {error.update + 1}, layer {error.layer}" for error in (actual, expected)
    ]
    require(places[0] == places[1], f"{trial.name}: divergence should be found in {places[1]}, not in {places[0]}")

    def run(one: Opened) -> None:
        run_all(one, _first_epoch(one).single_updates()[: expected.update])

    before = go_on(case.component, trial, start, run)
    require_same(
        f"{trial.name}: the state after it, compared with that before update {expected.update + 1}", left, before
    )


def _divergence(engine: Engine, trial: Trial) -> tuple[DivergenceError, dict[str, Any], dict[str, Any]]:
    """Return the error of a trial, and the states before it and after it."""
    with opened(engine, trial) as one:
        start, order = one.state(), generator(one.config.seed, Stream.ORDER)
        try:
            _runner(one).run(order, {}, None, lambda: None)
        except DivergenceError as error:
            return error, start, one.state()
    raise FailedError(f"{trial.name}: run should return False, as numbers are not finite")


def _runner(one: Opened) -> EpochRunner:
    runner = EpochRunner(one.config, one.network, one.samples, (), one.session)
    runner.begin(0)
    return runner


def _first_epoch(one: Opened) -> Block:
    optimizer, runner = one.config.optimizer, _runner(one)
    (sweep,) = optimizer.sweeps(one.samples, generator(one.config.seed, Stream.ORDER), {})
    updates = range(optimizer.updates(len(one.samples)))
    momenta = [momentum for momentum in map(runner.momentum, updates) if momentum is not None]
    return Block(np.asarray(sweep.order), sweep.batch_size, [*map(runner.learning_rate, updates)], momenta or None)


def closes(case: Case) -> None:
    """Check that `close` works after errors of listeners, which come through as they are, and leaves no thread."""
    before = set(threading.enumerate())

    class Planned(Exception):  # noqa: N818 -- nothing is wrong
        pass

    def fail(*_: Any) -> Any:
        raise Planned

    def attempt(run: Callable[[Opened], Any]) -> None:
        try:
            with opened(case.component, trials.PLAIN) as one:
                run(one)
        except Planned:
            return
        raise FailedError("an error that a listener raises should come through run, and does not")

    attempt(lambda one: one.session.run(block_of(one), lambda *_: True, fail))
    attempt(lambda one: one.session.run(block_of(one), fail))
    with opened(case.component, trials.PLAIN):  # without an update
        pass
    left = [thread for thread in threading.enumerate() if thread not in before]
    deadline = time.monotonic() + PATIENCE
    for thread in left:
        thread.join(max(0.0, deadline - time.monotonic()))
    names = [thread.name for thread in left if thread.is_alive()]
    require(not names, f"close leaves threads behind: {', '.join(names)}")


def stable_fingerprint(case: Case) -> None:
    """Check that the fingerprint is text and numbers by name, and the same in every session of the same training."""
    with opened(case.component, trials.PLAIN) as one:
        first = dict(one.session.fingerprint)
        run_all(one, [block_of(one)])
        require_same("the fingerprint after some updates", dict(one.session.fingerprint), first)
    with opened(case.component, trials.PLAIN, first) as one:
        require_same("the fingerprint of a training that is resumed", dict(one.session.fingerprint), first)
    require(first, "the fingerprint is empty; it should have the versions that the last bits depend on")
    for name, value in first.items():
        plain = type(value) in (str, int, float) and value == value  # NaN differs from itself
        require(plain, f"the fingerprint's {name!r} should be a text or a number, got {value!r}")
        require(isinstance(name, str) and "\n" not in f"{name}{value}", f"the fingerprint's {name!r} has several lines")
        require(name not in ("engine", "modnet"), f"the fingerprint's {name!r} is a name that modnet uses itself")
