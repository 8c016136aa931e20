"""Estimators in model files: the same predictions, parameters and attributes, and training that goes on."""

from __future__ import annotations

import math
import pickle
import warnings
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network as original
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import modnet
import modnet_sklearn
from modnet import Layer
from modnet.components.activations import LeakyRelu
from modnet.components.costs import Quadratic
from modnet.components.layers import Dense
from modnet.storage.model_file import save_with_state
from modnet.testing.case import temporarily_registered
from modnet_sklearn import MLPClassifier, MLPRegressor, ModnetClassifier, ModnetRegressor, from_sklearn
from modnet_sklearn.stored import encode

RNG = np.random.default_rng(3)
X = RNG.standard_normal((80, 4))
TWO = X[:, 0] > 0
MANY = ((X[:, 0] > 0) * 1 + (X[:, 1] > 0) * 2).astype(np.uint8)
LABELS = (X[:, :3] > 0).astype(int)
NUMBERS = 100.0 + 20.0 * X[:, 0]
FRAME = pd.DataFrame({"age": X[:, 0], "town": np.where(TWO, "Bonn", "Kiel")})
SHORT = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}
CONFIG = {"epochs": 3, "network": {"layers": [4, 3]}, "optimizer": {"kind": "batch"}}

ESTIMATORS = {
    "two": (MLPClassifier(**SHORT), X, TWO),
    "text": (MLPClassifier(**SHORT, early_stopping=True), X, np.where(TWO, "yes", "no")),
    "objects": (MLPClassifier(**SHORT), X, np.array([["a", 2][int(two)] for two in TWO], dtype=object).astype(str)),
    "many": (MLPClassifier(**SHORT, class_weight={0: 1.0, 1: 2.0, 2: 0.5, 3: 1.0}), X, MANY),
    "balanced": (MLPClassifier(**SHORT, class_weight="balanced"), X, MANY.astype(float)),
    "labels": (MLPClassifier(**SHORT), X, LABELS),
    "numbers": (MLPRegressor(**SHORT, solver="sgd", learning_rate="adaptive", learning_rate_init=1e-5), X, NUMBERS),
    "several": (MLPRegressor(**SHORT), X, X[:, :2]),
    "lbfgs": (MLPRegressor(**SHORT, solver="lbfgs"), X, NUMBERS),
    "float32": (MLPRegressor(**SHORT), X.astype(np.float32), NUMBERS),
    "names": (MLPRegressor(**SHORT), pd.DataFrame(X, columns=list("abcd")), NUMBERS),
    "layers": (MLPClassifier([{"kind": "dense", "units": 6}, "batch-norm", 3], max_iter=4, random_state=1), X, TWO),
    "parts": (
        MLPRegressor(
            **{**SHORT, "max_iter": np.int64(3), "random_state": np.random.RandomState(7)},
            activation=LeakyRelu(slope=0.3),
            rule={"kind": "rmsprop"},
            regularizers=["l1"],
            cost="huber",
            callbacks=["average"],
            metrics=["mean-absolute-error"],
            n_iter_no_change=np.inf,
        ),
        X,
        NUMBERS,
    ),
    "document": (ModnetClassifier(), X, MANY),
    "configured": (ModnetClassifier(CONFIG), X, np.arange(80) % 3),
    "model": (ModnetClassifier(modnet.load_config(CONFIG)), X, np.arange(80) % 3),
    "configured labels": (ModnetClassifier(CONFIG), X, LABELS),
    "regressor": (ModnetRegressor(), X, NUMBERS),
    "several targets": (ModnetRegressor(), X, np.stack([NUMBERS, -NUMBERS], axis=1)),
    "suggested": (ModnetClassifier("suggest"), FRAME, np.where(TWO, "yes", "no")),
}  # fmt: skip


class Flatten(Layer):
    """Samples of any shape as vectors."""

    kind: Literal["flatten"] = "flatten"

    def output_shape(self, input_shape):
        return (math.prod(input_shape),)

    def forward(self, x, ctx):
        del ctx
        return x.reshape(len(x), -1)

    def backward(self, delta, ctx):
        del delta, ctx
        return None, {}


def fitted(name):
    estimator, x, y = ESTIMATORS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pickle.loads(pickle.dumps(estimator)).fit(x, y), x, y  # noqa: S301 # our own object


def attributes(estimator):
    names = {name for name in vars(estimator) if name.endswith("_") and not name.startswith("_")}
    return {name: getattr(estimator, name) for name in names - {"coefs_", "intercepts_", "network_", "config_"}}


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    elif isinstance(one, np.random.RandomState):
        assert one.randint(10**6) == other.randint(10**6)
    else:
        assert one == other


