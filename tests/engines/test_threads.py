"""Lanes, the number of BLAS threads, and predictions beside a training: no number depends on which thread is when."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from components.callbacks.strangers import Watch, installed
from threadpoolctl import OpenBLASController, ThreadpoolController, threadpool_info, threadpool_limits

from modnet import (
    ConfigError,
    DataError,
    DivergenceError,
    Layer,
    LayerContext,
    Network,
    RunConfig,
    Trainer,
    load_config,
)
from modnet.core.interfaces import Cost
from modnet.engines.numpy.threads import ThreadPool, _start_worker, blas_name, cores, one_blas_thread, worker_count
from modnet.engines.numpy.workers import Workers
from modnet.engines.numpy.workspace import Workspace
from modnet.network.evaluate import MetricAccumulator
from modnet.network.network import CHUNK


class Remembering(Layer):
    """A stranger's layer that keeps a running mean, of whatever part of a batch it is shown."""

    kind: Literal["remembering"] = "remembering"

    def initial_state(self, input_shape: tuple[int, ...]) -> dict[str, Any]:
        return {"mean": np.zeros(input_shape)}

    def forward(self, x: Any, ctx: LayerContext) -> Any:
        if ctx.training:
            ctx.state["mean"] = 0.5 * ctx.state["mean"] + 0.5 * x.mean(axis=0)
        return x - ctx.state["mean"]

    def backward(self, delta: Any, ctx: LayerContext) -> Any:
        del ctx
        return delta, {}


class Together(Layer):
    """A stranger's layer that needs all samples of a batch, but keeps nothing: x less their mean."""

    kind: Literal["together"] = "together"
    needs_full_batch: ClassVar[bool] = True

    def forward(self, x: Any, ctx: LayerContext) -> Any:
        return x - x.mean(axis=0) if ctx.training else x

    def backward(self, delta: Any, ctx: LayerContext) -> Any:
        del ctx
        return delta - delta.mean(axis=0), {}


@pytest.fixture(autouse=True)
def _strangers() -> Iterator[None]:
    Watch.heard, Watch.at = [], {}
    with installed(Watch, Remembering, Together):
        yield


DROPOUT = {"kind": "dropout", "rate": 0.3}
WIDE = [9, 4]


def fit(
    rng_seed: int, samples: int, threads: int | str, layers: Sequence[Any] = (6, 4), **changes: Any
) -> tuple[Network, list[dict[str, Any]]]:
    """Train on noise; return the network, and the history without its times."""
    rng = np.random.default_rng(rng_seed)
    x, y = rng.normal(size=(samples, 5)), rng.normal(size=(samples, 4))
    config = {
        "engine": {"threads": threads},
        "epochs": 2,
        "network": {"layers": list(layers)},
        "optimizer": {"eta": 0.5},
    } | changes
    run = Trainer.from_config(config).fit(x, y, validation=(x[:7], y[:7]))
    return run.network, [{key: value for key, value in row.items() if key != "seconds"} for row in run.history]


def lanes_of(threads: int | str, samples: int, layers: Sequence[Any], **changes: Any) -> int:
    """Return how many workspaces a training has."""
    found = []
    Watch.at["fit_start"] = lambda training: found.append(training._engine.fingerprint["threads"])
    fit(0, samples, threads, layers, callbacks=["watch"], epochs=1, **changes)
    return found[0]


# What is learnt


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(z / 2.0))


def descended(
    start: Network, x: np.ndarray, y: np.ndarray, size: int | None, epochs: int, eta: float, l2: float
) -> list[list[np.ndarray]]:
    """Descend sample by sample on a network of dense sigmoid layers, with the document's four equations."""
    theta = [[layer.weights.copy(), layer.biases.copy()] for layer in start.layers]
    order_rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(1,)))
    for _ in range(epochs):
        order = np.arange(len(x)) if size is None else order_rng.permutation(len(x))
        for begin in range(0, len(x), size or len(x)):
            rows = order[begin : begin + (size or len(x))]
            total = [[np.zeros_like(values) for values in layer] for layer in theta]
            for row in rows:
                activations = [x[row]]
                for weights, biases in theta:
                    activations.append(sigmoid(weights @ activations[-1] + biases))
                delta = (activations[-1] - y[row]) * activations[-1] * (1 - activations[-1])
                for index in range(len(theta) - 1, -1, -1):
                    total[index][0] += np.outer(delta, activations[index])
                    total[index][1] += delta
                    delta = (theta[index][0].T @ delta) * activations[index] * (1 - activations[index])
            for (weights, biases), (nabla_w, nabla_b) in zip(theta, total, strict=True):
                weights -= eta * (nabla_w / len(rows) + l2 * weights)
                biases -= eta * nabla_b / len(rows)
    return theta


