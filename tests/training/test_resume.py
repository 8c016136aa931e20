"""A training that was interrupted and resumed ends with the bits of one that was not interrupted."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from cli.running import ENVIRONMENT
from components.callbacks.strangers import Watch, installed
from training.resuming import Data, in_pieces, interrupted, same, small_blocks

import modnet
from modnet import (
    Callback,
    ConfigError,
    DataError,
    DivergenceError,
    Layer,
    ModelFileError,
    Optimizer,
    Solver,
    Sweep,
    Trainer,
    hookimpl,
)

KEPT = {"kind": "checkpoint", "keep": 2}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "batch": {"kind": "batch"},
    "stochastic": {"kind": "stochastic"},
    "mini-batch": {"kind": "mini-batch", "batch_size": 7},
}
RULES = ["plain", "momentum", "nesterov", "rmsprop", "adam"]
SCHEDULES = ["constant", "step", "exponential", "cosine", "inverse-scaling"]
DROPOUT = {"kind": "dropout", "rate": 0.3}
SAMPLES, EPOCHS = 60, 4


def configuration(optimizer: dict[str, Any], **more: Any) -> dict[str, Any]:
    table = {"epochs": EPOCHS, "network": {"layers": [5, 3]}, "data": {"validation_share": 0.2}, "callbacks": [KEPT]}
    return {**table, "optimizer": {"learning_rate": 0.05, **optimizer}, **more}


def cell(optimizer: str, rule: str, schedule: str, dropout: bool) -> dict[str, Any]:
    layers = [6, DROPOUT, 3] if dropout else [6, 3]
    return configuration({**OPTIMIZERS[optimizer], "rule": rule, "schedule": schedule}, network={"layers": layers})


POINTS = ["epoch boundary", "mid-epoch", "last batch"]
CELLS = [
    (optimizer, rule, SCHEDULES[(a + b + 2 * dropout + c) % 5], dropout, point)
    for (a, optimizer), (b, rule), dropout, (c, point) in itertools.product(
        enumerate(OPTIMIZERS), enumerate(RULES), (False, True), enumerate(POINTS)
    )
]
assert len(CELLS) == 90


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(SAMPLES, 4)), np.arange(SAMPLES) % 3


def updates_of(config: dict[str, Any], samples: int) -> int:
    return Trainer.from_config(config).config.optimizer.updates(samples)


def point_of(which: str, per_epoch: int) -> int:
    """Return after which update to interrupt: in the second epoch, where it has a middle."""
    return (
        per_epoch + {"epoch boundary": per_epoch, "mid-epoch": max(1, per_epoch // 2), "last batch": per_epoch}[which]
    )


def begin_again_from(folder: Path, which: str) -> Path:
    """Return the checkpoint to go on from: at a boundary the one that was written between two epochs."""
    found = sorted((folder / "checkpoints").iterdir())
    return found[-2] if which == "epoch boundary" else found[-1]


@pytest.mark.parametrize(("optimizer", "rule", "schedule", "dropout", "point"), CELLS[::7])
def test_it_ends_with_the_same_bits(
    data: Data, tmp_path: Path, optimizer: str, rule: str, schedule: str, dropout: bool, point: str
) -> None:
    config = cell(optimizer, rule, schedule, dropout)
    Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    after = point_of(point, updates_of(config, 48)) + (point == "epoch boundary")
    interrupted(config, data, tmp_path / "run", after)
    Trainer.resume(begin_again_from(tmp_path / "run", point), *data)
    same(tmp_path / "whole", tmp_path / "run")


FEW = [CELLS[47]]


def in_new_processes(tmp_path: Path, data: Data, which: tuple[str, str, str, bool, str]) -> None:
    """Train in this process, and in two others of which the second goes on where the first was interrupted."""
    *names, point = which
    np.savez(tmp_path / "data.npz", x=data[0], y=data[1])
    config = cell(*names)
    config["data"] |= {"kind": "npz", "path": str(tmp_path / "data.npz")}
    (tmp_path / "config.toml").write_text(modnet.load_config(config).to_toml())
    Trainer.from_config(config).fit(out=tmp_path / "whole")
    run = tmp_path / "run"
    after = point_of(point, updates_of(config, 48)) + (point == "epoch boundary")
    begun = train(tmp_path, after, "config.toml", "--out", str(run))
    assert begun.returncode == 130, begun.stderr
    updates = f"{after} update{'' if after == 1 else 's'}"
    assert begun.stderr == f"modnet: interrupted after {updates}; resume with: modnet train --resume {run}\n"
    checkpoint = begin_again_from(run, point)
    ended = train(tmp_path, 10**9, "--resume", str(checkpoint))
    kept = f"modnet: what came after {checkpoint.name} is kept as the run {run}/abandoned/1\n"
    assert (ended.returncode, ended.stderr) == (0, kept if point == "epoch boundary" else "")
    same(tmp_path / "whole", run)


def train(folder: Path, after: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    tests = str(Path(__file__).parents[1])
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([tests, ENVIRONMENT["PYTHONPATH"]])}
    command = [sys.executable, "-W", "error", "-m", "training.resuming", str(after), "train", *arguments, "--quiet"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("which", FEW, ids=str)
def test_a_new_process_goes_on_with_the_same_bits(data: Data, tmp_path: Path, which: Any) -> None:
    in_new_processes(tmp_path, data, which)


@pytest.mark.soak
@pytest.mark.parametrize("which", CELLS, ids=str)
def test_every_cell_goes_on_in_a_new_process(data: Data, tmp_path: Path, which: Any) -> None:
    in_new_processes(tmp_path, data, which)


class Centre(Layer):
    """A layer of a stranger, which keeps a running mean."""

    kind: Literal["centre"] = "centre"

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Any]:
        return {"mean": np.zeros(input_shape)}

    def forward(self, x: Any, ctx: Any) -> Any:
        if ctx.training:
            ctx.state["mean"] = 0.9 * ctx.state["mean"] + 0.1 * x.mean(axis=0)
        return x - ctx.state["mean"]

    def backward(self, delta: Any, ctx: Any) -> Any:
        del ctx
        return delta, {}


class Remembers(Solver):
    """Looks at cost, θ and rate before every update, remembers gradients, and makes a random number of updates."""

    kind: Literal["remembers"] = "remembers"

    def solve(self, problem: Any) -> None:
        seen = problem.state.setdefault("seen", [])
        for _ in range(int(problem.rng.integers(3, 6))):
            cost, gradient = problem.value_and_grad()
            seen.append([cost, gradient, float("inf"), np.float32(cost)])
            problem.state["mean"] = sum(entry[1] for entry in seen[-3:]) / 3
            problem.apply_gradient(problem.state["mean"] + 0.01 * problem.parameters * problem.learning_rate)


class Yields(Solver):
    """Steps on random halves of the samples, and may be interrupted before every step."""

    kind: Literal["yields"] = "yields"

    def updates(self, samples: int) -> int:
        return 5 if samples else 0

    def solve(self, problem: Any) -> Iterator[None]:
        problem.state["left"] = problem.state.get("left") or 5
        while problem.state["left"]:
            yield
            rows = problem.rng.permutation(problem.samples)[: problem.samples // 2]
            problem.apply_gradient(problem.value_and_grad(rows)[1])
            problem.state["left"] -= 1


class Twice(Optimizer):
    """Sweeps over some of the samples, and then over the others in batches of another size."""

    kind: Literal["twice"] = "twice"

    def updates(self, samples: int) -> int:
        return 12 if samples else 0

    def sweeps(self, data: Any, rng: Any, state: Any) -> list[Sweep]:
        order = rng.permutation(len(data))
        first = int(rng.integers(20, 30))
        state["epochs"] = state.get("epochs", 0) + 1
        return [Sweep(order[:first], 7), Sweep(order[first:], 4 + state["epochs"])]


class Writes(Solver):
    """Writes to θ and makes no update."""

    kind: Literal["writes"] = "writes"

    def solve(self, problem: Any) -> None:
        problem.parameters[...] -= problem.learning_rate * problem.value_and_grad()[1]


class Counts(Callback):
    """A stranger's callback, whose listener remembers what it heard."""

    kind: Literal["counts"] = "counts"
    ends: ClassVar[list[Any]] = []

    def listener(self) -> object:
        return _Counting()


