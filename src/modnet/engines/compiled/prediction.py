"""Whether several processes are worth it: their speed-up, predicted from the seconds of an update and of a sum."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from modnet.core.interfaces import TrainingPlan
from modnet.core.messages import log_warning, warn
from modnet.engines.compiled.functions import ParameterArrays, RuleArrays
from modnet.engines.compiled.programs import Programs
from modnet.engines.compiled.samples import DeviceSamples
from modnet.engines.compiled.share import Share
from modnet.engines.compiled.state import DeviceState
from modnet.engines.processes.group import ConnectedGroup

__all__ = ["SpeedUp", "predict", "tell"]

LEAST_WORK, LEAST_UPDATES = 1e11, 10_000
"""How many floating-point operations or updates a training has at least that is worth a prediction; some seconds."""
WORTHWHILE = 1.5
REPETITIONS = 3


class SpeedUp(NamedTuple):
    """What was measured.

    Attributes:
        processes: How many there are.
        whole: The seconds of an update in one process, while the others wait.
        share: Those of the slowest process for its rows, all at once.
        total: Those of the sum of the gradients.
    """

    processes: int
    whole: float
    share: float
    total: float

    @property
    def factor(self) -> float:
        """How many times as fast as in one process their updates are."""
        return self.whole / (self.share + self.total)

    def __str__(self) -> str:
        whole, share, total = (f"{seconds * 1e3:.3g} ms" for seconds in self[1:])
        measured = f"one takes {whole} in one, {share} shared out, and {total} more to sum the gradients"
        factor = f"updates are predicted to be {self.factor:.2g} times as fast as in one"
        return f"{self.processes} processes: {factor}; measured: {measured}"


def tell(found: SpeedUp | None) -> None:
    """Print a prediction; it is a warning where it is low."""
    if found is not None and found.factor < WORTHWHILE:
        log_warning(f"{found}; larger batches or fewer processes use them better")
    elif found is not None:
        warn(str(found))


def predict(
    plan: TrainingPlan,
    programs: Programs,
    parameters: ParameterArrays,
    rule: RuleArrays,
    group: ConnectedGroup,
    most: int,
) -> SpeedUp | None:
    """Measure, in all processes together, and return the prediction; None for a training that is over soon.

    Args:
        plan: What is trained; it is not changed.
        programs: The functions for one process.
        parameters: The arrays of θ.
        rule: The update rule.
        group: The processes.
        most: How many samples an update is measured with at most; for more, its time is in proportion.
    """
    network, samples = plan.network, len(plan.samples)
    updates, epochs = max(plan.config.optimizer.updates(samples), 1), plan.config.epochs
    if 6 * network.parameters.size * samples * epochs < LEAST_WORK and updates * epochs < LEAST_UPDATES:
        return None
    rows = math.ceil(samples / updates)
    with programs.settings():
        state = DeviceState(plan, programs, parameters, rule)
        dtype, zero = network.dtype, np.int64(0)

        def update_seconds(count: int) -> float:
            measured = min(count, most)
            few = DeviceSamples(plan.samples.take(np.arange(measured)), programs, 1 << 40)
            ((data, start),) = few.chunks([slice(0, measured)], measured, 1)
            few.close()
            updates = np.array([measured]), np.array([float(measured)]), np.zeros(1, dtype), None
            given = state.carry, state.frozen, data, np.int64(start), zero, state.key, updates
            static = {"batch": measured, "size": measured}
            seconds = _least(lambda: programs.call("updates", ("prediction", measured), *given, **static)[3])
            return seconds * count / measured

        whole = group.gather(update_seconds(rows) if group.primary else None)[0]
        share = max(group.gather(update_seconds(Share(group.index, group.count).size(rows))))
    vector = np.zeros(network.trainable, dtype)
    return SpeedUp(group.count, whole, share, max(group.gather(_least(lambda: group.sum(vector)[0]))))


def _least(compute: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some calls, whose result is waited for, after one to warm up."""
    seconds = []
    for _ in range(1 + REPETITIONS):
        began = time.perf_counter()
        bool(compute())
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])
