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
        failure: The error of another process that ends this one's training, or None.

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
        self.failure: ProcessError | None = None
        self._changed = threading.Condition()
        self._round = 0
        self._said: dict[int, dict[int, Any]] = {}  # round → process → value
        self._left: set[int] = set()
        self._sockets, self.names = meet(place, about, seconds)
        threading.Thread(target=self._hear, name="modnet-processes", daemon=True).start()

    @property
    def address(self) -> str:
        """The address of this machine by which the others are reached."""
        return str(next(iter(self._sockets.values())).getsockname()[0])

    def gather(self, value: Any) -> list[Any]:
        """Return what all processes say in this round, in the order of their numbers.

        Raises:
            ProcessError: another process has failed, has ended, or is gone.
        """
        with self._changed:
            self._round += 1
            said = self._take(self._round, self._place.index, value)
            if self._place.index:
                self._send(0, {"round": self._round, "value": value})
            self._changed.wait_for(lambda: len(said) == self._place.count or self.failure or self._left)
            if len(said) < self._place.count:
                left = min(self._left, default=0)
                raise self.failure or ProcessError(f"process {left} ({self.names[left]}) has ended its program")
            del self._said[self._round]
        return [said[index] for index in range(self._place.count)]

    def fail(self, text: str) -> None:
        """Tell the others of an error that ends this process."""
        self._tell_all({"failed": text, "process": self._place.index})

    def leave(self) -> None:
        """Say good-bye: the end of this process is no failure."""
        self._tell_all({"left": self._place.index})

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
                        message = {} if key.data in self._left else {"gone": key.data}
                    self._handle(key.data, message)

    def _handle(self, sender: int, message: Message) -> None:
        with self._changed:
            if "value" in message:
                self._take(message["round"], sender, message["value"])
            elif "all" in message:
                self._said.setdefault(message["round"], {}).update(enumerate(message["all"]))
            elif "left" in message:
                self._left.add(message["left"])
                self._hand_on(message)
            elif "failed" in message:
                text, is_first = f"process {message['process']}: {message['failed']}", self._place.index == 0
                self._fail_here(ProcessError(text, is_shown_elsewhere=not is_first), message)
            elif "gone" in message:
                index = message["gone"]
                self._fail_here(ProcessError(f"process {index} ({self.names[index]}) is gone"), message)
            self._changed.notify_all()

    def _take(self, number: int, index: int, value: Any) -> dict[int, Any]:
        """Take down what a process says in a round; process 0 tells all when all have spoken."""
        said = self._said.setdefault(number, {})
        said[index] = value
        if len(said) == self._place.count:
            self._hand_on({"round": number, "all": [said[each] for each in range(self._place.count)]})
        return said

    def _fail_here(self, error: ProcessError, message: Message) -> None:
        self._hand_on(message)
        if self.failure is None:
            self.failure = error
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