class _Counting:
    def __init__(self) -> None:
        self.heard: list[int] = []

    def state_dict(self) -> Any:
        return {"heard": self.heard}

    def load_state_dict(self, state: Any) -> None:
        self.heard = state["heard"]

    @hookimpl
    def modnet_fit_start(self, training: Any) -> None:
        training.parameters[...] *= 0.5  # which a training that is gone on with must not see again

    @hookimpl
    def modnet_epoch_start(self, training: Any) -> None:
        self.heard.append(-1 - training.epoch)

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        self.heard.append(training.updates)

    @hookimpl
    def modnet_fit_end(self, training: Any) -> None:
        del training
        Counts.ends.append(self.heard)


LARGE = {"kind": "mini-batch", "batch_size": 1100}
STOPPING = {"kind": "early-stopping", "patience": 2, "minimum_gain": 1.0}
SPECIAL: dict[str, tuple[dict[str, Any], int, list[int]]] = {
    # the configuration, how many samples, after which updates it is interrupted
    "large batches": (configuration(LARGE, network={"layers": [6, DROPOUT, 3]}), 2600, [1, 2, 4]),
    "all samples in pieces": (configuration({"kind": "batch"}, network={"layers": [6, DROPOUT, 3]}), 2600, [1, 3]),
    "several blocks": (configuration({"kind": "mini-batch", "batch_size": 100}), 9000, [20, 41, 100, 200]),
    "two lanes": (cell("mini-batch", "adam", "cosine", True) | {"engine": {"threads": 2}}, SAMPLES, [3, 7, 10]),
    "two lanes, large": (
        configuration(LARGE, engine={"threads": 2}, network={"layers": [6, DROPOUT, 3]}),
        4500,
        [2, 5],
    ),
    "a layer with state": (configuration({"rule": "adam"}, network={"layers": [6, "centre", 3]}), SAMPLES, [3, 6]),
    "a layer with state at two sweeps": (
        configuration({"kind": "twice"}, network={"layers": ["centre", 6, DROPOUT, 3]}), SAMPLES, [2, 6, 16],
    ),
    "a solver": (configuration({"kind": "remembers"}, epochs=3), SAMPLES, [1, 5]),
    "a solver that yields": (configuration({"kind": "yields", "rule": "momentum"}, network={"layers": [6, DROPOUT, 3]}),
        SAMPLES, [1, 3, 4, 5, 6, 14]),
    "two sweeps": (configuration({"kind": "twice", "rule": "momentum"}), SAMPLES, [1, 4, 9, 12, 13, 20]),
    "no update": (configuration({"kind": "writes"}), SAMPLES, [0, 0]),
    "float32": (cell("mini-batch", "rmsprop", "step", True) | {"dtype": "float32"}, SAMPLES, [3, 10]),
    "scaling and a penalty": (
        configuration({}, data={"transforms": ["standard"]}, network={"layers": [3], "regularizers": ["l2"]}),
        SAMPLES,
        [3],
    ),
    "early stopping": (configuration({}, epochs=9, callbacks=[STOPPING, KEPT]), SAMPLES, [2, 8, 12]),
    "metrics": (configuration({}, metrics=["accuracy", "mean-squared-error"]), SAMPLES, [3, 10]),
    "a listener that remembers": (configuration({}, callbacks=[KEPT, "counts"]), SAMPLES, [1, 2, 7]),
    "a listener at two sweeps": (configuration({"kind": "twice"}, callbacks=["counts", KEPT]), SAMPLES, [6, 7]),
    "checkpoints all the time": (configuration({"kind": "mini-batch", "batch_size": 100}, epochs=2, callbacks=[
        {"kind": "checkpoint", "every_epochs": 0, "every_seconds": 1e-9, "keep": 1}]), 9000, [50]),
}  # fmt: skip


