"""The estimators within scikit-learn's own tools."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_digits, load_iris
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import estimator_html_repr

from modnet_sklearn import MLPClassifier, MLPRegressor, ModnetClassifier, ModnetRegressor

pd = pytest.importorskip("pandas")  # this distribution's own test line installs it

RNG = np.random.default_rng(6)
IRIS, KINDS = load_iris(return_X_y=True)
NAMES = load_iris().target_names[KINDS]
TABLE = pd.DataFrame({"age": RNG.uniform(20, 60, 120), "town": RNG.choice(["Bonn", "Kiel", "Ulm"], 120)})
PAYS = np.where((TABLE["town"] == "Kiel") | (TABLE["age"] > 45), "yes", "no")
FAST = {"hidden_layer_sizes": (10,), "max_iter": 60, "learning_rate_init": 0.05, "random_state": 0}
CONFIG = {"epochs": 40, "network": {"layers": [8, 3]}, "data": {"kind": "memory", "transforms": ["standard"]}}

# Few iterations are enough for what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ESTIMATORS = [MLPClassifier(**FAST), ModnetClassifier(CONFIG)]


def columns():
    return ColumnTransformer([("numbers", StandardScaler(), ["age"]), ("text", OneHotEncoder(), ["town"])])


def test_a_column_transformer_before_it():
    model = make_pipeline(columns(), MLPClassifier(**FAST)).fit(TABLE, PAYS)
    assert model.score(TABLE, PAYS) > 0.95
    assert set(model.predict(TABLE.iloc[:5])) <= {"yes", "no"}


def test_a_data_frame_with_text_needs_no_column_transformer():
    model = make_pipeline("passthrough", ModnetClassifier("suggest")).fit(TABLE, PAYS)
    assert model.score(TABLE, PAYS) > 0.95
    assert model[-1].feature_names_in_.tolist() == ["age", "town"]
    assert set(model.predict(TABLE.iloc[:5])) <= {"yes", "no"}
    assert cross_val_score(model, TABLE, PAYS, cv=2).min() > 0.7


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_cross_validation(estimator):
    scores = cross_val_score(make_pipeline(StandardScaler(), estimator), IRIS, NAMES, cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.85
    probabilities = cross_val_predict(estimator, IRIS, NAMES, cv=3, method="predict_proba")
    assert probabilities.sum(axis=1) == pytest.approx(1.0)


def test_a_grid_search_over_parts_in_two_processes():
    grid = {"activation": ["relu", "leaky-relu"], "hidden_layer_sizes": [(10,), [10, {"kind": "dropout", "rate": 0.2}]]}
    search = GridSearchCV(MLPClassifier(**FAST), grid, cv=2, n_jobs=2).fit(IRIS, NAMES)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_score_ > 0.9
    alone = MLPClassifier(**{**FAST, **search.best_params_}).fit(IRIS, NAMES)
    assert np.array_equal(search.predict_proba(IRIS), alone.predict_proba(IRIS))


def test_a_grid_search_over_the_keys_of_a_configuration():
    grid = {"optimizer.learning_rate": [1e-6, 1.0], "network.layers.0.units": [4, 8]}
    search = GridSearchCV(ModnetClassifier(CONFIG), grid, cv=2, n_jobs=2).fit(IRIS, NAMES)
    assert search.best_params_["optimizer.learning_rate"] == 1.0
    assert search.best_estimator_.network_.sizes == [4, search.best_params_["network.layers.0.units"], 3]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_calibration(estimator):
    calibrated = CalibratedClassifierCV(estimator, cv=2).fit(IRIS, NAMES)
    assert calibrated.predict_proba(IRIS).sum(axis=1) == pytest.approx(1.0)
    assert calibrated.score(IRIS, NAMES) > 0.85


def test_permutation_importance():
    x = RNG.standard_normal((200, 3))
    model = MLPRegressor(**FAST).fit(x, 3.0 * x[:, 1])
    importances = permutation_importance(model, x, 3.0 * x[:, 1], n_repeats=3, random_state=0).importances_mean
    assert importances.argmax() == 1
    assert importances[1] > 10 * max(importances[0], importances[2])


def test_set_output_and_names_of_columns():
    frame = pd.DataFrame(IRIS, columns=["a", "b", "c", "d"])
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), MLPClassifier(**FAST)).fit(frame, NAMES)
    last = model[-1]
    assert last.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert last.network_.features == ("a", "b", "c", "d")
    scaled = model[:-1].transform(frame)
    assert np.array_equal(last.network_.classify(scaled[["d", "a", "c", "b"]]), last.predict(scaled))
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        last.predict(scaled[["d", "a", "c", "b"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        last.predict(scaled.to_numpy())


def test_metadata_routing():
    weights = RNG.uniform(0.5, 2.0, 150)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = MLPClassifier(**FAST).set_fit_request(sample_weight=True, validation_data=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = make_pipeline(scaler, estimator)
        model.fit(IRIS, NAMES, sample_weight=weights, validation_data=(IRIS, NAMES))
    direct = MLPClassifier(**FAST).fit(StandardScaler().fit_transform(IRIS), NAMES, sample_weight=weights)
    assert np.array_equal(model[-1].coefs_[0], direct.coefs_[0])
    assert len(model[-1].validation_loss_curve_) == model[-1].n_iter_


def test_targets_that_are_transformed():
    y = np.exp(IRIS[:, 0])
    own, theirs = (
        TransformedTargetRegressor(make_pipeline(StandardScaler(), kind(**FAST)), func=np.log, inverse_func=np.exp)
        for kind in (MLPRegressor, sklearn.neural_network.MLPRegressor)
    )
    assert own.fit(IRIS[:, 1:], y).predict(IRIS[:, 1:]) == pytest.approx(
        theirs.fit(IRIS[:, 1:], y).predict(IRIS[:, 1:])
    )


@pytest.mark.parametrize("estimator", [*ESTIMATORS, ModnetRegressor("suggest"), MLPRegressor(rule={"kind": "adamw"})])
def test_it_is_shown_in_notebooks(estimator):
    text = estimator_html_repr(estimator)
    assert type(estimator).__name__ in text
    assert ("adamw" in text) == ("adamw" in repr(estimator))


def test_digits():
    x, y = load_digits(return_X_y=True)
    model = ModnetClassifier().fit(x[:1000] / 16.0, y[:1000])
    assert model.network_.sizes == [64, 30, 10]
    assert model.network_.cost.kind == "quadratic"
    assert model.n_iter_ == 30
    assert model.score(x[1000:] / 16.0, y[1000:]) > 0.85
