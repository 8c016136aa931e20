"""The paths of optimizers, and the cost on planes through parameter space, against NumPy alone."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import pytest
from components.callbacks.strangers import installed
from engines.test_strangers_layers import Normalisation

import modnet
from modnet import Callback, Optimizer, Solver, Sweep, Trainer, hookimpl, load_config
from modnet.analysis.landscape import landscape as module
from modnet.analysis.landscape.landscape import Surface, surface
from modnet.analysis.landscape.projection import TrajectoryPoints, random_axes

SMALL = {"epochs": 3, "network": {"layers": [6, 10], "regularizers": [{"kind": "l2", "strength": 0.01}]}}


@pytest.fixture(scope="module")
def digits() -> modnet.Data:
    return load_config().data.load()


@pytest.fixture(scope="module")
def small() -> Surface:
    return surface(SMALL, resolution=7)


def cost_at(theta: np.ndarray, x: np.ndarray, labels: np.ndarray, hidden: int = 6, strength: float = 0.01) -> float:
    """Return ½ Σ (a − y)² in the mean over samples, and ½λ Σ w²; θ has all weights first, then all biases."""
    cuts = np.cumsum([hidden * 64, 10 * hidden, hidden])
    w1, w2, b1, b2 = np.split(theta, cuts)
    a = 1.0 / (1.0 + np.exp(-(x @ w1.reshape(hidden, 64).T + b1)))
    a = 1.0 / (1.0 + np.exp(-(a @ w2.reshape(10, hidden).T + b2)))
    error = a - np.eye(10)[labels]
    return float(0.5 * np.mean(np.sum(error**2, axis=1)) + 0.5 * strength * np.sum(theta[: cuts[1]] ** 2))


def test_what_is_drawn_is_the_cost_of_those_parameters(small: Surface, digits: modnet.Data) -> None:
    x, labels = digits.train
    assert len(small.views) == 2
    for view in small.views:
        origin, (d1, d2) = view.plane.origin, view.plane.axes
        assert len(view.plane.coordinates) == len(small.paths)
        for places, drawn in zip(view.plane.coordinates, view.projected_costs, strict=True):
            for (u, v), cost in list(zip(places, drawn, strict=True))[::5]:
                assert cost == pytest.approx(cost_at(origin + u * d1 + v * d2, x, labels), rel=0, abs=1e-10)
        for row, column in ((0, 0), (2, 5), (6, 1)):
            theta = origin + view.along[column] * d1 + view.across[row] * d2
            assert view.costs[row, column] == pytest.approx(cost_at(theta, x, labels), rel=0, abs=1e-10)


def test_a_path_ends_where_a_training_of_its_own_does(small: Surface, digits: modnet.Data) -> None:
    x, labels = digits.train
    start = Trainer.from_config({**SMALL, "epochs": 0}).fit().network.parameters
    plane = small.views[0].plane
    updates = {"batch": 3, "stochastic": 3 * 1437, "mini-batch": 3 * 144}
    assert [path.optimizer for path in small.paths] == list(updates)
    for path, places in zip(small.paths, plane.coordinates, strict=True):
        end = Trainer.from_config({**SMALL, "optimizer": {"kind": path.optimizer}}).fit().network.parameters
        for index, theta in ((0, start), (-1, end)):
            assert path.costs[index] == pytest.approx(cost_at(theta, x, labels), rel=0, abs=1e-10)
            assert places[index] == pytest.approx(plane.axes @ (theta - plane.origin), abs=1e-9)
        assert (path.updates[0], path.passes[0]) == (0, 0.0)
        assert (path.updates[-1], path.passes[-1]) == (updates[path.optimizer], 3.0)
        assert (np.diff(path.updates) > 0).all()
        assert (np.diff(path.passes) > 0).all()


def test_batch_is_smooth_stochastic_noisy_and_mini_batch_between() -> None:
    found = surface({"epochs": 5, "optimizer": {"learning_rate": 1.0}}, resolution=2)
    batch, stochastic, mini_batch = found.paths
    assert batch.rises == 0
    assert 1.0 <= batch.detour < 2.0 < 3.0 * batch.detour < mini_batch.detour < stochastic.detour / 1.5
    shares = [path.rises / len(path.costs) for path in found.paths]
    assert shares[0] < shares[2] < shares[1]


class _Follow(Callback):
    kind: Literal["follow"] = "follow"

    def listener(self) -> object:
        return _Following()


class _Following:
    steps: list[float]

    @hookimpl
    def modnet_fit_start(self, training: Any) -> None:
        _Following.steps = []
        self.before = training.parameters.copy()

    @hookimpl
    def modnet_batch_end(self, training: Any) -> None:
        _Following.steps.append(float(np.linalg.norm(training.parameters - self.before)))
        self.before = training.parameters.copy()


def test_the_detour_counts_every_update(small: Surface) -> None:
    config = load_config(SMALL).model_copy(update={"callbacks": (_Follow(),)})
    start = Trainer.from_config({**SMALL, "epochs": 0}).fit().network.parameters
    end = Trainer(config).fit().network.parameters
    assert len(_Following.steps) == 3 * 144 > len(small.paths[2].updates)
    expected = sum(_Following.steps) / np.linalg.norm(end - start)
    assert small.paths[2].detour == pytest.approx(expected, rel=1e-12)


def test_the_principal_plane_is_that_of_the_singular_value_decomposition(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modnet.analysis.landscape.projection._BLOCK", 1000)
    lengths, size = (4, 30, 11), 3001
    start = rng.normal(size=size)
    bases = rng.normal(size=(3, size))
    paths = []
    for length, base in zip(lengths, bases, strict=True):
        steps = 0.01 * rng.normal(size=(length - 1, size)) + 0.1 * base
        paths.append(list(start + np.concatenate([np.zeros((1, size)), np.cumsum(steps, axis=0)])))
    plane = TrajectoryPoints(paths).principal_plane(0)

    every = np.concatenate(paths)
    weights = np.repeat([1 / (3 * length) for length in lengths], lengths)
    mean = np.average(every, axis=0, weights=weights)
    values, right = np.linalg.svd(np.sqrt(weights)[:, None] * (every - mean), full_matrices=False)[1:]
    assert plane.origin == pytest.approx(mean, abs=1e-12)
    assert plane.share == pytest.approx(np.sum(values[:2] ** 2) / np.sum(values**2), rel=1e-9)
    assert plane.axes @ plane.axes.T == pytest.approx(np.eye(2), abs=1e-12)
    assert np.abs(np.diagonal(plane.axes @ right[:2].T)) == pytest.approx([1, 1], abs=1e-9)
    assert (plane.axes @ (mean - start) > 0).all()
    for path, places in zip(paths, plane.coordinates, strict=True):
        assert places == pytest.approx((np.array(path) - mean) @ plane.axes.T, abs=1e-9)


def test_a_straight_path_has_a_plane_too(rng: np.random.Generator) -> None:
    start, direction = rng.normal(size=(2, 50))
    line = TrajectoryPoints([[start, start + direction, start + 3 * direction]])
    plane = line.principal_plane(7)
    assert plane.share == pytest.approx(1.0)
    assert plane.axes @ plane.axes.T == pytest.approx(np.eye(2), abs=1e-12)
    assert plane.coordinates[0][:, 1] == pytest.approx(np.zeros(3), abs=1e-12)
    assert np.array_equal(plane.axes, line.principal_plane(7).axes)
    assert not np.allclose(plane.axes[1], line.principal_plane(8).axes[1])
    still = TrajectoryPoints([[start, start]]).principal_plane(0)
    assert (still.share, still.coordinates[0].tolist()) == (1.0, [[0.0, 0.0]] * 2)
    assert still.axes @ still.axes.T == pytest.approx(np.eye(2), abs=1e-12)


def test_random_directions_are_as_long_as_each_layer() -> None:
    network = Trainer.from_config({**SMALL, "epochs": 0}).fit().network
    axes = random_axes(network, 3)
    assert np.array_equal(axes, random_axes(network, 3))
    assert not np.allclose(axes, random_axes(network, 4))
    theta = network.parameters
    for first, second in ((slice(0, 384), slice(444, 450)), (slice(384, 444), slice(450, 460))):  # W and b of a layer
        own, drawn = (np.hypot(np.linalg.norm(v[first]), np.linalg.norm(v[second])) for v in (theta, axes[0]))
        assert drawn == pytest.approx(own, rel=1e-12)
    assert abs(axes[0] @ axes[1]) < 0.2 * (axes[0] @ axes[0])


def test_on_a_random_plane_points_are_drawn_at_the_feet_of_their_perpendiculars(digits: modnet.Data) -> None:
    found = surface(SMALL, ["batch"], directions="random", resolution=3)
    end = Trainer.from_config({**SMALL, "optimizer": {"kind": "batch"}}).fit().network.parameters
    view, closer = found.views
    plane = view.plane
    assert plane is closer.plane
    expected, residual = np.linalg.lstsq(plane.axes.T, end - plane.origin)[:2]
    assert plane.coordinates[0][-1] == pytest.approx(expected, rel=1e-9)
    assert plane.coordinates[0][0] == pytest.approx([0, 0], abs=1e-12)
    assert residual[0] > 0
    assert (view.along[0], view.along[-1]) == (-1.0, 1.0)
    assert closer.along[-1] - closer.along[0] < 0.5
    start = found.paths[0].costs[0]
    assert view.projected_costs[0][0] == pytest.approx(start, abs=1e-10)
    assert view.costs[1, 1] == pytest.approx(cost_at(plane.origin, *digits.train), abs=1e-10)


class ManyUpdates(Optimizer):
    """Says nothing of how many updates it makes, and makes a thousand an epoch."""

    kind: Literal["many-updates"] = "many-updates"

    def sweeps(self, data: Any, rng: Any, state: Any) -> list[Sweep]:
        del state
        return [Sweep(rng.permutation(len(data))[:1000], 1)]


class WritesTheta(Solver):
    """Writes to θ itself and makes no update."""

    kind: Literal["solver"] = "solver"

    def solve(self, problem: Any) -> None:
        _, gradient = problem.value_and_grad()
        problem.parameters[...] = problem.parameters - 0.5 * gradient


def test_strangers_optimizers_have_paths_too() -> None:
    config = {"epochs": 12, "network": {"layers": [10]}}
    with installed(ManyUpdates, WritesTheta):
        found = surface(config, ["many-updates", "solver", "batch"], resolution=2)
        ends = [Trainer.from_config({**config, "optimizer": {"kind": kind}}).fit() for kind in ("solver", "batch")]
    many, solver, batch = found.paths
    assert (many.updates[-1], many.passes[-1]) == (12_000, 12.0)
    assert many.updates[:9].tolist() == list(range(9))
    assert 100 < len(many.updates) < 500
    at = {int(made): passes for made, passes in zip(many.updates, many.passes, strict=True)}
    assert all(passes == pytest.approx(made / 1000) for made, passes in at.items())
    assert (solver.updates.tolist(), solver.passes.tolist()) == (list(range(13)), list(range(13)))
    plane = found.views[0].plane
    for run, places in zip(ends, plane.coordinates[1:], strict=True):
        assert places[-1] == pytest.approx(plane.axes @ (run.network.parameters - plane.origin), abs=1e-9)
    assert batch.updates.tolist() == list(range(13))


def test_points_are_few_however_many_updates_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"epochs": 40, "network": {"layers": [10]}}
    usual = surface(config, ["mini-batch"], resolution=2).paths[0]
    assert 100 <= len(usual.updates) <= 160
    assert usual.updates[-1] == 5760
    monkeypatch.setattr(module, "_MEMORY", 100)  # as if the network were large
    fewer = surface(config, ["mini-batch"], resolution=2).paths[0]
    assert 20 <= len(fewer.updates) <= 50
    assert (fewer.updates[-1], fewer.costs[-1]) == (5760, usual.costs[-1])


def test_callbacks_of_the_configuration_stay_out_of_it() -> None:
    stop = {"kind": "early-stopping", "monitor": "cost", "minimum_gain": 9.0, "patience": 1}
    config = {**SMALL, "epochs": 6, "callbacks": [stop]}
    assert surface(config, ["batch"], resolution=2).paths[0].passes[-1] == 6.0


def test_some_of_many_samples_are_enough(digits: modnet.Data) -> None:
    found = surface({**SMALL, "epochs": 1}, ["batch"], samples=50, resolution=2)
    again = surface({**SMALL, "epochs": 1}, ["batch"], samples=50, resolution=2)
    whole = surface({**SMALL, "epochs": 1}, ["batch"], samples=1437, resolution=2)
    assert ((found.samples, found.total_samples), (whole.samples, whole.total_samples)) == ((50, 1437), (1437, 1437))
    start = Trainer.from_config({**SMALL, "epochs": 0}).fit().network.parameters
    x, labels = digits.train
    each = np.array([cost_at(start, x[i : i + 1], labels[i : i + 1]) for i in range(len(x))])
    cost = found.paths[0].costs[0]
    assert cost == again.paths[0].costs[0] != whole.paths[0].costs[0] == pytest.approx(each.mean(), abs=1e-10)
    assert abs(cost - each.mean()) < 5 * each.std() / np.sqrt(50)


def test_a_seed_means_one_surface() -> None:
    config = {**SMALL, "epochs": 1}
    plain, again = (surface(config, resolution=3).to_dict() for _ in range(2))
    other = surface({**config, "seed": 1}, resolution=3).to_dict()
    assert json.dumps(plain, allow_nan=False) == json.dumps(again)
    assert plain["views"][0]["share"] != other["views"][0]["share"]
    assert set(plain) == {"epochs", "seed", "cost", "samples", "of", "directions", "paths", "views"}
    counts = [len(path["costs"]) for path in plain["paths"]]
    assert [len(path["drawn"]) for path in plain["views"][0]["paths"]] == counts


def test_what_is_not_finite_is_none_in_plain_data(small: Surface) -> None:
    view = small.views[0]
    view.costs[0, 0], before = np.inf, view.costs[0, 0]
    try:
        assert small.to_dict()["views"][0]["costs"][0][0] is None
    finally:
        view.costs[0, 0] = before


def test_data_of_ones_own_float32_and_layers_with_state(rng: np.random.Generator) -> None:
    x = rng.normal(size=(60, 5))
    data = modnet.Data((x, (x[:, 0] > 0).astype(int)))
    config = {"epochs": 4, "dtype": "float32", "network": {"layers": [4, {"kind": "normalisation"}, 2]}}
    with installed(Normalisation):
        found = surface(config, ["batch", "mini-batch"], data=data, resolution=3)
    assert found.total_samples == 60
    assert all(np.isfinite(view.costs).all() for view in found.views)
    assert found.paths[1].costs[-1] < found.paths[1].costs[0]


def test_progress_is_told_of_every_part() -> None:
    heard: list[tuple[str, int, int]] = []
    surface({**SMALL, "epochs": 2}, ["batch"], resolution=3, progress=lambda *what: heard.append(what))
    assert heard == [("batch", 1, 2), ("batch", 2, 2), *(("surface", row, 3) for row in (1, 2, 3))]


def test_a_closer_view_is_of_the_points_near_the_start(small: Surface) -> None:
    whole, near = small.views
    counts = [len(places) for places in near.plane.coordinates]
    assert counts[0] == len(small.paths[0].costs)  # the shortest path, all of it
    assert all(1 < count < len(path.costs) for count, path in zip(counts[1:], small.paths[1:], strict=True))
    assert near.along[-1] - near.along[0] < (whole.along[-1] - whole.along[0]) / 2
    for view in small.views:
        every = np.concatenate(view.plane.coordinates)
        for grid, places in zip((view.along, view.across), every.T, strict=True):
            assert grid[0] < places.min() < places.max() < grid[-1]
    alike = surface({**SMALL, "epochs": 1}, ["mini-batch", "mini-batch"], resolution=2)
    assert len(alike.views) == 1


@pytest.mark.parametrize(
    ("config", "options", "error", "message"),
    [
        ({}, {"optimizers": ["batch", "bach"]}, modnet.ConfigError, "unknown optimizer 'bach'; did you mean 'batch'"),
        ({}, {"optimizers": []}, modnet.ConfigError, "optimizers: should name one or more kinds"),
        ({"epochs": 0}, {}, modnet.ConfigError, "epochs: 0 makes no trajectory; allowed: 1 or more"),
        ({}, {"directions": "up"}, modnet.ConfigError, "directions: unknown 'up'; allowed: principal, random"),
        ({}, {"samples": 0}, modnet.ConfigError, "samples: 0 is too few; allowed: from 1"),
        ({}, {"resolution": 1}, modnet.ConfigError, "resolution: 1 is too few; allowed: from 2"),
        (
            {
                "network": {"layers": [{"kind": "dense", "units": 10, "activation": "identity"}]},
                "optimizer": {"learning_rate": 1e30},
            },
            {"optimizers": ["batch", "stochastic"]},
            modnet.DivergenceError,
            "optimizer 'batch': epoch ",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    config: dict[str, Any], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        surface(config, **options)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_it_is_public() -> None:
    assert (modnet.surface, modnet.Surface) == (surface, Surface)
