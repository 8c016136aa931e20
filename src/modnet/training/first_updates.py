"""The first updates of a training: whether the learning rate breaks the network right at the start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from modnet.config.run_config import RunConfig
from modnet.core.interfaces.engine import Block, OnOutputs, part_of
from modnet.core.numbers import format_number
from modnet.data.prepared import Samples
from modnet.network.network import Network, Vector

__all__ = ["UPDATES", "FirstUpdates"]

UPDATES = 10
"""How many updates are watched."""
GROWN = 10.0
"""By how many times the cost has grown where the learning rate is too high."""


class FirstUpdates:
    """Watches the cost of the first updates; nothing is left to do in those that follow.

    The costs of the last half of them, of each batch before its update, are compared with those of the same samples
    before the first update, and with that of the first batch. Where they are 10 times as large, and larger than the
    cost of the best constant prediction, the rate is too high: a network that learns may get worse, but not so much.

    Args:
        config: The configuration.
        network: The network, at the θ that the training starts with.
        samples: The training samples.
        warn: Called with what went wrong.
    """

    def __init__(self, config: RunConfig, network: Network, samples: Samples, warn: Callable[[str], None]) -> None:
        self._config, self._network, self._samples, self._warn = config, network, samples, warn
        self._updates = 0
        self._before = 0.0  # the cost of all their samples before the first
        self._costs: list[float] = []  # of each batch
        self._targets: list[Vector] = []

    @property
    def is_over(self) -> bool:
        """Whether all of them have been made."""
        return self._updates >= UPDATES

    def watch(self, block: Block, check: OnOutputs) -> OnOutputs:
        """Return what is called with the outputs of a block instead of ``check``, which it calls."""
        size, left = block.batch_size, UPDATES - self._updates
        rows = min(len(block), left * size)
        if not self._updates and rows > size:
            self._before = float(np.mean(self._initial_costs(block, rows)))
        self._updates += -(-rows // size)
        pending: list[Vector] = []
        seen = 0

        def on_outputs(a: Vector, y: Vector, weights: Vector | None) -> bool:
            nonlocal seen
            few = max(0, min(len(a), rows - seen))
            seen += few
            if few:
                pending.append(self._network.cost(a[:few], y[:few]))
                self._targets.append(y[:few])
            if few and seen == rows:
                costs = np.concatenate(pending)
                self._costs += [float(np.mean(costs[start : start + size])) for start in range(0, rows, size)]
            return check(a, y, weights)

        return on_outputs

    def _initial_costs(self, block: Block, rows: int) -> Vector:
        """Return the cost of each of the first rows of a block at the network's present θ."""
        network, costs = self._network, []
        for start in range(0, rows, network.chunk):
            selected = part_of(block.rows, start, min(start + network.chunk, rows))
            y = self._samples.targets.batch(selected, network.dtype, network.target_width)
            costs.append(network.cost(network.forward(self._samples.x[selected]), y))
        return np.concatenate(costs)

    def report(self) -> None:
        """Warn if something went wrong; called once all of them have been made."""
        costs = self._costs
        before, after = max(costs[0], self._before), float(np.mean(costs[len(costs) // 2 :]))
        if after > max(GROWN * before, self._constant_cost()):
            rate = self._config.optimizer.learning_rate
            grown = f"the first {UPDATES} updates raise the cost from {format_number(before)} to {format_number(after)}"
            self._warn(f"{grown}; optimizer.learning_rate = {rate:g} is too high: try {rate / 10:g} or less")

    def _constant_cost(self) -> float:
        """Return the mean cost of the mean target; 0 where a cost wants other outputs than a target's values."""
        y = np.concatenate(self._targets)
        if self._network.outputs != y.shape[1]:
            return 0.0
        mean = np.broadcast_to(y.mean(axis=0, dtype=np.float64).astype(y.dtype), y.shape)
        return float(np.mean(self._network.cost(mean, y)))