@pytest.mark.parametrize("threads", [1, 2, 3, "auto"])
@pytest.mark.parametrize(
    ("kind", "size", "samples"),
    [
        ("mini-batch", 10, 45),
        ("mini-batch", 7, 45),
        ("mini-batch", 22, 45),
        ("mini-batch", CHUNK, 2 * CHUNK + 1),
        ("mini-batch", CHUNK + 300, 3000),
        ("stochastic", 1, 20),
        ("batch", None, 45),
        ("batch", None, 2500),
    ],
)
def test_lanes_learn_what_the_equations_say(threads: int | str, kind: str, size: int | None, samples: int) -> None:
    optimizer = {"kind": kind, "learning_rate": 0.5} | ({"batch_size": size} if kind == "mini-batch" else {})
    network = {"layers": [6, 4], "regularizers": [{"kind": "l2", "strength": 0.01}]}
    rng = np.random.default_rng(20)
    x, y = rng.normal(size=(samples, 5)), rng.random(size=(samples, 4))
    config = {"engine": {"threads": threads}, "epochs": 2, "network": network, "optimizer": optimizer}
    start = Trainer.from_config(config | {"epochs": 0}).fit(x, y).network
    expected = descended(start, x, y, size, 2, 0.5, 0.01)
    trained = Trainer.from_config(config).fit(x, y).network
    for layer, values in zip(trained.layers, expected, strict=True):
        assert np.allclose(layer.weights, values[0], rtol=1e-9, atol=1e-11)
        assert np.allclose(layer.biases, values[1], rtol=1e-9, atol=1e-11)


def lanes(network: Network, threads: int, rows: int) -> Workers:
    return Workers(network, 0, threads, rows)


def a_network(rng: np.random.Generator, layers: Sequence[Any] = WIDE, **more: Any) -> Network:
    config = load_config({"network": {"layers": list(layers), **more}}).network
    return Network(config.layers, (5,), config.cost, config.regularizers, rng=rng)


@pytest.mark.parametrize("more", [{}, {"regularizers": ["l2", {"kind": "l1", "strength": 0.1}]}])
@pytest.mark.parametrize(("rows", "count"), [(2, 2), (3, 2), (10, 2), (11, 3), (64, 2), (1000, 7), (1, 2), (5, 7)])
def test_the_gradient_of_a_batch_in_lanes_is_the_whole_batchs(
    rng: np.random.Generator, rows: int, count: int, more: dict[str, Any]
) -> None:
    network = a_network(rng, **more)
    x, y = rng.normal(size=(rows, 5)), rng.normal(size=(rows, 4))
    cost, gradient = Workspace(network).cost_and_gradient(x, y)
    split, outputs = lanes(network, count, 1000), np.full((rows, 4), np.nan)
    split.compute_gradient(x, y, None, outputs)
    assert np.max(np.abs(split.gradient - gradient)) <= 1e-12 * np.max(np.abs(gradient))
    assert np.allclose(outputs, network.forward(x), rtol=1e-13, atol=0)
    tally = MetricAccumulator(network, ())
    assert split.accumulate_gradient(rows, lambda piece: (x[piece], y[piece]), None, tally.update)
    assert np.max(np.abs(split.gradient - gradient)) <= 1e-12 * np.max(np.abs(gradient))
    weights = network.parameters[: network.regularized]
    penalty = sum(float(penalty(weights)) for penalty in network.regularizers)
    assert tally.compute()["cost"] + penalty == pytest.approx(cost, rel=1e-12)
    split.close()


@pytest.mark.parametrize("rows", [CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 7])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_the_gradient_of_chunks_in_lanes_is_the_whole_batchs(rng: np.random.Generator, rows: int, count: int) -> None:
    network = a_network(rng)
    x, y = rng.normal(size=(rows, 5)), rng.normal(size=(rows, 4))
    _, gradient = Workspace(network, micro_batch_rows=rows).cost_and_gradient(x, y)
    split, asked, tally = lanes(network, count, rows), [], MetricAccumulator(network, ())
    split.accumulate_gradient(
        rows, lambda piece: (asked.append((piece.start, piece.stop)), (x[piece], y[piece]))[1], None, tally.update
    )
    assert np.max(np.abs(split.gradient - gradient)) <= 1e-12 * np.max(np.abs(gradient))
    assert sorted(asked) == [(start, min(start + CHUNK, rows)) for start in range(0, rows, CHUNK)]  # each of them once
    assert tally.samples == rows
    split.close()