@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_comes_back_as_it_was(name, tmp_path, monkeypatch):
    estimator, x, y = fitted(name)
    path = tmp_path / "model.safetensors"
    modnet_sklearn.save(estimator, path)
    monkeypatch.setattr(pickle, "loads", None)
    monkeypatch.setattr(pickle, "Unpickler", None)
    loaded = modnet_sklearn.load(path)
    assert type(loaded) is type(estimator)
    assert loaded.network_.parameters.tobytes() == estimator.network_.parameters.tobytes()
    for method in ("predict", "predict_proba", "predict_log_proba"):
        if hasattr(estimator, method):
            assert_same(getattr(loaded, method)(x), getattr(estimator, method)(x))
    assert loaded.score(x, y) == estimator.score(x, y)
    before, after = attributes(estimator), attributes(loaded)
    assert before.keys() == after.keys()
    for attribute, value in before.items():
        assert after[attribute] == value if np.isscalar(value) else not assert_same(value, after[attribute]), attribute
    for parameter, value in estimator.get_params(deep=False).items():
        if isinstance(value, np.generic):
            assert loaded.get_params()[parameter] == value
        else:
            assert_same(value, loaded.get_params(deep=False)[parameter])
    network = modnet.load(path)  # without this distribution
    assert np.array_equal(network.predict(x), estimator.network_.predict(x))
    assert loaded.network_.features == estimator.network_.features


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("two", {}),
        ("many", {}),
        ("labels", {}),
        ("float32", {}),
        ("layers", {}),
        ("numbers", {"learning_rate": "invscaling"}),
        ("numbers", {"tol": 1e9, "n_iter_no_change": 1}),  # the rate falls
        ("parts", {}),
        ("several", {"warm_start": True}),
        ("lbfgs", {"warm_start": True}),
        ("text", {"warm_start": True}),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few iterations
def test_training_goes_on_to_the_bit(name, options, tmp_path):
    estimator, x, y = fitted(name)
    estimator.set_params(**options)
    go_on = "fit" if "warm_start" in options else "partial_fit"
    getattr(estimator, go_on)(x, y)
    modnet_sklearn.save(estimator, tmp_path / "model.safetensors")
    loaded = modnet_sklearn.load(tmp_path / "model.safetensors")
    for _ in range(3):
        getattr(estimator, go_on)(x, y)
        getattr(loaded, go_on)(x, y)
    assert loaded.network_.parameters.tobytes() == estimator.network_.parameters.tobytes()
    assert loaded.loss_ == estimator.loss_
    assert getattr(loaded, "loss_curve_", None) == getattr(estimator, "loss_curve_", None)
    assert (loaded.t_, loaded._no_improvement_count if go_on == "partial_fit" else 0) == (
        estimator.t_,
        estimator._no_improvement_count if go_on == "partial_fit" else 0,
    )


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few iterations
def test_a_training_of_scikit_learn_goes_on_from_a_file(solver, tmp_path):
    theirs = original.MLPClassifier(**SHORT, solver=solver).fit(X, MANY)
    modnet_sklearn.save(from_sklearn(theirs), tmp_path / "model.safetensors")
    own = modnet_sklearn.load(tmp_path / "model.safetensors")
    assert own.predict_proba(X) == pytest.approx(theirs.predict_proba(X), rel=6e-16)
    for _ in range(3):
        own.partial_fit(X, MANY)
        theirs.partial_fit(X, MANY)
    assert own.loss_curve_ == pytest.approx(theirs.loss_curve_, rel=2e-15)


