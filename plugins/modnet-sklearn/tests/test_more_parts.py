"""What scikit-learn's own MLP refuses: class weights, other parts, given validation samples, callbacks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, max_error
from sklearn.utils.class_weight import compute_sample_weight

import modnet
from modnet_sklearn import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(4)
X = RNG.standard_normal((150, 4))
Y = np.where(X[:, 0] + 0.5 * X[:, 1] > 0.8, "rare", "common")
NUMBERS = 2.0 * X[:, 0] - X[:, 1] + 0.1 * RNG.standard_normal(150)
SHORT = {"max_iter": 8, "random_state": 0, "hidden_layer_sizes": (6,), "learning_rate_init": 0.01}

# Few iterations are enough for what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def same(one, other):
    return all(map(np.array_equal, one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_))


@pytest.mark.parametrize("class_weight", ["balanced", {"rare": 5.0}])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weight_is_a_weight_of_samples(class_weight, solver):
    options = {**SHORT, "solver": solver}
    weights = compute_sample_weight(class_weight, Y)
    weighted = MLPClassifier(**options, class_weight=class_weight).fit(X, Y)
    assert same(weighted, MLPClassifier(**options).fit(X, Y, sample_weight=weights))
    assert not same(weighted, MLPClassifier(**options).fit(X, Y))
    own = RNG.uniform(0.5, 2.0, 150)
    both = MLPClassifier(**options, class_weight=class_weight).fit(X, Y, sample_weight=own)
    assert same(both, MLPClassifier(**options).fit(X, Y, sample_weight=own * weights))


def test_class_weight_in_partial_fit():
    first = MLPClassifier(**SHORT, class_weight={"rare": 3.0}).partial_fit(X, Y, classes=np.unique(Y))
    second = MLPClassifier(**SHORT).partial_fit(X, Y, np.where(Y == "rare", 3.0, 1.0), np.unique(Y))
    assert same(first, second)
    for label, weight in (("common", 1.0), ("rare", 3.0)):  # each alone
        some = np.isin(Y, label)
        assert same(
            first.partial_fit(X[some], Y[some]), second.partial_fit(X[some], Y[some], np.full(some.sum(), weight))
        )
    with pytest.raises(ValueError, match="'balanced' needs all samples"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=np.unique(Y))


def test_layers_by_table():
    layers = [{"kind": "dense", "units": 6, "activation": "softplus-like"}, "dropout"]
    with pytest.raises(ValueError, match=r"hidden_layer_sizes\.0: activation: unknown activation 'softplus-like'"):
        MLPClassifier(**{**SHORT, "hidden_layer_sizes": layers}).fit(X, Y)
    layers = [{"kind": "dense", "units": 6, "activation": "leaky-relu"}, {"kind": "dropout", "rate": 0.3}, 5]
    options = {**SHORT, "hidden_layer_sizes": layers}
    first, again = (MLPClassifier(**options).fit(X, Y) for _ in range(2))
    assert same(first, again)
    assert [coef.shape for coef in first.coefs_] == [(4, 6), (6, 5), (5, 1)]
    kinds = [layer.component.kind for layer in first.network_.layers]
    assert kinds == ["dense", "dropout", "dense", "dense"]
    assert not same(first, MLPClassifier(**{**options, "random_state": 1}).fit(X, Y))
    z = X @ first.coefs_[0] + first.intercepts_[0]
    z = np.maximum(np.where(z > 0, z, 0.01 * z) @ first.coefs_[1] + first.intercepts_[1], 0) @ first.coefs_[2]
    assert first.predict_proba(X)[:, 1] == pytest.approx(1 / (1 + np.exp(-(z[:, 0] + first.intercepts_[2]))), rel=1e-12)


def test_batch_normalization_keeps_its_state_in_the_best_network():
    layers = [8, "batch-norm", 4]
    options = {**SHORT, "hidden_layer_sizes": layers, "early_stopping": True, "max_iter": 60, "n_iter_no_change": 3}
    states = []

    def remember(training, _):
        states.append([value for state in training.network.layer_states() for value in state.values()])

    estimator = MLPRegressor(**options, callbacks=[remember]).fit(X, NUMBERS)
    kept = [value for state in estimator.network_.layer_states() for value in state.values()]
    best = int(np.argmax(estimator.validation_scores_))
    assert kept
    assert best < len(states) - 1
    assert all(map(np.array_equal, kept, states[best]))
    assert np.isfinite(estimator.validation_loss_curve_).all()


def test_one_hidden_unit_layer_from_a_table_only():
    table = {"kind": "dense", "units": 3, "activation": "tanh"}
    estimator = MLPRegressor(**{**SHORT, "hidden_layer_sizes": table}).fit(X, NUMBERS)
    assert estimator.network_.sizes == [4, 3, 1]


@pytest.mark.parametrize(
    "parts",
    [
        {"activation": "leaky-relu"},
        {"activation": {"kind": "leaky-relu", "slope": 0.2}},
        {"cost": "huber"},
        {"cost": {"kind": "huber", "threshold": 0.2}},
        {"cost": "absolute"},
        {"cost": "quantile"},
        {"cost": "poisson", "output_activation": "exp"},
        {"rule": "rmsprop"},
        {"rule": {"kind": "adamw", "weight_decay": 0.1}},
        {"schedule": "cosine"},
        {"regularizers": ["l1"]},
        {"regularizers": [{"kind": "l2", "strength": 0.1}]},
        {"initializer": "he-normal"},
        {"output_activation": "tanh"},
        {"engine": {"kind": "numpy", "threads": 2}},
    ],
)
def test_every_part_can_be_given(parts):
    targets = np.exp(NUMBERS) if "poisson" in parts.values() else NUMBERS
    estimator = MLPRegressor(**SHORT, **parts).fit(X, targets)
    assert np.isfinite(estimator.loss_curve_).all()
    assert estimator.get_params()[next(iter(parts))] == next(iter(parts.values()))
    if "engine" not in parts:
        assert not same(estimator, MLPRegressor(**SHORT).fit(X, NUMBERS))


def test_the_parts_do_what_they_say():
    l1 = MLPRegressor(**SHORT, regularizers=[{"kind": "l1", "strength": 0.3}]).fit(X, NUMBERS)
    plain = MLPRegressor(**SHORT).fit(X, NUMBERS)
    assert np.abs(l1.coefs_[0]).sum() < np.abs(plain.coefs_[0]).sum()
    quantiles = MLPRegressor(**{**SHORT, "max_iter": 200}, cost={"kind": "quantile", "quantiles": [0.1, 0.5, 0.9]})
    outputs = quantiles.fit(X, NUMBERS).network_.predict_outputs(X)
    assert quantiles.predict(X) == pytest.approx(outputs[:, 1])
    assert 0.03 < np.mean(NUMBERS[:, None] < outputs, axis=0)[0] < 0.3
    initial = MLPRegressor(**{**SHORT, "max_iter": 1, "learning_rate_init": 1e-12}, initializer="ones").fit(X, NUMBERS)
    assert initial.coefs_[0] == pytest.approx(np.ones((4, 6)))
    assert initial.intercepts_[0] == pytest.approx(np.zeros(6), abs=1e-9)


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("weights", [None, RNG.integers(0, 4, 150).astype(float)])
def test_the_losses_contain_every_penalty(weights, solver):
    options = {**SHORT, "solver": solver, "max_iter": 1, "learning_rate_init": 1e-14, "shuffle": False}
    options |= {"batch_size": 40, "alpha": 0.7} if solver == "sgd" else {"alpha": 0.7, "tol": 1e9}  # θ stays
    penalties = [{"kind": "l1", "strength": 0.3}, {"kind": "l2", "strength": 0.5, "divide_by_batch": True}]
    estimator = MLPRegressor(**options, regularizers=penalties).fit(X, NUMBERS, sample_weight=weights)
    squares = sum(float((coef**2).sum()) for coef in estimator.coefs_)
    absolute = sum(float(np.abs(coef).sum()) for coef in estimator.coefs_)
    errors = 0.5 * (estimator.predict(X) - NUMBERS) ** 2
    w, loss, size = np.ones(150) if weights is None else weights, 0.0, 40 if solver == "sgd" else 150
    for rows in (slice(start, start + size) for start in range(0, 150, size)):
        total, count = w[rows].sum(), len(w[rows])
        mean = w[rows] @ errors[rows] / total
        loss += count / 150 * (mean + 0.5 * (0.7 + 0.5) * squares / total + 0.3 * absolute)
    assert estimator.loss_ == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"activation": "gelo"}, "activation: unknown activation 'gelo'"),
        ({"cost": "hubber"}, "cost: unknown cost 'hubber'; did you mean 'huber'"),
        ({"cost": {"kind": "huber", "threshold": 0.0}}, "cost: threshold: 0.0 should be greater than 0"),
        ({"cost": {"kind": "quantile", "quantiles": [1.5]}}, r"cost: quantiles\.0: 1\.5 should be less than 1"),
        ({"cost": "poisson", "output_activation": "exp"}, "training y: the cost poisson needs targets of at least 0"),
        ({"rule": 3}, "rule: 3 is not a valid rule; allowed: a kind"),
        ({"rule": "rmsprop", "solver": "lbfgs"}, "rule and schedule need solver='adam' or 'sgd'"),
        ({"regularizers": ["l3"]}, "regularizers.0: unknown regularizer 'l3'"),
        ({"engine": "numpie"}, "engine: unknown engine 'numpie'; did you mean 'numpy'"),
        ({"metrics": ["r3"]}, "metrics.0: unknown metric 'r3'"),
        ({"metrics": [max_error]}, r"metrics: max_error needs validation samples; fit\(…, validation_data=\(X, y\)\)"),
        ({"callbacks": ["progres"]}, "callbacks: unknown callback 'progres'; did you mean 'progress'"),
        ({"early_stopping": True, "monitor": "validation_f1"}, "no metric is called 'validation_f1'"),
    ],
)
def test_a_part_that_is_none_is_said_in_one_line(parts, message):
    with pytest.raises(ValueError, match=message) as caught:
        MLPRegressor(**{**SHORT, **parts}).fit(X, NUMBERS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "y", "message"),
    [
        ({"output_activation": "softmax"}, Y, "output_activation: softmax of 1 output is always 1; use 'logistic'"),
        ({"cost": "categorical-cross-entropy"}, Y, "cost: categorical-cross-entropy does not depend on outputs that "),
        (
            {"cost": "categorical-cross-entropy"},
            np.eye(3, dtype=int)[np.arange(150) % 3],
            "so all would become 1; use 'b",
        ),
        ({"regularizers": "l1"}, Y, r"regularizers: 'l1' should be a list; did you mean \['l1'\]"),
        ({"metrics": "f1"}, Y, r"metrics: 'f1' should be a list; did you mean \['f1'\]"),
        ({"callbacks": "progress"}, Y, "callbacks: 'progress' should be a list"),
        (
            {"monitor": "val_loss", "early_stopping": True},
            Y,
            "^monitor: no metric is called 'val_loss'; did you mean 'vali",
        ),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(parts, y, message):
    with pytest.raises(ValueError, match=message) as caught:
        MLPClassifier(**{**SHORT, **parts}).fit(X, y)
    assert "\n" not in str(caught.value)


def test_a_softmax_of_several_outputs_may_be_given():
    y = np.arange(150) % 3
    parts = {"output_activation": "softmax", "cost": "categorical-cross-entropy"}
    assert MLPClassifier(**SHORT, **parts).fit(X, y).predict_proba(X).sum(axis=1) == pytest.approx(1.0)


def test_given_validation_samples():
    estimator = MLPClassifier(**SHORT).fit(X[:100], Y[:100], validation_data=(X[100:], Y[100:]))
    plain = MLPClassifier(**SHORT).fit(X[:100], Y[:100])
    assert same(estimator, plain)
    assert len(estimator.validation_loss_curve_) == len(estimator.loss_curve_) == 8
    probability = estimator.predict_proba(X[100:])[np.arange(50), (Y[100:] == "rare").astype(int)]
    assert estimator.validation_loss_curve_[-1] == pytest.approx(-np.log(probability).mean(), rel=1e-12)
    assert plain.validation_loss_curve_ == []


def test_the_history_has_every_figure():
    options = {**SHORT, "metrics": ["f1", "accuracy"]}
    estimator = MLPClassifier(**options).fit(X[:100], Y[:100], validation_data=(X[100:], Y[100:]))
    assert [row["epoch"] for row in estimator.history_] == list(range(8))
    assert [row["cost_with_penalty"] for row in estimator.history_] == estimator.loss_curve_
    assert [row["validation_cost"] for row in estimator.history_] == estimator.validation_loss_curve_
    predicted = estimator.predict(X[100:])
    assert estimator.history_[-1]["validation_accuracy"] == np.mean(predicted == Y[100:])
    estimator.partial_fit(X, Y)
    assert [row["epoch"] for row in estimator.history_] == list(range(9))
    assert len(MLPRegressor(**SHORT, solver="lbfgs").fit(X, NUMBERS).history_) == 1


def test_early_stopping_on_given_samples_and_any_metric():
    options = {**SHORT, "early_stopping": True, "max_iter": 40, "tol": 1e-3, "n_iter_no_change": 3}
    held_out = X[100:], Y[100:], RNG.uniform(0.5, 1.0, 50)
    estimator = MLPClassifier(**options, metrics=["f1"], monitor="validation_f1")
    estimator.fit(X[:100], Y[:100], validation_data=held_out)
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)
    predicted = estimator.predict(X[100:])
    score = f1_score(Y[100:], predicted, average="macro", sample_weight=held_out[2])
    assert score == pytest.approx(estimator.best_validation_score_, rel=1e-12)
    by_cost = MLPClassifier(**options, monitor="validation_cost").fit(X[:100], Y[:100], validation_data=held_out)
    assert by_cost.best_validation_score_ == min(by_cost.validation_scores_) == min(by_cost.validation_loss_curve_)
    with pytest.raises(ValueError, match="validation_data: expects a pair"):
        MLPClassifier(**options).fit(X, Y, validation_data=X)
    with pytest.raises(ValueError, match=r"validation_data: y has classes not in `self\.classes_`"):
        MLPClassifier(**options).fit(X, Y, validation_data=(X, np.repeat("other", 150)))
    with pytest.raises(ValueError, match="validation_data: X has 2 features, but MLPClassifier is expecting 4"):
        MLPClassifier(**options).fit(X, Y, validation_data=(X[:, :2], Y))


def test_callbacks():
    rows, ends = [], []

    class Listener:
        @modnet.hookimpl
        def modnet_fit_end(self, training):
            ends.append(training.epochs)

    callbacks = [lambda training, row: rows.append((training.epochs, row["cost"])), Listener()]
    estimator = MLPRegressor(**SHORT, callbacks=callbacks).fit(X, NUMBERS)
    assert [epoch for epoch, _ in rows] == list(range(1, 9))
    assert ends == [estimator.n_iter_] == [8]

    def stop(training, _):
        if training.epochs == 3:
            training.stop("enough")

    assert MLPRegressor(**SHORT, callbacks=[stop]).fit(X, NUMBERS).n_iter_ == 3
    average = MLPRegressor(**SHORT, callbacks=["average"]).fit(X, NUMBERS)
    assert not same(average, MLPRegressor(**SHORT).fit(X, NUMBERS))


def test_an_interruption_keeps_what_was_trained():
    def interrupt(training, _):
        if training.epochs == 2:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator = MLPRegressor(**SHORT, callbacks=[interrupt]).fit(X, NUMBERS)
    assert estimator.n_iter_ == 2
    assert same(estimator, MLPRegressor(**{**SHORT, "max_iter": 2}).fit(X, NUMBERS))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_float32_is_kept(Estimator, solver):  # noqa: N803 # a class
    y = Y if Estimator is MLPClassifier else NUMBERS
    estimator = Estimator(**SHORT, solver=solver).fit(X.astype(np.float32), y)
    assert {array.dtype for array in estimator.coefs_ + estimator.intercepts_} == {np.dtype(np.float32)}
    predict = estimator.predict if Estimator is MLPRegressor else estimator.predict_proba
    assert predict(X.astype(np.float32)).dtype == np.float32
