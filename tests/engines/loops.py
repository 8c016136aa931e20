"""An engine of a stranger on the session of engines that compile; its programs are loops over NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from modnet import Engine, EngineSession, TrainingPlan
from modnet.core.random import GeneratorRandom
from modnet.engines.compiled.gradients import Sizes
from modnet.engines.compiled.host_calls import HostCalls
from modnet.engines.compiled.parts import Parts, RetraceError
from modnet.engines.compiled.programs import Carry
from modnet.engines.compiled.pure_program import PureProgram
from modnet.engines.compiled.session import CompiledSession
from modnet.engines.compiled.share import Share


class Loops(Engine):
    """Calls have few samples, so that what is small here is many calls."""

    kind: Literal["loops"] = "loops"
    chunk: int = Field(default=24, description="how many samples a call has at most")
    piece: int = Field(default=10, description="how many samples of a larger batch go through together")
    memory: int = Field(default=1 << 30, description="how many bytes of samples are kept")

    def start(self, plan: TrainingPlan) -> EngineSession:
        programs = LoopPrograms(plan)
        sizes = Sizes(self.chunk, self.piece, self.memory)
        return CompiledSession(plan, programs, programs.parameters, programs.rule, sizes, {"numpy": np.__version__})


class LoopPrograms(PureProgram):
    called: ClassVar[list[tuple[str, Any]]] = []
    """Name and shapes of every call of this process."""
    share = Share()

    def __init__(self, plan: TrainingPlan) -> None:
        super().__init__(plan, Parts(plan, Direct()))

    def call(self, name: str, shapes: Any, *args: Any, **static: Any) -> Any:
        self.called.append((name, shapes))
        while True:
            try:
                return getattr(self, name)(*args, **static)
            except RetraceError:
                continue

    def put(self, tree: Any) -> Any:
        if isinstance(tree, dict):
            return {name: self.put(value) for name, value in tree.items()}
        if isinstance(tree, tuple | list):
            return type(tree)(self.put(value) for value in tree)
        return frozen(np.array(tree))

    put_rows = put

    @contextmanager
    def settings(self) -> Iterator[None]:
        yield
        self.calls.raise_error()

    def gather(self, data: Any, rows: Any) -> Any:
        return {name: values[rows] for name, values in data.items()}

    def place(self, data: Any, more: Any) -> Any:
        return {name: np.concatenate([more[name], values[len(more[name]) :]]) for name, values in data.items()}

    def updates(
        self, carry: Carry, fixed: Any, data: Any, start: Any, number: Any, key: Any, updates: Any, batch: int,
        size: int,
    ) -> Any:  # fmt: skip
        assert batch == size  # in one process
        counts, totals, rates, momenta = updates
        outputs = np.zeros((len(counts), batch, self.network.outputs), self.network.dtype)
        penalties = 0.0
        for index in range(np.count_nonzero(counts)):
            where = data, start + index * batch, counts[index], totals[index], batch
            outputs[index], gradients, states = self.piece(carry, fixed, key, number + index, 0, *where)
            momentum = None if momenta is None else momenta[index]
            more = number + index, totals[index], rates[index], momentum
            carry, added = self.apply(carry, gradients, states, *more)
            penalties += added
        return carry, outputs, penalties, self.is_finite(carry)

    def accumulate(
        self, sums: Any, carry: Carry, fixed: Any, data: Any, start: Any, position: Any, key: Any, number: Any,
        counts: Any, total: Any, rows: int, size: int,
    ) -> Any:  # fmt: skip
        assert rows == size
        (gradients, states) = sums
        outputs = np.zeros((len(counts), rows, self.network.outputs), self.network.dtype)
        for index in range(np.count_nonzero(counts)):
            where = data, start + index * rows, counts[index], total, rows
            before = carry._replace(states=states)
            outputs[index], more, states = self.piece(before, fixed, key, number, position + index * rows, *where)
            gradients = tuple(old + new for old, new in zip(gradients, more, strict=True))
        return (gradients, states), outputs

    def piece(
        self, carry: Carry, fixed: Any, key: Any, number: Any, position: Any, data: Any, start: Any, count: Any,
        total: Any, rows: int,
    ) -> Any:  # fmt: skip
        piece = {name: values[start : start + rows] for name, values in data.items()}
        assert all(len(values) == rows for values in piece.values())
        rng = GeneratorRandom(np.random.default_rng([*key.tolist(), int(number), int(position)]))
        return self.gradients(carry, fixed, piece, np.arange(rows) < count, total, rng)


class Direct(HostCalls):
    """Calls Python at once."""

    def call(self, function: Callable[..., Any], result: Any, *args: Any) -> Any:
        del result
        return self.guarded(lambda: function(*args), lambda: None)

    def form(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return shape, dtype

    def like(self, tree: Any) -> Any:
        return tree

    def seed(self, rng: Any) -> Any:
        del rng
        return np.zeros(1, np.uint32)


def frozen(array: Any) -> Any:
    array.flags.writeable = False
    return array
