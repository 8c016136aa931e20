"""What a training does with the engine that the kit does not see: the command, other engines, solvers, interruption."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import agree, bits, fit

from modnet import Interrupted, ModelFileError, Trainer, hookimpl
from modnet_jax import cache

DROPOUT = [4, {"kind": "dropout", "rate": 0.3}, 2]


def command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modnet", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


KEPT = ("--set", "callbacks=['checkpoint']")


def test_the_command_trains_resumes_and_verifies(tmp_path: Path) -> None:
    run = command("train", "--set", "engine=jax", "--epochs", "2", *KEPT, "--out", "run", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert re.search(r"after 2 epochs and 288 updates in \d+\.\d s on cpu; the run is in run\.$", run.stdout)
    again = command("train", "--resume", "run", "--epochs", "3", "--set", "engine.cache=off", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert 'cache = "off"' in (tmp_path / "run/config.toml").read_text(encoding="utf-8")
    (tmp_path / "small.toml").write_text(
        'epochs = 2\nengine = "jax"\n[network]\nlayers = [4, 10]\n[optimizer]\nbatch_size = 100\n', encoding="utf-8"
    )
    verified = command("verify-resume", "small.toml", cwd=tmp_path)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_without_jax_it_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "jax.py").write_text("raise ImportError('there is none')", encoding="utf-8")
    run = command("train", "--set", "engine=jax", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert run.returncode != 0
    (line,) = run.stderr.splitlines()
    assert "engine: jax cannot be imported (there is none); pip install modnet-jax" in line
    assert not (tmp_path / "runs").exists()


def test_a_training_is_interrupted_at_a_block(data: Any, tmp_path: Path) -> None:
    def stop(training: Any, row: Any) -> None:
        del training
        if row["epoch"] == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    whole = fit(data, layers=DROPOUT, epochs=4)
    with pytest.raises(Interrupted):
        fit(data, layers=DROPOUT, epochs=4, out=tmp_path / "run", callbacks_given=[stop])
    assert bits(Trainer.resume(tmp_path / "run", *data)) == bits(whole)


@pytest.mark.parametrize(("first", "second"), [("numpy", "jax"), ("jax", "numpy")])
def test_it_goes_on_where_another_engine_stopped(data: Any, tmp_path: Path, first: str, second: str) -> None:
    def stop(training: Any, row: Any) -> None:
        del training, row
        os.kill(os.getpid(), signal.SIGTERM)

    whole = fit(data, first, rule="adam", epochs=3)
    with pytest.raises(Interrupted):
        fit(data, first, rule="adam", epochs=3, out=tmp_path / "run", callbacks_given=[stop])
    with pytest.raises(ModelFileError, match=f"was written with engine .*{first}, here it is .*{second}"):
        Trainer.resume(tmp_path / "run", *data, engine=second)
    resumed = Trainer.resume(tmp_path / "run", *data, engine=second, allow_other_engine=True)
    np.testing.assert_allclose(resumed.network.parameters, whole.network.parameters, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("first", "second"), [("numpy", "jax"), ("jax", "numpy")])
def test_masks_are_drawn_anew_on_another_engine(data: Any, tmp_path: Path, first: str, second: str) -> None:
    def stop(training: Any, row: Any) -> None:
        del training, row
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        fit(data, first, layers=DROPOUT, out=tmp_path / "run", callbacks_given=[stop])
    resumed = Trainer.resume(tmp_path / "run", *data, engine=second, allow_other_engine=True)
    assert resumed.updates == 10


def test_a_learning_rate_that_is_too_high_is_found(data: Any) -> None:
    identity = {"kind": "dense", "units": 2, "activation": "identity"}
    found = []
    for engine in ("jax", "numpy"):
        with pytest.raises(Exception, match="became non-finite") as caught:
            fit(data, engine, layers=[identity, identity], learning_rate=1e160)
        found.append(str(caught.value))
    assert found[0] == found[1]


def test_all_rows_at_once_are_worked_through_in_pieces() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9001, 5))
    given = x, (x[:, 0] > 0).astype(int)
    agree(given, kind="batch", rule="plain", epochs=3)
    agree(given, batch_size=4300, layers=[4, "batch-norm", 2], epochs=1)
    dropped = [
        fit(given, {"kind": "jax", "device_memory": memory}, layers=DROPOUT, kind="batch") for memory in (1, 1e-9)
    ]
    assert bits(dropped[0]) == bits(dropped[1])


def test_masks_do_not_depend_on_how_a_batch_is_divided(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = fit(data, layers=DROPOUT, kind="batch", epochs=3)
    monkeypatch.setattr("modnet_jax.session.CHUNK_PIECES", 3)
    monkeypatch.setattr("modnet.network.network.CHUNK", 7)
    divided = fit(data, layers=DROPOUT, kind="batch", epochs=3)
    np.testing.assert_allclose(divided.network.parameters, expected.network.parameters, rtol=1e-12)


def test_masks_are_new_in_every_update(data: Any) -> None:
    costs = [row["cost"] for row in fit(data, layers=DROPOUT, epochs=20, kind="batch", learning_rate=1e-9).history]
    assert np.std(costs) > 1e-3  # θ stays where it is


def test_one_core_is_enough_for_parts_in_python(tmp_path: Path) -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system binds no process to a core")
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        f"sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "import numpy as np\nfrom test_host_parts import AsksNumpy\nfrom trained import fit, installed\n"
        "x = np.random.default_rng(0).normal(size=(9000, 300))\n"
        "with installed(AsksNumpy):\n"
        "    layers = [{'kind': 'dense', 'units': 200, 'activation': 'asks-numpy'}, 2]\n"
        "    print(fit((x, np.arange(9000) % 2), layers=layers, batch_size=3000).updates)\n",
        encoding="utf-8",
    )
    started = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert started.stdout == "6\n", started.stderr


def test_importing_the_plug_in_does_not_import_jax() -> None:
    code = "import sys, modnet_jax, modnet_jax.engine; print('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_the_progress_is_there_while_programs_are_compiled(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    order, original = [], cache.ProgramCache._compile
    monkeypatch.setattr(cache, "_in_memory", {})
    monkeypatch.setattr(cache.ProgramCache, "_compile", lambda *args: order.append("compiled") or original(*args))

    class Listener:
        @hookimpl
        def modnet_fit_start(self) -> None:
            order.append("begun")

    fit(data, {"kind": "jax", "cache": "off"}, callbacks_given=[Listener()])
    assert order[:2] == ["begun", "compiled"]
