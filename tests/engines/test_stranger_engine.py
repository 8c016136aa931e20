"""An engine of a stranger: the loop trains, checkpoints, resumes and finds divergence through the seam alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from components.callbacks.strangers import installed
from training.resuming import in_pieces, interrupted, same, small_blocks

from modnet import (
    Block,
    ConfigError,
    DivergenceError,
    Engine,
    EngineSession,
    ModelFileError,
    Trainer,
    TrainingPlan,
    TrainState,
    UpdateContext,
)
from modnet.core import registry
from modnet.core.registry import Provider

Data = tuple[np.ndarray, np.ndarray]
STEP = 1e-5


class Differences(Engine):
    """∇ by central differences of the cost, nothing else: no workspace, no threads, no backward pass."""

    kind: Literal["differences"] = "differences"
    refuses: bool = False

    def start(self, plan: TrainingPlan) -> EngineSession:
        if self.refuses:
            raise ConfigError("engine: there is no such device here")
        return Session(plan)


class Session:
    version: ClassVar[str] = "1"

    def __init__(self, plan: TrainingPlan) -> None:
        self.network, self.samples, self.rule = plan.network, plan.samples, plan.config.optimizer.rule
        self.theta = self.network.parameters
        self.rule_state: dict[str, Any] = self.rule.init(self.theta)
        self.updates = 0
        self.fingerprint: Mapping[str, str | int | float] = {"version": self.version}
        self.closed = False

    def state(self) -> TrainState:
        return TrainState(self.theta.copy(), dict(self.rule_state), [{} for _ in self.network.layers], [], self.updates)

    def restore(self, state: TrainState) -> None:
        self.theta[...] = state.parameters
        self.rule_state, self.updates = dict(state.rule_state), state.updates

    def rows(self, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        return self.samples.x[rows], self.samples.targets.batch(rows, self.network.dtype, self.network.outputs)

    def cost(self, x: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean(self.network.cost(self.network.forward(x), y))) + self.network.penalty(len(x))

    def value_and_grad(self, rows: Any = None) -> tuple[float, np.ndarray]:
        x, y = self.rows(slice(None) if rows is None else rows)
        gradient, theta = np.empty_like(self.theta), self.theta
        for index, value in enumerate(theta.tolist()):
            theta[index] = value + STEP
            above = self.cost(x, y)
            theta[index] = value - STEP
            gradient[index] = (above - self.cost(x, y)) / (2 * STEP)
            theta[index] = value
        return self.cost(x, y), gradient

    def apply_gradient(self, gradient: np.ndarray, rate: float, momentum: float | None = None) -> None:
        context = UpdateContext(self.theta, rate, momentum, self.updates)
        step, self.rule_state = self.rule.update(gradient, self.rule_state, context)
        self.theta -= step
        self.updates += 1

    def run(self, block: Block, on_outputs: Any, on_update: Any = None) -> bool:
        finite = True
        for update, single in enumerate(block.single_updates()):
            x, y = self.rows(single.rows)
            finite = on_outputs(self.network.forward(x), y, None) and finite
            momentum = None if block.momenta is None else block.momenta[update]
            self.apply_gradient(self.value_and_grad(single.rows)[1], block.rates[update], momentum)
            if on_update is not None:
                on_update()
        return finite and bool(np.isfinite(self.theta).all())

    def last_cost(self) -> float:
        return math.nan

    def gradient_norm(self) -> float:
        return math.nan

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    with installed(Differences):
        yield


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(21, 4)), np.arange(21) % 3


def config(engine: Any = "differences", **changes: Any) -> dict[str, Any]:
    layers = [{"kind": "dense", "units": 3, "activation": "tanh"}, 3]
    optimizer = {"kind": "mini-batch", "batch_size": 5, "rule": "adam", "schedule": "one-cycle", "learning_rate": 0.05}
    table = {"epochs": 3, "engine": engine, "network": {"layers": layers, "regularizers": ["l2"]}}
    return table | {"optimizer": optimizer, "callbacks": ["checkpoint"]} | changes


def test_it_gives_what_the_numpy_engine_gives(data: Data) -> None:
    runs = [Trainer.from_config(config(engine, callbacks=[])).fit(*data) for engine in ("differences", "numpy")]
    np.testing.assert_allclose(runs[0].network.parameters, runs[1].network.parameters, rtol=1e-6, atol=1e-7)
    for ours, theirs in zip(*(run.history for run in runs), strict=True):
        assert ours.keys() == theirs.keys()
        assert ours["cost"] == pytest.approx(theirs["cost"], rel=1e-7)
        assert ours["learning_rate"] == theirs["learning_rate"]


def test_it_resumes_exactly(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    Trainer.from_config(config()).fit(*data, out=tmp_path / "whole")
    in_pieces(config(), data, tmp_path / "pieces", [2, 5, 9])
    same(tmp_path / "whole", tmp_path / "pieces")


def test_divergence_is_found_through_it(data: Data) -> None:
    optimizer = {"kind": "mini-batch", "batch_size": 5, "learning_rate": 1e160}
    layers = [{"kind": "dense", "units": 3, "activation": "identity"}] * 2
    found = []
    for engine in ("differences", "numpy"):
        with pytest.raises(DivergenceError) as caught:
            Trainer.from_config(config(engine, optimizer=optimizer, network={"layers": layers}, callbacks=[])).fit(
                *data
            )
        found.append((caught.value.epoch, caught.value.update, caught.value.layer))
    assert found[0] == found[1]


def test_it_is_closed_whatever_happens(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions: list[Session] = []

    def start(_: Differences, plan: TrainingPlan) -> Session:
        sessions.append(Session(plan))
        return sessions[-1]

    monkeypatch.setattr(Differences, "start", start)
    Trainer.from_config(config(callbacks=[])).fit(*data)
    with pytest.raises(DivergenceError):
        Trainer.from_config(config(callbacks=[], optimizer={"learning_rate": 1e300})).fit(data[0] * 1e9, data[1])
    assert [session.closed for session in sessions] == [True, True]


def test_where_it_cannot_start_nothing_is_left(data: Data, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^engine: there is no such device here$"):
        Trainer.from_config(config({"kind": "differences", "refuses": True})).fit(*data, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_engine_does_not_go_on_without_being_allowed_to(data: Data, tmp_path: Path) -> None:
    interrupted(config("numpy"), data, tmp_path / "run", 5)
    kept = sorted(path.read_bytes() for path in (tmp_path / "run" / "checkpoints").iterdir())
    with pytest.raises(ModelFileError) as caught:
        Trainer.resume(tmp_path / "run", *data, engine="differences")
    assert str(caught.value).endswith(
        ".safetensors: was written with engine numpy, here it is modnet-strange:differences, so the last bits would "
        "differ; allowed with --allow-other-engine (in Python: allow_other_engine=True)"
    )
    assert sorted(path.read_bytes() for path in (tmp_path / "run" / "checkpoints").iterdir()) == kept
    resumed = Trainer.resume(tmp_path / "run", *data, engine="differences", allow_other_engine=True)
    whole = Trainer.from_config(config("numpy")).fit(*data, out=tmp_path / "whole")
    assert resumed.config.engine.kind == "differences"
    np.testing.assert_allclose(resumed.network.parameters, whole.network.parameters, rtol=1e-6, atol=1e-7)


def test_another_number_of_threads_is_refused_too(data: Data, tmp_path: Path) -> None:
    interrupted(config({"kind": "numpy", "threads": 1}), data, tmp_path / "run", 5)
    with pytest.raises(ModelFileError, match="was written with threads 1, here it is 2, so the last bits would differ"):
        Trainer.resume(tmp_path / "run", *data, engine={"kind": "numpy", "threads": 2})
    two = {"kind": "numpy", "threads": 2}
    assert Trainer.resume(tmp_path / "run", *data, engine=two, allow_other_engine=True).updates == 15


def test_another_version_of_an_engine_or_of_a_plug_in_is_refused(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(config(), data, tmp_path / "run", 5)
    monkeypatch.setattr(Session, "version", "2")
    with pytest.raises(ModelFileError, match="was written with version 1, here it is 2, so the last bits would differ"):
        Trainer.resume(tmp_path / "run", *data)
    monkeypatch.undo()
    newer = registry.Registry()
    for part in registry.active():
        newer.add(
            [part.component], Provider("modnet-strange", "0.4") if part.component is Differences else part.provider
        )
    with (
        registry.using(newer),
        pytest.raises(ModelFileError, match=r"with modnet-strange \(plug-in\) 0\.3, here it is 0\.4, so the results"),
    ):
        Trainer.resume(tmp_path / "run", *data)
    assert Trainer.resume(tmp_path / "run", *data).updates == 15