@pytest.fixture
def strangers() -> Iterator[None]:
    Watch.heard, Watch.at, Counts.ends = [], {}, []
    with installed(Watch, Centre, Remembers, Yields, Twice, Writes, Counts):
        yield


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize("name", SPECIAL)
def test_whatever_a_training_is_made_of(
    rng: np.random.Generator, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, samples, points = SPECIAL[name]
    if name == "several blocks":
        monkeypatch.undo()
    data = rng.normal(size=(samples, 4)), np.arange(samples) % 3
    whole = Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    again = in_pieces(config, data, tmp_path / "run", points)
    same(tmp_path / "whole", tmp_path / "run")
    assert (again.updates, again.stopped) == (whole.updates, whole.stopped)
    if Counts.ends:
        assert Counts.ends[0] == Counts.ends[-1] != []
    if name == "early stopping":
        assert whole.stopped is not None


def run_of(folder: Path, data: Data, **more: Any) -> dict[str, Any]:
    """Leave a run of four epochs, interrupted in its third, and return its configuration."""
    config = configuration({}, **more)
    interrupted(config, data, folder, 13)
    return config


def test_a_checkpoint_is_a_network_too(data: Data, tmp_path: Path) -> None:
    run_of(tmp_path / "run", data)
    found = sorted((tmp_path / "run" / "checkpoints").iterdir())
    assert [path.name for path in found] == [
        "epoch-00002-update-000000010.safetensors", "epoch-00002-update-000000013.safetensors",
    ]  # fmt: skip
    short = Trainer.from_config(configuration({}, epochs=2, callbacks=[])).fit(*data).network
    assert modnet.load(found[0]).predict(data[0]).tobytes() == short.predict(data[0]).tobytes()


@pytest.mark.parametrize("change", ["x", "y", "validation"])
def test_other_data_is_refused(data: Data, tmp_path: Path, change: str) -> None:
    x, y = data
    interrupted(configuration({}), (x, y), tmp_path / "run", 3, validation=(x[:9], y[:9]))
    other_x, other_y, watched = x.copy(), y.copy(), (x[:9], y[:9])
    if change == "x":
        other_x[17, 2] = np.nextafter(other_x[17, 2], 9.0)
    elif change == "y":
        other_y[17] = (other_y[17] + 1) % 3
    elif change == "validation":
        watched = (x[1:10], y[1:10])
    before = sorted(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    part = "validation" if change == "validation" else "training"
    with pytest.raises(
        DataError,
        match=rf"{part} samples: must be those of the interrupted run, .*epoch-00000-update-000000003\.safetensors",
    ):
        Trainer.resume(tmp_path / "run", other_x, other_y, validation=watched)
    assert sorted(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()) == before


def test_a_run_that_ended_says_so_and_may_be_gone_on_with_for_longer(data: Data, tmp_path: Path) -> None:
    Trainer.from_config(configuration({})).fit(*data, out=tmp_path / "run")
    with pytest.raises(
        ModelFileError, match="run: the run has ended after 4 epochs; pass a larger number of epochs to continue"
    ):
        Trainer.resume(tmp_path / "run", *data)
    with pytest.raises(ConfigError, match="epochs: 3 is fewer than the 4 completed epochs of "):
        Trainer.resume(tmp_path / "run", *data, epochs=3)
    Trainer.resume(tmp_path / "run", *data, epochs=7)
    Trainer.from_config(configuration({}, epochs=7)).fit(*data, out=tmp_path / "whole")
    same(tmp_path / "whole", tmp_path / "run")
    assert (tmp_path / "whole" / "config.toml").read_text() == (tmp_path / "run" / "config.toml").read_text()


def test_a_run_without_checkpoints_that_ended_cannot_go_on(data: Data, tmp_path: Path) -> None:
    interrupted(configuration({}, callbacks=[]), data, tmp_path / "run", 3)
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 1
    Trainer.resume(tmp_path / "run", *data)
    assert not (tmp_path / "run" / "checkpoints").exists()
    with pytest.raises(ModelFileError, match=r'ended and has no checkpoint to resume from; .*\["checkpoint"\]'):
        Trainer.resume(tmp_path / "run", *data)


def test_a_run_that_broke_off_between_its_last_checkpoint_and_its_model_is_finished(data: Data, tmp_path: Path) -> None:
    config = configuration({}, epochs=9, callbacks=[STOPPING, KEPT])
    whole = Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    Trainer.from_config(config).fit(*data, out=tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").unlink()
    again = Trainer.resume(tmp_path / "run", *data)
    assert (again.stopped, len(again.history)) == (whole.stopped, len(whole.history))
    same(tmp_path / "whole", tmp_path / "run")


def test_a_torn_history_is_mended(data: Data, tmp_path: Path) -> None:
    config = run_of(tmp_path / "run", data)
    history = tmp_path / "run" / "history.jsonl"
    history.write_text(history.read_text() + '{"epoch": 2, "cost": 0.12')
    (tmp_path / "run" / "checkpoints" / ".epoch-00002-update-000000014.safetensors.0123456789abcdef").write_bytes(
        b"torn"
    )
    Trainer.resume(tmp_path / "run", *data)
    Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    same(tmp_path / "whole", tmp_path / "run")
    assert not list((tmp_path / "run").rglob(".*"))


def test_a_damaged_checkpoint_is_named_beside_one_that_is_not(data: Data, tmp_path: Path) -> None:
    config = run_of(tmp_path / "run", data)
    good, last = sorted((tmp_path / "run" / "checkpoints").iterdir())
    content = bytearray(last.read_bytes())
    content[-1] ^= 1
    last.write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        Trainer.resume(tmp_path / "run", *data)
    assert str(caught.value).startswith(f"{last}: cannot be read: it is damaged")
    assert str(caught.value).endswith(f"; the training can be resumed from {good}")
    Trainer.resume(good, *data)
    Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    same(tmp_path / "whole", tmp_path / "run")


def test_what_is_no_run_and_no_checkpoint_is_refused(data: Data, tmp_path: Path) -> None:
    run_of(tmp_path / "run", data)
    stray = tmp_path / "stray.safetensors"
    stray.write_bytes(max((tmp_path / "run" / "checkpoints").iterdir()).read_bytes())
    Trainer.from_config(configuration({}, epochs=0)).fit(*data, out=tmp_path / "none")
    for path, match in [
        (tmp_path / "nowhere", "nowhere: no run folder or checkpoint is here"),
        (tmp_path, "is not a run folder"),
        (stray, "stray.safetensors: is not a checkpoint in RUN/checkpoints$"),
        (tmp_path / "none" / "model.safetensors", "is not a checkpoint in RUN"),
        (tmp_path / "none", "none: the run has ended and has no checkpoint"),
    ]:
        with pytest.raises(ModelFileError, match=match):
            Trainer.resume(path, *data)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "none", "stray.safetensors"}


def test_after_a_divergence_the_last_good_checkpoint_is_named(data: Data, tmp_path: Path) -> None:
    layers = [{"kind": "dense", "units": 3, "activation": "identity"}]
    config = configuration({"kind": "batch", "learning_rate": 4.0}, epochs=5000, network={"layers": layers})
    with pytest.raises(DivergenceError) as caught:
        Trainer.from_config(config).fit(data[0] * 3, data[1], out=tmp_path / "run")
    last = max((tmp_path / "run" / "checkpoints").iterdir())
    assert str(caught.value).endswith(f"; the last good checkpoint is {last}")
    assert caught.value.epoch == len((tmp_path / "run" / "history.jsonl").read_text().splitlines())
    assert np.isfinite(modnet.load(last).parameters).all()


def test_the_rate_in_the_history_is_that_of_the_first_update(data: Data) -> None:
    history = Trainer.from_config(configuration({"schedule": "cosine"}, callbacks=[])).fit(*data).history
    rates = [0.05 * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS)) for epoch in range(EPOCHS)]
    np.testing.assert_allclose([row["learning_rate"] for row in history], rates)


