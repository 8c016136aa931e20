"""Faulty rules, schedules, initializers and optimizers."""

# ruff: noqa: ARG002 -- faulty components ignore their arguments

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from testing.faulty.record import found_by

from modnet import Initializer, Optimizer, Schedule, Solver, Sweep, namespace
from modnet.components.initializers import StandardNormal, Zeros
from modnet.components.optimizers import Batch, MiniBatch
from modnet.components.regularizers import L2
from modnet.components.schedules import Exponential
from modnet.components.update_rules import Adam, Momentum, Plain


@found_by("inputs-not-modified", "modifies its input")
class MutatesState(Momentum):
    """Momentum that updates v in place."""

    kind: Literal["mutates-state"] = "mutates-state"

    def update(self, gradient, state, context):
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity += gradient
        return context.learning_rate * velocity, {"velocity": velocity}


@found_by("inputs-not-modified", "modifies its input")
class MutatesTheDict(Adam):
    """Adam that counts in the state that is passed in."""

    kind: Literal["mutates-the-dict"] = "mutates-the-dict"

    def update(self, gradient, state, context):
        state["updates"] += 1
        step, after = super().update(gradient, {**state, "updates": state["updates"] - 1}, context)
        return step, after


@found_by("resumes-exactly", "should be an array or an integer, got list")
class ListState(Plain):
    """θ ← θ − η∇, with a list of all rates as its state."""

    kind: Literal["list-state"] = "list-state"

    def init(self, parameters):
        return {"rates": []}

    def update(self, gradient, state, context):
        return context.learning_rate * gradient, {"rates": [*state["rates"], context.learning_rate]}


@found_by("resumes-exactly", "step 1 after resuming is not that")
class CountsOutsideTheState(Plain):
    """θ ← θ − ηn∇ in the n-th update."""

    kind: Literal["counts-outside-the-state"] = "counts-outside-the-state"
    updates: ClassVar[list[float]] = []

    def update(self, gradient, state, context):
        self.updates.append(context.updates)
        return context.learning_rate * len(self.updates) * gradient, state


@found_by("traces", "asks for a value (float)")
class MathOfCounters(Adam):
    """Adam, with `math` on its counter."""

    kind: Literal["math-of-counters"] = "math-of-counters"

    def update(self, gradient, state, context):
        step, after = super().update(gradient, state, context)
        return step * math.sqrt(1.0 - self.beta2 ** after["updates"]), after


@found_by("state-is-separate", "the state 'previous' shares its memory with θ, which is overwritten: keep a copy")
class KeepsTheta(Plain):
    """θ ← θ − η∇ + ½(θ − θ of the last update), which is kept as it is."""

    kind: Literal["keeps-theta"] = "keeps-theta"

    def init(self, parameters):
        return {"previous": parameters}

    def update(self, gradient, state, context):
        step = context.learning_rate * gradient - 0.5 * (context.parameters - state["previous"])
        return step, {"previous": context.parameters}


@found_by("uses-learning-rate", "the step is the same with learning_rate 0.1 and 0.2")
class IgnoresTheRate(Plain):
    """θ ← θ − 0.03 ∇."""

    kind: Literal["ignores-the-rate"] = "ignores-the-rate"

    def update(self, gradient, state, context):
        return 0.03 * gradient, state


@found_by("minimizes-quadratic", "should fall to 0.01 of its start")
class Climbs(Plain):
    """θ ← θ + η∇."""

    kind: Literal["climbs"] = "climbs"

    def update(self, gradient, state, context):
        return -context.learning_rate * gradient, state


@found_by("elementwise-in-pieces", "of two pieces of θ is not that of θ as a whole")
class NormalizedInPieces(Plain):
    """θ ← θ − η∇/(1 + ‖∇‖), said to be elementwise."""

    kind: Literal["normalized-in-pieces"] = "normalized-in-pieces"

    def update(self, gradient, state, context):
        xp = namespace(gradient)
        return context.learning_rate * gradient / (1.0 + xp.sqrt(xp.sum(gradient * gradient))), state


@found_by("elementwise-in-pieces", "of two pieces of w is not that of w as a whole")
class PenalizesTheNorm(L2):
    """R = ¼λ (Σ w²)², said to be elementwise."""

    kind: Literal["penalizes-the-norm"] = "penalizes-the-norm"

    def __call__(self, weights):
        return 0.25 * self.strength * (weights @ weights) ** 2

    def gradient(self, weights):
        return self.strength * (weights @ weights) * weights