# The same to the bit


TRAININGS = {
    "small batches": (45, (6, 4), {"optimizer": {"batch_size": 10, "eta": 0.5}}),
    "an odd batch, and one smaller than the lanes": (46, (6, 4), {"optimizer": {"batch_size": 15, "eta": 0.5}}),
    "large batches": (3000, (6, 4), {"optimizer": {"batch_size": 1400, "eta": 0.5}}),
    "the whole": (2500, (6, 4), {"optimizer": {"kind": "batch", "eta": 0.5}}),
    "dropout": (45, (6, DROPOUT, 4), {}),
    "dropout in large batches": (3000, (6, DROPOUT, 4), {"optimizer": {"kind": "batch", "eta": 0.5}}),
    "adam, with penalties": (
        60,
        (6, 4),
        {"network": {"layers": [6, DROPOUT, 4], "regularizers": ["l2"]}, "optimizer": {"rule": "adam"}},
    ),
    "float32": (64, (6, DROPOUT, 4), {"dtype": "float32"}),
}


class Inline(ThreadPool):
    """Runs every lane in the calling thread, the last one first."""

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        for task in reversed(tasks):
            task()


def delayed(task: Callable[[], None], wait: float) -> Callable[[], None]:
    def late() -> None:
        time.sleep(wait)
        task()

    return late


class Late(ThreadPool):
    """Lets each lane begin later than the one after it."""

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        super().run([delayed(task, (len(tasks) - index) * 5e-4) for index, task in enumerate(tasks)])


class Sleepy(ThreadPool):
    """Lets the thread of the pool, not the one that trains, be slow to begin."""

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        super().run([tasks[0], *(delayed(task, 1e-3) for task in tasks[1:])])


class Crowded(ThreadPool):
    """Has fewer threads than lanes, so that the calling thread takes over what nobody has begun."""

    def __init__(self, lanes: int) -> None:
        super().__init__(min(lanes, 2))


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("name", TRAININGS)
def test_which_thread_runs_a_lane_and_when_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch, name: str, threads: int
) -> None:
    samples, layers, changes = TRAININGS[name]
    network, history = fit(1, samples, threads, layers, **changes)
    for pool in (ThreadPool, Inline, Late, Sleepy, Crowded):
        with monkeypatch.context() as patched:
            patched.setattr("modnet.engines.numpy.workers.ThreadPool", pool)
            again, same = fit(1, samples, threads, layers, **changes)
        assert again.parameters.tobytes() == network.parameters.tobytes(), pool
        assert same == history, pool


def test_trainings_beside_each_other_are_those_alone() -> None:
    samples, layers, changes = TRAININGS["dropout in large batches"]
    network, history = fit(1, samples, 2, layers, **changes)
    with ThreadPoolExecutor(6) as pool:
        for other, same in pool.map(lambda _: fit(1, samples, 2, layers, **changes), range(12)):
            assert other.parameters.tobytes() == network.parameters.tobytes()
            assert same == history


def test_every_lane_draws_its_own_dropout(rng: np.random.Generator) -> None:
    network = a_network(rng, [40, {"kind": "dropout", "rate": 0.5}, 4])
    network.parameters[...] = 1.0
    x = np.ones((8, 5))
    split, outputs = lanes(network, 2, 8), np.empty((8, 4))
    split.compute_gradient(x, np.ones((8, 4)), None, outputs)
    kept = [workspace.passes[1].z for workspace in split.workspaces]
    assert [len(some) for some in kept] == [4, 4]
    assert not np.array_equal(*kept)
    split.close()


def test_dropout_may_differ_with_the_lanes_and_one_lane_is_as_it_was(rng: np.random.Generator) -> None:
    """One lane draws from the generator that a seed has always meant."""
    network = a_network(rng, [40, {"kind": "dropout", "rate": 0.5}, 4])
    x, y = rng.normal(size=(8, 5)), rng.normal(size=(8, 4))
    source = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(2,)))
    _, gradient = Workspace(network, source).cost_and_gradient(x, y)
    one = lanes(network, 1, 8)
    one.compute_gradient(x, y, None, np.empty((8, 4)))
    assert one.gradient.tobytes() == gradient.tobytes()
    assert fit(1, 45, 1, (6, DROPOUT, 4))[1] != fit(1, 45, 2, (6, DROPOUT, 4))[1]


