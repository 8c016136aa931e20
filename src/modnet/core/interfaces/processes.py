"""ProcessGroup: the processes that train one network together, and what they tell each other."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from modnet.core.errors import ProcessError

__all__ = ["ProcessGroup"]


class ProcessGroup:
    """The processes that train one network together; this class is one process by itself.

    All of them run the same program on the same configuration and data, and make the same updates. The `primary` one
    runs the callbacks, and alone writes files and shows progress; the training tells the others what its callbacks have
    changed. An engine that trains in several processes derives from this class.

    Attributes:
        index: The number of this process, from 0.
        count: How many there are.
        last_checkpoint: The file of the last checkpoint, or None; the training keeps it up to date, for the error of a
            process that is gone.
    """

    index: int = 0
    count: int = 1
    last_checkpoint: str | None = None

    @property
    def primary(self) -> bool:
        """Whether this is the process that writes files, shows progress and runs callbacks."""
        return self.index == 0

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value, a plain one of bounded size, in the order of their numbers.

        Raises:
            ProcessError: another process has failed, or is gone.
        """
        return [value]

    def broadcast(self, value: Any) -> Any:
        """Return the primary process's value: plain values and arrays, and lists and dicts of them.

        Raises:
            ProcessError: another process has failed, or is gone.
        """
        return value

    def waiting(self) -> AbstractContextManager[None]:
        """Return a context in which this process may wait for others that are gone, as an engine's computations do."""
        return nullcontext()

    def fail(self, error: BaseException) -> ProcessError | None:
        """Tell the others of the error that ends this process's training; they end with a `ProcessError`.

        Returns:
            The failure of another process that is the cause of the error, if one is.
        """
        del error
        return None