@found_by("stateless", "in another order")
class CountsCalls(Schedule):
    """1 / n at the n-th call."""

    kind: Literal["counts-calls"] = "counts-calls"
    calls: ClassVar[list[float]] = []

    def __call__(self, at):
        self.calls.append(at.epoch)
        return 1.0 / len(self.calls)


@found_by("positive-finite-factor", "factor after 31.5 of 30 epochs should be positive and finite, got -")
class FallsBelowZero(Schedule):
    """1 − p/E."""

    kind: Literal["falls-below-zero"] = "falls-below-zero"

    def __call__(self, at):
        return 1.0 - at.epoch / max(at.epochs, 1)


@found_by("positive-finite-factor", "factor after 0.0 of 1 epochs should be a Python float, got ndarray")
class ArrayFactor(Schedule):
    """1, as an array."""

    kind: Literal["array-factor"] = "array-factor"

    def __call__(self, at):
        return np.array(1.0)


@found_by("constant-means-one", "constant = True, but")
class NotSoConstant(Exponential):
    """γ^p, which is never called."""

    kind: Literal["not-so-constant"] = "not-so-constant"
    constant: ClassVar[bool] = True


@found_by("initial-shape", "should return the shape")
class Transposed(StandardNormal):
    """N(0, 1), of the reversed shape."""

    kind: Literal["transposed"] = "transposed"

    def __call__(self, rng, shape, fan_in, fan_out):
        return rng.standard_normal(shape[::-1])


@found_by("initial-shape", "two share their memory")
class SharedArray(Initializer):
    """0, in one array for all layers of a shape."""

    kind: Literal["shared-array"] = "shared-array"
    arrays: ClassVar[dict[Any, Any]] = {}

    def __call__(self, rng, shape, fan_in, fan_out):
        return self.arrays.setdefault(shape, np.zeros(shape))


@found_by("uses-given-generator", "two generators give the same 35 different numbers")
class OwnSeed(Initializer):
    """N(0, 1), the same numbers for every layer and every run."""

    kind: Literal["own-seed"] = "own-seed"

    def __call__(self, rng, shape, fan_in, fan_out):
        return np.random.default_rng(0).standard_normal(shape)


@found_by("float64-and-finite", "should return float64, got float32")
class SinglePrecision(Zeros):
    """0, as float32."""

    kind: Literal["single-precision"] = "single-precision"

    def __call__(self, rng, shape, fan_in, fan_out):
        return np.zeros(shape, dtype=np.float32)


@found_by("update-count", "is 1, but an epoch makes")
class Miscounts(Optimizer):
    """Batches of two, counted as one update."""

    kind: Literal["miscounts"] = "miscounts"

    def sweeps(self, data, rng, state):
        return [Sweep(None, 2)]


@found_by("covers-every-sample", "out of bounds")
class CountsFromOne(MiniBatch):
    """Mini-batches of the samples 1 to n."""

    kind: Literal["counts-from-one"] = "counts-from-one"

    def sweeps(self, data, rng, state):
        return [Sweep(rng.permutation(len(data)) + 1, self.batch_size)]


@found_by("covers-every-sample", "an epoch neither made a sweep nor changed θ")
class Idle(Optimizer):
    """No updates."""

    kind: Literal["idle"] = "idle"

    def sweeps(self, data, rng, state):
        return []


@found_by("update-count", "is 1, but an epoch makes 2")
class TwoSteps(Solver):
    """Two updates by the rule, counted as one."""

    kind: Literal["two-steps"] = "two-steps"

    def solve(self, problem):
        for _ in range(2):
            problem.apply_gradient(problem.value_and_grad()[1])
            yield


@found_by(
    "refuses-with-value-error", "check(1) should begin with an option (rule, schedule, learning_rate), got: too few"
)
class UnnamedOption(Batch):
    """All samples, if there is more than one."""

    kind: Literal["unnamed-option"] = "unnamed-option"

    def check(self, samples):
        if samples == 1:
            raise ValueError("too few samples")


@found_by("refuses-with-value-error", "should raise ValueError, got RuntimeError")
class RefusesWrongly(Batch):
    """All samples, if their number is even."""

    kind: Literal["refuses-wrongly"] = "refuses-wrongly"

    def check(self, samples):
        if samples % 2:
            raise RuntimeError("the number of samples should be even")


@found_by("lowers-the-cost", "the cost should fall")
class ClimbsToo(Solver):
    """θ ← θ + 0.1 ∇, a solver."""

    kind: Literal["climbs-too"] = "climbs-too"

    def solve(self, problem):
        gradient = problem.value_and_grad()[1]
        problem.parameters[...] = problem.parameters + 0.1 * gradient
