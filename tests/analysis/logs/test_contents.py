"""What is written to a log, against what it is about: the history, the network's numbers, the configuration."""

from __future__ import annotations

import io
import json
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as by_scikit_learn

import modnet
from modnet import LogHistogram, LogRecord, Trainer, load_config
from modnet.analysis.logs.contents import described, flat_config, histograms
from modnet.analysis.logs.pictures import MOST, histogram_picture
from modnet.analysis.plots.figure import figure_bytes, render
from modnet.analysis.results.confusion_matrix import confusion_of
from modnet.config.overrides import apply_override


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).normal(size=(30, 7)),
        [0.0],
        [3.0, 3.0, 3.0],
        [-1e-300, 1e-300],
        [1e300, -1e300],
        [1.0, 1.0 + 1e-15],
        np.float32([1, 2, 2, 7]),
    ],
    ids=["normal", "zero", "equal", "tiny", "huge", "neighbours", "float32"],
)
def test_every_number_is_in_a_bin(values: Any) -> None:
    histogram = LogHistogram.of(values)
    assert histogram is not None
    numbers = np.asarray(values, dtype=np.float64).ravel()
    counts = [
        int(np.sum((numbers >= low) & ((numbers < high) | (numbers == high) & (high == histogram.edges[-1]))))
        for low, high in zip(histogram.edges[:-1], histogram.edges[1:], strict=True)
    ]
    assert histogram.counts.tolist() == counts
    assert sum(counts) == numbers.size
    assert (histogram.minimum, histogram.maximum) == (numbers.min(), numbers.max())
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(histogram.total, np.sum(numbers))
        np.testing.assert_allclose(histogram.total_squares, np.sum(numbers**2))
    assert np.all(np.diff(histogram.edges) > 0)


def test_what_is_not_finite_is_in_no_histogram() -> None:
    histogram = LogHistogram.of([np.nan, 1.0, np.inf, 2.0])
    assert histogram is not None
    assert (histogram.counts.sum(), histogram.total) == (2, 3.0)
    assert LogHistogram.of([np.nan, -np.inf]) is None
    assert LogHistogram.of([]) is None


class Seen:
    """Keeps what a function returns for the training at the end of each epoch."""

    def __init__(self, function: Any) -> None:
        self.function, self.found = function, []

    def __call__(self, training: Any, row: dict[str, Any]) -> None:
        del row
        self.found.append(self.function(training))


def test_histograms_are_of_the_networks_numbers(rng: np.random.Generator) -> None:
    """δ of a layer of sigmoids with the quadratic cost is (a − y) a (1 − a), as the document has it."""
    x, y = rng.normal(size=(40, 3)), rng.uniform(size=(40, 2))
    seen = Seen(histograms)
    config = {"epochs": 2, "network": {"layers": [2]}, "optimizer": {"learning_rate": 0.5}}
    run = Trainer.from_config(config).fit(x, y, callbacks=[seen])
    (layer,) = run.network.layers
    a = 1.0 / (1.0 + np.exp(-(x @ layer.weights.T + layer.biases)))
    expected = {"weights": layer.weights, "biases": layer.biases, "delta": (a - y) * a * (1.0 - a)}
    assert seen.found[-1].keys() == {f"layer-1/{name}" for name in expected}
    for name, values in expected.items():
        found = seen.found[-1][f"layer-1/{name}"]
        assert found.counts.sum() == values.size
        np.testing.assert_allclose([found.minimum, found.maximum], [values.min(), values.max()], rtol=1e-12)
        np.testing.assert_allclose([found.total, found.total_squares], [values.sum(), (values**2).sum()], rtol=1e-9)
    assert any(first.counts.tolist() != last.counts.tolist() for first, last in zip(
        seen.found[0].values(), seen.found[-1].values(), strict=True))  # fmt: skip


def test_histograms_are_of_every_layer_whatever_its_kind() -> None:
    block = {"kind": "residual", "layers": [{"kind": "dense", "units": 8, "activation": "relu"}]}
    table = {"epochs": 1, "network": {"layers": [8, block, "dropout", 10]}}
    seen = Seen(histograms)
    run = Trainer.from_config(table).fit(callbacks=[seen])
    for number, layer in enumerate(run.network.layers, 1):
        for name in (*layer.parameters, "delta"):
            assert f"layer-{number}/{name}" in seen.found[0]


