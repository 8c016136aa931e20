"""Several processes that train one network: how they stay alike, and what one of them tells the others."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from numpy.typing import NDArray

from modnet.core.errors import Interrupted, ProcessError
from modnet.core.interfaces import EngineSession, ProcessGroup, TrainState
from modnet.core.interfaces.engine import Block, OnOutputs, OnUpdate, Rows
from modnet.training.view import Training

__all__ = ["Agreement", "agreeing", "failures_told"]


@contextmanager
def failures_told(group: ProcessGroup) -> Iterator[None]:
    """Tell the other processes of an error within the block, so that none of them waits for this one."""
    try:
        yield
    except BaseException as error:
        cause = group.fail(error)
        if cause is not None:
            raise cause from error
        raise


def agreeing(engine: EngineSession, group: ProcessGroup) -> EngineSession:
    """Return a session whose ``run`` says in every process whether all is finite in all of them."""
    return engine if group.count == 1 else cast("EngineSession", _AgreeingSession(engine, group))


class _AgreeingSession:
    def __init__(self, engine: EngineSession, group: ProcessGroup) -> None:
        self._engine, self._group = engine, group

    def run(self, block: Block, on_outputs: OnOutputs, on_update: OnUpdate | None = None) -> bool:
        with self._group.waiting():
            finite = self._engine.run(block, on_outputs, on_update)
        return all(self._group.gather(finite))

    def value_and_grad(self, rows: Rows | None = None) -> tuple[float, NDArray[Any]]:
        with self._group.waiting():
            return self._engine.value_and_grad(rows)

    def outputs(self, x: Any) -> Iterator[NDArray[Any]]:
        with self._group.waiting():
            yield from self._engine.outputs(x)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


class Agreement:
    """Gives all processes of a training what the primary one's listeners change, and what any of them was asked for.

    In one process nothing is done.

    Attributes:
        interruption: What interrupts all processes, or None.

    Args:
        group: The processes.
        view: The training as listeners see it, and change it.
        engine: What makes the updates.
    """

    def __init__(self, group: ProcessGroup, view: Training, engine: EngineSession) -> None:
        self._group, self._view, self._engine = group, view, engine
        self._before = b""
        self._requested: Interrupted | None = None
        self.interruption: Interrupted | None = None

    def request(self, interruption: Interrupted) -> None:
        """Ask for an interruption, which all processes are told of by `changes_told`."""
        self._requested = interruption
        if self._group.count == 1:
            self.interruption = interruption

    @contextmanager
    def changes_told(self, *, compared: bool = False) -> Iterator[None]:
        """Give all processes what listeners change within the block, and the interruption that any was asked for.

        Args:
            compared: Whether to make sure that θ has the same bits everywhere.

        Raises:
            ProcessError: it has not, or another process has failed.
        """
        is_one = self._group.count == 1
        if not is_one and self._group.primary:
            self._before = self._view.parameters.tobytes()
            self._view.was_restored = False
        yield
        if not is_one:
            self._synchronize(compared=compared)

    def _synchronize(self, *, compared: bool) -> None:
        group = self._group
        asked = None if self._requested is None else [self._requested.reason, self._requested.signal]
        mine: dict[str, Any] = {} if asked is None else {"asked": asked}
        if compared:
            mine["theta"] = zlib.crc32(self._view.parameters.tobytes())
        if group.primary:
            mine |= {"changes": self._view.changes(), "checkpoint": group.last_checkpoint}
            mine["has_state"] = self._has_state()
        everyone = group.gather(mine)
        first = everyone[0]
        group.last_checkpoint = first["checkpoint"]
        self._view.take_over(first["changes"])
        for index, other in enumerate(everyone):
            if compared and not first["has_state"] and other["theta"] != first["theta"]:
                raise ProcessError(
                    f"process {index}: its θ has other bits than that of process 0; the machines do not compute alike"
                )
        if first["has_state"]:
            state = group.broadcast(self._engine.state().to_dict())
            if not group.primary:
                self._engine.restore(TrainState(**state))
        found = next((each["asked"] for each in everyone if "asked" in each), None)
        if found is not None:
            self.interruption = Interrupted(found[0], signal=found[1])
            self.interruption.processes = group.count

    def _has_state(self) -> bool:
        """Return whether a listener has written to θ, or restored a state."""
        return self._view.was_restored or self._view.parameters.tobytes() != self._before
