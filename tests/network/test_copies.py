"""Copies of a network, by the copy module, by pickle and through process pools: each as whole as the original."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from network.copying import CONFIG, X, Y, trained, use

import modnet
from modnet import NeuralNetwork, Trainer
from modnet.core.errors import DataError


def by_pickle(value: Any, protocol: int) -> Any:
    return pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 -- pickled just now


def from_read_only_memory(value: Any) -> Any:
    """Return what joblib and the like make: its arrays lie in memory that may not be written to."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, 5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=[bytes(buffer.raw()) for buffer in buffers])  # noqa: S301 -- pickled just now


WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "read-only memory": from_read_only_memory,
    **{f"pickle {protocol}": partial(by_pickle, protocol=protocol) for protocol in range(6)},
}


@pytest.fixture(scope="module")
def run() -> modnet.Run:
    return trained()


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_as_whole_as_the_original(way: str, run: modnet.Run, tmp_path: Path) -> None:
    network = run.network
    before, states, answers = network.parameters.copy(), network.layer_states(), network.predict(X)
    made = WAYS[way](network)
    assert (made.features, made.config, repr(made)) == (network.features, network.config, repr(network))
    assert made.classes.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(made.predict(X), answers)
    use(WAYS[way](made), 11, tmp_path)  # a copy of a copy
    use(made, 12, tmp_path)
    assert not np.shares_memory(
        made.preprocessing.steps[0].state["shift"], network.preprocessing.steps[0].state["shift"]
    )
    assert not np.shares_memory(made.classes, network.classes)
    np.testing.assert_array_equal(network.parameters, before)
    np.testing.assert_array_equal(network.predict(X), answers)
    for state, layer in zip(states, network.layers, strict=True):
        assert {name: value.tolist() for name, value in state.items()} == {
            name: value.tolist() for name, value in layer.state.items()
        }


@pytest.mark.parametrize("way", [way for way in WAYS if way != "copy"])
def test_what_holds_a_network_is_copied_with_it(way: str, run: modnet.Run, tmp_path: Path) -> None:
    made = WAYS[way](run)
    assert made.evaluate("train") == run.evaluate("train")
    use(made.network, 5, tmp_path)
    layer, own = WAYS[way](run.network.layers[0]), run.network.layers[0]
    assert not np.shares_memory(layer.weights, own.weights)
    np.testing.assert_array_equal(layer.weights, own.weights)


@pytest.mark.parametrize("way", WAYS)
def test_the_document_s_network(way: str) -> None:
    """Its gradient buffer has views as well."""
    net = NeuralNetwork([2, 3, 1], seed=0)
    pairs = [([0.1, 0.9], [1.0]), ([0.7, 0.2], [0.0])]
    net.backprop(*pairs[0])  # fills the buffers with those of this θ
    start = net.network.parameters.copy()
    made = WAYS[way](net)
    made.SGD(pairs, 1, 1, 0.5)
    np.testing.assert_array_equal(net.network.parameters, start)
    net.SGD(pairs, 1, 1, 0.5)
    np.testing.assert_array_equal(made.network.parameters, net.network.parameters)
    assert (made.network.parameters != start).all()


def test_a_run_of_a_memory_mapped_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    run = Trainer.from_config({"epochs": 1, "network": {"layers": [3]}}).fit(np.load(tmp_path / "x.npy", "r"), Y)
    for made in (copy.deepcopy(run), by_pickle(run, 4)):
        assert made.evaluate("train") == run.evaluate("train")


def test_assigning_writes_into_the_parameters(run: modnet.Run, tmp_path: Path) -> None:
    network = copy.deepcopy(run.network)
    network.parameters = np.arange(network.parameters.size)
    layer = network.layers[3]
    assert layer.weights is not None
    assert layer.biases is not None
    assert layer.weights.tolist() == np.arange(25.0, 40.0).reshape(3, 5).tolist()
    layer.weights += 1
    layer.biases = [7, 8, 9]
    modnet.save(network, tmp_path / "network.safetensors")
    stored = modnet.load(tmp_path / "network.safetensors").parameters
    assert stored[25:40].tolist() == list(range(26, 41))
    assert stored[65:68].tolist() == [7, 8, 9]
    with pytest.raises(DataError, match=r"^parameters: got the shape \(3,\), expected \(93,\)$"):
        network.parameters = [1.0, 2.0, 3.0]
    with pytest.raises(DataError, match=r"^weights: got the shape \(5, 3\), expected \(3, 5\)$"):
        layer.weights = np.ones((5, 3))
    with pytest.raises(DataError, match=r"^parameters holds complex128 values; allowed are integers,"):
        network.parameters = np.ones(93) * 1j
    with pytest.raises(DataError, match=r"^biases: the layer has none$"):
        network.layers[2].biases = np.zeros(5)
    with pytest.raises(TypeError, match="does not support item assignment"):
        layer.parameters["weights"] = np.ones((3, 5))  # type: ignore[index] # refused
    with pytest.raises(AttributeError, match="parameters"):
        layer.parameters = {}  # type: ignore[misc] # the same
    np.testing.assert_array_equal(network.parameters, stored)


def through_pools(run: modnet.Run, count: int, folder: Path) -> None:
    for method in ("fork", "spawn"):
        numbers = list(range(1, count // 2 + 1))
        with (
            warnings.catch_warnings(),
            ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool,
        ):
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on it warns where there are threads
            tasks = [pool.submit(use, run.network, number, folder) for number in numbers]
            returned = [task.result(timeout=120) for task in tasks]
        for number, network in zip(numbers, returned, strict=True):
            stored = modnet.load(folder / f"{number}.safetensors")
            np.testing.assert_array_equal(network.parameters, stored.parameters)
            np.testing.assert_array_equal(network.predict(X), stored.predict(X))
            use(network, number + 1000, folder)


def test_copies_in_process_pools(run: modnet.Run, tmp_path: Path) -> None:
    through_pools(run, 10, tmp_path)


@pytest.mark.soak
def test_a_hundred_copies_in_process_pools(run: modnet.Run, tmp_path: Path) -> None:
    through_pools(run, 100, tmp_path)


def test_a_copy_made_while_it_is_trained() -> None:
    """A callback may keep copies of the network; each stays as it was when it was made."""
    kept: list[Any] = []

    def keep(training: Any, row: dict[str, Any]) -> None:
        kept.append((row["epoch"], copy.deepcopy(training.network), training.network.parameters.tobytes()))

    Trainer.from_config({**CONFIG, "epochs": 3}).fit(X, Y, callbacks=[keep])
    for epoch, network, theta in kept:
        assert network.parameters.tobytes() == theta
        again = trained(epochs=epoch + 1)
        assert network.predict(X).tobytes() == again.network.predict(X).tobytes()
