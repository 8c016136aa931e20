"""The checks of layers as engines run them: in pieces, without randomness, with new randomness, with a state."""

from __future__ import annotations

from typing import Any

import numpy as np

from modnet.core.arrays import Array, namespace
from modnet.core.interfaces.layer import Random
from modnet.core.random import GeneratorRandom
from modnet.testing.case import Case
from modnet.testing.layer_probes import layer_inputs, start_pass
from modnet.testing.numeric import close, tree_diff
from modnet.testing.probe import Arrays
from modnet.testing.probe_checks import DOUBLE
from modnet.testing.report import FailedError, require

ROWS = 6
PASSES = 3  # training passes after which every array of the state should have changed


def _train(case: Case, inputs: dict[str, Any], rng: np.random.Generator | None = None) -> Arrays:
    """Return the results of a training pass; without a generator it has no `rng`."""

    def source(x: Array) -> Random | None:
        return None if rng is None else GeneratorRandom(rng, namespace(x))

    return start_pass(case, rng=source, **inputs)()


def works_without_rng(case: Case) -> None:
    """Check that a training pass with `ctx.rng = None` works, and is the same every time."""
    try:
        first, second = (_train(case, layer_inputs(case, 0, ROWS)) for _ in range(2))
    except Exception as error:  # whatever the layer does with None
        raise FailedError(f"where ctx.rng is None, nothing may be random: {type(error).__name__}: {error}") from None
    require(not tree_diff(first, second), "ctx.rng is None, but two training passes of the same samples differ")


def micro_batches(case: Case) -> None:
    """Check that a batch gives the same in one piece and in several, in training too, or has `needs_full_batch`."""
    if any(part.needs_full_batch for part in case.component.walk(case.shape())):
        return
    inputs = layer_inputs(case, 0, ROWS)
    pieces = [
        _train(case, inputs | {name: inputs[name][rows] for name in ("x", "δ")})
        for rows in (slice(0, 1), slice(1, 3), slice(3, ROWS))
    ]
    for name, whole in _train(case, inputs).items():
        if not name.startswith("state "):
            parts: list[Any] = [piece[name] for piece in pieces]
            joined = sum(parts) if name.startswith("gradient of parameter") else np.concatenate(parts)
            difference = close(joined, whole, DOUBLE)
            hint = "a layer that needs a whole batch sets needs_full_batch = True"
            require(not difference, f"{name} of a batch in three pieces is not that of the whole: {difference}; {hint}")


def fresh_randomness(case: Case) -> None:
    """Check that a layer which is random in training draws new numbers from `ctx.rng` in every pass."""
    inputs = layer_inputs(case, 0, ROWS)
    passes, unused = [_train(case, inputs)["z"]], False
    for seed in (5, 6):
        rng = np.random.default_rng(seed)
        before = rng.bit_generator.state
        passes.append(_train(case, inputs, rng)["z"])
        unused = not tree_diff(before, rng.bit_generator.state)
    without, first, second = passes
    same = unused and not tree_diff(first, second) and tree_diff(without, first)
    require(not same, "is random in training, but has the same numbers in every pass: draw from ctx.rng in each")


def state_advances(case: Case) -> None:
    """Check that training passes change every array of the state, if no part of the layer is frozen."""
    layer, shape = case.component, case.shape()
    if not all(part.trainable for part in layer.walk(shape)):
        return
    initial = {f"state {name!r}": value for name, value in layer.initial_state(shape).items()}
    for seed in range(PASSES):
        results = _train(case, layer_inputs(case, seed, ROWS), np.random.default_rng(seed))
        initial = {name: value for name, value in initial.items() if np.array_equal(results[name], value)}
    unchanged = ", ".join(initial)
    require(not initial, f"{unchanged} is as at the start after every training pass: assign ctx.state[name] = value")
