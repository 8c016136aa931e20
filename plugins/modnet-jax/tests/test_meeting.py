"""Processes that do not come together, or would not train alike: one line says why, and nothing is written."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import numpy as np
from launching import MODNET, Ended, run

from modnet.engines.compiled.host_calls import REMEDY

TRAIN = [*MODNET, "train", "--quiet", "--epochs", "1", "--out", "run", "--set", "engine=jax"]
ALIKE = "; all processes of a training need the same configuration, data and versions\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def told(outcomes: list[Ended], code: int = 2) -> str:
    """Return what processes told, of which one spoke; all ended with one status."""
    assert [outcome.code for outcome in outcomes] == [code] * len(outcomes), outcomes
    (line,) = [outcome.err for outcome in outcomes if outcome.err]
    assert line.count("\n") == 1
    assert line == outcomes[0].err
    return line


def test_a_process_that_does_not_come(tmp_path: Path) -> None:
    port = free_port()
    options = ["processes=3", f"coordinator=127.0.0.1:{port}", "initialization_timeout=2"]
    command = [*TRAIN, *(word for option in options for word in ("--set", f"engine.{option}"))]
    commands = [[*command, "--set", f"engine.process={index}"] for index in (0, 2)]
    problem = f"these of 3 processes have not come to 127.0.0.1:{port} within 2 s: 1; "
    problem += "what they print says why, or they were not started\n"
    assert told(run(2, command, tmp_path, commands)) == f"modnet: engine.coordinator: {problem}"
    assert list(tmp_path.iterdir()) == []


def test_processes_with_another_configuration_or_other_data(tmp_path: Path) -> None:
    rng, y = np.random.default_rng(0), np.arange(40) % 2
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", x=rng.normal(size=(40, 3)), y=y)
    line = told(run(2, TRAIN, tmp_path, [TRAIN, [*TRAIN, "--set", "optimizer.rule=adam"]]))
    assert line == f"modnet: optimizer.rule: process 1 has 'adam', process 0 has 'plain'{ALIKE}"
    (tmp_path / "other").mkdir()
    (tmp_path / "b.npz").rename(tmp_path / "other" / "a.npz")
    here = [*TRAIN, "--set", "data={kind='npz', path='a.npz'}", "--set", "network.layers=[3, 2]"]
    there = [sys.executable, "-c", "import os; os.chdir('other'); from modnet.cli import main; main()", *here[3:]]
    line = told(run(2, here, tmp_path, [here, there]))
    assert line.startswith("modnet: training samples: process 1 has '40 rows, SHA-256 ")
    assert line.endswith(ALIKE)
    assert not (tmp_path / "run").exists()


OWN_PART = """
from typing import Literal
import numpy as np
import modnet
from modnet.cli import main
from modnet.core import registry

class Numpy(modnet.Activation):
    kind: Literal["of-numpy"] = "of-numpy"
    def __call__(self, z): return np.maximum(np.asarray(z), 0.0)
    def backward(self, upstream, z, a): return np.where(np.asarray(z) > 0, upstream, 0.0)

registry.active().add([Numpy], registry.Provider("modnet-own", "1"))
main()
"""


def test_what_python_would_have_to_run_is_refused(tmp_path: Path) -> None:
    layer = "network.layers=[{kind='dense', units=3, activation='of-numpy'}, 10]"
    line = told(run(2, [sys.executable, "-c", OWN_PART, *TRAIN[3:], "--set", layer], tmp_path))
    assert line.startswith("modnet: engine: the activation 'modnet-own:of-numpy' cannot be compiled (")
    assert line.endswith(f"; in several processes Python cannot run it; {REMEDY}\n")


def test_an_error_of_one_process_is_told_by_the_first(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    here = [*TRAIN[:-2], "--set", "engine=jax", "--set", "data={kind='npz', path='a.npz'}"]
    np.savez(tmp_path / "a.npz", x=np.ones((4, 2)), y=np.arange(4) % 2)
    there = [sys.executable, "-c", "import os; os.chdir('other'); from modnet.cli import main; main()", *here[3:]]
    line = told(run(2, here, tmp_path, [here, there]))
    assert line == "modnet: process 1: a.npz: cannot be read: No such file or directory\n"


def test_a_group_stays_and_cannot_be_another(tmp_path: Path) -> None:
    script = """
from modnet import ConfigError, DivergenceError, Trainer
config = {"engine": "jax", "epochs": 1, "network": {"layers": [3, 10]}}
one = Trainer.from_config(config).fit().network.parameters
for _ in range(2):
    try:
        layers = [{"kind": "dense", "units": 10, "activation": "identity"}] * 2
        Trainer.from_config({**config, "optimizer": {"learning_rate": 1e160}, "network": {"layers": layers}}).fit()
    except DivergenceError as error:
        print("diverged", error.update)
assert (Trainer.from_config(config).fit().network.parameters == one).all()
try:
    Trainer.from_config({**config, "engine": {"kind": "jax", "precision": "fast"}}).fit()
except ConfigError as error:
    print(error)
"""
    first, second = run(2, [sys.executable, "-c", script], tmp_path)
    assert (first.code, first.err, first) == (0, "", second)
    *diverged, refused = first.out.splitlines()
    assert len(diverged) == 2
    assert len(set(diverged)) == 1
    assert refused == "engine: differs from that of the first training of these processes, which stay connected"


def test_work_that_makes_many_trainings_makes_each_in_one_process(tmp_path: Path) -> None:
    """Nobody else comes: a training of two processes would wait."""
    command = [*MODNET, "compare", "--epochs", "1", "--set", "engine=jax", "--set", "optimizer.batch_size=32,64"]
    (outcome,) = run(1, command, tmp_path, OMPI_COMM_WORLD_SIZE="2")
    assert outcome.code == 0, outcome.err
