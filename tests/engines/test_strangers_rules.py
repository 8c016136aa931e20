"""What a stranger's optimizer can express without a change to the core: rules by layer, samplers, solvers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from components.callbacks.strangers import installed
from support import numeric_gradient
from training.resuming import in_pieces, same, small_blocks

from modnet import (
    Array,
    Optimizer,
    Problem,
    Solver,
    Sweep,
    Trainer,
    TrainingData,
    UpdateContext,
    UpdateRule,
    namespace,
)
from modnet.components.layers import Dense
from modnet.components.optimizers import Batch, MiniBatch
from modnet.components.update_rules import Plain
from modnet.config.run_config import RunConfig
from modnet.core.component import Component
from modnet.core.random import Stream, generator
from modnet.testing import check_component

Data = tuple[np.ndarray, np.ndarray]


class Lars(UpdateRule):
    """∇ of every array times 0.05 ‖w‖/(‖∇‖ + 10⁻⁹): a rate of its own for every layer."""

    kind: Literal["lars"] = "lars"

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        xp, pieces = namespace(gradient), []
        for part in context.layout or [None]:
            rows = slice(None) if part is None else slice(part.start, part.stop)
            own, theta = gradient[rows], context.parameters[rows]
            norms = [xp.sqrt(xp.sum(array * array)) for array in (theta, own)]
            pieces.append(own * (0.05 * norms[0] / (norms[1] + 1e-9)))
        return context.learning_rate * xp.concat(pieces), state


class Muon(UpdateRule):
    """Momentum whose matrices are made orthogonal (UVᵀ of their singular value decomposition); vectors are plain."""

    kind: Literal["muon"] = "muon"

    def init(self, parameters: Array) -> dict[str, Any]:
        return {"velocity": namespace(parameters).zeros_like(parameters)}

    def update(self, gradient: Array, state: dict[str, Any], context: UpdateContext) -> tuple[Array, dict[str, Any]]:
        xp, velocity = namespace(gradient), 0.9 * state["velocity"] + gradient
        pieces = []
        for part in context.layout:
            own = velocity[part.start : part.stop]
            if part.name == "weights":
                u, _, v = xp.linalg.svd(xp.reshape(own, part.shape), full_matrices=False)
                own = xp.reshape(u @ v, (-1,))
            pieces.append(own)
        return context.learning_rate * (xp.concat(pieces) if pieces else velocity), {"velocity": velocity}


class Balanced(Optimizer):
    """Every class as often as the others: its samples are drawn with replacement, with a class by turns."""

    kind: Literal["balanced"] = "balanced"

    def updates(self, samples: int) -> int:
        return -(-samples // 6)

    def sweeps(self, data: TrainingData, rng: np.random.Generator, state: dict[str, Any]) -> list[Sweep]:
        state["epochs"] = state.get("epochs", 0) + 1
        members = [np.flatnonzero(data.labels == label) for label in np.unique(data.labels)]
        order = [rng.choice(members[turn % len(members)]) for turn in range(len(data))]
        return [Sweep(np.array(order), 6)]


class ConjugateGradients(Solver):
    """Steps along d = β d − g over mini-batches, β = max(0, g·(g − g_old)/g_old·g_old) (Polak and Ribière)."""

    kind: Literal["conjugate-gradients"] = "conjugate-gradients"

    def updates(self, samples: int) -> int:
        return -(-samples // 12)

    def solve(self, problem: Problem) -> Any:
        if "order" not in problem.state:  # else it goes on where it was interrupted
            problem.state |= {"order": problem.rng.permutation(problem.samples), "next": 0}
        while problem.state["next"] < problem.samples:
            rows = problem.state["order"][problem.state["next"] : problem.state["next"] + 12]
            _, gradient = problem.value_and_grad(rows)
            direction = -gradient
            old = problem.state.get("gradient")
            if old is not None:
                beta = max(0.0, float(gradient @ (gradient - old) / (old @ old)))
                direction = direction + beta * problem.state["direction"]
            problem.state |= {"gradient": gradient, "direction": direction, "next": problem.state["next"] + 12}
            problem.apply_gradient(-direction)
            yield
        del problem.state["order"], problem.state["next"]


PARTS = [Lars, Muon, Balanced, ConjugateGradients]


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(24, 5)), np.arange(24) % 3


def config(optimizer: Optimizer) -> RunConfig:
    layers = (Dense(units=4, activation="tanh"), Dense(units=3))
    return RunConfig(epochs=3, seed=4, network={"layers": layers}, optimizer=optimizer)


def test_a_rule_has_a_rate_of_its_own_for_every_array(data: Data) -> None:
    """One update of the whole, with its norms taken from the network's own arrays, not from a layout."""

    def trained(rule: UpdateRule, epochs: int) -> list[np.ndarray]:
        table = config(Batch(rule=rule, learning_rate=0.5)).model_copy(update={"epochs": epochs})
        network = Trainer(table).fit(*data).network
        return [array for layer in network.layers for array in layer.parameters.values()]

    before, plain, scaled = trained(Plain(), 0), trained(Plain(), 1), trained(Lars(), 1)
    for start, other, found in zip(before, plain, scaled, strict=True):
        gradient = (start - other) / 0.5
        expected = start - 0.5 * 0.05 * np.linalg.norm(start) / np.linalg.norm(gradient) * gradient
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_steps_of_matrices_are_orthogonal(data: Data) -> None:
    runs = [
        Trainer(config(Batch(rule=Muon(), learning_rate=0.25)).model_copy(update={"epochs": epochs})).fit(*data)
        for epochs in (0, 1)
    ]
    for before, after in zip(*(run.network.layers for run in runs), strict=True):
        step = (before.weights - after.weights) / 0.25
        np.testing.assert_allclose(step @ step.T, np.eye(len(step)), atol=1e-12)