@pytest.mark.parametrize("name", ["small batches", "large batches", "the whole", "adam, with penalties"])
def test_figures_are_those_of_one_thread(name: str) -> None:
    samples, _, changes = TRAININGS[name]
    plain = {key: value for key, value in changes.items() if key != "network"}
    (one, history), (two, other) = (fit(1, samples, threads, (6, 4), **plain) for threads in (1, 2))
    assert np.allclose(one.parameters, two.parameters, rtol=1e-9, atol=1e-12)
    for row, same in zip(history, other, strict=True):
        assert row == pytest.approx(same, rel=1e-9)


# How many lanes


@pytest.mark.parametrize("layer", ["remembering", "together"])
@pytest.mark.parametrize("kind", ["mini-batch", "batch"])
def test_what_must_see_the_whole_batch_forces_one_lane(layer: str, kind: str) -> None:
    for layers in ([layer, 4], [6, layer, 4]):
        assert lanes_of(4, 40, layers, optimizer={"kind": kind}) == 1
        one, history = fit(3, 40, 1, layers, optimizer={"kind": kind})
        four, same = fit(3, 40, 4, layers, optimizer={"kind": kind})
        assert one.parameters.tobytes() == four.parameters.tobytes()
        assert history == same
        for mine, other in zip(one.layers, four.layers, strict=True):
            assert all(np.array_equal(mine.state[name], other.state[name]) for name in mine.state)


@pytest.mark.parametrize(
    ("threads", "samples", "optimizer", "count"),
    [
        (1, 45, {"batch_size": 10}, 1),
        (2, 45, {"batch_size": 10}, 2),
        (4, 45, {"batch_size": 10}, 4),
        (4, 45, {"kind": "stochastic"}, 1),
        (64, 45, {"batch_size": 3}, 3),
        (64, 45, {"kind": "batch"}, 45),
        ("auto", 45, {"kind": "batch"}, 1),  # too little to share
    ],
)
def test_as_many_lanes_as_threads_but_none_without_a_sample(
    threads: int | str, samples: int, optimizer: dict[str, Any], count: int
) -> None:
    assert lanes_of(threads, samples, (6, 4), optimizer=optimizer) == count


def test_auto_is_one_for_each_core_where_an_update_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modnet.engines.numpy.threads.cores", lambda: 6)
    assert worker_count(None, 10, 2260) == 1
    assert worker_count(None, 1000, 100_000) == 6
    assert worker_count(None, 4, 100_000_000) == 4
    assert worker_count(3, 10, 10) == 3
    assert worker_count(3, 2, 10**9) == 2
    assert worker_count(1, 10**6, 10**9) == 1
    monkeypatch.undo()
    assert 1 <= cores() <= 4096


@pytest.mark.parametrize(
    ("given", "read", "written"),
    [("auto", None, "auto"), (1, 1, 1), (2, 2, 2), (512, 512, 512)],
)
def test_what_threads_may_be(given: Any, read: int | None, written: Any) -> None:
    config = load_config({"engine": {"threads": given}})
    assert config.engine.threads == read
    assert config.to_config()["engine"]["threads"] == written
    assert load_config(config.to_config()) == config
    assert load_config(None, [f"engine.threads={given}"]).engine.threads == read


def test_threads_are_auto_where_nobody_says_anything() -> None:
    assert RunConfig().engine.threads is None
    assert RunConfig().to_config()["engine"]["threads"] == "auto"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (0, "threads: 0 should be greater than or equal to 1"),
        (-2, "threads: -2 should be greater than or equal to 1"),
        (2.0, "threads: 2.0 should be a valid integer"),
        (True, "threads: True should be a valid integer"),
        ("two", "threads: 'two' should be an integer from 1 or \"auto\""),
        ("2", "threads: '2' should be an integer from 1 or \"auto\""),
        ([2], r"threads: \[2\] should be a valid integer"),
    ],
)
def test_what_threads_may_not_be(given: Any, error: str) -> None:
    with pytest.raises(ConfigError, match=f"^engine.{error}"):
        load_config({"engine": {"threads": given}})


# Errors in lanes


def test_an_error_in_a_lane_reaches_the_caller_and_the_others_are_done() -> None:
    done: list[int] = []

    def task(number: int) -> Callable[[], None]:
        def ctx() -> None:
            time.sleep(0.002 * number)
            if number in bad:
                raise ZeroDivisionError(number)
            done.append(number)

        return ctx

    for bad in ([0], [1], [2], [3]):
        pool = ThreadPool(4)
        done.clear()
        with pytest.raises(ZeroDivisionError) as caught:
            pool.run([task(number) for number in range(4)])
        pool.close()
        assert caught.value.args == (bad[0],)
        assert sorted(done) == [number for number in range(4) if number not in bad]


