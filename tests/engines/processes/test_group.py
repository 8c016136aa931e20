"""What a connected group tells: plain values by the channel, arrays by sums."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modnet import Interrupted, ProcessError
from modnet.engines.processes.cluster import Place
from modnet.engines.processes.group import ConnectedGroup


class Group(ConnectedGroup):
    """Sums by the channel, too."""

    computation_errors = (FloatingPointError,)

    def connect(self, place: Place, address: str, seconds: float) -> None:
        assert (place.host, address, seconds) == ("127.0.0.1", "127.0.0.1", 20.0)

    def sum(self, values: NDArray[Any]) -> NDArray[Any]:
        return np.sum(
            [np.array(each, values.dtype) for each in self.gather(values.tolist())], axis=0, dtype=values.dtype
        )


@pytest.fixture
def groups() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda index: Group(Place("127.0.0.1", port, 2, index), {}, 20.0), range(2)))
    yield made
    for group in made:
        group._channel.leave()
        for connection in group._channel._sockets.values():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def both(groups: list[Group], *calls: Any) -> list[Any]:
    def one(group: Group) -> Any:
        try:
            return calls[group.index % len(calls)](group)
        except Exception as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, groups))


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"stopped": "enough", "factor": 0.1, "deep": [[], {}, True]},
        {
            "θ": np.linspace(0, 1, 5),
            "rule": {"mean": np.arange(6, dtype=np.float32).reshape(2, 3), "empty": np.zeros((0, 3))},
        },
        [np.int64(7), np.array(2.5), np.array([True, False]), np.array([255, 1], np.uint8), "text"],
    ],
)
def test_the_value_of_the_first_is_everyones(groups: list[Group], value: Any) -> None:
    for _ in range(2):
        told = both(groups, lambda group: group.broadcast(value if group.primary else "ignored"))
        np.testing.assert_equal(told, [value, value])
        assert repr(told[1]).replace("array", "") == repr(told[0]).replace("array", "")


def test_what_cannot_be_told_is_named(groups: list[Group]) -> None:
    with pytest.raises(TypeError) as refused:
        groups[0].broadcast({"a": object()})
    assert str(refused.value) == "a value of type object cannot be told to other processes"


def test_the_cause_of_an_error_is_that_of_the_other(groups: list[Group]) -> None:
    for group in groups:
        group.last_checkpoint = "run/checkpoints/last"
    failing = OSError("the disk is full")
    causes = both(groups, lambda group: group.fail(FloatingPointError()), lambda group: group.fail(failing))
    assert str(causes[0]) == "process 1: the disk is full; the last checkpoint is run/checkpoints/last"
    assert isinstance(causes[0], ProcessError)
    assert causes[1] is None


@pytest.mark.parametrize("error", [Interrupted("SIGTERM"), ValueError("the same everywhere"), ProcessError("the same")])
def test_what_ends_all_alike_has_no_other_cause(groups: list[Group], error: BaseException) -> None:
    for _ in range(3):
        assert both(groups, lambda group: group.fail(error)) == [None, None]
    assert both(groups, lambda group: group.gather(group.index)) == [[0, 1], [0, 1]]
