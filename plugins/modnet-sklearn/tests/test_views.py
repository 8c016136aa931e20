"""coefs_ and intercepts_ are views of θ, and stay the truth; copies and pickles have their own."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

import modnet
from modnet_sklearn import MLPClassifier, MLPRegressor

X = np.random.default_rng(1).standard_normal((60, 3))
Y = (X[:, 0] > 0).astype(int)
# Few iterations are enough for what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def fitted():
    return MLPClassifier(hidden_layer_sizes=(4,), max_iter=3, random_state=0).fit(X, Y)


def outputs(coefs, intercepts):
    hidden = np.maximum(X @ coefs[0] + intercepts[0], 0)
    return 1 / (1 + np.exp(-(hidden @ coefs[1] + intercepts[1])[:, 0]))


def test_they_are_views(fitted):
    theta = fitted.network_.parameters
    assert all(np.shares_memory(array, theta) for array in fitted.coefs_ + fitted.intercepts_)
    assert sum(array.size for array in fitted.coefs_ + fitted.intercepts_) == theta.size


def test_what_is_written_to_them_counts(fitted):
    fitted.coefs_[0][1, 2] = 5.0
    fitted.intercepts_[1][...] += 1.0
    assert fitted.predict_proba(X)[:, 1] == pytest.approx(outputs(fitted.coefs_, fitted.intercepts_), rel=1e-12)


def test_other_arrays_in_their_place_count(fitted):
    fitted.coefs_[0] = np.ones((3, 4))
    assert fitted.predict_proba(X)[:, 1] == pytest.approx(outputs(fitted.coefs_, fitted.intercepts_), rel=1e-12)
    fitted.coefs_ = [np.full((3, 4), 0.5), np.full((4, 1), 0.25)]
    assert fitted.predict_proba(X)[:, 1] == pytest.approx(outputs(fitted.coefs_, fitted.intercepts_), rel=1e-12)
    assert np.shares_memory(fitted.coefs_[0], fitted.network_.parameters)
    fitted.intercepts_ = [np.zeros(4), np.zeros(1)]
    fitted.partial_fit(X, Y)  # goes on from them
    assert np.abs(fitted.intercepts_[0]).max() < 0.01


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda estimator: pickle.loads(pickle.dumps(estimator))])  # noqa: S301 # our own object
def test_copies_have_their_own(fitted, copied):
    other = copied(fitted)
    assert np.array_equal(other.predict_proba(X), fitted.predict_proba(X))
    assert all(np.shares_memory(array, other.network_.parameters) for array in other.coefs_)
    before = fitted.coefs_[0].copy()
    for estimator in (fitted, other):
        estimator.partial_fit(X, Y)
    assert np.array_equal(other.coefs_[0], fitted.coefs_[0])  # the moments went along
    assert not np.array_equal(before, fitted.coefs_[0])
    other.coefs_[0][...] = 0.0
    assert fitted.coefs_[0].any()
    unfitted = clone(fitted)
    assert not hasattr(unfitted, "coefs_")


def test_an_unfitted_estimator_can_be_pickled():
    assert pickle.loads(pickle.dumps(MLPRegressor(alpha=0.5))).alpha == 0.5  # noqa: S301 # our own object


def test_a_model_file_holds_the_network(fitted, tmp_path):
    modnet.save(fitted.network_, tmp_path / "m.safetensors")
    network = modnet.load(tmp_path / "m.safetensors")
    assert np.array_equal(network.classify(X), fitted.predict(X))
    assert network.cost.kind == "binary-cross-entropy"
    assert network.classes.tolist() == [0, 1]
