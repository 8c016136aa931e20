"""A log in memory, of a stranger: what is written to it, and when it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from modnet import LogCallback, LogRecord, LogWriter


class Memory(LogCallback):
    """Writes to lists of the class, which last longer than a training."""

    kind: Literal["memory-log"] = "memory-log"
    records: ClassVar[list[LogRecord]] = []
    calls: ClassVar[list[Any]] = []
    refused: ClassVar[set[str]] = set()
    keeps: ClassVar[bool] = True

    def writer(self) -> LogWriter:
        return _Writer()


class _Writer(LogWriter):
    target = "a list"

    def __init__(self) -> None:
        self._count = 0

    def _call(self, *call: Any) -> None:
        Memory.calls.append(call)
        if call[0] in Memory.refused:
            raise OSError(28, "No space left on device")

    def open(self, training: Any) -> bool:
        del training
        self._call("open", self._count)
        there = Memory.keeps and self._count > 0
        del Memory.records[self._count if there else 0 :]
        return there

    def write(self, records: Sequence[LogRecord]) -> None:
        self._call("write", len(records))
        Memory.records.extend(records)
        self._count = len(Memory.records)

    def close(self, training: Any, ending: str) -> None:
        del training
        self._call("close", ending)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._count = state["count"]


def numbers(axis: str, name: str) -> list[tuple[int, float]]:
    """Return the points of a curve, in the order in which they were written."""
    return [(each.step, each.numbers[name]) for each in Memory.records if each.axis == axis and name in each.numbers]


def pictures() -> list[tuple[int, str]]:
    return [(each.step, name) for each in Memory.records for name in each.pictures]
