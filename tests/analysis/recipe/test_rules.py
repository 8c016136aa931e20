"""What is suggested for samples: the rules at their bounds, and what the networks reach."""

from __future__ import annotations

import numpy as np
import pytest

from modnet import DataError, RunConfig, Trainer, suggest
from modnet.core.interfaces import Optimizer


def config_for(rows: int, classes: int = 2) -> RunConfig:
    return suggest(np.arange(rows, dtype=float)[:, None] % 7, np.arange(rows) % classes)


def batch_size(optimizer: Optimizer) -> int:
    return int(optimizer.batch_size)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("rows", "batch"),
    [(4, 4), (100, 16), (5_000, 16), (7_000, 32), (16_384, 64), (60_000, 256), (1_000_000, 256)],
)
def test_the_batch_is_a_power_of_two_near_a_256th_of_the_training_rows(rows, batch):
    assert batch_size(config_for(rows).optimizer) == batch


@pytest.mark.parametrize(("rows", "share"), [(1_999, 0.0), (2_000, 0.1)])
def test_from_2000_rows_on_some_say_when_to_stop(rows, share):
    config = config_for(rows)
    assert config.data.validation_share == share
    assert [callback.kind for callback in config.callbacks] == (["early-stopping"] if share else [])


@pytest.mark.parametrize(("rows", "layers"), [(11_110, [100, 2]), (11_112, [100, 100, 2])])
def test_10000_training_rows_get_a_second_hidden_layer(rows, layers):
    assert [layer.units for layer in config_for(rows).network.layers] == layers  # type: ignore[attr-defined]


@pytest.mark.parametrize(("rare", "weight"), [(40, None), (39, "balanced")])
def test_classes_are_weighted_from_one_and_a_half_times_on(rare, weight):
    y = [0] * 60 + [1] * rare
    config = suggest(np.arange(len(y), dtype=float)[:, None], y)
    assert config.data.class_weight == weight
    assert config.metrics is None or [metric.kind for metric in config.metrics] == ["balanced-accuracy", "accuracy"]


@pytest.mark.parametrize(("rare", "monitor"), [(1_000, "validation_cost"), (100, "validation_balanced_accuracy")])
def test_where_classes_are_uneven_their_mean_says_when_to_stop(rare, monitor):
    y = [0] * (3_000 - rare) + [1] * rare if rare < 1_000 else [0, 1] * 1_500
    [stopping] = suggest(np.arange(3_000.0)[:, None], y).callbacks
    assert stopping.monitor == monitor  # type: ignore[attr-defined]


def test_weights_count_as_samples():
    x, y = np.arange(100.0)[:, None], np.arange(100) % 2
    assert suggest(x, y).data.class_weight is None
    assert suggest(x, y, sample_weight=1.0 + y).data.class_weight == "balanced"


def test_the_output_follows_from_the_targets():
    x = np.random.default_rng(0).normal(size=(50, 2))
    found = {}
    for name, y in {
        "classes": np.arange(50) % 4,
        "numbers": x[:, 0],
        "several": x * 2.0,
        "labels": (x > 0).astype(int),
    }.items():
        config = suggest(x, y)
        last = config.network.layers[-1]
        found[name] = (last.units, last.activation.kind, config.network.cost.kind)  # type: ignore[attr-defined]
        has_transform = config.data.target_transform is not None
        assert has_transform == (name in ("numbers", "several"))
    assert found == {
        "classes": (4, "softmax", "categorical-cross-entropy"),
        "numbers": (1, "identity", "quadratic"),
        "several": (2, "identity", "quadratic"),
        "labels": (2, "sigmoid", "binary-cross-entropy"),
    }


def test_missing_values_are_filled_in():
    x = np.arange(60.0).reshape(30, 2)
    assert [transform.kind for transform in suggest(x, np.arange(30) % 2).data.transforms] == ["standard"]
    x[3, 1] = np.nan
    assert [transform.kind for transform in suggest(x, np.arange(30) % 2).data.transforms] == ["impute", "standard"]


def test_a_data_frame_with_text():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"size": [1.0, 2.0, None, 4.0] * 10, "word": ["x", "y", "x", None] * 10})
    y = [*"uvuu"] * 10
    config = suggest(frame, y)
    assert [transform.kind for transform in config.data.transforms] == ["impute", "impute", "standard", "one-hot"]
    assert Trainer(config).fit(frame, y).evaluate("train")["balanced_accuracy"] == 1.0
    with pytest.raises(DataError, match="column 'name' identifies the rows: all its 40 texts differ; leave it out"):
        suggest(frame.assign(name=[f"n{row}" for row in range(40)]), y)


def test_a_function_is_learnt():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (600, 2)) * [1.0, 1e4] + [0.0, 1e6]
    scaled = (x - [0.0, 1e6]) / [1.0, 1e4]
    y = 1e3 * (np.sin(3 * scaled[:, 0]) + scaled[:, 1] ** 2)
    run = Trainer(suggest(x[:500], y[:500])).fit(x[:500], y[:500])
    rest = y[500:] - run.network.predict(x[500:])[:, 0]
    assert rest.var() < 0.03 * y[500:].var()


def test_rare_classes_are_found():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2_000, 2))
    y = (x[:, 0] > 2.0).astype(int)  # 2 %
    run = Trainer(suggest(x[:1_500], y[:1_500])).fit(x[:1_500], y[:1_500])
    found = run.network.classify(x[1_500:])
    assert (found == y[1_500:])[y[1_500:] == 1].mean() > 0.9


def test_the_same_samples_get_the_same_configuration():
    assert config_for(3_000) == config_for(3_000)


@pytest.mark.parametrize(
    ("x", "y", "problem"),
    [
        (np.zeros((4, 2, 2)), [0, 1, 0, 1], "rows of columns are needed"),
        (np.eye(4), [0, 0, 0, 0], "training y has one class, 0"),
        (np.eye(4), [0, 1], "training y has 2 samples, x has 4"),
    ],
)
def test_samples_that_cannot_be_used(x, y, problem):
    with pytest.raises(DataError, match=problem):
        suggest(x, y)


@pytest.mark.parametrize(("distinct", "rows"), [(20, 100), (21, 420), (21, 419)])
def test_integers_are_classes_while_they_are_few(distinct, rows):
    y = 100_000 + np.arange(rows) % distinct  # as prices may be given
    x = np.arange(float(rows))[:, None]
    if rows == 419:
        with pytest.raises(
            DataError, match=r"^training y: 21 different integers in 419 samples, too many for classes; "
        ):
            suggest(x, y)
        assert suggest(x, y.astype(float)).network.cost.kind == "quadratic"
        assert suggest(x, y.astype(str)).network.layers[-1].units == distinct  # type: ignore[attr-defined]
    else:
        assert suggest(x, y).network.layers[-1].units == distinct  # type: ignore[attr-defined]


def test_errors_of_numbers_are_given_in_their_units():
    x, y = np.arange(60.0)[:, None], np.arange(60.0) * 1_000.0
    config = suggest(x, y)
    assert [metric.kind for metric in config.metrics or ()] == ["r2", "mean-absolute-error"]
    run = Trainer(config).fit(x, y, test=(x, y))
    errors = np.abs(run.network.predict(x)[:, 0] - y)
    assert run.test["mean_absolute_error"] == pytest.approx(errors.mean(), rel=1e-5)
    assert suggest(np.eye(4), np.eye(4, dtype=int)).metrics is None  # several labels
