"""The session of an engine that compiles: it cuts blocks into calls of programs, and hands their outputs on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from modnet.core.interfaces import Block, TrainingPlan, TrainState
from modnet.core.interfaces.engine import OnOutputs, OnUpdate, Rows, length_of, pieces_of
from modnet.data.row_source import ArrayOrSource
from modnet.engines.compiled.functions import ParameterArrays, RuleArrays
from modnet.engines.compiled.gradients import Gradients, Overlap, Sizes, counted_outputs, padded
from modnet.engines.compiled.outputs import outputs_of
from modnet.engines.compiled.programs import Programs
from modnet.engines.compiled.state import DeviceState
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import Network, Vector

__all__ = ["CompiledSession"]


class CompiledSession:
    """Makes updates by programs; see `modnet.EngineSession` for what the methods promise.

    Args:
        plan: What is trained; θ and the layers' state of its network are updated in place.
        programs: What computes.
        parameters: The arrays of θ.
        rule: The update rule.
        sizes: How much work calls have.
        fingerprint: What the last bits of the results depend on.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        programs: Programs,
        parameters: ParameterArrays,
        rule: RuleArrays,
        sizes: Sizes,
        fingerprint: Mapping[str, str | int | float],
    ) -> None:
        self._network: Network = plan.network
        self._programs, self._parameters = programs, parameters
        self._chunk, self._piece = sizes.chunk, sizes.piece
        self.fingerprint = fingerprint
        self._penalties = 0.0
        self._finite: Any = True
        self._last_cost: Callable[[], float] = lambda: math.nan
        self._norm: Callable[[], float] = lambda: math.nan
        self._states_after_gradient: Any = None
        with programs.settings():
            self._state = DeviceState(plan, programs, parameters, rule)
            self._gradients = Gradients(plan.network, plan.samples, programs, self._state, sizes)
        self._batches = self._gradients.batches

    @property
    def updates(self) -> int:
        """How many updates have been made."""
        return self._state.updates

    @property
    def rule_state(self) -> dict[str, Any]:
        """The update rule's state."""
        return self._state.rule_state

    def state(self) -> TrainState:
        """Return a copy of everything that an update changes."""
        return self._state.copy()

    def restore(self, state: TrainState) -> None:
        """Go to a state."""
        with self._programs.settings():
            self._state.restore(state)
        self._states_after_gradient, self._finite = None, True

    def run(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None = None) -> bool:
        """Make a block's updates, and return whether costs, θ and the rule's state are finite."""
        with self._programs.settings():
            self._state.take_over()
            overlap = Overlap()
            for hand_on in self._begin(block, on_outputs, single=on_update is not None):
                if not overlap.add(hand_on):
                    return False
                if on_update is not None:
                    if not overlap.end():
                        return False
                    self._state.publish()
                    on_update()
                    self._state.take_over()
            finite = overlap.end()
            self._state.publish()
            return finite and bool(self._finite)

    def value_and_grad(self, rows: Rows | None = None) -> tuple[float, Vector]:
        """Return the mean cost at θ, penalties included, and its gradient, a new array."""
        with self._programs.settings():
            self._state.take_over()
            rows, carry = slice(0, len(self._batches)) if rows is None else rows, self._state.carry
            costs = MetricAccumulator(self._network, ())
            sums = self._gradients.accumulate(rows, costs.update, carry, self._state.updates)
            self._last_cost = costs.mean_cost
            gradients, self._states_after_gradient = (None, None) if sums is None else sums
            if gradients is None:
                return math.inf, np.full(self._network.trainable, np.nan, self._network.dtype)
            cost = costs.mean_cost() + self._network.penalty(costs.weight)
            return cost, self._gradients.penalized(carry, gradients, rows)

    def apply_gradient(self, gradient: Vector, rate: float, momentum: float | None = None) -> None:
        """Make one update by the configured rule; randomness and the layers' state advance."""
        state, dtype = self._state, self._network.dtype
        with self._programs.settings():
            state.take_over()
            states = state.carry.states if self._states_after_gradient is None else self._states_after_gradient
            gradients = self._parameters.split(np.asarray(gradient, dtype))
            rates = np.asarray(rate, dtype), None if momentum is None else np.asarray(momentum, dtype)
            numbers = np.int64(state.updates), *rates
            state.carry = self._programs.call("step", (momentum is None,), state.carry, gradients, states, *numbers)
            state.updates += 1
            self._states_after_gradient = None
            self._norm = lambda: float(np.linalg.norm(gradient))
            state.publish()

    def outputs(self, x: ArrayOrSource) -> Iterator[Vector]:
        """Yield the network's outputs at θ."""
        return outputs_of(x, self._programs, self._state, self._piece)

    def last_cost(self) -> float:
        """Return the mean cost of the last update's samples."""
        return self._last_cost()

    def take_penalties(self) -> float:
        """Return the sum of the updates' penalties, each times what its samples weigh, since it was asked for last."""
        taken, self._penalties = self._penalties, 0.0
        return taken

    def gradient_norm(self) -> float:
        """Return the Euclidean norm of the last update's gradient."""
        return self._norm()

    def close(self) -> None:
        """End the thread that reads."""
        self._gradients.samples.close()

    def _begin(self, block: Block, on_outputs: OnOutputs, *, single: bool) -> Iterator[Callable[[], bool]]:
        """Begin the updates, some at a time; each result waits for outputs and hands them on."""
        size, count, is_exact = block.batch_size, len(block), self._gradients.is_exact
        if size > self._chunk and not self._gradients.needs_full_batch:
            for part in block.single_updates():
                yield partial(bool, self._make_large(part, on_outputs))
        elif is_exact and count > size and count % size:  # the last batch by itself, as it is no longer
            whole = count - count % size
            yield from self._begin(block.part(0, whole), on_outputs, single=single)
            yield from self._begin(block.part(whole, count), on_outputs, single=single)
        else:
            rows = min(size, count) if is_exact else size
            together = 1 if rows < size else max(1, self._chunk // rows)
            step = rows if single else together * rows
            chunks = self._gradients.samples.chunks(pieces_of(block.rows, step), rows, together)
            for start, (data, begin) in zip(range(0, count, step), chunks, strict=True):
                part = block.part(start, min(start + step, count))  # now: a listener may have replaced its rates
                yield self._make(part, rows, together, data, begin, on_outputs)

    def _make(
        self, part: Block, size: int, together: int, data: Any, start: int, on_outputs: OnOutputs
    ) -> Callable[[], bool]:
        """Begin to make the updates of a chunk."""
        state, batches, dtype = self._state, pieces_of(part.rows, size), self._network.dtype
        own, counts = self._programs.share.size(size), list(map(length_of, batches))
        totals = padded([self._gradients.total(batch) for batch in batches], together)
        momenta = None if part.momenta is None else padded(list(part.momenta), together, dtype)
        updates = padded(counts, together, int), totals, padded(list(part.rates), together, dtype), momenta
        shapes, before = (len(data["x"]), together, size, momenta is None), state.carry
        where = np.int64(start), np.int64(state.updates), state.key
        state.carry, outputs, penalties, self._finite = self._programs.call(
            "updates", shapes, before, state.frozen, data, *where, updates, batch=own, size=size
        )
        state.updates += len(batches)
        self._norm = partial(self._gradients.norm, before, state.updates - 1, batches[-1])

        def hand_on() -> bool:
            self._penalties += float(penalties)
            a = counted_outputs(outputs, counts, size)
            y, weights = self._batches.targets(part.rows), self._batches.weights(part.rows)
            last = slice(len(a) - counts[-1], None)
            self._last_cost = partial(self._mean_cost, a[last], y[last], None if weights is None else weights[last])
            return on_outputs(a, y, weights)

        return hand_on

    def _make_large(self, single: Block, on_outputs: OnOutputs) -> bool:
        """Make an update whose batch takes several calls; return whether its costs are finite."""
        state, dtype, costs = self._state, self._network.dtype, MetricAccumulator(self._network, ())

        def hand_on(a: Vector, y: Vector, weights: Vector | None) -> bool:
            return costs.update(a, y, weights) & on_outputs(a, y, weights)

        before, number = state.carry, state.updates
        sums = self._gradients.accumulate(single.rows, hand_on, before, number)
        if sums is None:
            return False
        momentum = None if single.momenta is None else np.asarray(single.momenta[0], dtype)
        total, rate = np.float64(self._gradients.total(single.rows)), np.asarray(single.rates[0], dtype)
        state.carry, penalty, self._finite = self._programs.call(
            "finish", (momentum is None,), before, *sums, np.int64(number), total, rate, momentum
        )
        self._penalties += float(penalty)
        self._last_cost = costs.mean_cost
        self._norm = partial(self._gradients.norm, before, number, single.rows)
        state.updates += 1
        return True

    def _mean_cost(self, outputs: Vector, y: Vector, weights: Vector | None) -> float:
        costs = MetricAccumulator(self._network, ())
        costs.update(outputs, y, weights)
        return costs.mean_cost()
