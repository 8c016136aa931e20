"""The checks of update rules, schedules, initializers and optimizers."""

from __future__ import annotations

import io
import math
import random
from typing import Any

import numpy as np

from modnet.core.interfaces import ParameterSlice, Position, UpdateContext
from modnet.core.messages import epoch_number
from modnet.testing.case import Case, refusal
from modnet.testing.fixtures import QuadraticProblem, train
from modnet.testing.numeric import normal, tree_diff
from modnet.testing.probes import INITIALIZER_SHAPES, POSITIONS, initialize, position_at, rule_context
from modnet.testing.report import NoteError, require

RATES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
SAMPLES = (1, 2, 3, 7, 10, 24, 60, 100, 1000, 10_000)
CONSTANTS = 3  # so many distinct numbers may be the same for every generator: zeros, ones, an identity matrix


def resumes_exactly(case: Case) -> None:
    """Check that the state is arrays and integers, and gives the same steps after it was saved and loaded."""
    context = rule_context(normal(40, 9))
    state = case.component.init(context.parameters)
    for seed in (41, 42, 43):
        state = case.component.update(normal(seed, 9), state, context)[1]
    resumed = {name: _write_and_read(name, value) for name, value in state.items()}
    for seed in (44, 45, 46):
        step, state = case.component.update(normal(seed, 9), state, context)
        resumed_step, resumed = case.component.update(normal(seed, 9), resumed, context)
        differs = tree_diff(step, resumed_step)
        require(not differs, f"step {seed - 43} after resuming is not that of an uninterrupted training")