def test_no_thread_stays_when_a_training_is_over() -> None:
    def running() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("modnet-worker")]

    seen: list[int] = []
    Watch.at["epoch_end"] = lambda training: seen.append(len(running()))  # noqa: ARG005
    fit(0, 45, 3, callbacks=["watch"])
    assert seen == [2, 2]
    assert running() == []
    Watch.at["epoch_end"] = lambda training: 1 // (training.updates - training.updates)
    with pytest.raises(ZeroDivisionError):
        fit(0, 45, 3, callbacks=["watch"])
    assert running() == []


class Steep(Cost):
    """A stranger's cost that warns where it is large."""

    kind: Literal["steep"] = "steep"

    def __call__(self, a: Any, y: Any) -> Any:
        return np.sum(np.exp(np.abs(a - y) * 1e4), axis=-1)

    def gradient(self, a: Any, y: Any) -> Any:
        return (a - y) * 0.0 / np.zeros(1)

    def delta(self, activation: Any, z: Any, a: Any, y: Any) -> Any:
        del activation, z
        return self.gradient(a, y)


def test_what_leaves_the_finite_numbers_in_a_lane_is_an_error_and_no_warning() -> None:
    with installed(Steep), pytest.raises(DivergenceError):
        fit(0, 45, 3, network={"layers": [6, 4], "cost": "steep"})


@pytest.mark.parametrize(("kind", "samples", "place"), [
    (kind, samples, place)
    for kind, samples, places in [("mini-batch", 40, (0, -1)), ("mini-batch", 2500, (0, -1)), ("batch", 40, (0, -1)),
                                  ("batch", 2500, (0, 1500, -1))]
    for place in places
])  # fmt: skip
def test_divergence_is_told_as_with_one_thread(kind: str, samples: int, place: int) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(samples, 3)), rng.normal(size=(samples, 2))
    order = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(1,))).permutation(samples)
    x[order[:10][place] if kind == "mini-batch" else place] = 1e308  # in the first lane, or in the last
    layers = [{"kind": "dense", "units": units, "activation": "identity"} for units in (4, 3, 2)]
    said = []
    for threads in (1, 2):
        config = {
            "engine": {"threads": threads},
            "network": {"layers": layers},
            "optimizer": {"kind": kind, "eta": 0.1},
        }
        with pytest.raises(DivergenceError) as caught:
            Trainer.from_config(config).fit(x, y)
        said.append((caught.value.epoch, caught.value.update, caught.value.layer, str(caught.value)))
    assert said[0] == said[1]


# BLAS


def blas_threads() -> list[int]:
    """Return how many threads NumPy's BLAS has, whatever other libraries an earlier test has loaded."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    own = [library for library in found if "numpy" in library["filepath"]]
    return [library["num_threads"] for library in own or found]


def let_go() -> None:
    """Let any thread set the number again: threadpoolctl keeps that to the one that came first while it lives."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)  # older versions let everybody
    if clear is not None:
        clear(force=True)


@pytest.fixture
def three() -> Iterator[list[int]]:
    """Three threads for every BLAS, which is neither one nor, mostly, what the machine has."""
    let_go()
    limit = ThreadpoolController().limit(limits=3, user_api="blas")
    let_go()
    before = blas_threads()
    try:
        if not before or 1 in before:
            pytest.skip("this BLAS has no threads to limit")
        yield before
        assert blas_threads() == before
    finally:
        let_go()
        limit.restore_original_limits()
        let_go()


def test_blas_has_one_thread_inside_and_what_it_had_afterwards(three: list[int]) -> None:
    with one_blas_thread():
        assert set(blas_threads()) == {1}
    assert blas_threads() == three
    with one_blas_thread():
        assert set(blas_threads()) == {1}
    assert blas_threads() == three


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_blas_has_what_it_had_after_an_error(three: list[int], error: type[BaseException]) -> None:
    with pytest.raises(error), one_blas_thread():
        raise error
    assert blas_threads() == three


def test_blas_has_one_thread_until_the_outermost_is_left(three: list[int]) -> None:
    with one_blas_thread():
        with one_blas_thread(), one_blas_thread():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        assert set(blas_threads()) == {1}
    assert blas_threads() == three


