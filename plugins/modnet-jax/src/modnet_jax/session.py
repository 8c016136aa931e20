"""The JAX engine's session: one training, its state on a device, and on the host where it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

from modnet import Block, TrainingPlan, TrainState
from modnet.core.interfaces.engine import OnOutputs, OnUpdate, Rows
from modnet.core.random import Stream, generator
from modnet.engines.functional import join
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import Network, Vector
from modnet_jax.compiled import Programs
from modnet_jax.data import DeviceData, length_of, pieces_of
from modnet_jax.device import Device
from modnet_jax.parts import Parts
from modnet_jax.program import Carry, Program
from modnet_jax.state import OnDemand

__all__ = ["JaxSession"]


class JaxSession:
    """Makes updates with JAX; see `modnet.EngineSession` for what the methods promise.

    θ and the layers' states are on the device and, at the end of every call, in the network: what is written to them
    there, in between, is seen and taken over.

    Args:
        plan: What is trained; θ and the layers' state of its network are updated in place.
        device: What computes.
        memory: How many bytes of samples may be on the device.
    """

    def __init__(self, plan: TrainingPlan, device: Device, memory: int) -> None:
        self._network: Network = plan.network
        self._device = device
        self.fingerprint: Mapping[str, str | int | float] = device.fingerprint
        self.updates, self._penalties = 0, 0.0
        self._needs_full_batch = any(layer.needs_full_batch for layer in plan.network.layers)
        self._last_cost: Callable[[], float] = lambda: math.nan
        self._norm: Callable[[], float] = lambda: math.nan
        self._states_after_gradient: Any = None
        with device.settings():
            self._program = Program(plan, Parts.of(plan))
            self._programs = Programs(self._program, device)
            self._data = DeviceData(plan.samples, plan.network, device, memory, self._programs)
            self._key = generator(plan.config.seed, Stream.LAYERS).integers(0, 1 << 32, 2, np.uint32)
            self._upload(self._program.rule.split(self._program.rule.initial))

    @property
    def rule_state(self) -> dict[str, Any]:
        """The update rule's state."""
        return self._program.rule.join(self._carry.rule)

    def state(self) -> TrainState:
        """Return a copy of everything that an update changes."""
        network = self._network
        rule_state = OnDemand(self._carry.rule, self._program.rule.join)
        randomness = [{"kind": "jax", "key": self._key.copy()}]
        return TrainState(network.parameters.copy(), rule_state, network.layer_states(), randomness, self.updates)

    def restore(self, state: TrainState) -> None:
        """Go to a state."""
        (randomness,) = state.randomness
        key = np.asarray(randomness["key"], np.uint32)
        if key.shape != (2,):
            raise ValueError(f"a key of shape {key.shape}; expected (2,)")
        rule, self._key = state.rule_state, key
        self._network.parameters[...] = state.parameters
        self._network.load_layer_states(state.layer_states)
        with self._device.settings():
            self._upload(rule.kept if isinstance(rule, OnDemand) else self._program.rule.split(rule))
        self.updates, self._states_after_gradient = state.updates, None

    def run(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None = None) -> bool:
        """Make a block's updates, and return whether costs, θ and the rule's state are finite."""
        with self._device.settings():
            self._take_over()
            waiting: Callable[[], bool] | None = None
            for hand_on in self._begin(block, on_outputs, single=on_update is not None):
                if on_update is not None:
                    if not hand_on():
                        return False
                    self._publish()
                    on_update()
                    self._take_over()
                else:  # while the device works on this call, the host does on the outputs of the one before
                    if waiting is not None and not waiting():
                        return False
                    waiting = hand_on
            finite = waiting is None or waiting()
            self._publish()
            return finite and bool(self._finite)

    def value_and_grad(self, rows: Rows | None = None) -> tuple[float, Vector]:
        """Return the mean cost at θ, penalties included, and its gradient, a new array."""
        with self._device.settings():
            self._take_over()
            rows = slice(0, len(self._data)) if rows is None else rows
            costs = MetricAccumulator(self._network, ())
            sums = self._accumulate(rows, costs.update)
            self._last_cost = partial(_cost_in, costs)
            if sums is None:
                self._states_after_gradient = None
                return math.inf, np.full(self._network.trainable, np.nan, self._network.dtype)
            gradients, self._states_after_gradient = sums
            penalty = self._network.penalty(self._data.total(rows))
            return _cost_in(costs) + penalty, self._penalized(self._carry, gradients, rows)

    def apply_gradient(self, gradient: Vector, rate: float, momentum: float | None = None) -> None:
        """Make one update by the configured rule; randomness and the layers' state advance."""
        with self._device.settings():
            self._take_over()
            states = self._carry.states if self._states_after_gradient is None else self._states_after_gradient
            gradients = self._program.parameters.split(np.asarray(gradient, self._network.dtype))
            rates = self._number(rate), None if momentum is None else self._number(momentum)
            shapes = (momentum is None,)
            self._carry = self._programs.call(
                "step", shapes, self._carry, gradients, states, np.int64(self.updates), *rates
            )
            self.updates, self._states_after_gradient = self.updates + 1, None
            self._norm = lambda: float(np.linalg.norm(gradient))
            self._publish()

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
        self._data.close()

    def _begin(self, block: Block, on_outputs: OnOutputs, *, single: bool) -> Iterator[Callable[[], bool]]:
        """Begin the updates, some at a time; each result waits for outputs and hands them on."""
        size, count = block.batch_size, len(block)
        if size > self._data.chunk_rows and not self._needs_full_batch:
            for part in block.single_updates():
                yield partial(bool, self._make_large(part, on_outputs))
            return
        if self._needs_full_batch and count % size:  # such a layer sees how long the last batch is
            whole = count - count % size
            last = block.part(whole, count)
            parts = [block.part(0, whole), Block(last.rows, count - whole, last.rates, last.momenta)]
            for part in parts[not whole :]:
                yield from self._begin(part, on_outputs, single=single)
            return
        together = max(1, self._data.chunk_rows // size)
        step = size if single else together * size
        starts = range(0, count, step)
        rows = pieces_of(block.rows, step)
        for start, data in zip(starts, self._data.chunks(rows, together * size), strict=True):
            # rates are read now: a listener may have replaced those that follow
            yield self._make(block.part(start, min(start + step, count)), *data, together, on_outputs)

    def _make(self, part: Block, data: Any, start: int, together: int, on_outputs: OnOutputs) -> Callable[[], bool]:
        """Begin to make the updates of a chunk."""
        batches = pieces_of(part.rows, part.batch_size)
        counts = np.zeros(together, np.int64)
        counts[: len(batches)] = [length_of(batch) for batch in batches]
        totals, before = np.zeros(together), self._carry
        totals[: len(batches)] = [self._data.total(batch) for batch in batches]
        numbers = [None if part.momenta is None else self._padded(part.momenta, together)]
        shapes = len(data["x"]), together, part.batch_size, part.momenta is None
        updates = counts, totals, self._padded(part.rates, together), *numbers
        first, self.updates = self.updates, self.updates + len(batches)
        self._carry, outputs, penalties, self._finite = self._programs.call(
            "updates", shapes, before, self._frozen, data, np.int64(start), np.int64(first), self._key, updates,
            batch=part.batch_size,
        )  # fmt: skip
        self._norm = partial(self._norm_at, before, self.updates - 1, batches[-1])

        def hand_on() -> bool:
            self._penalties += float(penalties)
            a = _counted(np.asarray(outputs), start, counts.tolist(), len(data["x"]))
            y, weights = self._data.targets(part.rows), self._data.weights(part.rows)
            last = slice(len(a) - counts[len(batches) - 1], None)
            self._last_cost = lambda: self._mean_cost(a[last], y[last], None if weights is None else weights[last])
            return on_outputs(a, y, weights)

        return hand_on

    def _make_large(self, single: Block, on_outputs: OnOutputs) -> bool:
        """Make an update whose batch is worked through in several calls; return whether its costs are finite."""
        costs = MetricAccumulator(self._network, ())

        def hand_on(a: Vector, y: Vector, weights: Vector | None) -> bool:
            return costs.update(a, y, weights) & on_outputs(a, y, weights)

        sums, before = self._accumulate(single.rows, hand_on), self._carry
        if sums is None:
            return False
        rate, momentum = self._number(single.rates[0]), None
        if single.momenta is not None:
            momentum = self._number(single.momenta[0])
        total = np.float64(self._data.total(single.rows))
        self._carry, penalty, self._finite = self._programs.call(
            "finish", (momentum is None,), before, *sums, np.int64(self.updates), total, rate, momentum
        )
        self._penalties += float(penalty)
        self._last_cost = partial(_cost_in, costs)
        self._norm = partial(self._norm_at, before, self.updates, single.rows)
        self.updates += 1
        return True

    def _accumulate(self, rows: Rows, on_outputs: OnOutputs) -> Any:
        """Return the gradients of a batch of any size, and the layers' states; None where a cost is not finite."""
        size = length_of(rows) if self._needs_full_batch else min(self._network.chunk, length_of(rows))
        together = max(1, self._data.chunk_rows // size)
        parts, total = pieces_of(rows, together * size), np.float64(self._data.total(rows))
        sums: Any = (tuple(np.zeros(array.shape, array.dtype) for array in self._carry.theta), self._carry.states)
        positions = accumulate(map(length_of, parts[:-1]), initial=0)
        waiting: Callable[[], bool] | None = None
        for part, position, (data, start) in zip(
            parts, positions, self._data.chunks(parts, together * size), strict=True
        ):
            counts = np.zeros(together, np.int64)
            pieces = [length_of(piece) for piece in pieces_of(part, size)]
            counts[: len(pieces)] = pieces
            where = data, np.int64(start), np.int64(position), self._key, np.int64(self.updates)
            shapes, available = (len(data["x"]), together, size), len(data["x"])
            sums, outputs = self._programs.call(
                "accumulate", shapes, sums, self._carry, self._frozen, *where, counts, total, rows=size
            )
            if waiting is not None and not waiting():
                return None
            waiting = partial(self._hand_on, outputs, part, start, pieces, available, on_outputs)
        return sums if waiting is None or waiting() else None

    def _hand_on(
        self, outputs: Any, rows: Rows, start: int, counts: list[int], available: int, on_outputs: OnOutputs
    ) -> bool:
        a = _counted(np.asarray(outputs), start, counts, available)
        return on_outputs(a, self._data.targets(rows), self._data.weights(rows))

    def _penalized(self, carry: Carry, gradients: Any, rows: Rows) -> Vector:
        total = np.float64(self._data.total(rows))
        return join(self._programs.call("penalized", (), carry, gradients, total))

    def _norm_at(self, carry: Carry, update: int, rows: Rows) -> float:
        """Return the norm of an update's gradient, which is computed again: few ask for it."""
        now = self._carry, self.updates
        self._carry, self.updates = carry, update
        try:
            with self._device.settings():
                gradients, _ = self._accumulate(rows, lambda *_: True)
                return float(np.linalg.norm(self._penalized(carry, gradients, rows)))
        finally:
            self._carry, self.updates = now

    def _mean_cost(self, outputs: Vector, y: Vector, weights: Vector | None) -> float:
        costs = MetricAccumulator(self._network, ())
        costs.update(outputs, y, weights)
        return _cost_in(costs)

    def _number(self, value: float) -> Any:
        return np.asarray(value, self._network.dtype)

    def _padded(self, values: Any, count: int) -> Vector:
        return np.pad(np.asarray(values, self._network.dtype), (0, count - len(values)))

    def _take_over(self) -> None:
        """Take over what was written to θ or the layers' states since the last call."""
        now = [self._network.parameters, *(value for state in self._network.layer_states() for value in state.values())]
        if not all(
            np.array_equal(old.view(np.uint8), new.view(np.uint8)) for old, new in zip(self._seen, now, strict=True)
        ):
            self._upload(self._carry.rule)

    def _upload(self, rule: Any) -> None:
        """Take θ and the layers' states from the network."""
        self._remember()
        parameters = self._program.parameters
        arrays = parameters.split(self._seen[0])
        states = self._network.layer_states()
        self._frozen = self._device.put(arrays[parameters.trained :])
        self._carry = Carry(*self._device.put((arrays[: parameters.trained], rule, states)))
        self._finite: Any = True

    def _publish(self) -> None:
        """Write θ and the layers' states to the network."""
        network = self._network
        network.parameters[: network.trainable] = join(self._carry.theta)
        network.load_layer_states([{name: np.asarray(v) for name, v in old.items()} for old in self._carry.states])
        self._remember()

    def _remember(self) -> None:
        states = self._network.layer_states()
        self._seen = [self._network.parameters.copy(), *(value for state in states for value in state.values())]


def _counted(outputs: Vector, start: int, counts: list[int], available: int) -> Vector:
    """Return the outputs of the samples that count, of (pieces, rows, outputs).

    The last piece begins before its samples where the data ends too early for it: see `Program`.
    """
    _, size, width = outputs.shape
    pieces = sum(count > 0 for count in counts)
    begin = start + (pieces - 1) * size
    behind, last = begin - min(begin, available - size), counts[pieces - 1]
    if not behind:
        return outputs.reshape(-1, width)[: (pieces - 1) * size + last]
    return np.concatenate([outputs[: pieces - 1].reshape(-1, width), outputs[pieces - 1, behind : behind + last]])


def _cost_in(accumulator: MetricAccumulator) -> float:
    return accumulator.compute()["cost"]
