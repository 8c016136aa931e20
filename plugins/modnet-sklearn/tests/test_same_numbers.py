"""The same numbers as scikit-learn's own estimators, over a table of configurations."""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn
import sklearn.neural_network as original

import modnet_sklearn as ours

RNG = np.random.default_rng(5)
X = RNG.standard_normal((230, 6))
SCORE = X @ RNG.standard_normal((6, 3)) + 0.3 * RNG.standard_normal((230, 3))
TWO = np.where(SCORE[:, 0] > 0, 8, 3)
MANY = SCORE.argmax(axis=1) + 5
LABELS = (SCORE > 0).astype(int)
ONE, SEVERAL = np.sin(SCORE[:, 0]) + 2.0, np.tanh(SCORE)
WEIGHTS = RNG.integers(0, 4, 230).astype(float)
TEXT = np.where(SCORE[:, 0] > 0, "yes", "no")
TARGETS = {"two": TWO, "text": TEXT, "many": MANY, "labels": LABELS, "one": ONE, "several": SEVERAL}

COMMON = {"hidden_layer_sizes": (7,), "max_iter": 12, "random_state": 3, "learning_rate_init": 0.01}
DEEP = {"hidden_layer_sizes": (5, 4, 3)}
SGD, LBFGS = {"solver": "sgd", "learning_rate_init": 0.1}, {"solver": "lbfgs"}
ADAPTIVE = {**SGD, "learning_rate": "adaptive", "n_iter_no_change": 1}
INVSCALING = {**SGD, "learning_rate": "invscaling"}
STOPPING = {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.01, "max_iter": 60}

CONFIGURATIONS = {
    **{f"adam {target}": (target, {}) for target in TARGETS},
    **{f"sgd {target}": (target, SGD) for target in TARGETS},
    **{f"lbfgs {target}": (target, LBFGS) for target in TARGETS},
    **{f"adam weighted {target}": (target, {"weighted": True}) for target in TARGETS},
    **{f"sgd weighted {target}": (target, {**SGD, "weighted": True}) for target in TARGETS},
    **{f"lbfgs weighted {target}": (target, {**LBFGS, "weighted": True}) for target in TARGETS},
    **{f"early stopping {target}": (target, STOPPING) for target in TARGETS if target != "text"},
    **{f"early stopping weighted {target}": (target, {**STOPPING, "weighted": True}) for target in ("two", "one")},
    **{f"{name} many": ("many", {"activation": name}) for name in ("identity", "logistic", "tanh")},
    **{f"{name} one": ("one", {"activation": name}) for name in ("identity", "logistic", "tanh")},
    **{f"sgd {name}": ("many", {**SGD, **DEEP, "activation": name}) for name in ("logistic", "tanh")},
    "invscaling": ("many", {**INVSCALING, "power_t": 0.3}),
    "adaptive": ("one", {**ADAPTIVE, "tol": 0.05, "max_iter": 80}),
    "momentum without look-ahead": ("many", {**SGD, "nesterovs_momentum": False}),
    "momentum 1": ("many", {**SGD, "learning_rate_init": 1e-3, "momentum": 1.0}),
    "no momentum": ("several", {**SGD, "momentum": 0.0}),
    "no shuffling": ("many", {"shuffle": False}),
    "no shuffling weighted": ("one", {**SGD, "shuffle": False, "weighted": True}),
    "a last batch of one row": ("two", {"batch_size": 229, "alpha": 1.0}),
    "batches of one row": ("many", {**SGD, "batch_size": 1, "learning_rate_init": 0.001, "max_iter": 3}),
    "a large penalty": ("many", {"alpha": 10.0, "batch_size": 50}),
    "no penalty": ("many", {"alpha": 0.0}),
    "betas and epsilon": ("one", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}),
    "stops by itself": ("two", {"tol": 0.05, "n_iter_no_change": 2, "max_iter": 100}),
    "one hidden unit as a number": ("two", {"hidden_layer_sizes": 1}),
    "no hidden layer": ("many", {"hidden_layer_sizes": ()}),
    "warm starts": ("many", {"warm_start": True, "fits": 3}),
    "warm starts invscaling": ("one", {**INVSCALING, "warm_start": True, "fits": 3}),
    "warm starts early stopping": ("many", {**STOPPING, "warm_start": True, "fits": 3, "max_iter": 15}),
    "warm starts lbfgs": ("one", {**LBFGS, "warm_start": True, "fits": 2, "max_iter": 5}),
    "partial_fit adam": ("many", {"partial": 7}),
    "partial_fit sgd": ("one", {**SGD, "partial": 7}),
    "partial_fit adaptive": ("two", {**ADAPTIVE, "tol": 1.0, "partial": 12}),
    "partial_fit invscaling weighted": ("labels", {**INVSCALING, "partial": 5, "weighted": True}),
    "a RandomState": ("many", {"random_state": "instance"}),
    "sparse rows": ("many", {"sparse": scipy.sparse.csr_matrix}),
    "sparse columns": ("one", {**SGD, "sparse": scipy.sparse.csc_array}),
    "sparse lbfgs": ("two", {**LBFGS, "sparse": scipy.sparse.csr_array}),
    "more than a chunk of rows": ("many", {"repeat": 12, "batch_size": 2000, "max_iter": 3}),
    "divergence": ("one", {**SGD, "learning_rate_init": 1e6, "activation": "identity", "early_stopping": True}),
}  # fmt: skip
if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 7):
    CONFIGURATIONS |= {
        "poisson": ("one", {"loss": "poisson"}),
        "poisson lbfgs weighted": ("one", {**LBFGS, "loss": "poisson", "weighted": True}),
        "poisson several": ("several", {**SGD, "loss": "poisson", "learning_rate_init": 0.01}),
    }
