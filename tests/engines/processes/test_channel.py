"""How processes meet, gather, fail and leave: several ends in threads of this process, over the loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from modnet import ConfigError, ProcessError
from modnet.engines.processes import rendezvous
from modnet.engines.processes.channel import Channel
from modnet.engines.processes.cluster import Place
from modnet.engines.processes.messages import receive, send

ABOUT = {"numpy": "2.4", "engine.precision": "full"}


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Ends:
    """The ends of one group in this process, each of which may raise instead."""

    def __init__(self, port: int, count: int, abouts: dict[int, Any] | None = None, seconds: float = 20.0) -> None:
        self.failures = [0] * count

        def meet(index: int) -> Any:
            about = (abouts or {}).get(index, ABOUT)
            try:
                return Channel(Place("127.0.0.1", port, count, index), about, seconds, lambda: self.count(index))
            except Exception as error:
                return error

        with ThreadPoolExecutor(count) as pool:
            self.ends = list(pool.map(meet, range(count)))

    def count(self, index: int) -> None:
        self.failures[index] += 1

    def all(self, call: Callable[[int, Any], Any]) -> list[Any]:
        """Call something at every end at once; return results, or errors."""

        def one(index: int) -> Any:
            try:
                return call(index, self.ends[index])
            except Exception as error:
                return error

        with ThreadPoolExecutor(len(self.ends)) as pool:
            return list(pool.map(one, range(len(self.ends))))

    def close(self) -> None:
        for end in self.ends:
            if isinstance(end, Channel):
                end.leave()
                cut(end)


def cut(end: Channel) -> None:
    """End the connections as the system does for a process that is killed."""
    end._left.update(end._sockets)  # or its own thread, which lives on, would tell of the others' end
    for connection in end._sockets.values():
        with suppress(OSError):  # the other end was first
            connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def three(port: int) -> Iterator[Ends]:
    ends = Ends(port, 3)
    yield ends
    ends.close()


def test_values_are_gathered_in_order(three: Ends) -> None:
    for number in range(50):
        told = three.all(lambda index, end, number=number: end.gather({"index": index, "round": number}))
        assert told == [[{"index": index, "round": number} for index in range(3)]] * 3
    assert three.ends[1].names[0].endswith(f", pid {os.getpid()}")
    assert three.ends[0].address == "127.0.0.1"


def test_nothing_listens_once_all_have_met(port: int, three: Ends) -> None:
    assert three.failures == [0, 0, 0]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


@pytest.mark.parametrize("failing", [0, 2])
def test_an_error_reaches_all_and_another_training_may_follow(three: Ends, failing: int) -> None:
    def train(index: int, end: Channel) -> Any:
        if index == failing:
            end.fail("the disk is full")
            raise OSError("the disk is full")
        try:
            return end.gather(index)
        except ProcessError as error:
            end.fail(str(error))
            raise

    for _ in range(2):
        outcomes = three.all(train)
        for index, outcome in enumerate(outcomes):
            if index != failing:
                assert str(outcome) == f"process {failing}: the disk is full"
                assert outcome.is_shown_elsewhere == (index != 0)
    assert three.all(lambda index, end: end.gather(index)) == [[0, 1, 2]] * 3


@pytest.mark.parametrize("victim", [0, 1])
def test_the_end_of_a_process_reaches_all(three: Ends, victim: int) -> None:
    def train(index: int, end: Channel) -> Any:
        if index == victim:
            cut(end)
            return None
        return end.gather(index)

    outcomes = three.all(train)
    for index, outcome in enumerate(outcomes):
        if index != victim:
            assert str(outcome) == f"process {victim} ({three.ends[0].names[victim]}) is gone"
            assert not outcome.is_shown_elsewhere
            assert three.ends[index].is_gone(outcome)
            with pytest.raises(ProcessError, match="is gone"):
                three.ends[index].gather(0)


def test_who_has_said_good_bye_is_no_failure_but_takes_no_part(three: Ends) -> None:
    def leave(index: int, end: Channel) -> Any:
        if index == 2:
            end.leave()
            cut(end)
            return None
        assert end.wait_for_failure(0.3) is None
        return end.gather(index)

    outcomes = three.all(leave)
    assert str(outcomes[0]) == str(outcomes[1]) == f"process 2 ({three.ends[0].names[2]}) has ended its program"
    assert three.failures[:2] == [0, 0]


def test_a_difference_is_refused_in_all(port: int) -> None:
    found = Ends(port, 3, {2: {**ABOUT, "engine.precision": "fast"}}).ends
    assert isinstance(found[0], ConfigError)
    assert str(found[0]).startswith("engine.precision: process 2 has 'fast', process 0 has 'full'; all processes of a ")
    for other in found[1:]:
        assert isinstance(other, ProcessError)
        assert (str(other), other.is_shown_elsewhere) == (str(found[0]), True)


def test_one_number_twice_is_refused(port: int) -> None:
    def meet(index: int) -> Any:
        with pytest.raises((ConfigError, ProcessError)) as refused:
            Channel(Place("127.0.0.1", port, 3, index), ABOUT, 20.0, lambda: None)
        return str(refused.value)

    with ThreadPoolExecutor(3) as pool:
        texts = set(pool.map(meet, [0, 1, 1]))
    (text,) = texts
    assert text.startswith("engine.process: ")
    assert text.endswith(" are both process 1 of 3")


def test_another_number_of_processes_is_refused(port: int) -> None:
    def meet(place: Place) -> str:
        with pytest.raises((ConfigError, ProcessError)) as refused:
            Channel(place, ABOUT, 20.0, lambda: None)
        return str(refused.value)

    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(meet, [Place("127.0.0.1", port, 2, 0), Place("127.0.0.1", port, 3, 1)]))
    assert texts == ["engine.processes: process 1 has 3, process 0 has 2"] * 2


def test_who_does_not_come_is_named_after_a_bounded_time(
    port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rendezvous, "PATIENCE_SECONDS", 0.5)

    def meet(index: int) -> str:
        with pytest.raises(ProcessError) as refused:
            Channel(Place("127.0.0.1", port, 4, index), ABOUT, 1.0, lambda: None)
        return str(refused.value)

    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(meet, [0, 2]))
    told = f"engine.coordinator: these of 4 processes have not come to 127.0.0.1:{port} within 1 s: 1, 3"
    assert texts == [f"{told}; what they print says why, or they were not started"] * 2
    assert capsys.readouterr().err == f"modnet: waiting at 127.0.0.1:{port} for process 1, 3\n"


def test_where_nobody_listens(port: int) -> None:
    with pytest.raises(ProcessError) as refused:
        Channel(Place("127.0.0.1", port, 2, 1), ABOUT, 0.3, lambda: None)
    where = f"engine.coordinator: process 0 is not to be reached at 127.0.0.1:{port} within 0.3 s"
    assert str(refused.value) == f"{where}: Connection refused"


def test_where_process_0_cannot_listen(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigError) as refused:
        Channel(Place("127.0.0.1", port, 2, 0), ABOUT, 0.3, lambda: None)
    where = f"engine.coordinator: process 0 cannot listen at 127.0.0.1:{port}"
    assert str(refused.value).startswith(f"{where}: Address already in use")


@pytest.mark.parametrize(
    "content",
    [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x02[]", b"\xff\xff\xff\xff", b'\x00\x00\x00\x0d{"process": 1}'],
)
def test_something_else_that_comes_to_the_port_is_ignored(port: int, content: bytes) -> None:
    def disturb() -> None:
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as connection:
                    connection.sendall(content)
                return
            except OSError:
                time.sleep(0.01)

    stranger = threading.Thread(target=disturb)
    stranger.start()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(Channel, Place("127.0.0.1", port, 2, 0), ABOUT, 20.0, lambda: None)
        stranger.join()
        second = pool.submit(Channel, Place("127.0.0.1", port, 2, 1), ABOUT, 20.0, lambda: None)
        ends = [first.result(), second.result()]
        assert [pool.submit(end.gather, index) for index, end in enumerate(ends)][1].result() == [0, 1]
    for end in ends:
        end.leave()
        cut(end)


def test_messages_are_json_and_bounded() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(ours, {"value": [1, "θ", None, float("inf")]})
        assert receive(theirs) == {"value": [1, "θ", None, float("inf")]}
        ours.sendall(b"\xff\xff\xff\xff")
        with pytest.raises(ValueError, match="a message of 4294967295 bytes"):
            receive(theirs)
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError):  # noqa: PT011 -- whatever it is
            receive(theirs)


STUCK = """
import os, signal, sys, threading, time
import modnet.engines.processes.group as group
from modnet.engines.processes.cluster import Place

group.STUCK_SECONDS = 0.2

class Group(group.ConnectedGroup):
    computation_errors = ()
    def connect(self, place, address, seconds): pass
    def sum(self, values): return values

port, index = map(int, sys.argv[1:])
own = Group(Place("127.0.0.1", port, 2, index), {}, 20.0)
own.last_checkpoint = "run/checkpoints/last"
if index:
    own.gather(None)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Timer(0.0, own.gather, [None]).start()
sys.stderr = open(os.devnull, "w")  # as the command does in all processes but the first
with own.waiting(), own.silence():
    time.sleep(60)  # in a computation that nothing else ends
"""


def test_a_process_that_waits_in_a_computation_ends_with_a_line(port: int) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", STUCK, str(port), str(index)], stderr=subprocess.PIPE, text=True)
        for index in range(2)
    ]
    errors = [process.communicate(timeout=50)[1] for process in processes]
    assert [process.returncode for process in processes] == [2, -signal.SIGKILL]
    name = f"({socket.gethostname()}, pid {processes[1].pid})"
    assert errors == [f"modnet: process 1 {name} is gone; the last checkpoint is run/checkpoints/last\n", ""]
