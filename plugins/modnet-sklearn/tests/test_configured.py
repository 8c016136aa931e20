"""ModnetClassifier and ModnetRegressor: a configuration as an estimator."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import modnet
from modnet_sklearn import ModnetClassifier, ModnetRegressor

RNG = np.random.default_rng(2)
X = RNG.standard_normal((90, 3))
Y = np.where(X[:, 0] > 0, "up", "down")
CONFIG = {"epochs": 5, "network": {"layers": [4, 2]}, "optimizer": {"kind": "batch"}}


def test_a_configuration_in_each_form(tmp_path):
    path = tmp_path / "my.toml"
    model = modnet.load_config(CONFIG)
    path.write_text(model.to_toml(), encoding="utf-8")
    expected = modnet.Trainer(model).fit(X, Y).network.parameters
    for config in (CONFIG, path, str(path), model):
        fitted = ModnetClassifier(config).fit(X, Y)
        assert np.array_equal(fitted.network_.parameters, expected)
        assert fitted.config is config
    assert fitted.history_[-1]["accuracy"] <= 1.0
    assert fitted.n_iter_ == 5


def test_keys_are_parameters():
    estimator = ModnetClassifier(CONFIG)
    parameters = estimator.get_params()
    assert parameters["config"] is CONFIG
    assert parameters["optimizer.kind"] == "batch"
    assert parameters["optimizer.learning_rate"] == 3.0
    assert parameters["network.cost"] == "quadratic"
    assert parameters["network.layers.1.activation"] == "sigmoid"
    assert estimator.get_params(deep=False) == {"config": CONFIG}
    assert (
        estimator.set_params(**{"optimizer.learning_rate": np.float64(0.5), "network.layers.0.units": 7}) is estimator
    )
    assert CONFIG["optimizer"] == {"kind": "batch"}
    assert estimator.get_params()["optimizer.learning_rate"] == 0.5
    assert estimator.fit(X, Y).network_.sizes == [3, 7, 2]
    copied = clone(estimator)
    assert copied.get_params()["optimizer.learning_rate"] == 0.5
    copied.set_params(config=CONFIG, **{"optimizer.kind": "mini-batch", "optimizer.rule": "adam"})
    assert copied.fit(X, Y).config_.optimizer.rule.kind == "adam"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("optimizer.learning_rat", 1.0, "optimizer.learning_rat: unknown option; did you mean 'learning_rate'"),
        ("optimizer.learning_rate", -1.0, "optimizer.learning_rate: -1.0 should be greater than 0"),
        ("optimizer.kind", "bach", "optimizer.kind: unknown optimizer 'bach'|unknown optimizer 'bach'"),
        ("epoch", 3, "epoch: unknown option"),
    ],
)
def test_a_key_that_is_not_allowed(key, value, message):
    estimator = ModnetClassifier(CONFIG)
    with pytest.raises(ValueError, match=message):
        estimator.set_params(**{key: value})
    assert estimator.config is CONFIG


def test_nothing_given_is_the_documents_network():
    x = X[:, :2]
    for classes in (2, 3, 5):
        fitted = ModnetClassifier().fit(x, np.arange(90) % classes)
        config = fitted.config_
        assert fitted.network_.sizes == [2, 30, classes]
        assert (config.network.cost.kind, config.optimizer.kind, config.optimizer.batch_size) == (
            "quadratic",
            "mini-batch",
            10,
        )
        assert {layer.component.activation.kind for layer in fitted.network_.layers} == {"sigmoid"}
        probabilities = fitted.predict_proba(x)
        assert probabilities.sum(axis=1) == pytest.approx(1.0)
        assert np.array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(x))
    only = ModnetClassifier().fit(x, ["one"] * 90)
    assert set(only.predict(x)) == {"one"}
    assert only.predict_proba(x).tolist() == [[1.0]] * 90


def test_a_configuration_without_layers_has_an_output_for_each_class():
    fitted = ModnetClassifier({"epochs": 2, "network": {"cost": "categorical-cross-entropy"}}).fit(X, np.arange(90) % 4)
    assert fitted.network_.sizes == [3, 30, 4]
    assert fitted.network_.cost.kind == "categorical-cross-entropy"


@pytest.mark.parametrize("form", ["dict", "path", "model"])
def test_keys_may_be_set_where_the_layers_follow_from_the_samples(form, tmp_path):
    table = {"epochs": 2, "optimizer": {"batch_size": 5}}
    path = tmp_path / "my.toml"
    path.write_text("epochs = 2\n[optimizer]\nbatch_size = 5\n", encoding="utf-8")
    config = {"dict": table, "path": path, "model": modnet.load_config(table)}[form]
    estimator = clone(ModnetClassifier(config).set_params(seed=4))
    assert estimator.fit(X, np.arange(90) % 3).network_.sizes == [3, 30, 3]
    assert (estimator.config_.seed, estimator.config_.epochs, estimator.config_.optimizer.batch_size) == (4, 2, 5)
    assert clone(ModnetClassifier().set_params(epochs=1)).fit(X, np.arange(90) % 5).network_.sizes == [3, 30, 5]
    with pytest.raises(ValueError, match=r"network\.layers\.0\.units: the layers follow from the samples; give all"):
        estimator.set_params(**{"network.layers.0.units": 5})
    assert estimator.set_params(**{"network.layers": [5, 3]}).fit(X, np.arange(90) % 3).network_.sizes == [3, 5, 3]
    assert estimator.set_params(**{"network.layers.0.units": 6}).fit(X, np.arange(90) % 3).network_.sizes == [3, 6, 3]


def test_labels_that_are_floats_are_classes():
    fitted = ModnetClassifier(CONFIG).fit(X, np.where(X[:, 0] > 0, 2.0, 1.0))
    assert set(fitted.predict(X)) <= {1.0, 2.0}


def test_several_labels_a_sample():
    labels = (X > 0.3).astype(float)
    fitted = ModnetClassifier({"epochs": 60, "optimizer": {"learning_rate": 3.0}}).fit(X, labels)
    probabilities, predicted = fitted.predict_proba(X), fitted.predict(X)
    assert np.array_equal(probabilities, fitted.network_.predict(X))  # each by itself: they do not sum to 1
    assert np.array_equal(predicted, probabilities > 0.5)
    assert fitted.score(X, labels) > 0.8  # all of a sample's labels
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert ModnetClassifier("suggest").fit(X, labels.astype(int)).score(X, labels) > 0.5


def test_sparse_rows_are_those_of_a_dense_training():
    x = np.where(X > 0.5, X, 0.0)
    sparse, dense = (ModnetClassifier(CONFIG).fit(rows, Y) for rows in (scipy.sparse.csc_array(x), x))
    assert sparse.predict_proba(scipy.sparse.csr_matrix(x)) == pytest.approx(dense.predict_proba(x), rel=1e-12)


def test_a_regressor():
    y = 100.0 + 20.0 * X[:, 0] - 5.0 * X[:, 1]
    fitted = ModnetRegressor().fit(X, y)
    assert fitted.predict(X).shape == (90,)
    assert fitted.score(X, y) > 0.9
    two = ModnetRegressor().fit(X, np.stack([y, -y], axis=1))
    assert two.predict(X).shape == (90, 2)
    assert ModnetRegressor().fit(X, y.round().astype(int)).score(X, y) > 0.9


def test_suggested_for_a_table_with_text_and_missing_values():
    pd = pytest.importorskip("pandas")
    towns = RNG.choice(["Bonn", "Kiel", "Ulm"], 200)
    ages = RNG.uniform(20, 60, 200)
    ages[::17] = np.nan
    table = pd.DataFrame({"town": towns, "age": ages})
    estimator = ModnetClassifier("suggest")
    assert estimator.get_params() == {"config": "suggest"}
    labels = np.where(towns == "Kiel", "yes", "no")
    fitted = estimator.fit(table, labels)
    assert fitted.score(table, labels) > 0.95
    assert fitted.config_ == modnet.suggest(table, labels)
    assert fitted.feature_names_in_.tolist() == ["town", "age"]
    with pytest.raises(ValueError, match="has no keys before fit"):
        estimator.set_params(epochs=3)
    numbers = ModnetRegressor("suggest").fit(table, np.where(towns == "Ulm", 1.5, 0.5))
    assert numbers.score(table, np.where(towns == "Ulm", 1.5, 0.5)) > 0.9


def test_sample_weights_and_pickles():
    weights = np.where(Y == "up", 3.0, 1.0)
    fitted = ModnetClassifier(CONFIG).fit(X, Y, sample_weight=weights)
    expected = modnet.Trainer.from_config(CONFIG).fit(X, Y, weights).network.parameters
    assert np.array_equal(fitted.network_.parameters, expected)
    other = pickle.loads(pickle.dumps(fitted))  # noqa: S301 # our own object
    assert np.array_equal(other.predict_proba(X), fitted.predict_proba(X))


def test_errors():
    with pytest.raises(ValueError, match=r"network\.layers\.1: the output layer has 2 units, the data has 3 classes"):
        ModnetClassifier(CONFIG).fit(X, np.arange(90) % 3)
    with pytest.raises(ValueError, match=r"missing\.toml: "):
        ModnetClassifier("missing.toml").fit(X, Y)
    with pytest.raises(ValueError, match=r"suggst: cannot be read: .*; did you mean 'suggest'\?"):
        ModnetClassifier("suggst").fit(X, Y)
    with pytest.raises(NotFittedError):
        ModnetRegressor().predict(X)
