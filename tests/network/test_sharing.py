"""Trainings and predictions at once, in threads and in forked workers: each as if it were alone."""

from __future__ import annotations

import multiprocessing
import os
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import modnet
from modnet import Trainer
from modnet.engines.numpy import threads

Data = tuple[np.ndarray, np.ndarray]
DROPOUT = {"kind": "dropout", "rate": 0.2}
CONFIGS: list[dict[str, Any]] = [
    {
        "seed": seed,
        "epochs": 2,
        "dtype": dtype,
        "engine": {"threads": 1 + seed % 2},
        "network": {"layers": [12, DROPOUT, 3]},
        "optimizer": {"kind": kind, "rule": rule, "learning_rate": 0.05},
        "callbacks": ["checkpoint"],
    }
    for seed, (kind, rule, dtype) in enumerate(
        [
            ("mini-batch", "plain", "float64"),
            ("batch", "adam", "float64"),
            ("mini-batch", "momentum", "float32"),
            ("stochastic", "plain", "float64"),
        ]
    )
]


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    return rng.normal(size=(1100, 6)), np.arange(1100) % 3


def outcome(config: dict[str, Any], data: Data, folder: Path) -> tuple[bytes, list[dict[str, Any]]]:
    run = Trainer.from_config(config).fit(*data, test=data, out=folder)
    return run.network.predict(data[0]).tobytes(), [{**row, "seconds": 0} for row in run.history]


def test_eight_threads_train_and_predict_as_one_alone(data: Data, tmp_path: Path) -> None:
    alone = [outcome(config, data, tmp_path / f"alone-{index}") for index, config in enumerate(CONFIGS)]
    shared = modnet.load(tmp_path / "alone-0")
    answers = shared.predict(data[0]).tobytes()
    together: list[Any] = [None] * 4
    failed: list[BaseException] = []
    begin, training = threading.Barrier(8), threading.Event()

    def train(index: int) -> None:
        begin.wait()
        together[index] = outcome(CONFIGS[index], data, tmp_path / f"together-{index}")

    def predict(index: int) -> None:
        begin.wait()
        while not training.is_set():
            assert shared.predict(data[0]).tobytes() == answers
            assert modnet.load(tmp_path / f"alone-{index}").predict(data[0][:50]).shape == (50, 3)

    def guarded(do: Any, index: int) -> None:
        try:
            do(index)
        except BaseException as error:
            failed.append(error)

    trainers = [threading.Thread(target=guarded, args=(train, index)) for index in range(4)]
    others = [threading.Thread(target=guarded, args=(predict, index)) for index in range(4)]
    for thread in trainers + others:
        thread.start()
    for thread in trainers:
        thread.join()
    training.set()
    for thread in others:
        thread.join()
    assert failed == []
    assert together == alone


def in_a_worker(index: int, data: Data, folder: Path, queue: Any) -> None:
    try:
        queue.put((index, outcome(CONFIGS[index], data, folder)))
    except BaseException as error:
        queue.put((index, repr(error)))


def test_forked_workers_train_as_their_parent(data: Data, tmp_path: Path) -> None:
    alone = [outcome(config, data, tmp_path / f"alone-{index}") for index, config in enumerate(CONFIGS)]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [
        context.Process(target=in_a_worker, args=(index, data, tmp_path / f"forked-{index}", queue), daemon=True)
        for index in range(4)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on it warns where there are threads
        for worker in workers:
            worker.start()
    found = dict(queue.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(timeout=60)
    assert [found[index] for index in range(4)] == alone


def test_a_worker_that_is_forked_while_a_thread_begins_a_training_trains_too(data: Data, tmp_path: Path) -> None:
    alone = outcome(CONFIGS[0], data, tmp_path / "alone")
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    worker = context.Process(target=in_a_worker, args=(0, data, tmp_path / "forked", queue), daemon=True)
    with threads._lock, warnings.catch_warnings():  # as it is while a thread gives BLAS its one thread
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on it warns where there are threads
        worker.start()
    try:
        assert queue.get(timeout=60) == (0, alone)
    finally:
        worker.kill()
        worker.join(timeout=60)


def test_a_worker_that_is_forked_while_its_parent_trains_trains_too(data: Data, tmp_path: Path) -> None:
    """At that moment the parent's threads, which the worker does not have, hold BLAS and lanes."""
    from components.callbacks.strangers import Watch, installed

    alone = outcome(CONFIGS[1], data, tmp_path / "alone")
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = []

    def fork(training: Any) -> None:
        if training.epoch == 1:
            worker = context.Process(target=in_a_worker, args=(1, data, tmp_path / "forked", queue), daemon=True)
            worker.start()
            workers.append(worker)

    Watch.heard, Watch.at = [], {"epoch_start": fork}
    with installed(Watch), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on it warns where there are threads
        config = {**CONFIGS[1], "callbacks": ["watch"]}
        run = Trainer.from_config(config).fit(*data, test=data, out=tmp_path / "parent")
    assert run.network.predict(data[0]).tobytes() == alone[0]
    try:
        assert queue.get(timeout=60) == (1, alone)
    finally:
        workers[0].kill()
        workers[0].join()
    assert os.getpid() != workers[0].pid
