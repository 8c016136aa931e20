"""What a listener sees of a training, and what it may change: the learning rate, and whether it goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from components.callbacks.strangers import Watch, installed
from support import numeric_gradient
from training.resuming import Data, in_pieces, same, small_blocks

import modnet
from modnet import Callback, Run, Solver, Trainer, hookimpl

CONFIG: dict[str, Any] = {
    "epochs": 3,
    "network": {"layers": [4, 2]},
    "optimizer": {"kind": "mini-batch", "batch_size": 10, "learning_rate": 0.5},
}


class Acts(Callback):
    """Does at an event of one epoch, or after one update, what a test asks for; it keeps nothing."""

    kind: Literal["acts"] = "acts"
    event: str
    at: int
    factor: float | None = None
    reason: str | None = None

    def listener(self) -> object:
        return _Acting(self)


class _Acting:
    def __init__(self, options: Acts) -> None:
        self.options = options

    def _act(self, event: str, training: Any, at: int) -> None:
        options = self.options
        if (event, at) == (options.event, options.at):
            if options.factor is not None:
                training.learning_rate_factor = options.factor
            if options.reason is not None:
                training.stop(options.reason)

    @hookimpl
    def modnet_fit_start(self, training: Any) -> None:
        self._act("fit_start", training, 0)

    @hookimpl
    def modnet_epoch_start(self, training: Any) -> None:
        self._act("epoch_start", training, training.epoch)

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        self._act("batch_end", training, training.updates)

    @hookimpl
    def modnet_epoch_end(self, training: Any) -> None:
        self._act("epoch_end", training, training.epoch)

    @hookimpl
    def modnet_should_stop(self, training: Any) -> None:
        self._act("should_stop", training, training.epoch)

    @hookimpl
    def modnet_checkpoint_due(self, training: Any) -> None:
        self._act("checkpoint_due", training, training.updates)


class HalfSteps(Solver):
    """Makes four updates, and may be interrupted before each."""

    kind: Literal["half-steps"] = "half-steps"

    def solve(self, problem: Any) -> Iterator[None]:
        for _ in range(4 - problem.state.get("made", 0)):
            yield
            problem.apply_gradient(problem.value_and_grad()[1])
            problem.state["made"] = problem.state.get("made", 0) + 1
        problem.state["made"] = 0


@pytest.fixture(autouse=True)
def _strangers() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch, Acts, HalfSteps):
        yield


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(30, 3)), np.arange(30) % 2


def fit(data: Data, *callbacks: Any, **changes: Any) -> Run:
    return Trainer.from_config(CONFIG | {"callbacks": list(callbacks)} | changes).fit(*data)


def steps_with(data: Data, *callbacks: Any, **changes: Any) -> list[np.ndarray]:
    """Return θ at the start and after every update."""
    thetas: list[np.ndarray] = []
    Watch.at = {
        event: lambda training: thetas.append(training.parameters.copy()) for event in ("fit_start", "batch_end")
    }
    fit(data, *callbacks, "watch", **changes)
    Watch.at = {}
    return thetas


@pytest.mark.parametrize(
    ("event", "at", "first"),
    [("fit_start", 0, 1), ("epoch_start", 1, 4), ("batch_end", 1, 2), ("batch_end", 4, 5), ("batch_end", 3, 4),
     ("epoch_end", 0, 4), ("should_stop", 1, 7)],
)  # fmt: skip
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_next_update_is_made_at_the_new_rate(data: Data, event: str, at: int, first: int, schedule: str) -> None:
    """With plain gradient descent the step is proportional to the rate; θ before the change is the same."""
    optimizer = {**CONFIG["optimizer"], "schedule": schedule}
    usual = steps_with(data, optimizer=optimizer)
    changed = steps_with(data, {"kind": "acts", "event": event, "at": at, "factor": 0.25}, optimizer=optimizer)
    for index in range(first):
        np.testing.assert_array_equal(usual[index], changed[index])
    np.testing.assert_allclose(changed[first] - changed[first - 1], 0.25 * (usual[first] - usual[first - 1]), rtol=1e-9)


def test_a_large_batch_takes_the_new_rate_too(rng: np.random.Generator) -> None:
    data = rng.normal(size=(2400, 3)), np.arange(2400) % 2
    optimizer = {**CONFIG["optimizer"], "batch_size": 1200}
    usual = steps_with(data, optimizer=optimizer)
    changed = steps_with(data, {"kind": "acts", "event": "batch_end", "at": 1, "factor": 0.25}, optimizer=optimizer)
    np.testing.assert_allclose(changed[2] - changed[1], 0.25 * (usual[2] - usual[1]), rtol=1e-9)


def test_a_solver_takes_the_new_rate_too(data: Data) -> None:
    optimizer = {"kind": "half-steps", "learning_rate": 0.5}
    usual = steps_with(data, optimizer=optimizer)
    changed = steps_with(data, {"kind": "acts", "event": "batch_end", "at": 2, "factor": 3.0}, optimizer=optimizer)
    np.testing.assert_allclose(changed[3] - changed[2], 3.0 * (usual[3] - usual[2]), rtol=1e-9)


def test_the_history_has_the_rate_of_the_first_update(data: Data) -> None:
    run = fit(
        data,
        {"kind": "acts", "event": "epoch_start", "at": 0, "factor": 0.5},
        {"kind": "acts", "event": "batch_end", "at": 5, "factor": 0.1},
    )
    assert [row["learning_rate"] for row in run.history] == [0.25, 0.25, 0.05]


def test_the_view_tells_the_rate_in_force(data: Data) -> None:
    seen: list[tuple[float, float]] = []
    Watch.at = {"batch_end": lambda training: seen.append((training.learning_rate_factor, training.learning_rate))}
    fit(data, {"kind": "acts", "event": "batch_end", "at": 2, "factor": 2}, "watch", epochs=1)
    assert seen == [(1.0, 0.5), (2.0, 1.0), (2.0, 1.0)]


@pytest.mark.parametrize("factor", [0, -1.0, math.nan, math.inf, "half", None, 1j])
def test_a_factor_that_is_none_is_refused(data: Data, factor: Any) -> None:
    def change(training: Any) -> None:
        training.learning_rate_factor = factor

    Watch.at = {"epoch_start": change}
    with pytest.raises(ValueError, match=r"^learning_rate_factor: .* should be a finite number above 0"):
        fit(data, "watch")


@pytest.mark.parametrize("kind", ["cost", "norm"])
@pytest.mark.parametrize("layers", [[4, 2], [4, {"kind": "dropout", "rate": 0.4}, 2]])
@pytest.mark.parametrize("threads", [1, 2])
def test_cost_and_gradient_norm_are_those_of_the_last_update(
    data: Data, kind: str, layers: list[Any], threads: int
) -> None:
    """The norm follows from the step of plain gradient descent; the cost from the θ before, where nothing is random."""
    x, y = data[0], np.eye(2)[data[1]]
    seen: list[tuple[float, float, np.ndarray]] = []
    Watch.at = {
        "fit_start": lambda training: seen.append((0.0, 0.0, training.parameters.copy())),
        "batch_end": lambda training: seen.append(
            (training.last_cost, training.gradient_norm, training.parameters.copy())
        ),
    }
    network = {"layers": layers, "regularizers": [{"kind": "l2", "strength": 0.1}]}
    optimizer = {**CONFIG["optimizer"], "shuffle": False}
    run = fit((x, y), "watch", network=network, optimizer=optimizer, engine={"threads": threads})
    for index, (before, after) in enumerate(pairwise(seen)):
        if kind == "norm":
            np.testing.assert_allclose(after[1], np.linalg.norm((before[2] - after[2]) / 0.5), rtol=1e-9)
        elif len(layers) == 2:
            rows = slice(index % 3 * 10, index % 3 * 10 + 10)
            run.network.parameters[...] = before[2]
            np.testing.assert_allclose(after[0], np.mean(np.sum((run.network.predict(x[rows]) - y[rows]) ** 2, 1)) / 2)


def test_the_gradient_norm_is_that_of_the_differences(data: Data) -> None:
    norms: list[float] = []
    starts: list[np.ndarray] = []
    Watch.at = {
        "epoch_start": lambda training: starts.append(training.parameters.copy()),
        "batch_end": lambda training: norms.append(training.gradient_norm),
    }
    x, y = data[0], np.eye(2)[data[1]]
    regularizers = [{"kind": "l2", "strength": 0.1}]
    run = fit(
        (x, y), "watch", epochs=2, optimizer={"kind": "batch"}, network={"layers": [4, 2], "regularizers": regularizers}
    )
    for theta, norm in zip(starts, norms, strict=True):
        run.network.parameters[...] = theta
        np.testing.assert_allclose(norm, np.linalg.norm(numeric_gradient(run.network, x, y, l2=0.1)), rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["mini-batch", "batch", "half-steps"])
def test_what_is_frozen_has_no_part_in_the_gradient(data: Data, optimizer: str) -> None:
    thetas: list[np.ndarray] = []
    norms: list[float] = []
    Watch.at = {
        "fit_start": lambda training: thetas.append(training.parameters.copy()),
        "batch_end": lambda training: (norms.append(training.gradient_norm), thetas.append(training.parameters.copy())),
    }
    layers = [3, {"kind": "dense", "units": 4, "trainable": False}, 2]
    network = {"layers": layers, "regularizers": [{"kind": "l2", "strength": 0.1}]}
    fit(data, "watch", network=network, optimizer={"kind": optimizer, "learning_rate": 0.5})
    steps = [np.linalg.norm(before - after) / 0.5 for before, after in pairwise(thetas)]
    np.testing.assert_allclose(norms, steps, rtol=1e-9)


@pytest.mark.parametrize("rows", [1200, 2300])
def test_cost_and_norm_of_a_large_batch(rng: np.random.Generator, rows: int) -> None:
    x, y = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2))
    figures: list[tuple[float, float]] = []
    thetas: list[np.ndarray] = []
    Watch.at = {
        "epoch_start": lambda training: thetas.append(training.parameters.copy()),
        "batch_end": lambda training: figures.append((training.last_cost, training.gradient_norm)),
    }
    run = fit((x, y), "watch", epochs=1, optimizer={"kind": "batch", "learning_rate": 0.25})
    ((cost, norm),) = figures
    assert cost == pytest.approx(run.history[0]["cost"], rel=1e-12)
    assert norm == pytest.approx(np.linalg.norm(run.network.parameters - thetas[0]) / 0.25, rel=1e-9)


def test_cost_and_norm_of_a_solvers_update(data: Data) -> None:
    figures: list[tuple[float, float]] = []
    thetas: list[np.ndarray] = []
    Watch.at = {"batch_end": lambda training: (figures.append((training.last_cost, training.gradient_norm)),
                                               thetas.append(training.parameters.copy()))}  # fmt: skip
    x, y = data[0], np.eye(2)[data[1]]
    run = fit((x, y), "watch", epochs=1, optimizer={"kind": "half-steps", "learning_rate": 0.5})
    run.network.parameters[...] = thetas[1]
    np.testing.assert_allclose(figures[2][0], np.mean(np.sum((run.network.predict(x) - y) ** 2, 1)) / 2)
    np.testing.assert_allclose(figures[2][1], np.linalg.norm(thetas[2] - thetas[1]) / 0.5)


@pytest.mark.parametrize("event", ["fit_start", "epoch_start", "epoch_end", "should_stop", "fit_end"])
@pytest.mark.parametrize("name", ["last_cost", "gradient_norm"])
def test_they_are_there_after_an_update_only(data: Data, event: str, name: str) -> None:
    Watch.at = {event: lambda training: getattr(training, name)}
    with pytest.raises(RuntimeError, match=rf"^training\.{name} is there in modnet_batch_end only"):
        fit(data, "watch")


def test_nothing_is_computed_where_nobody_asks(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    session = "modnet.engines.numpy.session.NumpySession"
    for name in ("last_cost", "gradient_norm", "_mean_cost"):
        monkeypatch.setattr(f"{session}.{name}", lambda *_, name=name: asked.append(name))
    fit(data, "watch")
    assert asked == []


@pytest.mark.parametrize(
    ("event", "at", "epochs", "updates"),
    [
        ("fit_start", 0, 0, 0),
        ("epoch_start", 1, 2, 3),
        ("batch_end", 4, 2, 4),
        ("batch_end", 6, 2, 6),
        ("epoch_end", 1, 2, 6),
        ("should_stop", 0, 1, 3),
    ],
)
def test_a_training_that_is_stopped_ends_after_the_block(
    data: Data, monkeypatch: pytest.MonkeyPatch, event: str, at: int, epochs: int, updates: int
) -> None:
    small_blocks(monkeypatch)
    run = fit(data, {"kind": "acts", "event": event, "at": at, "reason": "enough"}, "watch")
    assert (run.stopped, len(run.history), run.updates) == ("enough", epochs, updates)
    heard = [name for _, name, _ in Watch.heard]
    assert heard.count("epoch_start") == heard.count("epoch_end") == epochs
    assert heard[-1] == "fit_end"
    assert all(math.isfinite(row["cost"]) for row in run.history)


def test_the_row_of_an_epoch_that_is_cut_short_is_of_its_samples(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    seen: list[float] = []
    Watch.at = {"batch_end": lambda training: seen.append(training.last_cost)}
    run = fit(data, "watch", {"kind": "acts", "event": "batch_end", "at": 5, "reason": "enough"})
    assert run.history[1]["cost"] == pytest.approx(np.mean(seen[3:]))


def test_the_updates_under_way_are_still_made(data: Data) -> None:
    run = fit(data, {"kind": "acts", "event": "batch_end", "at": 1, "reason": "enough"})
    assert (run.updates, len(run.history)) == (3, 1)


def test_a_solver_is_stopped_where_it_yields(data: Data) -> None:
    run = fit(
        data, {"kind": "acts", "event": "batch_end", "at": 6, "reason": "enough"}, optimizer={"kind": "half-steps"}
    )
    assert (run.updates, len(run.history), run.stopped) == (6, 2, "enough")


def test_the_first_reason_is_kept(data: Data) -> None:
    acts = [{"kind": "acts", "event": "batch_end", "at": at, "reason": f"after {at}"} for at in (3, 2)]
    assert fit(data, *acts, {"kind": "watch", "stop_after": 1}).stopped == "after 2"


@pytest.mark.parametrize("reason", ["", None, 3])
def test_a_reason_that_is_none_is_refused(data: Data, reason: Any) -> None:
    Watch.at = {"epoch_end": lambda training: training.stop(reason)}
    with pytest.raises(ValueError, match=r"^reason: .* should be a text that says why the training stops"):
        fit(data, "watch")


CHANGES: dict[str, list[dict[str, Any]]] = {
    "rate, within an epoch": [{"event": "batch_end", "at": 2, "factor": 0.3}],
    "rate, at epochs' ends": [
        {"event": "epoch_end", "at": 0, "factor": 0.3}, {"event": "epoch_start", "at": 2, "factor": 2.0},
    ],
    "stop, within an epoch": [{"event": "batch_end", "at": 5, "reason": "enough"}],
    "stop, at a checkpoint": [{"event": "checkpoint_due", "at": 5, "reason": "enough"}],
    "stop, at an epoch's end": [{"event": "epoch_end", "at": 1, "reason": "enough"}],
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("points", [[1], [2], [3], [4], [1, 3, 4], [5]], ids=str)
@pytest.mark.parametrize("optimizer", ["mini-batch", "half-steps"])
def test_a_resumed_training_ends_with_the_same_bits(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, points: list[int], optimizer: str
) -> None:
    small_blocks(monkeypatch)
    if points == [5] and name.startswith("stop"):
        points = [4]
    config = {
        **CONFIG,
        "optimizer": {"kind": optimizer, "schedule": "cosine", "learning_rate": 0.5},
        "callbacks": ["checkpoint", *({"kind": "acts", **options} for options in CHANGES[name])],
    }
    whole = Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    again = in_pieces(config, data, tmp_path / "run", points)
    same(tmp_path / "whole", tmp_path / "run")
    assert (again.stopped, again.updates) == (whole.stopped, whole.updates)
    assert (whole.stopped == "enough") is name.startswith("stop")


def test_a_checkpoint_within_the_epoch_that_was_stopped_ends_it(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    often = {"kind": "checkpoint", "every_seconds": 1e-9, "keep": 99}
    config = CONFIG | {"callbacks": [{"kind": "acts", "event": "batch_end", "at": 5, "reason": "enough"}, often]}
    Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    Trainer.from_config(config).fit(*data, out=tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").unlink()
    last = tmp_path / "run" / "checkpoints" / "epoch-00001-update-000000005.safetensors"
    run = Trainer.resume(last, *data)
    assert (run.stopped, run.updates, len(run.history)) == ("enough", 5, 2)
    same(tmp_path / "whole", tmp_path / "run")


def test_one_that_was_stopped_can_be_resumed_for_longer(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    config = CONFIG | {"callbacks": [{"kind": "acts", "event": "batch_end", "at": 4, "reason": "enough"}, "checkpoint"]}
    Trainer.from_config(config).fit(*data, out=tmp_path / "run")
    with pytest.raises(modnet.ModelFileError, match="the run has ended after 2 epochs, because enough"):
        Trainer.resume(tmp_path / "run", *data)
    run = Trainer.resume(tmp_path / "run", *data, epochs=4)
    assert (run.stopped, run.updates, len(run.history)) == (None, 10, 4)
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert rows == run.history