@pytest.mark.parametrize("leaving", [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]])
def test_blas_has_one_thread_until_the_last_has_left_whoever_came_first(three: list[int], leaving: list[int]) -> None:
    inside = [one_blas_thread() for _ in range(3)]
    for each in inside:
        each.__enter__()
    seen = [blas_threads()]
    for each in leaving:
        inside[each].__exit__(None, None, None)
        seen.append(blas_threads())
    assert seen == [[1] * len(three)] * 3 + [three]


def test_blas_is_limited_in_a_thread_beside_one_that_has_trained_before(three: list[int]) -> None:
    with one_blas_thread():
        pass

    def inside() -> list[int]:
        with one_blas_thread():
            return blas_threads()

    with ThreadPoolExecutor(1) as pool:
        assert set(pool.submit(inside).result()) == {1}
    assert blas_threads() == three


def test_blas_is_restored_by_the_last_to_leave_while_the_first_to_come_lives(three: list[int]) -> None:
    second_is_in, first_is_out = threading.Event(), threading.Event()

    def second() -> None:
        with one_blas_thread():
            second_is_in.set()
            first_is_out.wait(timeout=60)
            inside.append(blas_threads())

    inside: list[list[int]] = []
    with ThreadPoolExecutor(1) as pool:
        with one_blas_thread():
            future = pool.submit(second)
            second_is_in.wait(timeout=60)
        first_is_out.set()
        future.result()
    assert set(inside[0]) == {1}
    assert blas_threads() == three


def test_a_training_gives_blas_back(three: list[int]) -> None:
    seen: list[set[int]] = []
    Watch.at["epoch_end"] = lambda training: seen.append(set(blas_threads()))  # noqa: ARG005
    fit(0, 45, 2, callbacks=["watch"])
    assert seen == [{1}, {1}]
    assert blas_threads() == three
    with pytest.raises(DivergenceError):
        fit(0, 45, 2, [{"kind": "dense", "units": 4, "activation": "identity"}], optimizer={"eta": 1e300})
    assert blas_threads() == three
    Watch.at["batch_end"] = lambda training: 1 // (training.updates - training.updates)
    with pytest.raises(ZeroDivisionError):
        fit(0, 45, 2, callbacks=["watch"])
    assert blas_threads() == three


def test_blas_is_limited_where_somebody_else_has_set_the_number_before(three: list[int]) -> None:
    limit = ThreadpoolController().limit(limits=2, user_api="blas")  # by this thread, which lives on
    seen = [blas_threads()]

    def inside() -> list[int]:
        with one_blas_thread():
            return blas_threads()

    with ThreadPoolExecutor(1) as pool:
        seen += [pool.submit(inside).result(), blas_threads(), inside(), blas_threads()]
    limit.restore_original_limits()
    assert [set(each) for each in seen] == [{2}, {1}, {2}, {1}, {2}]
    assert blas_threads() == three


def test_a_lanes_thread_that_begins_late_does_not_limit_blas_for_good(
    monkeypatch: pytest.MonkeyPatch, three: list[int]
) -> None:
    monkeypatch.setattr("modnet.engines.numpy.threads._start_worker", delayed(_start_worker, 0.1))
    fit(0, 45, 2, epochs=1)
    assert blas_threads() == three


def test_four_trainings_at_once_give_blas_back(three: list[int]) -> None:
    coming, leaving = ([threading.Event() for _ in range(5)] for _ in range(2))
    coming[0].set()
    all_out = threading.Event()
    seen: list[set[int]] = []

    def wait_for(event: threading.Event) -> None:
        assert event.wait(timeout=60)

    def enter(training: Any) -> None:
        coming[training.config.seed + 1].set()

    def hear(training: Any) -> None:
        wait_for(leaving[training.config.seed])
        seen.append(set(blas_threads()))
        assert training.config.seed % 2  # two of them leave with an error

    Watch.at |= {"fit_start": enter, "epoch_end": hear}

    def train(seed: int) -> str:
        wait_for(coming[seed])
        try:
            fit(0, 45, 2, callbacks=["watch"], epochs=1, seed=seed)
            return "trained"
        except AssertionError:
            return "failed"
        finally:
            leaving[seed + 1].set()
            wait_for(all_out)  # and stay alive, as the threads of a server do

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(train, seed) for seed in range(4)]
        wait_for(coming[4])  # all four are inside
        leaving[0].set()
        wait_for(leaving[4])
        restored = blas_threads()
        all_out.set()
        assert [future.result() for future in futures] == ["failed", "trained", "failed", "trained"]
    assert seen == [{1}] * 4
    assert restored == three


# Predicting


