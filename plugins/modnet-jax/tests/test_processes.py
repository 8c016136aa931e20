"""Several processes: the same trainings as in one, and the speed-up that is predicted."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trainings
from launching import run

from modnet.engines.compiled.prediction import SpeedUp, tell

SCRIPT = str(Path(trainings.__file__))


def trained(count: int, names: list[str], folder: Path, **options: Any) -> dict[str, Any]:
    """Make trainings in so many processes; return state and history of each, which all processes have alike."""
    outcomes = run(count, [sys.executable, SCRIPT, "found.json", json.dumps(options), *names], folder)
    assert [(outcome.code, outcome.err) for outcome in outcomes] == [(0, "")] * count
    assert len({outcome.out for outcome in outcomes}) == 1
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return found


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All trainings in two processes, the first of which has another address than what its machine's name leads to."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        coordinator = f"127.0.0.2:{server.getsockname()[1]}"
    return trained(2, list(trainings.CONFIGS), tmp_path_factory.mktemp("two"), coordinator=coordinator)


def compare(found: Any, name: str) -> None:
    state, history = found[name]
    alone = trainings.train(name, "jax")
    assert alone.updates >= 10
    np.testing.assert_allclose(state, trainings.state_of(alone), rtol=0, atol=1e-10)
    for ours, theirs in zip(history, alone.history, strict=True):
        assert ours == pytest.approx({**theirs, "seconds": 0}, abs=1e-10)


@pytest.mark.parametrize("name", trainings.CONFIGS)
def test_two_processes_train_as_one(of_two: dict[str, Any], name: str) -> None:
    compare(of_two, name)


def test_four_processes_train_as_one_too(tmp_path: Path) -> None:
    compare(trained(4, ["dropout"], tmp_path), "dropout")


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="the system has no /proc to see sockets in")
def test_they_listen_where_they_are_told_and_nowhere_else(of_two: dict[str, Any]) -> None:
    assert of_two["addresses"] == [["127.0.0.2"], ["127.0.0.1"]]


ON_FOUR_DEVICES = """
import json, sys
import jax, numpy as np
import trainings
from modnet import Trainer
from modnet.engines.compiled.share import Share
import modnet_jax.sharing as sharing
from modnet_jax.group import AXIS, EQUAL, SHARED
from jax.sharding import Mesh, NamedSharding

class OnDevices(sharing.SharedPrograms):
    '''What four processes do, in one that has a device for each.'''

    def put_rows(self, data): return {name: np.asarray(values) for name, values in data.items()}
    def call(self, name, shapes, *args, **static):
        if name == "gather":
            data, capacity = args[0], len(args[1])
            rows = np.concatenate([np.resize(each, capacity) for each in OfAll.waiting.pop(0)])
            return {key: values[rows] for key, values in data.items()}
        return super().call(name, shapes, *args, **static)
    def _everywhere(self, value): return jax.device_put(value, NamedSharding(self._mesh, EQUAL))
    def _of_all(self, rows): return jax.device_put(rows, NamedSharding(self._mesh, SHARED))

class OfAll(Share):
    '''Of all processes: the rows of each are taken when those of the first are asked for.'''

    waiting = []
    def rows(self, rows, batch):
        self.waiting.append([Share(index, self.count).rows(rows, batch) for index in range(self.count)])
        return self.waiting[-1][0]

class Group:
    index, count, primary = 0, 4, True
    mesh = Mesh(np.array(jax.devices()), (AXIS,))

import modnet_jax.session as session
assert len(jax.devices()) == 4
sharing.SharedPrograms, sharing.Share = OnDevices, OfAll
start = session.start
session.predict = lambda *args: None
session.start = lambda plan, device, group, *more: start(plan, device, Group, *more)
found = {}
for name in sys.argv[1:]:
    made = trainings.train(name, {"kind": "jax", "device": "cpu"})
    found[name] = [trainings.state_of(made).tolist(), [{**row, "seconds": 0} for row in made.history]]
print(json.dumps(found))
"""


def test_four_virtual_devices_share_a_batch_as_four_processes(tmp_path: Path) -> None:
    names = ["in a container", "weights and penalties"]
    more = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "PYTHONPATH": str(Path(__file__).parent)}
    (ended,) = run(1, [sys.executable, "-c", ON_FOUR_DEVICES, *names], tmp_path, **more)
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    for name in names:
        compare(found, name)


PREDICTED = """
import modnet.engines.compiled.prediction as prediction
from modnet.cli import main
prediction.LEAST_WORK = 0.0
main()
"""


def test_the_speed_up_is_predicted_in_a_line_and_the_device_that_is_named_is_used(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PREDICTED, "train", "--epochs", "1", "--quiet", "--out", "run"]
    engine = ["--set", "engine={kind='jax', device='cpu:1'}"]
    first, second = run(2, [*command, *engine], tmp_path, XLA_FLAGS="--xla_force_host_platform_device_count=2")
    assert (first.code, second) == (0, (0, "", ""))
    (line,) = first.err.splitlines()
    assert line.startswith("modnet: 2 processes: updates are predicted to be 0.")  # the batches are tiny
    assert line.endswith(" to sum the gradients; larger batches or fewer processes use them better")
    assert first.out.startswith("Reached test accuracy ")


def test_what_is_predicted(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    good, bad = SpeedUp(8, whole=0.8, share=0.1, total=0.06), SpeedUp(2, whole=0.002, share=0.001, total=0.0015)
    assert (good.factor, bad.factor) == (pytest.approx(5.0), pytest.approx(0.8))
    for each in (None, good, bad):
        tell(each)
    assert capsys.readouterr().err == (
        "modnet: 8 processes: updates are predicted to be 5 times as fast as in one; measured: one takes 800 ms "
        "in one, 100 ms shared out, and 60 ms more to sum the gradients\n"
    )
    (warning,) = caplog.messages
    assert warning.startswith("modnet: 2 processes: updates are predicted to be 0.8 times as fast as in one; ")
