"""The JAX engine's session: one training, its state on a device, and on the host where it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from modnet import Block, TrainingPlan, TrainState
from modnet.core.interfaces.engine import OnOutputs, OnUpdate, Rows
from modnet.core.random import Stream, generator
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import Network, Vector
from modnet_jax.data import DeviceData, pieces_of
from modnet_jax.device import Device
from modnet_jax.program import Carry, Program

__all__ = ["JaxSession"]

CHUNK_ROWS = 4096
"""How many samples the updates of one call have at most, or the pieces of one batch."""


class JaxSession:
    """Makes updates with JAX; see `modnet.EngineSession` for what the methods promise.

    θ and the layers' states are on the device and, at the end of every call, in the network: what is written to them
    there, in between, is seen and taken over.

    Args:
        plan: What is trained; θ and the layers' state of its network are updated in place.
        device: What computes.
    """

    def __init__(self, plan: TrainingPlan, device: Device) -> None:
        self._network: Network = plan.network
        self._device = device
        self.fingerprint: Mapping[str, str | int | float] = device.fingerprint
        self.updates = 0
        self._penalties = 0.0
        self._compiled: dict[Any, Callable[..., Any]] = {}
        self._last_cost: Callable[[], float] = lambda: math.nan
        self._norm: Callable[[], float] = lambda: math.nan
        self._after_gradient: Any = None
        with device.settings():
            self._program = Program(plan)
            self._data = DeviceData(plan.samples, plan.network, device)
            rng = generator(plan.config.seed, Stream.LAYERS)
            self._set_key(rng.integers(0, 1 << 32, 2, np.uint32))
            self._set_rule(self._program.rule.initial)
            self._upload()

    @property
    def rule_state(self) -> dict[str, Any]:
        """The update rule's state."""
        return self._program.rule.join(self._carry.rule)

    def state(self) -> TrainState:
        """Return a copy of everything that an update changes."""
        network = self._network
        randomness = [{"kind": "jax", "key": self._key_data.copy()}]
        rule_state = _OnDemand(self._carry.rule, self._program.rule.join)
        return TrainState(network.parameters.copy(), rule_state, network.layer_states(), randomness, self.updates)

    def restore(self, state: TrainState) -> None:
        """Go to a state."""
        (randomness,) = state.randomness
        key = np.asarray(randomness["key"], np.uint32)
        if key.shape != (2,):
            raise ValueError(f"a key of shape {key.shape}, expected (2,)")
        with self._device.settings():
            self._set_key(key)
            kept = state.rule_state.kept if isinstance(state.rule_state, _OnDemand) else None
            if kept is None:
                self._set_rule(state.rule_state)
            else:
                self._rule = kept
            self._network.parameters[...] = state.parameters
            self._network.load_layer_states(state.layer_states)
            self._upload()
        self.updates, self._after_gradient = state.updates, None

    def run(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None = None) -> bool:
        """Make a block's updates, and return whether costs, θ and the rule's state are finite."""
        with self._device.settings():
            self._take_over()
            if block.batch_size > self._network.chunk and not self._needs_full_batch:
                finite = self._run_large(block, on_outputs, on_update)
            else:
                finite = self._run_small(block, on_outputs, on_update)
            return finite and self._is_finite()

    def value_and_grad(self, rows: Rows | None = None) -> tuple[float, Vector]:
        """Return the mean cost at θ, penalties included, and its gradient, a new array."""
        with self._device.settings():
            self._take_over()
            rows = slice(0, len(self._data)) if rows is None else rows
            count = len(Block(rows, 1, ()))
            total = self._data.total(rows, count)
            accumulator = MetricAccumulator(self._network, ())
            sums = self._accumulate(rows, count, total, accumulator.update)
            self._last_cost = partial(_cost_in, accumulator)
            if sums is None:
                return math.inf, np.zeros(self._network.trainable, self._network.dtype)
            gradients, self._after_gradient = sums
            gradients = self._call("with_penalties", self._carry.theta, gradients, np.float64(total))
            return _cost_in(accumulator) + self._network.penalty(accumulator.weight), _joined(gradients)

    def apply_gradient(self, gradient: Vector, rate: float, momentum: float | None = None) -> None:
        """Make one update by the configured rule; randomness and the layers' state advance."""
        with self._device.settings():
            self._take_over()
            states = self._carry.states if self._after_gradient is None else self._after_gradient
            gradients = self._program.parameters.split(np.asarray(gradient, self._network.dtype))
            rates = self._number(rate), None if momentum is None else self._number(momentum)
            self._carry = self._call("apply_once", self._carry, gradients, states, *rates, np.int64(self.updates))
            self.updates, self._after_gradient = self.updates + 1, None
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
        """Let the device's memory go."""
        self._compiled.clear()

    @property
    def _needs_full_batch(self) -> bool:
        return any(layer.needs_full_batch for layer in self._network.layers)

    def _run_small(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None) -> bool:
        """Make updates whose batches go through the network in one piece, many in one call."""
        size, count = block.batch_size, len(block)
        together = max(1, CHUNK_ROWS // size)
        if self._needs_full_batch and count % size:  # whose length such a layer sees
            whole = count - count % size
            rest = block.part(whole, count)
            parts = [block.part(0, whole), Block(rest.rows, count - whole, rest.rates, rest.momenta)]
            return all(self._run_small(part, on_outputs, on_update) for part in parts if len(part))
        pending: Callable[[], bool] | None = None
        for start, rows in pieces_of(block.rows, count, size if on_update else together * size):
            updates = slice(start // size, -(-(start + len(Block(rows, 1, ()))) // size))
            rates = np.zeros(together, self._network.dtype)
            rates[: updates.stop - updates.start] = block.rates[updates]
            momenta = None
            if block.momenta is not None:
                momenta = np.zeros(together, self._network.dtype)
                momenta[: updates.stop - updates.start] = block.momenta[updates]
            before, hand_on = self._carry, self._updates(rows, size, rates, momenta, on_outputs)
            if on_update is not None:
                if not hand_on():
                    return False
                self._norm = partial(self._norm_at, before, rows, self.updates - 1)
                self._publish()
                on_update()
                self._take_over()
            elif pending is not None and not pending():
                return False
            pending = None if on_update is not None else hand_on
        self._publish()
        return pending is None or pending()

    def _updates(
        self, rows: Rows, size: int, rates: Vector, momenta: Vector | None, on_outputs: OnOutputs
    ) -> Callable[[], bool]:
        """Begin to make the updates of a chunk; the result waits for their outputs and hands them on."""
        count = len(Block(rows, 1, ()))
        data, first = self._data.chunk(rows, len(rates) * size)
        totals = np.zeros(len(rates), np.float64)
        for index, (_, batch) in enumerate(pieces_of(rows, count, size)):
            totals[index] = self._data.total(batch, len(Block(batch, 1, ())))
        where = np.int64(first), np.int64(first + count)
        changing = rates, momenta, totals, np.int64(self.updates), self._key
        self._carry, outputs, penalties, self._finite = self._call(
            "updates", self._carry, self._fixed, data, *where, *changing, batch=size
        )
        self.updates += -(-count // size)

        def hand_on() -> bool:
            a = _counted(np.asarray(outputs), first, count, len(data["x"]))
            self._penalties += float(penalties)
            y, weights = self._data.targets(rows), self._data.weights(rows)
            last = slice((count - 1) // size * size, count)
            w = None if weights is None else weights[last]
            self._last_cost = partial(self._mean_cost, a[last], y[last], w)
            return on_outputs(a, y, weights)

        return hand_on

    def _run_large(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None) -> bool:
        """Make updates whose batches go through the network in pieces."""
        for index, single in enumerate(block.single_updates()):
            costs = MetricAccumulator(self._network, ())

            def hand_on(a: Vector, y: Vector, weights: Vector | None = None, costs: MetricAccumulator = costs) -> bool:
                return costs.update(a, y, weights) & on_outputs(a, y, weights)

            count = len(single)
            total = self._data.total(single.rows, count)
            sums = self._accumulate(single.rows, count, total, on_outputs if on_update is None else hand_on)
            if sums is None:
                return False
            momentum = None if block.momenta is None else self._number(block.momenta[index])
            rate, before = self._number(block.rates[index]), self._carry
            more = rate, momentum, np.float64(total), np.int64(self.updates)
            self._carry, penalty = self._call("apply", self._carry, *sums, *more)
            self._penalties += float(penalty)
            self._finite = self._call("_is_finite", self._carry)
            self.updates += 1
            self._publish()
            if on_update is not None:
                self._last_cost = partial(_cost_in, costs)
                self._norm = partial(self._norm_at, before, single.rows, self.updates - 1)
                on_update()
                self._take_over()
        return True

    def _accumulate(self, rows: Rows, count: int, total: float, on_outputs: OnOutputs) -> Any:
        """Return the gradients of a batch of any size, and the layers' states; None where a cost is not finite."""
        size = count if self._needs_full_batch else min(self._network.chunk, count)
        together = max(1, CHUNK_ROWS // size)
        sums = (tuple(np.zeros(array.shape, array.dtype) for array in self._carry.theta), self._carry.states)
        key = jax.random.fold_in(self._key, self.updates)
        pending: Callable[[], bool] | None = None
        for start, part in pieces_of(rows, count, together * size):
            length = len(Block(part, 1, ()))
            data, first = self._data.chunk(part, together * size)
            where = np.int64(first), np.int64(first + length), np.int64(start), np.float64(total), key
            sums, outputs = self._call(
                "accumulate", sums, self._carry, self._fixed, data, *where, pieces=together, rows=size
            )
            if pending is not None and not pending():
                return None
            pending = partial(self._hand_on, outputs, part, first, len(data["x"]), on_outputs)
        return sums if pending is None or pending() else None

    def _hand_on(self, outputs: Any, rows: Rows, first: int, available: int, on_outputs: OnOutputs) -> bool:
        a = _counted(np.asarray(outputs), first, len(Block(rows, 1, ())), available)
        return on_outputs(a, self._data.targets(rows), self._data.weights(rows))

    def _norm_at(self, carry: Carry, rows: Rows, update: int) -> float:
        """Return the norm of an update's gradient, which is computed again: few ask for it."""
        now, self._carry = self._carry, carry
        self.updates, updates = update, self.updates
        try:
            with self._device.settings():
                count = len(Block(rows, 1, ()))
                total = self._data.total(rows, count)
                gradients, _ = self._accumulate(rows, count, total, lambda *_: True)
                gradients = self._call("with_penalties", carry.theta, gradients, np.float64(total))
                return float(np.linalg.norm(_joined(gradients)))
        finally:
            self._carry, self.updates = now, updates

    def _mean_cost(self, outputs: Vector, y: Vector, weights: Vector | None) -> float:
        costs = MetricAccumulator(self._network, ())
        costs.update(outputs, y, weights)
        return _cost_in(costs)

    def _call(self, name: str, *args: Any, **static: Any) -> Any:
        """Call a function of the program, compiled for such arguments."""
        shapes = tuple((np.shape(leaf), leaf.dtype) for leaf in jax.tree.leaves(args))
        key = name, *static.items(), jax.tree.structure(args), shapes
        if key not in self._compiled:
            function = partial(getattr(self._program, name), **static)
            self._compiled[key] = self._device.compile(function, *args)
        return self._compiled[key](*args)

    def _number(self, value: float) -> Any:
        return np.asarray(value, self._network.dtype)

    def _set_key(self, data: Any) -> None:
        self._key_data = data
        self._key = self._device.put(jax.random.wrap_key_data(data, impl="threefry2x32"))

    def _set_rule(self, state: Mapping[str, Any]) -> None:
        self._rule = self._device.put(self._program.rule.split(state))

    def _take_over(self) -> None:
        """Take over what was written to θ or the layers' states since the last call."""
        states = self._network.layer_states()
        seen = self._seen[0].tobytes() == self._network.parameters.tobytes() and all(
            np.array_equal(old[name], value, equal_nan=True)
            for old, new in zip(self._seen[1], states, strict=True)
            for name, value in new.items()
        )
        if not seen:
            self._rule = self._carry.rule
            self._upload()

    def _upload(self) -> None:
        """Take θ and the layers' states from the network."""
        network, parameters = self._network, self._program.parameters
        self._seen: Any = network.parameters.copy(), network.layer_states()
        arrays = parameters.split(self._seen[0])
        theta, fixed = arrays[: parameters.trained], arrays[parameters.trained :]
        self._fixed = self._device.put(fixed)
        theta, states = self._device.put((theta, self._seen[1]))
        self._carry = Carry(theta, self._rule, states)
        self._finite: Any = True

    def _publish(self) -> None:
        """Write θ and the layers' states to the network."""
        network = self._network
        network.parameters[: network.trainable] = _joined(self._carry.theta)
        network.load_layer_states([{name: np.asarray(v) for name, v in old.items()} for old in self._carry.states])
        self._seen = network.parameters.copy(), network.layer_states()

    def _is_finite(self) -> bool:
        return bool(self._finite)


class _OnDemand(Mapping[str, Any]):
    """A rule's state, fetched from the device when it is asked for: most blocks' is not."""

    def __init__(self, kept: Any, join: Callable[[Any], dict[str, Any]]) -> None:
        self.kept, self._join = kept, join
        self._fetched: dict[str, Any] | None = None

    def _state(self) -> dict[str, Any]:
        if self._fetched is None:
            self._fetched = self._join(self.kept)
        return self._fetched

    def __getitem__(self, name: str) -> Any:
        return self._state()[name]

    def __iter__(self) -> Any:
        return iter(self._state())

    def __len__(self) -> int:
        return len(self._state())


def _joined(arrays: Sequence[Any]) -> Vector:
    return np.concatenate([np.asarray(array).reshape(-1) for array in arrays])


def _counted(outputs: Vector, first: int, count: int, available: int) -> Vector:
    """Return the outputs of the rows that count, of (pieces, rows, outputs): the last piece may begin before its own."""
    _, size, width = outputs.shape
    last = (count - 1) // size
    behind = first + last * size - min(first + last * size, available - size)
    whole = outputs[:last].reshape(-1, width)
    rest = outputs[last, behind : behind + count - last * size]
    return np.concatenate([whole, rest]) if behind else outputs.reshape(-1, width)[:count]


def _cost_in(accumulator: MetricAccumulator) -> float:
    return accumulator.compute()["cost"]