def _write_and_read(name: str, value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(str(value))
    is_array = isinstance(value, np.ndarray) and not value.dtype.hasobject
    require(is_array, f"the state {name!r} should be an array or an integer, got {type(value).__name__}")
    file = io.BytesIO()
    np.save(file, value)
    file.seek(0)
    return np.load(file)


def minimizes_quadratic(case: Case) -> None:
    """Check that ½(θ₀² + 10 θ₁²) falls to a hundredth within 600 updates, at one of the usual learning rates."""
    curvature, start, ratios = np.array([1.0, 10.0]), np.array([3.0, -2.0]), [math.inf]
    layout = (ParameterSlice(0, "weights", 0, 2, (1, 2), regularized=False),)
    for rate in RATES:
        theta, state = start.copy(), case.component.init(start.copy())
        with np.errstate(all="ignore"):  # at too high a rate θ becomes non-finite
            for update in range(600):
                context = UpdateContext(theta, rate * 0.99**update, updates=update, layout=layout)
                step, state = case.component.update(curvature * theta, state, context)
                theta = theta - step
            ratios.append(float(np.sum(curvature * theta * theta) / np.sum(curvature * start * start)))
    best = min(ratio for ratio in ratios if not math.isnan(ratio))
    require(best <= 0.01, f"should fall to 0.01 of its start at one of the rates {RATES}, falls to {best:.3g}")


def zero_gradient_zero_step(case: Case) -> None:
    """Check that a gradient of 0 gives a step of 0 in the first update; a note if not."""
    theta = np.zeros(9)  # weight decay of other parameters would be a step
    step = case.component.update(np.zeros(9), case.component.init(theta), rule_context(theta))[0]
    if np.any(step != 0.0):
        raise NoteError(f"a gradient of 0 makes a step of {np.max(np.abs(step)):.3g} in the first update")


def uses_learning_rate(case: Case) -> None:
    """Check that another `context.learning_rate` gives another step."""
    theta, gradient = normal(47, 9), normal(48, 9)
    small, large = (
        case.component.update(gradient, case.component.init(theta), rule_context(theta, rate))[0] for rate in (0.1, 0.2)
    )
    same = np.array_equal(small, large)
    require(not same, "the step is the same with learning_rate 0.1 and 0.2: multiply by context.learning_rate")


def state_is_separate(case: Case) -> None:
    """Check that the state shares no memory with θ and the gradient, which engines overwrite after the update."""
    theta, gradient = normal(53, 9), normal(54, 9)
    initial = case.component.init(theta)
    after = case.component.update(gradient, initial, rule_context(theta))[1]
    for name, value in [*initial.items(), *after.items()]:
        for what, array in (("θ", theta), ("the gradient", gradient)):
            shared = isinstance(value, np.ndarray) and np.shares_memory(value, array)
            require(not shared, f"the state {name!r} shares its memory with {what}, which is overwritten: keep a copy")


def elementwise_in_pieces(case: Case) -> None:
    """Check that with `elementwise = True` a step, or a gradient, of pieces of θ is that of all of it."""
    if case.cls.family == "regularizer":
        weights, gradient = normal(49, 9), case.component.gradient
        pieces = np.concatenate([gradient(weights[:4]), gradient(weights[4:])])
        message = "elementwise = True, but the gradient of two pieces of w is not that of w as a whole"
        require(not case.component.elementwise or np.array_equal(pieces, gradient(weights)), message)
    else:
        _steps_in_pieces(case)


def _steps_in_pieces(case: Case) -> None:
    rule, theta = case.component, normal(49, 9)
    state, pieces = rule.init(theta), [(theta[:4], rule.init(theta[:4])), (theta[4:], rule.init(theta[4:]))]
    for seed in (50, 51, 52) if rule.elementwise else ():
        gradient, steps = normal(seed, 9), []
        step, state = rule.update(gradient, state, rule_context(theta, updates=seed - 50))
        for index, (part, part_state) in enumerate(pieces):
            context = UpdateContext(part, 0.1, updates=seed - 50, regularized=2 if index else 4)
            part_step, part_state = rule.update(gradient[4:] if index else gradient[:4], part_state, context)
            steps.append(part_step)
            pieces[index] = part, part_state
        message = f"elementwise = True, but step {seed - 49} of two pieces of θ is not that of θ as a whole"
        require(np.array_equal(np.concatenate(steps), step), message)


def _factor_at(position: Position) -> str:
    return f"the factor after {position.epoch} of {position.epochs} epochs"


def stateless(case: Case) -> None:
    """Check that the factor depends only on the position, not on earlier calls."""
    factors = {position: case.component(position) for position in POSITIONS}
    shuffled = POSITIONS * 2
    random.Random(48).shuffle(shuffled)  # noqa: S311 -- an order, not a secret
    for position in shuffled:
        factor, expected = case.component(position), factors[position]
        require(
            factor == expected,
            f"{_factor_at(position)} is {expected:.9g}, but {factor:.9g} in another order",
        )


def positive_finite_factor(case: Case) -> None:
    """Check that the factor is a finite Python float, above 0 until the last epoch ends and never below 0."""
    end = [position_at(float(epochs), epochs) for epochs in (0, 1, 7, 30)] + [position_at(31.5, 30)]
    for position in [*POSITIONS, *end]:
        factor = case.component(position)
        is_number = isinstance(factor, float | int) and not isinstance(factor, bool)
        require(
            is_number,
            f"{_factor_at(position)} should be a Python float, got {type(factor).__name__}",
        )
        positive = factor > 0 or (factor == 0 and position.update >= position.updates - 1)
        require(
            positive and math.isfinite(factor),
            f"{_factor_at(position)} should be positive and finite, got {factor:g}",
        )


def starts_at_one(case: Case) -> None:
    """Check that the factor is 1 at the start, so that training starts at the configured rate; a note if not."""
    if (factor := case.component(position_at(0.0, 30))) != 1.0:
        raise NoteError(f"the factor at the start is {factor:.9g}, not 1")


def constant_means_one(case: Case) -> None:
    """Check that the factor is 1 everywhere if the class sets `constant = True`, because it is not called then."""
    for position in POSITIONS if case.component.constant else ():
        factor = case.component(position)
        require(
            factor == 1.0,
            f"constant = True, but {_factor_at(position)} is {factor:.9g}, not 1",
        )


def initial_shape(case: Case) -> None:
    """Check that the result is a new NumPy array of the requested shape."""
    for shape in INITIALIZER_SHAPES:
        array = initialize(case, shape, 0)
        is_array = isinstance(array, np.ndarray)
        require(is_array, f"for the shape {shape} should return a NumPy array, got {type(array).__name__}")
        require(array.shape == shape, f"should return the shape {shape}, got {array.shape}")
        shared = np.shares_memory(array, initialize(case, shape, 0))
        require(not shared, "should return a new array in every call; two share their memory")


def float64_and_finite(case: Case) -> None:
    """Check that the numbers are float64 and finite, whatever the dtype of the network."""
    for shape in INITIALIZER_SHAPES:
        array = np.asarray(initialize(case, shape, 0))
        require(array.dtype == np.float64, f"for the shape {shape} should return float64, got {array.dtype}")
        require(np.isfinite(array).all(), f"for the shape {shape} should return finite numbers, got {array}")


def uses_given_generator(case: Case) -> None:
    """Check that another generator gives other numbers, unless there are only a few constants."""
    first, second = (np.asarray(initialize(case, (7, 5), seed)) for seed in (1, 2))
    distinct = len(np.unique(first))
    varies = distinct <= CONSTANTS or tree_diff(first, second)
    require(varies, f"two generators give the same {distinct} different numbers: use the one that is passed in")


def _accepted_samples(case: Case) -> list[int]:
    """Return the numbers of samples up to 100 that the optimizer accepts, or the smallest above."""
    accepted = [samples for samples in SAMPLES if refusal(case.component.check, samples) is None]
    require(accepted, f"check refuses every number of samples from {SAMPLES[0]} to {SAMPLES[-1]:,}")
    return [samples for samples in accepted if samples <= 100] or accepted[:1]


def covers_every_sample(case: Case) -> None:
    """Check that every epoch uses each sample once, a note if not; solvers, which make no sweeps, are exempt."""
    for samples in _accepted_samples(case):
        problem = QuadraticProblem(samples)
        for epoch in range(2):
            problem.orders, before = [], problem.parameters.copy()
            problem.run_epoch(case.component)
            if not problem.orders:
                changed = epoch > 0 or tree_diff(before, problem.parameters)
                require(changed, f"samples = {samples}: an epoch neither made a sweep nor changed θ")
                continue
            counts = np.bincount(np.concatenate(problem.orders), minlength=samples)
            row = int(np.argmax(counts != 1))
            if counts[row] != 1:
                times = f"epoch {epoch_number(epoch)}: sample {row} of {samples} occurs {counts[row]} times"
                raise NoteError(f"{times}; right for a sampler that draws with replacement")


def update_count(case: Case) -> None:
    """Check that an epoch makes as many updates as `updates()` says, and at least one."""
    for samples in _accepted_samples(case):
        updates = case.component.updates(samples)
        positive = isinstance(updates, int) and updates > 0
        require(positive, f"updates({samples}) should be a positive integer, got {updates!r}")
        problem = QuadraticProblem(samples)
        problem.run_epoch(case.component)
        agrees = problem.updates in (0, updates)
        require(agrees, f"updates({samples}) is {updates}, but an epoch makes {problem.updates}")


def refuses_with_value_error(case: Case) -> None:
    """Check that `check` refuses a number of samples only with a ValueError that begins with an option's name."""
    options = case.cls.option_names()
    for samples in SAMPLES:
        message = refusal(case.component.check, samples)
        names_option = message is None or message.partition(":")[0] in options
        require(names_option, f"check({samples}) should begin with an option ({', '.join(options)}), got: {message}")


def lowers_the_cost(case: Case) -> None:
    """Check that ten epochs of a small training lower the cost."""
    samples = next((samples for samples in _accepted_samples(case) if samples >= 10), 1000)
    history = train(epochs=10, samples=samples, optimizer=case.component).history
    first, last = history[0]["cost"], history[-1]["cost"]
    require(last < first, f"the cost should fall over 10 epochs, but changes from {first:.6g} to {last:.6g}")