def test_the_confusion_matrix_is_that_of_scikit_learn() -> None:
    run = Trainer.from_config({"epochs": 1}).fit()
    samples = run.samples["test"]
    matrix = confusion_of(run.network, samples)
    assert matrix is not None
    predicted = run.network.classify(samples.x)
    true = run.network.classes[samples.targets.codes]
    assert matrix.counts.tolist() == by_scikit_learn(true, predicted, labels=run.network.classes).tolist()


@pytest.mark.parametrize(("y", "classes"), [(np.linspace(0, 1, 12), None), (["a"] * 12, ["a"])])
def test_where_there_are_no_two_classes_there_is_no_matrix(y: Any, classes: Any) -> None:
    run = Trainer.from_config({"epochs": 1, "network": {"layers": [1]}}).fit(np.ones((12, 2)), y, classes=classes)
    assert confusion_of(run.network, run.samples["train"]) is None


def test_a_record_is_the_same_from_a_checkpoint() -> None:
    record = LogRecord.of_row({"epoch": 4, "cost": 0.25, "test_accuracy": float("nan")})
    assert (record.step, record.axis) == (5, "epoch")
    full = LogRecord("epoch", 5, 7.5, record.numbers, {"layer-1/delta": LogHistogram.of([1.0, 2.0])}, {"a": b"png"})
    copy = LogRecord.of_state(full.to_state())
    assert repr(copy.to_state()) == repr(full.to_state())
    assert copy.pictures == {"a": b"png"}


def test_a_flat_configuration_is_the_whole_one() -> None:
    config = load_config(
        {
            "network": {"layers": [20, {"kind": "dropout", "rate": 0.25}, 10], "regularizers": ["l2"]},
            "optimizer": {"rule": {"kind": "adam", "beta1": 0.8}},
            "metrics": ["accuracy", "f1"],
            "callbacks": ["checkpoint", {"kind": "early-stopping", "monitor": "cost"}],
        }
    )
    flat = flat_config(config)
    assert flat["network.layers.1.rate"] == 0.25
    assert flat["network.layers.0.units"] == 20
    assert flat["optimizer.rule.beta1"] == 0.8
    assert flat["terminate_on_nan"] is True
    assert flat["metrics.0"] == "accuracy"
    assert flat_config(load_config({"callbacks": ["checkpoint"], "metrics": ["accuracy"]}))["metrics"] == '["accuracy"]'
    assert all(type(value) in (str, int, float, bool) for value in flat.values())
    # Every key means what it says: as overrides, which cannot make a list longer, they give the configuration again.
    table = config.to_config()
    for key, value in flat.items():
        text = value if isinstance(value, str) and value[:1] in "[{" else json.dumps(value)
        table = apply_override(table, f"{key}={text}")
    assert load_config(table) == config


def test_a_description_names_versions_and_samples() -> None:
    seen = Seen(described)
    run = Trainer.from_config({"epochs": 1, "data": {"validation_share": 0.25}}).fit(callbacks=[seen])
    (texts,) = seen.found
    assert texts["modnet"] == modnet.__version__
    assert texts["numpy"] == np.__version__
    for part, samples in run.samples.items():
        assert texts[f"samples.{part}.rows"] == str(len(samples))
        assert texts[f"samples.{part}.sha256"] == samples.digest()


def test_the_picture_of_histograms_has_a_row_for_each_layer() -> None:
    few = {f"layer-{layer}/{name}": LogHistogram.of([1.0, 2.0]) for layer in (1, 2) for name in ("weights", "delta")}
    picture = histogram_picture(few, "Layers after epoch 3")
    image = matplotlib.image.imread(io.BytesIO(figure_bytes(render([picture]), "png")))
    assert image.shape[0] > image.shape[1] / 2
    assert len(np.unique(image.reshape(-1, image.shape[-1]), axis=0)) > 10
    assert "layer-2/delta from 1 to 2" in picture.text
    many = {f"layer-{layer}/weights": LogHistogram.of([1.0]) for layer in range(1, 2 * MOST)}
    assert f"{MOST} of {2 * MOST - 1} layers" in histogram_picture(many, "Layers").title
