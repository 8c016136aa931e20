"""The checks of what descends: rules, schedules, initializers and optimizers."""

from __future__ import annotations

import io
import math
import random
from typing import Any

import numpy as np

from modnet.testing.case import Case
from modnet.testing.determinism_checks import POSITIONS, SHAPES
from modnet.testing.fixtures import QuadraticProblem, train
from modnet.testing.numeric import normal, same_bits
from modnet.testing.report import FailedError, NoteError

__all__ = [
    "constant_means_one",
    "covers_every_sample",
    "descends_a_bowl",
    "draws_from_the_generator",
    "float64_and_finite",
    "initial_shape",
    "lowers_the_cost",
    "positive_finite_factor",
    "pure_in_the_step",
    "refuses_with_value_error",
    "resumes_exactly",
    "starts_at_one",
    "updates_agree",
    "zero_gradient_zero_step",
]

RATES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
SAMPLES = (1, 2, 3, 7, 10, 24, 60, 100, 1000, 10_000)
FEW = 3
"""Up to so many distinct numbers an array may be the same for every generator: zeros, ones, an identity matrix."""


def resumes_exactly(case: Case) -> None:
    """Check that the state is arrays and integers; written to a file and read again, it leads to the same steps."""
    theta = normal(40, 9)
    state = case.part.init(theta)
    for update in range(3):
        state = case.part.update(normal(41 + update, 9), state, 0.1)[1]
    again: dict[str, Any] = {}
    for name, value in state.items():
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            file = io.BytesIO()
            np.save(file, value)
            file.seek(0)
            again[name] = np.load(file)
        elif isinstance(value, int) and not isinstance(value, bool):
            again[name] = int(str(value))
        else:
            raise FailedError(f"the state {name!r} should be an array or an integer, got {type(value).__name__}")
    for update in range(3):
        gradient = normal(44 + update, 9)
        (step, state), (other, again) = (case.part.update(gradient, some, 0.1) for some in (state, again))
        if not same_bits(step, other):
            raise FailedError(f"step {update + 1} after resuming is not that of the training that went on")


def descends_a_bowl(case: Case) -> None:
    """Check that at some usual rate it brings ½(θ₀² + 10 θ₁²) down to a hundredth, in 600 updates."""
    curvature, best = np.array([1.0, 10.0]), math.inf
    start = np.array([3.0, -2.0])
    for rate in RATES:
        theta = start.copy()
        state = case.part.init(theta)
        with np.errstate(all="ignore"):  # too high a rate leaves the finite numbers
            for update in range(600):
                step, state = case.part.update(curvature * theta, state, rate * 0.99**update)
                theta = theta - step
            value = float(np.sum(curvature * theta * theta) / np.sum(curvature * start * start))
        best = min(best, value) if math.isfinite(value) else best
    if not best <= 0.01:
        raise FailedError(f"should come to 0.01 of where it started at some rate from {RATES}, came to {best:.3g}")


def zero_gradient_zero_step(case: Case) -> None:
    """Check that from the start, a gradient of 0 makes no step; a note where it does."""
    step = case.part.update(np.zeros(9), case.part.init(normal(47, 9)), 0.1)[0]
    if np.any(step != 0.0):
        raise NoteError(f"a gradient of 0 makes a step of {np.max(np.abs(step)):.3g} from the start")


def pure_in_the_step(case: Case) -> None:
    """Check that the factor depends on position and epochs, not on when and how often it is asked for."""
    inorder = {place: case.part(*place) for place in POSITIONS}
    shuffled = list(POSITIONS) * 2
    random.Random(48).shuffle(shuffled)  # noqa: S311 -- an order, no secret
    for place in shuffled:
        if (came := case.part(*place)) != inorder[place]:
            position, epochs = place
            again = f"should be {inorder[place]:.9g} again in another order, got {came:.9g}"
            raise FailedError(f"factor({position:g}, {epochs}) {again}")


def positive_finite_factor(case: Case) -> None:
    """Check that the factor is a Python float, finite, above 0 until the last epoch ends and never below."""
    after = [(float(epochs), epochs) for epochs in (0, 1, 7, 30)] + [(31.5, 30), (0.0, 0)]
    for position, epochs in [*POSITIONS, *after]:
        came = case.part(position, epochs)
        where = f"factor({position:g}, {epochs})"
        if not isinstance(came, float | int) or isinstance(came, bool):
            raise FailedError(f"{where} should be a Python float, got {type(came).__name__}")
        if not math.isfinite(came) or came < 0 or (came == 0 and position < epochs):
            raise FailedError(f"{where} should be positive and finite, got {came:g}")


def starts_at_one(case: Case) -> None:
    """Check that the factor is 1 at the start, so that the learning rate means what it says; a note where it is not."""
    if (came := case.part(0.0, 30)) != 1.0:
        raise NoteError(f"the factor at the start is {came:.9g}, not 1")


