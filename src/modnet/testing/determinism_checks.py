"""The checks that a part gives the same again: every way of using it is gone through several times."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from modnet.testing.case import Case
from modnet.testing.fixtures import QuadraticProblem, train
from modnet.testing.numeric import same_bits
from modnet.testing.probes import probes_of
from modnet.testing.report import FailedError

__all__ = ["POSITIONS", "SHAPES", "deterministic", "no_global_randomness"]

POSITIONS = [(epoch + share, epochs) for epochs in (1, 7, 30) for epoch in range(epochs) for share in (0.0, 0.25, 0.9)]
"""Where a schedule is asked, and the epochs in all."""
SHAPES = [(7, 5), (5,), (3, 2, 4), (1, 1)]
"""The shapes that an initializer is asked for."""


def exercise(case: Case, seed: int) -> dict[str, Any]:
    """Use a part in every way that its family has, and return what comes of it, by name."""
    special = _OTHERS.get(case.cls.family)
    if special is not None:
        return special(case.part, seed)
    return {
        f"{probe.name}: {name}": value
        for probe in probes_of(case, seed)
        for name, value in probe.run(probe.arrays()).items()
    }


def deterministic(case: Case) -> None:
    """Check that used again after other inputs, and as an equal part, it gives the same to the last bit."""
    before = exercise(case, 0)
    exercise(case, 1)
    for what, part in (("asked again, after other inputs", case.part), ("asked of an equal part", case.twin())):
        again = exercise(Case(case.cls, part, case.examples, case.input_shape), 0)
        _compare(before, again, what)


def no_global_randomness(case: Case) -> None:
    """Check that the global random states of NumPy and Python are neither used nor changed."""
    kept_numpy, kept_python = np.random.get_state(), random.getstate()  # noqa: NPY002 -- what parts should not use
    results: list[dict[str, Any]] = []
    try:
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002 -- the same
            random.seed(seed)
            states = np.random.get_state(), random.getstate()  # noqa: NPY002 -- the same
            results.append(exercise(case, 0))
            for name, state, now in zip(
                ("numpy.random", "random"),
                states,
                (np.random.get_state(), random.getstate()),  # noqa: NPY002 -- the same
                strict=True,
            ):
                if not same_bits(state, now):
                    raise FailedError(f"the global state of {name} was changed: draw from the generator that is given")
    finally:
        np.random.set_state(kept_numpy)  # noqa: NPY002 -- the same
        random.setstate(kept_python)
    _compare(results[0], results[1], "with another global random state")


def _compare(before: dict[str, Any], again: dict[str, Any], what: str) -> None:
    for name, value in before.items():
        if not same_bits(value, again.get(name)):
            raise FailedError(f"{name} is not the same {what}")


def _schedule(part: Any, seed: int) -> dict[str, Any]:
    del seed
    return {f"factor({position:g}, {epochs})": part(position, epochs) for position, epochs in POSITIONS}


def _initializer(part: Any, seed: int) -> dict[str, Any]:
    return {
        f"array of shape {shape}": part(np.random.default_rng([29, seed]), shape, shape[-1], shape[0])
        for shape in SHAPES
    }


def _optimizer(part: Any, seed: int) -> dict[str, Any]:
    bowl = QuadraticProblem(23 + seed)
    for _ in range(2):
        part.epoch(bowl)
    return {"θ after two epochs": bowl.parameters.copy(), "orders": bowl.orders}


def _callback(part: Any, seed: int) -> dict[str, Any]:
    run = train(epochs=2 + seed, callbacks=[part])
    return {"θ after a training": run.network.parameters}


def _dataset(part: Any, seed: int) -> dict[str, Any]:
    del seed
    data = part.load()
    pairs = {"train": data.train, "validation": data.validation, "test": data.test}
    return {
        f"{letter} of {name}": np.asarray(pair[index])
        for name, pair in pairs.items()
        if pair is not None
        for index, letter in enumerate("xy")
    }


_OTHERS: dict[str, Callable[[Any, int], dict[str, Any]]] = {
    "schedule": _schedule,
    "initializer": _initializer,
    "optimizer": _optimizer,
    "callback": _callback,
    "dataset": _dataset,
}