def test_what_no_file_can_keep_is_told(data: Data, tmp_path: Path) -> None:
    class Hoarder(Optimizer):
        kind: Literal["hoarder"] = "hoarder"

        def sweeps(self, data: Any, rng: Any, state: Any) -> list[Sweep]:
            del data, rng
            state["seen"] = [{1, 2}]
            return [Sweep(None, 10)]

    with installed(Hoarder), pytest.raises(ModelFileError) as caught:
        Trainer.from_config(configuration({"kind": "hoarder"})).fit(*data, out=tmp_path / "run")
    assert "not written: optimizer_state.seen.0 is of type set; allowed: None, booleans, integers" in str(caught.value)


def test_as_many_lanes_as_before_whatever_the_machine_has(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modnet.engines.numpy.threads.WORTHWHILE", 0.0)
    monkeypatch.setattr("modnet.engines.numpy.threads.cores", lambda: 3)
    config = configuration({"kind": "batch"}, network={"layers": [8, DROPOUT, 3]})
    Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    interrupted(config, data, tmp_path / "run", 2)
    monkeypatch.setattr("modnet.engines.numpy.threads.cores", lambda: 1)
    one = Trainer.from_config({**config, "callbacks": []}).fit(*data).network.parameters
    Trainer.resume(tmp_path / "run", *data)
    same(tmp_path / "whole", tmp_path / "run")
    assert one.tobytes() != modnet.load(tmp_path / "whole").parameters.tobytes()
