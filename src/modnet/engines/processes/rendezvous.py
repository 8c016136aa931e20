"""How the processes of a training meet: all others come to process 0, which lets them go on when all are there."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any, NamedTuple

from modnet.core.errors import ConfigError, ModnetError, ProcessError
from modnet.core.messages import error_text, short_repr, warn
from modnet.engines.processes.cluster import Place
from modnet.engines.processes.messages import Message, receive, send

__all__ = ["meet"]

PATIENCE_SECONDS = 5.0
"""After how many seconds process 0 says for whom it waits."""
GREETING_SECONDS = 5.0
"""How long who has connected may take to say who it is."""


class Met(NamedTuple):
    """The connections by the numbers of the processes at their ends, and all processes' names."""

    sockets: dict[int, socket.socket]
    names: list[str]


def meet(place: Place, about: Message, seconds: float) -> Met:
    """Connect this process with process 0, or process 0 with all others.

    Args:
        place: This process, and where the first is.
        about: What must be the same in all processes, by name.
        seconds: How long to wait for the others.

    Raises:
        ConfigError: something differs, or process 0 cannot listen there.
        ProcessError: the others are not to be reached in time.
    """
    name = f"{socket.gethostname()}, pid {os.getpid()}"
    hello = {"process": place.index, "processes": place.count, "about": about, "name": name}
    join = _go_to_first if place.index else _wait_for_others
    met = join(place, hello, seconds)
    for connection in met.sockets.values():
        _keep_alive(connection)
    return met


def _wait_for_others(place: Place, hello: Message, seconds: float) -> Met:
    try:
        family = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0][0]
        server = socket.create_server((place.host, place.port), family=family, backlog=place.count)
    except OSError as error:
        raise ConfigError(f"engine.coordinator: process 0 cannot listen at {_at(place)}: {error_text(error)}") from None
    came: list[tuple[int, socket.socket]] = []
    names, deadline = {0: str(hello["name"])}, time.monotonic() + seconds
    problem: ModnetError | None = None
    notice = time.monotonic() + PATIENCE_SECONDS
    with server:
        while len(came) < place.count - 1:
            server.settimeout(max(min(deadline, notice) - time.monotonic(), 0.001))
            try:
                connection, _ = server.accept()
            except TimeoutError:
                if time.monotonic() >= deadline:
                    break
                warn(f"waiting at {_at(place)} for process {_missing(place, names)}")
                notice = math.inf
                continue
            theirs = _greeting(connection)
            if theirs is None:  # something else has come to this port
                connection.close()
                continue
            text = _difference(hello, theirs, names)
            if text is not None and problem is None:
                problem = ConfigError(text)
                deadline = min(deadline, time.monotonic() + GREETING_SECONDS)  # for the others to hear of it
            came.append((theirs["process"], connection))
            names[theirs["process"]] = theirs["name"]
    if problem is None and len(names) < place.count:
        problem = ProcessError(
            f"engine.coordinator: these of {place.count} processes have not come to {_at(place)} within {seconds:g} s: "
            f"{_missing(place, names)}; what they print says why, or they were not started"
        )
    ordered = [names.get(index, "") for index in range(place.count)]
    for _, connection in came:
        with suppress(OSError):  # that it is gone is heard later
            send(connection, {"names": ordered} if problem is None else {"refused": str(problem)})
        if problem is not None:
            connection.close()
    if problem is not None:
        raise problem
    return Met(dict(came), ordered)


def _missing(place: Place, names: Collection[int]) -> str:
    return ", ".join(str(index) for index in range(place.count) if index not in names)


def _greeting(connection: socket.socket) -> dict[str, Any] | None:
    connection.settimeout(GREETING_SECONDS)
    try:
        theirs = receive(connection)
        kinds = {"process": int, "processes": int, "about": dict, "name": str}
        if any(not isinstance(theirs[name], kind) for name, kind in kinds.items()):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    connection.settimeout(None)
    return theirs


def _difference(ours: Message, theirs: Message, names: dict[int, str]) -> str | None:
    """Return why a process cannot take part, in one line that names it."""
    index, count = theirs["process"], ours["processes"]
    if theirs["processes"] != count:
        return f"engine.processes: process {index} has {theirs['processes']}, process 0 has {count}"
    if index in names or not 0 < index < count:
        return f"engine.process: {names.get(index, 'nobody')} and {theirs['name']} are both process {index} of {count}"
    for name in [*ours["about"], *theirs["about"]]:
        here, there = ours["about"].get(name, "none"), theirs["about"].get(name, "none")
        if here != there:
            needs = "all processes of a training need the same configuration, data and versions"
            return f"{name}: process {index} has {short_repr(there)}, process 0 has {short_repr(here)}; {needs}"
    return None


def _go_to_first(place: Place, hello: Message, seconds: float) -> Met:
    """Go to process 0, which may start later, and wait until all are there."""
    deadline = time.monotonic() + seconds
    problem: Exception = TimeoutError("timed out")
    while time.monotonic() < deadline:
        try:
            connection = socket.create_connection((place.host, place.port), max(deadline - time.monotonic(), 0.001))
        except OSError as error:
            problem = error
            time.sleep(0.1)
            continue
        try:
            connection.settimeout(max(deadline - time.monotonic(), 0.0) + GREETING_SECONDS)
            send(connection, hello)
            answer = receive(connection)
        except (OSError, ValueError) as error:  # something else listens there, or process 0 has failed
            connection.close()
            problem = error
            time.sleep(0.1)
            continue
        if "refused" in answer:
            connection.close()
            raise ProcessError(answer["refused"], is_shown_elsewhere=True)
        connection.settimeout(None)
        return Met({0: connection}, answer["names"])
    at = f"engine.coordinator: process 0 is not to be reached at {_at(place)} within {seconds:g} s"
    raise ProcessError(f"{at}: {error_text(problem)}")


def _keep_alive(connection: socket.socket) -> None:
    """Let the system end the connection when the other machine has given no sign of life for about 12 seconds."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 12_000)):
        option = getattr(socket, name, None)  # not every system has each
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _at(place: Place) -> str:
    return f"{place.host}:{place.port}"
