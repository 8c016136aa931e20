"""Divergence: which update produced a number that is not finite, in which layer, and the error that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from modnet.config.run_config import RunConfig
from modnet.core.errors import DivergenceError
from modnet.core.interfaces import Cost
from modnet.core.interfaces.engine import Block, EngineSession, Rows, TrainState, part_of
from modnet.core.messages import epoch_number
from modnet.core.random import Stream, generator
from modnet.data.prepared import Samples
from modnet.engines.numpy.workspace import Workspace
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import Network, Vector
from modnet.training.first_updates import UPDATES

__all__ = [
    "OutputCheck",
    "divergence_error",
    "first_nonfinite_layer",
    "first_nonfinite_state",
    "may_go_on",
    "raise_divergence",
]

Cause = tuple[str, int]
"""What is not finite, and the first layer that has it, counted from 1."""


class OutputCheck:
    """Adds the outputs of a block to an accumulator, and watches for a cost that is not finite.

    Attributes:
        first_bad: The position in the block of the first sample whose cost is not finite, or None.

    Args:
        cost: The cost.
        accumulator: What the outputs are added to.
        terminate: Whether the engine is told of it, which may leave out the rest of the block then.
    """

    def __init__(self, cost: Cost, accumulator: MetricAccumulator, *, terminate: bool = True) -> None:
        self._cost, self._accumulator, self._terminate = cost, accumulator, terminate
        self._samples = 0
        self.first_bad: int | None = None

    def __call__(self, outputs: Vector, targets: Vector, weights: Vector | None) -> bool:
        """Add outputs, targets and weights of the next samples; return whether the block may go on."""
        finite = self._accumulator.update(outputs, targets, weights)
        if not finite and self.first_bad is None:
            bad = np.flatnonzero(~np.isfinite(self._cost(outputs, targets)))
            self.first_bad = self._samples + (int(bad[0]) if len(bad) else 0)
        self._samples += len(outputs)
        return finite or not self._terminate


def may_go_on(config: RunConfig, network: Network, *, finite: bool) -> bool:
    """Return whether a training goes on after updates whose numbers were all ``finite``, or not.

    Without ``terminate_on_nan`` it goes on as long as θ is finite.
    """
    return finite or not (config.terminate_on_nan or not np.isfinite(network.parameters).all())


def raise_divergence(
    config: RunConfig,
    epoch: int,
    engine: EngineSession,
    network: Network,
    samples: Samples,
    block: Block,
    check: OutputCheck,
) -> NoReturn:
    """Repeat a block whose numbers are not finite one update at a time, and raise for the first update that fails.

    ``engine`` is at the state before the block, and is left at the state before that update. A failure that does not
    occur again was caused by a listener, or by a component that is not a pure function. Then the first update whose
    cost was not finite is named, or the last one where all costs were.
    """
    singles = block.single_updates()
    suspected = len(singles) - 1 if check.first_bad is None else check.first_bad // block.batch_size
    before = engine.state()
    for index, single in enumerate(singles):
        state = engine.state()
        if index <= suspected:
            before = state
        repeated = OutputCheck(network.cost, MetricAccumulator(network, ()), terminate=config.terminate_on_nan)
        if may_go_on(config, network, finite=engine.run(single, repeated)):
            continue
        cause = None if repeated.first_bad is not None else first_nonfinite_state(network, engine.rule_state)
        engine.restore(state)
        cause = cause or first_nonfinite_layer(network, samples, single.rows, state)
        engine.restore(state)  # going forward may have changed the layers' state
        raise divergence_error(config, epoch, state.updates, *cause)
    engine.restore(before)
    raise divergence_error(config, epoch, before.updates, "cost", len(network.layers), again=False)


def first_nonfinite_layer(
    network: Network, samples: Samples, rows: Rows | None = None, state: TrainState | None = None
) -> Cause:
    """Return what is not finite when samples go forward in training, and the first layer that has it.

    Args:
        network: The network, at the θ to look at.
        samples: The samples.
        rows: Which of them to use; None for all.
        state: The state whose randomness the layers draw from.
    """
    rows = slice(0, len(samples)) if rows is None else rows
    rng = generator(None, Stream.LAYERS)
    if state is not None and state.randomness and "bit_generator" in state.randomness[0]:  # else another engine's
        rng.bit_generator.state = state.randomness[0]
    workspace = Workspace(network, rng)
    for piece in workspace.micro_batches(len(Block(rows, 1, ()))):
        selected = part_of(rows, piece.start, piece.stop)
        y = samples.targets.batch(selected, network.dtype, network.target_width)
        if not np.isfinite(np.sum(network.cost(workspace.forward(samples.x[selected]), y), dtype=np.float64)):
            return _cause_in(workspace)
    return "output", len(network.layers)


def _cause_in(workspace: Workspace) -> Cause:
    for number, ctx in enumerate(workspace.passes, 1):
        if not np.isfinite(ctx.z).all():
            return "net input", number
        if not np.isfinite(ctx.a).all():
            return "output", number
    return "cost", len(workspace.network.layers)


def first_nonfinite_state(network: Network, rule_state: Mapping[str, Any]) -> Cause | None:
    """Return which of θ and the rule's state is not finite, and the first layer concerned; None where all is finite.

    A rule that divides by an infinite mean of squares makes steps of 0: θ stays finite, and never moves again.
    """
    vectors = {"parameters": network.parameters}
    vectors |= {f"rule's {name.replace('_', ' ')}": value for name, value in rule_state.items()}
    for name, vector in vectors.items():
        is_like_theta = np.shape(vector) in (network.parameters.shape, (network.trainable,))
        if is_like_theta and not np.isfinite(vector).all():
            layers = enumerate(network.views(vector), 1)
            bad = (number for number, views in layers if not all(np.isfinite(view).all() for view in views.values()))
            return name, next(bad)
    return None


def divergence_error(
    config: RunConfig, epoch: int, update: int, what: str, layer: int, *, again: bool = True
) -> DivergenceError:
    """Return the error; ``again`` is whether the update failed again when it was repeated."""
    rate = config.optimizer.learning_rate
    advice = f"; optimizer.learning_rate = {rate} may be too high, or the data too large"
    if update < UPDATES:
        advice += f": try {rate / 10:g} or less"
        advice += "" if config.data.transforms else ', or data.transforms = ["standard"]'
    if not again:
        advice = (
            ", but not when the update was repeated: look for a listener that writes to θ, or a component that is not "
            "a pure function"
        )
    place = f"epoch {epoch_number(epoch)}, update {update + 1}"
    message = f"{place}: the {what} of layer {layer} became non-finite (NaN or infinity){advice}"
    return DivergenceError(message, epoch=epoch, update=update, layer=layer)