else:
    CONFIGURATIONS = {name: value for name, value in CONFIGURATIONS.items() if "weighted" not in value[1]}


def fitted(library, target, options):
    """Return a fitted estimator, what it printed, and what it warned of."""
    options = {"verbose": options.get("solver") != "lbfgs", **COMMON, **options}  # an old SciPy prints by itself
    weighted, partial, fits = options.pop("weighted", False), options.pop("partial", 0), options.pop("fits", 1)
    sparse, repeat = options.pop("sparse", None), options.pop("repeat", 1)
    x, y = np.tile(X, (repeat, 1)), TARGETS[target]
    y = np.abs(y) if options.get("loss") == "poisson" else y
    y = np.tile(y, (repeat, 1) if y.ndim == 2 else repeat)
    x = x if sparse is None else sparse(np.where(x > 0.5, x, 0.0))
    if options["random_state"] == "instance":
        options["random_state"] = np.random.RandomState(8)
    is_classifier = target in ("two", "text", "many", "labels")
    estimator = getattr(library, "MLPClassifier" if is_classifier else "MLPRegressor")(**options)
    more = {"sample_weight": WEIGHTS} if weighted else {}
    printed = io.StringIO()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)  # SciPy's, of what an older scikit-learn passes to it
        for call in range(partial or fits):
            if not partial:
                estimator.fit(x, y, **more)
            elif is_classifier and not call:
                estimator.partial_fit(x, y, classes=np.unique(y) if y.ndim == 1 else np.arange(3), **more)
            else:
                estimator.partial_fit(x, y, **more)
    messages = [(each.category, str(each.message)) for each in caught if each.category is not RuntimeWarning]
    return estimator, printed.getvalue(), messages, x


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_same_numbers(name):
    target, options = CONFIGURATIONS[name]
    expected, printed, warned, x = fitted(original, target, options)
    actual, own_printed, own_warned, _ = fitted(ours, target, options)
    assert actual.n_iter_ == expected.n_iter_
    assert actual.t_ == expected.t_
    assert own_warned == warned
    is_lbfgs = options.get("solver") == "lbfgs"
    tolerance = 1e-8 if is_lbfgs else 1e-12
    assert actual.loss_ == pytest.approx(expected.loss_, rel=tolerance, nan_ok=True)
    if not is_lbfgs:
        if name != "divergence":  # its numbers are too long to print alike
            assert own_printed == printed
        curve, own_curve = np.array(expected.loss_curve_), np.array(actual.loss_curve_)
        if name == "divergence":  # the epoch that ends without finite parameters is infinite there, and NaN here
            curve, own_curve = curve[np.isfinite(curve)], own_curve[np.isfinite(own_curve)]
        assert own_curve == pytest.approx(curve, rel=tolerance)
        assert actual._no_improvement_count == expected._no_improvement_count
        for attribute in ("best_loss_", "validation_scores_", "best_validation_score_"):
            value = getattr(expected, attribute)
            own = getattr(actual, attribute)
            assert own == value if value is None else own == pytest.approx(value, rel=tolerance, nan_ok=True)
    loose = {"rel": 1e-4, "abs": 1e-5} if is_lbfgs else {"rel": 1e-9, "abs": 1e-10}
    for own, array in zip(actual.coefs_ + actual.intercepts_, expected.coefs_ + expected.intercepts_, strict=True):
        assert own == pytest.approx(array, **loose)
    if hasattr(expected, "classes_"):
        assert actual.classes_.tolist() == expected.classes_.tolist()
        assert np.array_equal(actual.predict(x), expected.predict(x))
        assert actual.predict_proba(x) == pytest.approx(expected.predict_proba(x), **loose)
    else:
        assert actual.predict(x) == pytest.approx(expected.predict(x), **loose)
    y = np.tile(TARGETS[target], (x.shape[0] // 230, 1) if TARGETS[target].ndim == 2 else x.shape[0] // 230)
    assert actual.score(x, y) == pytest.approx(expected.score(x, y), rel=1e-5)
    for attribute in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(actual, attribute) == getattr(expected, attribute)
