"""Sessions of an engine in a trial, and what it comes to on the NumPy engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from modnet.config.run_config import RunConfig
from modnet.core.errors import ConfigError
from modnet.core.interfaces import Block, Engine, EngineSession, TrainingPlan, TrainState
from modnet.core.random import Stream, generator
from modnet.data.prepared import Samples
from modnet.engines.numpy.engine import NumpyEngine
from modnet.network.network import Network
from modnet.testing.case import Case
from modnet.testing.engine_trials import Trial
from modnet.testing.numeric import close
from modnet.testing.report import RefusedError, require
from modnet.training.epoch import EpochRunner
from modnet.training.setup import build

__all__ = [
    "Opened",
    "block_of",
    "final_state",
    "for_each",
    "go_on",
    "on_first",
    "opened",
    "order_of",
    "reference",
    "require_close",
    "run_all",
]

Tried = TypeVar("Tried")

SINGLE = 1e-4
"""How far θ may be from the NumPy engine's after 50 updates in float32, relative to its largest number."""


@dataclass(frozen=True)
class Opened:
    """A session at work, and what it was given."""

    session: EngineSession
    config: RunConfig
    network: Network
    samples: Samples

    def state(self) -> dict[str, Any]:
        """Return the session's state as copies, whether or not it gives copies itself."""
        copied: dict[str, Any] = _copy(self.session.state().to_dict())
        return copied


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copy(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item) for item in value]
    return np.array(value) if isinstance(value, np.ndarray) else value


@contextmanager
def opened(engine: Engine, trial: Trial, fingerprint: Mapping[str, Any] = {}) -> Iterator[Opened]:
    """Open a session for a trial, and close it at the end.

    Raises:
        RefusedError: the engine says that it cannot run the trial.
    """
    config = trial.config(engine)
    network, samples, _ = build(config, trial.data(), None)
    parts = samples["train"]
    try:
        session = engine.start(TrainingPlan(config, network, parts, fingerprint))
    except ConfigError as error:
        raise RefusedError(f"{trial.name}: {error}") from None
    with closing(session), np.errstate(all="ignore"):  # as in a training
        yield Opened(session, config, network, parts)


def for_each(case: Case, trials: Sequence[Tried], check: Callable[[Case, Tried], None]) -> None:
    """Make a check in all trials; those that the engine refuses are named at the end.

    Raises:
        RefusedError: naming them.
    """
    refused = []
    for trial in trials:
        try:
            check(case, trial)
        except RefusedError as error:
            refused.append(str(error))
    if refused:
        raise RefusedError("; ".join(refused))


def on_first(case: Case, trials: Sequence[Trial], check: Callable[[Case, Trial], None]) -> None:
    """Make a check in the first trial that the engine does not refuse; those that it refuses are named at the end.

    Raises:
        RefusedError: naming them.
    """
    refused = []
    for trial in trials:
        try:
            check(case, trial)
            break
        except RefusedError as error:
            refused.append(str(error))
    if refused:
        raise RefusedError("; ".join(refused))


def final_state(engine: Engine, trial: Trial) -> dict[str, Any]:
    """Return the state after all epochs of a trial."""
    with opened(engine, trial) as one:
        runner = EpochRunner(one.config, one.network, one.samples, (), one.session)
        order, kept = generator(one.config.seed, Stream.ORDER), dict[str, Any]()
        for epoch in range(one.config.epochs):
            runner.begin(epoch)
            runner.run(order, kept, None, lambda: None)
        return one.state()


@cache
def reference(trial: Trial) -> dict[str, Any]:
    """Return the state after all epochs on the NumPy engine; the trials are few, and the same for every engine."""
    return final_state(NumpyEngine(threads=1), trial)


def order_of(opened: Opened) -> NDArray[np.intp]:
    """Return the row numbers of all samples in a random order, the same every time."""
    return np.random.default_rng(51).permutation(len(opened.samples))


def block_of(opened: Opened, count: int | None = None, rate: float = 0.1) -> Block:
    """Return a block of the first samples in that order, 8 an update, with a rate that differs between updates."""
    rows = order_of(opened)[:count]
    updates = range(-(-len(rows) // 8))
    return Block(rows, 8, [rate / (1 + update) for update in updates], [0.8 + 0.02 * update for update in updates])


def run_all(opened: Opened, blocks: Sequence[Block], on_update: Callable[[], None] | None = None) -> list[NDArray[Any]]:
    """Run blocks, and return all outputs."""
    outputs: list[NDArray[Any]] = []

    def keep(a: NDArray[Any], *_: Any) -> bool:
        outputs.append(np.array(a))
        return True

    for block in blocks:
        finite = opened.session.run(block, keep, on_update)
        require(finite is True, f"run should return True, as all is finite, got {finite!r}")
    return outputs


def go_on(engine: Engine, trial: Trial, state: Mapping[str, Any], run: Callable[[Opened], Any]) -> dict[str, Any]:
    """Return the state that another session comes to, which starts from a state."""
    with opened(engine, trial) as one:
        one.session.restore(TrainState(**_copy(state)))
        run(one)
        return one.state()


def require_close(what: str, actual: Any, expected: Any, case: Case, dtype: Any = np.float64) -> None:
    """Fail unless numbers are as near to those of the NumPy engine as an engine's must be."""
    tolerance = max(case.tolerance, SINGLE) if np.dtype(dtype) == np.float32 else case.tolerance
    difference = close(actual, expected, tolerance)
    require(not difference, f"{what} is not that of the NumPy engine: {difference}")
