"""The Trainer: the same run from the same seed, and a stop at the very update that leaves the finite numbers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from components.callbacks.strangers import Watch, installed

import modnet
from modnet import DataError, DivergenceError, Trainer
from modnet.core.errors import ConfigError

FORMULAS = {
    "sigmoid": (lambda z: 0.5 * (1 + np.tanh(z / 2)), lambda a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(a.dtype)),
    "identity": (lambda z: z, lambda a: np.ones_like(a)),
}


def dense(units: int, activation: str = "identity") -> dict[str, Any]:
    start = {"initializer": "standard-normal", "bias_initializer": "standard-normal"}
    return {"kind": "dense", "units": units, "activation": activation, **start}


def configuration(layers: list[Any], **more: Any) -> dict[str, Any]:
    return {"network": {"layers": layers}, "metrics": [], "callbacks": ["watch"], **more}


def first_failure(
    config: dict[str, Any], theta: list[list[np.ndarray]], x: np.ndarray, y: np.ndarray
) -> tuple[int, int, int, list[list[np.ndarray]]]:
    """Descend step by step, with nothing clever, until a cost or a parameter is not finite.

    Return epoch, update and layer of that step, and the parameters before it.
    """
    optimizer, layers = config["optimizer"], config["network"]["layers"]
    size = {"batch": len(x), "stochastic": 1}.get(optimizer["kind"], optimizer.get("batch_size"))
    order_rng, mask_rng = (np.random.default_rng(np.random.SeedSequence(0, spawn_key=(key,))) for key in (1, 2))
    update = 0
    for epoch in range(config["epochs"]):
        order = np.arange(len(x)) if optimizer["kind"] == "batch" else order_rng.permutation(len(x))
        for start in range(0, len(x), size):
            rows = order[start : start + size]
            activations, masks, bad = [x[rows]], [], None
            for number, (layer, values) in enumerate(zip(layers, theta, strict=True), 1):
                if layer["kind"] == "dropout":
                    kept = mask_rng.random(activations[-1].size).reshape(activations[-1].shape) >= layer["rate"]
                    masks.append(kept / (1 - layer["rate"]))
                    z = a = activations[-1] * masks[-1]
                else:
                    masks.append(None)
                    z = activations[-1] @ values[0].T + values[1]
                    a = FORMULAS[layer["activation"]][0](z)
                activations.append(a)
                if bad is None and not (np.isfinite(z).all() and np.isfinite(a).all()):
                    bad = number
            if not np.isfinite(np.sum(0.5 * (activations[-1] - y[rows]) ** 2)):
                return epoch, update, bad or len(layers), theta
            error, after = activations[-1] - y[rows], []
            for index in range(len(layers) - 1, -1, -1):
                if layers[index]["kind"] == "dropout":
                    after.insert(0, [])
                    error = error * masks[index]
                    continue
                delta = error * FORMULAS[layers[index]["activation"]][1](activations[index + 1])
                weights, biases = theta[index]
                step = optimizer["learning_rate"] / len(rows)
                after.insert(0, [weights - step * (delta.T @ activations[index]), biases - step * delta.sum(axis=0)])
                error = delta @ weights
            for number, values in enumerate(after, 1):
                if not all(np.isfinite(value).all() for value in values):
                    return epoch, update, number, theta
            theta, update = after, update + 1
    raise AssertionError("this never leaves the finite numbers")


DROPOUT = {"kind": "dropout", "rate": 0.3}
LINEAR = [dense(2)]
BENT = [dense(5, "relu"), dense(2)]
MINI = {"kind": "mini-batch", "batch_size": 10}
DIVERGENT = {
    "mini-batch": (BENT, MINI | {"learning_rate": 1e30}, 65, 1.0),
    "stochastic": (BENT, {"kind": "stochastic", "learning_rate": 1e30}, 65, 1.0),
    "batch": (BENT, {"kind": "batch", "learning_rate": 1e30}, 65, 1.0),
    "batch in chunks": (BENT, {"kind": "batch", "learning_rate": 1e30}, 2500, 1.0),
    "large mini-batches in chunks": (LINEAR, MINI | {"batch_size": 1100, "learning_rate": 1e30}, 2500, 1.0),
    "three layers": ([dense(4, "sigmoid"), dense(3), dense(2)], MINI | {"learning_rate": 1e20}, 65, 1.0),
    "slowly, in a later block of a later epoch": (LINEAR, {"kind": "stochastic", "learning_rate": 0.9}, 4500, 1.0),
    "slowly, in a later epoch": (LINEAR, MINI | {"learning_rate": 2.5}, 300, 1.0),
    "slowly, in chunks": (LINEAR, {"kind": "batch", "learning_rate": 1e4}, 2100, 1.0),
    "θ at once, the cost being finite": (BENT, MINI | {"learning_rate": 1e300}, 65, 1e20),
    "θ at once, in chunks": (BENT, {"kind": "batch", "learning_rate": 1e300}, 1500, 1e20),
    "large data": (BENT, MINI | {"learning_rate": 0.1}, 65, 1e300),
    "large data, in chunks": (BENT, {"kind": "batch", "learning_rate": 0.1}, 2500, 1e300),
    "too large for the first net input": (BENT, MINI | {"learning_rate": 0.1}, 65, 5e307),
    "dropout": (
        [dense(6, "relu"), {"kind": "dropout", "rate": 0.3}, dense(2)],
        MINI | {"learning_rate": 1e12},
        65,
        1.0,
    ),
    "float32": (BENT, MINI | {"learning_rate": 1e6}, 65, 1.0),
}


@pytest.fixture(autouse=True)
def _watch() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch):
        yield


@pytest.mark.parametrize("name", DIVERGENT)
def test_a_training_stops_at_the_update_that_leaves_the_finite_numbers(
    rng: np.random.Generator, tmp_path: Path, name: str
) -> None:
    layers, optimizer, samples, scale = DIVERGENT[name]
    dtype = "float32" if name == "float32" else "float64"
    x, y = (rng.normal(size=(samples, 3)) * scale).astype(dtype), rng.normal(size=(samples, 2)).astype(dtype)
    config = configuration(layers, optimizer=optimizer, epochs=60, dtype=dtype)
    start = Trainer.from_config(config | {"epochs": 0}).fit(x, y).network
    theta = [[values.copy() for values in layer.parameters.values()] for layer in start.layers]
    with np.errstate(all="ignore"):
        epoch, update, layer, before = first_failure(config, theta, x, y)
    networks = []
    Watch.at["fit_start"] = lambda training: networks.append(training.network)

    with pytest.raises(DivergenceError) as caught:
        Trainer.from_config(config).fit(x, y, out=tmp_path / "run")
    assert (caught.value.epoch, caught.value.update, caught.value.layer) == (epoch, update, layer)
    assert f"epoch {epoch + 1}, update {update + 1}: " in str(caught.value)
    assert f"layer {layer}" in str(caught.value)
    assert "\n" not in str(caught.value)
    for view, values in zip(networks[0].layers, before, strict=True):
        for ours, expected in zip(view.parameters.values(), values, strict=True):
            assert np.isfinite(ours).all()
            assert np.allclose(ours, expected, rtol=1e-3 if dtype == "float32" else 1e-6, atol=0)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.toml", "history.jsonl"}
    assert len((tmp_path / "run" / "history.jsonl").read_text().splitlines()) == epoch
    ends = [event for _, event, _ in Watch.heard if event == "epoch_end"]
    assert len(ends) == epoch


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_last_update_of_an_epoch_is_watched_as_well(rng: np.random.Generator, epochs: int) -> None:
    optimizer = {"kind": "stochastic", "learning_rate": 1e300}
    config = configuration(LINEAR, optimizer=optimizer, epochs=epochs)
    x, y = np.zeros((20, 3)), np.zeros((20, 2))
    start = Trainer.from_config(config | {"epochs": 0}).fit(x, y).network.layers[0]
    y[:] = start.biases  # which is met exactly, but for the sample that comes last
    x[np.random.default_rng(np.random.SeedSequence(0, spawn_key=(1,))).permutation(20)[-1]] = rng.normal(size=3) * 1e10
    with np.errstate(all="ignore"):
        expected = first_failure(config, [[start.weights.copy(), start.biases.copy()]], x, y)[:3]
    assert expected == (0, 19, 1)
    with pytest.raises(DivergenceError) as caught:
        Trainer.from_config(config).fit(x, y)
    assert (caught.value.epoch, caught.value.update, caught.value.layer) == expected


@pytest.mark.parametrize("part", ["validation", "test"])
def test_no_figure_is_infinite_in_silence(rng: np.random.Generator, tmp_path: Path, part: str) -> None:
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    config = configuration([dense(1)], optimizer={"learning_rate": 0.01}, epochs=2)
    with pytest.raises(modnet.ModnetError):
        Trainer.from_config(config).fit(x, y, **{part: (x * 1e200, y)}, out=tmp_path / "run")
    assert "Infinity" not in (tmp_path / "run" / "history.jsonl").read_text()


def test_a_network_whose_outputs_are_infinite_is_not_the_result(rng: np.random.Generator, tmp_path: Path) -> None:
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    config = configuration([dense(1)], optimizer={"kind": "batch", "learning_rate": 1e200}, epochs=1)
    with pytest.raises(DivergenceError):
        Trainer.from_config(config).fit(x, y, test=(x, y), out=tmp_path / "run")


@pytest.mark.parametrize("which", ["x", "y"])
def test_numbers_too_large_for_float32_are_refused_as_data(rng: np.random.Generator, which: str) -> None:
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    (x if which == "x" else y)[7, 0] = 1e300
    with pytest.raises(DataError, match="row 7, column 0"):
        Trainer.from_config(configuration([dense(1)], dtype="float32", epochs=1)).fit(x, y)


SCRIPT = """
import hashlib, numpy as np
from modnet import Trainer
rng = np.random.default_rng(3)
x, y = rng.normal(size=(80, 5)), [["red", "green", "blue"][i % 3] for i in range(80)]
data = {"validation_share": 0.25, "transforms": ["standard"]}
config = {"seed": SEED, "epochs": 3, "data": data, "network": {"layers": [
    6, {"kind": "dropout", "rate": 0.5}, {"kind": "dense", "units": 3, "activation": "softmax"}],
    "cost": "categorical-cross-entropy"}, "optimizer": {"rule": "adam", "learning_rate": 0.1}}