def test_a_sampler_sees_the_labels(data: Data) -> None:
    class Labels:
        labels = np.array([0] * 90 + [1] * 9 + [2])

        def __len__(self) -> int:
            return 100

    state: dict[str, Any] = {}
    (sweep,) = Balanced().sweeps(Labels(), np.random.default_rng(1), state)
    assert np.bincount(Labels.labels[sweep.order]).tolist() == [34, 33, 33]
    assert state == {"epochs": 1}
    assert Trainer(config(Balanced(learning_rate=0.1))).fit(*data).updates == 12


def test_conjugate_gradients_are_those_of_a_plain_loop(data: Data) -> None:
    """By itself on the network's cost, its gradient by central differences."""
    solver = ConjugateGradients(learning_rate=0.3)
    found = Trainer(config(solver).model_copy(update={"epochs": 1})).fit(*data).network
    network = Trainer(config(solver).model_copy(update={"epochs": 0})).fit(*data).network
    order = generator(4, Stream.ORDER).permutation(24).reshape(-1, 12)
    old = direction = None
    for rows in order:
        gradient = numeric_gradient(network, data[0][rows], np.eye(3)[data[1][rows]])
        beta = 0.0 if old is None else max(0.0, float(gradient @ (gradient - old) / (old @ old)))
        direction = -gradient if direction is None else beta * direction - gradient
        network.parameters += 0.3 * direction
        old = gradient
    np.testing.assert_allclose(found.parameters, network.parameters, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_they_conform(part: type[Component]) -> None:
    check_component(part).raise_for_failures()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_they_resume_exactly(
    part: type[Component], data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    optimizer = part() if issubclass(part, Optimizer) else MiniBatch(rule=part(), batch_size=5)
    with installed(*PARTS):
        table = config(optimizer).to_config() | {"callbacks": ["checkpoint"]}
        Trainer.from_config(table).fit(*data, out=tmp_path / "whole")
        in_pieces(table, data, tmp_path / "pieces", [1, 3, 4])
    same(tmp_path / "whole", tmp_path / "pieces")
