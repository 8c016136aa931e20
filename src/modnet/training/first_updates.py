"""The first updates of a training: whether the learning rate breaks the network right at the start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from modnet.core.interfaces.engine import Block, OnOutputs, Rows, TrainState, part_of
from modnet.core.numbers import format_number
from modnet.data.prepared import Samples
from modnet.network.network import Network, Vector
from modnet.training.scores import Scores, score

__all__ = ["UPDATES", "FirstUpdates"]

UPDATES = 10
"""How many updates are watched."""
GROWN = 10.0
"""By how many times the cost has grown where the learning rate is too high."""


class FirstUpdates:
    """Watches the cost of the first updates; nothing is left to do in those that follow.

    The mean cost of the last half of them, of each batch before its update, is compared with that of the first batch.
    Where it is 10 times as large, it is compared with that of the same samples before the first update, and with that
    of the best constant prediction: one batch may be easy by chance, and a network that is trained already good.

    Args:
        network: The network, at the θ that the training starts with.
        samples: The training samples.
        rate: The learning rate.
        warn: Called with what went wrong.
    """

    def __init__(self, network: Network, samples: Samples, rate: float, warn: Callable[[str], None]) -> None:
        self._network, self._samples, self._rate, self._warn = network, samples, rate, warn
        self._updates = self._blocks = 0
        self._costs: list[float] = []  # of each batch
        self._rows: Rows = slice(0, 0)  # of the block

    @property
    def are_over(self) -> bool:
        """Whether all of them have been made."""
        return self._updates >= UPDATES

    def watch(self, block: Block, check: OnOutputs) -> OnOutputs:
        """Return what is called with the outputs of a block instead of ``check``, which it calls."""
        size = block.batch_size
        rows = min(len(block), (UPDATES - self._updates) * size)
        self._rows = part_of(block.rows, 0, rows)
        self._updates += -(-rows // size)
        self._blocks += 1
        pieces: list[Vector] = []
        seen = 0

        def on_outputs(a: Vector, y: Vector, weights: Vector | None) -> bool:
            nonlocal seen
            few = min(len(a), rows - seen)
            if few:
                pieces.append(self._network.cost(a[:few], y[:few]))
                seen += few
                if seen == rows:
                    costs = np.concatenate(pieces)
                    self._costs += [float(np.mean(costs[start : start + size])) for start in range(0, rows, size)]
            return check(a, y, weights)

        return on_outputs

    def report(self, before: TrainState) -> None:
        """Warn if something went wrong; called once all have been made, with the state before the last block."""
        start, after = self._costs[0], float(np.mean(self._costs[len(self._costs) // 2 :]))
        if not after > GROWN * start:
            return
        scores = self._scores(before)
        if self._blocks == 1:  # else a batch is so large that its cost is no chance
            start = max(start, scores.cost)
        constant = scores.constant_cost if self._network.outputs == self._network.target_width else 0.0
        if after > max(GROWN * start, constant):
            grown = f"the first {UPDATES} updates raise the cost from {format_number(start)} to {format_number(after)}"
            self._warn(
                f"{grown}; optimizer.learning_rate = {self._rate:g} is too high: try {self._rate / 10:g} or less"
            )

    def _scores(self, before: TrainState) -> Scores:
        """Return the scores of the last block's samples at the state before it."""
        network, count = self._network, len(self._samples)
        theta, states = network.parameters.copy(), network.layer_states()
        rows = np.arange(count)[self._rows] if isinstance(self._rows, slice) else self._rows
        try:
            network.parameters[...] = before.parameters
            network.load_layer_states(before.layer_states)
            return score(network, self._samples.take(np.sort(rows)))
        finally:
            network.parameters[...] = theta
            network.load_layer_states(states)
