"""The NumPy engine's session: one training in this process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from modnet.core.interfaces import Block, TrainingPlan, TrainState
from modnet.core.interfaces.engine import OnOutputs, OnUpdate, Rows
from modnet.data.row_source import ArrayOrSource
from modnet.data.sparse_rows import SparseRows
from modnet.engines.numpy.batches import BatchLoader
from modnet.engines.numpy.threads import blas_name, one_blas_thread
from modnet.engines.numpy.updates import Updater
from modnet.engines.numpy.workers import Workers
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import Network, Vector

__all__ = ["NumpySession"]

LayerStates: TypeAlias = Sequence[Mapping[str, Vector]]
LayersState: TypeAlias = tuple[LayerStates, Sequence[Mapping[str, Any]]]
"""The layers' states, and those of the random generators that they draw from."""


class NumpySession:
    """Makes updates with NumPy; see `modnet.EngineSession` for what the methods promise.

    While it is open, BLAS has one thread.

    Args:
        plan: What is trained; θ and the layers' state of its network are updated in place.
        threads: Among how many workers the samples of an update are divided; None decides by the size of an update.
    """

    def __init__(self, plan: TrainingPlan, threads: int | None = None) -> None:
        config, network, samples = plan.config, plan.network, plan.samples
        self._network: Network = network
        self._batches = BatchLoader(samples, network)
        self._trained = slice(network.trainable)
        self._updater = Updater(config.optimizer.rule, network)
        rows = math.ceil(len(samples) / max(config.optimizer.updates(len(samples)), 1))
        with ExitStack() as resources:
            resources.enter_context(one_blas_thread())  # before the threads, each of which limits BLAS, too
            filled = samples.x.filled if isinstance(samples.x, SparseRows) else 1.0
            sums_penalties = config.cost_with_penalty
            self._workers = Workers(network, config.seed, threads, rows, filled=filled, sums_penalties=sums_penalties)
            resources.callback(self._workers.close)  # the threads end before BLAS gets its threads back
            self._resources = resources.pop_all()
        self._after_gradient: LayersState | None = None
        self._last_gradient = self._workers.gradient[self._trained]
        self._last_cost: Callable[[], float] = lambda: math.nan
        self.fingerprint: dict[str, str | int | float] = {
            "numpy": np.__version__,
            "blas": blas_name(),
            "threads": len(self._workers.workspaces),
        }
        if isinstance(samples.x, SparseRows):
            self.fingerprint["rows"] = "sparse"

    @property
    def updates(self) -> int:
        """How many updates have been made."""
        return self._updater.context.updates

    @property
    def rule_state(self) -> dict[str, Any]:
        """The update rule's state."""
        return self._updater.state

    def state(self) -> TrainState:
        """Return a copy of everything that an update changes."""
        layer_states, randomness = self._layers_state()
        theta, rule_state = self._network.parameters.copy(), self._updater.copy_state()
        return TrainState(theta, rule_state, layer_states, randomness, self.updates)

    def restore(self, state: TrainState) -> None:
        """Go to a state."""
        self._network.parameters[...] = state.parameters
        self._updater.restore(state.rule_state, state.updates)
        self._restore_layers(state.layer_states, state.randomness)

    def run(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None = None) -> bool:
        """Make a block's updates, and return whether costs, θ and the rule's state are finite."""
        if block.batch_size > self._network.chunk:
            finite = self._run_large(block, on_outputs, on_update)
        else:
            finite = self._run_small(block, on_outputs, on_update)
        return finite and self._is_finite()

    def value_and_grad(self, rows: Rows | None = None) -> tuple[float, Vector]:
        """Return the mean cost at θ, penalties included, and its gradient, a new array."""
        before = self._layers_state()
        rows = slice(0, len(self._batches)) if rows is None else rows
        count = len(Block(rows, 1, ()))
        accumulator = MetricAccumulator(self._network, ())
        load, weights = partial(self._batches.load, rows), self._batches.weights(rows)
        finite = self._workers.accumulate_gradient(count, load, weights, accumulator.update)
        self._after_gradient = self._layers_state()
        self._restore_layers(*before)
        self._last_cost = partial(_cost_in, accumulator)
        cost = _cost_in(accumulator) + self._network.penalty(accumulator.weight) if finite else math.inf
        return cost, self._workers.gradient[self._trained].copy()

    def apply_gradient(self, gradient: Vector, rate: float, momentum: float | None = None) -> None:
        """Make one update by the configured rule; randomness and the layers' state advance."""
        if self._after_gradient is not None:
            self._restore_layers(*self._after_gradient)
            self._after_gradient = None
        self._updater.apply(gradient, rate, momentum)
        self._last_gradient = gradient

    def outputs(self, x: ArrayOrSource) -> Iterator[Vector]:
        """Yield the network's outputs at θ."""
        return self._network.forward_in_pieces(x)

    def last_cost(self) -> float:
        """Return the mean cost of the last update's samples."""
        return self._last_cost()

    def take_penalties(self) -> float:
        """Return the sum of the updates' penalties, each times what its samples weigh, since it was asked for last."""
        taken, self._workers.penalty_sum = self._workers.penalty_sum, 0.0
        return taken

    def gradient_norm(self) -> float:
        """Return the Euclidean norm of the last update's gradient."""
        return float(np.linalg.norm(self._last_gradient))

    def close(self) -> None:
        """Release the threads."""
        self._resources.close()

    def _run_small(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None) -> bool:
        x, y = self._batches.gather(block.rows), self._batches.targets(block.rows)
        weights, size = self._batches.weights(block.rows), block.batch_size
        outputs = np.empty((len(y), self._network.outputs), dtype=self._network.dtype)
        compute_gradient, gradient = self._workers.compute_gradient, self._workers.gradient[self._trained]
        apply, momenta = self._updater.apply, block.momenta
        start = 0
        for index, rate in enumerate(block.rates):
            stop = start + size  # past the end for a short last batch, which slices allow
            w = None if weights is None else weights[start:stop]
            compute_gradient(x[start:stop], y[start:stop], w, outputs[start:stop])
            apply(gradient, rate, None if momenta is None else momenta[index])
            if on_update is not None:
                self._last_cost = partial(self._mean_cost, outputs[start:stop], y[start:stop], w)
                on_update()
            start = stop
        return on_outputs(outputs, y, weights)

    def _run_large(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None) -> bool:
        for index, single in enumerate(block.single_updates()):
            load, weights = partial(self._batches.load, single.rows), self._batches.weights(single.rows)
            costs = MetricAccumulator(self._network, ())

            def hand_on(a: Vector, y: Vector, weights: Vector | None = None, costs: MetricAccumulator = costs) -> bool:
                return costs.update(a, y, weights) & on_outputs(a, y, weights)

            hand_outputs = on_outputs if on_update is None else hand_on
            if not self._workers.accumulate_gradient(len(single), load, weights, hand_outputs):
                return False
            momentum = None if block.momenta is None else block.momenta[index]
            self._updater.apply(self._workers.gradient[self._trained], block.rates[index], momentum)
            if on_update is not None:
                self._last_cost = partial(_cost_in, costs)
                on_update()
        return True

    def _mean_cost(self, outputs: Vector, y: Vector, weights: Vector | None) -> float:
        costs = MetricAccumulator(self._network, ())
        costs.update(outputs, y, weights)
        return _cost_in(costs)

    def _layers_state(self) -> LayersState:
        return self._network.layer_states(), [dict(rng.bit_generator.state) for rng in self._workers.rngs]

    def _restore_layers(self, states: LayerStates, randomness: Sequence[Mapping[str, Any]]) -> None:
        self._network.load_layer_states(states)
        for rng, state in zip(self._workers.rngs, randomness, strict=True):
            rng.bit_generator.state = state

    def _is_finite(self) -> bool:
        return all(np.isfinite(array).all() for array in (self._network.parameters, *self._updater.arrays()))


def _cost_in(accumulator: MetricAccumulator) -> float:
    return accumulator.compute()["cost"]