def test_a_path_of_a_configuration_becomes_its_contents(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(modnet.load_config(CONFIG).to_toml(), encoding="utf-8")
    estimator = ModnetClassifier(path).fit(X, np.arange(80) % 3)
    modnet_sklearn.save(estimator, tmp_path / "model.safetensors")
    path.unlink()
    loaded = modnet_sklearn.load(tmp_path / "model.safetensors")
    assert loaded.get_params()["optimizer.kind"] == "batch"
    again = loaded.fit(X, np.arange(80) % 3)
    assert np.array_equal(again.predict_proba(X), estimator.predict_proba(X))


def test_any_model_file_of_modnet_is_an_estimator(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcd"))
    table = {"epochs": 2, "network": {"layers": [3, 4]}, "data": {"kind": "memory", "transforms": ["standard"]}}
    run = modnet.Trainer.from_config(table).fit(frame, MANY, out=tmp_path / "run")
    estimator = modnet_sklearn.load(tmp_path / "run")
    assert isinstance(estimator, ModnetClassifier)
    assert np.array_equal(estimator.predict(frame), run.network.classify(frame))
    assert estimator.feature_names_in_.tolist() == list("abcd")
    assert estimator.classes_.tolist() == [0, 1, 2, 3]
    assert estimator.get_params()["epochs"] == 2
    labels = modnet.Trainer.from_config({"epochs": 1, "network": {"layers": [3]}}).fit(X, LABELS).network
    modnet.save(labels, tmp_path / "labels.safetensors")
    estimator = modnet_sklearn.load(tmp_path / "labels.safetensors")
    assert np.array_equal(estimator.predict(X), labels.classify(X))
    table = {"epochs": 1, "network": {"layers": [{"kind": "dense", "units": 1, "activation": "identity"}]}}
    numbers = modnet.Trainer.from_config(table).fit(X, X[:, 0]).network
    numbers.config = None  # what a network has that no configuration describes
    modnet.save(numbers, tmp_path / "numbers.safetensors")
    estimator = modnet_sklearn.load(tmp_path / "numbers.safetensors")
    assert isinstance(estimator, ModnetRegressor)
    assert np.array_equal(estimator.predict(X), numbers.predict(X)[:, 0])
    assert clone(estimator).fit(X, X[:, 0]).network_.sizes == [4, 1]


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (lambda _: MLPClassifier(), "This MLPClassifier instance is not fitted yet"),
        (lambda _: ModnetRegressor(), "This ModnetRegressor instance is not fitted yet"),
        (lambda _: original.MLPClassifier(), "got a MLPClassifier; allowed: a fitted .*; use from_sklearn first"),
        (make_pipeline, "got a Pipeline; allowed: a fitted MLPClassifier, MLPRegressor, "),
        (lambda two: two.set_params(callbacks=[print]), r"callbacks\.0 is of type builtin_function_or_method, "),
        (lambda two: two.set_params(alpha=1j), "alpha is of type complex, which a model file does not hold"),
        (lambda two: two.set_params(class_weight={0: np.array([1j])}), r"class_weight\.0 is an array of complex128"),
    ],
)
def test_what_cannot_be_saved_is_said_and_leaves_the_earlier_file(estimator, message, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        modnet_sklearn.save(estimator(fitted("two")[0]), path)
    assert "\n" not in str(caught.value)
    assert path.read_text(encoding="utf-8") == "before"


def changed(**changes):
    """Return a file's state with changes."""
    estimator = fitted("many")[0]
    parameters = {name: encode(value, name) for name, value in estimator.get_params(deep=False).items()}
    names = ("classes_", "n_features_in_", "out_activation_")
    kept = {name: encode(getattr(estimator, name), name) for name in names} | {"learning_rates": [0.1, 0.1]}
    state = {"estimator": "MLPClassifier", "parameters": parameters, "attributes": kept}
    for key, value in changes.items():
        if isinstance(value, dict):
            state[key] |= value
        else:
            state[key] = value
    return estimator.network_, state


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"estimator": "eval"}, "'eval' is none of MLPClassifier, MLPRegressor, ModnetClassifier, ModnetRegressor"),
        ({"estimator": []}, r"\[\] is none of MLPClassifier"),
        ({"parameters": {"alfa": 1.0}}, "MLPClassifier has no parameter 'alfa'"),
        ({"parameters": {"rule": {"part": ["rule", "no-such-rule"]}}}, "rule: unknown rule 'no-such-rule'"),
        ({"parameters": {"rule": {"part": ["os", "system"]}}}, "rule: its contents are not those that were written"),
        ({"parameters": {"rule": {"call": ["print"]}}}, "rule: its contents are not those that were written"),
        ({"parameters": {"random_state": {"random": {"dict": []}}}}, "random_state: its contents are not those that"),
        ({"parameters": 3}, "its contents are not those that were written"),
        ({"parameters": {"alpha": {"tuple": 3}}}, "alpha: its contents are not those that were written"),
        (
            {"attributes": {"classes_": {"labels": ["<U999999999", ["a"]]}}},
            "classes_: its contents are not those that were",
        ),
        (
            {"attributes": {"classes_": {"labels": ["<M8[s]", [1]]}}},
            "classes_: its contents are not those that were written",
        ),
        ({"attributes": {"predict": 1}}, "MLPClassifier has no attribute 'predict'"),
        ({"attributes": {"_network": 1}}, "MLPClassifier has no attribute '_network'"),
        ({"attributes": {"learning_rates": [1.0]}}, "its contents are not those that were written"),
        ({"attributes": {"n_features_in_": 3}}, "n_features_in_ = 3 does not fit its network"),
        ({"attributes": {"classes_": [1, 2, 3, 4]}}, "classes_ = .* does not fit its network"),
    ],
)
def test_what_is_no_estimator_is_said(changes, message, tmp_path):
    path = tmp_path / "model.safetensors"
    network, state = changed(**changes)
    save_with_state(network, path, state)
    with pytest.raises(ValueError, match=message) as caught:
        modnet_sklearn.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="no model file or run folder"):
        modnet_sklearn.load(tmp_path / "missing.safetensors")
    path = tmp_path / "model.safetensors"
    modnet_sklearn.save(fitted("two")[0], path)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="it is damaged"):
        modnet_sklearn.load(path)
    with pytest.raises(ValueError, match="cannot be written: No such file or directory"):
        modnet_sklearn.save(fitted("two")[0], tmp_path / "none" / "model.safetensors")
    with temporarily_registered(Flatten):
        modnet.save(modnet.Network([Flatten(), Dense(units=2)], (3, 3), Quadratic()), path)
        with pytest.raises(ValueError, match="takes samples of shape 3×3; estimators take rows of numbers"):
            modnet_sklearn.load(path)
    with pytest.raises(ValueError, match="made with conformance-kit, not available here"):
        modnet_sklearn.load(path)
