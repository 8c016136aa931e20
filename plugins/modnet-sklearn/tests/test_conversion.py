from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.neural_network as original
from sklearn.datasets import make_multilabel_classification

import modnet
from modnet_sklearn import MLPClassifier, MLPRegressor, from_sklearn, to_sklearn

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 5))
TWO, MANY = np.where(X[:, 0] > 0, "b", "a"), (X[:, 0] > 0) * 1 + (X[:, 1] > 0) * 2
LABELS = make_multilabel_classification(n_samples=120, n_classes=4, random_state=1)[1]
NUMBERS = np.sin(X @ RNG.standard_normal((5, 2)))
CASES = {
    "two": ("MLPClassifier", TWO, {}),
    "many": ("MLPClassifier", MANY, {"activation": "tanh", "hidden_layer_sizes": (6, 5)}),
    "labels": ("MLPClassifier", LABELS, {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1}),
    "one": ("MLPRegressor", NUMBERS[:, 0], {"activation": "logistic", "early_stopping": True}),
    "several": ("MLPRegressor", NUMBERS, {"solver": "sgd", "nesterovs_momentum": False, "activation": "identity"}),
    "lbfgs": ("MLPClassifier", MANY, {"solver": "lbfgs", "max_iter": 20}),
    "float32": ("MLPRegressor", NUMBERS, {}),
    "deep": ("MLPClassifier", MANY, {"hidden_layer_sizes": (5, 4, 3), "early_stopping": True, "solver": "sgd"}),
    "no hidden layer": ("MLPClassifier", LABELS, {"hidden_layer_sizes": ()}),
    "warm": ("MLPRegressor", NUMBERS[:, 0], {"warm_start": True, "solver": "sgd", "learning_rate": "adaptive"}),
}
if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 7):
    CASES["poisson"] = ("MLPRegressor", np.abs(NUMBERS), {"loss": "poisson"})


def fitted(name, library=original):
    kind, y, options = CASES[name]
    estimator = getattr(library, kind)(**{"max_iter": 6, "random_state": 2, "hidden_layer_sizes": (7,), **options})
    x = X.astype(np.float32) if name == "float32" else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x, y), x, y


@pytest.mark.parametrize("name", CASES)
def test_the_predictions_are_the_same(name, tmp_path):
    theirs, x, y = fitted(name)
    own = from_sklearn(theirs)
    assert own.get_params() == {**own.get_params(), **theirs.get_params()}
    tolerance = {"rel": 3e-7, "abs": 3e-7} if name == "float32" else {"rel": 6e-16, "abs": 6e-16}
    predict = "predict_proba" if hasattr(theirs, "predict_proba") else "predict"
    assert getattr(own, predict)(x) == pytest.approx(getattr(theirs, predict)(x), **tolerance)
    assert own.score(x, y) == pytest.approx(theirs.score(x, y), rel=1e-6)
    modnet.save(own.network_, tmp_path / "m.safetensors")
    network = modnet.load(tmp_path / "m.safetensors")
    if hasattr(theirs, "classes_"):
        assert np.array_equal(network.classify(x), theirs.predict(x))
    else:
        assert network.predict(x).reshape(theirs.predict(x).shape) == pytest.approx(theirs.predict(x), **tolerance)