@pytest.fixture
def single_blas_thread() -> Iterator[None]:
    """Some kernels of OpenBLAS have other last bits with two threads than with the one that a training leaves them."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.mark.usefixtures("single_blas_thread")
def test_predictions_beside_a_training_are_those_alone() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(3000, 20)), rng.integers(0, 4, 3000)
    layers = {"layers": [50, DROPOUT, 30, 4]}
    network = (
        Trainer.from_config({"epochs": 1, "network": layers, "data": {"transforms": ["standard"]}}).fit(x, y).network
    )
    rows = [x[:1], x[:17], x[:1024], x, x[5:2500], x[::3], x.astype(np.float32)]
    alone = [network.predict(some) for some in rows]
    classes = network.classify(x)
    theta, begun, over = network.parameters.tobytes(), threading.Event(), threading.Event()
    counts = []

    def train() -> tuple[Network, int]:
        made = 0
        while not over.is_set():
            Watch.at["epoch_start"] = lambda training: begun.set()  # noqa: ARG005
            config = {"epochs": 2, "engine": {"threads": 2}, "network": layers, "callbacks": ["watch"]}
            trained = Trainer.from_config(config).fit(x, y, initial=network).network
            made += 1
        return trained, made

    def predict(number: int) -> None:
        begun.wait(timeout=60)
        for turn in range(40):
            which = (number + turn) % len(rows)
            assert network.predict(rows[which]).tobytes() == alone[which].tobytes()
        assert np.array_equal(network.classify(x), classes)
        counts.append(number)

    with ThreadPoolExecutor(9) as pool:
        training = pool.submit(train)
        try:
            for future in [pool.submit(predict, number) for number in range(8)]:
                future.result()
        finally:
            over.set()
        trained, made = training.result()
    assert made >= 1
    assert sorted(counts) == list(range(8))
    assert network.parameters.tobytes() == theta != trained.parameters.tobytes()


def long_way(network: Network, x: np.ndarray) -> np.ndarray:
    """Work the outputs out by hand, in float64, for dense layers of sigmoids."""
    a = np.asarray(x, dtype=np.float64)
    if network.preprocessing is not None:
        a = (a - network.preprocessing.steps[0].state["shift"]) * network.preprocessing.steps[0].state["factor"]
    for layer in network.layers:
        a = sigmoid(a @ layer.weights.astype(np.float64).T + layer.biases.astype(np.float64))
    return a


@pytest.mark.parametrize("transforms", [(), ("standard",)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("count", [1, 2, 40, CHUNK, CHUNK + 1, 3000])
def test_every_way_of_giving_rows_gives_the_same_outputs(count: int, dtype: str, transforms: tuple[str, ...]) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(3.0, 2.0, size=(count, 6)).astype(np.float32).astype(np.float64)  # float32 can hold every one
    config = {"epochs": 1, "dtype": dtype, "network": {"layers": [7, 3]}, "data": {"transforms": transforms}}
    y = np.arange(60) % 3
    network = Trainer.from_config(config).fit(rng.normal(3.0, 2.0, size=(60, 6)), y).network
    rows = x.astype(dtype)
    straight = network.predict(rows)
    assert straight.dtype == dtype
    tolerance = {"rtol": 1e-12, "atol": 0} if dtype == "float64" else {"rtol": 2e-6, "atol": 1e-7}
    assert np.allclose(straight, long_way(network, x), **tolerance)

    read_only, aside = rows.copy(), np.zeros((count, 12), dtype)
    read_only.flags.writeable = False
    aside[:, ::2] = rows
    before = rows.copy()
    ways = {
        "float64": x,
        "float32": x.astype(np.float32),
        "read-only": read_only,
        "every second column": aside[:, ::2],
        "columns first": np.asfortranarray(rows),
        "backwards": rows[::-1][::-1],
        "the other byte order": rows.astype(rows.dtype.newbyteorder()),
        "a list": rows.tolist(),
        "a list of rows": list(rows),
        "a tuple": tuple(map(tuple, rows.tolist())),
        "a subclass": rows.view(np.recarray),
    }
    for name, way in ways.items():
        found = network.predict(way)
        assert found.dtype == straight.dtype, name
        assert found.tobytes() == straight.tobytes(), name
    assert np.array_equal(rows, before)
    assert np.array_equal(read_only, before)
    for index in (0, count // 2, count - 1):  # a row alone is what it is among others
        alone = network.predict(rows[index : index + 1])
        assert np.allclose(alone[0], straight[index], **tolerance)
    assert network.predict(rows) is not straight
    straight[...] = 7.0
    assert not np.any(network.predict(rows) == 7.0)  # nothing of the network's own was given away


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("count", [1, 40, 3000])
@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, np.ndarray.tolist])
def test_what_is_not_finite_is_refused_on_every_way(
    rng: np.random.Generator, count: int, dtype: str, wrong: float, form: Callable[[np.ndarray], Any]
) -> None:
    network = Network(load_config({"network": {"layers": [4, 3]}}).network.layers, (6,), RunConfig().network.cost,
                      dtype=dtype, rng=rng)  # fmt: skip
    for row, column in {(0, 0), (count - 1, 5), (count // 2, 3)}:
        x = rng.normal(size=(count, 6)).astype(dtype)
        x[row, column] = wrong
        with pytest.raises(DataError, match=rf"row {row}, column {column} \(counted from 0\) is -?(nan|inf)"):
            network.predict(form(x))
    if np.isinf(wrong) and count > 1:  # one of each: their sum is no number, their squares are
        x = np.zeros((count, 6), dtype)
        x[0, 0], x[1, 0] = np.inf, -np.inf
        with pytest.raises(DataError):
            network.predict(form(x))


FORMS = {"rows": np.asarray, "columns": np.asfortranarray, "list": np.ndarray.tolist}


@pytest.mark.parametrize(("dtype", "size"), [("float64", 1e300), ("float64", -1e200), ("float32", 1e30)])
@pytest.mark.parametrize("count", [1, 40, 3000])
@pytest.mark.parametrize("form", FORMS)
def test_huge_numbers_are_rows_too(count: int, form: str, dtype: str, size: float) -> None:
    rng = np.random.default_rng(6)
    network = Network(load_config({"network": {"layers": [4, 3]}}).network.layers, (6,), RunConfig().network.cost,
                      dtype=dtype, rng=rng)  # fmt: skip
    x = rng.normal(size=(count, 6)).astype(dtype)
    x[count // 2] *= size
    outputs = network.predict(FORMS[form](x))  # where a warning is an error
    assert np.isfinite(outputs).all()
    assert np.allclose(outputs, long_way(network, x), rtol=1e-5 if dtype == "float32" else 1e-11, atol=1e-6)


def test_the_blas_of_another_package_is_not_named(monkeypatch):
    """SciPy brings one of its own, and a training must be resumable with and without it in the process."""
    found = [
        {"user_api": "openmp", "internal_api": "openmp", "version": None, "filepath": "/x/sklearn.libs/libgomp.so"},
        {"user_api": "blas", "internal_api": "openblas", "version": "1", "filepath": "/x/scipy.libs/openblas.so"},
        {"user_api": "blas", "internal_api": "openblas", "version": "2", "filepath": "/x/numpy.libs/openblas64.so"},
    ]
    monkeypatch.setattr("threadpoolctl.threadpool_info", lambda: found)
    assert blas_name.__wrapped__() == "openblas 2"
    found.pop()
    assert blas_name.__wrapped__() == "openblas 1"


def test_libraries_are_looked_for_again_after_an_import_only(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    class Counting(ThreadpoolController):
        def __init__(self) -> None:
            found.append(len(sys.modules))
            super().__init__()

    def enter_thrice() -> int:
        found.clear()
        for _ in range(3):
            with one_blas_thread():
                pass
        return len(found)

    enter_thrice()
    monkeypatch.setattr("threadpoolctl.ThreadpoolController", Counting)
    assert enter_thrice() == 0
    monkeypatch.setitem(sys.modules, "a_module_that_may_load_a_library", sys)
    assert enter_thrice() == 1
    assert enter_thrice() == 0


BLAS_OF_SCIPY = """
import json
from threadpoolctl import OpenBLASController, ThreadpoolController, threadpool_info
from modnet.engines.numpy.threads import one_blas_thread

def counts():
    return sorted(lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas")

with one_blas_thread():
    first = counts()
import scipy.linalg
ThreadpoolController().limit(limits=3, user_api="blas")
getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)(force=True)
before = counts()
with one_blas_thread():
    print(json.dumps([first, before, counts()]))
assert counts() == before
"""


def test_a_blas_that_is_loaded_later_is_limited_too() -> None:
    pytest.importorskip("scipy")
    done = subprocess.run(
        [sys.executable, "-c", BLAS_OF_SCIPY], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    first, before, inside = json.loads(done.stdout)
    if len(before) == len(first):
        pytest.skip("this SciPy brings no BLAS of its own")
    assert set(inside) == {1} < set(before) | {1}
