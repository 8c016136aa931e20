"""The NumPy engine's session: one training in this process."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from modnet.config.run_config import RunConfig
from modnet.data.prepared import Samples
from modnet.engines.base import Block, OnOutputs, OnUpdate, Rows, TrainState
from modnet.engines.numpy.batches import BatchLoader
from modnet.engines.numpy.workers import Workers
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import CHUNK, Network, Vector

__all__ = ["NumpySession"]


class NumpySession:
    """Makes updates with NumPy; see `modnet.engines.base.EngineSession` for what the methods promise.

    Args:
        config: The run's configuration: rule, seed and threads.
        network: The network; its θ and its layers' state are updated in place.
        samples: The training samples, which are only read.
        workers: Among how many workers the samples of an update are divided; None leaves it to the configuration.
    """

    def __init__(self, config: RunConfig, network: Network, samples: Samples, workers: int | None = None) -> None:
        self._network = network
        self._batches = BatchLoader(samples, network)
        self.updates = 0
        self.rule_state = config.optimizer.rule.init(network.parameters)
        self._update_rule, self._theta = config.optimizer.rule.update, network.parameters
        rows = math.ceil(len(samples) / max(config.optimizer.updates(len(samples)), 1))
        self._workers = Workers(network, config.seed, config.threads if workers is None else workers, rows)
        self.workers = len(self._workers.workspaces)
        self._after_gradient: TrainState | None = None

    def state(self) -> TrainState:
        """Return a copy of everything that an update changes. A rule's state is never written to, so it is kept."""
        return TrainState(
            parameters=self._theta.copy(),
            rule_state=self.rule_state,
            layer_states=[
                {name: value.copy() for name, value in layer.state.items()} for layer in self._network.layers
            ],
            randomness=[dict(rng.bit_generator.state) for rng in self._workers.rngs],
            updates=self.updates,
        )

    def restore(self, state: TrainState) -> None:
        """Go to a state."""
        self._theta[...] = state.parameters
        self.rule_state, self.updates = dict(state.rule_state), state.updates
        self._restore_layers(state)

    def run(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None = None) -> bool:
        """Make a block's updates, and return whether costs, θ and the rule's state are finite."""
        if block.batch_size > CHUNK:
            finite = self._run_large(block, on_outputs, on_update)
        else:
            finite = self._run_small(block, on_outputs, on_update)
        return finite and self._is_finite()

    def value_and_grad(self, rows: Rows | None = None) -> tuple[float, Vector]:
        """Return the mean cost at θ, penalties included, and its gradient, a new array."""
        before = self.state()
        rows = slice(0, len(self._batches)) if rows is None else rows
        count = len(Block(rows, 1, ()))
        accumulator = MetricAccumulator(self._network.cost, ())
        finite = self._workers.accumulate_gradient(count, partial(self._batches.load, rows), accumulator.update)
        self._after_gradient = self.state()
        self._restore_layers(before)
        cost = accumulator.compute()["cost"] + self._network.penalty() if finite else math.inf
        return cost, self._workers.gradient.copy()

    def apply_gradient(self, gradient: Vector, rate: float) -> None:
        """Make one update by the configured rule; randomness and the layers' state advance."""
        if self._after_gradient is not None:
            self._restore_layers(self._after_gradient)
            self._after_gradient = None
        self._apply(gradient, rate)

    def close(self) -> None:
        """Release the threads."""
        self._workers.close()

    def _run_small(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None) -> bool:
        x, y = self._batches.gather(block.rows), self._batches.targets(block.rows)
        outputs, size = np.empty_like(y), block.batch_size
        compute_gradient, gradient, apply = self._workers.compute_gradient, self._workers.gradient, self._apply
        start = 0
        for rate in block.rates:
            stop = start + size  # past the end for a short last batch, which slices allow
            compute_gradient(x[start:stop], y[start:stop], outputs[start:stop])
            apply(gradient, rate)
            if on_update is not None:
                on_update()
            start = stop
        return on_outputs(outputs, y)

    def _run_large(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None) -> bool:
        for single in block.single_updates():
            load = partial(self._batches.load, single.rows)
            if not self._workers.accumulate_gradient(len(single), load, on_outputs):
                return False
            self._apply(self._workers.gradient, single.rates[0])
            if on_update is not None:
                on_update()
        return True

    def _apply(self, gradient: Vector, rate: float) -> None:
        step, self.rule_state = self._update_rule(gradient, self.rule_state, rate)
        theta = self._theta
        theta -= step
        self.updates += 1

    def _restore_layers(self, state: TrainState) -> None:
        for layer, arrays in zip(self._network.layers, state.layer_states, strict=True):
            for name, value in arrays.items():
                layer.state[name][...] = value
        for rng, randomness in zip(self._workers.rngs, state.randomness, strict=True):
            rng.bit_generator.state = randomness

    def _is_finite(self) -> bool:
        arrays: list[Any] = [self._theta]
        arrays += [value for value in self.rule_state.values() if np.shape(value) == self._theta.shape]
        return all(np.isfinite(array).all() for array in arrays)