@pytest.mark.parametrize("way", [from_sklearn, lambda fitted: to_sklearn(from_sklearn(fitted))])
@pytest.mark.parametrize("name", ["two", "many", "labels", "several"])
def test_training_goes_on_as_it_would_have(name, way):
    theirs, x, y = fitted(name)
    own = way(theirs)
    for _ in range(3):
        theirs.partial_fit(x, y)
        own.partial_fit(x, y)
    assert own.loss_curve_ == pytest.approx(theirs.loss_curve_, rel=2e-15)
    for array, other in zip(own.coefs_ + own.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        assert array == pytest.approx(other, rel=1e-12, abs=1e-14)
    assert own.t_ == theirs.t_


@pytest.mark.parametrize("way", [from_sklearn, lambda fitted: to_sklearn(from_sklearn(fitted))])
@pytest.mark.parametrize("options", [{}, {"solver": "sgd"}, {"solver": "lbfgs"}, {"early_stopping": True}])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few iterations
def test_a_warm_start_goes_on_as_it_would_have(options, way):
    theirs = original.MLPClassifier((6,), warm_start=True, random_state=1, max_iter=5, **options).fit(X, MANY)
    own = way(theirs)
    for _ in range(2):
        theirs.fit(X, MANY)
        own.fit(X, MANY)
    tolerance = 1e-7 if options.get("solver") == "lbfgs" else 2e-15
    assert own.loss_ == pytest.approx(theirs.loss_, rel=tolerance)
    assert getattr(own, "loss_curve_", []) == pytest.approx(getattr(theirs, "loss_curve_", []), rel=2e-15)


def test_names_and_text_are_taken_over():
    frame = pd.DataFrame(X, columns=list("abcde"))
    theirs = original.MLPClassifier((6,), random_state=1, max_iter=3, tol=1e9, n_iter_no_change=1).fit(frame, TWO)
    own = from_sklearn(theirs)
    assert own.feature_names_in_.tolist() == list("abcde")
    assert own.network_.features == tuple("abcde")
    assert np.array_equal(own.predict(frame), theirs.predict(frame))


def test_a_tie_at_one_half_means_the_first_class():
    theirs, x, _ = fitted("two")
    for array in (*theirs.coefs_, *theirs.intercepts_):
        array[...] = 0.0
    own = from_sklearn(theirs)
    assert set(own.predict_proba(x).ravel()) == {0.5}
    assert set(theirs.predict(x)) == set(own.predict(x)) == set(own.network_.classify(x)) == {"a"}
    labels = fitted("labels")[0]
    for array in (*labels.coefs_, *labels.intercepts_):
        array[...] = 0.0
    assert np.array_equal(from_sklearn(labels).predict(x[:, :1].repeat(5, axis=1)), labels.predict(x))


def test_nothing_is_shared():
    theirs, x, y = fitted("many")
    before = theirs.predict_proba(x)
    own = from_sklearn(theirs)
    own.partial_fit(x, y)
    back = to_sklearn(own)
    back.partial_fit(x, y)
    assert np.array_equal(theirs.predict_proba(x), before)
    assert np.abs(own.predict_proba(x) - before).max() > 1e-6
    assert np.abs(back.predict_proba(x) - own.predict_proba(x)).max() > 1e-6


@pytest.mark.parametrize("name", CASES)
def test_the_way_back(name):
    own, x, y = fitted(name, pytest.importorskip("modnet_sklearn"))
    theirs = to_sklearn(own)
    assert type(theirs).__module__.startswith("sklearn.")
    if hasattr(own, "classes_"):
        assert theirs.predict(x).tolist() == own.predict(x).tolist()
    else:
        assert theirs.predict(x) == pytest.approx(own.predict(x), rel=3e-7 if name == "float32" else 1e-14)
    assert theirs.score(x, y) == pytest.approx(own.score(x, y), rel=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "relu", "cost": "quadratic"}, "cost = 'quadratic': scikit-learn has no such parameter"),
        ({"activation": "leaky-relu"}, "activation = 'leaky-relu': scikit-learn has identity, logistic, relu, tanh"),
        ({"hidden_layer_sizes": [4, "dropout"]}, "layer 2 is of the kind dropout: scikit-learn has dense layers only"),
        (
            {"hidden_layer_sizes": [{"kind": "dense", "units": 3, "activation": "tanh"}, 4]},
            "hidden layers have the activations relu, tanh: scikit-learn has one for all",
        ),
    ],
)
def test_what_scikit_learn_has_not_is_named(options, message):
    own = MLPClassifier(random_state=0, max_iter=3, tol=10.0, n_iter_no_change=1, **options).fit(X, TWO)
    with pytest.raises(ValueError, match=message):
        to_sklearn(own)


def test_what_cannot_be_converted():
    with pytest.raises(
        ValueError, match="got a MLPRegressor; allowed: a fitted MLPClassifier or MLPRegressor of sklearn"
    ):
        from_sklearn(MLPRegressor())
    with pytest.raises(ValueError, match="not fitted yet"):
        from_sklearn(original.MLPRegressor())
    with pytest.raises(ValueError, match="not fitted yet"):
        to_sklearn(MLPRegressor())
