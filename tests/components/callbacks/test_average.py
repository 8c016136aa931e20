"""Averaging θ over epochs, against means that NumPy takes of what a listener wrote down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from components.callbacks.strangers import Watch, installed
from training.resuming import Data, in_pieces, interrupting, same, small_blocks

import modnet
from modnet import ConfigError, Interrupted, Layer, Run, Trainer


class Centre(Layer):
    """Subtracts a running mean, and counts its training passes and their rows."""

    kind: Literal["centre"] = "centre"

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Any]:
        return {"mean": np.zeros(input_shape), "passes": np.zeros(1), "fewest": np.full(1, 1e9)}

    def forward(self, x: Any, ctx: Any) -> Any:
        if ctx.training:
            ctx.state["mean"] = 0.9 * ctx.state["mean"] + 0.1 * x.mean(axis=0)
            ctx.state["passes"] = ctx.state["passes"] + 1.0
            ctx.state["fewest"] = np.minimum(ctx.state["fewest"], len(x))
        return x - ctx.state["mean"]

    def backward(self, delta: Any, ctx: Any) -> Any:
        del ctx
        return delta, {}


@pytest.fixture(autouse=True)
def _strangers() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch, Centre):
        yield


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(31, 3)), np.arange(31) % 2


CONFIG: dict[str, Any] = {"epochs": 8, "network": {"layers": [4, 2]}}


def fit(data: Data, *callbacks: Any, thetas: list[np.ndarray] | None = None, **changes: Any) -> Run:
    if thetas is not None:
        Watch.at = {"epoch_end": lambda training: thetas.append(training.parameters.copy())}
    return Trainer.from_config(CONFIG | {"callbacks": ["watch", *callbacks]} | changes).fit(*data)


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        ({}, [6, 7]),
        ({"start": 0}, range(8)),
        ({"start": 3}, [3, 4, 5, 6, 7]),
        ({"start": 1, "every_epochs": 3}, [1, 4, 7]),
        ({"start": 7}, [7]),
        ({"start": 2, "every_epochs": 9}, [2]),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_network_gets_the_mean(data: Data, options: dict[str, Any], epochs: Any, dtype: str) -> None:
    thetas: list[np.ndarray] = []
    run = fit(data, {"kind": "average", **options}, thetas=thetas, dtype=dtype)
    expected = np.mean([thetas[epoch] for epoch in epochs], axis=0, dtype=np.float64)
    assert run.network.dtype == dtype
    np.testing.assert_allclose(run.network.parameters, expected, rtol=1e-12 if dtype == "float64" else 1e-5)


def test_the_training_is_what_it_is_without(data: Data) -> None:
    with_it, without = fit(data, {"kind": "average", "start": 2}), fit(data)
    assert [row["cost"] for row in with_it.history] == [row["cost"] for row in without.history]
    assert with_it.network.parameters.tobytes() != without.network.parameters.tobytes()


def test_what_is_judged_at_the_end_is_the_mean(data: Data, tmp_path: Path) -> None:
    config = CONFIG | {"callbacks": [{"kind": "average", "start": 2}, "checkpoint"]}
    run = Trainer.from_config(config).fit(*data, test=data, out=tmp_path / "run")
    assert run.test == run.evaluate("test") != {name: run.history[-1][f"test_{name}"] for name in run.test}
    assert modnet.load(tmp_path / "run").parameters.tobytes() == run.network.parameters.tobytes()
    last = max((tmp_path / "run" / "checkpoints").iterdir())  # goes on from the θ of the last epoch
    assert modnet.load(last).parameters.tobytes() != run.network.parameters.tobytes()


@pytest.mark.parametrize("start", [8, 9])
def test_a_start_that_is_never_reached_is_refused(data: Data, start: int) -> None:
    with pytest.raises(ConfigError, match=rf"^callbacks\.1\.start: {start} should be less than epochs \(8\)"):
        fit(data, {"kind": "average", "start": start})
    assert fit(data, {"kind": "average", "start": start}, epochs=0).history == []


def test_where_the_training_stops_before_nothing_is_averaged(data: Data) -> None:
    thetas: list[np.ndarray] = []
    stop = {"kind": "early-stopping", "monitor": "cost", "patience": 2, "minimum_gain": 1e9, "restore_best": False}
    run = fit(data, stop, {"kind": "average", "start": 5}, thetas=thetas)
    assert run.network.parameters.tobytes() == thetas[-1].tobytes()
    assert len(thetas) == 3


def test_of_two_that_decide_about_the_end_the_last_one_does(data: Data) -> None:
    thetas: list[np.ndarray] = []
    best = {"kind": "early-stopping", "monitor": "cost", "patience": 99, "minimum_gain": 1e9}  # the first epoch
    mean = {"kind": "average", "start": 4}
    run = fit(data, mean, best, thetas=thetas)
    assert run.network.parameters.tobytes() == thetas[0].tobytes()
    run = fit(data, best, mean)
    np.testing.assert_allclose(run.network.parameters, np.mean(thetas[4:8], axis=0))


LAYERS = [4, "centre", {"kind": "dropout", "rate": 0.0}, 2]


@pytest.mark.parametrize(
    ("optimizer", "passes"),
    [
        ({"kind": "batch"}, 8 + 100),
        ({"kind": "mini-batch", "batch_size": 10}, 8 * 4 + 100),  # four batches 25 times
        ({"kind": "mini-batch", "batch_size": 16}, 8 * 2 + 100),
    ],
)
def test_running_means_are_those_of_the_mean_parameters(data: Data, optimizer: dict[str, Any], passes: int) -> None:
    run = fit(data, {"kind": "average", "start": 0}, network={"layers": LAYERS}, optimizer=optimizer)
    first, centre = run.network.layers[:2]
    hidden = 1 / (1 + np.exp(-(data[0] @ first.parameters["weights"].T + first.parameters["biases"])))
    is_batch = optimizer["kind"] == "batch"  # every batch has the same mean
    np.testing.assert_allclose(centre.state["mean"], hidden.mean(axis=0), rtol=1e-4 if is_batch else 0.1)
    assert float(centre.state["passes"][0]) == passes


def test_no_batch_of_a_single_sample_is_left_over(rng: np.random.Generator) -> None:
    data = rng.normal(size=(41, 3)), np.arange(41) % 2
    optimizer = {"kind": "mini-batch", "batch_size": 10, "drop_last": True}
    run = fit(data, {"kind": "average", "start": 0}, network={"layers": LAYERS}, optimizer=optimizer)
    assert float(run.network.layers[1].state["fewest"][0]) == 10.0


def test_samples_in_order_of_their_classes_are_shuffled(rng: np.random.Generator) -> None:
    x = np.sort(rng.normal(size=(1000, 1)), axis=0)
    network = {"layers": ["centre", 2]}
    run = fit((x, np.arange(1000) // 500), {"kind": "average", "start": 0}, network=network, epochs=2)
    assert abs(float(run.network.layers[0].state["mean"][0])) < 0.3


def test_a_large_training_set_goes_through_once(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(2000, 3)), np.arange(2000) % 2
    run = fit((x, y), {"kind": "average", "start": 0}, network={"layers": LAYERS}, epochs=1)
    assert float(run.network.layers[1].state["passes"][0]) == 200 + 200


def test_it_may_be_asked_for_at_any_event_and_disturbs_nothing_else(data: Data) -> None:
    network = {"layers": [4, {"kind": "dropout", "rate": 0.5}, "centre", 2]}
    seen: list[Any] = []

    def update(training: Any) -> None:
        before = training.snapshot()
        training.update_bn()
        after = training.snapshot()
        seen.append(before["layer_states"][2]["mean"].tobytes() != after["layer_states"][2]["mean"].tobytes())
        for name in ("parameters", "rule_state", "randomness", "updates"):
            np.testing.assert_equal(before[name], after[name])

    for event in ("fit_start", "batch_end", "epoch_end", "fit_end"):
        Watch.at = {event: update}
        Trainer.from_config(CONFIG | {"network": network, "callbacks": ["watch"]}).fit(*data)
    assert all(seen)
    Watch.at = {"epoch_end": lambda training: training.update_bn()}
    assert fit(data).network.parameters.tobytes() == fit(data, thetas=[]).network.parameters.tobytes()


@pytest.mark.parametrize("points", [[1, 9], [16], [17, 21], [20, 25, 29], [31]], ids=str)
@pytest.mark.parametrize("options", [{}, {"start": 1, "every_epochs": 2}], ids=str)
def test_a_resumed_training_ends_with_the_same_bits(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: list[int], options: dict[str, Any]
) -> None:
    small_blocks(monkeypatch)
    network = {"layers": [4, {"kind": "dropout", "rate": 0.3}, "centre", 2]}
    config = CONFIG | {"network": network, "callbacks": [{"kind": "average"} | options, "checkpoint"]}
    Trainer.from_config(config).fit(*data, out=tmp_path / "whole")
    in_pieces(config, data, tmp_path / "run", points)
    same(tmp_path / "whole", tmp_path / "run")


def test_more_epochs_go_on_with_the_same_mean(data: Data, tmp_path: Path) -> None:
    """The start stays, though three quarters of the epochs are more now."""
    thetas: list[np.ndarray] = []
    config = CONFIG | {"callbacks": ["watch", "average", "checkpoint"]}
    Watch.at = {"epoch_end": lambda training: thetas.append(training.parameters.copy())}
    Trainer.from_config(config).fit(*data, out=tmp_path / "run")
    run = Trainer.resume(tmp_path / "run", *data, epochs=12)
    np.testing.assert_allclose(run.network.parameters, np.mean(thetas[6:], axis=0), rtol=1e-12)
    assert len(thetas) == 12


def test_an_interrupted_training_does_not_wait_for_it(data: Data, tmp_path: Path) -> None:
    config = CONFIG | {"network": {"layers": LAYERS}, "callbacks": [{"kind": "average", "start": 0}, "watch"]}
    passes: list[float] = []
    Watch.at = {"fit_end": lambda training: passes.append(float(training.snapshot()["layer_states"][1]["passes"][0]))}
    with interrupting(8), pytest.raises(Interrupted):
        Trainer.from_config(config).fit(*data, out=tmp_path / "run")
    assert passes == [8.0]


def test_batch_norm_gets_the_moments_at_the_mean_parameters(rng: np.random.Generator) -> None:
    x, y = rng.normal(3.0, 2.0, size=(50, 3)), np.arange(50) % 2
    layers = [{"kind": "dense", "units": 4, "activation": "identity"}, {"kind": "batch-norm", "activation": "relu"}, 2]
    optimizer = {"kind": "batch", "learning_rate": 0.5}
    run = fit((x, y), {"kind": "average", "start": 2}, network={"layers": layers}, optimizer=optimizer)
    first, norm = run.network.layers[:2]
    z = x @ first.parameters["weights"].T + first.parameters["biases"]
    np.testing.assert_allclose(norm.state["mean"], z.mean(axis=0), rtol=1e-3)
    np.testing.assert_allclose(norm.state["variance"], z.var(axis=0, ddof=1), rtol=1e-3)
