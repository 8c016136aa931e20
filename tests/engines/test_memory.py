"""How much memory many classes take: the targets and outputs of a piece of bounded size, and never of all samples."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modnet import DivergenceError, Run, Trainer
from modnet.analysis.finished_run import FinishedRun
from modnet.analysis.results.predictions import predict_part

CLASSES = 1200
BOUND = 256 << 10
WHOLE = CLASSES * CLASSES * 8
"""What one-hot targets of all samples would take, 11.5 MB: one sample for each class."""
Y = np.array([f"class {index}" for index in range(CLASSES)])
X = np.random.default_rng(0).normal(size=(CLASSES, 3))


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("network.network", "training.epoch", "engines.numpy.workers"):
        monkeypatch.setattr(f"modnet.{module}.CHUNK_BYTES", BOUND, raising=False)


def fit(optimizer: dict[str, Any], threads: int = 1, **options: Any) -> Run:
    last = {"kind": "dense", "units": CLASSES, "activation": "softmax"}
    network = {"layers": [last], "cost": "categorical-cross-entropy"}
    config = {"epochs": 1, "network": network, "optimizer": optimizer, "engine": {"threads": threads}, **options}
    return Trainer.from_config(config).fit(X, Y, validation=(X, Y))


def peak(work: Callable[[], Any]) -> tuple[Any, int]:
    tracemalloc.start()
    try:
        result = work()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


OPTIMIZERS = {
    "mini-batch": ({"kind": "mini-batch", "batch_size": 16}, 1),
    "mini-batches larger than a piece": ({"kind": "mini-batch", "batch_size": 300}, 1),
    "batch": ({"kind": "batch"}, 1),
    "two threads": ({"kind": "batch"}, 2),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.usefixtures("small_pieces")
def test_a_training_with_many_classes_takes_little_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run, bytes_at_most = peak(lambda: fit(*OPTIMIZERS[name]))
    assert bytes_at_most < WHOLE
    monkeypatch.undo()
    whole = fit(*OPTIMIZERS[name])
    rtol = 0.0 if name == "mini-batch" else 1e-12  # of other pieces, sums have other last bits
    np.testing.assert_allclose(run.network.parameters, whole.network.parameters, rtol=rtol, atol=rtol)
    for label, value in whole.history[0].items():
        if label != "seconds":
            assert run.history[0][label] == pytest.approx(value, rel=1e-12)


@pytest.mark.usefixtures("small_pieces")
def test_what_looks_at_a_network_with_many_classes_takes_little_memory() -> None:
    run = fit({"kind": "mini-batch", "batch_size": 16})
    network = run.network
    assert network.chunk == BOUND // (CLASSES * 8)
    labels, bytes_at_most = peak(lambda: network.classify(X))
    assert bytes_at_most < WHOLE
    np.testing.assert_array_equal(labels, network.decode(network.predict(X)))
    outputs, bytes_at_most = peak(lambda: network.predict_outputs(X))
    assert bytes_at_most < 2 * WHOLE  # half of it is returned
    np.testing.assert_allclose(outputs, [network.predict_outputs(row[None])[0] for row in X], rtol=1e-12)
    _, bytes_at_most = peak(lambda: predict_part(FinishedRun(run), "train"))
    assert bytes_at_most < 2 * WHOLE
    layers = [{"kind": "dense", "units": CLASSES, "activation": "identity"}]
    config = {"network": {"layers": layers}, "optimizer": {"kind": "batch", "learning_rate": 1e308}, "epochs": 3}

    def diverge() -> None:
        with pytest.raises(DivergenceError):
            Trainer.from_config(config).fit(X, Y)

    assert peak(diverge)[1] < WHOLE