run = Trainer.from_config(config).fit(x, y)
print(hashlib.sha256(run.network.parameters.tobytes()).hexdigest(), run.history[-1]["validation_cost"].hex())
"""


def test_a_seed_means_the_same_parameters_to_the_bit_in_every_process() -> None:
    def told(hash_seed: str, seed: int = 1) -> str:
        environment = {"PYTHONPATH": str(Path(modnet.__file__).parents[1]), "PYTHONHASHSEED": hash_seed}
        script = SCRIPT.replace("SEED", str(seed))
        command = [sys.executable, "-c", script]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    one = told("0")
    assert len(one.split()) == 2
    assert told("1") == told("12345") == one
    assert told("0", seed=2).split()[0] != one.split()[0]


def test_different_seeds_differ_in_start_and_in_order() -> None:
    starts = [Trainer.from_config({"seed": seed, "epochs": 0}).fit().network for seed in (0, 1)]
    assert not np.any(starts[0].parameters == starts[1].parameters)
    ends = [Trainer.from_config({"seed": seed, "epochs": 1}).fit(initial=starts[0]).network for seed in (0, 1)]
    assert not np.array_equal(ends[0].parameters, ends[1].parameters)


def test_global_randomness_is_neither_used_nor_changed(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(30, 3)), rng.integers(0, 2, 30)
    config = {"epochs": 2, "network": {"layers": [{"kind": "dropout"}, 2]}, "data": {"validation_share": 0.2}}
    thetas = []
    for seed in (7, 8):
        np.random.seed(seed)  # noqa: NPY002 -- the global state is what this test is about
        before = np.random.get_state()  # noqa: NPY002
        thetas.append(Trainer.from_config(config).fit(x, y).network.parameters)
        assert all(np.array_equal(a, b) for a, b in zip(before, np.random.get_state(), strict=True))  # noqa: NPY002
    assert np.array_equal(*thetas)


@pytest.mark.parametrize("kind", ["mini-batch", "stochastic", "batch"])
def test_the_callers_arrays_stay_as_they_were_and_may_be_read_only(rng: np.random.Generator, kind: str) -> None:
    arrays = [rng.normal(size=(30, 3)), rng.integers(0, 2, 30), rng.normal(size=(5, 3)), rng.integers(0, 2, 5)]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    x, y, other_x, other_y = arrays
    config = {
        "epochs": 2,
        "network": {"layers": [4, 2]},
        "optimizer": {"kind": kind},
        "data": {"transforms": ["standard"]},
    }
    network = Trainer.from_config(config).fit(x, y, validation=(other_x, other_y), test=(other_x, other_y)).network
    network.predict(x)
    network.classify(other_x)
    assert all(np.array_equal(array, copy) for array, copy in zip(arrays, copies, strict=True))


def test_going_on_from_a_network_leaves_it_as_it_is(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(30, 3)), np.array(["no", "yes"])[rng.integers(0, 2, 30)]
    config = {"epochs": 2, "network": {"layers": [4, 2]}, "data": {"transforms": ["standard"]}}
    first = Trainer.from_config(config).fit(x, y).network
    before = first.parameters.copy()
    none = Trainer.from_config(config | {"epochs": 0, "seed": 9}).fit(x + 5.0, y, initial=first).network
    assert np.array_equal(none.parameters, before)
    assert np.array_equal(none.predict(x), first.predict(x))  # with the scaling that it learnt
    more = Trainer.from_config(config).fit(x, y, initial=first).network
    assert not np.array_equal(more.parameters, before)
    assert np.array_equal(first.parameters, before)
    with pytest.raises(ConfigError, match=r"network\.layers: initial is 3-4-2, the configuration asks for 3-5-2"):
        Trainer.from_config(config | {"network": {"layers": [5, 2]}}).fit(x, y, initial=first)
    with pytest.raises(DataError, match="its classes are not those of the initial network"):
        Trainer.from_config(config).fit(x, np.where(y == "no", "never", y), initial=first)