def constant_means_one(case: Case) -> None:
    """Check that the factor is 1 everywhere where the class says `constant`: it is then not asked for."""
    if not case.cls.constant:  # type: ignore[attr-defined] # a schedule
        return
    for position, epochs in POSITIONS:
        if (came := case.part(position, epochs)) != 1.0:
            raise FailedError(f"constant = True, but factor({position:g}, {epochs}) is {came:.9g}, not 1")


def _draw(case: Case, shape: tuple[int, ...], seed: int) -> Any:
    return case.part(np.random.default_rng([49, seed]), shape, shape[-1], shape[0])


def initial_shape(case: Case) -> None:
    """Check that the array is a new one of NumPy's, of the shape that was asked for."""
    for shape in SHAPES:
        one = _draw(case, shape, 0)
        if not isinstance(one, np.ndarray):
            raise FailedError(f"for the shape {shape} should return a NumPy array, got {type(one).__name__}")
        if one.shape != shape:
            raise FailedError(f"should return the shape {shape}, got {one.shape}")
        if np.shares_memory(one, _draw(case, shape, 0)):
            raise FailedError("should return a new array every time; two share their memory")


def float64_and_finite(case: Case) -> None:
    """Check that the numbers are float64 and finite; the network makes its own dtype of them."""
    for shape in SHAPES:
        one = np.asarray(_draw(case, shape, 0))
        if one.dtype != np.float64:
            raise FailedError(f"for the shape {shape} should return float64, got {one.dtype}")
        if not np.isfinite(one).all():
            raise FailedError(f"for the shape {shape} should return finite numbers, got {one[~np.isfinite(one)][0]}")


def draws_from_the_generator(case: Case) -> None:
    """Check that another generator gives other numbers, unless they are a few constants."""
    one, other = (np.asarray(_draw(case, (7, 5), seed)) for seed in (1, 2))
    if same_bits(one, other) and len(np.unique(one)) > FEW:
        raise FailedError(
            f"two generators give the same {len(np.unique(one))} different numbers: draw from the generator given"
        )


def _fitting(case: Case, largest: int = 100) -> list[int]:
    """Return the numbers of samples that the optimizer takes."""
    taken = []
    for samples in SAMPLES:
        try:
            case.part.check(samples)
        except ValueError:
            continue
        taken.append(samples)
    if not taken:
        raise FailedError(f"check refuses every number of samples from {SAMPLES[0]} to {SAMPLES[-1]:,}")
    return [samples for samples in taken if samples <= largest] or taken[:1]


def covers_every_sample(case: Case) -> None:
    """Check that in every epoch each sample comes exactly once, or it is a solver that makes its own way."""
    for samples in _fitting(case):
        bowl = QuadraticProblem(samples)
        for epoch in range(2):
            bowl.orders, before = [], bowl.parameters.copy()
            case.part.epoch(bowl)
            if not bowl.orders:
                if same_bits(before, bowl.parameters) and epoch == 0:
                    raise FailedError(f"with {samples} samples an epoch neither swept over them nor moved θ")
                continue
            times = np.bincount(np.concatenate(bowl.orders), minlength=samples)
            if len(times) != samples or np.any(times != 1):
                row = int(np.argmax(times != 1))
                raise FailedError(f"epoch {epoch}: sample {row} of {samples} should come once, came {times[row]} times")


def updates_agree(case: Case) -> None:
    """Check that an epoch makes as many updates as `updates()` says, and that is above 0."""
    for samples in _fitting(case):
        said = case.part.updates(samples)
        if not isinstance(said, int) or said < 1:
            raise FailedError(f"updates({samples}) should be a positive integer, got {said!r}")
        bowl = QuadraticProblem(samples)
        case.part.epoch(bowl)
        if bowl.updates and bowl.updates != said:
            raise FailedError(f"updates({samples}) says {said}, an epoch makes {bowl.updates}")


def refuses_with_value_error(case: Case) -> None:
    """Check that `check` takes a number of samples, or raises a ValueError that begins with the option's name."""
    for samples in SAMPLES:
        try:
            case.part.check(samples)
        except ValueError as error:
            name = str(error).partition(":")[0]
            if name not in case.cls.option_names():
                raise FailedError(
                    f"check({samples}) should begin with an option ({', '.join(case.cls.option_names())}), got: {error}"
                ) from None
        except Exception as error:  # a part may raise whatever it likes; only a ValueError is right
            raise FailedError(
                f"check({samples}) should raise ValueError, got {type(error).__name__}: {error}"
            ) from None


def lowers_the_cost(case: Case) -> None:
    """Check that ten epochs of a small training with it lower the cost."""
    samples = next((samples for samples in _fitting(case) if samples >= 10), 1000)
    run = train(epochs=10, samples=samples, optimizer=case.part)
    first, last = run.history[0]["cost"], run.history[-1]["cost"]
    if not last < first:
        raise FailedError(f"the cost should fall over 10 epochs, went from {first:.6g} to {last:.6g}")
