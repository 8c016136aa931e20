"""The channel between the processes of a training: a TCP connection of each to the first, and what goes over it."""

from __future__ import annotations

import selectors
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from modnet.core.errors import ProcessError
from modnet.engines.processes.cluster import Place
from modnet.engines.processes.messages import Message, receive, send
from modnet.engines.processes.rendezvous import meet

__all__ = ["Channel"]


class Channel:
    """Connects each process with process 0, and hears in a thread of its own what the others say.

    Process 0 hands on what it hears. The end of a process that has not said good-bye is told to all others. A machine
    that vanishes is noticed by the system, which asks for a sign of life every few seconds. The connections are neither
    encrypted nor authenticated.

    Attributes:
        names: What the processes are called in errors: machine and number of the system's process.

    Args:
        place: This process, and where the first is.
        about: What must be the same in all processes, by name.
        seconds: How long to wait for the others.
        on_failure: Called, in the channel's thread, when there is a `failure`.

    Raises:
        ConfigError: something differs, or process 0 cannot listen there.
        ProcessError: the others are not to be reached in time.
    """

    def __init__(self, place: Place, about: Message, seconds: float, on_failure: Callable[[], None]) -> None:
        self._place, self._on_failure = place, on_failure
        self._changed = threading.Condition()
        self._failures = self._round = 0  # of this process, and gathered values since the last failure
        self._said: dict[tuple[int, ...], dict[int, Any]] = {}  # failures and round → process → value
        self._told: dict[int | None, ProcessError] = {}  # after how many failures; None: for ever
        self._left: set[int] = set()
        self._sockets, self.names = meet(place, about, seconds)
        threading.Thread(target=self._hear, name="modnet-processes", daemon=True).start()

    @property
    def address(self) -> str:
        """The address of this machine by which the others are reached."""
        return str(next(iter(self._sockets.values())).getsockname()[0])

    @property
    def failure(self) -> ProcessError | None:
        """The error of another process that ends this one's training, or None."""
        return self._told.get(None) or self._told.get(self._failures)

    def gather(self, value: Any) -> list[Any]:
        """Return what all processes say in this round, in the order of their numbers.

        Raises:
            ProcessError: another process has failed, has ended, or is gone.
        """
        with self._changed:
            self._round += 1
            key = self._failures, self._round
            said = self._take(key, self._place.index, value)
            if self._place.index:
                self._send(0, {"round": key, "value": value})
            self._changed.wait_for(lambda: len(said) == self._place.count or self.failure or self._left)
            if len(said) < self._place.count:
                left = min(self._left, default=0)
                raise self.failure or ProcessError(f"process {left} ({self.names[left]}) has ended its program")
            del self._said[key]
        return [said[index] for index in range(self._place.count)]

    def fail(self, text: str) -> None:
        """Tell the others of an error that ends this process's training, and forget those of others."""
        with self._changed:
            self._tell_all({"failed": text, "process": self._place.index, "failures": self._failures})
            self._failures, self._round = self._failures + 1, 0

    def leave(self) -> None:
        """Say good-bye: the end of this process is no failure."""
        self._tell_all({"left": self._place.index})

    def is_gone(self, error: ProcessError) -> bool:
        """Return whether an error is of a process that has ended without a word."""
        return error is self._told.get(None)

    def wait_for_failure(self, seconds: float) -> ProcessError | None:
        """Return the `failure`, after so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: self.failure, seconds)
        return self.failure

    def _hear(self) -> None:
        """Hear the others, until the end of this process."""
        with selectors.DefaultSelector() as selector:
            for index, connection in self._sockets.items():
                selector.register(connection, selectors.EVENT_READ, index)
            while selector.get_map():
                for key, _ in selector.select():
                    try:
                        message = receive(self._sockets[key.data])
                    except (OSError, ValueError):
                        selector.unregister(key.fileobj)
                        self._sockets[key.data].close()
                        message = {} if key.data in self._left else {"gone": key.data}
                    self._handle(key.data, message)

    def _handle(self, sender: int, message: Message) -> None:
        with self._changed:
            if "value" in message:
                self._take(tuple(message["round"]), sender, message["value"])
            elif "all" in message:
                self._said.setdefault(tuple(message["round"]), {}).update(enumerate(message["all"]))
            elif "left" in message:
                self._left.add(message["left"])
                self._hand_on(message)
            elif "failed" in message:
                text, is_first = f"process {message['process']}: {message['failed']}", self._place.index == 0
                self._fail_here(message["failures"], ProcessError(text, is_shown_elsewhere=not is_first), message)
            elif "gone" in message:
                index = message["gone"]
                self._fail_here(None, ProcessError(f"process {index} ({self.names[index]}) is gone"), message)
            self._changed.notify_all()

    def _take(self, key: tuple[int, ...], index: int, value: Any) -> dict[int, Any]:
        """Take down what a process says in a round; process 0 tells all when all have spoken."""
        said = self._said.setdefault(key, {})
        said[index] = value
        if len(said) == self._place.count:
            self._hand_on({"round": key, "all": [said[each] for each in range(self._place.count)]})
        return said

    def _fail_here(self, failures: int | None, error: ProcessError, message: Message) -> None:
        self._hand_on(message)
        if failures not in self._told:
            self._told[failures] = error
            self._on_failure()

    def _hand_on(self, message: Message) -> None:
        if self._place.index == 0:
            self._tell_all(message)

    def _tell_all(self, message: Message) -> None:
        with self._changed:
            for index in self._sockets:
                self._send(index, message)

    def _send(self, index: int, message: Message) -> None:
        with suppress(OSError):  # that it is gone is heard by the thread
            send(self._sockets[index], message)
