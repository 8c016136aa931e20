"""One epoch: the optimizer's sweeps, block by block, or a solver's own algorithm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from modnet.config.run_config import RunConfig
from modnet.core.errors import ModelFileError
from modnet.core.interfaces import Block, EngineSession, Metric, ParameterSlice, Position, Solver, Sweep
from modnet.core.interfaces.engine import OnUpdate
from modnet.data.prepared import Samples
from modnet.data.row_source import row_bytes
from modnet.network.evaluate import MetricAccumulator, evaluate
from modnet.network.network import CHUNK_BYTES, Network, Vector
from modnet.training.divergence import OutputCheck, divergence_error, first_nonfinite_state, may_go_on, raise_divergence
from modnet.training.first_updates import FirstUpdates

__all__ = ["EpochRunner"]


class EpochRunner:
    """Runs the epochs of one training, and knows the position within the current one.

    Attributes:
        epoch: The current epoch, from 0.
        first_update: How many updates had been made at its start.
        sweep: Which of its sweeps is in progress, from 0.
        rows: How many samples of that sweep have been processed.
        rate: The learning rate of the epoch's first update, or None before it.
        is_stopping: Whether the epoch ends after the block in progress.
        factor: What η and the schedule's factor are multiplied by.
        accumulator: The cost and the metrics of the samples that have been processed.
        penalties: The sum of the penalties of the updates, each times what its samples weigh, where it is asked for.
        first_updates: What watches the first updates, until they have been made; None where nothing does.
    """

    def __init__(
        self, config: RunConfig, network: Network, samples: Samples, metrics: tuple[Metric, ...], engine: EngineSession
    ) -> None:
        self._config, self._network, self._samples, self._engine = config, network, samples, engine
        self._metrics = metrics
        self._updates_per_epoch = config.optimizer.updates(len(samples))
        self.factor = 1.0
        self._block_rates: list[float] = []
        self._block_end = 0  # the number of updates after the block
        self.first_updates: FirstUpdates | None = None
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Go to the start of an epoch."""
        self.epoch, self.first_update, self.sweep, self.rows = epoch, self._engine.updates, 0, 0
        self.rate: float | None = None
        self.is_stopping = False
        self.accumulator = MetricAccumulator(self._network, self._metrics)
        self.penalties = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the position within the epoch."""
        return {
            "first_update": self.first_update,
            "sweep": self.sweep,
            "rows": self.rows,
            "rate": self.rate,
            "metrics": self.accumulator.state_dict(),
            "penalties": self.penalties,
        }

    def load_state_dict(self, epoch: int, state: dict[str, Any]) -> None:
        """Go to a position within an epoch.

        Raises:
            ModelFileError: the position is of other metrics.
        """
        self.begin(epoch)
        self.first_update, self.sweep, self.rows = state["first_update"], state["sweep"], state["rows"]
        self.rate = state["rate"]
        self.accumulator.load_state_dict(state["metrics"])
        self.penalties = state["penalties"]

    def learning_rate(self, update: int) -> float:
        """Return the learning rate of an update of this epoch: η times the schedule's and the listeners' factor."""
        optimizer = self._config.optimizer
        return optimizer.learning_rate * optimizer.schedule(self._position(update)) * self.factor

    def set_factor(self, factor: float) -> None:
        """Set the listeners' factor; within a block the rates of the updates that follow are replaced."""
        self.factor = factor
        left = self._block_end - self._engine.updates
        if left > 0:
            self._block_rates[-left:] = self._rates(left)[0]

    def momentum(self, update: int) -> float | None:
        """Return the momentum that the schedule asks for at an update of this epoch, or None."""
        return self._config.optimizer.schedule.momentum(self._position(update))

    def _position(self, update: int) -> Position:
        epochs, per_epoch = self._config.epochs, self._updates_per_epoch
        return Position(self.epoch + (update - self.first_update) / per_epoch, epochs, update, epochs * per_epoch)

    def run(
        self,
        rng: np.random.Generator,
        optimizer_state: dict[str, Any],
        on_update: OnUpdate | None,
        after_block: Callable[[], None],
    ) -> dict[str, float]:
        """Make the rest of the epoch's updates, unless it stops; return its first rate, and cost and metrics.

        Args:
            rng: The source of the samples' order, as it was at the start of the epoch.
            optimizer_state: The optimizer's own state, of the same moment.
            on_update: Called after every update, or None.
            after_block: Called where the training may be checkpointed or interrupted.

        Raises:
            DivergenceError: a number became non-finite; θ is as it was before that update.
            ModelFileError: the optimizer does not return to the position that the training is resumed at.
        """
        if self.rate is None:
            self.rate = self.learning_rate(self.first_update)
        optimizer = self._config.optimizer
        if isinstance(optimizer, Solver):
            problem = SolverProblem(self, self._engine, self._network, len(self._samples), rng, optimizer_state)
            self._solve(optimizer, problem, on_update, after_block)
        else:
            sweeps = optimizer.sweeps(self._samples, rng, optimizer_state)
            self._check_position(sweeps)
            for block in self._blocks(sweeps):
                self._run_block(block, on_update)
                self.rows += len(block)
                after_block()
        if not self.accumulator.samples:
            outputs = self._engine.outputs(self._samples.x)
            self.accumulator = evaluate(self._network, self._samples, self._metrics, outputs)
            self.penalties = self.accumulator.weight * self._network.penalty(self.accumulator.weight)
        values = self.accumulator.compute()
        if self._config.cost_with_penalty:
            values["cost_with_penalty"] = values["cost"] + self.penalties / (self.accumulator.weight or 1.0)
        return {"learning_rate": self.rate, **values}

    def _check_position(self, sweeps: list[Sweep]) -> None:
        if self.sweep == self.rows == 0:
            return
        if self.sweep >= len(sweeps) or self.rows > self._length(sweeps[self.sweep]):
            raise ModelFileError("the optimizer does not return to the position at which the training was interrupted")

    def _length(self, sweep: Sweep) -> int:
        return len(self._samples) if sweep.order is None else len(sweep.order)

    def _blocks(self, sweeps: list[Sweep]) -> Iterator[Block]:
        """Yield the blocks from the current position on, until the training stops."""
        for index, sweep in enumerate(sweeps[self.sweep :], self.sweep):
            self.sweep = index
            total, size = self._length(sweep), sweep.batch_size
            limit = self._block_rows(size)
            for start in range(self.rows, total, limit):
                if self.is_stopping:
                    return
                stop = min(start + limit, total)
                rows = slice(start, stop) if sweep.order is None else sweep.order[start:stop]
                self._block_rates, momenta = self._rates(-(-(stop - start) // size))
                self._block_end = self._engine.updates + len(self._block_rates)
                yield Block(rows, size, self._block_rates, momenta)
            self.rows = 0

    def _block_rows(self, batch_size: int) -> int:
        network = self._network
        limits = self._config.engine.block_limits()
        inputs = limits.input_bytes // row_bytes(self._samples.x)
        outputs = CHUNK_BYTES // (network.outputs * network.dtype.itemsize)
        work = limits.work // max(network.parameters.size, 1)
        return max(1, min(min(limits.rows, inputs, outputs, work) // batch_size, limits.updates)) * batch_size

    def _rates(self, count: int) -> tuple[list[float], list[float] | None]:
        """Return learning rate and momentum of the next updates."""
        if self._config.optimizer.schedule.constant:
            return [self._config.optimizer.learning_rate * self.factor] * count, None
        updates = range(self._engine.updates, self._engine.updates + count)
        momenta = [momentum for momentum in map(self.momentum, updates) if momentum is not None]
        return [self.learning_rate(update) for update in updates], momenta or None

    def _run_block(self, block: Block, on_update: OnUpdate | None) -> None:
        engine, before = self._engine, self._engine.state()
        check = OutputCheck(self._network.cost, self.accumulator, terminate=self._config.terminate_on_nan)
        first = self.first_updates
        finite = engine.run(block, check if first is None else first.watch(block, check), on_update)
        if not may_go_on(self._config, self._network, finite=finite):
            engine.restore(before)
            raise_divergence(self._config, self.epoch, engine, self._network, self._samples, block, check)
        if self._config.cost_with_penalty:
            self.penalties += engine.take_penalties()
        if first is not None and first.are_over:
            self.first_updates = None
            first.report(before)

    def _solve(
        self, solver: Solver, problem: SolverProblem, on_update: OnUpdate | None, after_block: Callable[[], None]
    ) -> None:
        before = self._engine.state()
        problem.on_update = on_update
        if not self.is_stopping:
            for _ in solver.solve(problem) or ():
                after_block()
                if self.is_stopping:
                    break
        cause = first_nonfinite_state(self._network, self._engine.rule_state if self._config.terminate_on_nan else {})
        if cause is not None:  # a solver may have written to θ
            self._engine.restore(before)
            raise divergence_error(self._config, self.epoch, before.updates, *cause)


class SolverProblem:
    """What a solver sees; `modnet.core.interfaces.Problem` says what the methods promise."""

    def __init__(
        self,
        runner: EpochRunner,
        engine: EngineSession,
        network: Network,
        samples: int,
        rng: np.random.Generator,
        state: dict[str, Any],
    ) -> None:
        self._runner, self._engine, self._network = runner, engine, network
        self.samples, self.rng, self.state = samples, rng, state
        self.on_update: OnUpdate | None = None

    @property
    def layout(self) -> tuple[ParameterSlice, ...]:
        """The layers' parameters in θ."""
        return self._network.layout

    @property
    def parameters(self) -> Vector:
        """What is trained of θ, a view."""
        return self._network.parameters[: self._network.trainable]

    @property
    def learning_rate(self) -> float:
        """The learning rate in force."""
        return self._runner.learning_rate(self._engine.updates)

    def value_and_grad(self, rows: Any = None) -> tuple[float, Vector]:
        """Return the mean cost and its gradient."""
        return self._engine.value_and_grad(None if rows is None else np.asarray(rows, dtype=np.intp))

    def apply_gradient(self, gradient: Vector) -> None:
        """Make one update."""
        momentum = self._runner.momentum(self._engine.updates)
        self._engine.apply_gradient(gradient, self.learning_rate, momentum)
        if self.on_update is not None:
            self.on_update()
