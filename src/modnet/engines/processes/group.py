"""A group of processes that are connected by a channel, and by what an engine computes with."""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modnet.core.errors import Interrupted, ProcessError
from modnet.core.interfaces import ProcessGroup
from modnet.core.messages import error_text, warn
from modnet.engines.processes.channel import Channel
from modnet.engines.processes.cluster import Place
from modnet.engines.processes.messages import Message

__all__ = ["ConnectedGroup"]

ARRAY = "\0array"
"""The key of what stands for an array."""
STUCK_SECONDS = 5.0
"""How long after another's end a process may wait in a computation, which nothing else may end."""
NEWS_SECONDS = 5.0
"""How long to wait for the news that explains an error of a computation."""


class ConnectedGroup(ProcessGroup):
    """Processes that hear of each other by a `Channel`; arrays go the engine's way.

    Args:
        place: This process, and where the first is.
        about: What must be the same in all processes, by name.
        seconds: How long to wait for the others.

    Raises:
        ConfigError: something differs, or process 0 cannot listen there.
        ProcessError: the others are not to be reached in time.
    """

    def __init__(self, place: Place, about: Message, seconds: float) -> None:
        self.index, self.count = place.index, place.count
        self._waiting, self._patience = 0, 0.0
        self._descriptors: dict[int, int] = {}  # those that are silenced, and what they were
        self._channel = Channel(place, about, seconds, self._watch_for_standstill)
        with self.waiting():
            self.connect(place, self._channel.address, seconds)
        self._patience = STUCK_SECONDS
        atexit.register(self._channel.leave)

    @abstractmethod
    def connect(self, place: Place, address: str, seconds: float) -> None:
        """Connect what the engine computes with; ``address`` is that by which others reach this machine."""

    @abstractmethod
    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of every process's vector of numbers or bytes."""

    @property
    @abstractmethod
    def computation_errors(self) -> tuple[type[Exception], ...]:
        """What the library raises where a computation fails, as when another process is gone."""

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value."""
        try:
            return self._channel.gather(value)
        except ProcessError as error:
            raise self._explained(error) from None

    def broadcast(self, value: Any) -> Any:
        """Return the primary process's value."""
        arrays: list[NDArray[Any]] = []
        text = json.dumps(value, default=_taker(arrays)) if self.primary else ""
        forms = [[array.dtype.str, array.shape] for array in arrays]
        text, forms = self.gather([text, forms] if self.primary else None)[0]
        sizes = [np.dtype(dtype).itemsize * int(np.prod(shape)) for dtype, shape in forms]
        buffer = np.frombuffer(b"".join(array.tobytes() for array in arrays), np.uint8)
        if sum(sizes):
            with self.waiting():
                buffer = self.sum(buffer if self.primary else np.zeros(sum(sizes), np.uint8))
        pieces = np.split(buffer, np.cumsum(sizes)[:-1]) if sizes else []
        taken = [piece.view(dtype).reshape(shape) for piece, (dtype, shape) in zip(pieces, forms, strict=True)]
        return json.loads(text, object_hook=lambda found: taken[found[ARRAY]] if ARRAY in found else found)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within the block, this process may be stuck when another is gone; then it ends, with one line."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Within the block, nothing is written to standard output and standard error, also not by libraries in C."""
        self._descriptors = {number: os.dup(number) for number in (1, 2)}
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in self._descriptors:
            os.dup2(nowhere, number)
        os.close(nowhere)
        try:
            yield
        finally:
            self._speak()

    def _speak(self) -> None:
        """End the silence."""
        while self._descriptors:
            number, before = self._descriptors.popitem()
            os.dup2(before, number)
            os.close(before)

    def fail(self, error: BaseException) -> ProcessError | None:
        """Tell the others of an error, unless one of theirs is the cause, which is returned."""
        cause = self._channel.failure
        if cause is None and isinstance(error, self.computation_errors):
            cause = self._channel.wait_for_failure(NEWS_SECONDS)
        text = error_text(error)
        self._channel.fail(text)
        if cause is None or text in str(cause) or isinstance(error, ProcessError | Interrupted):
            return None
        return self._explained(cause)

    def _explained(self, error: ProcessError) -> ProcessError:
        """Return the error with what is left of the training."""
        if self.last_checkpoint is not None:
            left = f"; the last checkpoint is {self.last_checkpoint}"
        else:
            left = "; there is no checkpoint" if self._channel.is_gone(error) else ""
        return ProcessError(f"{error}{left}", is_shown_elsewhere=error.is_shown_elsewhere)

    def _watch_for_standstill(self) -> None:
        threading.Thread(target=self._end_if_stuck, name="modnet-standstill", daemon=True).start()

    def _end_if_stuck(self) -> None:
        """End this process once it has waited in one computation for too long."""
        since = time.monotonic()
        while time.monotonic() - since < self._patience:
            time.sleep(0.05)
            if not self._waiting:
                since = time.monotonic()
        failure = self._channel.failure
        if failure is not None:
            self._speak()
            sys.stderr = sys.__stderr__  # a command may have muted it
            if not failure.is_shown_elsewhere:
                warn(str(self._explained(failure)))
            os._exit(2)


def _taker(arrays: list[NDArray[Any]]) -> Callable[[Any], Any]:
    """Return what stands for an array, or a number of NumPy, in JSON; it is added to the arrays."""

    def take(value: Any) -> Any:
        if not isinstance(value, np.ndarray | np.generic) or value.dtype.hasobject:
            raise TypeError(f"a value of type {type(value).__name__} cannot be told to other processes")
        arrays.append(np.asarray(value))
        return {ARRAY: len(arrays) - 1}

    return take
